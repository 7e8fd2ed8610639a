"""What must hold for every program. Each check raises `Wrong`, or returns a count.

A check takes a `Case` and raises `Wrong` with the reason. `SKIP` is what it returns for
a point that says nothing: a corner, or numbers that rounding decides.
"""

from __future__ import annotations

import pickle
import random

import numpy as np

import tapec
from tapec.debugging.tolerance import apart, spread_of
from tapec.errors import UnsupportedError
from tapec.interpret import evaluate
from tapec.ir import Function
from tapec.native.program import compile
from tapec.passes import pipeline
from tapec.passes.batch import batch
from tapec.passes.jvp import jvp
from tapec.passes.vjp import vjp
from tapec.text import format_module, parse
from tapec.verify import verify
from tests.fuzz.bodies import used
from tests.fuzz.inputs import plain
from tests.fuzz.precise import precisely, slope

__all__ = ["CHECKS", "SKIP", "Wrong", "agree"]

SKIP = "skipped"
LONG = 600
"""Ops of a gradient, above which it is not differentiated again."""


class Wrong(AssertionError):
    """Two ways to compute the same do not agree."""


def agree(what, found, wanted, shaken):
    """Same dtype, shape and numbers, but for rounding."""
    if len(found) != len(wanted):
        raise Wrong(f"{what}: {len(found)} results for {len(wanted)}")
    for i, (a, b, rows) in enumerate(zip(found, wanted, shaken, strict=True)):
        a, b = np.asarray(a), np.asarray(b)
        if (a.dtype, a.shape) != (b.dtype, b.shape):
            kinds = f"{a.dtype}{a.shape} for {b.dtype}{b.shape}"
            raise Wrong(f"{what}: result {i} is {kinds}")
        bad = apart(b, a, rows)
        if np.any(bad):
            place = tuple(int(k[0]) for k in np.nonzero(bad))
            text = f"{a[place]!r} for {b[place]!r}, at {place} and {bad.sum()} in all"
            raise Wrong(f"{what}: result {i} has {text}")


def same_bits(what, found, wanted):
    """Nothing but the same bytes will do."""
    for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
        if np.asarray(a).tobytes() != np.asarray(b).tobytes():
            raise Wrong(f"{what}: result {i} has other bits")


# --- the program itself -------------------------------------------------------------


def check_text(case):
    """It verifies; its text parses to the same; so does its pickle."""
    verify(case.fn)
    text = format_module(case.fn)
    again = parse(text)
    if format_module(again) != text:
        raise Wrong("text: printed, parsed and printed is another text")
    if again != case.fn:
        raise Wrong("text: printed and parsed is another function")
    if format_module(pickle.loads(pickle.dumps(case.fn))) != text:
        raise Wrong("pickle: another function")


def stages_of(fn):
    """Every prefix of the pipeline, as (last pass, function)."""
    found = []
    pipeline.run(fn, observe=lambda name, _, after: found.append((name, after)))
    return found


def check_passes(case, fn=None, arrays=None):
    """Every prefix of the pipeline gives the same numbers; then native code."""
    fn, arrays = fn or case.fn, arrays or case.arrays
    wanted = evaluate(fn, *arrays)
    shaken = spread_of(fn, arrays, wanted)
    before, last = fn, fn
    for name, after in stages_of(fn):
        if after is not before:
            verify(after, after=name)
            agree(name, evaluate(after, *arrays), wanted, shaken)
        before = last = after
    program, found = compile(last), {}
    for threads in (1, 3):
        tapec.config.threads = threads
        found[threads] = program(*arrays)
        agree(f"native, {threads} threads", found[threads], wanted, shaken)
    if not any(step.kind == "library" for step in program.steps):
        same_bits("threads", found[3], found[1])


def check_batch(case):
    """`batch` gives what a loop over the elements gives."""
    rng = np.random.default_rng(case.seed)
    many = [np.stack([a, *(_moved(a, rng) for _ in range(2))]) for a in case.arrays]
    which = [i for i in range(len(many)) if i % 2 == case.seed % 2 or len(many) == 1]
    after = batch(case.fn, 3, params=which)
    verify(after, after="batch")
    rows = [
        [m[k] if i in which else m[0] for i, m in enumerate(many)] for k in range(3)
    ]
    given = [m if i in which else m[0] for i, m in enumerate(many)]
    try:
        results = [evaluate(case.fn, *row) for row in rows]
    except (ValueError, ArithmeticError, np.linalg.LinAlgError):
        return SKIP
    shaken = [spread_of(case.fn, row, r) for row, r in zip(rows, results, strict=True)]
    found = evaluate(after, *given)
    for k in range(3):
        agree(f"batch, element {k}", [f[k] for f in found], results[k], shaken[k])
    return None


def _moved(a, rng):
    if a.dtype.kind not in "fc":
        return rng.permuted(a) if a.ndim else a
    with np.errstate(all="ignore"):
        return (a * rng.uniform(0.8, 1.1, a.shape)).astype(a.dtype)


# --- derivatives --------------------------------------------------------------------


def _draw(rng, a):
    x = rng.uniform(-1.0, 1.0, a.shape)
    return x + 1j * rng.uniform(-1.0, 1.0, a.shape) if a.dtype.kind == "c" else x


def inner(xs, ys):
    """<xs, ys>, and the sum of the absolute terms."""
    total = size = 0.0
    with np.errstate(all="ignore"):
        for x, y in zip(xs, ys, strict=True):
            terms = np.real(np.conj(x) * y)
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
    along = [_draw(rng, a) if i in wrt else None for i, a in enumerate(arrays)]
    steps, rest = [along[i] for i in wrt], iter(given)
    cts = [next(rest) if r.dtype.kind in "fc" else None for r in fn.results]
    numeric = slope(fn, arrays, along, cts)
    n = len(cts)
    grads, _ = precisely(backward, [*arrays, *given])
    tangents, _ = precisely(forward, [*arrays, *steps])
    analytic, size = inner(grads[n:], steps)
    found, size2 = inner(given, tangents[n:])
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
        check_passes(case, fn, [*case.arrays, *more])
    return None


def close(what, found, wanted, room):
    """Two numbers that differ by no more than `room`, nor by 1e-7 of themselves."""
    room = room + 1e-7 * abs(wanted) + 1e-12
    if not abs(found - wanted) <= room:
        raise Wrong(f"{what}: {found!r} and {wanted!r}, more than {room:.1e} apart")


# --- the way of a user --------------------------------------------------------------


def replay(fn: Function):
    """A Python function that applies the ops of `fn` to its arguments."""

    def f(*args):
        env = dict(zip(fn.params, args, strict=True))
        for op in fn.ops:
            if op.prim.name == "const":
                env[op] = op.attr("value").array
            elif op.prim.name == "item":
                env[op] = env[op.args[0]][op.attr("index")]
            else:
                env[op] = op.prim(*[env[a] for a in op.args], **dict(op.attrs))
        return [env[r] for r in fn.results]

    return f


def check_calls(case):
    """`jit` of the same in Python: containers, odd layouts, several calls."""
    from tests.fuzz.containers import packed, unpacked
    from tests.fuzz.inputs import LAYOUTS, laid_out

    r = random.Random(case.seed)
    plan = packed(r, len(case.arrays))
    outer = packed(r, len(case.fn.results))
    f = replay(case.fn)

    def g(tree):
        return outer.build(f(*plan.leaves(tree)))

    compiled = tapec.jit(g)
    for _ in range(3):
        rows = [laid_out(a, r.choice(sorted(LAYOUTS))) for a in case.arrays]
        given = [plain(a) for a in rows]
        try:
            wanted = evaluate(case.fn, *given)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError):
            continue
        found = [
            np.asarray(leaf) for leaf in unpacked(outer, compiled(plan.build(rows)))
        ]
        agree("jit", found, wanted, spread_of(case.fn, given, wanted))


CHECKS = {
    "text": check_text,
    "passes": check_passes,
    "batch": check_batch,
    "gradient": check_gradient,
    "second": check_second,
    "compiled": check_compiled,
    "calls": check_calls,
}
