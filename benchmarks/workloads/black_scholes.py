"""Black-Scholes prices of a million call options, by spot and volatility."""

import numpy as np
from scipy import special

from benchmarks.workloads.record import Workload

RATE = 0.02


def prices(spot, volatility, strike, maturity):
    root = volatility * np.sqrt(maturity)
    growth = (RATE + 0.5 * volatility * volatility) * maturity
    d1 = (np.log(spot / strike) + growth) / root
    d2 = d1 - root
    up = 0.5 * (1.0 + special.erf(d1 / np.sqrt(2.0)))
    down = 0.5 * (1.0 + special.erf(d2 / np.sqrt(2.0)))
    return np.sum(spot * up - strike * np.exp(-RATE * maturity) * down)


def by_hand(spot, volatility, strike, maturity):
    """The derivatives have names: delta is Φ(d1), vega is S φ(d1) √T."""
    root_t, d1, d2, up, t = (np.empty_like(spot) for _ in range(5))

    def call():
        np.sqrt(maturity, out=root_t)
        np.multiply(volatility, volatility, out=t)
        np.multiply(t, 0.5, out=t)
        np.add(t, RATE, out=t)
        np.multiply(t, maturity, out=t)
        np.divide(spot, strike, out=d1)
        np.log(d1, out=d1)
        np.add(d1, t, out=d1)
        np.multiply(volatility, root_t, out=t)
        np.divide(d1, t, out=d1)
        np.subtract(d1, t, out=d2)
        special.ndtr(d1, out=up)
        special.ndtr(d2, out=d2)
        np.multiply(maturity, -RATE, out=t)
        np.exp(t, out=t)
        np.multiply(t, strike, out=t)
        value = np.vdot(spot, up) - np.vdot(t, d2)
        np.multiply(d1, d1, out=d1)
        np.multiply(d1, -0.5, out=d1)
        np.exp(d1, out=d1)
        np.multiply(d1, spot, out=d1)
        np.multiply(d1, root_t, out=d1)
        np.multiply(d1, 1.0 / np.sqrt(2.0 * np.pi), out=d1)
        return value, (up, d1)

    return call


def make(n=1_000_000):
    rng = np.random.default_rng(0)
    return (
        rng.uniform(50.0, 150.0, n),
        rng.uniform(0.1, 0.5, n),
        rng.uniform(50.0, 150.0, n),
        rng.uniform(0.2, 2.0, n),
    )


bs1m = Workload(
    name="bs1m",
    about="Black-Scholes prices of 1,000,000 options, by spot and volatility",
    function=prices,
    argnums=(0, 1),
    make=make,
    by_hand=by_hand,
    rtol=1e-7,
)
