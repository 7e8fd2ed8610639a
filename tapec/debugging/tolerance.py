"""How much two evaluations of the same ops may differ by rounding alone.

The ops are run again, every floating result moved by a random bit or so. What that does
to a value is its sensitivity: sums that cancel and sines of large numbers move much, a
product hardly. Two results agree if they are closer than a few times that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tapec.interpret import Observer, apply, evaluate, observed
from tapec.ir import Function, Value

__all__ = ["apart", "moved", "spread_of"]

RUNS = 3
FACTOR = 32.0
"""Times the sensitivity seen in so many runs, and units in the last place besides."""

Array = np.ndarray[Any, Any]


class _Shaken(Observer):
    """Moves the floating results of all ops by about one unit in the last place."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def run(self, op: Value, args: list[Any]) -> Any:
        return moved(apply(op, args), self.rng)


def moved(x: Any, rng: np.random.Generator) -> Any:
    """`x` with every floating element moved a little."""
    if isinstance(x, tuple):
        return tuple(moved(part, rng) for part in x)
    a = np.asarray(x)
    if a.dtype.kind not in "fc":
        return a
    signs = rng.choice([-1.0, 1.0], a.shape)
    with np.errstate(all="ignore"):
        return (a * (1 + np.finfo(a.dtype).eps * signs)).astype(a.dtype)


def spread_of(
    fn: Function | Callable[..., Any], arrays: Sequence[Any], wanted: Sequence[Any]
) -> list[list[Array]]:
    """What a few shaken runs give in the place of each result that is `wanted`.

    fn: a function of the IR, or one of Python that is given the list of arrays.
    """
    found: list[list[Array]] = [[] for _ in wanted]
    for seed in range(RUNS):
        rng = np.random.default_rng(seed + 100)
        given = [moved(a, rng) for a in arrays]
        try:
            with observed(_Shaken(seed)):
                if isinstance(fn, Function):
                    outs: Sequence[Any] = evaluate(fn, *given)
                else:
                    outs = fn(given)
        except Exception:  # a check or an assertion hangs on the last bit
            continue
        for row, out in zip(found, outs, strict=True):
            row.append(np.asarray(out))
    return found


def apart(a: Any, b: Any, shaken: Sequence[Array]) -> Array:
    """The elements of `b` that differ from those of `a` by more than rounding."""
    a, b = np.asarray(a), np.asarray(b)
    with np.errstate(all="ignore"):
        if a.dtype.kind not in "fc":
            same = a == b
            for other in shaken:
                same |= other != a
            return np.asarray(~same)
        room = np.abs(a) * np.finfo(a.dtype).eps
        loose = np.zeros(a.shape, bool)
        for other in shaken:
            room = np.fmax(room, np.abs(other - a))
            loose |= np.isfinite(other) != np.isfinite(a)
        close = np.abs(a - b) <= FACTOR * room + np.finfo(a.dtype).tiny
        same = (a == b) | (np.isnan(a) & np.isnan(b)) | close
        return np.asarray(~(same | loose))
