"""Which implementations NumPy's functions have on tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["FUNCTIONS", "implements"]

FUNCTIONS: dict[Any, Callable[..., Any]] = {}
"""NumPy functions and their implementation on tensors; filled by `tapec.numpy`."""

F = TypeVar("F", bound=Callable[..., Any])


def implements(*np_functions: Any) -> Callable[[F], F]:
    """Register an implementation of NumPy functions for tensors."""

    def register(implementation: F) -> F:
        for f in np_functions:
            FUNCTIONS[f] = implementation
        return implementation

    return register
