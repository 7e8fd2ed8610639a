"""Loops over tiles: what is tiled, and that it means and computes the same.

Thresholds are lowered, so that small programs with few rows have many tiles.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tapec
from tapec.interpret import evaluate
from tapec.native.program import compile
from tapec.passes import tile_plan, tile_size
from tapec.passes.enclose import enclose
from tapec.passes.fuse import fuse
from tapec.passes.pipeline import run
from tapec.passes.tile import tile
from tapec.passes.tile_masks import Masks
from tapec.text import format_module, parse
from tapec.verify import verify

sys.path.append(str(Path(__file__).parents[1] / "native"))
from random_programs import programs

SMALL = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
    ],
)


@pytest.fixture
def eager(monkeypatch):
    """Every loop is taken, with two rows in a tile."""
    monkeypatch.setattr(tile_plan, "SAVED", -(1 << 60))
    monkeypatch.setattr(tile_plan, "LEAST", 2)
    monkeypatch.setattr(tile_plan, "LARGE", -1)
    monkeypatch.setattr(tile_size, "FEWEST", 2)
    monkeypatch.setattr(tile_size, "MOST", 2)


def tiles(fn):
    return [op for op in fn.ops if op.prim.name == "tile"]


def check(fn, arrays, rtol=1e-12, native=True):
    """The tiled program, interpreted and compiled, against the plain one."""
    after = tile(fn)
    verify(after)
    text = format_module(after)
    assert format_module(parse(text)) == text
    with np.errstate(all="ignore"):
        wanted = evaluate(fn, *arrays)
        same(evaluate(after, *arrays), wanted, rtol)
    if native:
        program = compile(enclose(fuse(after)))
        same(program(*arrays), wanted, rtol)
        assert not any(s.kind == "host" for s in program.steps if s.op in tiles(after))
    return after


def same(found, wanted, rtol):
    for f, w in zip(found, wanted, strict=True):
        assert (f.dtype, f.shape) == (w.dtype, w.shape)
        if f.dtype == np.float32:
            rtol = max(rtol, 2e-4)
        scale = float(np.max(np.abs(w[np.isfinite(w)]), initial=1.0))
        np.testing.assert_allclose(f, w, rtol=rtol, atol=rtol * scale)


# --- programs of rows -----------------------------------------------------------


def mixture(means, x):
    """Distances to centres, their log-sum-exp; means and x of any sizes."""
    centred = x[None, :, :] - means[:, None, :]
    inner = -0.5 * np.sum((centred @ (means.T @ means)) ** 2, axis=2)
    top = np.max(inner, axis=0)
    return np.sum(np.log(np.sum(np.exp(inner - top), axis=0)) + top)


def logistic(w, x, y):
    return np.mean(np.logaddexp(0.0, -y * (x @ w)))


def network(w, v, x, y):
    h = np.tanh(x @ w)
    out = h @ v
    top = np.max(out, axis=1, keepdims=True)
    soft = np.exp(out - top)
    return -np.sum(np.log(np.sum(soft * y, axis=1) / np.sum(soft, axis=1)))


def masked(w, x, y):
    """`where` and max over the examples; one row may be all zeros."""
    z = x @ w
    return np.sum(np.where(z > 0, np.sqrt(np.abs(z)), y)) + np.max(z)


def draw(*shape, dtype="f8"):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


def one_hot(n, k, dtype):
    return np.eye(k, dtype=dtype)[np.arange(n) % k]


CASES = {
    "mixture": (mixture, (0,), lambda n, t: (draw(3, 5, dtype=t), draw(n, 5, dtype=t))),
    "logistic": (
        logistic,
        (0,),
        lambda n, t: (draw(6, dtype=t), draw(n, 6, dtype=t), np.sign(draw(n, dtype=t))),
    ),
    "network": (
        network,
        (0, 1),
        lambda n, t: (
            draw(4, 7, dtype=t), draw(7, 3, dtype=t), draw(n, 4, dtype=t),
            one_hot(n, 3, t),
        ),
    ),
    "masked": (
        masked,
        (0, 1),
        lambda n, t: (draw(5, dtype=t), draw(n, 5, dtype=t), draw(n, dtype=t)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("n", [2, 3, 8, 9])
@pytest.mark.parametrize("name", CASES)
def test_gradients(eager, name, n, dtype):
    fun, argnums, make = CASES[name]
    arrays = make(n, dtype)
    seen = tapec.value_and_grad(fun, argnums=argnums).inspect(*arrays)
    after = check(seen.stage("dce"), [np.asarray(a) for a in seen.inputs], 1e-11)
    assert tiles(after)


@pytest.mark.parametrize("rows", [64, 128])
@pytest.mark.parametrize("n", [63, 64, 65, 127, 128, 200])
def test_tiles_of_usual_size(eager, monkeypatch, n, rows):
    monkeypatch.setattr(tile_size, "FEWEST", rows)
    monkeypatch.setattr(tile_size, "MOST", rows)
    for name, (fun, argnums, make) in CASES.items():
        arrays = make(n, "f8")
        seen = tapec.value_and_grad(fun, argnums=argnums).inspect(*arrays)
        after = check(seen.stage("dce"), [np.asarray(a) for a in seen.inputs], 1e-11)
        assert tiles(after), name


def test_per_example_gradients_are_joined(eager):
    def each(w, x):
        return np.tanh(x @ w)

    arrays = draw(4), draw(9, 4)
    gradient = tapec.vmap(tapec.grad(each), in_axes=(None, 0))
    seen = tapec.inspect(gradient, *arrays)
    after = check(seen.stage("dce"), [np.asarray(a) for a in seen.inputs])
    (op,) = tiles(after)
    assert op.attr("joined")


# --- random programs ------------------------------------------------------------


@given(programs())
@SMALL
def test_random_programs(eager, case):
    fn, arrays = case
    check(run(fn, ["cse", "dce"]), arrays, rtol=1e-9)


P = st.sampled_from(["tanh", "scale", "product", "row max", "row sum", "shift"])


@given(st.lists(P, min_size=1, max_size=6), st.integers(2, 9), st.booleans())
@SMALL
def test_random_losses(eager, layers, n, axis_last):
    def loss(w, x):
        h = x.T if axis_last else x
        for layer in layers:
            h = LAYERS[layer](h, w)
        return np.sum(h * h) + np.sum(np.max(h, axis=0))

    x = draw(4, n) if axis_last else draw(n, 4)
    seen = tapec.value_and_grad(loss, argnums=(0, 1)).inspect(0.5 * draw(4, 4), x)
    check(seen.stage("dce"), [np.asarray(a) for a in seen.inputs], 1e-9)


LAYERS = {
    "tanh": lambda h, w: np.tanh(h),
    "scale": lambda h, w: h * w[0],
    "product": lambda h, w: h @ w,
    "row max": lambda h, w: h - np.max(h, axis=1, keepdims=True),
    "row sum": lambda h, w: h / (1.0 + np.sum(h * h, axis=1, keepdims=True)),
    "shift": lambda h, w: h + np.sum(w),
}


# --- what stays as it is --------------------------------------------------------


def test_an_accumulator_read_again_needs_a_second_loop(eager):
    fn = parse("""
        func @f(%x: f64[6,3]) {
          %1: f64[3] = sum %x axis=(0,)
          %2: f64[6,3] = subtract %x, %1
          %3: f64[6] = sum %2 axis=(1,)
          %4: f64[6] = exp %3
          %5: f64[] = sum %4 axis=(0,)
          return %5
        }""")
    check(fn, [draw(6, 3)])


def test_both_sides_of_a_product(eager):
    fn = parse("""
        func @f(%x: f64[6,3]) {
          %1: f64[3,6] = transpose %x perm=(1, 0)
          %2: f64[6,6] = matmul %x, %1
          %3: f64[6,6] = tanh %2
          %4: f64[6] = sum %3 axis=(1,)
          %5: f64[6,3] = matmul %3, %x
          return %4, %5
        }""")
    check(fn, [draw(6, 3)])


def test_effects_keep_their_order(eager):
    fn = parse("""
        func @f(%x: f64[6,3], %y: f64[6]) {
          %2: f64[6] = sum %x axis=(1,)
          %3: f64[] = sum %2 axis=(0,)
          %4: bool[] = greater %3, %3
          check %4 expected=False
          %5: f64[] = max %y axis=(0,)
          %6: bool[] = greater %5, %5
          check %6 expected=False
          return %2
        }""")
    after = check(fn, [draw(6, 3), draw(6)])
    checks = [op.args[0].uid for op in after.ops if op.prim.name == "check"]
    assert checks == [4, 6]


@pytest.mark.parametrize(
    "text",
    [
        """
        func @small(%x: f64[1000,4], %w: f64[4,1]) {
          %2: f64[1000,1] = matmul %x, %w
          %3: f64[4,1000] = transpose %x perm=(1, 0)
          %4: f64[4,1] = matmul %3, %2
          return %4
        }""",
        """
        func @elementwise(%x: f64[100000]) {
          %1: f64[100000] = exp %x
          %2: f64[] = sum %1 axis=(0,)
          return %2
        }""",
        """
        func @large(%x: f64[4000,512], %w: f64[512,512]) {
          %2: f64[4000,512] = matmul %x, %w
          %3: f64[4000,512] = tanh %2
          %4: f64[512,4000] = transpose %x perm=(1, 0)
          %5: f64[512,512] = matmul %4, %3
          return %5
        }""",
        """
        func @dynamic(%x: f64[n,40], %w: f64[40,1]) {
          %2: f64[n,1] = matmul %x, %w
          %3: f64[40,n] = transpose %x perm=(1, 0)
          %4: f64[40,1] = matmul %3, %2
          return %4
        }""",
    ],
)
def test_what_would_not_pay_is_left_alone(text):
    fn = parse(text)
    assert tile(fn) is fn


# --- zeros ----------------------------------------------------------------------


def triangular(entries, x, lower):
    """Rows of x times a triangular matrix made of `entries`."""
    n = x.shape[1]
    factors = np.where(lower, np.reshape(entries, (2, n, n)), 0.0)
    scaled = x @ np.swapaxes(factors, 1, 2)
    return np.sum(np.tanh(scaled * scaled))


@pytest.mark.parametrize("special", [None, np.inf, np.nan])
@pytest.mark.parametrize("n", [5, 17])
def test_triangular_matrices(eager, n, special):
    lower = np.tri(n, dtype=bool)
    lower.flags.writeable = False
    entries, x = draw(2 * n * n), draw(9, n)
    if special is not None:
        x[4, n - 1] = special
    seen = tapec.value_and_grad(lambda e, x: triangular(e, x, lower)).inspect(
        entries, x
    )
    fn, arrays = seen.stage("dce"), [np.asarray(a) for a in seen.inputs]
    after = check(fn, arrays)
    (op,) = tiles(after)
    assert sum(o.prim.name == "where" for o in op.attr("body").ops) >= 2


def test_masks():
    fn = parse("""
        func @f(%x: f64[2,3,3], %y: f64[2,3,3]) {
          %2: bool[3,3] = const value=[[True, False, False], [True, True, False], [True, True, True]]
          %3: bool[3,3] = const value=[[True, False, False], [False, True, False], [False, False, True]]
          %4: f64[] = const value=0.0
          %5: f64[2,3,3] = where %2, %x, %4
          %6: f64[2,3,3] = transpose %5 perm=(0, 2, 1)
          %7: f64[2,3,3] = where %3, %y, %4
          %8: f64[2,3,3] = add %6, %7
          %9: f64[2,3,3] = multiply %6, %y
          %10: f64[2,3,3] = where %2, %4, %9
          return %8, %10
        }""")  # noqa: E501
    masks = Masks(fn)
    v = {op.uid: op for op in fn.ops}
    lower, eye = np.tri(3, dtype=bool), np.eye(3, dtype=bool)
    assert np.array_equal(masks.nonzero(v[5]), lower)
    assert np.array_equal(masks.nonzero(v[6]), lower.T)
    assert np.array_equal(masks.nonzero(v[8]), lower.T)
    assert np.array_equal(masks.nonzero(v[7]), eye)
    assert masks.nonzero(v[9]) is None  # 0 * inf
    assert masks.nonzero(fn.params[0]) is None
    assert np.array_equal(masks.demanded(v[9]), ~lower)
    assert masks.demanded(v[8]) is None  # a result
    assert masks.demanded(v[6]) is None


# --- what it says ----------------------------------------------------------------


def test_inspection_says_what_was_weighed():
    w, x, y = draw(40), draw(3000, 40), np.sign(draw(3000))
    seen = tapec.value_and_grad(logistic).inspect(w, x, y)
    (line,) = seen.tiles.splitlines()
    assert line.startswith("axis of 3000: ") and line.endswith("tiles of 64")
    assert "tile " in seen.passes()
    (product, *_) = [op for op in seen.stage("dce").ops if op.prim.name == "matmul"]
    assert "tile: " in seen.why(product.uid)


def columns(w, x, y):
    """The examples are not side by side."""
    return np.mean(np.logaddexp(0.0, -y * (w @ x)))


def several(w, x, y):
    """Examples become lanes."""
    return np.sum(np.tanh(x @ w)) + y[0]


@pytest.mark.parametrize(
    ("fun", "w", "x", "rows"),
    [
        (logistic, draw(100), draw(4000, 100), 16),
        (logistic, draw(500), draw(1500, 500), 128),  # few rows fill the cache
        (columns, draw(100), draw(100, 4000), 256),
        (several, draw(99, 9), draw(4000, 99), 256),
    ],
)
def test_tiles_of_linear_models_stay_in_the_first_cache(fun, w, x, rows):
    y = np.sign(draw(max(x.shape)))
    seen = tapec.value_and_grad(fun).inspect(w, x, y)
    assert f"tiles of {rows}" in seen.tiles
    value, gradient = tapec.value_and_grad(fun)(w, x, y)
    assert value == pytest.approx(fun(w, x, y))
    same([gradient], evaluate(seen.stage("dce"), *seen.inputs)[1:], 1e-11)


def test_inspection_says_why_nothing_is_tiled():
    small = tapec.value_and_grad(logistic).inspect(*CASES["logistic"][2](200, "f8"))
    assert small.tiles.endswith("too little for a loop over tiles")
    wide = tapec.grad(lambda w, x: np.sum(np.tanh(x @ w)))
    seen = wide.inspect(draw(500, 300), draw(2000, 500))
    assert "left to BLAS: the product of" in seen.tiles
    assert tapec.grad(np.sum).inspect(draw(3)).tiles == "no axis of 128 or more"
