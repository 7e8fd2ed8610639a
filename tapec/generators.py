"""Random numbers that a trace would freeze: NumPy's generators before and after it.

A generator draws while the function is traced, not when the program runs. Nothing tells
that a number came from one, but its state has changed.
"""

from __future__ import annotations

import dis
import pickle
import types
import warnings
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tapec.captures import function_code, named_places

__all__ = ["Generators"]

Kinds = (np.random.Generator, np.random.RandomState, np.random.BitGenerator)

_warned: weakref.WeakSet[types.CodeType] = weakref.WeakSet()


class Generators:
    """The states of the generators that a function can reach: `np.random`'s own, those
    it names, and its arguments.
    """

    def __init__(
        self, fun: Any, args: Sequence[Any] = (), kw: Mapping[str, Any] | None = None
    ) -> None:
        self.fun = fun
        self._places = [(*place, place[0](*place[1:])) for place in named_places(fun)]
        found = [(name, value) for _, _, name, value in self._places]
        code = function_code(fun)
        names = code.co_varnames if code else ()
        found += [*zip(names, args, strict=False), *(kw or {}).items()]
        self._found: list[tuple[str, Any]] = [("random", np.random.mtrand._rand)]
        self._found += [(name, x) for name, x in found if isinstance(x, Kinds)]
        self._before = [_state(x) for _, x in self._found]

    def warn_if_used(self) -> None:
        """Say once per function that it drew numbers, and where."""
        rows = zip(self._found, self._before, strict=True)
        used = [name for (name, x), before in rows if _state(x) != before]
        code = function_code(self.fun)
        if not used or code is None or code in _warned:
            return
        _warned.add(code)
        what = "np.random" if used[0] == "random" else used[0]
        text = (
            f"{code.co_name} draws random numbers from {what}: they are frozen into "
            "the trace, the same at each call; draw with tapec.random from a key that "
            "is an argument"
        )
        file, line = self._line(used[0], code)
        warnings.warn_explicit(text, UserWarning, file, line)

    def _line(self, name: str, code: types.CodeType) -> tuple[str, int]:
        """The first line that names the generator, else that of the function."""
        values = [value for *_, value in self._places]
        called = [f.__code__ for f in values if isinstance(f, types.FunctionType)]
        numpy = {name for _, _, name, value in self._places if value is np}
        for part in (part for whole in (code, *called) for part in _parts(whole)):
            before = None
            for instruction in dis.get_instructions(part):
                line = instruction.positions and instruction.positions.lineno
                ours = name != "random" or before in numpy
                if instruction.argval == name and ours and line:
                    return part.co_filename, line
                before = instruction.argval
        return code.co_filename, code.co_firstlineno


def _parts(code: types.CodeType) -> Iterator[types.CodeType]:
    """The code and that of the functions defined inside it."""
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _parts(const)


def _state(generator: Any) -> bytes:
    if isinstance(generator, np.random.RandomState):
        return pickle.dumps(generator.get_state(legacy=False))
    source = getattr(generator, "bit_generator", generator)
    return pickle.dumps(source.state)
