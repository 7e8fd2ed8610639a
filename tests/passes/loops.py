"""Python loops that `roll` is tried on: functions, arguments, the loops to be found."""

from typing import Any, NamedTuple

import numpy as np

import tapec

RNG = np.random.default_rng(0)
LOOPS: list["Case"] = []


class Case(NamedTuple):
    """found: (rounds, ops in a round, the same for loops inside) of each loop."""

    name: str
    fun: Any
    args: tuple[Any, ...]
    found: list[Any]
    most: int

    @property
    def recorded(self):
        return tapec.jit(self.fun).traced(*self.args)


def case(name, *args, found, most):
    """Enter a function; `most` ops are left outside the loops at most."""

    def enter(fun):
        LOOPS.append(Case(name, fun, args, found, most))
        return fun

    return enter


def structure(fn):
    return [
        (op.attr("length"), len(op.attr("body").ops), structure(op.attr("body")))
        for op in fn.ops
        if op.prim.name == "scan"
    ]


@case("recurrence", 0.3, 2.8, found=[(60, 9, [])], most=5)
def recurrence(x, r):
    s = 0.0
    for _ in range(60):
        x = r * x * (1 - x) + 0.1 * np.sin(x)
        s = s + x
    return s / 60


@case("recurrence that starts with itself", 0.3, 2.8, found=[(50, 3, [])], most=2)
def plain(x, r):
    for _ in range(50):
        x = np.sin(r * np.cos(x))
    return x


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@case(
    "LSTM of two layers", *(RNG.random(s) for s in ((4, 12), (3, 3), (4, 3), (21, 3))),
    found=[(20, 77, [])], most=13,
)  # fmt: skip
def lstm(main, extra, start, sequence):
    state = [(start[2 * k], start[2 * k + 1]) for k in range(2)]
    total = 0.0
    for t in range(20):
        x, new = sequence[t] * extra[0], []
        for k in range(2):
            h, c = state[k]
            g = np.concatenate([x, h, x, h]) * main[2 * k] + main[2 * k + 1]
            c = c * sigmoid(g[:3]) + sigmoid(g[3:6]) * np.tanh(g[9:])
            h = sigmoid(g[6:9]) * np.tanh(c)
            new.append((h, c))
            x = h
        state = new
        y = x * extra[1] + extra[2]
        total = total + np.sum(sequence[t + 1] * (y - np.log(np.sum(np.exp(y)) + 2)))
    return total


@case("Runge-Kutta", 1.0, 1.5, 1.1, 0.4, 0.4, 0.1, found=[(30, 62, [])], most=4)
def runge_kutta(x, y, a, b, c, d):
    def slope(x, y):
        return a * x - b * x * y, d * x * y - c * y

    h = 0.01
    for _ in range(30):
        k1 = slope(x, y)
        k2 = slope(x + h / 2 * k1[0], y + h / 2 * k1[1])
        k3 = slope(x + h / 2 * k2[0], y + h / 2 * k2[1])
        k4 = slope(x + h * k3[0], y + h * k3[1])
        x = x + h / 6 * (k1[0] + 2 * k2[0] + 2 * k3[0] + k4[0])
        y = y + h / 6 * (k1[1] + 2 * k2[1] + 2 * k3[1] + k4[1])
    return x + y


@case(
    "Kalman filter", np.eye(4) + 0.1 * np.eye(4, k=2), np.eye(2, 4), 0.01 * np.eye(4),
    0.1 * np.eye(2), np.zeros(4), RNG.normal(size=(25, 2)),
    found=[(24, 28, [])], most=17,
)  # fmt: skip
def kalman(F, H, Q, R, x, zs):
    total, P = 0.0, Q
    for t in range(25):
        x = F @ x
        P = F @ P @ F.T + Q
        S = H @ P @ H.T + R
        K = P @ H.T @ np.linalg.inv(S)
        v = zs[t] - H @ x
        x = x + K @ v
        P = P - K @ H @ P
        total = total + np.sum(v * v)
    return total


@case("matrix power", RNG.normal(size=(3, 3)) / 2, found=[(40, 1, [])], most=2)
def power(A):
    M = A
    for _ in range(40):
        M = M @ A
    return M


@case("Horner", RNG.normal(size=50), 0.7, found=[(49, 2, [])], most=6)
def horner(c, x):
    a = c[-1]
    for i in range(48, -1, -1):
        a = a * x + c[i]
    return a


@case("Horner from zero", RNG.normal(size=50), 0.7, found=[(50, 2, [])], most=4)
def horner_from_zero(c, x):
    a = 0.0
    for i in range(50):
        a = a * x + c[49 - i]
    return a


def random_ops(n, names):
    rng = np.random.default_rng(3)
    plan = [(rng.integers(names), int(rng.integers(1, 30))) for _ in range(n)]

    def fun(x, y):
        values = [x, y]
        for kind, back in plan:
            a, b = values[-1], values[-min(back, len(values))]
            new = [lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - b,
                   lambda a, b: np.sin(a), lambda a, b: np.cos(b)][kind]  # fmt: skip
            values.append(new(a, b))
        return values[-1]

    return fun


case("random ops", 0.3, 0.4, found=[], most=2000)(random_ops(2000, 5))


@case(
    "epochs over samples", 0.1, RNG.normal(size=12), RNG.normal(size=12),
    found=[(8, 6, [(12, 4, [])])], most=2,
)  # fmt: skip
def epochs(w, xs, ys):
    for _ in range(8):
        g = 0.0
        for t in range(12):
            r = w * xs[t] - ys[t]
            g = g + r * xs[t]
        w = w - 0.01 * g
    return w


@case(
    "steps over rows, again and again", RNG.normal(size=3), 0.1,
    RNG.normal(size=(6, 3)), RNG.normal(size=6), found=[(24, 18, [])], most=7,
)  # fmt: skip
def descent(w, b, X, Y):
    for _ in range(4):
        for i in range(6):
            r = sigmoid(X[i] @ w + b) - Y[i]
            w = w - 0.1 * (r * X[i])
            b = b - 0.1 * r
    return w, b


@case("lists, stacked and summed", 0.3, 3.2, found=[(40, 5, []), (40, 1, [])], most=10)
def lists(x, r):
    xs, sines = [], []
    for _ in range(40):
        x = r * x * (1 - x)
        xs.append(x)
        sines.append(np.sin(x))
    total = 0.0
    for s in sines:
        total = total + s
    return np.stack(xs), total, xs[3], xs[-1]


@case("vectors joined", RNG.normal(size=3), found=[(30, 3, [])], most=6)
def joined(v):
    found = []
    for _ in range(30):
        v = np.sin(v) * 1.5
        found.append(v)
    return (
        np.stack(found, axis=1), np.concatenate(found), np.stack(found[::-1]),
        np.stack(found[2:20:3]),
    )  # fmt: skip


@case("two steps back", 0.3, 0.4, 0.9, found=[(30, 3, [])], most=2)
def two_back(a, b, c):
    for _ in range(30):
        a, b = b, np.sin(c * a + b)
    return b


@case(
    "three loops", 0.3, 3.2, RNG.normal(size=30) / 30,
    found=[(30, 4, []), (30, 2, []), (30, 2, [])], most=7,
)  # fmt: skip
def three(x, r, c):
    for _ in range(30):
        x = r * x * (1 - x)
    y = np.exp(x)
    s = y
    for i in range(30):
        s = s + c[i] * y
    for _ in range(30):
        x = np.sin(x) * s
    return x, s


@case("an op more every fifth time", 0.3, 3.2, found=[(8, 17, [])], most=2)
def every_fifth(x, r):
    for t in range(40):
        x = r * x * (1 - x)
        if t % 5 == 0:
            x = np.tanh(x)
    return x


@case("time as a number", 0.3, found=[(40, 5, [])], most=3)
def with_time(x):
    for t in range(40):
        x = x + 0.01 * np.sin(x * (t * 0.01))
    return x


@case(
    "layers with arrays of their own", RNG.normal(size=4),
    [(RNG.normal(size=(4, 4)) / 2, RNG.normal(size=4)) for _ in range(16)],
    found=[(16, 5, [])], most=36,
)  # fmt: skip
def layers(x, weights):
    for w, b in weights:
        x = np.tanh(w @ x + b)
    return x


@case("leapfrog", 0.3, 0.4, 0.01, 0.01, found=[(30, 5, [])], most=4)
def leapfrog(x, y, a, b):
    for t in range(60):
        if t % 2:
            x = x + a * y
        else:
            y = y - b * np.sin(x)
    return x + y


@case("A[i, j] * A[j, i]", RNG.normal(size=(8, 8)), found=[(64, 4, [])], most=9)
def transposed(A):
    s = 0.0
    for i in range(8):
        for j in range(8):
            s = s + A[i, j] * A[j, i]
    return s


@case("last round without dead ops", 0.3, 0.2, found=[(38, 8, [])], most=18)
def unfinished(x, r):
    e, s = np.exp(r), None
    for t in range(40):
        if t == 0:
            sine = np.sin(r)
        y = x * sine * (1 - x) * e
        if t < 39:
            z = y * y + x
        s = y if s is None else s + y
        x = z
    return s


@case("Adam", 0.3, 0.4, found=[(29, 44, [])], most=60)
def adam(x, y):
    m, v, p = [0.0, 0.0], [0.0, 0.0], [x, y]
    for t in range(1, 31):
        d = p[1] - p[0] * p[0]
        g = [p[0] * 2 - 400.0 * p[0] * d, 200.0 * d]
        for k in range(2):
            m[k] = 0.9 * m[k] + 0.1 * g[k]
            v[k] = 0.999 * v[k] + 0.001 * g[k] * g[k]
            mh, vh = m[k] / (1 - 0.9**t), v[k] / (1 - 0.999**t)
            p[k] = p[k] - 0.01 * mh / (np.sqrt(vh) + 1e-8)
    return p[0] + p[1]


@case("edges", RNG.normal(size=10), found=[(60, 5, [])], most=7)
def edges(h):
    s = 0.0
    for i, j in np.random.default_rng(9).integers(0, 10, (60, 2)).tolist():
        d = h[i] - h[j]
        s = s + d * d
    return s


@case(
    "a table filled in",
    RNG.normal(size=(9, 7)),
    found=[(5, 6, []), (8, 29, [(6, 5, [])])],
    most=29,
)
def table(A):
    before = [0.0] * 8
    for i in range(9):
        row = [0.0]
        for j in range(7):
            row.append(A[i, j] + np.log(np.exp(before[j + 1]) + np.exp(row[-1])))
        before = row
    return before[-1]


@case(
    "a number that becomes a vector", RNG.normal(size=3), RNG.normal(size=(20, 3)),
    found=[(20, 2, [])], most=5,
)  # fmt: skip
def widening(w, X):
    s = 0.0
    for i in range(20):
        s = s + X[i] * w
    return np.sum(s)


@case("written into an array", 0.3, 2.8, found=[(30, 5, [])], most=7)
def written(x, r):
    out = tapec.numpy.zeros(30) * x
    for t in range(30):
        x = r * x * (1 - x)
        out[t] = x
    return out


@case("history that grows", 0.3, 0.01, found=[(29, 3, [])], most=3)
def history(x, r):
    seen = [x]
    for _ in range(30):
        s = seen[0]
        for h in seen[1:]:
            s = s + h * r
        seen.append(np.tanh(s))
    return seen[-1]


@case("triangle", RNG.normal(size=20), RNG.normal(size=20), found=None, most=173)
def triangle(a, b):
    total = 0.0
    for i in range(20):
        s = 0.0
        for j in range(i):
            s = s + a[i] * np.sin(b[j])
        total = total + s * s
    return total


@case("only the last round counts", 0.3, 0.7, found=[(30, 2, [])], most=4)
def last_only(x, w):
    for _ in range(30):
        x = np.sin(x) * w
        y = np.log(x) + x
    return y


# --- arrays that are filled in -------------------------------------------------

zeros = tapec.numpy.zeros


@case("an array read one element back", 0.3, 2.0, found=[(39, 5, [])], most=10)
def one_back(x, r):
    out = zeros(40) * x
    out[0] = x
    for t in range(1, 40):
        out[t] = r * out[t - 1] * (1 - out[t - 1])
    return out


@case("an array read two elements back", 0.3, 0.9, found=[(40, 4, [])], most=16)
def two_elements_back(x, r):
    out = zeros(42) * x
    out[0] = x
    out[1] = x * 2
    for t in range(2, 42):
        out[t] = r * out[t - 1] - out[t - 2]
    return out, out[7]


@case("two rows from the end", 0.3, 2.0, found=[(40, 7, [])], most=15)
def two_rows(x, r):
    out = zeros((3, 40)) * x
    for t in range(39, -1, -1):
        x = r * x * (1 - x)
        out[1, t] = x
        out[2, t] = np.sin(x)
    return out, x


@case("every other row", 0.3, 2.0, found=[(20, 3, [])], most=9)
def every_other(x, r):
    out = zeros((40, 3)) * x
    row = x + np.arange(3.0)
    for t in range(0, 40, 2):
        row = np.sin(row) * r
        out[t] = row
    return out


@case("places in no order", 0.3, 2.0, found=[(30, 5, [])], most=7)
def permuted(x, r):
    out = zeros(30) * x
    places = np.random.default_rng(0).permutation(30).tolist()
    for t in range(30):
        x = r * x * (1 - x)
        out[places[t]] = x
    return out


@case("a matrix filled in", RNG.normal(size=(6, 8)), 0.3, found=[(48, 4, [])], most=10)
def matrix(A, x):
    B = A * 0.0
    for i in range(6):
        for j in range(8):
            x = np.sin(x) + A[i, j]
            B[i, j] = x
    return B


@case("an array that is read as a whole", 0.3, 2.0, found=[(30, 10, [])], most=6)
def read_as_a_whole(x, r):
    out = zeros(30) * x
    for t in range(30):
        x = r * x * (1 - x) + np.sum(out) * 0.01
        out[t] = x
    return out


@case("heat", np.linspace(0, 1, 20) ** 2, 0.1, found=[(29, 9, [])], most=13)
def heat(u, r):
    for _ in range(30):
        u[1:-1] = u[1:-1] + r * (u[2:] - 2 * u[1:-1] + u[:-2])
    return u


@case("rows of a flat array", RNG.random(48), 0.3, found=[(6, 3, [(8, 3, [])])], most=4)
def flat_rows(c, x):
    s = 0.0
    for i in range(6):
        p = x
        for j in range(8):
            p = p * c[i * 8 + j] + 1
        s = s + p
    return s
