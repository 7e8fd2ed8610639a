"""jacfwd, jacrev, jacobian, hessian and check_grads."""

import numpy as np
import pytest

import tapec

X = np.array([0.5, 1.0, 2.0])
MODES = [tapec.jacfwd, tapec.jacrev, tapec.jacobian]
each_mode = pytest.mark.parametrize("jac", MODES, ids=lambda j: j.__name__)


def mixing(x):
    return np.sum(x) * np.sin(x)


def mixing_jacobian(x):
    return np.diag(np.sum(x) * np.cos(x)) + np.sin(x)[:, None]


# --- Jacobians --------------------------------------------------------------


@each_mode
def test_shapes(jac):
    np.testing.assert_allclose(jac(mixing)(X), mixing_jacobian(X))
    a = np.arange(6.0).reshape(2, 3)
    found = jac(lambda a: np.einsum("ij,kj->ik", a, a))(a)
    assert found.shape == (2, 2, 2, 3)
    eye = np.eye(2)
    wanted = np.einsum("ia,kb->ikab", eye, a) + np.einsum("ka,ib->ikab", eye, a)
    np.testing.assert_allclose(found, wanted)
    assert type(jac(np.sin)(0.5)) is float
    assert jac(np.sum)(X).shape == (3,)
    assert jac(lambda x: np.stack([x, x]))(2.0).shape == (2,)
    assert jac(np.sin)(np.ones((0, 3))).shape == (0, 3, 0, 3)


@each_mode
def test_dtypes(jac):
    found = jac(lambda x, y: x * y, argnums=(0, 1))(X.astype(np.float32), X)
    assert [j.dtype for j in found] == [np.float32, np.float64]
    assert jac(np.sin)(X.astype(np.float32)).dtype == np.float32


@each_mode
def test_containers_argnums_and_aux(jac):
    def f(p, k):
        return {"a": p["w"] * p["b"] * k, "b": np.sum(p["w"])}, k

    found, aux = jac(f, argnums=(0, 1), has_aux=True)({"w": X, "b": 2.0}, 3.0)
    by_p, by_k = found["a"]
    np.testing.assert_allclose(by_p["w"], 6 * np.eye(3))
    np.testing.assert_allclose(by_p["b"], 3 * X)
    np.testing.assert_allclose(by_k, 2 * X)
    np.testing.assert_allclose(found["b"][0]["w"], np.ones(3))
    assert found["b"][1] == 0.0 and aux == 3.0


@each_mode
def test_composition(jac):
    np.testing.assert_allclose(
        tapec.jit(lambda x: jac(mixing)(x))(X), mixing_jacobian(X)
    )
    x = tapec.constant(X)
    with tapec.GradientTape() as tape:
        s = np.sum(jac(np.sin)(x) ** 2)
    np.testing.assert_allclose(tape.gradient(s, x).numpy(), -2 * np.cos(X) * np.sin(X))
    w = tapec.Variable(X)
    np.testing.assert_allclose(jac(lambda x: w * x)(X), np.diag(X))
    w.assign(2 * X)
    np.testing.assert_allclose(jac(lambda x: w * x)(X), np.diag(2 * X))
    third = jac(jac(jac(np.sin)))(0.5)
    assert third == pytest.approx(-np.cos(0.5))
    batched = tapec.vmap(jac(mixing))(np.stack([X, 2 * X]))
    np.testing.assert_allclose(batched[1], mixing_jacobian(2 * X))


@each_mode
def test_decorator(jac):
    @jac
    def f(x):
        """Doubles."""
        return x + x

    assert f.__name__ == "f" and f.__doc__ == "Doubles."
    np.testing.assert_array_equal(f(X), 2 * np.eye(3))
    np.testing.assert_array_equal(jac(argnums=1)(np.multiply)(X, X), np.diag(X))


@each_mode
def test_linear_algebra_and_selection(jac):
    a = np.eye(3) * 3 + np.arange(9.0).reshape(3, 3) / 10
    np.testing.assert_allclose(
        jac(lambda b: np.linalg.solve(a, b))(X), np.linalg.inv(a)
    )
    found = jac(lambda x: np.sort(x)[::-1])(np.array([2.0, 1.0, 3.0]))
    np.testing.assert_array_equal(found, np.eye(3)[[2, 0, 1]])


@each_mode
def test_loops(jac):
    def f(x):
        c, ys = tapec.scan(lambda c, a: (np.sin(c) * a, c * a), 1.0, x)
        return np.stack([c, ys[-1]])

    h = 1e-6 * np.eye(3)
    wanted = [(f(X + e) - f(X - e)) / 2e-6 for e in h]
    np.testing.assert_allclose(jac(f)(X), np.transpose(wanted), atol=1e-8)


def test_complex_values():
    z = np.array([0.3 + 1j, 2.0])
    for jac in MODES:
        np.testing.assert_allclose(jac(np.exp)(z), np.diag(np.exp(z)))
    for jac in (tapec.jacfwd, tapec.jacobian):
        np.testing.assert_allclose(
            jac(lambda x: np.exp(1j * x))(X), np.diag(1j * np.exp(1j * X))
        )
    with pytest.raises(tapec.DTypeError, match=r"tapec\.jacfwd"):
        tapec.jacrev(lambda x: np.exp(1j * x))(X)


def test_the_cheaper_direction_is_taken():
    def products(jac, x):
        fn = jac.traced(x)
        return max(op.type.size for op in fn.ops if op.prim.name == "tanh")

    def wide(x):
        return np.sum(np.tanh(x))

    # the vectorized half never repeats what does not depend on the direction
    x = np.linspace(0.0, 1.0, 50)
    assert products(tapec.jacobian(wide), x) == 50
    largest = max(op.type.size for op in tapec.jacobian(wide).traced(x).ops)
    assert largest == 50
    assert max(op.type.size for op in tapec.jacfwd(wide).traced(x).ops) == 2500


@each_mode
def test_what_has_no_jacobian(jac):
    with pytest.raises(tapec.DTypeError, match="a value of dtype int64"):
        jac(np.argsort)(X)
    with pytest.raises(tapec.DTypeError, match=r"astype\(float\)"):
        jac(np.sin)(np.arange(3))


# --- Hessians ---------------------------------------------------------------


def test_hessian():
    def f(x):
        return np.sum(x**3) * x[0]

    wanted = np.diag(6 * X * X[0])
    wanted[0] += 3 * X**2
    wanted[:, 0] += 3 * X**2
    np.testing.assert_allclose(tapec.hessian(f)(X), wanted)
    assert tapec.hessian(np.sin)(0.5) == pytest.approx(-np.sin(0.5))


def test_hessian_containers_argnums_and_aux():
    def f(x, y):
        return np.sum(x * x * y["k"]), x

    (xx, xy), aux = tapec.hessian(f, argnums=(0, 1), has_aux=True)(X, {"k": X})
    np.testing.assert_allclose(xx[0], np.diag(2 * X))
    np.testing.assert_allclose(xx[1]["k"], np.diag(2 * X))
    np.testing.assert_allclose(xy["k"][0], np.diag(2 * X))
    np.testing.assert_array_equal(xy["k"][1]["k"], np.zeros((3, 3)))
    np.testing.assert_array_equal(aux, X)


def test_hessian_of_a_loop():
    def f(x):
        def step(c, a):
            return np.sin(c) * a, c * a

        c, ys = tapec.scan(step, 1.0, x)
        return c + np.sum(ys)

    found = tapec.hessian(f)(X)
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    tapec.check_grads(f, (X,))


# --- check_grads ------------------------------------------------------------


def test_check_grads_accepts():
    tapec.check_grads(mixing, (X,))
    tapec.check_grads(np.sin, (0.5,), order=3)
    tapec.check_grads(mixing, (X.astype(np.float32),))
    tapec.check_grads(lambda z: np.abs(np.exp(z)), (np.array([0.3 + 1j, 2.0]),))
    tapec.check_grads(
        lambda p, n: {"y": p["w"] ** n, "n": n}, ({"w": X, "b": 1.0}, 3), modes=["rev"]
    )


@tapec.custom_gradient
def wrong(x):
    return np.sin(x), lambda ct: ct * np.cos(x) * 1.5


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_check_grads_says_what_is_wrong(mode):
    how = {"fwd": "forward", "rev": "reverse"}[mode]
    pattern = (
        rf"the derivative of wrong is wrong in {how} mode: along a random direction "
        r"differences give (-?[\d.e-]+), the derivative (-?[\d.e-]+)"
    )
    with pytest.raises(AssertionError, match=pattern) as caught:
        tapec.check_grads(wrong, (X,), modes=[mode])
    words = str(caught.value).replace(",", "").split()
    numeric, analytic = float(words[-4]), float(words[-1])
    assert analytic == pytest.approx(1.5 * numeric, rel=1e-6)


def test_check_grads_to_second_order():
    @tapec.custom_gradient
    def f(x):
        return x * x, lambda ct: ct * tapec.stop_gradient(2 * x)

    tapec.check_grads(f, (X,), order=1)
    with pytest.raises(AssertionError, match="in forward over forward mode"):
        tapec.check_grads(f, (X,), order=2)


def test_check_grads_refuses():
    with pytest.raises(ValueError, match="there is no mode 'forward'"):
        tapec.check_grads(np.sin, (X,), modes=["forward"])
    with pytest.raises(ValueError, match="no argument is floating"):
        tapec.check_grads(np.sin, (np.arange(3),))
