"""Derivatives of grown programs: their mathematics, and what becomes of them."""

from __future__ import annotations

import numpy as np

from tapec.errors import UnsupportedError
from tapec.interpret import evaluate
from tapec.passes.jvp import jvp
from tapec.passes.vjp import vjp
from tapec.verify import verify
from tests.fuzz.bodies import used
from tests.fuzz.comparing import SKIP, Wrong, compare_passes
from tests.fuzz.precise import precisely, slope

__all__ = ["check_compiled", "check_gradient", "check_second"]

LARGE = 1e4
"""Arguments above it are not moved."""
LONG = 600
"""Ops of a gradient, above which it is not differentiated again."""


def _draw(rng, a):
    x = rng.uniform(-1.0, 1.0, a.shape)
    return x + 1j * rng.uniform(-1.0, 1.0, a.shape) if a.dtype.kind == "c" else x


def _steps(rng, a):
    """A direction; 0 where a number is so large that a step would not change it."""
    with np.errstate(all="ignore"):
        return np.where(np.abs(a) < LARGE, _draw(rng, a), 0)


def inner(xs, ys):
    """<xs, ys>, and the sum of the absolute terms."""
    total = size = 0.0
    with np.errstate(all="ignore"):
        for x, y in zip(xs, ys, strict=True):
            terms = np.where((x == 0) | (y == 0), 0, np.real(np.conj(x) * y))
            total, size = total + np.sum(terms), size + np.sum(np.abs(terms))
    return float(total), float(size)


def check_gradient(case, fn=None, arrays=None, order=1):
    """vjp and jvp in higher precision against differences."""
    fn, arrays = fn or case.fn, arrays or case.arrays
    made = _derivatives(case, fn, arrays)
    if made is None:
        return SKIP
    wrt, given, backward, forward = made
    rng = np.random.default_rng(case.seed + order)
    along = [_steps(rng, a) if i in wrt else None for i, a in enumerate(arrays)]
    steps, rest = [along[i] for i in wrt], iter(given)
    cts = [next(rest) if r.dtype.kind in "fc" else None for r in fn.results]
    numeric = slope(fn, arrays, along, cts)
    n = len(cts)
    grads, _ = precisely(backward, [*arrays, *given])
    tangents, _ = precisely(forward, [*arrays, *steps])
    analytic, size = inner(grads[n:], steps)
    found, size2 = inner(given, tangents[n:])
    if not np.isfinite(analytic) and "where" not in set(used(fn)):
        return SKIP  # 0 * inf at a singular point; `where` must keep it out
    if numeric.usable:
        room = 1e-6 * size + 20 * numeric.error
        close(f"vjp, order {order}, and differences", analytic, numeric.value, room)
    if np.isfinite(analytic) and np.isfinite(found):
        close("jvp and vjp", found, analytic, 1e-9 * (size + size2))
    return None if numeric.usable else SKIP


def _derivatives(case, fn, arrays):
    """(sources, cotangents, vjp, jvp); None where nothing is to be differentiated."""
    if "eig" in set(used(fn)):  # the phase of an eigenvector is nobody's
        return None
    wrt = [i for i, a in enumerate(arrays) if a.dtype.kind in "fc"]
    outs = evaluate(fn, *arrays)
    rng = np.random.default_rng(case.seed)
    given = [np.asarray(_draw(rng, o)) for o in outs if o.dtype.kind in "fc"]
    if not wrt or not given:
        return None
    try:
        backward, forward = vjp(fn, wrt=wrt), jvp(fn, wrt=wrt)
    except UnsupportedError:  # nobody knows a derivative of some op
        return None
    verify(backward, after="vjp")
    verify(forward, after="jvp")
    return wrt, given, backward, forward


def check_second(case):
    """The same for the gradient."""
    made = _derivatives(case, case.fn, case.arrays)
    if made is None:
        return SKIP
    _, given, backward, _ = made
    gradient = backward.with_(results=backward.results[len(case.fn.results) :])
    if len(gradient.ops) > LONG:
        return SKIP
    given = [np.asarray(a, p.dtype) for a, p in _last(backward.params, given)]
    return check_gradient(case, gradient, [*case.arrays, *given], 2)


def _last(params, arrays):
    return zip(arrays, params[len(params) - len(arrays) :], strict=True)


def check_compiled(case):
    """vjp and jvp as programs: every pass, native code."""
    made = _derivatives(case, case.fn, case.arrays)
    if made is None:
        return SKIP
    wrt, given, backward, forward = made
    rng = np.random.default_rng(case.seed)
    steps = [_draw(rng, case.arrays[i]) for i in wrt]
    for fn, more in ((backward, given), (forward, steps)):
        more = [np.asarray(a, p.dtype) for a, p in _last(fn.params, more)]
        compare_passes(fn, [*case.arrays, *more])
    return None


def close(what, found, wanted, room):
    """Two numbers that differ by no more than `room`, nor by 1e-7 of themselves."""
    room = room + 1e-7 * abs(wanted) + 1e-12
    if not abs(found - wanted) <= room:
        raise Wrong(f"{what}: {found!r} and {wanted!r}, more than {room:.1e} apart")
