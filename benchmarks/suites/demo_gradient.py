"""The demo's network: compiled, interpreted, by hand."""

from benchmarks.report import Table
from benchmarks.timing import interleaved, show
from tapec.demo import data, network
from tapec.demo.timing import contestants

ABOUT = """\
Loss and gradient of the network 64-32-10 of `python -m tapec demo`, float64: as native
code, interpreted op by op as it was recorded, and by hand in NumPy with every buffer
made beforehand. The ratios are to the compiled time."""


def run(quick):
    digits = data.split(*data.load())
    targets = network.one_hot(digits.train_labels)
    rows = []
    for count in (64, len(targets)):
        calls = contestants(
            network.initial(), digits.train_images[:count], targets[:count]
        )
        found = interleaved(calls, 0.5 if quick else 5.0)
        base = found["compiled"].median
        rows.append(
            [
                f"{count:,}",
                show(base),
                *(
                    f"{show(found[name].median)} ({found[name].median / base:.2f})"
                    for name in ("interpreted", "by hand")
                ),
            ]
        )
    columns = ["images", "compiled", "interpreted", "by hand"]
    return [Table("Gradient of the demo", ABOUT, columns, rows)]
