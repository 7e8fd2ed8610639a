"""One gradient per example, vectorized: which examples pull hardest on a model?

python examples/12_per_example_gradients.py
"""

import numpy as np

import tapec

rng = np.random.default_rng(0)
x = rng.standard_normal((200, 5))
y = np.sin(x @ rng.standard_normal(5))
y[17] += 3.0  # a measurement that went wrong

params = [
    {"w": rng.standard_normal((5, 16)) * 0.5, "b": np.zeros(16)},
    {"w": rng.standard_normal((16, 1)) * 0.3, "b": np.zeros(1)},
]


def loss(params, x, y):
    """The squared error of a small network on one example."""
    hidden, out = params
    z = np.tanh(x @ hidden["w"] + hidden["b"])
    return (z @ out["w"] + out["b"] - y)[0] ** 2


each = tapec.vmap(tapec.grad(loss), in_axes=(None, 0, 0))
mean = tapec.grad(lambda p: np.mean(tapec.vmap(loss, (None, 0, 0))(p, x, y)))

for _ in range(300):
    for layer, slope in zip(params, mean(params), strict=True):
        for name in layer:
            layer[name] = layer[name] - 0.1 * slope[name]

gradients = each(params, x, y)
print("shapes", {name: g.shape for name, g in gradients[0].items()})

squares = [np.sum(g.reshape(200, -1) ** 2, 1) for s in gradients for g in s.values()]
norms = np.sqrt(np.sum(squares, axis=0))
print("pulls hardest:", int(np.argmax(norms)))
print(f"its gradient is {norms.max() / np.median(norms):.0f} times the median")

alone = tapec.grad(loss)(params, x[17], y[17])
print("as alone:", np.allclose(gradients[0]["w"][17], alone[0]["w"]))
