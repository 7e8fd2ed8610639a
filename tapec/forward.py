"""Forward mode: `jvp` and `hvp`.

A tangent is a direction in which arguments move; what a result does along it costs
about as much as the function itself, however many arguments there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tapec import containers
from tapec.compiled import Compiled
from tapec.errors import ShapeError
from tapec.ir import Value
from tapec.passes.jvp import pushforward
from tapec.passes.rules import filled
from tapec.pickling import remembered
from tapec.recording import Recording, state
from tapec.sources import Selection, Sources, name_of
from tapec.tensor import Tensor, Weak, as_tensor
from tapec.tracing import argument_names
from tapec.transform import as_loops, grad, memoised

__all__ = ["directions", "hvp", "jvp", "push", "recording"]

Fun = Callable[..., Any]


def jvp(
    fun: Fun,
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    has_aux: bool = False,
) -> Any:
    """`(fun(*primals), tangent)`: how the result changes as the arguments move.

    primals: the arguments, a tuple or list. tangents: for each argument its direction,
    of the same structure and shapes, or None for an argument that stays. has_aux: `fun`
    returns `(value, aux)` and `aux` is the third result. The tangent has the structure,
    shapes and dtypes of the value; it is zero where the value is an integer.

    ShapeError for a direction that does not fit its argument; TypeError for an integer
    array that is to move (use `.astype(float)`).

    >>> import numpy as np, tapec
    >>> tapec.jvp(np.sin, (0.0,), (2.0,))
    (0.0, 2.0)
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(
        tangents, (tuple, list)
    ):
        raise TypeError(
            "jvp takes a tuple of arguments and a tuple of their directions"
        )
    if len(primals) != len(tangents):
        raise ValueError(
            f"jvp: {len(tangents)} directions for {len(primals)} arguments"
        )
    return memoised(_jvp, fun, has_aux)(tuple(tangents), *primals)


def _jvp(fun: Fun, has_aux: bool) -> Compiled:
    """`fun` with its directions as the first argument."""

    def body(direction: tuple[Any, ...], *args: Any) -> Any:
        moving = [i for i, t in enumerate(direction) if t is not None]
        given = [direction[i] for i in moving]
        sources = Sources(fun, Selection(moving), args, {})
        rec, start = recording()
        tangents = directions(fun, sources, given)
        out = fun(*sources.args)
        value, *aux = out if has_aux else (out,)
        leaves, structure = containers.flatten(value)
        outs = [as_tensor(leaf) for leaf in leaves]
        as_loops(rec, start, outs)
        moved = push(rec, outs, sources.wrt, tangents, start)
        return (value, containers.unflatten(structure, moved), *aux)

    return _named(fun, body, 0)


@remembered
def hvp(
    fun: Fun | None = None,
    *args: Any,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    **kw: Any,
) -> Any:
    """Products of the Hessian of a scalar function with a vector, never the matrix.

    `hvp(fun)` is a compiled function: `hvp(fun)(x, v)` is the Hessian of `fun` at `x`
    times `v`, an array like `x`, for about the price of two gradients. Further
    arguments of `fun` come after the vector (as scipy.optimize wants it for `hessp`);
    `argnums` chooses by which to differentiate, the vector follows the last of these
    and is a tuple if `argnums` is one. With has_aux `fun` returns `(value, aux)`, and
    the result is `(product, aux)`. `hvp(fun, x, v)` is `hvp(fun)(x, v)`.

    ShapeError for a vector that does not fit; errors of `tapec.grad` otherwise.

    >>> import numpy as np, tapec
    >>> tapec.hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    nums = argnums if isinstance(argnums, int) else tuple(argnums)
    if min([nums] if isinstance(nums, int) else nums) < 0:
        raise ValueError(f"hvp counts from the front: argnums={argnums}")
    if fun is None:
        return lambda f: hvp(f, argnums=nums, has_aux=has_aux)
    product = memoised(_hvp, fun, nums, has_aux)
    return product(*args, **kw) if args else product


def _hvp(fun: Fun, argnums: int | tuple[int, ...], has_aux: bool) -> Compiled:
    gradient = grad(fun, argnums, has_aux=has_aux)
    place = 1 + (argnums if isinstance(argnums, int) else max(argnums))

    def body(*args: Any, **kw: Any) -> Any:
        if len(args) <= place:
            raise TypeError(
                f"the vector is missing: it comes as argument {place + 1}, after "
                f"argument {place} of {name_of(fun)}"
            )
        v = args[place]
        rec, start = recording()
        rest = (*args[:place], *args[place + 1 :])
        sources = Sources(fun, Selection(argnums), rest, kw)
        tangents = directions(fun, sources, [v] if isinstance(argnums, int) else v)
        out = gradient(*sources.args, **sources.kw)
        grads, *aux = out if has_aux else (out,)
        outs = containers.flatten(grads)[0]
        moved = sources.shaped(push(rec, outs, sources.wrt, tangents, start))
        return (moved, *aux) if has_aux else moved

    return _named(fun, body, place)


def _named(fun: Fun, body: Fun, place: int) -> Compiled:
    """`body` compiled, its arguments called like those of `fun` but for a direction."""
    names = argument_names(fun)
    body.argument_names = (*names[:place], "direction", *names[place:])  # type: ignore[attr-defined]
    return Compiled(fun, body)


# --- recording tangents inline ----------------------------------------------------


def recording() -> tuple[Recording, int]:
    """The current recording and its position."""
    rec = state.recording
    assert rec is not None
    return rec, rec.position


def directions(fun: Fun, sources: Sources, given: Sequence[Any]) -> list[Tensor]:
    """One tangent per source, in its dtype; ShapeError where one does not fit."""
    if len(given) != len(sources.structures):
        raise ValueError(
            f"{len(given)} directions for {len(sources.structures)} arguments of "
            f"{name_of(fun)}"
        )
    leaves = [leaf for tree in given for leaf in containers.flatten(tree)[0]]
    sizes = [len(containers.flatten(tree)[0]) for tree in given]
    tangents = [as_tensor(leaf) for leaf in leaves]
    fits = sizes == [s.size for s in sources.structures]
    if not fits or [t.shape for t in tangents] != [t.shape for t in sources.wrt]:
        raise ShapeError(
            f"a direction of shapes {[t.shape for t in tangents]} for arguments of "
            f"{name_of(fun)} of shapes {[t.shape for t in sources.wrt]}"
        )
    pairs = zip(tangents, sources.wrt, strict=True)
    return [t if t.dtype == x.dtype else t.astype(x.dtype) for t, x in pairs]


def push(
    rec: Recording,
    outs: Sequence[Tensor],
    wrt: Sequence[Tensor],
    tangents: Sequence[Tensor],
    start: int,
) -> list[Tensor]:
    """Tangents of `outs`, which were recorded from position `start` on."""
    here = [t.value for t in outs if t.rec is rec]
    fn, _ = rec.function(here, whole=True)
    ops = [op for op in fn.ops if op.uid >= start]
    along = {x.value: on(rec, t) for x, t in zip(wrt, tangents, strict=True)}
    by_value: dict[Value, Any] = dict(
        zip(here, pushforward(rec, ops, along, here), strict=True)
    )
    found = []
    for t in outs:
        moved = by_value.get(t.value) if t.rec is rec else None
        made = filled(rec, t.type, 0) if moved is None else moved
        if type(t.kind) is Weak:
            made = Tensor(rec, made.value, Weak.of(made.type))
            rec.track(made)
        found.append(made)
    return found


def on(rec: Recording, t: Tensor) -> Tensor:
    """`t` as a value of the recording."""
    if t.rec is rec:
        return t
    value = rec.leaf(t, t.array)
    return Tensor(rec, value, t.kind)
