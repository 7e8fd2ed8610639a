"""The benchmarks: each module has `run(quick) -> list[Table]`, entered in `SUITES`."""

from benchmarks.suites import (
    demo_gradient,
    peers,
    products,
    recording,
    second_tape,
    tape_length,
    threads,
)

SUITES = {
    "peers": peers.run,
    "recording": recording.run,
    "tape100k": tape_length.run,
    "second_tape": second_tape.run,
    "demo_gradient": demo_gradient.run,
    "threads": threads.run,
    "products": products.run,
}
