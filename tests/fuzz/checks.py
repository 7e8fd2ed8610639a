"""What must hold for every program: a check takes a `Case` and raises `Wrong`."""

from __future__ import annotations

import pickle
import random

import numpy as np

import tapec
from tapec.debugging.tolerance import spread_of
from tapec.interpret import evaluate
from tapec.ir import Function
from tapec.passes.batch import batch
from tapec.text import format_module, parse
from tapec.verify import verify
from tests.fuzz.comparing import SKIP, Wrong, agree, compare_passes
from tests.fuzz.containers import packed, unpacked
from tests.fuzz.inputs import LAYOUTS, laid_out, plain
from tests.fuzz.slopes import check_compiled, check_gradient, check_second

__all__ = ["CHECKS"]

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


def check_passes(case):
    """Every prefix of the pipeline, then native code with 1 and 3 threads."""
    compare_passes(case.fn, case.arrays)


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
