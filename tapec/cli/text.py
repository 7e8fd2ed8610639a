"""Programs that are text."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.cli.command import UsageError
from tapec.inspect import Inspection
from tapec.ir import ArrayType, Function, Value
from tapec.text import parse
from tapec.verify import verify

__all__ = ["function_of", "inspection_of_text"]


def function_of(text: str, file: str) -> Function:
    """The function that IR text is; ParseError or IRError with the line."""
    fn = parse(text, "<stdin>" if file == "-" else file)
    verify(fn)
    return fn


def inspection_of_text(text: str, file: str, args: str | None) -> Inspection:
    """The program with these arguments: numbers and arrays of its parameters' types."""
    fn = function_of(text, file)
    if args is None:
        return Inspection(fn)
    try:
        found = eval(f"({args},)" if args.strip() else "()", {"np": np})
    except Exception as error:
        raise UsageError(f"--args={args!r}: {type(error).__name__}: {error}") from None
    if len(found) != len(fn.params):
        raise UsageError(
            f"--args={args!r}: {len(found)} arguments for {len(fn.params)} parameters"
        )
    return Inspection(
        fn, [_array(*pair) for pair in zip(fn.params, found, strict=True)]
    )


def _array(param: Value, given: Any) -> Any:
    """`given` as the type of `param`, where that loses nothing."""
    wanted = param.type
    array = np.asarray(given)
    assert isinstance(wanted, ArrayType)
    fits = all(
        have == want or not isinstance(want, int)
        for have, want in zip(array.shape, wanted.shape, strict=False)
    )
    same_kind = np.can_cast(array.dtype, wanted.dtype, "same_kind")
    if array.ndim != wanted.ndim or not fits or not same_kind:
        name = param.name or param.uid
        raise UsageError(
            f"--args: %{name} is {wanted!r}, not {array.dtype}{list(array.shape)}"
        )
    return array.astype(wanted.dtype)
