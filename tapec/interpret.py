"""The meaning of the IR: run each op's NumPy reference, in order.

Every other way to run a function (native code, passes before it) is tested against
this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from tapec.errors import CheckFailed, note_place
from tapec.ir import Function, Value, is_dynamic, sizes_of, with_sizes

__all__ = ["Observer", "apply", "evaluate", "observed"]

Array = np.ndarray[Any, Any]


class Observer:
    """Sees every op that `evaluate` runs, those of bodies too; a base to override."""

    def enter(self, fn: Function, arrays: tuple[Any, ...]) -> None:
        """`fn` begins; bodies begin and end within the op that runs them."""

    def run(self, op: Value, args: list[Any]) -> Any:
        """The value of `op`, which the one who overrides this gets from `apply`."""
        return apply(op, args)

    def leave(self, fn: Function) -> None:
        """`fn` has come to its end; not called if it failed."""


_observer: ContextVar[Observer | None] = ContextVar("observer", default=None)


@contextmanager
def observed(by: Observer | None) -> Iterator[None]:
    """Let `by` see what is evaluated inside."""
    token = _observer.set(by)
    try:
        yield
    finally:
        _observer.reset(token)


def evaluate(fn: Function, *arrays: Any) -> tuple[Array, ...]:
    """Results of `fn` on `arrays`, one per parameter, already of the parameters' types.

    The contents of `assign` effects follow the results, in their order. Raises whatever
    an op's reference raises, and `CheckFailed` for a failed check.
    Floating-point warnings are silent, as in native code.
    """
    if is_dynamic(fn):
        fn = with_sizes(fn, sizes_of(fn, [np.shape(a) for a in arrays]))
    env: dict[Value, Any] = dict(zip(fn.params, arrays, strict=True))
    last_use = {a: i for i, op in enumerate(fn.ops) for a in op.args}
    outputs = fn.outputs
    keep = set(outputs)
    observer = _observer.get()
    run = apply if observer is None else observer.run
    if observer is not None:
        observer.enter(fn, arrays)
    with np.errstate(all="ignore"):
        for i, op in enumerate(fn.ops):
            out = run(op, [env[a] for a in op.args])
            if not op.prim.effect:
                env[op] = out
            for a in op.args:
                if last_use[a] == i and a not in keep:
                    env.pop(a, None)
    if observer is not None:
        observer.leave(fn)
    return tuple(env[r] for r in outputs)


def apply(op: Value, args: list[Any]) -> Any:
    """The value of one op: an array of the op's type, or a tuple of arrays."""
    try:
        out = op.prim.reference(*args, **dict(op.attrs))
    except CheckFailed:
        raise CheckFailed(op) from None
    except Exception as error:
        note_place(error, op.meta.loc)
        raise
    if isinstance(out, tuple):
        return tuple(np.asarray(o) for o in out)
    return out if isinstance(out, np.ndarray) else np.asarray(out)
