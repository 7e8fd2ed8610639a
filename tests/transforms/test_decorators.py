"""`jit`, `grad`, `value_and_grad`, `vjp`: arguments, results, signatures, guards."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, NamedTuple

import numpy as np
import pytest

import tapec
from tapec.recording import state


def cube(x: Any, y: Any = 1.0) -> Any:
    return x * x * x * y


# --- what is differentiated -------------------------------------------------------


def test_argnums_give_a_gradient_or_a_tuple() -> None:
    assert tapec.grad(cube)(2.0, 3.0) == 36.0
    assert tapec.grad(cube, argnums=1)(2.0, 3.0) == 8.0
    assert tapec.grad(cube, argnums=-1)(2.0, 3.0) == 8.0
    assert tapec.grad(cube, argnums=(0, 1))(2.0, 3.0) == (36.0, 8.0)
    assert tapec.grad(cube, argnums=(1,))(2.0, 3.0) == (8.0,)


def test_argnames() -> None:
    assert tapec.grad(cube, argnames="y")(2.0, y=3.0) == 8.0
    assert tapec.grad(cube, argnames=("y", "x"))(2.0, 3.0) == (8.0, 36.0)
    with pytest.raises(ValueError, match="cube was called without argument 'y'"):
        tapec.grad(cube, argnames="y")(2.0)


def test_argnums_out_of_range() -> None:
    with pytest.raises(ValueError, match="called with 1 positional"):
        tapec.grad(cube, argnums=2)(2.0)


def test_decorator_forms() -> None:
    @tapec.grad
    def f(x: Any) -> Any:
        return x * x

    @tapec.grad(argnums=(0, 2))
    def g(x: Any, y: Any, z: Any) -> Any:
        return x * y * z

    assert f(3.0) == 6.0
    assert g(2.0, 3.0, 5.0) == (15.0, 6.0)
    assert (f.__name__, g.__name__) == ("f", "g")


def test_has_aux() -> None:
    def f(x: Any) -> Any:
        return x * x, {"double": 2 * x, "name": "aux", "none": None}

    aux = {"double": 6.0, "name": "aux", "none": None}
    assert tapec.grad(f, has_aux=True)(3.0) == (6.0, aux)
    assert tapec.value_and_grad(f, has_aux=True)(3.0) == ((9.0, aux), 6.0)


def test_the_same_array_twice_gives_two_gradients() -> None:
    x = np.array([1.0, 2.0])
    a, b = tapec.grad(lambda a, b: np.sum(a * a * b), argnums=(0, 1))(x, x)
    np.testing.assert_array_equal(a, 2 * x * x)
    np.testing.assert_array_equal(b, x * x)


class Point(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class Layer:
    w: Any
    b: Any
    label: str = "layer"


def test_containers_keep_their_structure() -> None:
    params = {"p": Point(1.0, 2.0), "l": [Layer(np.ones(2), None), ()], "n": None}

    def f(p: Any) -> Any:
        return p["p"].x * p["p"].y + np.sum(p["l"][0].w ** 2)

    got = tapec.grad(f)(params)
    assert got["p"] == Point(2.0, 1.0)
    assert got["l"][0].label == "layer"
    assert got["l"][0].b is None
    assert got["l"][1] == () and got["n"] is None
    np.testing.assert_array_equal(got["l"][0].w, 2.0)


def test_functions_of_functions() -> None:
    f = tapec.grad(tapec.grad(tapec.grad(lambda x: x**4)))
    assert f(2.0) == 48.0
    inner = tapec.grad(lambda x: x * tapec.grad(lambda y: x + y)(x))
    assert inner(1.0) == 1.0
    outer = tapec.jit(lambda x: tapec.value_and_grad(cube)(x)[1] + tapec.jit(cube)(x))
    assert outer(2.0) == 20.0


def test_vjp() -> None:
    y, pullback = tapec.vjp(lambda x, w: {"y": x * w}, np.ones(3), 2.0)
    np.testing.assert_array_equal(y["y"], 2.0)
    gx, gw = pullback({"y": np.array([1.0, 2.0, 3.0])})
    np.testing.assert_array_equal(gx, [2.0, 4.0, 6.0])
    assert gw == 6.0
    with pytest.raises(tapec.ShapeError, match="cotangent of shapes"):
        pullback({"y": np.ones(2)})


# --- kinds of arguments and results -----------------------------------------------


def test_results_have_the_callers_kind() -> None:
    f = tapec.jit(lambda x: x * 2)
    assert type(f(1.5)) is float
    assert type(f(2)) is int
    assert type(f(np.ones(2))) is np.ndarray
    assert type(f(np.float32(2))) is np.float32
    assert type(f(tapec.constant(1.0))) is tapec.Tensor
    assert f(np.ones(2, np.float32)).dtype == np.float32


def test_python_numbers_are_weak() -> None:
    f = tapec.jit(lambda x, s: x * s + 1.0)
    assert f(np.ones(2, np.float32), 2.0).dtype == np.float32
    assert f(np.ones(2, np.float32), np.float64(2.0)).dtype == np.float64
    assert tapec.grad(lambda s: np.sum(np.ones(2, np.float32) * s))(2.0) == 2.0


def test_a_python_integer_is_taken_as_a_float() -> None:
    got = tapec.grad(lambda x: x * x)(3)
    assert (got, type(got)) == (6.0, float)


def test_results_are_fresh() -> None:
    x = np.ones(3)
    f = tapec.jit(lambda x: (x, x * 1.0, np.reshape(x, (3, 1))))
    for out in f(x):
        assert not np.shares_memory(out, x)
        out[...] = 7.0
    np.testing.assert_array_equal(x, 1.0)


def test_odd_layouts() -> None:
    f = tapec.grad(lambda x: np.sum(np.sin(x) * np.arange(6.0).reshape(2, 3)))
    base = np.arange(24.0).reshape(4, 6)
    views = {
        "strided": base[::2, ::2],
        "reversed": base[1::-1, 2::-1],
        "Fortran": np.asfortranarray(base[:2, :3]),
        "broadcast": np.broadcast_to(np.arange(3.0), (2, 3)),
        "byte order": base[:2, :3].astype(">f8"),
    }
    unaligned = np.zeros(8 * 6 + 1, np.uint8)[1:].view(np.float64).reshape(2, 3)
    for name, view in {**views, "unaligned": unaligned}.items():
        want = np.cos(view.astype(float)) * np.arange(6.0).reshape(2, 3)
        np.testing.assert_allclose(f(view), want, rtol=1e-14, err_msg=name)


# --- errors -----------------------------------------------------------------------


def test_what_has_no_gradient() -> None:
    with pytest.raises(tapec.DTypeError, match=r"give it as x\.astype\(float\)"):
        tapec.grad(np.sum)(np.arange(3))
    with pytest.raises(ValueError, match="nothing returned None"):

        def nothing(x: Any) -> None:
            x * 2

        tapec.grad(nothing)(1.0)
    with pytest.raises(tapec.ShapeError, match=r"returned shape \(3,\)"):
        tapec.grad(np.sin)(np.ones(3))
    with pytest.raises(tapec.DTypeError, match="returned dtype int64"):
        tapec.grad(lambda x: np.argmax(x))(np.ones(3))
    with pytest.raises(TypeError, match="holds no number"):
        tapec.grad(lambda x: 1.0)("text")


def test_constants_and_arguments_as_results() -> None:
    assert tapec.grad(lambda x: x)(2.0) == 1.0
    assert tapec.grad(lambda x: 3.0)(2.0) == 0.0
    np.testing.assert_array_equal(tapec.grad(lambda x: 3.0)(np.ones(2)), 0.0)


def test_an_error_names_op_types_and_line() -> None:
    @tapec.grad
    def bad(s: Any, y: Any) -> Any:
        return (s * y).sum()

    with pytest.raises(tapec.ShapeError) as caught:
        bad(np.ones(3), np.ones(4))
    lines = str(caught.value).splitlines()
    assert lines[0] == "multiply: shapes do not broadcast: f64[3] with f64[4]"
    assert lines[1].endswith(", in bad")
    assert lines[2:] == ["    return (s * y).sum()", "            ^^^^^"]


def test_an_exception_leaves_no_recording_open() -> None:
    @tapec.jit
    def broken(x: Any) -> Any:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        broken(1.0)
    assert state.recording is None


def test_a_value_that_escaped_its_trace() -> None:
    kept = []

    @tapec.jit
    def leak(x: Any) -> Any:
        kept.append(x * 2)
        return x

    leak(1.0)
    with pytest.raises(tapec.TraceError, match="traced in leak was used after"):
        kept[0].numpy()


# --- signatures and retracing -----------------------------------------------------


class Mode(enum.Enum):
    DOUBLE = 2
    TRIPLE = 3


def test_one_version_per_signature() -> None:
    f = tapec.jit(lambda x, mode=Mode.DOUBLE, flag=True: x * mode.value if flag else x)
    f(1.0)
    f(2.0)
    assert len(f.signatures) == 1
    assert f(1.0, Mode.TRIPLE) == 3.0
    assert f(1.0, flag=False) == 1.0
    assert f(np.ones(3)).shape == (3,)
    assert len(f.signatures) == 4
    assert f.explain_retrace().splitlines()[0] == "1. first call: float"
    f(np.ones(4))
    assert "float64[3] -> float64[4]" in f.explain_retrace().splitlines()[-1]


def test_static_arguments() -> None:
    def power(x: Any, n: int) -> Any:
        out = 1.0
        for _ in range(n):
            out = out * x
        return out

    by_number = tapec.grad(power, static_argnums=1)
    by_name = tapec.grad(power, static_argnames="n")
    assert by_number(2.0, 3) == by_name(2.0, n=3) == 12.0
    assert by_number(2.0, 2) == 4.0
    message = r"^static_argnums: power has no parameter 2; it has x, n$"
    with pytest.raises(ValueError, match=message):
        tapec.jit(power, static_argnums=(1, 2))
    message = r"^static_argnames: power has no parameter m; it has x, n$"
    with pytest.raises(ValueError, match=message):
        tapec.jit(power, static_argnames="m")

    def takes_any(x: Any, **options: int) -> Any:
        return x ** options["n"]

    assert tapec.jit(takes_any, static_argnames="n")(3.0, n=2) == 9.0


def test_a_fresh_lambda_does_not_retrace() -> None:
    @tapec.jit
    def apply(f: Any, x: Any) -> Any:
        return f(x)

    for _ in range(3):
        assert apply(lambda x: x + 1, 1.0) == 2.0
    assert len(apply.signatures) == 1


def test_branches_are_guarded_whatever_comes_first() -> None:
    def f(x: Any) -> Any:
        if x > 0:
            return x * x
        return -x

    for order in [(2.0, -2.0, 3.0), (-2.0, 2.0, -3.0)]:
        g = tapec.grad(f)
        assert [g(x) for x in order] == [2 * x if x > 0 else -1.0 for x in order]
        assert len(g.signatures) == 2
        assert "if x > 0:" in g.explain_retrace()


def test_the_truth_of_a_number_is_all_that_is_checked() -> None:
    f = tapec.jit(lambda x: x * 2 if x else x - 1)
    assert [f(x) for x in (3.0, 4.0, 0.0, 5.0)] == [6.0, 8.0, -1.0, 10.0]
    assert len(f.signatures) == 2


def test_while_and_assert() -> None:
    @tapec.value_and_grad
    def halve(x: Any) -> Any:
        n = 0
        while x > 1:
            x = x / 2
            n += 1
        assert n < 10
        return x

    assert halve(8.0) == (1.0, 0.125)
    assert halve(4.0) == (1.0, 0.25)
    assert halve(7.0) == (0.875, 0.125)
    with pytest.raises(AssertionError):
        halve(2.0**20)


def first_positive(x: Any) -> Any:
    for i in range(20):
        if x[i] > 0:
            return x[i] ** (i + 1)  # no power is another's program
    return x[0]


def ahead(n: int) -> Any:
    return np.where(np.arange(20) < n, -1.0, 2.0)


def test_many_branches_are_given_up_once() -> None:
    f = tapec.grad(first_positive)
    with pytest.warns(UserWarning, match="run interpreted") as caught:
        got = [f(ahead(n)) for n in range(20)]
    assert [g.sum() for g in got] == [(n + 1) * 2.0**n for n in range(20)]
    assert len(caught) == 1 and caught[0].filename == __file__
    message = str(caught[0].message)
    assert message.startswith("first_positive: 16 versions were compiled")
    assert "if x[i] > 0:" in message and "tapec.cond" in message


def test_a_version_that_exists_is_used_after_giving_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    f = tapec.jit(first_positive)
    with pytest.warns(UserWarning, match="run interpreted"):
        for n in range(17):
            f(ahead(n))
    traced: list[Any] = []
    original = type(f)._trace
    monkeypatch.setattr(
        type(f), "_trace", lambda *args: traced.append(1) or original(*args)
    )
    assert [f(ahead(n)) for n in (0, 7, 15)] == [2.0, 2.0**8, 2.0**16]
    assert not traced
    assert f(ahead(18)) == 2.0**19
    assert len(traced) == 1 and len(f.signatures) == 16
    assert f(np.ones(20, np.float32)) == 1.0  # another signature is compiled
    assert len(f.signatures) == 17


def test_each_branch_is_named_with_its_line() -> None:
    f = tapec.jit(first_positive)
    for n in range(3):
        f(ahead(n))
    line = first_positive.__code__.co_firstlineno + 2
    first, *others = f.explain_retrace().split("another branch was taken at")
    assert first.startswith("1. first call: float64[20]\n2. ")
    assert len(others) == 2
    for text in others:
        assert f":{line}, in first_positive" in text and "if x[i] > 0:" in text
    assert f.signatures == [
        f"(%x: f64[20]), 3 checks at {__file__}:{line}",
        f"(%x: f64[20]), 2 checks at {__file__}:{line}",
        f"(%x: f64[20]), 1 check at {__file__}:{line}",
    ]


def test_a_call_that_failed_is_no_version() -> None:
    @tapec.jit
    def f(x: Any) -> Any:
        if fail:
            raise RuntimeError("mine")
        return x

    fail = True
    for _ in range(2):
        with pytest.raises(RuntimeError, match="mine"):
            f(1.0)
    fail = False
    assert f(1.0) == 1.0
    assert f.explain_retrace() == "1. first call: float"


def branching(x: Any) -> Any:
    return x if x > 0 else -x


@pytest.mark.parametrize(
    ("f", "remedy"),
    [
        (lambda: tapec.vmap(branching)(np.ones(3)), "use np.where"),
        (lambda: tapec.vmap(tapec.grad(branching))(np.ones(3)), "use np.where"),
        (lambda: tapec.vmap(tapec.jit(branching))(np.ones(3)), "use np.where"),
        (
            lambda: tapec.jit(
                lambda x: tapec.scan(lambda c, _: (branching(c), c), x, length=3)
            )(1.0),
            "tapec.cond",
        ),
        (
            lambda: tapec.jit(
                lambda x: tapec.while_loop(lambda c: c > 3, lambda c: branching(c), x)
            )(1.0),
            "tapec.cond",
        ),
        (
            lambda: tapec.jit(
                lambda x: tapec.while_loop(lambda c: branching(c) > 3, np.sin, x)
            )(1.0),
            "tapec.cond",
        ),
        (
            lambda: tapec.jit(lambda x: tapec.cond(x > 1, branching, lambda x: x, x))(
                1.0
            ),
            "tapec.cond",
        ),
        (
            lambda: tapec.jit(
                lambda x: tapec.fori_loop(0, 3, lambda i, c: branching(c), x)
            )(1.0),
            "tapec.cond",
        ),
    ],
)
def test_a_branch_where_there_is_no_number(f: Any, remedy: str) -> None:
    with pytest.raises(tapec.TraceError, match=remedy) as caught:
        f()
    assert "return x if x > 0 else -x" in str(caught.value)
    assert "in branching" in str(caught.value)


# --- captures ---------------------------------------------------------------------

SCALE = np.array([1.0, 2.0])
FACTOR = 2.0


def test_a_captured_array_is_read_at_each_call() -> None:
    w = np.array([1.0, 1.0])
    f = tapec.jit(lambda x: x * w)
    np.testing.assert_array_equal(f(np.ones(2)), [1.0, 1.0])
    w[:] = 5.0
    np.testing.assert_array_equal(f(np.ones(2)), [5.0, 5.0])
    assert len(f.signatures) == 1


def test_rebinding_is_seen() -> None:
    global SCALE, FACTOR
    w = np.array([1.0, 1.0])

    @tapec.jit
    def f(x: Any) -> Any:
        return x * w * SCALE * FACTOR

    np.testing.assert_array_equal(f(np.ones(2)), [2.0, 4.0])
    w = np.array([3.0, 3.0])
    SCALE = np.array([1.0, 1.0])
    np.testing.assert_array_equal(f(np.ones(2)), [6.0, 6.0])
    assert len(f.signatures) == 1
    FACTOR = 1.0
    np.testing.assert_array_equal(f(np.ones(2)), [3.0, 3.0])
    assert "captured number" in f.explain_retrace()


class Model:
    def __init__(self) -> None:
        self.w = np.array([1.0, 2.0])

    @tapec.value_and_grad(argnums=1)
    def loss(self, x: Any) -> Any:
        return np.sum(self.w * x * x)


def test_methods_and_attributes_of_self() -> None:
    model = Model()
    value, g = model.loss(np.ones(2))
    assert value == 3.0
    np.testing.assert_array_equal(g, [2.0, 4.0])
    model.w = model.w - 0.5 * g
    value, g = model.loss(np.ones(2))
    assert value == 0.0
    other = Model()
    assert other.loss(np.ones(2))[0] == 3.0


def test_a_training_step_is_one_program() -> None:
    w = tapec.Variable(np.array([1.0, -1.0]), name="w")

    @tapec.jit
    def step(x: Any, rate: Any) -> Any:
        with tapec.GradientTape() as tape:
            loss = np.sum((x * w) ** 2)
        w.assign_sub(rate * tape.gradient(loss, w))
        return loss

    want = np.array([1.0, -1.0])
    x = np.array([1.0, 2.0])
    for rate in (0.1, 0.1, 0.05):
        assert step(x, rate) == np.sum((x * want) ** 2)
        want = want - rate * 2 * x * x * want
        np.testing.assert_allclose(w.numpy(), want, rtol=1e-15)
    assert len(step.signatures) == 1


def test_a_failed_call_assigns_nothing() -> None:
    v = tapec.Variable(1.0)

    @tapec.jit
    def step(x: Any) -> Any:
        v.assign_add(x)
        return np.linalg.inv(np.reshape(x, (1, 1)))

    step(np.array(2.0))
    with pytest.raises(np.linalg.LinAlgError):
        step(np.array(0.0))
    assert float(v) == 3.0


def test_assigning_into_an_argument_keeps_the_source() -> None:
    @tapec.grad
    def f(x: Any) -> Any:
        x[0] = x[1] * 3
        x[2:] += 1
        return np.sum(x**2)

    np.testing.assert_array_equal(f(np.arange(4.0)), [0.0, 20.0, 6.0, 8.0])


def test_implicit_looks_are_refused_with_the_replacement() -> None:
    with pytest.raises(tapec.UnsupportedError, match=r"use np\.stack"):
        tapec.grad(lambda x: np.sum(np.array([x, x])))(1.0)
    with pytest.raises(tapec.UnsupportedError, match=r"np\.sin for math\.sin"):
        import math

        tapec.grad(lambda x: math.sin(x))(1.0)


def test_explicit_looks_cut_the_gradient() -> None:
    f = tapec.grad(lambda x: x * x.item())
    assert [f(3.0), f(4.0), f(np.nan), f(3.0)][:2] == [3.0, 4.0]
    g = tapec.grad(lambda x: np.sum(x * x.numpy()))
    for x in (np.array([3.0, 1.0]), np.array([4.0, 1.0]), np.array([4.0, np.nan])):
        np.testing.assert_array_equal(g(x), x)
    h = tapec.jit(lambda x: x * float(f"{x:.3f}"))
    assert (h(2.0), h(3.0)) == (4.0, 9.0)
