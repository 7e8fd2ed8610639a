"""Loops and branches: ops whose work is written in other functions, their bodies.

A body sees its parameters only; what it uses of the surroundings is an operand. The
references define what a loop means; the derivatives are functions on bodies too and
live with the passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tapec.batching import Batch
from tapec.interpret import evaluate
from tapec.ir import ArrayType, Dim, Emitter, Extent, Function, TupleType, Value
from tapec.primitive import HOST, PRIMITIVES, Sample, primitive

__all__ = ["Run", "run_scan", "scan"]

Types = Sequence[ArrayType]
Run = Callable[..., Sequence[Any]]


def typed(op: str, what: str, found: Types, wanted: Types) -> None:
    """TypeError unless the types agree, one by one."""
    if len(found) != len(wanted):
        raise TypeError(f"{op}: {len(found)} {what} for {len(wanted)}")
    for i, (f, w) in enumerate(zip(found, wanted, strict=True)):
        if f != w:
            raise TypeError(f"{op}: {what} {i} is {f!r} where {w!r} is wanted")


def param_types(body: Function) -> list[ArrayType]:
    return [p.type for p in body.params]


def result_types(body: Function) -> list[ArrayType]:
    return [r.type for r in body.results]


# --- scan ---------------------------------------------------------------------


def _scan_type(
    *types: ArrayType, body: Function, carries: int, invariants: int, length: Extent,
    reverse: bool,
) -> TupleType:  # fmt: skip
    if not isinstance(length, Dim) and length < 1:
        raise TypeError(f"scan: length {length}; there is at least one step")
    shared = carries + invariants
    params, results = param_types(body), result_types(body)
    stacked = [ArrayType(t.dtype, (length, *t.shape)) for t in params[shared:]]
    typed("scan", "operand", types, [*params[:shared], *stacked])
    typed("scan", "next carry", results[:carries], params[:carries])
    outputs = [ArrayType(t.dtype, (length, *t.shape)) for t in results[carries:]]
    return TupleType((*params[:carries], *outputs))


def _scan(*args: Any, **attrs: Any) -> tuple[Any, ...]:
    return run_scan(evaluate, args, **attrs)


def run_scan(
    run: Run, args: Sequence[Any], *, body: Function, carries: int, invariants: int,
    length: int, reverse: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """The meaning of `scan`; `run(fn, *arrays)` is how bodies are run."""
    shared = carries + invariants
    state, fixed, xs = args[:carries], args[carries:shared], args[shared:]
    outputs = [
        np.empty((length, *t.shape), t.dtype) for t in result_types(body)[carries:]
    ]
    for t in reversed(range(length)) if reverse else range(length):
        results = run(body, *state, *fixed, *[np.asarray(x[t]) for x in xs])
        state = results[:carries]
        for array, element in zip(outputs, results[carries:], strict=True):
            array[t] = element
    return (*state, *outputs)


def _scan_vjp(ct: Any, out: Any, *args: Any, **attrs: Any) -> list[Any]:
    from tapec.passes.scan_vjp import scan_vjp

    return scan_vjp(ct, out, args, **attrs)


def _scan_jvp(tangents: Any, out: Any, *args: Any, **attrs: Any) -> list[Any]:
    from tapec.passes.scan_jvp import scan_jvp

    return scan_jvp(tangents, out, *args, **attrs)


def _scan_batch(batch: Batch, *args: Any, **attrs: Any) -> tuple[Any, ...]:
    from tapec.passes.scan_batch import scan_batch

    return scan_batch(batch, args, **attrs)


def _recurrence(shape: tuple[int, ...]) -> Function:
    """c, s, w, x -> c * w + sin(x), s + c; c * x"""
    vector, number = ArrayType(np.float64, shape), ArrayType(np.float64)
    c, s, w, x = (
        Value(None, (), (), t, uid)
        for uid, t in enumerate((vector, vector, number, vector))
    )
    emit = Emitter(4)
    scaled = emit.new(PRIMITIVES["multiply"], c, w)
    moved = emit.new(PRIMITIVES["add"], scaled, emit.new(PRIMITIVES["sin"], x))
    total = emit.new(PRIMITIVES["add"], s, c)
    product = emit.new(PRIMITIVES["multiply"], c, x)
    return Function("body", [c, s, w, x], emit.ops, [moved, total, product])


def _scan_samples(rng: np.random.Generator) -> list[Sample]:
    samples = []
    for shape, length, reverse in (((), 5, False), ((3,), 2, True), ((2,), 1, False)):
        c, s = rng.uniform(-1.0, 1.0, (2, *shape))
        xs = rng.uniform(-1.0, 1.0, (length, *shape))
        attrs = {"body": _recurrence(shape), "carries": 2, "invariants": 1}
        attrs |= {"length": length, "reverse": reverse}
        samples.append(Sample((c, s, np.array(0.7), xs), attrs))
    return samples


scan = primitive(
    name="scan",
    doc="Run `body` `length` times: next carries from carries, invariants and the "
    "elements of the other operands; its further results are stacked.",
    reference=_scan,
    type_rule=_scan_type,
    vjp=_scan_vjp,
    jvp=_scan_jvp,
    lower=HOST,
    samples=_scan_samples,
    batch=_scan_batch,
)
