"""What a NumPy function becomes: it is traced, differentiated and optimized.

The truth is in the records: whether there is a rule for each operand, whether an op
has a native form. A function written in terms of others has what they have, so it is
called once on small arrays and the program is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from docs.site.calls import arguments
from tapec import containers
from tapec.errors import UnsupportedError
from tapec.ir import Function, TupleType, Value
from tapec.native.steps import make_steps
from tapec.ops.const import with_constants
from tapec.passes import pipeline
from tapec.passes.rules import differentiable
from tapec.passes.vjp import vjp
from tapec.primitive import Primitive
from tapec.tracing import trace

__all__ = ["Found", "probe"]

PLUMBING = {"const", "copy", "cast", "item", "reshape", "broadcast_to", "transpose"}
PLUMBING |= {"barrier", "check", "stop_gradient", "slice", "where", "concatenate"}


class Found(NamedTuple):
    """What was found out about one function.

    made_of: the primitives it records. whole: the record, if it is one. derivative: in
    words. host: primitives that run in Python, in the value or in the gradient.
    """

    made_of: tuple[str, ...]
    whole: Primitive | None
    derivative: str
    host: tuple[str, ...]
    may_raise: bool
    blas: bool


def probe(name: str, function: Callable[..., Any]) -> Found:
    """Trace `function` on the arguments that `docs.site.calls` has for it."""
    fn = recorded(function, arguments(name, lambda args: recorded(function, args)))
    ops = [op for op in fn.ops if op.prim.name not in PLUMBING] or list(fn.ops)
    names = tuple(dict.fromkeys(op.prim.name for op in ops))
    whole = ops[0].prim if len(ops) == 1 else None
    said, full = derivative(fn, whole)
    steps = make_steps(pipeline.run(full))
    host = {s.op.prim.name for s in steps if s.kind == "host"}
    return Found(
        names,
        whole,
        said,
        tuple(sorted(host)),
        any(op.prim.may_raise for op in fn.ops),
        any(s.kind == "library" for s in steps),
    )


def recorded(function: Callable[..., Any], args: tuple[Any, ...]) -> Function:
    """The program of one call; what is no array of numbers stays what it is."""
    leaves, structure = containers.flatten((args, {}))
    arrays = [i for i, x in enumerate(leaves) if isinstance(x, np.ndarray)]
    floats = [i for i in arrays if leaves[i].dtype.kind in "fc"]
    traced = floats or arrays

    def call(*given: Any) -> Any:
        filled = [*leaves]
        for i, x in zip(traced, given, strict=True):
            filled[i] = x
        rebuilt, _ = containers.unflatten(structure, filled)
        out = function(*rebuilt)
        return rebuilt[0] if out is None else out  # it has changed its argument

    given = [leaves[i] for i in traced]
    _, flat = containers.flatten((tuple(given), {}))
    traced_call = trace(call, given, flat, "f")
    fn, count = traced_call.function, len(given)
    captured = map(np.array, traced_call.bindings.sources)
    return with_constants(fn, dict(zip(fn.params[count:], captured, strict=True)))


def derivative(fn: Function, whole: Primitive | None) -> tuple[str, Function]:
    """The derivative in words, and the program with its gradient, if it has one."""
    wrt = [i for i, p in enumerate(fn.params) if differentiable(p.type)]
    depends, smooth = _reached(fn, [fn.params[i] for i in wrt])
    results = [r for r in fn.results if r in smooth and differentiable(r.type)]
    if not results:
        return _why_none(fn, depends, smooth), fn
    unknown = _unknown(whole)
    wrt = [i for i in wrt if not unknown or i not in unknown]
    full = vjp(fn.with_(results=results), wrt=wrt)
    without = "".join(f", not by `{name}`" for name in unknown.values())
    try:
        vjp(full, wrt=wrt)
    except UnsupportedError:
        return f"first order{without}", full
    return f"any order{without}", full


def _unknown(prim: Primitive | None) -> dict[int, str]:
    """Operands of a primitive whose derivative has no formula, by their names."""
    rules = prim.vjp if prim is not None and isinstance(prim.vjp, tuple) else ()
    names = {i: getattr(rule, "unknown", None) for i, rule in enumerate(rules)}
    return {i: name for i, name in names.items() if name}


def _reached(fn: Function, wrt: Iterable[Value]) -> tuple[set[Value], set[Value]]:
    """What depends on `wrt`, and what does so differentiably."""
    depends, smooth = set(wrt), set(wrt)
    for op in fn.ops:
        if any(a in depends for a in op.args):
            depends.add(op)
        rule = op.prim.vjp
        if rule is None or not (
            isinstance(op.type, TupleType) or op.dtype.kind in "fc"
        ):
            continue
        led = [
            a in smooth and (callable(rule) or rule[i] is not None)
            for i, a in enumerate(op.args)
        ]
        if any(led):
            smooth.add(op)
    return depends, smooth


def _why_none(fn: Function, depends: set[Value], smooth: set[Value]) -> str:
    kinds = {r.dtype.kind for r in fn.results}
    if not any(r in depends for r in fn.results):
        return "none: the numbers do not matter"
    if kinds <= {"b"}:
        return "none: a truth value"
    if kinds <= {"i", "u"}:
        return "none: whole numbers"
    return "none: constant between jumps"
