"""A training step: tape, gradient and updates, compiled into one program.

python examples/03_training_step.py
"""

import numpy as np

import tapec

rng = np.random.default_rng(0)
inputs = rng.normal(size=(200, 3))
outputs = inputs @ np.array([1.0, -2.0, 0.5]) + 4.0

w = tapec.Variable(np.zeros(3), name="w")
b = tapec.Variable(0.0, name="b")


@tapec.jit
def step(x, y, rate):
    with tapec.GradientTape() as tape:
        loss = np.mean((x @ w + b - y) ** 2)
    dw, db = tape.gradient(loss, [w, b])
    w.assign_sub(rate * dw)
    b.assign_sub(rate * db)
    return loss


for i in range(101):
    loss = step(inputs, outputs, 0.1)
    if i % 25 == 0:
        print(f"step {i:>3}   loss {loss:.6f}")

print("w", w.numpy().round(4))
print("b", round(b.item(), 4))
print("compiled", len(step.signatures), "time")
