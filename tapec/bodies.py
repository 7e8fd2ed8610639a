"""Functions inside functions: bodies of loops, branches and vectorized maps.

`trace_body` runs a user's function on parameters of its own, apart from the surrounding
recording; values of the surroundings that it uses become further parameters. `replay`
puts such a function back, op by op, onto a recording.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tapec import containers
from tapec.captures import function_code
from tapec.ir import Function, TupleType, Value
from tapec.recording import Array, Recording, Trace, recording_in
from tapec.tensor import Tensor, Weak, as_tensor

__all__ = ["Body", "replay", "trace_body"]


class Body(NamedTuple):
    """A traced body.

    function: parameters are the leaves of the arguments, then one per entry of
    `captured`, tensors, variables and arrays of the surroundings. structure: of the
    result. weak: which results came from Python numbers only.
    """

    function: Function
    captured: list[Any]
    structure: containers.Structure
    weak: list[bool]


def trace_body(
    fun: Callable[..., Any],
    examples: Sequence[tuple[Array, bool]],
    structure: containers.Structure,
    name: str = "body",
) -> Body:
    """Trace `fun(*args)` with `args` of this structure.

    examples: for each leaf an array that types and exemplifies it, and whether it stands
    for a Python number.
    """
    trace = Trace(name, function_code(fun))
    params = []
    for array, weak in examples:
        value = trace.param(array)
        params.append(Tensor(trace, value, Weak.of(value.type) if weak else value.type))
    with recording_in(trace):
        out = fun(*containers.unflatten(structure, params))
        leaves, out_structure = containers.flatten(out)
        results = [as_tensor(leaf) for leaf in leaves]
    values = [t.value if t.rec is trace else trace.leaf(t, t.array) for t in results]
    captured = list(trace.leaves.values())
    weak = [type(t.kind) is Weak for t in results]
    return Body(trace.finish(values), captured, out_structure, weak)


def replay(rec: Recording, fn: Function, args: Sequence[Tensor]) -> list[Tensor]:
    """Record the ops of `fn` on `rec` with `args` in the place of its parameters."""
    values: dict[Value, Value] = {}
    for p, t in zip(fn.params, args, strict=True):
        values[p] = t.value if t.rec is rec else rec.leaf(t, t.array)
    before = rec.meta
    try:
        for op in fn.ops:
            rec.meta = op.meta
            operands = tuple([values[a] for a in op.args])
            values[op] = rec.append(op.prim, operands, op.attrs, op.type)
    finally:
        rec.meta = before
    made = []
    for r in fn.results:
        assert not isinstance(r.type, TupleType)
        t = Tensor(rec, values[r], r.type)
        rec.track(t)
        made.append(t)
    return made
