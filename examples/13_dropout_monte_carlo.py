"""Random numbers inside compiled code: the Greeks of an option, and dropout.

python examples/13_dropout_monte_carlo.py
"""

import numpy as np
from scipy.stats import norm

import tapec
from tapec import random

# --- a call option, priced by simulation: the gradient is that of each path ---


@tapec.value_and_grad(argnums=(0, 1))
def price(spot, volatility, key):
    """The mean pay-off of 300,000 paths, strike 100, one year, no interest."""
    z = random.normal(key, (300_000,))
    end = spot * np.exp(volatility * z - 0.5 * volatility**2)
    return np.mean(np.maximum(end - 100.0, 0.0))


value, (delta, vega) = price(105.0, 0.2, random.key(1))
d = np.log(105 / 100) / 0.2 + 0.1
exact = 105 * norm.cdf(d) - 100 * norm.cdf(d - 0.2), norm.cdf(d), 105 * norm.pdf(d)
for name, x, y in zip(
    ("price", "delta", "vega"), (value, delta, vega), exact, strict=True
):
    print(f"{name} is within 1 % of the formula: {abs(x - y) < 0.01 * y}")
print("same key, same numbers:", price(105.0, 0.2, random.key(1))[0] == value)


# --- dropout: another half of the network at each step, one program ---

rng = np.random.default_rng(0)
x = rng.uniform(-1, 1, (100, 3))
y = np.sin(2 * x[:, 0]) + x[:, 1] ** 2
w = {
    "in": rng.standard_normal((3, 32)),
    "mix": rng.standard_normal((32, 32)) * 0.2,
    "out": rng.standard_normal(32) * 0.2,
}


def network(w, x, keep):
    hidden = np.tanh(x @ w["in"]) * keep
    return np.tanh(hidden @ w["mix"]) @ w["out"]


@tapec.value_and_grad
def loss(w, key):
    keep = random.bernoulli(key, 0.8, (len(x), 32)) / 0.8
    return np.mean((network(w, x, keep) - y) ** 2)


key = random.key(2)
for step in range(300):
    error, slope = loss(w, random.fold_in(key, step))
    w = {name: w[name] - 0.1 * slope[name] for name in w}
print("compiled", len(loss.signatures), "time")
print("explains most of it:", np.mean((network(w, x, 1.0) - y) ** 2) < 0.3 * np.var(y))


@tapec.jit
def spread(w, x, key):
    """How much the halves disagree: a measure of doubt."""
    one = lambda k: network(w, x, random.bernoulli(k, 0.8, (32,)) / 0.8)  # noqa: E731
    return np.std(tapec.vmap(one)(random.split(key, 200)), axis=0)


near, far = spread(w, x[:4], key), spread(w, 5 * x[:4], key)
print("doubts more far away:", np.mean(far) > np.mean(near))
