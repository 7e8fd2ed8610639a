"""Extents that vary: `dynamic=True`, `specs=`, symbolic extents in the IR."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import tapec
from tapec.interpret import evaluate
from tapec.ir import Dim, with_sizes
from tapec.native import engine
from tapec.native.program import compile as compile_native
from tapec.passes import pipeline
from tapec.text import format_module, parse
from tapec.verify import verify

RNG = np.random.default_rng(5)
SIZES = (5, 3, 0, 1, 4, 1000, 513, 64)


def draw(*shape: int) -> Any:
    return RNG.normal(size=shape)


# --- one program for all sizes ------------------------------------------------------


def elementwise(x: Any) -> Any:
    return np.sum(np.sin(x) * x + 2.0)


def standardised(x: Any) -> Any:
    return np.sum((x - x.mean(0)) ** 2 / (x.std(0) + 1e-3)) + np.var(x)


def logistic(w: Any, x: Any, y: Any) -> Any:
    return np.mean(np.logaddexp(0.0, -y * (x @ w)))


def network(w1: Any, b1: Any, w2: Any, x: Any, y: Any) -> Any:
    return np.mean((np.tanh(x @ w1 + b1) @ w2 - y) ** 2)


def log_softmax(z: Any) -> Any:
    z = z - np.max(z, axis=1, keepdims=True)
    return z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))


def softmax_loss(w: Any, x: Any, t: Any) -> Any:
    return -np.sum(t * log_softmax(x @ w)) / x.shape[0]


def label_loss(w: Any, x: Any, labels: Any) -> Any:
    return -np.mean(np.take_along_axis(log_softmax(x @ w), labels[:, None], 1))


def gram(x: Any) -> Any:
    return np.sum(np.sin(x.T @ x))


def with_ends(x: Any) -> Any:
    return np.sum(np.concatenate([np.zeros(1), x, np.ones(2)])[1:] ** 2)


def turned(x: Any) -> Any:
    return np.sum(np.sin(x[::-1]) * x)


def grouped(x: Any) -> Any:
    pairs = np.reshape(x, (x.shape[0], 2, 2))
    return np.sum(np.sin(np.ravel(pairs)) * np.stack([x, x], 1)[:, 0].ravel())


def sorted_and_summed(x: Any) -> Any:
    return np.sum(np.sort(x) * np.cumsum(x))


ONE_PROGRAM: list[tuple[Callable[..., Any], Callable[[int], tuple[Any, ...]]]] = [
    (elementwise, lambda n: (draw(n),)),
    (elementwise, lambda n: (draw(n, 4),)),
    (standardised, lambda n: (draw(n, 4),)),
    (logistic, lambda n: (draw(4), draw(n, 4), np.sign(draw(n)))),
    (
        network,
        lambda n: (draw(4, 8), draw(8), draw(8, 1), draw(n, 4), draw(n, 1)),
    ),
    (softmax_loss, lambda n: (draw(4, 3), draw(n, 4), draw(n, 3))),
    (label_loss, lambda n: (draw(4, 3), draw(n, 4), RNG.integers(0, 3, n))),
    (gram, lambda n: (draw(n, 4),)),
    (with_ends, lambda n: (draw(n),)),
    (turned, lambda n: (draw(n),)),
    (grouped, lambda n: (draw(n, 4),)),
    (sorted_and_summed, lambda n: (draw(n),)),
    (np.dot, lambda n: (draw(n), draw(n))),
]
IDS = [f"{f.__name__}{i}" for i, (f, _) in enumerate(ONE_PROGRAM)]


@pytest.mark.parametrize(("f", "make"), ONE_PROGRAM, ids=IDS)
def test_one_program_serves_all_sizes(f: Any, make: Any) -> None:
    dynamic, static = tapec.value_and_grad(f, dynamic=True), tapec.value_and_grad(f)
    for n in SIZES:
        args = make(n)
        for got, wanted in zip(dynamic(*args), static(*args), strict=True):
            assert np.shape(got) == np.shape(wanted)
            assert np.asarray(got).dtype == np.asarray(wanted).dtype
            np.testing.assert_allclose(got, wanted, 1e-10, 1e-12)
    assert len(dynamic.signatures) == 1


@pytest.mark.parametrize(("f", "make"), ONE_PROGRAM, ids=IDS)
def test_native_interpreted_and_text_agree(f: Any, make: Any) -> None:
    traced = tapec.value_and_grad(f, dynamic=True).traced(*make(5))
    verify(traced)
    optimized = pipeline.run(traced)
    verify(optimized)
    for fn in (traced, optimized):
        assert format_module(parse(format_module(fn))) == format_module(fn)
    native = compile_native(optimized)
    for n in (7, 1, 0, 600):
        arrays = [np.asarray(a) for a in make(n)]
        rows = [evaluate(fn, *arrays) for fn in (traced, optimized)]
        for row in (*rows, native(*arrays)):
            for got, wanted in zip(row, rows[0], strict=True):
                assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
                np.testing.assert_allclose(got, wanted, 1e-10, 1e-12)


def test_nothing_is_compiled_for_another_size(monkeypatch: Any) -> None:
    f = tapec.grad(network, argnums=(0, 1, 2), dynamic=True)
    make = ONE_PROGRAM[4][1]
    f(*make(6))
    monkeypatch.setattr(engine, "compile_module", pytest.fail)
    for n in (0, 1, 2, 100):
        f(*make(n))
    assert f.signatures == [
        "(%w1: f64[4,8], %b1: f64[8], %w2: f64[8,1], %x: f64[p,4], %y: f64[p,1])"
    ]


def test_the_same_size_again_and_again() -> None:
    f = tapec.jit(elementwise, dynamic=True)
    x, y = draw(8), draw(9)
    for _ in range(30):
        assert f(x) == pytest.approx(elementwise(x))
        assert f(y) == pytest.approx(elementwise(y))
    for n in range(100):
        z = draw(n)
        assert f(z) == pytest.approx(elementwise(z))


def test_layouts_and_dtypes() -> None:
    f = tapec.jit(lambda x: x[:, 0] * 2, dynamic=True)
    x = draw(6, 4)
    for given in (x[::-1], np.asfortranarray(x), x[::2], x.astype(">f8")):
        np.testing.assert_array_equal(f(given), np.asarray(given)[:, 0] * 2)
    assert f(x.astype(np.float32)).dtype == np.float32
    assert len(f.signatures) == 3


def test_first_call_with_no_rows_or_one() -> None:
    for first in (0, 1):
        f = tapec.grad(logistic, dynamic=True)
        for n in (first, 7, 1, 0):
            args = draw(4), draw(n, 4), np.sign(draw(n))
            np.testing.assert_allclose(f(*args), tapec.grad(logistic)(*args), 1e-12)
        assert len(f.signatures) == 1


def test_differences_of_neighbours() -> None:
    """`x[1:]` is another program where there is nothing to leave out."""
    f, g = (
        tapec.grad(lambda x: np.sum((x[1:] - x[:-1]) ** 2), dynamic=d) for d in (1, 0)
    )
    for n in (5, 2, 1, 1000, 3):
        x = draw(n)
        np.testing.assert_allclose(f(x), g(x), 1e-12)
    assert f.signatures == ["(%x: f64[n])"]
    assert f(draw(0)).shape == (0,)
    assert len(f.signatures) == 2


def test_other_transforms_compose() -> None:
    rows = tapec.jit(tapec.vmap(lambda x: np.sum(np.sin(x))), dynamic=True)
    tangent = tapec.jit(lambda x: tapec.jvp(elementwise, (x,), (x,))[1], dynamic=True)
    for n in (3, 7, 1):
        x = draw(n, 2)
        np.testing.assert_allclose(rows(x), np.sin(x).sum(1))
        np.testing.assert_allclose(tangent(x), np.sum(x * (np.sin(x) + x * np.cos(x))))
    assert rows.signatures == tangent.signatures == ["(%x: f64[n,2])"]


def test_extents_as_numbers() -> None:
    f = tapec.jit(lambda x: (x.shape[0], x.size, x.shape[0] / 2, 2.5 * len(x.shape)),
                  dynamic=True)  # fmt: skip
    assert f(draw(3, 2)) == (3, 6, 1.5, 5.0)
    assert f(draw(5, 2)) == (5, 10, 2.5, 5.0)
    assert [type(n) for n in f(draw(4, 2))[:2]] == [int, int]
    assert len(f.signatures) == 1


def test_tapes_see_numbers() -> None:
    f = tapec.jit(lambda x: np.sum(x) / x.shape[0], dynamic=True)
    x = tapec.Variable(draw(4))
    with tapec.GradientTape() as tape:
        y = f(x)
    np.testing.assert_array_equal(tape.gradient(y, x), np.full(4, 0.25))


# --- what a size decides ------------------------------------------------------------


def test_a_size_as_a_python_number_is_in_the_program() -> None:
    f = tapec.jit(lambda x: np.sum(x) / len(x), dynamic=True)
    assert [f(np.ones(n)) for n in (3, 5, 3)] == [1.0, 1.0, 1.0]
    assert f.signatures == ["(%x: f64[5])", "(%x: f64[3])"]
    why = f.explain_retrace()
    assert "n = 3, because of" in why
    assert "np.sum(x) / len(x)" in why
    assert "2. other sizes: (5,) fit no version before" in why


def test_comparisons_guard() -> None:
    def f(x: Any) -> Any:
        if x.shape[0] > 3:
            return np.sum(x)
        return np.sum(x * x) if x.shape[0] == 2 else np.max(x)

    g = tapec.jit(f, dynamic=True)
    for n in (5, 9, 3, 1, 2, 4, 2):
        x = draw(n)
        assert g(x) == pytest.approx(f(x))
    assert g.signatures == ["(%x: f64[2])", "(%x: f64[n])", "(%x: f64[n])"]
    with pytest.raises(ValueError, match="max of nothing"):
        g(draw(0))


def test_extents_that_must_be_equal_are_one() -> None:
    f = tapec.jit(lambda x, y: np.sum(x * y), dynamic=True)
    assert f(np.ones(4), np.ones(4)) == 4
    assert f(np.ones(5), np.ones(5)) == 5
    assert f.signatures == ["(%x: f64[n], %y: f64[n])"]
    g = tapec.jit(lambda x, y: np.sum(x) * np.sum(y), dynamic=True)
    assert g(np.ones(4), np.ones(4)) == 16
    assert g(np.ones(4), np.ones(5)) == 20
    assert g.signatures == ["(%x: f64[n], %y: f64[m])"]


def test_what_fits_only_these_sizes_is_made_for_them() -> None:
    f = tapec.jit(lambda x, y: x + y, dynamic=True)
    assert f(np.ones((1, 4)), np.ones((5, 4))).shape == (5, 4)
    assert "for these sizes alone: the shapes fit no others" in f.explain_retrace()
    assert f(np.ones((5, 4)), np.ones((5, 4))).shape == (5, 4)
    assert f.signatures[0] == "(%x: f64[n,4], %y: f64[n,4])"


def test_threads_share_the_program() -> None:
    f = tapec.grad(elementwise, dynamic=True)

    def work(k: int) -> Any:
        xs = [draw(n) for n in range(k, k + 10)]
        return max(np.abs(f(x) - np.sin(x) - x * np.cos(x)).max(initial=0) for x in xs)

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(work, range(4))) < 1e-12
    assert f.signatures == ["(%x: f64[n])"]


# --- specs --------------------------------------------------------------------------

ROWS, LABELS = tapec.spec(("n", 3), np.float64), tapec.spec(("n",))


def paired(x: Any, y: Any) -> Any:
    return np.sum(x.T @ y)


@pytest.mark.parametrize("specs", [[ROWS, LABELS], {"y": LABELS, "x": ROWS}])
def test_specs_name_extents(specs: Any) -> None:
    f = tapec.jit(paired, specs=specs)
    for n in (4, 0, 1, 6):
        x, y = draw(n, 3), draw(n)
        assert f(x, y) == pytest.approx(paired(x, y))
    assert f.signatures == ["(%x: f64[n,3], %y: f64[n])"]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((4, 3), (5,)), "paired: n is 5 in axis 0 of argument y but 4 in axis 0 of "
                         "argument x"),
        (((4, 2), (4,)), "paired: axis 1 of argument x has size 2, its spec "
                         "('n', 3) wants 3"),
        (((4,), (4,)), "paired: argument x has shape (4,), its spec ('n', 3) wants "
                       "2 axes"),
    ],
)  # fmt: skip
def test_calls_that_contradict_their_spec(shapes: Any, message: str) -> None:
    f = tapec.jit(paired, specs=[ROWS, LABELS])
    f(draw(4, 3), draw(4))
    with pytest.raises(tapec.ShapeError) as caught:
        f(*[draw(*s) for s in shapes])
    assert str(caught.value) == message


def test_a_dtype_that_contradicts_its_spec() -> None:
    f = tapec.jit(paired, specs=[ROWS, LABELS])
    with pytest.raises(tapec.DTypeError) as caught:
        f(draw(4, 3).astype(np.float32), draw(4))
    assert str(caught.value) == (
        "paired: argument x has dtype float32, its spec ('n', 3) wants float64"
    )


def test_specs_of_containers() -> None:
    def loss(p: Any, batch: Any) -> Any:
        return np.sum((batch["x"] @ p["w"]) ** 2 + p["b"])

    x = tapec.spec(("n", 3))
    f = tapec.grad(loss, specs={"batch": {"x": x}})
    p = {"w": draw(3), "b": 1.0}
    for n in (4, 2):
        assert f(p, {"x": draw(n, 3)})["b"] == n
    assert f.signatures == ["(%p_w: f64[3], %p_b: f64[], %batch_x: f64[n,3])"]
    with pytest.raises(ValueError, match=r"specs of batch have nothing for batch\['z'"):
        f(p, {"z": draw(4, 3)})


def test_extents_that_vary_on_their_own() -> None:
    f = tapec.jit(lambda x: np.sum(x), specs=[tapec.spec((2, None, "m"))])
    assert f(np.ones((2, 3, 4))) == 24
    assert f(np.ones((2, 5, 0))) == 0
    assert f.signatures == ["(%x: f64[2,n,m])"]


def test_a_spec_is_checked_when_made() -> None:
    with pytest.raises(ValueError, match=r"spec: 1.5 is no size, name or None"):
        tapec.spec((1.5,))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"spec: 'n-1' is no size"):
        tapec.spec(("n-1",))


def test_shape_errors_name_symbolic_types_and_the_line() -> None:
    f = tapec.jit(lambda x, y: x + y, specs=[ROWS, tapec.spec(("m",))])
    with pytest.raises(tapec.ShapeError) as caught:
        f(draw(4, 3), draw(4))
    text = str(caught.value)
    assert text.startswith("add: shapes do not broadcast: f64[n,3] with f64[m]\n")
    assert "in <lambda>" in text
    assert "x + y" in text
    assert caught.value.__notes__ == ["where n = 4, m = 4"]


# --- symbolic extents ---------------------------------------------------------------


def test_polynomials() -> None:
    n, m = Dim("n"), Dim("m")
    assert repr(2 * n * m + n - 1) == "2*m*n+n-1"
    assert n - n == 0
    assert (n * 64) // 64 is n
    assert (n * 64) // n == 64
    assert Dim("n-1") is n - 1
    assert 3 - n == Dim("-n+3")
    assert n - 1 < n
    assert n >= 0
    assert n != m
    assert n != 5
    assert (2 * n + 1).at({"n": 4}) == 9
    assert (n * m).at({"n": m}) == m**2


def test_extents_without_a_trace_have_no_number() -> None:
    n = Dim("n")
    for ask in (int, lambda d: d > 3, lambda d: d // 2, range):
        with pytest.raises(TypeError, match="has no number before the program runs"):
            ask(n)


def test_extents_pickle_and_copy_as_themselves() -> None:
    d = Dim("2*n-1")
    assert pickle.loads(pickle.dumps(d)) is d
    assert copy.deepcopy(d) is d


def test_a_kernel_for_given_sizes_prints_and_verifies() -> None:
    fn = pipeline.run(tapec.jit(elementwise, dynamic=True).traced(draw(4)))
    bound = with_sizes(fn, {"n": 7}, kernels=True)
    verify(bound)
    text = format_module(bound)
    assert "fused %x body=@kernel sizes=(7,)" in text
    assert format_module(parse(text)) == text
    x = draw(7)
    assert evaluate(bound, x)[0] == pytest.approx(elementwise(x))


@pytest.mark.parametrize("text", ["f64[n-]", "f64[2n]", "f64[n,+1]", "f64[n/2]"])
def test_what_is_no_extent(text: str) -> None:
    with pytest.raises(tapec.ParseError, match="a type such as"):
        parse(f"func @f(%x: {text}) {{\n  return %x\n}}")
