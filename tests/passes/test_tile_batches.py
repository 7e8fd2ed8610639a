"""Loops over the matrices of a batch in a tile: what is in them, and that they compute
the same."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapec
from tapec.interpret import evaluate
from tapec.ir import with_sizes
from tapec.native.program import compile
from tapec.passes import enclose, tile_batches, tile_plan
from tapec.passes.fuse import fuse
from tapec.passes.tile import tile
from tapec.passes.tile_batches import one_by_one
from tapec.text import format_module, parse
from tapec.verify import verify

sys.path.append(str(Path(__file__).parent))
from test_tile import SMALL, draw, eager, same, tiles  # noqa: F401


@pytest.fixture
def small(eager, monkeypatch):  # noqa: F811
    """Every batch has its loop, however small; the examples are 18 or more."""
    monkeypatch.setattr(tile_plan, "LEAST", 18)
    monkeypatch.setattr(tile_batches, "FULL", -1)
    monkeypatch.setattr(tile_batches, "LEAST", 0)
    enclose._prepared_tile.cache_clear()
    yield
    enclose._prepared_tile.cache_clear()


def scans(fn):
    return [op for op in fn.ops if op.prim.name == "scan"]


# --- the body of a tile ---------------------------------------------------------


def split(text, rows=5):
    """The body with loops; it means what it meant, interpreted and compiled."""
    fn = parse(text)
    after = one_by_one(fn)
    verify(after)
    before, now = (with_sizes(f, {"rows": rows}) for f in (fn, after))
    arrays = [draw(*p.shape) for p in before.params]
    wanted = evaluate(before, *arrays)
    same(evaluate(now, *arrays), wanted, 1e-13)
    program = compile(enclose.enclose(fuse(now)))
    assert not any(step.kind == "host" for step in program.steps)
    same(program(*arrays), wanted, 1e-13)
    return after


def test_only_what_a_later_loop_reads_is_stored(small):
    fn = split("""
        func @f(%s: f64[4,3,3], %x: f64[3,rows], %y: f64[rows,3], %m: f64[4,3,1]) {
          %6: f64[4,3,rows] = subtract %x, %m
          %7: f64[4,3,rows] = matmul %s, %6
          %8: f64[4,3,rows] = multiply %7, %7
          %9: f64[4,rows] = sum %8 axis=(1,)
          %10: f64[rows] = max %9 axis=(0,)
          %11: f64[4,rows] = subtract %9, %10
          %12: f64[4,1,rows] = reshape %11 shape=(4, 1, rows)
          %13: f64[4,3,rows] = multiply %12, %7
          %14: f64[4,1,3] = reshape %m shape=(4, 1, 3)
          %15: f64[4,rows,3] = subtract %y, %14
          %17: f64[4,3,3] = matmul %13, %15
          %16: f64[4,3,3] = add %s, %17
          return %16
        }""")
    first, second = scans(fn)
    assert [str(r) for r in first.type.items] == ["f64[4,3,rows]", "f64[4,rows]"]
    assert [str(r) for r in second.type.items] == ["f64[4,3,3]"]
    assert {op.prim.name for op in fn.ops} == {
        "scan", "item", "max", "subtract", "reshape"
    }  # fmt: skip
    assert sum(op.prim.name == "fused" for op in second.attr("body").ops) == 1


def test_a_product_of_batches_that_changed_places_is_left_out(small):
    fn = split("""
        func @tile(%x: f64[3,3,rows], %l: f64[3,3,3]) {
          %2: f64[3,3,rows] = matmul %l, %x
          %3: f64[3,3,rows] = transpose %2 perm=(1, 0, 2)
          %4: f64[3,3,rows] = matmul %l, %3
          %5: f64[3,3,rows] = add %4, %2
          return %4, %5
        }""")
    assert len(scans(fn)) == 1


def test_what_the_batch_is_filled_with(small):
    fn = split("""
        func @tile(%x: f64[3,rows], %l: f64[4,3,3]) {
          %2: f64[4,3,rows] = broadcast_to %x shape=(4, 3, rows)
          %3: f64[4,3,rows] = matmul %l, %2
          %4: f64[4,2,rows] = slice %3 start=(0, 1, 0) stop=(4, 3, rows) step=(1, 1, 1)
          %5: f64[4,2,rows] = tanh %4
          return %5
        }""")
    (loop,) = scans(fn)
    assert len(fn.ops) == 2
    assert loop.attr("invariants") == 1


def test_an_operand_read_whole_and_by_part(small):
    split("""
        func @tile(%x: f64[3,3,rows], %l: f64[3,3]) {
          %2: f64[3,3,rows] = matmul %l, %x
          %3: f64[1,3,3,rows] = reshape %x shape=(1, 3, 3, rows)
          %4: f64[3,3,rows] = sum %3 axis=(0,)
          %5: f64[3,3,rows] = add %2, %4
          return %5
        }""")


@pytest.mark.parametrize(
    "text",
    [
        """
        func @no_batch(%x: f64[64,rows], %l: f64[64,64]) {
          %2: f64[64,rows] = matmul %l, %x
          return %2
        }""",
        """
        func @no_product(%x: f64[99,64,rows]) {
          %1: f64[99,64,rows] = tanh %x
          return %1
        }""",
        """
        func @little(%x: f64[9,64,rows], %l: f64[9,8,64]) {
          %2: f64[9,8,rows] = matmul %l, %x
          return %2
        }""",
        """
        func @vectors(%x: f64[9999,4,rows], %l: f64[9999,1,4]) {
          %2: f64[9999,1,rows] = matmul %l, %x
          return %2
        }""",
    ],
)
def test_what_would_not_pay_is_left_alone(text):
    fn = parse(text)
    assert one_by_one(fn) is fn


# --- whole programs -------------------------------------------------------------


def mixture(means, factors, x):
    """The log-sum-exp of squared distances, as each factor sees them."""
    centred = x[None, :, :] - means[:, None, :]
    scaled = centred @ np.swapaxes(factors, 1, 2)
    inner = -0.5 * np.sum(scaled * scaled, axis=2)
    top = np.max(inner, axis=0)
    return np.sum(np.log(np.sum(np.exp(inner - top), axis=0)) + top)


def check(fun, arrays, rtol):
    """Value and gradient, compiled with loops, against the recording; the loops."""
    count = len(arrays)
    seen = tapec.value_and_grad(fun, argnums=tuple(range(count))).inspect(*arrays)
    fn, inputs = seen.stage("dce"), [np.asarray(a) for a in seen.inputs]
    with np.errstate(all="ignore"):
        wanted = evaluate(fn, *inputs)
    after = enclose.enclose(fuse(tile(fn)))
    text = format_module(after)
    assert format_module(parse(text)) == text
    with np.errstate(all="ignore"):
        same(evaluate(after, *inputs), wanted, rtol)
    program = compile(after)
    same(program(*inputs), wanted, rtol)
    assert not any(step.kind == "host" for step in program.steps)
    return [s for op in tiles(after) for s in scans(op.attr("body"))]


@pytest.mark.parametrize(
    ("k", "d", "n", "dtype"), [(2, 2, 18, "f8"), (3, 5, 21, "f4"), (4, 17, 19, "f8")]
)
def test_mixtures(small, k, d, n, dtype):
    arrays = [draw(*shape, dtype=dtype) for shape in ((k, d), (k, d, d), (n, d))]
    assert len(check(mixture, arrays, 1e-11)) == 2


@pytest.mark.parametrize("special", [np.inf, np.nan])
def test_triangles(small, special):
    d = 17
    lower = np.tri(d, dtype=bool)
    lower.flags.writeable = False

    def fun(means, factors, x):
        return mixture(means, np.where(lower, factors, 0.0), x)

    arrays = [draw(*shape) for shape in ((3, d), (3, d, d), (19, d))]
    assert check(fun, arrays, 1e-11)
    arrays[2][4, d - 1] = special
    assert check(fun, arrays, 1e-11)


@given(
    st.lists(
        st.sampled_from(["product", "turned", "scale", "center", "soft", "tanh"]),
        min_size=1, max_size=6,
    ),
    st.integers(2, 4), st.integers(18, 21),
)  # fmt: skip
@settings(SMALL, max_examples=5)
def test_random_losses(small, layers, k, n):
    def loss(w, x):
        h = x[None] * w[:, :1]
        for layer in layers:
            h = LAYERS[layer](h, w)
        return np.sum(h * h)

    check(loss, [0.5 * draw(k, 4, 4), draw(n, 4)], 1e-9)


LAYERS = {
    "product": lambda h, w: h @ w,
    "turned": lambda h, w: h @ np.swapaxes(w, 1, 2),
    "scale": lambda h, w: h * w[:, :1],
    "center": lambda h, w: h - np.mean(h, axis=0),
    "soft": lambda h, w: h / (1.0 + np.sum(h * h, axis=(0, 2), keepdims=True)),
    "tanh": lambda h, w: np.tanh(h),
}


def test_threads_share_the_tiles(monkeypatch):
    """The sums of a loop with loops inside do not depend on the number of threads."""
    d, k = 32, 40
    arrays = [draw(*shape) for shape in ((k, d), (k, d, d), (500, d))]
    gradient = tapec.value_and_grad(mixture, argnums=(0, 1))
    seen = gradient.inspect(*arrays)
    (op,) = tiles(seen.stage("optimized"))
    assert len(scans(op.attr("body"))) == 2
    (step,) = [s for s in seen.program.steps if s.op.prim.name == "tile"]
    assert step.control.shared is not None
    monkeypatch.setattr(tapec.config, "threads", 1)
    value, alone = gradient(*arrays)
    monkeypatch.setattr(tapec.config, "threads", 2)
    again, shared = gradient(*arrays)
    assert value == again
    for a, b in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(a, b)
