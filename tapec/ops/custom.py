"""Values whose gradient the user has written himself.

`custom %y, %x, %e backward=@g` is `y`, computed from `x` as it happened to be computed;
its gradient by `x` is `@g(ct, e)`, whatever was done to get `y`. The operands: results,
then sources, then what else the backward function reads. Nested derivatives need no
more: `@g` is made of ordinary ops, and `e` is an ordinary value.
"""

from __future__ import annotations

from typing import Any

from tapec.batching import Batch
from tapec.ir import ArrayType, Function, TupleType, Value
from tapec.ops.const import const, item
from tapec.primitive import HOST, no_samples, primitive

__all__ = ["custom", "replayed"]


def _custom(
    *args: Any, results: int, sources: int, places: tuple[int, ...], backward: Function
) -> Any:
    return args[0] if results == 1 else args[:results]


def _custom_type(
    *types: ArrayType, results: int, sources: int, places: tuple[int, ...],
    backward: Function,
) -> ArrayType | TupleType:  # fmt: skip
    if results + sources > len(types):
        raise TypeError(
            f"custom: {results} results, {sources} sources: too few operands"
        )
    if len(places) != len(backward.results):
        raise TypeError(f"custom: {len(places)} places for the gradients of @g")
    return types[0] if results == 1 else TupleType(tuple(types[:results]))


def _custom_vjp(
    ct: Any, out: Any, *args: Any, results: int, sources: int,
    places: tuple[int, ...], backward: Function,
) -> list[Any]:  # fmt: skip
    cts = [ct] if results == 1 else [c for c in ct if c is not None]
    grads = replayed(backward, [*cts, *args[results + sources :]])
    back: list[Any] = [None] * len(args)
    for place, grad in zip(places, grads, strict=True):
        back[results + place] = grad
    return back


def replayed(fn: Function, args: list[Any]) -> list[Any]:
    """The ops of `fn` applied to other operands."""
    env: dict[Value, Any] = dict(zip(fn.params, args, strict=True))
    for op in fn.ops:
        if op.prim is const and not op.type.shape:
            env[op] = op.attr("value").array[()]
        elif op.prim is item:
            env[op] = env[op.args[0]][op.attr("index")]
        else:
            env[op] = op.prim(*[env[a] for a in op.args], **dict(op.attrs))
    return [env[r] for r in fn.results]


def _custom_batch(batch: Batch, *args: Any, backward: Function, **attrs: Any) -> Any:
    return custom(*batch.spread_all(*args), backward=batch.body(backward), **attrs)


# Liveness "drop": the user's function may mix the elements of its cotangent.
custom = primitive(
    name="custom",
    doc="The first operands, with a gradient of the user's own by the next ones.",
    reference=_custom,
    type_rule=_custom_type,
    vjp=_custom_vjp,
    lower=HOST,
    samples=no_samples,
    batch=_custom_batch,
    liveness="drop",
)
