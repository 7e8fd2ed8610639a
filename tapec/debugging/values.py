"""The values that an evaluation gives, and what is said of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tapec.interpret import Observer, apply, evaluate, observed
from tapec.ir import DTYPE_NAMES, Function, Value, is_dynamic, sizes_of, with_sizes

__all__ = ["at_sizes", "bars", "number", "range_of", "shape_of", "values_of"]

BARS = "▁▂▃▄▅▆▇█"


def at_sizes(fn: Function, arrays: Sequence[Any]) -> Function:
    """`fn` with numbers for its symbolic extents, those that these arrays have."""
    if not is_dynamic(fn):
        return fn
    return with_sizes(fn, sizes_of(fn, [np.shape(a) for a in arrays]))


def values_of(fn: Function, arrays: Sequence[Any]) -> dict[int, Any]:
    """By uid, the value of every parameter and op of `fn` through the interpreter."""
    keeper = _Keeper()
    with observed(keeper):
        evaluate(fn, *arrays)
    return keeper.values


class _Keeper(Observer):
    def __init__(self) -> None:
        self.values: dict[int, Any] = {}
        self._depth = 0

    def enter(self, fn: Function, arrays: tuple[Any, ...]) -> None:
        self._depth += 1
        if self._depth == 1:
            self.values.update(zip([p.uid for p in fn.params], arrays, strict=True))

    def run(self, op: Value, args: list[Any]) -> Any:
        out = apply(op, args)
        if self._depth == 1 and not op.prim.effect:
            self.values[op.uid] = out
        return out

    def leave(self, fn: Function) -> None:
        self._depth -= 1


# --- as text --------------------------------------------------------------------


def shape_of(x: Any) -> str:
    """Dtype and shape, as types are written: `f64[3]`."""
    a = np.asarray(x)
    return f"{DTYPE_NAMES.get(a.dtype, a.dtype)}[{','.join(map(str, a.shape))}]"


def range_of(x: Any) -> str:
    """`min 0  max 2.5  mean 1  nan 2  inf 1`, of a number the number itself."""
    if isinstance(x, tuple):
        return "; ".join(range_of(part) for part in x)
    a = np.asarray(x)
    if a.size == 0:
        return "empty"
    if a.size == 1:
        return number(a.reshape(())[()])
    if a.dtype.kind == "b":
        return f"true {np.count_nonzero(a)} of {a.size}"
    parts = []
    size = np.abs(a) if a.dtype.kind == "c" else a
    known = size[~np.isnan(size)] if size.dtype.kind == "f" else size
    if known.size:
        name = "abs " if a.dtype.kind == "c" else ""
        parts += [f"{name}min {number(known.min())}", f"max {number(known.max())}"]
        finite = known[np.isfinite(known)]
        if finite.size:
            parts.append(f"mean {number(finite.mean(dtype=np.float64))}")
    if size.dtype.kind == "f":
        counts = {"nan": np.isnan(size).sum(), "inf": np.isinf(size).sum()}
        parts += [f"{kind} {count}" for kind, count in counts.items() if count]
    return "  ".join(parts)


def number(x: Any) -> str:
    """A number in a few digits."""
    kind = np.asarray(x).dtype.kind
    return f"{x:.4g}" if kind in "fc" else str(x)


def bars(x: Any, width: int = 12) -> str:
    """How the finite elements are spread between the least and the greatest."""
    a = np.asarray(x)
    if a.dtype.kind not in "fiu" or a.size < 2:
        return ""
    finite = a[np.isfinite(a)].astype(np.float64)
    if finite.size == 0:
        return ""
    with np.errstate(over="ignore"):
        least, reach = finite.min(), np.ptp(finite)
    if not np.finfo(np.float64).tiny * width <= reach <= np.finfo(np.float64).max:
        return ""  # too narrow, or too wide, to be divided
    counts = np.bincount(
        np.minimum((finite - least) / reach * width, width - 1).astype(int)
    )
    heights = np.ceil(counts / counts.max() * (len(BARS) - 1)).astype(int)
    return "".join(BARS[h] for h in heights)
