"""Random programs of elementwise ops, moves, reductions and products."""

import numpy as np
from hypothesis import strategies as st

import tapec.ops  # noqa: F401  (fills PRIMITIVES)
from tapec.ir import ArrayType, Constant, Emitter, Function, Value
from tapec.primitive import PRIMITIVES as P

SMOOTH = ("tanh", "sin", "square", "negative", "absolute", "expit")
ROUGH = ("tanh", "sin", "expit", "sum", "matmul")
BINARY = ("add", "subtract", "multiply", "maximum", "minimum")
COMPARE = ("less", "greater_equal", "not_equal")
EXTENTS = st.sampled_from([1, 2, 3, 5, 8])
SHAPES = st.lists(EXTENTS, max_size=3).map(tuple)


@st.composite
def programs(draw, ops=14):
    """(function, arrays)."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtypes = st.sampled_from(["f8", "f8", "f8", "f4", "i8"])
    arrays, params = [], []
    for uid in range(draw(st.integers(1, 4))):
        dtype = draw(dtypes)
        shape = draw(SHAPES)
        array = np.asarray(rng.uniform(-3, 3, shape)).astype(dtype)
        arrays.append(array)
        params.append(Value(None, (), (), ArrayType(dtype, shape), uid))
    emit = Emitter(len(params))
    pool = list(params)
    for _ in range(draw(st.integers(1, ops))):
        made = MAKERS[draw(st.sampled_from(sorted(MAKERS)))](draw, emit, pool)
        if made is not None and made.type.size <= 4096:
            pool.append(made)
    count = draw(st.integers(1, min(4, len(pool))))
    results = [pool[-1 - i] for i in range(count)]
    results += [draw(st.sampled_from(pool)) for _ in range(draw(st.integers(0, 2)))]
    return Function("f", params, emit.ops, results), arrays


def _pick(draw, pool, kinds="fi"):
    chosen = [v for v in pool if v.dtype.kind in kinds]
    return draw(st.sampled_from(chosen)) if chosen else None


def _partner(draw, emit, pool, x):
    """A value of the dtype of `x` that broadcasts with it, or a number."""
    fits = [v for v in pool if v.dtype == x.dtype and _fits(v.shape, x.shape)]
    if draw(st.booleans()) and fits:
        return draw(st.sampled_from(fits))
    number = np.asarray(draw(st.sampled_from([0, 1, -2, 3])), x.dtype)
    return emit.new(P["const"], value=Constant(number))


def _fits(a, b):
    try:
        return len(np.broadcast_shapes(a, b)) <= 4
    except ValueError:
        return False


def _unary(draw, emit, pool):
    x = _pick(draw, pool, "f")
    return x and emit.new(P[draw(st.sampled_from(SMOOTH))], x)


def _binary(draw, emit, pool):
    x = _pick(draw, pool)
    if x is None:
        return None
    pair = [x, _partner(draw, emit, pool, x)]
    if draw(st.booleans()):
        pair.reverse()
    return emit.new(P[draw(st.sampled_from(BINARY))], *pair)


def _where(draw, emit, pool):
    exact = _exact(emit, pool)
    x = _pick(draw, exact)
    if x is None:
        return None
    y = _partner(draw, emit, exact, x)
    c = emit.new(P[draw(st.sampled_from(COMPARE))], x, y)
    pool.append(c)
    return emit.new(P["where"], c, y, x)


def _exact(emit, pool):
    """Values without rounding differences, which could turn a comparison round."""
    rough = set()
    for op in emit.ops:
        if op.prim.name in ROUGH or any(a in rough for a in op.args):
            rough.add(op)
    return [v for v in pool if v not in rough]


def _cast(draw, emit, pool):
    x = _pick(draw, pool, "fib")
    dtype = draw(st.sampled_from(["f8", "f4"] if x.dtype.kind == "f" else ["f8", "i8"]))
    return emit.new(P["cast"], x, dtype=np.dtype(dtype))


def _transpose(draw, emit, pool):
    x = _pick(draw, pool, "fib")
    perm = tuple(draw(st.permutations(range(len(x.shape)))))
    return emit.new(P["transpose"], x, perm=perm)


def _reshape(draw, emit, pool):
    x = _pick(draw, pool, "fib")
    shapes = [(x.type.size,), (1, *x.shape), (*x.shape, 1)]
    shapes.append(tuple(n for n in x.shape if n != 1))
    shapes.append((x.type.size // x.shape[-1], x.shape[-1]) if x.shape else (1, 1))
    return emit.new(P["reshape"], x, shape=draw(st.sampled_from(shapes)))


def _broadcast(draw, emit, pool):
    x = _pick(draw, pool, "fib")
    shape = tuple(draw(EXTENTS) if n == 1 else n for n in x.shape)
    lead = draw(st.lists(EXTENTS, max_size=max(0, 3 - len(shape))))
    return emit.new(P["broadcast_to"], x, shape=(*lead, *shape))


def _slice(draw, emit, pool):
    x = _pick(draw, pool, "fib")
    start = tuple(draw(st.integers(0, n - 1)) for n in x.shape)
    step = tuple(draw(st.integers(1, 2)) for _ in x.shape)
    return emit.new(P["slice"], x, start=start, stop=x.shape, step=step)


def _unslice(draw, emit, pool):
    x = _pick(draw, pool, "fi")
    if x is None:
        return None
    start = tuple(draw(st.integers(0, 2)) for _ in x.shape)
    step = tuple(draw(st.integers(1, 2)) for _ in x.shape)
    rows = zip(start, x.shape, step, strict=True)
    shape = tuple(a + n * s + draw(st.integers(0, 1)) for a, n, s in rows)
    return emit.new(P["unslice"], x, shape=shape, start=start, step=step)


def _flip(draw, emit, pool):
    x = _pick(draw, pool, "fib")
    axes = tuple(a for a in range(len(x.shape)) if draw(st.booleans()))
    return emit.new(P["flip"], x, axis=axes)


def _roll(draw, emit, pool):
    x = _pick(draw, pool, "fib")
    if not x.shape:
        return None
    axis = draw(st.integers(0, len(x.shape) - 1))
    shift = draw(st.integers(0, x.shape[axis] - 1))
    return emit.new(P["roll"], x, shift=shift, axis=axis)


def _concatenate(draw, emit, pool):
    x = _pick(draw, pool, "fib")
    if not x.shape:
        return None
    axis = draw(st.integers(0, len(x.shape) - 1))

    def rest(v):
        return v.dtype, len(v.shape), v.shape[:axis], v.shape[axis + 1 :]

    others = [v for v in pool if rest(v) == rest(x)]
    return emit.new(P["concatenate"], x, draw(st.sampled_from(others)), axis=axis)


def _reduce(draw, emit, pool):
    x = _pick(draw, pool, "fi")
    if x is None:
        return None
    axes = tuple(a for a in range(len(x.shape)) if draw(st.booleans()))
    return emit.new(P[draw(st.sampled_from(["sum", "max", "min"]))], x, axis=axes)


def _matmul(draw, emit, pool):
    x = _pick(draw, pool, "f")
    if x is None or len(x.shape) < 2:
        return None
    perm = (*range(len(x.shape) - 2), len(x.shape) - 1, len(x.shape) - 2)
    t = emit.new(P["transpose"], x, perm=perm)
    return emit.new(P["matmul"], *draw(st.sampled_from([(x, t), (t, x)])))


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
