"""A tape: record what happens, then ask for gradients of anything with anything.

python examples/02_tape.py
"""

import numpy as np

import tapec

x = tapec.constant([1.0, 2.0, 3.0])

with tapec.GradientTape() as tape:
    y = np.sin(x)
    z = np.sum(y * y)

# Nothing has to be watched: any value the target was computed from can be a source.
dx, dy = tape.gradient(z, [x, y])
print("z    ", round(z.item(), 6))
print("dz/dx", dx.numpy().round(6))
print("dz/dy", dy.numpy().round(6))

# Tapes nest: the outer one differentiates the gradient of the inner one.
t = tapec.constant(2.0)
with tapec.GradientTape() as outer:
    with tapec.GradientTape() as inner:
        position = t**3
    speed = inner.gradient(position, t)
print("speed", speed.item(), " acceleration", outer.gradient(speed, t).item())

# A gradient that is missing has a reason.
with tapec.GradientTape() as tape:
    steps = np.floor(x)
    total = np.sum(steps)
print("floor", tape.gradient(total, x))
print(tape.explain(total, x))
