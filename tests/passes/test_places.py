"""Additions at constant places that become fetches: bit for bit, if they can."""

import numpy as np
import pytest

from tapec.interpret import evaluate
from tapec.ir import ArrayType, Constant, Emitter, Function, Value
from tapec.passes.simplify import simplify
from tapec.passes.tile_masks import Masks
from tapec.primitive import PRIMITIVES as P
from tapec.text import parse
from tapec.verify import verify

DISTINCT = np.array([3, 0, -2, 1])
TRIANGLE = np.where(np.tri(3, dtype=bool), np.arange(9).reshape(3, 3), 0)


def scattered(shape, places, *, axis=0, mask=None, dtype="f8", zero=0.0):
    """scatter_add(where(mask, x, zero), places)"""
    places = np.asarray(places)
    inner = (*shape[:axis], *places.shape, *shape[axis + 1 :])
    x = Value(None, (), (), ArrayType(dtype, inner), 0)
    emit = Emitter(1)
    added, where = x, emit.new(P["const"], value=Constant(places))
    if mask is not None:
        condition = emit.new(P["const"], value=Constant(np.asarray(mask)))
        number = emit.new(P["const"], value=Constant(np.array(zero, dtype)))
        added = emit.new(P["where"], condition, x, number)
    out = emit.new(P["scatter_add"], added, where, shape=shape, axis=axis)
    return Function("f", [x], emit.ops, [out])


def is_fetched(fn, special=()):
    """Whether nothing is added any more; the result is the same to the last bit."""
    after = simplify(fn)
    verify(after)
    x = np.random.default_rng(0).integers(-9, 9, fn.params[0].shape)
    x = x.astype(fn.params[0].dtype)
    if x.dtype.kind == "f":
        x.reshape(-1)[: len(special)] = special
    (found,), (wanted,) = evaluate(after, x), evaluate(fn, x)
    assert found.tobytes() == wanted.tobytes() or np.isnan(wanted).any()
    np.testing.assert_array_equal(found, wanted)
    return not any(op.prim.name == "scatter_add" for op in after.ops)


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "c16"])
def test_distinct_places(dtype):
    assert is_fetched(scattered((4,), DISTINCT, dtype=dtype), [-0.0, np.nan, np.inf])
    assert is_fetched(scattered((6,), DISTINCT, dtype=dtype), [-0.0, -0.0])
    assert is_fetched(scattered((2, 6, 3), DISTINCT, axis=1, dtype=dtype))


def test_places_of_a_triangle():
    mask = np.tri(3, dtype=bool)
    special = [-0.0, np.nan, np.inf]
    assert is_fetched(scattered((9,), TRIANGLE, mask=mask), special)
    assert is_fetched(scattered((2, 9), TRIANGLE, axis=1, mask=mask), special)
    assert is_fetched(scattered((9, 2), TRIANGLE, mask=mask[..., None]), special)
    assert is_fetched(scattered((9,), TRIANGLE, mask=mask, zero=-0.0), special)


@pytest.mark.parametrize(
    "fn",
    [
        scattered((4,), [0, 1, 1]),
        scattered((4,), [0, 3, -1]),
        scattered((9,), TRIANGLE),
        scattered((9,), TRIANGLE, mask=np.tri(3, dtype=bool), zero=1.0),
        scattered((9, 2), TRIANGLE, mask=np.ones((3, 3, 2), bool)),
        scattered((100,), DISTINCT),
    ],
)
def test_what_stays(fn):
    assert not is_fetched(fn)


def test_what_a_fetch_demands():
    fn = parse("""
        func @f(%x: f64[2,2,2]) {
          %1: i64[3] = const value=[0, 2, 3]
          %2: f64[2,4] = reshape %x shape=(2, 4)
          %3: f64[2,3] = gather %2, %1 axis=1
          %4: bool[3] = const value=[True, True, False]
          %5: f64[] = const value=0.0
          %6: f64[2,3] = add %3, %5
          %7: f64[2,3] = where %4, %6, %5
          return %7
        }""")
    np.testing.assert_array_equal(
        Masks(fn).demanded(fn.params[0]), [[True, False], [True, False]]
    )
