"""Random programs of elementwise ops, moves, reductions and products."""

import numpy as np
from hypothesis import strategies as st

from tapec.ir import ArrayType, Emitter, Function, Value
from tests.fuzz.choices import Drawn
from tests.fuzz.moves import EXTENTS, MAKERS

DTYPES = ("f8", "f8", "f8", "f4", "i8")


@st.composite
def programs(draw, ops=14):
    """(function, arrays)."""
    c = Drawn(draw)
    arrays, params = [], []
    for uid in range(c.integer(1, 4)):
        dtype = c.pick(DTYPES)
        shape = tuple(c.pick(EXTENTS) for _ in range(c.integer(0, 3)))
        arrays.append(np.asarray(c.rng.uniform(-3, 3, shape)).astype(dtype))
        params.append(Value(None, (), (), ArrayType(dtype, shape), uid))
    emit = Emitter(len(params))
    pool = list(params)
    for _ in range(c.integer(1, ops)):
        made = MAKERS[c.pick(sorted(MAKERS))](c, emit, pool)
        if made is not None and made.type.size <= 4096:
            pool.append(made)
    count = c.integer(1, min(4, len(pool)))
    results = [pool[-1 - i] for i in range(count)]
    results += [c.pick(pool) for _ in range(c.integer(0, 2))]
    return Function("f", params, emit.ops, results), arrays
