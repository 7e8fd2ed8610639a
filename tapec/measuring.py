"""What the numbers of each value are like, through the interpreter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tapec.debugging.values import at_sizes, bars
from tapec.interpret import Observer, apply, evaluate, observed
from tapec.ir import Function, Value

if TYPE_CHECKING:
    from tapec.inspect import Stage

__all__ = ["NAMES", "measured", "measures"]

NAMES = ("min", "max", "mean", "magnitude", "nan", "inf", "spread")
"""The columns: of the finite numbers, then two counts, then a small histogram."""

Column = dict[str, dict[int, Any]]


def measured(stages: Iterable[Stage], inputs: Sequence[Any]) -> dict[str, Column]:
    """Name of a column -> stage -> uid -> number.

    A stage is run if it has values that no earlier one has; kernels are not looked
    into, so their values keep what is known of them from the stages before.
    """
    found: dict[str, Column] = {name: {} for name in NAMES}
    known: set[int] = set()
    for stage in stages:
        values = {v.uid for v in (*stage.function.params, *stage.function.ops)}
        if stage.placed:
            break
        if values <= known:
            continue
        known |= values
        for uid, numbers in _run(stage.function, inputs).items():
            for name, number in numbers.items():
                found[name].setdefault(stage.name, {})[uid] = number
    return found


def _run(fn: Function, inputs: Sequence[Any]) -> dict[int, dict[str, Any]]:
    watcher = _Watcher()
    with observed(watcher):
        evaluate(at_sizes(fn, inputs), *inputs)
    return watcher.found


class _Watcher(Observer):
    """Measures every value of the outermost function; effects do not happen."""

    def __init__(self) -> None:
        self.found: dict[int, dict[str, Any]] = {}
        self._depth = 0

    def enter(self, fn: Function, arrays: tuple[Any, ...]) -> None:
        self._depth += 1
        if self._depth == 1:
            for param, array in zip(fn.params, arrays, strict=True):
                self.found[param.uid] = measures(array)

    def run(self, op: Value, args: list[Any]) -> Any:
        if op.prim.effect:
            return None
        out = apply(op, args)
        if self._depth == 1 and not isinstance(out, tuple):
            self.found[op.uid] = measures(out)
        return out

    def leave(self, fn: Function) -> None:
        self._depth -= 1


def measures(array: Any) -> dict[str, Any]:
    """The columns of one array; of complex numbers their magnitudes."""
    a = np.asarray(array)
    if a.dtype.kind not in "bfiuc":
        return {}
    numbers = np.abs(a) if a.dtype.kind == "c" else a.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    found: dict[str, Any] = {
        "nan": int(np.count_nonzero(np.isnan(numbers))),
        "inf": int(np.count_nonzero(np.isinf(numbers))),
    }
    if finite.size:
        found["min"], found["max"] = float(finite.min()), float(finite.max())
        found["mean"] = float(finite.mean())
        found["magnitude"] = float(np.abs(finite).max())
        if spread := bars(a):
            found["spread"] = spread
    return found
