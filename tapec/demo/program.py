"""`python -m tapec demo`: read handwritten digits with a network and its gradient."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np

from tapec.demo import data, network, timing, training
from tapec.demo.network import Weights, loss_and_gradient
from tapec.demo.terminal import Progress, Screen, seconds
from tapec.demo.threads import one_thread

__all__ = ["Effort", "Result", "run"]


class Effort(NamedTuple):
    """How much the demo does. `budget`: seconds for each row of measurements."""

    iterations: int = 100
    epochs: int = 30
    budget: float = 1.0


FULL = Effort()


class Result(NamedTuple):
    """What came out: held-out accuracies, measured times, the picture."""

    by_scipy: float
    by_tape: float
    first_call: float
    timings: list[timing.Timing]
    picture: Path


def run(
    out: Path | str = ".", effort: Effort = FULL, stream: TextIO | None = None
) -> Result:
    """Do all of it, tell about it on `stream`, and write `digits.svg` into `out`."""
    Path(out).mkdir(parents=True, exist_ok=True)
    with one_thread():
        return _run(Screen(stream), Path(out), effort)


def _run(screen: Screen, out: Path, effort: Effort) -> Result:
    digits = data.split(*data.load())
    _introduce(screen, digits)
    first = _first_call(screen, digits)
    found = []
    for title, train, amount, unit in (
        ("Training with SciPy", training.by_scipy, effort.iterations, "iteration"),
        ("Training with a tape", training.by_tape, effort.epochs, "epoch"),
    ):
        screen.heading(title)
        screen.line(screen.dim(ABOUT[title]))
        found.append(_train(screen, digits, train, amount, unit))
    _mistakes(screen, digits, found[1][1])
    timings = _measure(screen, digits, effort.budget)
    picture = _show(screen, digits, out)
    return Result(found[0][0], found[1][0], first, timings, picture)


ABOUT = {
    "Training with SciPy": "minimize(loss, w, jac=True, method='L-BFGS-B'), "
    "all images at once",
    "Training with a tape": f"GradientTape, {training.BATCH} images at a time, "
    "Variable.assign_sub",
}


def _introduce(screen: Screen, digits: data.Split) -> None:
    screen.line()
    screen.line(screen.bold("tapec reads handwritten digits"))
    count, held_out = len(digits.train_labels), len(digits.test_labels)
    weights = sum(np.size(part) for part in network.initial())
    screen.lines(
        [
            f"{count + held_out:,} images of 8 × 8 pixels by 13 people: {count:,} to "
            f"learn from, {held_out} held out",
            screen.dim(
                "UCI Optical Recognition of Handwritten Digits, Alpaydin and Kaynak, "
                "CC BY 4.0"
            ),
            "",
        ]
    )
    few = [3, 7, 12, 5]
    screen.pictures(
        [digits.train_images[i] for i in few],
        [str(digits.train_labels[i]) for i in few],
    )
    screen.lines(
        [
            "",
            f"The network: {network.PIXELS} pixels → {network.HIDDEN} tanh → "
            f"{network.DIGITS} scores, {weights:,} weights in float64, plain NumPy.",
        ]
    )


def _arguments(digits: data.Split, count: int | None = None) -> tuple[Any, ...]:
    targets = network.one_hot(digits.train_labels)
    return network.initial(), digits.train_images[:count], targets[:count]


def _first_call(screen: Screen, digits: data.Split) -> float:
    """Trace, differentiate and compile, by calling."""
    screen.heading("The gradient")
    args = _arguments(digits)
    start = time.perf_counter()
    loss_and_gradient(*args)
    first = time.perf_counter() - start
    loss_and_gradient(*args)  # from now on it is entered without Python
    start = time.perf_counter()
    loss_and_gradient(*args)
    later = time.perf_counter() - start
    screen.line(f"first call    {seconds(first):>8}   trace, derive, optimize, compile")
    screen.line(f"later calls   {seconds(later):>8}   native code")
    return first


def _train(
    screen: Screen,
    digits: data.Split,
    train: Callable[..., Weights],
    amount: int,
    unit: str,
) -> tuple[float, Weights]:
    start = time.perf_counter()
    with Progress(screen, amount, unit) as progress:
        w = train(digits, amount, progress.update)
    took = time.perf_counter() - start
    right = network.accuracy(w, digits.test_images, digits.test_labels)
    screen.line(
        f"{screen.bold(f'{right:.1%}')} of the held-out images read correctly, "
        f"after {seconds(took)}"
    )
    return right, w


def _mistakes(screen: Screen, digits: data.Split, w: Weights) -> None:
    """A few held-out images that were taken for another digit."""
    guesses = np.argmax(network.logits(w, digits.test_images), axis=1)
    wrong = np.flatnonzero(guesses != digits.test_labels)[:4]
    if not len(wrong):
        return
    screen.heading("What it got wrong")
    screen.pictures(
        [digits.test_images[i] for i in wrong],
        [f"{digits.test_labels[i]}, taken for {guesses[i]}" for i in wrong],
    )


def _measure(screen: Screen, digits: data.Split, budget: float) -> list[timing.Timing]:
    screen.heading("One loss and gradient, three ways")
    rows = [("images", "compiled", "interpreted", "", "by hand in NumPy", "")]
    found = []
    for count in (training.BATCH, len(digits.train_labels)):
        w, images, targets = _arguments(digits, count)
        t = timing.compare(w, images, targets, budget)
        found.append(t)
        rows.append(
            (
                f"{count:,}",
                seconds(t.compiled),
                seconds(t.interpreted),
                f"{t.interpreted / t.compiled:.1f} ×",
                seconds(t.by_hand),
                f"{t.by_hand / t.compiled:.2f} ×",
            )
        )
    screen.table(rows)
    screen.line(
        screen.dim(
            "medians of interleaved rounds on one thread; "
            "× is that time over the compiled one"
        )
    )
    return found


def _show(screen: Screen, digits: data.Split, out: Path) -> Path:
    """The optimized IR, and the picture."""
    inspection = loss_and_gradient.inspect(*_arguments(digits, training.BATCH))
    stages = inspection.stages
    recorded, optimized = stages["recorded"], stages["optimized"]
    backward = sum(op.meta.primal is not None for op in recorded.ops)
    screen.heading("What was compiled")
    screen.line(
        f"{len(recorded.ops)} ops recorded, {backward} of them the gradient; "
        f"{len(optimized.ops)} after optimization:"
    )
    *kernels, main = inspection.text("optimized").split("\n\n")
    screen.lines(["", *main.splitlines()])
    if kernels:
        largest = max(kernels, key=lambda text: text.count("\n"))
        screen.line()
        screen.line(f"and the largest of its {len(kernels)} kernels, each one loop:")
        screen.lines(["", *largest.splitlines()])
    picture = out / "digits.svg"
    inspection.svg(picture, "optimized")
    screen.heading(f"{picture} shows the forward and the backward graph.")
    screen.line()
    return picture
