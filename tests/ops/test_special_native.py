"""Special functions in kernels: SciPy's values at corners, in every dtype they have."""

import numpy as np
import pytest
import scipy.special as sp

import tapec

INF, NAN = np.inf, np.nan
LINE = [
    -INF,
    -40.0,
    -5.5,
    -2.0,
    -0.5,
    -0.0,
    0.0,
    1e-300,
    0.3,
    1.0,
    2.5,
    170.0,
    1e5,
    INF,
]
UNIT = [0.0, 1e-300, 0.2, 0.3499, 0.35, 0.4999, 0.5, 0.6, 0.65, 0.9, 1.0, 1.5, -1.0]
ONE = {
    "gammaln": LINE, "psi": LINE, "ndtr": LINE, "log_expit": LINE, "entr": LINE,
    "logit": UNIT,
}  # fmt: skip
PAIRS = [(x, y) for x in (0.0, -0.0, 2.0, INF, NAN) for y in (0.0, 0.5, 3.0, INF, NAN)]


def compiled(ufunc, *arrays):
    f = tapec.jit(lambda *xs: ufunc(*xs))
    (kernel,) = tapec.inspect(f, *arrays).kernels
    assert kernel.name
    return f(*arrays)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ONE)
def test_of_one(name, dtype):
    x = np.array([*ONE[name], NAN], dtype)
    ufunc = getattr(sp, name)
    with np.errstate(all="ignore"):
        got, wanted = compiled(ufunc, x), ufunc(x)
    assert got.dtype == wanted.dtype
    np.testing.assert_allclose(got, wanted, rtol=1e-13 if dtype == np.float64 else 3e-6)


@pytest.mark.parametrize("name", ["xlogy", "xlog1py"])
def test_of_two(name):
    x, y = np.array(PAIRS).T
    ufunc = getattr(sp, name)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(compiled(ufunc, x, y), ufunc(x, y), rtol=1e-14)
