"""Programs in higher precision, and derivatives by differences of such programs.

`Precise` runs a program in `np.longdouble`. Casts between floating dtypes do nothing:
what is differentiated is the program as a function of real numbers. Ops that only
double precision has (LAPACK, most of SciPy) are run in it, and the steps of the
differences are longer then.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from tapec.interpret import Observer, apply, evaluate, observed
from tapec.ops.control import run_scan

__all__ = ["Precise", "Slope", "difference", "precisely", "slope", "wide"]

WIDE = {"f": np.longdouble, "c": np.clongdouble}
NARROW = {"f": np.float64, "c": np.complex128}


def wide(a):
    """Floating arrays in the widest dtype there is."""
    a = np.asarray(a)
    return a.astype(WIDE[a.dtype.kind]) if a.dtype.kind in "fc" else a


class Precise(Observer):
    """coarse: some op was run in double precision. path: what was decided on the way,
    the results of comparisons, argsort and so on. held: what `stop_gradient` gave, in
    order; with those of an earlier run it gives the same again."""

    def __init__(self, earlier=None):
        self.coarse = False
        self.path = hashlib.sha256()
        self.held = []
        self._earlier = None if earlier is None else iter(earlier.held)

    def run(self, op, args):
        """The op on wide operands."""
        if op.prim.name == "item":
            return args[0][op.attr("index")]
        if op.prim.name == "stop_gradient":
            held = args[0] if self._earlier is None else next(self._earlier, args[0])
            self.held.append(held)
            return held
        out = self._run(op, args)
        for part in out if isinstance(out, tuple) else (out,):
            if part.dtype.kind in "biu" and any(a.dtype.kind in "fc" for a in args):
                self.path.update(np.ascontiguousarray(part).tobytes())
        return out

    def _run(self, op, args):
        name = op.prim.name
        if name == "cast" and args[0].dtype.kind in "fc":
            kind = op.attr("dtype").kind
            if kind == args[0].dtype.kind:
                return args[0]
            if kind == "c":
                return args[0].astype(np.clongdouble)
        if name == "scan":
            return _scan(args, dict(op.attrs))
        try:
            out = apply(op, args)
        except Exception:  # no loop for long doubles
            narrow = [
                a.astype(NARROW[a.dtype.kind]) if a.dtype.kind in "fc" else a
                for a in args
            ]
            out = apply(op, narrow)
        outs = out if isinstance(out, tuple) else (out,)
        if any(o.dtype in (np.float64, np.complex128) for o in outs) and name not in (
            "const", "cast", "from_parts", "extent",
        ):  # fmt: skip
            self.coarse = True
        return tuple(map(wide, out)) if isinstance(out, tuple) else wide(out)


def _scan(args, attrs):
    """Without arrays of the types that the body says."""
    rows = []

    def run(body, *arrays):
        results = evaluate(body, *arrays)
        rows.append(results[attrs["carries"] :])
        return results

    with np.errstate(all="ignore"):
        found = run_scan(run, args, **attrs)
    if attrs["reverse"]:
        rows.reverse()
    stacked = [np.stack(column) for column in zip(*rows, strict=True)]
    return (*found[: attrs["carries"]], *stacked)


def precisely(fn, arrays, earlier=None):
    """(results, observer) of a run in higher precision."""
    by = Precise(earlier)
    with observed(by):
        return evaluate(fn, *map(wide, arrays)), by


# --- differences --------------------------------------------------------------------


@dataclass
class Slope:
    """A derivative along a line and how far it may be off; usable: it is one."""

    value: float
    error: float
    usable: bool


def slope(fn, arrays, directions, cts):
    """d/dt of <cts, fn(arrays + t directions)> at 0.

    Not usable where a comparison, a floor or an argmax changes nearby, or where the
    function has a corner: the differences to the left and to the right do not agree.
    """
    paths = set()
    _, at = precisely(fn, arrays)

    def along(t):
        moved = [
            wide(a) + t * d if d is not None else a
            for a, d in zip(arrays, directions, strict=True)
        ]
        outs, by = precisely(fn, moved, at)
        paths.add(by.path.hexdigest())
        with np.errstate(all="ignore"):
            pairs = zip(outs, cts, strict=True)
            return sum(
                np.sum(np.real(np.conj(c) * o)) for o, c in pairs if c is not None
            )

    found = difference(along, at.coarse)
    found.usable = found.usable and len(paths) == 1
    return found


def difference(along, coarse):
    """d/dt of a number at 0; coarse: `along` computes in double precision."""
    h = 2e-4 if coarse else 2e-7
    values = {k: along(k * h) for k in (-2, -1, 0, 1, 2)}
    with np.errstate(all="ignore"):
        near = (values[1] - values[-1]) / (2 * h)
        far = (values[2] - values[-2]) / (4 * h)
        bend = abs(values[1] - 2 * values[0] + values[-1]) / h
        bend2 = abs(values[2] - 2 * values[0] + values[-2]) / (2 * h)
        value = (4 * near - far) / 3
        noise = (1e-14 if coarse else 1e-18) * abs(values[0]) / h
    scale = max(abs(float(near)), 1e-3)
    corner = bend > 1e-3 * scale and bend > 0.7 * bend2
    known = all(map(np.isfinite, [value, *values.values()]))
    usable = bool(known) and not corner
    return Slope(float(value), float(abs(near - far)) + float(noise), usable)
