"""Transformations of functions: `jit`, `grad`, `value_and_grad`, `vjp`.

Each returns a `Compiled` object: traced per signature, run as native code. Inside a tape
or another transformed function they record inline, so they compose freely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from inspect import Parameter, signature
from typing import Any

import numpy as np

from tapec import containers
from tapec.compiled import Compiled
from tapec.errors import DTypeError, ShapeError
from tapec.ops.cast import copy
from tapec.passes.vjp import backpropagate, filled
from tapec.recording import Recording, state
from tapec.tensor import Tensor, Weak, as_tensor
from tapec.variable import Variable

__all__ = ["grad", "jit", "value_and_grad", "vjp"]

Fun = Callable[..., Any]


def jit(
    fun: Fun | None = None,
    *,
    static_argnums: int | Iterable[int] = (),
    static_argnames: str | Iterable[str] = (),
) -> Any:
    """Compile `fun`: traced once per signature, native code afterwards.

    static_argnums, static_argnames: arguments that are part of the signature by value.

    >>> import numpy as np, tapec
    >>> @tapec.jit
    ... def norm2(x):
    ...     return np.sum(x * x)
    >>> float(norm2(np.array([3.0, 4.0])))
    25.0
    """
    if fun is None:
        return lambda f: jit(
            f, static_argnums=static_argnums, static_argnames=static_argnames
        )
    return Compiled(fun, fun, static_argnums, static_argnames)


def grad(
    fun: Fun | None = None,
    argnums: int | Sequence[int] = 0,
    *,
    argnames: str | Sequence[str] | None = None,
    has_aux: bool = False,
    static_argnums: int | Iterable[int] = (),
    static_argnames: str | Iterable[str] = (),
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
    static = {"static_argnums": static_argnums, "static_argnames": static_argnames}
    if fun is None:
        return lambda f: grad(f, **options, **static)  # type: ignore[arg-type]

    def body(*args: Any, **kw: Any) -> Any:
        value, grads = _differentiate(fun, options, args, kw)
        return (grads, value[1]) if has_aux else grads

    return Compiled(fun, body, static_argnums, static_argnames)


def value_and_grad(
    fun: Fun | None = None,
    argnums: int | Sequence[int] = 0,
    *,
    argnames: str | Sequence[str] | None = None,
    has_aux: bool = False,
    static_argnums: int | Iterable[int] = (),
    static_argnames: str | Iterable[str] = (),
) -> Any:
    """Value and gradient together, from one program: `(value, gradient)`.

    Arguments as for `grad`; with `has_aux` the result is `((value, aux), gradient)`.

    >>> import tapec
    >>> tapec.value_and_grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0)
    (6.0, (3.0, 2.0))
    """
    options = {"argnums": argnums, "argnames": argnames, "has_aux": has_aux}
    static = {"static_argnums": static_argnums, "static_argnames": static_argnames}
    if fun is None:
        return lambda f: value_and_grad(f, **options, **static)  # type: ignore[arg-type]

    def body(*args: Any, **kw: Any) -> Any:
        return _differentiate(fun, options, args, kw)

    return Compiled(fun, body, static_argnums, static_argnames)


def vjp(fun: Fun, *args: Any, has_aux: bool = False, **kw: Any) -> Any:
    """`(fun(*args), pullback)`: `pullback(ct)` is the gradient of all arguments.

    ct: cotangent with the structure and shapes of the result. The pullback returns a
    tuple, one entry per argument.

    >>> import numpy as np, tapec
    >>> y, pullback = tapec.vjp(np.exp, 0.0)
    >>> y, pullback(2.0)
    (1.0, (2.0,))
    """
    if state.recording is not None:
        return _vjp_inline(fun, args, kw, has_aux)
    out = jit(fun)(*args, **kw)
    aux: tuple[Any, ...] = ()
    if has_aux:
        out, extra = out
        aux = (extra,)

    def body(ct: Any, args: Any, kw: Any) -> Any:
        return _vjp_inline(fun, args, kw, has_aux)[1](ct)

    back = Compiled(fun, body)

    def pullback(ct: Any) -> Any:
        _same_shapes(out, ct)
        return back(ct, args, kw)

    return (out, pullback, *aux)


# --- recording a gradient inline ------------------------------------------------


def _differentiate(
    fun: Fun, options: dict[str, Any], args: tuple[Any, ...], kw: dict[str, Any]
) -> tuple[Any, Any]:
    """Run `fun` on the recording and append its gradient: `(value, gradients)`."""
    rec = state.recording
    assert rec is not None
    argnums, keys, single = _selection(fun, options, args, kw)
    new_args, new_kw = list(args), dict(kw)
    chosen = []
    for i in argnums:
        new_args[i], leaves = _fresh_sources(fun, i, args[i])
        chosen.append((args[i], leaves))
    for k in keys:
        new_kw[k], leaves = _fresh_sources(fun, k, kw[k])
        chosen.append((kw[k], leaves))
    start = rec.position
    out = fun(*new_args, **new_kw)
    value = out[0] if options["has_aux"] else out
    target = _scalar_target(fun, value)
    wrt = [t for _, leaves in chosen for t in leaves]
    flat = iter(_pull(rec, target, wrt, start))
    grads = []
    for arg, leaves in chosen:
        structure = containers.flatten(arg)[1]
        grads.append(containers.unflatten(structure, [next(flat) for _ in leaves]))
    return out, grads[0] if single else tuple(grads)


def _pull(rec: Recording, target: Tensor, wrt: list[Any], start: int) -> list[Tensor]:
    """Gradients of a scalar; zeros where it does not depend on a source."""
    sources = [t.value for t in wrt]
    if target.rec is rec:
        fn, _ = rec.function([target.value], whole=True)
        ones = filled(rec, target.type, 1.0)
        ops = [op for op in fn.ops if op.uid >= start]
        found = backpropagate(rec, ops, {target.value: ones}, sources)
    else:
        found = [None] * len(sources)
    out = []
    for t, g in zip(wrt, found, strict=True):
        made = filled(rec, t.type, 0.0) if g is None else g
        if type(t.kind) is Weak:
            made.kind = Weak.of(made.type)
        out.append(made)
    return out


def _selection(
    fun: Fun, options: dict[str, Any], args: tuple[Any, ...], kw: dict[str, Any]
) -> tuple[list[int], list[str], bool]:
    """Which positional and keyword arguments to differentiate."""
    argnums, argnames = options["argnums"], options["argnames"]
    if argnames is None:
        single = isinstance(argnums, int)
        nums = [argnums] if single else list(argnums)
        nums = [n + len(args) if n < 0 else n for n in nums]
        for n in nums:
            if not 0 <= n < len(args):
                raise ValueError(
                    f"argnums {argnums} for {_name(fun)} called with {len(args)} "
                    "positional arguments"
                )
        return nums, [], single
    single = isinstance(argnames, str)
    names = [argnames] if single else list(argnames)
    order = [
        p.name
        for p in signature(fun).parameters.values()
        if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    ]
    nums, keys = [], []
    for name in names:
        if name in kw:
            keys.append(name)
        elif name in order and order.index(name) < len(args):
            nums.append(order.index(name))
        else:
            raise ValueError(f"{_name(fun)} was called without argument {name!r}")
    return nums, keys, single


def _fresh_sources(fun: Fun, which: int | str, arg: Any) -> tuple[Any, list[Tensor]]:
    """`arg` with every leaf replaced by a value of its own, to differentiate by."""
    leaves, structure = containers.flatten(arg)
    if not leaves:
        raise TypeError(
            f"argument {which!r} of {_name(fun)} holds no number to differentiate by: "
            f"{type(arg).__name__}"
        )
    fresh = [_fresh(fun, which, leaf) for leaf in leaves]
    return containers.unflatten(structure, fresh), fresh


def _fresh(fun: Fun, which: int | str, leaf: Any) -> Tensor:
    t = leaf.read() if isinstance(leaf, Variable) else as_tensor(leaf)
    weak = type(t.kind) is Weak
    if t.dtype.kind not in "fc":
        if not weak:
            raise DTypeError(
                f"argument {which!r} of {_name(fun)} has dtype {t.dtype}, which has no "
                "gradient; give it as x.astype(float)"
            )
        t = t.astype(np.float64)
    made: Tensor = copy(t)
    if weak:
        made.kind = Weak.of(made.type)
    return made


def _scalar_target(fun: Fun, value: Any) -> Tensor:
    if value is None:
        raise ValueError(
            f"{_name(fun)} returned None; a gradient needs its value returned"
        )
    if not containers.is_leaf(value):
        raise ValueError(
            f"{_name(fun)} returned {type(value).__name__}; a gradient needs one number "
            "(has_aux=True for a value with extra results)"
        )
    t = as_tensor(value)
    if t.dtype.kind not in "fc" and type(value) not in (int, float):
        raise DTypeError(
            f"{_name(fun)} returned dtype {t.dtype}; a gradient needs a floating value"
        )
    if t.size != 1:
        raise ShapeError(
            f"{_name(fun)} returned shape {t.shape}; a gradient needs one number, such as "
            "its sum or mean (tapec.jacobian and tapec.vjp take arrays)"
        )
    return t


def _vjp_inline(
    fun: Fun, args: tuple[Any, ...], kw: dict[str, Any], has_aux: bool
) -> tuple[Any, ...]:
    """`vjp` on the current recording."""
    rec = state.recording
    assert rec is not None
    new, sources = [], []
    for i, a in enumerate(args):
        made, leaves = _fresh_sources(fun, i, a)
        new.append(made)
        sources.append(leaves)
    start = rec.position
    out = fun(*new, **kw)
    value, aux = out if has_aux else (out, None)

    def pullback(ct: Any) -> Any:
        grads = _pull_many(
            rec, value, ct, [t for group in sources for t in group], start
        )
        flat = iter(grads)
        return tuple(
            containers.unflatten(containers.flatten(a)[1], [next(flat) for _ in group])
            for a, group in zip(args, sources, strict=True)
        )

    return (value, pullback, aux) if has_aux else (value, pullback)


def _pull_many(
    rec: Recording, value: Any, ct: Any, wrt: list[Tensor], start: int
) -> list[Tensor]:
    outs = [as_tensor(v) for v in containers.flatten(value)[0]]
    cts = [as_tensor(c) for c in containers.flatten(ct)[0]]
    seeds: dict[Any, Any] = {}
    for t, c in zip(outs, cts, strict=True):
        if t.rec is rec:
            c = c if c.dtype == t.dtype else c.astype(t.dtype)
            seeds[t.value] = seeds[t.value] + c if t.value in seeds else c
    fn, _ = rec.function(seeds, whole=True)
    ops = [op for op in fn.ops if op.uid >= start]
    found = backpropagate(rec, ops, seeds, [t.value for t in wrt])
    out = []
    for t, g in zip(wrt, found, strict=True):
        made = filled(rec, t.type, 0.0) if g is None else g
        if type(t.kind) is Weak:
            made.kind = Weak.of(made.type)
        out.append(made)
    return out


def _same_shapes(out: Any, ct: Any) -> None:
    a, b = containers.flatten(out)[0], containers.flatten(ct)[0]
    if [np.shape(x) for x in a] != [np.shape(x) for x in b]:
        raise ShapeError(
            f"cotangent of shapes {[np.shape(x) for x in b]} for results of shapes "
            f"{[np.shape(x) for x in a]}"
        )


def _name(fun: Fun) -> str:
    return getattr(fun, "__name__", type(fun).__name__)
