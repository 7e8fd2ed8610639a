"""Branches that are recorded: `cond` and `switch`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tapec import containers
from tapec.bodies import Body, trace_step
from tapec.captures import function_code
from tapec.carries import flat, here, shared, type_of
from tapec.containers import Structure
from tapec.errors import DTypeError, ShapeError, TraceError
from tapec.inside import reporting, require
from tapec.ir import ArrayType, Emitter, Function, Value
from tapec.operators import Operators
from tapec.ops.branches import switch as switch_op
from tapec.ops.cast import cast
from tapec.promotion import result_dtype
from tapec.recording import Inside, state
from tapec.tensor import Tensor, Weak, as_tensor

__all__ = ["cond", "switch"]

Kind = ArrayType | Weak


def cond(
    pred: Any,
    true_fun: Callable[..., Any],
    false_fun: Callable[..., Any],
    *operands: Any,
) -> Any:
    """`true_fun(*operands)` if `pred`, else `false_fun(*operands)`; only one runs.

    pred: a scalar, traced or not. The two results have the same structure, shapes and
    dtypes. Gradients pass through the branch that was taken alone.

    >>> import numpy as np, tapec
    >>> f = tapec.grad(lambda x: tapec.cond(x > 0, np.sqrt, lambda x: 0.0 * x, x))
    >>> f(4.0), f(0.0)
    (0.25, 0.0)
    """
    if not isinstance(pred, Operators) or state.recording is None:
        _scalar("cond", "pred", pred)
        return (true_fun if bool(_number(pred)) else false_fun)(*operands)
    chosen: Any = as_tensor(pred)
    _scalar("cond", "pred", chosen)
    if chosen.dtype != np.bool_:
        chosen = np.not_equal(chosen, 0)
    return _recorded("cond", chosen, (false_fun, true_fun), operands)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """`branches[index](*operands)`; only that one runs.

    index: an integer scalar, traced or not; one that is out of range stands for the
    nearest branch. The results have the same structure, shapes and dtypes.

    >>> import tapec
    >>> tapec.switch(1, [lambda x: x, lambda x: x * x], 3.0)
    9.0
    """
    if not branches:
        raise here(TraceError("switch: there is no branch"))
    _scalar("switch", "index", index)
    dtype = index.dtype if isinstance(index, Operators) else np.asarray(index).dtype
    if dtype.kind not in "biu":
        raise here(DTypeError(f"switch: the index is no integer but {dtype}"))
    if not isinstance(index, Operators) or state.recording is None:
        place = min(max(int(_number(index)), 0), len(branches) - 1)
        return branches[place](*operands)
    return _recorded("switch", as_tensor(index), branches, operands)


def _number(x: Any) -> Any:
    return x.array if isinstance(x, Operators) else x


def _scalar(op: str, what: str, x: Any) -> None:
    if np.shape(x) != ():
        text = f"{op}: {what} has shape {np.shape(x)}; it must be a scalar"
        raise here(ShapeError(text))


def _recorded(
    op: str, index: Tensor, branches: Sequence[Callable[..., Any]], operands: Any
) -> Any:
    leaves, structure = flat(operands)
    tensors = [as_tensor(x) for x in leaves]
    kinds = [t.kind for t in tensors]
    traced = [_traced(op, f, kinds, structure) for f in branches]
    _same_structure(op, traced)
    rows = [(t.function, t.captured) for t in traced]
    bodies, captured = shared(rows, len(kinds))
    results = _agreed(op, traced)
    attrs = {
        f"branch{number}": _fitted(body, [type_of(k) for k in results])
        for number, body in enumerate(bodies)
    }
    inside = [t.inside for t in traced]
    watched = [i for i in inside if i is not None]
    if watched:
        pairs = zip(attrs.items(), inside, strict=True)
        attrs = {name: reporting(body, i) for (name, body), i in pairs}
    found = list(switch_op(index, *tensors, *captured, **attrs))
    if watched:
        text = "\nor ".join(i.text for i in watched)
        require(Inside(found.pop(), text, None))
    for t, kind in zip(found, results, strict=True):
        t.kind = kind
    return containers.unflatten(traced[0].structure, found)


def _traced(
    op: str, f: Callable[..., Any], kinds: Sequence[Kind], structure: Structure
) -> Body:
    def branch(*args: Any) -> Any:
        leaves, out = flat(f(*args))
        return containers.unflatten(out, leaves)

    return trace_step(branch, kinds, structure, op, function_code(f))


def _same_structure(op: str, traced: Sequence[Body]) -> None:
    first = traced[0].structure
    for body in traced:
        if body.structure != first:
            text = f"{op}: the branches return {first!r} and {body.structure!r}"
            raise here(TraceError(text))


def _agreed(op: str, traced: Sequence[Body]) -> list[Kind]:
    """The kinds of the results: numbers follow arrays, arrays are all alike."""
    columns = zip(
        *[
            [
                Weak.of(r.type) if weak else r.type
                for r, weak in zip(t.function.results, t.weak, strict=True)
            ]
            for t in traced
        ],
        strict=True,
    )
    paths = list(traced[0].structure.paths())
    return [_common(op, path, c) for path, c in zip(paths, columns, strict=True)]


def _common(op: str, path: str, kinds: tuple[Kind, ...]) -> Kind:
    types = [type_of(k) for k in kinds]
    strong = [k for k in kinds if type(k) is not Weak]
    dtype = result_dtype(
        tuple(k.python if type(k) is Weak else k.dtype for k in kinds)  # type: ignore[union-attr]
    )
    listed = " and ".join(map(repr, dict.fromkeys(types)))
    text = f"{op}: result{path} of the branches is {listed}"
    if any(t.shape != types[0].shape for t in types):
        raise here(ShapeError(f"{text}; their shapes must be the same"))
    if any(k.dtype != dtype for k in strong):  # type: ignore[union-attr]
        raise here(DTypeError(f"{text}; return the same dtype, as with .astype"))
    common = ArrayType(dtype, types[0].shape)
    return common if strong else Weak.of(common)


def _fitted(fn: Function, types: Sequence[ArrayType]) -> Function:
    """The function with its results cast to these types."""
    emit = Emitter(fn.next_uid)
    for op in fn.ops:
        emit.keep(op)
    results: list[Value] = [
        r if r.type == t else emit.new(cast, r, dtype=t.dtype)
        for r, t in zip(fn.results, types, strict=True)
    ]
    return Function(fn.name, fn.params, emit.ops, results)
