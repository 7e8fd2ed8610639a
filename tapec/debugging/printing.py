"""`tapec.print` and `tapec.assert_`: at each call, also of compiled code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from string import Formatter
from typing import Any

import numpy as np

from tapec.ir import Dim, asked
from tapec.operators import Operators
from tapec.ops import effects
from tapec.recording import state
from tapec.tensor import as_tensor

__all__ = ["assert_", "escaped", "print_"]


def print_(*values: Any, sep: str = " ", **named: Any) -> None:
    """Write a line to the standard output, in compiled code at each call.

    As Python's `print`, or with a format string first: `{}`, `{loss:.3f}`, `{x.shape}`,
    `{x[0]}`; a specification such as `.3f` is applied to each element of an array. In
    a loop it writes at each step, under `vmap` once with the values of the whole batch.
    In the body of a `scan` on a tape it writes whenever the loop is computed.

    TypeError for values that no place of the format string takes, and the reverse.

    >>> import tapec
    >>> @tapec.grad
    ... def f(x):
    ...     tapec.print("x is {:.2f}, its square {}", x, x * x)
    ...     return x * x
    >>> f(3.0)
    x is 3.00, its square 9.0
    6.0
    """
    text, operands = _composed("print", values, sep, named)
    if _recorded():
        effects.print_(*operands, text=text)
    else:
        sys.stdout.write(effects.filled(text, _numbers(operands)) + "\n")


def assert_(condition: Any, *message: Any, **named: Any) -> None:
    """Raise AssertionError unless every element of `condition` is true.

    In compiled code it is tested at each call, where Python's own `assert` on a traced
    value would be decided by the version. message: as for `tapec.print`; computed only
    when the assertion fails. The error notes the line that asserts.

    >>> import numpy as np, tapec
    >>> @tapec.jit
    ... def root(x):
    ...     tapec.assert_(x >= 0, "x has {:.1f}", np.min(x))
    ...     return np.sqrt(x)
    >>> try:
    ...     root(np.array([4.0, -1.0]))
    ... except AssertionError as error:
    ...     print(error)
    x has -1.0
    """
    text, operands = _composed("assert_", message, " ", named)
    if isinstance(condition, Operators) and condition.dtype != np.bool_:
        condition = np.not_equal(condition, 0)
    if not operands:
        text = effects.filled(text, ())
    if _recorded() and isinstance(condition, (Operators, np.ndarray)):
        effects.assert_(condition, *operands, message=text)
    elif not np.all(_numbers([condition])[0]):
        numbers = _numbers(operands)
        raise AssertionError(effects.filled(text, numbers) if operands else text)


def escaped(text: str) -> str:
    """`text` as a part of a format string."""
    return text.replace("{", "{{").replace("}", "}}")


def _recorded() -> bool:
    """Whether this is part of a traced function; a tape computes what is looked at."""
    return state.recording is not None and state.recording.is_trace


def _numbers(operands: list[Any]) -> tuple[Any, ...]:
    return tuple([x.array if isinstance(x, Operators) else x for x in operands])


# --- the text -----------------------------------------------------------------


def _composed(
    what: str, values: tuple[Any, ...], sep: str, named: dict[str, Any]
) -> tuple[str, list[Any]]:
    """Text with places for the operands; what is known now is in the text."""
    operands: list[Any] = []
    first = values[0] if values else ""
    if isinstance(first, str) and (named or "{" in first):
        parts = list(_formatted(what, first, values[1:], named, operands))
        return "".join(parts), operands
    return escaped(sep).join([_part(x, "", None, operands) for x in values]), operands


def _formatted(
    what: str, text: str, values: tuple[Any, ...], named: dict[str, Any],
    operands: list[Any],
) -> Iterator[str]:  # fmt: skip
    """The parts of a format string, looked up in the values."""
    formatter, used, auto = Formatter(), set(), 0
    for literal, name, spec, conversion in formatter.parse(text):
        yield escaped(literal)
        if name is None:
            continue
        if name == "" or name[0] in ".[":
            name, auto = f"{auto}{name}", auto + 1
        try:
            found, key = formatter.get_field(name, values, named)
        except (IndexError, KeyError):
            places = f"{{{name}}}, but the values are {len(values)}"
            raise TypeError(f"{what}: {text!r} has a place {places}") from None
        used.add(key)
        yield _part(found, spec or "", conversion, operands)
    left = [k for k in (*range(len(values)), *named) if k not in used]
    if left:
        raise TypeError(f"{what}: {text!r} has no place for value {left[0]}")


def _part(x: Any, spec: str, conversion: str | None, operands: list[Any]) -> str:
    """A place for what is known only when the program runs, else its text."""
    if type(x) is Dim:
        who = asked.get()
        x = x if who is None else as_tensor(who.value(x))
    if isinstance(x, (Operators, np.ndarray)):
        operands.append(x)
        marks = (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
        return f"{{{marks}}}"
    if conversion:
        x = repr(x) if conversion == "r" else str(x)
    return escaped(format(x, spec))
