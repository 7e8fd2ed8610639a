"""Transformations of functions: `jit`, `grad`, `value_and_grad`.

Each returns a `Compiled` object: traced per signature, run as native code. Inside a
tape or another transformed function they record inline, so they compose freely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from tapec import containers
from tapec.compiled import Compiled
from tapec.dynamic import compiled
from tapec.errors import DTypeError, ShapeError
from tapec.ir import Value
from tapec.passes.rolling.recorded import rolled_again
from tapec.passes.rules import filled
from tapec.passes.vjp import backpropagate
from tapec.pickling import remembered
from tapec.recording import Recording, state
from tapec.sources import Returns, Selection, Sources, like_sources, name_of
from tapec.tensor import Tensor, as_tensor

__all__ = ["as_loops", "grad", "jit", "memoised", "pull", "seeds_of", "value_and_grad"]

Fun = Callable[..., Any]


@remembered
def jit(
    fun: Fun | None = None,
    *,
    static_argnums: int | Iterable[int] = (),
    static_argnames: str | Iterable[str] = (),
    dynamic: bool = False,
    specs: Any = None,
    passes: Iterable[Any] = (),
) -> Any:
    """Compile `fun`: traced once per signature, native code afterwards.

    static_argnums, static_argnames: arguments that are part of the signature by value.
    dynamic: one program for any size of the arrays' first axes. specs: the same, said
    per argument, see `tapec.spec`. Sizes that the function needs as Python numbers, or
    that must be equal, are found out while it is traced, and `explain_retrace()` names
    the lines. ShapeError for sizes that contradict the specs. passes: of the user's
    own, see `tapec.custom_pass`; where `fun` is inlined, those of the caller hold.

    >>> import numpy as np, tapec
    >>> @tapec.jit
    ... def norm2(x):
    ...     return np.sum(x * x)
    >>> float(norm2(np.array([3.0, 4.0])))
    25.0
    """
    if fun is None:
        return lambda f: jit(
            f, static_argnums=static_argnums, static_argnames=static_argnames,
            dynamic=dynamic, specs=specs, passes=passes,
        )  # fmt: skip
    return compiled(fun, fun, static_argnums, static_argnames, dynamic, specs, passes)


@remembered
def grad(
    fun: Fun | None = None,
    argnums: int | Sequence[int] = 0,
    *,
    argnames: str | Sequence[str] | None = None,
    has_aux: bool = False,
    static_argnums: int | Iterable[int] = (),
    static_argnames: str | Iterable[str] = (),
    dynamic: bool = False,
    specs: Any = None,
    passes: Iterable[Any] = (),
) -> Any:
    """The gradient of a scalar function.

    argnums: position(s) of the arguments to differentiate; an integer gives that
    gradient, a sequence a tuple. argnames: the same by name. has_aux: `fun` returns
    `(value, aux)` and the result is `(gradient, aux)`. A gradient has the structure,
    shape and dtype of its argument.

    TypeError for an integer array (use `.astype(float)`); ValueError when the result is
    not one floating scalar.

    >>> import numpy as np, tapec
    >>> tapec.grad(lambda x: np.sin(x) * x)(0.0)
    0.0
    """
    options = {"argnums": argnums, "argnames": argnames, "has_aux": has_aux}
    static = {
        "static_argnums": static_argnums, "static_argnames": static_argnames,
        "dynamic": dynamic, "specs": specs, "passes": passes,
    }  # fmt: skip
    if fun is None:
        return lambda f: grad(f, **options, **static)  # type: ignore[arg-type]

    selection = Selection(argnums, argnames)

    def body(*args: Any, **kw: Any) -> Any:
        value, grads = _differentiate(fun, selection, has_aux, args, kw)
        return (grads, value[1]) if has_aux else grads

    body.returns = Returns(False, selection, has_aux)  # type: ignore[attr-defined]
    return compiled(fun, body, static_argnums, static_argnames, dynamic, specs, passes)


@remembered
def value_and_grad(
    fun: Fun | None = None,
    argnums: int | Sequence[int] = 0,
    *,
    argnames: str | Sequence[str] | None = None,
    has_aux: bool = False,
    static_argnums: int | Iterable[int] = (),
    static_argnames: str | Iterable[str] = (),
    dynamic: bool = False,
    specs: Any = None,
    passes: Iterable[Any] = (),
) -> Any:
    """Value and gradient together, from one program: `(value, gradient)`.

    Arguments as for `grad`; with `has_aux` the result is `((value, aux), gradient)`.

    >>> import tapec
    >>> tapec.value_and_grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0)
    (6.0, (3.0, 2.0))
    """
    options = {"argnums": argnums, "argnames": argnames, "has_aux": has_aux}
    static = {
        "static_argnums": static_argnums, "static_argnames": static_argnames,
        "dynamic": dynamic, "specs": specs, "passes": passes,
    }  # fmt: skip
    if fun is None:
        return lambda f: value_and_grad(f, **options, **static)  # type: ignore[arg-type]

    selection = Selection(argnums, argnames)

    def body(*args: Any, **kw: Any) -> Any:
        return _differentiate(fun, selection, has_aux, args, kw)

    body.returns = Returns(True, selection, has_aux)  # type: ignore[attr-defined]
    return compiled(fun, body, static_argnums, static_argnames, dynamic, specs, passes)


# --- programs made once -----------------------------------------------------------


@lru_cache(maxsize=64)
def _made(make: Callable[..., Compiled], fun: Fun, *options: Any) -> Compiled:
    return make(fun, *options)


def memoised(make: Callable[..., Compiled], fun: Fun, *options: Any) -> Compiled:
    """`make(fun, *options)`, the same object when asked again for the same function."""
    try:
        hash(fun)
    except TypeError:
        return make(fun, *options)
    return _made(make, fun, *options)


# --- recording a gradient inline ------------------------------------------------


def _differentiate(
    fun: Fun, selection: Selection, has_aux: bool, args: tuple[Any, ...],
    kw: dict[str, Any],
) -> tuple[Any, Any]:  # fmt: skip
    """Run `fun` on the recording and append its gradient: `(value, gradients)`."""
    rec = state.recording
    assert rec is not None
    sources = Sources(fun, selection, args, kw)
    start = rec.position
    out = fun(*sources.args, **sources.kw)
    target = _scalar_target(fun, out[0] if has_aux else out)
    as_loops(rec, start, [target, *containers.flatten(out)[0]])
    seeds = {target.value: filled(rec, target.type, 1.0)} if target.rec is rec else {}
    return out, sources.shaped(pull(rec, seeds, sources.wrt, start))


def as_loops(rec: Recording, start: int, outs: Iterable[Any]) -> None:
    """Let `outs` be results of loops, where what was recorded from `start` on repeats.

    Only in traced functions: on a tape the numbers in a loop's body would no longer be
    told apart from its structure.
    """
    if not rec.is_trace:
        return
    tensors = [t for t in outs if type(t) is Tensor and t.rec is rec]
    new = rolled_again(rec, start, list(dict.fromkeys(t.value for t in tensors)))
    for t in tensors:
        t.value = new.get(t.value, t.value)


def pull(
    rec: Recording, seeds: dict[Value, Tensor], wrt: Sequence[Tensor], start: int
) -> list[Tensor]:
    """Gradients by `wrt` of what was recorded from position `start` on.

    seeds: cotangents of the results. Zeros where no result depends on a source.
    """
    fn, _ = rec.function(seeds, whole=True)
    ops = [op for op in fn.ops if op.uid >= start]
    found = backpropagate(rec, ops, seeds, [t.value for t in wrt])
    return like_sources(rec, wrt, found)


def seeds_of(rec: Recording, outs: Sequence[Tensor], cts: Any) -> dict[Value, Tensor]:
    """Cotangents of results by value, in the results' dtypes."""
    seeds: dict[Value, Tensor] = {}
    for t, c in zip(outs, map(as_tensor, cts), strict=True):
        if t.rec is rec and t.dtype.kind in "fc":
            c = c if c.dtype == t.dtype else c.astype(t.dtype)
            seeds[t.value] = seeds[t.value] + c if t.value in seeds else c
    return seeds


def _scalar_target(fun: Fun, value: Any) -> Tensor:
    if value is None:
        raise ValueError(
            f"{name_of(fun)} returned None; a gradient needs its value returned"
        )
    if not containers.is_leaf(value):
        raise ValueError(
            f"{name_of(fun)} returned {type(value).__name__}; a gradient needs one "
            "number (has_aux=True for a value with extra results)"
        )
    t = as_tensor(value)
    if t.dtype.kind not in "fc" and type(value) not in (int, float):
        raise DTypeError(
            f"{name_of(fun)} returned dtype {t.dtype}; a gradient needs a floating "
            "value"
        )
    if t.size != 1:
        raise ShapeError(
            f"{name_of(fun)} returned shape {t.shape}; a gradient needs one number, "
            "such as its sum or mean (tapec.jacobian and tapec.vjp take arrays)"
        )
    return t
