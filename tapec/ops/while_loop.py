"""Loops whose number of steps is known only when they run.

In reverse the forward loop runs first and keeps a growing record of what the steps back
will read. So the reverse is one op, `while_reverse`, whose own derivatives are again
those of loops: it is the transposed Jacobian of a loop times a vector.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import Batch
from tapec.interpret import evaluate
from tapec.ir import ArrayType, Constant, Emitter, Function, TupleType, Value
from tapec.ops.control import Run, param_types, result_types, typed
from tapec.primitive import HOST, PRIMITIVES, Sample, no_samples, primitive

__all__ = [
    "run_reverse",
    "run_while",
    "while_loop",
    "while_reverse",
]


def _loop_types(op: str, types: Any, cond: Function, body: Function, n: int) -> None:
    typed(op, "operand", types, param_types(body))
    typed(op, "operand", types, param_types(cond))
    typed(op, "next carry", result_types(body)[:n], types[:n])
    typed(op, "condition", result_types(cond), [ArrayType(np.bool_)])


# --- while_loop ---------------------------------------------------------------


def _while_type(
    *types: ArrayType, cond: Function, body: Function, carries: int
) -> TupleType:
    _loop_types("while_loop", types, cond, body, carries)
    typed("while_loop", "result", result_types(body), types[:carries])
    return TupleType(types[:carries])


def _while(*args: Any, **attrs: Any) -> tuple[Any, ...]:
    return run_while(evaluate, args, **attrs)


def run_while(
    run: Run, args: Any, *, cond: Function, body: Function, carries: int
) -> tuple[Any, ...]:
    """The meaning of `while_loop`; `run(fn, *arrays)` is how bodies are run."""
    state, fixed = args[:carries], args[carries:]
    while run(cond, *state, *fixed)[0]:
        state = run(body, *state, *fixed)
    return tuple(state)


def _while_vjp(ct: Any, out: Any, *args: Any, **attrs: Any) -> list[Any]:
    from tapec.passes.while_rules import while_vjp

    return while_vjp(ct, args, **attrs)


def _while_jvp(tangents: Any, out: Any, *args: Any, **attrs: Any) -> list[Any]:
    from tapec.passes.while_rules import while_jvp

    return while_jvp(tangents, args, **attrs)


def _while_batch(batch: Batch, *args: Any, **attrs: Any) -> tuple[Any, ...]:
    from tapec.passes.branch_batch import while_batch

    return while_batch(batch, args, **attrs)


def _halving() -> dict[str, Any]:
    """x, k, w -> x * w + x / 2, k + 1 while k < 4"""
    number, count = ArrayType(np.float64), ArrayType(np.int64)
    x, w = (Value(None, (), (), number, uid) for uid in (0, 2))
    k = Value(None, (), (), count, 1)
    numbers = (np.array(4), np.array(1), np.array(0.5))
    four, one, half = (_const(uid, a) for uid, a in enumerate(numbers, 3))
    less = Value(PRIMITIVES["less"], (k, four), (), ArrayType(np.bool_), 6)
    emit = Emitter(7)
    scaled = emit.new(PRIMITIVES["multiply"], x, w)
    halved = emit.new(PRIMITIVES["multiply"], x, half)
    moved = emit.new(PRIMITIVES["add"], scaled, halved)
    following = emit.new(PRIMITIVES["add"], k, one)
    body = Function("body", [x, k, w], [half, one, *emit.ops], [moved, following])
    cond = Function("cond", [x, k, w], [four, less], [less])
    return {"cond": cond, "body": body, "carries": 2}


def _const(uid: int, array: np.ndarray[Any, Any]) -> Value:
    type_ = ArrayType(array.dtype, array.shape)
    return Value(PRIMITIVES["const"], (), (("value", Constant(array)),), type_, uid)


def _while_samples(rng: np.random.Generator) -> list[Sample]:
    x, w = rng.uniform(-1.0, 1.0, 2)
    return [
        Sample((np.array(x), np.array(k), np.array(w)), _halving()) for k in (0, 3, 9)
    ]


while_loop = primitive(
    name="while_loop",
    doc="Run `body` on the carries as long as `cond` holds; both read the invariants.",
    reference=_while,
    type_rule=_while_type,
    vjp=_while_vjp,
    jvp=_while_jvp,
    batch=_while_batch,
    lower=HOST,
    samples=_while_samples,
)


# --- while_reverse ------------------------------------------------------------


def _reverse_type(
    *types: ArrayType, cond: Function, body: Function, back: Function, carries: int,
    bars: tuple[int, ...], sums: tuple[int, ...],
) -> TupleType:  # fmt: skip
    n = len(types) - len(bars)
    _loop_types("while_reverse", types[:n], cond, body, carries)
    fixed = types[carries:n]
    out = [*(types[i] for i in bars), *(fixed[i] for i in sums)]
    typed("while_reverse", "cotangent", types[n:], out[: len(bars)])
    wanted = [*out, *fixed, *result_types(body)[carries:]]
    typed("while_reverse", "parameter", param_types(back), wanted)
    typed("while_reverse", "result", result_types(back), out)
    return TupleType(tuple(out))


def _reverse(*args: Any, **attrs: Any) -> tuple[Any, ...]:
    return run_reverse(evaluate, args, **attrs)


def run_reverse(
    run: Run, args: Any, *, cond: Function, body: Function, back: Function,
    carries: int, bars: tuple[int, ...], sums: tuple[int, ...],
) -> tuple[Any, ...]:  # fmt: skip
    """The meaning of `while_reverse`."""
    n = len(args) - len(bars)
    state, fixed = args[:carries], args[carries:n]
    record = []
    while run(cond, *state, *fixed)[0]:
        results = run(body, *state, *fixed)
        state = results[:carries]
        record.append(results[carries:])
    found = (*args[n:], *(np.zeros_like(fixed[i]) for i in sums))
    while record:
        found = tuple(run(back, *found, *fixed, *record.pop()))
    return found


def _reverse_vjp(ct: Any, out: Any, *args: Any, **attrs: Any) -> list[Any]:
    from tapec.passes.while_rules import while_reverse_vjp

    return while_reverse_vjp(ct, args, **attrs)


def _reverse_jvp(tangents: Any, out: Any, *args: Any, **attrs: Any) -> list[Any]:
    from tapec.passes.while_rules import while_reverse_jvp

    return while_reverse_jvp(tangents, args, **attrs)


def _reverse_batch(batch: Batch, *args: Any, **attrs: Any) -> tuple[Any, ...]:
    from tapec.passes.branch_batch import while_reverse_batch

    return while_reverse_batch(batch, args, **attrs)


while_reverse = primitive(
    name="while_reverse",
    doc="The cotangents of what a `while_loop` starts from: `body` also gives what "
    "`back` reads of each step; `bars` numbers the carries with cotangents, `sums` the "
    "invariants.",
    reference=_reverse,
    type_rule=_reverse_type,
    vjp=_reverse_vjp,
    jvp=_reverse_jvp,
    batch=_reverse_batch,
    lower=HOST,
    samples=no_samples,
)
