"""What sizes decide while a function is traced, and how calls are checked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import tapec

RNG = np.random.default_rng(5)


def draw(*shape: int) -> Any:
    return RNG.normal(size=shape)


def elementwise(x: Any) -> Any:
    return np.sum(np.sin(x) * x + 2.0)


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
