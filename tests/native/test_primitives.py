"""Every primitive, on its own samples: native code agrees with the reference.

The records say what to test; there is nothing here per primitive.
"""

import numpy as np
import pytest

import tapec.ops  # noqa: F401  (fills PRIMITIVES)
from tapec.interpret import evaluate
from tapec.ir import ArrayType, Emitter, Function, TupleType, Value
from tapec.native.program import compile
from tapec.ops.const import item
from tapec.passes.fuse import fuse
from tapec.primitive import PRIMITIVES

ULPS = 8

CASES = [
    (name, number)
    for name, prim in sorted(PRIMITIVES.items())
    for number in range(len(prim.samples(np.random.default_rng(0))))
]


def function_of(prim, arrays, attrs):
    params = [
        Value(None, (), (), ArrayType(a.dtype, a.shape), uid)
        for uid, a in enumerate(arrays)
    ]
    emit = Emitter(len(params))
    op = emit.new(prim, *params, **attrs)
    results = [op]
    if isinstance(op.type, TupleType):
        results = [emit.new(item, op, index=i) for i in range(len(op.type.items))]
    return Function("f", params, emit.ops, results)


def assert_same(found, wanted, ulps=ULPS):
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    if wanted.dtype.kind not in "fc":
        np.testing.assert_array_equal(found, wanted)
        return
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    eps = np.finfo(wanted.dtype).eps
    scale = np.max(np.abs(wanted[np.isfinite(wanted)]), initial=0.0)
    np.testing.assert_allclose(found, wanted, rtol=ulps * eps, atol=eps * float(scale))


@pytest.mark.parametrize(("name", "number"), CASES)
def test_native_agrees_with_the_reference(name, number):
    prim = PRIMITIVES[name]
    args, attrs = prim.samples(np.random.default_rng(0))[number]
    arrays = [np.asarray(a) for a in args]
    if prim.promote is not None:
        dtypes = prim.promote(tuple(a.dtype for a in arrays))
        arrays = [a.astype(d) for a, d in zip(arrays, dtypes, strict=True)]
    fn = function_of(prim, arrays, attrs)
    program = compile(fuse(fn))
    for found, wanted in zip(program(*arrays), evaluate(fn, *arrays), strict=True):
        assert_same(found, wanted)
