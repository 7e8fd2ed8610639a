"""A recurrent network over a text: two LSTM layers with elementwise weights."""

import numpy as np

from benchmarks.workloads.record import Workload

LAYERS, BITS, LENGTH = 2, 14, 1024


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def objective(main, extra, state, text):
    """The mean log likelihood of each character after those before, negative."""
    hidden, cell = [*state[::2]], [*state[1::2]]
    total = 0.0
    for t in range(len(text) - 1):
        y, hidden, cell = step(main, extra, hidden, cell, text[t])
        total = total + np.sum(text[t + 1] * y)
    return -total / ((len(text) - 1) * BITS)


def step(main, extra, hidden, cell, now):
    """What comes next, how likely; and the new states of the layers."""
    x, hiddens, cells = now * extra[0], [], []
    for k in range(LAYERS):
        parts = np.concatenate([x, hidden[k], x, hidden[k]])
        gates = parts * main[2 * k] + main[2 * k + 1]
        forget, into, out = (
            sigmoid(gates[i * BITS : (i + 1) * BITS]) for i in range(3)
        )
        cells.append(cell[k] * forget + into * np.tanh(gates[3 * BITS :]))
        x = out * np.tanh(cells[k])
        hiddens.append(x)
    y = x * extra[1] + extra[2]
    return y - np.log(np.sum(np.exp(y)) + 2.0), hiddens, cells


def by_jax(main, extra, state, text):
    """With a scan: the plain loop would compile for hours."""
    import jax

    from benchmarks.peers.rebind import rebound

    one = rebound(step, np=jax.numpy)

    def objective(main, extra, state, text):
        def body(carry, pair):
            y, *carry = one(main, extra, *carry, pair[0])
            return tuple(carry), jax.numpy.sum(pair[1] * y)

        start = [*state[::2]], [*state[1::2]]
        gains = jax.lax.scan(body, start, (text[:-1], text[1:]))[1]
        return -jax.numpy.sum(gains) / ((len(text) - 1) * BITS)

    both = jax.jit(jax.value_and_grad(objective, (0, 1)))
    device = [jax.device_put(a) for a in (main, extra, state, text)]
    return lambda: jax.block_until_ready(both(*device))


def by_hand(main, extra, state, text):
    """Backwards through time, what each step needs kept in a list."""
    steps = len(text) - 1
    weights, biases = main[::2].reshape(-1, 4, BITS), main[1::2].reshape(-1, 4, BITS)

    def forward():
        hidden, cell = [*state[::2]], [*state[1::2]]
        total, kept = 0.0, []
        for t in range(steps):
            x, layers = text[t] * extra[0], []
            for k in range(LAYERS):
                operands = np.stack([x, hidden[k], x, hidden[k]])
                gates = operands * weights[k] + biases[k]
                gates[:3] = sigmoid(gates[:3])
                gates[3] = np.tanh(gates[3])
                before = cell[k]
                cell[k] = before * gates[0] + gates[1] * gates[3]
                squashed = np.tanh(cell[k])
                x = hidden[k] = gates[2] * squashed
                layers.append((operands, gates, before, squashed))
            y = x * extra[1] + extra[2]
            grown = np.exp(y)
            total += np.sum(text[t + 1] * (y - np.log(np.sum(grown) + 2.0)))
            kept.append((layers, x, grown))
        return total, kept

    def call():
        scale = -1.0 / (steps * BITS)
        total, kept = forward()
        by_weights, by_biases = np.zeros_like(weights), np.zeros_like(biases)
        by_extra = np.zeros_like(extra)
        ct_hidden, ct_cell = np.zeros((2, LAYERS, BITS))
        for t in reversed(range(steps)):
            layers, x, grown = kept[t]
            share = np.sum(text[t + 1]) / (np.sum(grown) + 2.0)
            ct_y = scale * (text[t + 1] - share * grown)
            by_extra[1] += ct_y * x
            by_extra[2] += ct_y
            ct = ct_y * extra[1]
            for k in reversed(range(LAYERS)):
                operands, gates, before, squashed = layers[k]
                forget, into, out, change = gates
                ct = ct + ct_hidden[k]
                inner = ct_cell[k] + ct * out * (1.0 - squashed**2)
                slopes = np.stack([
                    inner * before * forget * (1.0 - forget),
                    inner * change * into * (1.0 - into),
                    ct * squashed * out * (1.0 - out),
                    inner * into * (1.0 - change**2),
                ])  # fmt: skip
                ct_cell[k] = inner * forget
                by_weights[k] += slopes * operands
                by_biases[k] += slopes
                moved = slopes * weights[k]
                ct_hidden[k] = moved[1] + moved[3]
                ct = moved[0] + moved[2]
            by_extra[0] += ct * text[t]
        by_main = np.stack([by_weights, by_biases], axis=1).reshape(main.shape)
        return scale * total, (by_main, by_extra)

    return call


def make():
    rng = np.random.default_rng(0)
    return (
        rng.uniform(-1.0, 1.0, (2 * LAYERS, 4 * BITS)),
        rng.uniform(-1.0, 1.0, (3, BITS)),
        rng.uniform(-1.0, 1.0, (2 * LAYERS, BITS)),
        (rng.random((LENGTH + 1, BITS)) < 0.5).astype(float),
    )


lstm2_1024 = Workload(
    name="lstm2_1024",
    about="an LSTM of two layers over 1,024 characters, a plain loop, by its weights",
    function=objective,
    argnums=(0, 1),
    make=make,
    by_hand=by_hand,
    own={"jax": by_jax},
)
