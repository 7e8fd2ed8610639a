"""What every record promises, generated from the table of primitives.

Type rule: agrees with what the reference returns. vjp: agrees with central
differences along a random direction, and so does the vjp of the vjp. Inputs are the
samples of the records, which include empty, 0-d and broadcast ones.
"""

import numpy as np
import pytest

import tapec  # noqa: F401  (fills the table)
from tapec.interpret import apply, evaluate
from tapec.ir import ArrayType, Emitter, Function, TupleType, Value
from tapec.passes.vjp import vjp
from tapec.primitive import PRIMITIVES, Sample

# Seventh-order central difference: f'(0) = sum of w[k] * (f(kh) - f(-kh)) / h.
WEIGHTS = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
STEP = 2e-3


def cases():
    for name, prim in sorted(PRIMITIVES.items()):
        for number, sample in enumerate(prim.samples(np.random.default_rng(7))):
            yield pytest.param(prim, sample, id=f"{name}-{number}")


def differentiable_cases():
    for case in cases():
        prim, sample = case.values
        if prim.vjp is not None and active(prim, program(prim, sample).params):
            yield case


def promoted(prim, sample):
    """The operands as recording would cast them."""
    args = [np.asarray(a) for a in sample.args]
    if prim.promote is not None:
        dtypes = prim.promote(tuple(a.dtype for a in args))
        args = [a.astype(d) for a, d in zip(args, dtypes, strict=True)]
    return args


def type_of(array):
    if isinstance(array, tuple):
        return TupleType(tuple(type_of(a) for a in array))
    return ArrayType(array.dtype, array.shape)


def program(prim, sample):
    """A function that is this one op; of its results those that are floating."""
    args = promoted(prim, sample)
    params = [Value(None, (), (), type_of(a), i) for i, a in enumerate(args)]
    emit = Emitter(len(params))
    op = emit.new(prim, *params, **sample.attrs)
    results = [op]
    if isinstance(op.type, TupleType):
        item = PRIMITIVES["item"]
        results = [emit.new(item, op, index=i) for i in range(len(op.type.items))]
    results = [r for r in results if r.dtype.kind in "fc"]
    return Function(prim.name, params, emit.ops, results)


def active(prim, params):
    """Numbers of the floating operands with a derivative."""
    return [
        i
        for i, p in enumerate(params)
        if p.dtype.kind in "fc" and (callable(prim.vjp) or is_known(prim.vjp[i]))
    ]


def is_known(rule):
    return rule is not None and not hasattr(rule, "unknown")


DIFFERENTIABLE = list(differentiable_cases())


def noise(rng, like):
    x = rng.uniform(-1.0, 1.0, like.shape)
    if like.dtype.kind == "c":
        x = x + 1j * rng.uniform(-1.0, 1.0, like.shape)
    return x.astype(like.dtype)


def dot(xs, ys):
    """Real inner product, the one in which gradients are steepest ascent."""
    return sum(
        float(np.sum(np.real(np.conj(x) * y))) for x, y in zip(xs, ys, strict=True)
    )


def check_against_differences(fn, args, moving):
    """The vjp of `fn` for operands `moving` against differences along one direction."""
    rng = np.random.default_rng(11)
    cts = [noise(rng, r) for r in fn.results]
    outs = evaluate(vjp(fn, wrt=moving), *args, *cts)
    grads = outs[len(fn.results) :]
    for i, g in zip(moving, grads, strict=True):
        assert type_of(g) == fn.params[i].type
    directions = [noise(rng, fn.params[i]) for i in moving]

    def along(t):
        moved = list(args)
        for i, d in zip(moving, directions, strict=True):
            moved[i] = args[i] + t * d
        return dot(cts, evaluate(fn, *moved))

    slope = sum(
        w * (along(k * STEP) - along(-k * STEP)) / STEP for k, w in WEIGHTS.items()
    )
    found = dot(grads, directions)
    assert np.isfinite(found)
    assert found == pytest.approx(slope, rel=1e-6, abs=1e-7)


def is_double(fn):
    """Whether differences can be taken: every float in it has double precision."""
    return not any(v.dtype.char in "efF" for v in (*fn.params, *fn.results))


@pytest.mark.parametrize(("prim", "sample"), list(cases()))
def test_type_rule_agrees_with_reference(prim, sample):
    args = promoted(prim, sample)
    type_ = prim.type_rule(*map(type_of, args), **sample.attrs)
    op = Value(prim, (), tuple(sample.attrs.items()), type_, 0)
    with np.errstate(all="ignore"):
        assert type_of(apply(op, args)) == type_


@pytest.mark.parametrize(("prim", "sample"), DIFFERENTIABLE)
def test_vjp_agrees_with_differences(prim, sample):
    fn, args = program(prim, sample), promoted(prim, sample)
    if is_double(fn):
        check_against_differences(fn, args, active(prim, fn.params))
    else:
        check_against_double(prim, fn, args, sample)


def check_against_double(prim, fn, args, sample):
    """A gradient in single precision is that in double precision, rounded."""
    wide = {np.dtype("f"): "d", np.dtype("F"): "D", np.dtype("e"): "d"}
    doubled = [a.astype(wide.get(a.dtype, a.dtype)) for a in args]
    big = program(prim, Sample(tuple(doubled), sample.attrs))
    wrt = active(prim, fn.params)
    rng = np.random.default_rng(11)
    cts = [noise(rng, r) for r in fn.results]
    n = len(cts)
    big_cts = [c.astype(r.dtype) for c, r in zip(cts, big.results, strict=True)]
    exact = evaluate(vjp(big, wrt=wrt), *doubled, *big_cts)[n:]
    found = evaluate(vjp(fn, wrt=wrt), *args, *cts)[n:]
    for i, f, e in zip(wrt, found, exact, strict=True):
        assert type_of(f) == fn.params[i].type
        np.testing.assert_allclose(f, e, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize(("prim", "sample"), DIFFERENTIABLE)
def test_second_order_agrees_with_differences(prim, sample):
    fn, args = program(prim, sample), promoted(prim, sample)
    if not is_double(fn):
        return  # differences need double precision
    moving = active(prim, fn.params)
    whole = vjp(fn, wrt=moving)
    first = whole.with_(results=whole.results[len(fn.results) :])
    rng = np.random.default_rng(5)
    cts = [noise(rng, p) for p in first.params[len(args) :]]
    moving = [*moving, *range(len(args), len(first.params))]
    check_against_differences(first, [*args, *cts], moving)
