"""Every primitive on batches, generated from the records: as in a Python loop.

For each sample of each record, and each choice of operands that vary, the pass `batch`
is run on the one op, and so are the derivatives of what it gives.
"""

import itertools

import numpy as np
import pytest

import tapec  # noqa: F401  (fills the table)
from tapec.errors import TraceError
from tapec.interpret import evaluate
from tapec.ir import ArrayType, Emitter, Function, TupleType, Value
from tapec.ops.const import item
from tapec.passes.batch import batch
from tapec.passes.vjp import vjp
from tapec.primitive import PRIMITIVES
from tapec.text import parse
from tapec.verify import verify
from tests.ops.test_records import active

SIZE = 3
LOOPED = {"flatnonzero", "fused", "tile"}
"""Those that are applied to one element after the other, for some operands at least.

`fused` and `tile` are made by passes that come after this one.
"""


def samples():
    for name, prim in sorted(PRIMITIVES.items()):
        for number, sample in enumerate(prim.samples(np.random.default_rng(7))):
            args = [np.asarray(a) for a in sample.args]
            if prim.promote is not None:
                dtypes = prim.promote(tuple(a.dtype for a in args))
                args = [a.astype(d) for a, d in zip(args, dtypes, strict=True)]
            if args:
                yield pytest.param(prim, args, sample.attrs, id=f"{name}-{number}")


def program(prim, args, attrs):
    """A function that is this one op."""
    params = [
        Value(None, (), (), ArrayType(a.dtype, a.shape), i) for i, a in enumerate(args)
    ]
    emit = Emitter(len(params))
    op = emit.new(prim, *params, **attrs)
    results = [op]
    if isinstance(op.type, TupleType):
        results = [emit.new(item, op, index=i) for i in range(len(op.type.items))]
    return Function(prim.name, params, emit.ops, results)


def choices(n):
    """Which operands vary: every choice of a few, else one or all of them."""
    some = range(1, n + 1) if n <= 3 else (1, n)
    for k in some:
        yield from itertools.combinations(range(n), k)


def variations(a):
    """Elements of a batch: other numbers of the kind that `a` has."""
    if a.dtype.kind in "fc":
        return np.stack([a * a.dtype.type(1 - 0.05 * i) for i in range(SIZE)])
    return np.stack([np.roll(a.ravel(), i).reshape(a.shape) for i in range(SIZE)])


def loop(fn, args, which):
    """The results for one element after the other, stacked."""
    rows = [
        evaluate(fn, *[a[i] if k in which else a for k, a in enumerate(args)])
        for i in range(SIZE)
    ]
    return [np.stack(parts) for parts in zip(*rows, strict=True)]


def close(found, wanted):
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    if wanted.dtype.kind not in "fc":
        np.testing.assert_array_equal(found, wanted)
        return
    eps = np.finfo(wanted.dtype).eps
    finite = np.abs(wanted[np.isfinite(wanted)])
    scale = float(np.max(finite, initial=0.0))
    np.testing.assert_allclose(found, wanted, rtol=64 * eps, atol=64 * eps * scale)


@pytest.mark.parametrize(("prim", "args", "attrs"), list(samples()))
def test_batch_agrees_with_loop(prim, args, attrs):
    fn = program(prim, args, attrs)
    for which in choices(len(args)):
        batched = batch(fn, SIZE, which)
        verify(batched)
        many = [variations(a) if k in which else a for k, a in enumerate(args)]
        with np.errstate(all="ignore"):
            pairs = zip(evaluate(batched, *many), loop(fn, many, which), strict=True)
            for found, wanted in pairs:
                close(found, wanted)
        if prim.name not in LOOPED:
            assert not any("looped" in op.meta.scope for op in batched.ops)


@pytest.mark.parametrize(("prim", "args", "attrs"), list(samples()))
def test_empty_batch(prim, args, attrs):
    fn = program(prim, args, attrs)
    batched = batch(fn, 0)
    found = evaluate(batched, *[np.empty((0, *a.shape), a.dtype) for a in args])
    for out, r in zip(found, fn.results, strict=True):
        assert (out.dtype, out.shape) == (r.dtype, (0, *r.shape))


@pytest.mark.parametrize(("prim", "args", "attrs"), list(samples()))
def test_batch_of_gradient_agrees_with_loop(prim, args, attrs):
    whole = program(prim, args, attrs)
    fn = whole.with_(results=[r for r in whole.results if r.dtype.kind in "fc"])
    if not fn.results or prim.vjp is None:
        return
    backward = vjp(fn, active(prim, fn.params))
    rng = np.random.default_rng(3)
    cts = [rng.uniform(0.5, 1.0, p.shape).astype(p.dtype) for p in backward.params]
    given = [*args, *cts[len(args) :]]
    for which in (tuple(range(len(given))), tuple(range(len(args), len(given)))):
        many = [variations(a) if k in which else a for k, a in enumerate(given)]
        with np.errstate(all="ignore"):
            found = evaluate(batch(backward, SIZE, which), *many)
            for a, b in zip(found, loop(backward, many, which), strict=True):
                close(a, b)


# --- effects ----------------------------------------------------------------------


def effect(line, type_="f64[2]"):
    text = f"func @f(%x: {type_}) {{\n  {line}\n  return %x\n}}"
    return parse(text)


def test_print_shows_the_batch_once(capsys):
    fn = batch(effect('print %x text="x = {}"'), SIZE)
    evaluate(fn, np.zeros((SIZE, 2)))
    assert capsys.readouterr().out == f"x = {np.zeros((SIZE, 2))}\n"


def test_assert_holds_for_all_elements():
    fn = batch(effect('assert %x message="no"', "bool[2]"), SIZE)
    good = np.ones((SIZE, 2), bool)
    evaluate(fn, good)
    good[2, 1] = False
    with pytest.raises(AssertionError, match="no"):
        evaluate(fn, good)


def test_check_is_for_what_all_elements_share():
    fn = effect("check %x expected=True", "bool[]")
    assert [op.prim.name for op in batch(fn, SIZE, []).effects] == ["check"]
    with pytest.raises(TraceError, match="differs between the elements of a batch"):
        batch(fn, SIZE)


def test_assign_is_refused():
    with pytest.raises(TraceError, match="cannot each assign one variable"):
        batch(effect("assign %x variable=0"), SIZE)
