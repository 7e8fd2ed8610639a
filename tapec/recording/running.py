"""How the program of a recording is run: interpreted, unless a better way is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tapec.interpret import evaluate
from tapec.ir import Function

__all__ = ["Array", "array_of", "install_run", "run_program"]

Array = np.ndarray[Any, Any]


def array_of(source: Any) -> Array:
    """The array behind a leaf's source: an array, a tensor or a variable."""
    return source if isinstance(source, np.ndarray) else source.array


def _interpret(fn: Function, arrays: list[Array]) -> Sequence[Array]:
    return evaluate(fn, *arrays)


_run: Callable[[Function, list[Array]], Sequence[Array]] = _interpret


def run_program(fn: Function, arrays: list[Array]) -> Sequence[Array]:
    """Run `fn`; `programs` installs the cached, compiled way to do it."""
    return _run(fn, arrays)


def install_run(run: Callable[[Function, list[Array]], Sequence[Array]]) -> None:
    """The one upward door of recordings."""
    globals()["_run"] = run
