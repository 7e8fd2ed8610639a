"""Hares and lynxes: the four rates of Lotka-Volterra from noisy counts.

python examples/14_lotka_volterra.py

The integrator is a plain `for`. Tracing unrolls it; the pass `roll` sees that every
step does the same, and makes it a loop again before it is differentiated.
"""

import numpy as np
from scipy.optimize import minimize

import tapec

STEPS, H = 400, 0.05  # twenty years
SEEN = slice(0, STEPS + 1, 20)  # a count at the end of each
START = np.array([10.0, 5.0])
RATES = np.array([1.1, 0.4, 0.1, 0.4])


def slope(state, rates):
    """Hares breed and are eaten; lynxes grow by what they eat, and starve."""
    hares, lynxes = state
    breed, eaten, grow, starve = rates
    meals = hares * lynxes
    return np.stack([breed * hares - eaten * meals, grow * meals - starve * lynxes])


def simulate(rates):
    """The state at every step, by Runge and Kutta's method of fourth order."""
    state = START
    states = [state]
    for _ in range(STEPS):
        k1 = slope(state, rates)
        k2 = slope(state + 0.5 * H * k1, rates)
        k3 = slope(state + 0.5 * H * k2, rates)
        k4 = slope(state + H * k3, rates)
        state = state + H / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        states.append(state)
    return np.stack(states)


made = tapec.inspect(simulate, RATES)  # the first step, from constants, stays outside
for stage in ("recorded", "roll"):
    ops = made.stage(stage).ops
    turns = [dict(op.attrs)["length"] for op in ops if op.prim.name == "scan"]
    print(f"{stage:<9} loops of {turns}, {len(ops)} operations")

rng = np.random.default_rng(0)
exact = simulate(RATES)[SEEN]
counts = exact * np.exp(0.05 * rng.standard_normal(exact.shape))


@tapec.value_and_grad
def misfit(log_rates):
    """The mean squared error of the logarithms; the rates stay positive."""
    states = simulate(np.exp(log_rates))
    return np.mean((np.log(states[SEEN]) - np.log(counts)) ** 2)


start = np.log([0.8, 0.3, 0.08, 0.5])
found = minimize(misfit, start, jac=True, method="L-BFGS-B")
fitted = np.exp(found.x)
print("true  ", RATES)
print("fitted", fitted.round(3), "from", np.exp(start).round(3))
print("within 5 %:", bool(np.all(np.abs(fitted / RATES - 1.0) < 0.05)))
print("compiled", len(misfit.signatures), "time")
