"""Ops with attributes of their own: moves, reductions, selections, products.

Each maker takes `(c, emit, pool)`: the choices, where ops go, the values there are. It
returns a new value, or None if the pool has nothing that fits.
"""

import numpy as np

import tapec.ops  # noqa: F401  (fills PRIMITIVES)
from tapec.ir import Constant
from tapec.primitive import PRIMITIVES as P

__all__ = ["EXTENTS", "MAKERS", "pick_of"]

SMOOTH = ("tanh", "sin", "square", "negative", "absolute", "expit")
ROUGH = ("tanh", "sin", "expit", "sum", "matmul")
BINARY = ("add", "subtract", "multiply", "maximum", "minimum")
COMPARE = ("less", "greater_equal", "not_equal")
EXTENTS = (1, 2, 3, 5, 8)


def pick_of(c, pool, kinds="fi"):
    """Some value whose dtype is of these kinds."""
    chosen = [v for v in pool if v.dtype.kind in kinds]
    return c.pick(chosen) if chosen else None


def partner(c, emit, pool, x):
    """A value of the dtype of `x` that broadcasts with it, or a number."""
    fits = [v for v in pool if v.dtype == x.dtype and _fits(v.shape, x.shape)]
    if c.flag() and fits:
        return c.pick(fits)
    number = np.asarray(c.pick([0, 1, -2, 3]), x.dtype)
    return emit.new(P["const"], value=Constant(number))


def _fits(a, b):
    try:
        return len(np.broadcast_shapes(a, b)) <= 4
    except ValueError:
        return False


def _unary(c, emit, pool):
    x = pick_of(c, pool, "f")
    return x and emit.new(P[c.pick(SMOOTH)], x)


def _binary(c, emit, pool):
    x = pick_of(c, pool)
    if x is None:
        return None
    pair = [x, partner(c, emit, pool, x)]
    if c.flag():
        pair.reverse()
    return emit.new(P[c.pick(BINARY)], *pair)


def _where(c, emit, pool):
    exact = _exact(emit, pool)
    x = pick_of(c, exact)
    if x is None:
        return None
    y = partner(c, emit, exact, x)
    test = emit.new(P[c.pick(COMPARE)], x, y)
    pool.append(test)
    return emit.new(P["where"], test, y, x)


def _exact(emit, pool):
    """Values without rounding differences, which could turn a comparison round."""
    rough = set()
    for op in emit.ops:
        if op.prim.name in ROUGH or any(a in rough for a in op.args):
            rough.add(op)
    return [v for v in pool if v not in rough]


def _cast(c, emit, pool):
    x = pick_of(c, pool, "fib")
    if x is None:
        return None
    dtype = c.pick(["f8", "f4"] if x.dtype.kind == "f" else ["f8", "i8"])
    return emit.new(P["cast"], x, dtype=np.dtype(dtype))


def _transpose(c, emit, pool):
    x = pick_of(c, pool, "fibuc")
    return emit.new(P["transpose"], x, perm=c.permutation(len(x.shape)))


def _reshape(c, emit, pool):
    x = pick_of(c, pool, "fibuc")
    shapes = [(x.type.size,), (1, *x.shape), (*x.shape, 1)]
    shapes.append(tuple(n for n in x.shape if n != 1))
    if 0 not in x.shape:
        shapes.append((x.type.size // x.shape[-1], x.shape[-1]) if x.shape else (1, 1))
    return emit.new(P["reshape"], x, shape=c.pick(shapes))


def _broadcast(c, emit, pool):
    x = pick_of(c, pool, "fibuc")
    shape = tuple(c.pick(EXTENTS) if n == 1 else n for n in x.shape)
    lead = [c.pick(EXTENTS) for _ in range(c.integer(0, max(0, 3 - len(shape))))]
    return emit.new(P["broadcast_to"], x, shape=(*lead, *shape))


def _slice(c, emit, pool):
    x = pick_of(c, pool, "fibuc")
    start = tuple(c.integer(0, max(n - 1, 0)) for n in x.shape)
    step = tuple(c.integer(1, 2) for _ in x.shape)
    return emit.new(P["slice"], x, start=start, stop=x.shape, step=step)


def _unslice(c, emit, pool):
    x = pick_of(c, pool, "fiuc")
    if x is None:
        return None
    start = tuple(c.integer(0, 2) for _ in x.shape)
    step = tuple(c.integer(1, 2) for _ in x.shape)
    rows = zip(start, x.shape, step, strict=True)
    shape = tuple(a + n * s + c.integer(0, 1) for a, n, s in rows)
    return emit.new(P["unslice"], x, shape=shape, start=start, step=step)


def _flip(c, emit, pool):
    x = pick_of(c, pool, "fibuc")
    axes = tuple(a for a in range(len(x.shape)) if c.flag())
    return emit.new(P["flip"], x, axis=axes)


def _roll(c, emit, pool):
    x = pick_of(c, pool, "fibuc")
    if not x.shape:
        return None
    axis = c.integer(0, len(x.shape) - 1)
    shift = c.integer(0, max(x.shape[axis] - 1, 0))
    return emit.new(P["roll"], x, shift=shift, axis=axis)


def _concatenate(c, emit, pool):
    x = pick_of(c, pool, "fibuc")
    if not x.shape:
        return None
    axis = c.integer(0, len(x.shape) - 1)

    def rest(v):
        return v.dtype, len(v.shape), v.shape[:axis], v.shape[axis + 1 :]

    others = [v for v in pool if rest(v) == rest(x)]
    return emit.new(P["concatenate"], x, c.pick(others), axis=axis)


def _reduce(c, emit, pool):
    x = pick_of(c, pool, "fi")
    if x is None:
        return None
    axes = tuple(a for a in range(len(x.shape)) if c.flag())
    prim = P[c.pick(["sum", "max", "min"])]
    if prim.name != "sum" and any(x.shape[a] == 0 for a in axes):
        return None
    return emit.new(prim, x, axis=axes)


def _matmul(c, emit, pool):
    x = pick_of(c, pool, "f")
    if x is None or len(x.shape) < 2:
        return None
    perm = (*range(len(x.shape) - 2), len(x.shape) - 1, len(x.shape) - 2)
    t = emit.new(P["transpose"], x, perm=perm)
    return emit.new(P["matmul"], *c.pick([(x, t), (t, x)]))


MAKERS = {
    "unary": _unary,
    "binary": _binary,
    "binary again": _binary,
    "where": _where,
    "cast": _cast,
    "transpose": _transpose,
    "reshape": _reshape,
    "broadcast": _broadcast,
    "slice": _slice,
    "unslice": _unslice,
    "flip": _flip,
    "roll": _roll,
    "concatenate": _concatenate,
    "reduce": _reduce,
    "reduce again": _reduce,
    "matmul": _matmul,
}
