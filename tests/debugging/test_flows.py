"""For every primitive: NaN in one element of an operand goes where its flow says."""

import numpy as np
import pytest

from tapec.debugging.flows import Flow, flow_of
from tapec.errors import DTypeError
from tapec.interpret import apply
from tapec.ir import ArrayType, TupleType, Value
from tapec.primitive import PRIMITIVES, Scalar


def cases(prim):
    """Ops of the record's samples with one result, and their operands."""
    for sample in prim.samples(np.random.default_rng(0)):
        args = [np.asarray(a) for a in sample.args]
        params = [
            Value(None, (), (), ArrayType(a.dtype, a.shape), i)
            for i, a in enumerate(args)
        ]
        try:
            type_ = prim.type_rule(*[p.type for p in params], **sample.attrs)
        except DTypeError:
            continue  # operands that are promoted first
        if not isinstance(type_, TupleType):
            yield (
                Value(prim, tuple(params), tuple(sample.attrs.items()), type_, 99),
                args,
            )


def spoiled(args):
    """Operands with one element NaN: which operand, which element, all operands."""
    for i, a in enumerate(args):
        if a.dtype.kind in "fc" and a.size:
            for k in {0, a.size // 2, a.size - 1}:
                b = a.copy()
                b.reshape(-1)[k] = np.nan
                yield i, k, [*args[:i], b, *args[i + 1 :]]


def nan(x):
    x = np.asarray(x)
    return np.isnan(x) if x.dtype.kind in "fc" else np.zeros(x.shape, bool)


@pytest.mark.parametrize(
    "name", [name for name, prim in PRIMITIVES.items() if not prim.effect]
)
def test_nan_goes_where_the_flow_says(name):
    for op, args in cases(PRIMITIVES[name]):
        with np.errstate(all="ignore"):
            before = nan(apply(op, args))
            for i, k, given in spoiled(args):
                try:
                    new = nan(apply(op, given)) & ~before
                except (np.linalg.LinAlgError, ValueError):
                    continue
                flow = flow_of(op, given)
                there = flow.forward([nan(a) for a in given])
                assert there.shape == new.shape
                assert not (new & ~there).any(), "made out of nothing"
                if new.any():
                    back = flow.backward(new)
                    assert [m.shape for m in back] == [a.shape for a in given]
                    assert back[i].reshape(-1)[k], "not traced back"


@pytest.mark.parametrize("name", ["sin", "where", "concatenate", "sum", "i0"])
def test_the_common_ops_are_followed_exactly(name):
    for op, args in cases(PRIMITIVES[name]):
        assert type(flow_of(op, args)) is not Flow


def test_elementwise_ops_have_elementwise_flows():
    for prim in PRIMITIVES.values():
        if isinstance(prim.lower, Scalar):
            for op, args in cases(prim):
                assert type(flow_of(op, args)).__name__ in ("_Elementwise", "_Chosen")
