"""Forward derivatives written by the user: `@tapec.custom_jvp`.

The gradient needs no second rule: a tangent is linear in the directions, so what the
rule records for some direction is differentiated with respect to it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from tapec import containers
from tapec.custom import custom_gradient
from tapec.errors import ShapeError
from tapec.forward import recording
from tapec.ops.cast import copy
from tapec.passes.rules import differentiable, filled
from tapec.sources import name_of
from tapec.tensor import Tensor, as_tensor
from tapec.transform import pull, seeds_of

__all__ = ["custom_jvp"]

Fun = Callable[..., Any]
Rule = Callable[[tuple[Any, ...], tuple[Any, ...]], Any]


def custom_jvp(fun: Fun) -> Any:
    """Give `fun` a forward derivative of its own, from which its gradient follows.

    The result has a decorator `defjvp` for the rule. `rule(primals, tangents)` gets the
    arguments and a direction for each (of the same structure and shapes, zeros for
    integers), and returns `(value, tangent)`; the tangent has the structure and shapes
    of the value and is linear in the directions. Keyword arguments are passed to both.
    In its own rule the function is the plain one: what the rule reads of its value has
    the second derivatives of its ops.

    ValueError, naming `fun`, when it is called before there is a rule, or the rule
    returns something else; ShapeError for a tangent unlike the value.

    >>> import numpy as np, tapec
    >>> @tapec.custom_jvp
    ... def safe_log(x):
    ...     return np.log(x)
    >>> @safe_log.defjvp
    ... def safe_log_jvp(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return safe_log(x), t / np.maximum(x, 1e-6)
    >>> tapec.grad(safe_log)(0.5), tapec.jvp(safe_log, (0.5,), (2.0,))[1]
    (2.0, 4.0)
    """
    rules: list[Rule] = []

    @custom_gradient
    @functools.wraps(fun)
    def recorded(*args: Any, **kw: Any) -> Any:
        value = fun(*args, **kw)

        def backward(*cts: Any) -> Any:
            with _within(rules):
                return _transposed(fun, rules[0], args, kw, cts)

        return value, backward

    @functools.wraps(fun)
    def with_rule(*args: Any, **kw: Any) -> Any:
        if not rules:
            raise ValueError(
                f"{name_of(fun)} has no derivative yet; write one under "
                f"@{name_of(fun)}.defjvp"
            )
        return (fun if _is_within(rules) else recorded)(*args, **kw)

    def defjvp(rule: Rule) -> Rule:
        rules[:] = [rule]
        return rule

    with_rule.defjvp = defjvp  # type: ignore[attr-defined]
    return with_rule


_running: ContextVar[tuple[Any, ...]] = ContextVar("rules that run now", default=())


@contextmanager
def _within(rules: list[Rule]) -> Iterator[None]:
    """A rule of this function runs. (A name of this module, as such it pickles.)"""
    token = _running.set((*_running.get(), rules))
    try:
        yield
    finally:
        _running.reset(token)


def _is_within(rules: list[Rule]) -> bool:
    return any(each is rules for each in _running.get())


def _transposed(
    fun: Fun, rule: Rule, args: tuple[Any, ...], kw: dict[str, Any], cts: Any
) -> list[Any]:
    """The gradients of the arguments: what the rule gives, differentiated by `t`."""
    rec, start = recording()
    leaves, structure = containers.flatten(args)
    tangents = [_direction(as_tensor(x)) for x in leaves]
    got = rule(args, containers.unflatten(structure, tangents), **kw)
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        raise ValueError(
            f"{name_of(fun)}: its rule must return (value, tangent), not "
            f"{type(got).__name__}"
        )
    moved = [as_tensor(t) for t in containers.flatten(got[1])[0]]
    if [t.shape for t in moved] != [np.shape(c) for c in cts]:
        raise ShapeError(
            f"{name_of(fun)}: its rule returned a tangent of shapes "
            f"{[t.shape for t in moved]} for a value of shapes "
            f"{[np.shape(c) for c in cts]}"
        )
    wrt = [t for t in tangents if differentiable(t.type)]
    grads = iter(pull(rec, seeds_of(rec, moved, cts), wrt, start))
    return [
        next(grads) if x.dtype.kind in "fc" else None for x in map(as_tensor, leaves)
    ]


def _direction(x: Tensor) -> Tensor:
    """A value of its own to differentiate by, or zeros for an integer."""
    rec = recording()[0]
    if differentiable(x.type):
        made: Tensor = copy(filled(rec, x.type, 0.0))
        return made
    return as_tensor(np.zeros(x.shape))
