"""Carries of loops: one type from the first step to the last.

A Python number that starts a loop is weakly typed and takes the dtype that the first
step gives it. Everything else must come back as it went in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tapec import containers
from tapec.bodies import Body, trace_step
from tapec.containers import LEAF, Structure
from tapec.errors import DTypeError, ShapeError, TraceError, at
from tapec.ir import ArrayType, Emitter, Function
from tapec.operators import Operators
from tapec.ops.cast import cast
from tapec.promotion import result_dtype
from tapec.recording import locate, state
from tapec.tensor import Tensor, Weak, as_tensor

__all__ = [
    "Carry",
    "Step",
    "flat",
    "here",
    "kind_of",
    "shared",
    "step_result",
    "traced_step",
    "type_of",
]

Kind = ArrayType | Weak


def here(error: Any) -> Any:
    """`error` with the user's line."""
    rec = state.recording
    return at(error, locate(rec.stop if rec is not None else None))


def flat(tree: Any) -> tuple[list[Any], Structure]:
    """Leaves and structure; Python's `True` and `False` are leaves here."""
    leaves, structure = containers.flatten(tree)
    waiting = iter(leaves)
    found: list[Any] = []
    return found, _with_bools(structure, waiting, found)


def _with_bools(s: Structure, leaves: Any, found: list[Any]) -> Structure:
    if s.kind == "leaf":
        found.append(next(leaves))
    elif s.kind == "static" and isinstance(s.data.get(), bool):
        found.append(np.bool_(s.data.get()))
        return LEAF
    elif s.children:
        children = tuple(_with_bools(c, leaves, found) for c in s.children)
        return Structure(s.kind, s.data, children)
    return s


def kind_of(x: Any) -> Kind:
    """Type of a leaf; weak for a Python number."""
    if isinstance(x, Tensor):
        return x.kind  # type: ignore[no-any-return]
    weak = isinstance(x, (int, float, complex)) and not isinstance(x, np.generic)
    array = x if isinstance(x, Operators) else np.asarray(x)
    type_ = ArrayType(array.dtype, array.shape)
    return Weak.of(type_) if weak else type_


def type_of(kind: Kind) -> ArrayType:
    """The type of a kind."""
    return kind.type if type(kind) is Weak else kind  # type: ignore[return-value]


class Carry:
    """The carries of one loop: their structure, and their kinds as far as known.

    changed: a Python number has met something stronger, so what was computed with it as
    a number is not what the loop means.
    """

    def __init__(self, op: str, leaves: Sequence[Any], structure: Structure) -> None:
        self.op = op
        self.structure = structure
        self.kinds = [kind_of(x) for x in leaves]
        self.changed = False

    @property
    def size(self) -> int:
        return len(self.kinds)

    @property
    def types(self) -> list[ArrayType]:
        return [type_of(k) for k in self.kinds]

    def back(self, tree: Any) -> list[Any]:
        """The leaves of what a step returned, those of other dtype as numbers of it."""
        leaves, structure = flat(tree)
        if structure != self.structure:
            text = (
                f"{self.op}: the carry starts as {self.structure!r} and comes back as "
                f"{structure!r}"
            )
            raise here(TraceError(text))
        return [self._fitted(i, x) for i, x in enumerate(leaves)]

    def _fitted(self, i: int, x: Any) -> Any:
        """`x` as carry `i`, which may settle the carry's kind."""
        kind, found = self.kinds[i], kind_of(x)
        if found is kind:
            return x
        wanted, given = type_of(kind), type_of(found)
        pair = [k.python if type(k) is Weak else k.dtype for k in (kind, found)]  # type: ignore[union-attr]
        common = result_dtype(tuple(pair))
        if given.shape != wanted.shape:
            raise self._mismatch(i, given)
        if given == wanted and type(kind) is not Weak:
            return x
        if type(found) is Weak and common == wanted.dtype:
            return _as(x, kind)
        if type(kind) is not Weak or common != given.dtype:
            raise self._mismatch(i, given)
        self.kinds[i] = found
        self.changed = True
        return x

    def _mismatch(self, i: int, given: ArrayType) -> Any:
        kind = self.kinds[i]
        wanted = type_of(kind)
        path = f"carry{list(self.structure.paths())[i]}"
        what = f"a Python number, {wanted!r}," if type(kind) is Weak else repr(wanted)
        text = f"{self.op}: {path} starts as {what} and comes back as {given!r}"
        if given.shape != wanted.shape:
            return here(ShapeError(f"{text}; start it with shape {given.shape}"))
        remedy = f"start it as {given.dtype}, or return it as {wanted.dtype}"
        return here(DTypeError(f"{text}; {remedy}"))


def _as(x: Any, kind: Kind) -> Any:
    """A number in the dtype of a carry."""
    dtype = type_of(kind).dtype
    if not isinstance(x, Operators) and state.recording is None:
        number = np.asarray(x, dtype)
        return number.item() if type(kind) is Weak else number[()]
    made = cast(as_tensor(x), dtype=dtype)
    made.kind = kind
    return made


def step_result(op: str, returned: Any) -> tuple[Any, Any]:
    """What a step returned, a pair."""
    if not (isinstance(returned, tuple) and len(returned) == 2):
        kind = type(returned).__name__
        text = f"{op}: the step must return (carry, output), not one {kind}"
        raise here(TraceError(text))
    return returned


def shared(
    rows: Sequence[tuple[Function, Sequence[Any]]], own: int
) -> tuple[list[Function], list[Tensor]]:
    """Functions with what each captured, given one list of captured values.

    The parameters are the `own` first ones, then one for each value that any captured.
    """
    every = {id(c): c for _, captured in rows for c in captured}
    made = []
    for fn, captured in rows:
        known = {id(c): p for c, p in zip(captured, fn.params[own:], strict=True)}
        emit = Emitter(fn.next_uid)
        params = list(fn.params[:own])
        for key, c in every.items():
            p = known.get(key)
            params.append(p or emit.make(None, (), (), type_of(kind_of(c))))
        made.append(Function(fn.name, params, fn.ops, fn.results))
    return made, [as_tensor(c) for c in every.values()]


class Step:
    """A traced step: what a loop op needs of it.

    function: parameters are carries, captured values, inputs; results are carries, then
    outputs. structure: of the outputs. inside: whether indices are in range.
    """

    def __init__(self, body: Body, carry: Carry, inputs: int) -> None:
        fn, n = body.function, carry.size
        self.captured = body.captured
        self.carry = carry
        self.structure = body.structure.children[1]
        self.inside = body.inside
        own, captured = fn.params[: n + inputs], fn.params[n + inputs :]
        params = [*own[:n], *captured, *own[n:]]
        self.function = Function(fn.name, params, fn.ops, fn.results)


def traced_step(
    op: str,
    f: Callable[[Any, Any], tuple[Any, Any]],
    carry: Carry,
    inputs: Sequence[ArrayType],
    x_structure: Structure,
    code: Any = None,
) -> Step:
    """Trace `f(carry, x) -> (carry, y)` until the types of the carries hold."""
    structure = Structure("tuple", None, (carry.structure, x_structure))

    def step(c: Any, x: Any) -> Any:
        following, y = step_result(op, f(c, x))
        leaves, y_structure = flat(y)
        return tuple(carry.back(following)), containers.unflatten(y_structure, leaves)

    while True:
        carry.changed = False
        body = trace_step(step, [*carry.kinds, *inputs], structure, op, code)
        if not carry.changed:
            return Step(body, carry, len(inputs))
