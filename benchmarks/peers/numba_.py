"""Numba: it has no gradients; these are derived and written by hand, as loops."""

import math

import numpy as np

NAME = "numba, by hand"


def available():
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True


def prepare(workload, args):
    if workload.name not in LOOPS:
        return None
    import numba

    compiled = numba.njit(fastmath=True)(LOOPS[workload.name])
    return lambda: compiled(*args)


def chain(x):
    n = len(x)
    gradient, value = np.zeros(n), 0.0
    for i in range(n - 1):
        d, e = x[i + 1] - x[i] * x[i], 1.0 - x[i]
        value += 100.0 * d * d + e * e
        gradient[i] += -400.0 * d * x[i] - 2.0 * e
        gradient[i + 1] = 200.0 * d
    return value, (gradient,)


def prices(spot, volatility, strike, maturity):
    n = len(spot)
    delta, vega, value = np.empty(n), np.empty(n), 0.0
    for i in range(n):
        root = math.sqrt(maturity[i])
        s = volatility[i] * root
        drift = (0.02 + 0.5 * volatility[i] * volatility[i]) * maturity[i]
        d1 = (math.log(spot[i] / strike[i]) + drift) / s
        up = 0.5 * math.erfc(-d1 * math.sqrt(0.5))
        down = 0.5 * math.erfc(-(d1 - s) * math.sqrt(0.5))
        value += spot[i] * up - strike[i] * math.exp(-0.02 * maturity[i]) * down
        delta[i] = up
        vega[i] = spot[i] * root * math.exp(-0.5 * d1 * d1) / math.sqrt(2.0 * math.pi)
    return value, (delta, vega)


def logistic(w, b, x, y):
    n, d = x.shape
    gw, gb, value = np.zeros(d), 0.0, 0.0
    for i in range(n):
        z = b
        for j in range(d):
            z += x[i, j] * w[j]
        z *= y[i]
        e = math.exp(-abs(z))
        value += math.log1p(e) - min(z, 0.0)
        r = -y[i] * (e if z > 0.0 else 1.0) / (1.0 + e) / n
        gb += r
        for j in range(d):
            gw[j] += r * x[i, j]
    return value / n, (gw, np.array([gb]))


LOOPS = {"rosen1000": chain, "bs1m": prices, "logreg": logistic}
