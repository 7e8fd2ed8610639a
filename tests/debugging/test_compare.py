"""`values` and `compare`: native code held against the interpreter."""

import numpy as np
import pytest

import tapec
from tapec.debugging.tolerance import apart, spread_of
from tapec.passes import pipeline
from tapec.primitive import PRIMITIVES, Scalar
from tapec.text import parse


def loss(x, w):
    y = np.tanh(x @ w)
    return np.sum(np.exp(y) * y) + np.linalg.norm(w)


def arguments(n=7, dtype=np.float64):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 3)).astype(dtype), rng.normal(size=(3, 2)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_is_right_agrees(dtype):
    seen = tapec.value_and_grad(loss, (0, 1)).inspect(*arguments(300, dtype))
    found = seen.compare()
    assert found.ok
    assert found.first is None
    assert str(found) == f"{len(found.rows)} values agree"
    names = [row.what for row in found.rows]
    assert {"pass", "fused", "program"} <= set(names)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x * 1e16) - np.sum(x) * 1e16,  # cancels to noise
        lambda x: np.sin(x * 1e12),
        lambda x: np.floor(np.sum(x) / 3 * 3),
        lambda x: tapec.scan(lambda c, t: (3.9 * c * (1 - c), c), 0.3, x)[1],
        lambda x: np.linalg.solve(x[:, None] * x + np.eye(3) * 1e-9, x),
        lambda x: np.log(x - 2),
        lambda x: np.sort(x)[::-1].astype(np.int32),
        lambda x: x.astype(complex) * 1j,
    ],
)
def test_rounding_is_no_difference(f):
    x = np.array([0.1, 0.7, 2.0])
    found = tapec.jit(f).inspect(x).compare()
    assert found.ok, found


def test_tiles_loops_and_extents_that_vary():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20000, 8)), (rng.random(20000) > 0.5) * 1.0

    def logistic(w):
        z = x @ w
        return np.mean(np.logaddexp(0, z) - y * z)

    def rates(r):
        p = np.array([1.0, 0.5])
        for _ in range(50):
            p = p + 0.01 * np.stack([r * p[0] - p[0] * p[1], p[0] * p[1] - p[1]])
        return np.sum(p)

    for seen in (
        tapec.value_and_grad(logistic).inspect(np.zeros(8)),
        tapec.value_and_grad(rates).inspect(1.1),
        tapec.grad(lambda v: np.sum(np.exp(v) * v), dynamic=True).inspect(np.ones(7)),
    ):
        assert seen.compare().ok, seen.compare()


def test_other_arrays_and_their_number():
    seen = tapec.jit(loss).inspect(*arguments())
    assert seen.compare(*arguments()).ok
    with pytest.raises(TypeError, match=r"1 arrays for 2 parameters: %x: f64\[7,3\]"):
        seen.compare(np.ones(3))


@pytest.fixture
def wrong_exp(monkeypatch):
    """A native `exp` that is off by a millionth."""
    exp = PRIMITIVES["exp"]
    right = exp.lower
    wrong = Scalar(lambda b, x: right.emit(b, x) * 1.000001)
    monkeypatch.setenv("TAPEC_CACHE_DIR", "0")
    object.__setattr__(exp, "lower", wrong)
    yield
    object.__setattr__(exp, "lower", right)


def test_the_op_whose_native_code_is_wrong(wrong_exp):
    found = tapec.jit(loss).inspect(*arguments(301)).compare()
    assert not found.ok
    assert found.first.what == "fused"
    assert found.inside.what == "exp"
    text = str(found)
    assert text.startswith("the first difference is at %")
    assert "in its body first at\n" in text
    assert "return np.sum(np.exp(y) * y) + np.linalg.norm(w)" in text


def test_the_pass_that_changes_the_meaning(monkeypatch):
    from tapec.ir import Value, rewrite
    from tapec.passes import cse

    def wrong(fn):
        def rule(op, emit):
            if op.prim.name != "tanh":
                return emit.keep(op)
            return emit.keep(
                Value(PRIMITIVES["sin"], op.args, op.attrs, op.type, op.uid)
            )

        return rewrite(fn, rule)

    monkeypatch.setattr(cse, "cse", wrong)
    found = tapec.jit(loss).inspect(*arguments()).compare()
    assert (found.first.name, found.first.what) == ("cse", "pass")
    assert "cse" in pipeline.DEFAULT


def test_values_of_every_stage():
    x, w = arguments()
    seen = tapec.jit(loss).inspect(x, w)
    values = seen.values()
    assert set(values) == {v.uid for v in (*seen.recorded.params, *seen.recorded.ops)}
    for op in seen.recorded.ops:
        if op.prim.name == "tanh":
            np.testing.assert_array_equal(values[op.uid], np.tanh(x @ w))
    optimized = seen.values(stage="optimized")
    last = seen.stage("optimized").results[0].uid
    assert optimized[last] == pytest.approx(loss(x, w))
    assert seen.values(x, 0 * w)[seen.recorded.results[0].uid] == 0


def test_a_tape_knows_its_inputs():
    x = tapec.constant(np.arange(3.0))
    with tapec.GradientTape(persistent=True) as tape:
        y = np.sum(x * x)
    seen = tape.inspect(y, x)
    assert seen.compare().ok
    np.testing.assert_array_equal(seen.values()[seen.recorded.results[0].uid], 2 * x)


def test_the_tolerance_is_that_of_the_function():
    fn = parse("""\
func @f(%x: f64[2]) {
  %1: f64[2] = const value=10000000000.0
  %2: f64[2] = add %x, %1
  %3: f64[2] = subtract %2, %1
  return %3, %x
}
""")
    x = np.array([0.25, 0.5])
    shaken = spread_of(fn, [x], [x, x])
    near = x + 1e-6
    assert not apart(x, near, shaken[0]).any()
    assert apart(x, near, shaken[1]).all()
    assert apart(np.array([1, 2]), np.array([1, 3]), []).tolist() == [False, True]
    assert apart(np.array([np.nan]), np.array([1.0]), []).tolist() == [True]
    assert apart(np.array([np.inf]), np.array([np.inf]), []).tolist() == [False]
