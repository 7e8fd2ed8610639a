"""`custom_gradient`: in every form, nested, with variables; what it refuses."""

import numpy as np
import pytest

import tapec
from tapec import GradientTape, Variable, constant, custom_gradient, programs
from tests.tape.forms import equals, run_in_all_forms


@custom_gradient
def log1pexp(x):
    e = np.exp(x)
    return np.log(1.0 + e), lambda ct: ct * (1.0 - 1.0 / (1.0 + e))


def test_a_better_gradient():
    def program(x):
        with GradientTape() as tape:
            y = log1pexp(x) * 2.0
        return y, tape.gradient(y, x)

    with np.errstate(over="ignore"):
        found = run_in_all_forms(program, 1000.0)
    assert found[1] == 2.0
    assert tapec.grad(log1pexp)(1000.0) == 1.0


def test_outside_any_tape_it_is_the_function():
    assert log1pexp(0.0) == np.log(2.0)
    equals(log1pexp(constant(0.0)), np.log(2.0))


def test_second_order_goes_through_what_the_gradient_reads():
    x = 0.3
    s = 1 / (1 + np.exp(-x))
    assert tapec.grad(tapec.grad(log1pexp))(x) == pytest.approx(s * (1 - s))


def test_second_order_may_be_given_too():
    @custom_gradient
    def square(x):
        @custom_gradient
        def slope(x):
            return 2.0 * x, lambda ct: ct * 7.0

        return x * x, lambda ct: ct * slope(x)

    def program(x):
        with GradientTape() as outer:
            with GradientTape() as inner:
                y = square(x)
            g = inner.gradient(y, x)
        return g, outer.gradient(g, x)

    equals(run_in_all_forms(program, 3.0), (6.0, 7.0))
    assert tapec.grad(tapec.grad(square))(3.0) == 7.0


def test_clipping():
    @custom_gradient
    def clip_norm(x, norm=1.0):
        def grad(ct):
            size = np.sqrt(np.sum(ct * ct))
            return np.where(size > norm, ct * norm / size, ct)

        return x + 0.0, grad

    def program(x):
        with GradientTape() as tape:
            y = np.sum(clip_norm(x, norm=2.0) ** 2)
        return tape.gradient(y, x)

    equals(run_in_all_forms(program, [3.0, 4.0]), np.array([1.2, 1.6]))
    equals(run_in_all_forms(program, [0.3, 0.4]), np.array([0.6, 0.8]))


def test_several_arguments_and_results():
    @custom_gradient
    def two(x, pair):
        y, z = pair
        return {"p": x * y, "q": x + z}, lambda p, q: (p * 2.0, (q * 3.0, None))

    def program(x, y, z):
        with GradientTape() as tape:
            out = two(x, (y, z))
            w = out["p"] * 10.0 + np.sum(out["q"])
        return tape.gradient(w, [x, y, z])

    equals(run_in_all_forms(program, 1.0, 2.0, 3.0), [20.0, 3.0, None])


def test_a_result_nobody_uses():
    @custom_gradient
    def two(x):
        return (x * 2.0, x * 3.0), lambda a, b: a * 10.0 + b

    def program(x):
        with GradientTape() as tape:
            y, _ = two(x)
        return tape.gradient(y, x)

    equals(run_in_all_forms(program, 1.0), 10.0)


def test_gradients_take_type_and_shape_of_the_argument():
    @custom_gradient
    def f(x):
        return np.sum(x), lambda ct: 1.0

    x = constant(np.ones((2, 2)), np.float32)
    with GradientTape() as tape:
        y = f(x)
    g = tape.gradient(y, x)
    assert g.dtype == np.float32
    equals(g, np.ones((2, 2)))


def test_variables():
    v = Variable(2.0, name="v")

    @custom_gradient
    def f(x):
        def grad(ct, variables):
            assert variables == [v]
            return ct * v * 10.0, [ct * x * 100.0]

        return x * v, grad

    x = constant(3.0)
    for _ in range(2):
        with GradientTape() as tape:
            y = f(x) * 2.0
        equals(tape.gradient(y, [x, v]), [40.0, 600.0])

    @tapec.jit
    def step(x):
        with GradientTape() as tape:
            y = f(x) * 2.0
        g = tape.gradient(y, v)
        v.assign_sub(g)
        return g

    assert [step(3.0), step(4.0)] == [600.0, 800.0]
    assert v.item() == 2.0 - 1400.0


def test_a_gradient_function_that_reads_a_variable_alone():
    scale = Variable(5.0)

    @custom_gradient
    def f(x):
        return x * 1.0, lambda ct: ct * scale

    def program(x):
        with GradientTape() as tape:
            y = f(x)
        return tape.gradient(y, x)

    equals(run_in_all_forms(program, 3.0), 5.0)
    scale.assign(6.0)
    equals(run_in_all_forms(program, 3.0), 6.0)


def test_captured_arrays():
    a = np.array([1.0, 2.0])

    @custom_gradient
    def f(x):
        return x * 1.0, lambda ct: ct * a

    def program(x):
        with GradientTape() as tape:
            y = f(x)
        return tape.gradient(y, x)

    equals(run_in_all_forms(program, [1.0, 1.0]), a)


def test_the_cache_tells_gradient_functions_apart():
    def scaled(k):
        @custom_gradient
        def f(x):
            return x * x, lambda ct: ct * float(k)

        return f

    def ask(k):
        x = constant(3.0)
        with GradientTape() as tape:
            y = scaled(k)(x)
        return tape.gradient(y, x).item()

    programs.clear()
    assert [ask(k) for k in (1, 2, 1, 2)] == [1.0, 2.0, 1.0, 2.0]
    before = programs.stats["misses"]
    ask(1)
    assert programs.stats["misses"] == before


def test_methods():
    class Layer:
        @custom_gradient
        def call(self, x):
            return x * 2.0, lambda ct: ct * 9.0

    x = constant(1.0)
    layer = Layer()
    with GradientTape() as tape:
        y = layer.call(x)
    equals(tape.gradient(y, x), 9.0)


def refused(f, error=ValueError):
    x = constant(1.0)
    with GradientTape(), pytest.raises(error) as caught:
        custom_gradient(f)(x)
    return str(caught.value)


def test_errors_name_the_function():
    def bare(x):
        return x * 2.0

    def none(x):
        return x, lambda ct: None

    def many(x):
        return x, lambda ct: (ct, ct)

    def shape(x):
        return x, lambda ct: np.stack([ct, ct])

    def nothing(x):
        return None, lambda ct: ct

    assert refused(bare) == (
        "bare: a function under custom_gradient returns (value, grad_fn), not Tensor"
    )
    assert refused(nothing) == (
        "nothing: a function under custom_gradient returns (value, grad_fn), "
        "not (None, grad_fn)"
    )
    assert refused(none) == (
        "none: its gradient function returned None; return one gradient per argument"
    )
    assert refused(many) == (
        "many: its gradient function returned 2 gradients for 1 argument"
    )
    assert refused(shape) == (
        "shape: its gradient function returned shape (2,) for an argument of shape ()"
    )


def test_variables_need_their_keyword():
    v = Variable(2.0, name="v")

    def f(x):
        return x * v, lambda ct: ct

    assert refused(f, TypeError) == (
        "f reads variables (v); its gradient function must take a keyword `variables` "
        "and return (gradients, gradients of the variables)"
    )

    def g(x):
        return x * v, lambda ct, variables: (ct, [ct, ct])

    assert refused(g) == "g: its gradient function returned 2 gradients for 1 variable"


def test_a_gradient_function_cannot_look():
    def f(x):
        return x, lambda ct: ct if ct > 0 else -ct

    assert "cannot look at numbers" in refused(f, tapec.TraceError)


def test_a_gradient_function_cannot_assign():
    v = Variable(1.0)

    def f(x):
        def grad(ct):
            v.assign(ct)
            return ct

        return x, grad

    assert refused(f, tapec.TraceError) == (
        "f.gradient: a gradient function cannot assign variables"
    )


def test_a_compiled_gradient_leaves_no_host_step():
    @tapec.custom_gradient
    def cube(x):
        return x * x * x, lambda ct: ct * 3 * x * x

    def loop(x):
        return tapec.fori_loop(0, 4, lambda i, c: np.sin(cube(c)), x)

    def kinds(f):
        return {step.kind for step in f.inspect(np.ones(3)).program.steps}

    assert kinds(tapec.jit(cube)) == {"kernel"}
    assert kinds(tapec.grad(lambda x: np.sum(cube(x)))) == {"kernel"}
    assert "host" not in kinds(tapec.grad(lambda x: np.sum(loop(x))))
