"""Functions inside functions: bodies of loops, branches and vectorized maps.

`trace_step` runs a user's function on parameters of its own, apart from the surrounding
recording; values of the surroundings that it uses become further parameters. `replay`
puts such a function back, op by op, onto a recording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, NoReturn

from tapec import containers
from tapec.captures import function_code
from tapec.errors import TraceError, at
from tapec.inside import merged
from tapec.ir import ArrayType, Function, TupleType, Value
from tapec.recording import Inside, Recording, Trace, locate, recording_in
from tapec.tensor import Tensor, Weak, as_tensor

__all__ = ["Body", "BodyTrace", "replay", "trace_step"]


class Body(NamedTuple):
    """A traced body.

    function: parameters are the leaves of the arguments, then one per entry of
    `captured`, tensors, variables and arrays of the surroundings. structure: of the
    result. weak: which results came from Python numbers only. inside: a value of the
    function that says whether its indices are in range, if that is not known.
    """

    function: Function
    captured: list[Any]
    structure: containers.Structure
    weak: list[bool]
    inside: Inside | None = None


class BodyTrace(Trace):
    """The recording of a body that runs many times, or not at all.

    Nothing in it has a number: a branch of Python's that depended on one would be taken
    the same way in every step.
    """

    is_body = True

    def __init__(self, name: str, stop: Any = None) -> None:
        super().__init__(name, stop)
        self.inside: list[Inside] = []

    def leaf_of(self, source: Any) -> Value | None:
        """Tensors of the surroundings become parameters without being computed."""
        found = super().leaf_of(source)
        if found is None and type(source) is Tensor:
            found = self.leaf(source, source)  # type: ignore[arg-type]
        return found

    def flush(self, wanted: Iterable[Value] = ()) -> NoReturn:
        if self.closed:
            super().flush(wanted)
        text = (
            f"{self.name}: a value inside has no number yet: Python cannot branch on "
            "it or take it out; use tapec.cond, tapec.while_loop or np.where"
        )
        raise at(TraceError(text), locate(self.stop))


def trace_step(
    fun: Callable[..., Any],
    kinds: Sequence[ArrayType | Weak],
    structure: containers.Structure,
    name: str,
    code: Any = None,
) -> Body:
    """Trace `fun(*args)` with `args` of this structure and leaves of these kinds.

    name: of the operation, for errors. code: of the user's own function.
    """
    trace = BodyTrace(name, code or function_code(fun))
    params = []
    for kind in kinds:
        value = trace.add_param(kind.type if type(kind) is Weak else kind)  # type: ignore[arg-type]
        params.append(Tensor(trace, value, kind))
    with recording_in(trace):
        out = fun(*containers.unflatten(structure, params))
        leaves, out_structure = containers.flatten(out)
        results = [as_tensor(leaf) for leaf in leaves]
        inside = merged(trace.inside)
        trace.inside.clear()  # they hold the trace
    if trace.assigned:
        names = ", ".join(v.name or "a Variable" for v, _ in trace.assigned.values())
        text = f"{name}: {names} is assigned inside; carry the value instead"
        raise at(TraceError(text), locate(trace.stop))
    values = [t.value if t.rec is trace else trace.leaf_of(t) for t in results]
    captured = list(trace.leaves.values())
    weak = [type(t.kind) is Weak for t in results]
    if inside is not None:
        inside = inside._replace(holds=inside.holds.value)
    trace.inside.clear()  # tensors refer to the trace: it would outlive its use
    return Body(trace.finish(values), captured, out_structure, weak, inside)  # type: ignore[arg-type]


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
