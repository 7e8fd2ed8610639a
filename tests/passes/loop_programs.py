"""Random Python loops: nested, irregular at the ends, with lags, lists and arrays."""

import random

import numpy as np

__all__ = ["ARGS", "program"]

ARGS = (
    0.3, 0.7, np.linspace(-1, 1, 120), np.linspace(-1, 1, 30).reshape(6, 5), 0.2,
)  # fmt: skip

OPS = (
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: a - b,
    lambda a, b: np.sin(a),
    lambda a, b: np.tanh(b),
)


class Shape:
    """What one loop does in all of its rounds."""

    def __init__(self, rng, depth, live):
        self.steps = [
            (rng.choice(OPS), *(rng.random() for _ in range(4)))
            for _ in range(rng.randint(1, 7))
        ]
        self.rounds = rng.choice([3, 6, 9] if depth else [3, 5, 8, 17, 40])
        count = rng.randint(1, 3)
        self.start = [rng.choice(live) for _ in range(count)]
        self.update = [rng.randrange(len(self.steps)) for _ in range(count)]
        self.stride, self.offset = rng.choice([1, 1, 2, -1]), rng.randrange(3)
        self.bare_first = rng.random() < 0.2
        self.extra = rng.random() < 0.15
        self.wraps = rng.random() < 0.2
        self.lag = rng.random() < 0.2
        self.matrix = rng.random() < 0.15
        self.inner = depth < 1 and rng.random() < 0.35
        self.branches = rng.random() < 0.15
        self.seed, self.end = rng.random(), rng.random()

    def element(self, k, c, M):
        i = self.offset + self.stride * k
        if self.matrix:
            return M[i % 6, i * i % 5] if self.wraps else M[k % 6, self.offset]
        return c[i % 60 if self.wraps else i % 120]


def program(seed):
    """A function of `ARGS`; the same for the same seed."""

    def fun(x, y, c, M, w):
        rng = random.Random(seed)
        live, fixed, seen = [x, y], [x, y, w], []
        for _ in range(rng.randint(1, 3)):
            live.append(_loop(rng, 0, live, fixed, (c, M), seen))
            fixed.append(live[-1])
        return live[-2:] + rng.sample(seen, min(len(seen), 3))

    return fun


def _loop(rng, depth, live, fixed, arrays, seen):
    shape = Shape(rng, depth, live)
    state, outs = shape.start, []
    last = np.tanh if shape.seed < 0.5 else np.sin
    for k in range(shape.rounds):
        local = _round(shape, k, state, outs, fixed, arrays)
        if shape.inner:
            inner = random.Random(shape.seed)
            local.append(_loop(inner, 1, [local[-1], state[0]], fixed, arrays, seen))
        if shape.extra and k % 3 == 0:
            local[-1] = np.tanh(local[-1])
        if shape.branches and local[-1] > 0.4:
            local[-1] = local[-1] * 0.5
        state = [last(local[u]) for u in shape.update]
        outs.append(local[-1])
    seen += rng.sample(outs, min(len(outs), 3))
    if shape.end < 0.3:
        total = 0.0
        for out in outs:
            total = total + out
        return total
    return np.sum(np.stack(outs)) if shape.end < 0.5 else state[0]


def _round(shape, k, state, outs, fixed, arrays):
    local = []
    for j, (op, a, b, first, second) in enumerate(shape.steps):

        def pick(r, u):
            if u < 0.45 and local:
                return local[int(r * len(local))]
            if u < 0.7:
                return state[int(r * len(state))]
            if u < 0.8:
                return fixed[int(r * len(fixed))]
            if u < 0.9:
                return shape.element(k, *arrays)
            if u < 0.95 and shape.lag and len(outs) >= 2:
                return outs[-2]
            return 0.1 * k if r < 0.3 else 0.3

        left, right = pick(a, first), pick(b, second)
        if isinstance(left, float):
            left = left * fixed[0]
        bare = shape.bare_first and k == 0 and j == 0
        local.append(left if bare else op(left, right))
    return local
