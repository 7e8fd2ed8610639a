"""The thread's recording: what the user's code did, as IR, not yet computed.

There is one recording per thread at a time. Tapes are intervals on it; a traced
function is a recording with parameters (`Trace`). Recording is lazy: `append` notes an
op and its place in the user's code, and numbers exist only after a `flush`, which runs
one program for everything that is still wanted.
"""

from tapec.recording.current import (
    free_lost,
    isolated,
    make_current,
    recording_in,
    state,
    threads_recording,
)
from tapec.recording.looks import Inside, Look
from tapec.recording.places import is_library, locate, warn
from tapec.recording.recording import Recording
from tapec.recording.running import Array, array_of, install_run, run_program
from tapec.recording.trace import Trace
from tapec.recording.trail import clear as clear_trails

__all__ = [
    "Array",
    "Inside",
    "Look",
    "Recording",
    "Trace",
    "array_of",
    "clear_trails",
    "free_lost",
    "install_run",
    "is_library",
    "isolated",
    "locate",
    "make_current",
    "recording_in",
    "run_program",
    "state",
    "threads_recording",
    "warn",
]
