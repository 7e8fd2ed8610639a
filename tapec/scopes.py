"""Names for parts of what is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tapec.recording import state

__all__ = ["scope"]


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Name the ops recorded inside; names of nested scopes are joined by a slash.

    Pictures frame the ops of a scope together; numbers do not change.

    >>> import numpy as np, tapec
    >>> def f(x):
    ...     with tapec.scope("encoder"):
    ...         return np.tanh(x)
    >>> float(tapec.grad(f)(0.0))
    1.0
    """
    rec = state.recording
    if rec is None:
        yield
        return
    before = rec.scope
    rec.scope = f"{before}/{name}" if before else name
    try:
        yield
    finally:
        rec.scope = before
