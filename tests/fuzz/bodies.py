"""Loops and branches whose bodies are grown: scan, while_loop, switch, checkpoint."""

import numpy as np

from tapec.ir import ArrayType, Function
from tests.fuzz.inputs import drawn_array
from tests.fuzz.moves import pick_of

__all__ = ["CONTROL"]

COUNT = ArrayType(np.int64)


def _grown(g, values, extra=(), ops=5):
    """A grower of a body that reads `values`, then parameters of the types `extra`."""
    from tests.fuzz.grow import Grower

    arrays = [
        g.env[v] if v in g.env else drawn_array(g.c, v.dtype, v.shape) for v in values
    ]
    types = [v.type for v in values] + list(extra)
    arrays += [drawn_array(g.c, t.dtype, t.shape) for t in extra]
    inner = Grower(g.c, types, arrays, g.depth + 1, g.control)
    inner.some(g.c.integer(1, ops))
    return inner


def _result(inner, wanted):
    """Some value of the body as this type, of modest size."""
    kinds = "fiub" if wanted.dtype.kind != "c" else "fiubc"
    if wanted.dtype.kind in "iub":
        kinds = "iub"
    v = pick_of(inner.c, inner.pool[-4:], kinds) or pick_of(inner.c, inner.pool, kinds)
    v = None if v is None else inner.fitted(v, wanted)
    if v is None:
        v = next((p for p in inner.params if p.type == wanted), None)
        if v is None:
            return inner.const(np.zeros(wanted.shape, wanted.dtype))
    if wanted.dtype.kind in "fc" and inner.c.flag(0.7):
        v = inner.new("tanh", v)
    return v


def _some(g, low, high, kinds="fiubc"):
    chosen = [v for v in g.pool if v.dtype.kind in kinds]
    return [g.c.pick(chosen) for _ in range(g.c.integer(low, high))] if chosen else []


def _parts(g, op):
    return [g.new("item", op, index=i) for i in range(len(op.type.items))][-1]


def scan(g):
    """Carries, invariants and rows from the pool."""
    carries, fixed = _some(g, 1, 2), _some(g, 0, 2)
    rows = [v for v in g.pool if v.shape and 0 < v.shape[0] < 9]
    rows = [g.c.pick(rows) for _ in range(g.c.integer(0, 2))] if rows else []
    length = rows[0].shape[0] if rows else g.c.integer(1, 4)
    rows = [v for v in rows if v.shape[0] == length]
    if not carries:
        return None
    inner = _grown(
        g, [*carries, *fixed], [ArrayType(v.dtype, v.shape[1:]) for v in rows]
    )
    following = [_result(inner, v.type) for v in carries]
    outputs = [g.c.pick(inner.pool) for _ in range(g.c.integer(0, 2))]
    body = inner.function("body", [*following, *outputs])
    op = g.new(
        "scan", *carries, *fixed, *rows, body=body, carries=len(carries),
        invariants=len(fixed), length=length, reverse=g.c.flag(),
    )  # fmt: skip
    return _parts(g, op)


def while_loop(g):
    """A counter, which ends it, and other carries; perhaps a value ends it too."""
    start, fixed = _some(g, 1, 2), _some(g, 0, 2)
    if not start:
        return None
    count = g.const(np.int64(0))
    values = [count, *start, *fixed]
    inner = _grown(g, values)
    step = inner.new("add", inner.params[0], inner.const(np.int64(1)))
    following = [_result(inner, v.type) for v in start]
    body = inner.function("body", [step, *following])
    test = _grown(g, values, ops=1)
    test.pool, test.emit.ops[:] = list(test.params), []
    holds = test.new("less", test.params[0], test.const(np.int64(g.c.integer(0, 5))))
    number = next(
        (p for p in test.params[1:] if p.dtype.kind == "f" and p.type.size), 0
    )
    if number and g.c.flag(0.4):
        total = test.new("sum", number, axis=tuple(range(number.type.ndim)))
        small = test.new("less", total, test.const(np.asarray(1.5, number.dtype)))
        holds = test.new("logical_and", holds, small)
    cond = test.function("cond", [holds])
    carries = 1 + len(start)
    op = g.new("while_loop", *values, cond=cond, body=body, carries=carries)
    return _parts(g, op)


def switch(g):
    """Two or three branches with results of the same types."""
    v = pick_of(g.c, g.pool, "fiub")
    operands = _some(g, 1, 3)
    if v is None or v.type.size == 0 or not operands:
        return None
    first = g.fitted(v, ArrayType(v.dtype))
    if v.dtype.kind == "b" or g.c.flag(0.4):
        zero = g.const(np.zeros((), v.dtype))
        index = first if v.dtype.kind == "b" else g.new("less", first, zero)
    elif v.dtype.kind == "f":
        bounded = g.new("multiply", g.new("tanh", first), g.const(v.dtype.type(3)))
        index = g.cast(bounded, np.dtype(np.int64))
    else:
        index = first
    wanted = [g.c.pick(operands).type for _ in range(g.c.integer(1, 2))]
    branches = {}
    for number in range(g.c.integer(2, 3)):
        inner = _grown(g, operands)
        results = [_result(inner, t) for t in wanted]
        branches[f"branch{number}"] = inner.function(f"branch{number}", results)
    return _parts(g, g.new("switch", index, *operands, **branches))


def checkpoint(g):
    """Values computed by ops of the program, which the gradient computes again."""
    operands = _some(g, 1, 3)
    if not operands:
        return None
    inner = _grown(g, operands)
    results = [inner.c.pick(inner.pool) for _ in range(g.c.integer(1, 2))]
    body = inner.function("again", results)
    env = dict(zip(body.params, operands, strict=True))
    for op in body.ops:
        args = [env[a] for a in op.args]
        env[op] = g.emit.make(op.prim, tuple(args), op.attrs, op.type)
    found = g.new("checkpoint", *(env[r] for r in results), *operands, body=body)
    return _parts(g, found) if len(results) > 1 else found


CONTROL = {
    "scan": scan,
    "while_loop": while_loop,
    "switch": switch,
    "checkpoint": checkpoint,
}


def used(fn: Function):
    """The names of all ops, those of bodies too."""
    for op in fn.ops:
        yield op.prim.name
    for body in fn.bodies():
        yield from used(body)
