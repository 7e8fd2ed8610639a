"""What an exported function takes and returns, and needs around it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tapec.containers import Structure
from tapec.exporting.structures import from_json, to_json
from tapec.ir import ArrayType
from tapec.native.standalone_entry import by_value

__all__ = ["C_TYPES", "Argument", "Signature", "read", "wrapped", "written"]

FORMAT = 1

INTEGERS = {
    f"{k}{n}": f"{'u' * (k == 'u')}int{8 * n}_t" for k in "iu" for n in (1, 2, 4, 8)
}
C_TYPES = {
    **INTEGERS, "b1": "uint8_t", "f2": "uint16_t", "f4": "float", "f8": "double",
    "c8": "float", "c16": "double",
}  # fmt: skip
"""Complex numbers are pairs of these; halves have no type in C."""


@dataclass(frozen=True)
class Argument:
    """A parameter or result. name: in C. path: in Python. weak: a Python number."""

    name: str
    path: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    weak: bool

    @property
    def type(self) -> ArrayType:
        """As the compiler has it."""
        return ArrayType(self.dtype, self.shape)

    @property
    def size(self) -> int:
        """Elements."""
        return int(self.type.size)

    @property
    def c_type(self) -> str:
        """Of one element, or one part of a complex one."""
        return C_TYPES[self.dtype.str[1:]]

    @property
    def numbers(self) -> int:
        """Numbers of type `c_type` in memory."""
        return self.size * (2 if self.dtype.kind == "c" else 1)

    def parameter(self, *, result: bool = False) -> str:
        """As it is declared: `const double *w`."""
        if not result and by_value(self.type):
            return f"{self.c_type} {self.name}"
        return f"{'' if result else 'const '}{self.c_type} *{self.name}"

    def __str__(self) -> str:
        return f"{self.path}: {self.dtype}{list(self.shape) if self.shape else ''}"


@dataclass(frozen=True)
class Signature:
    """All that a file `NAME.json` says.

    function: in Python. takes, returns: containers whose leaves are the arguments and
    the results. workspace: bytes. id: the text that the object file has under the name
    NAME_id. cpu, features: what it was made for, and what that must have. symbols:
    undefined ones, of C's libraries and BLAS. captured: what is in the object file.
    """

    name: str
    function: str
    arguments: tuple[Argument, ...]
    results: tuple[Argument, ...]
    takes: Structure
    returns: Structure
    workspace: int
    id: str
    cpu: str
    features: tuple[str, ...]
    machine: str
    system: str
    symbols: tuple[str, ...]
    captured: tuple[str, ...]
    versions: dict[str, str]

    @property
    def prototype(self) -> str:
        """The declaration in C."""
        parts = [a.parameter() for a in self.arguments]
        parts += [r.parameter(result=True) for r in self.results]
        return wrapped(f"int {self.name}(", [*parts, "void *workspace"])

    @property
    def text(self) -> str:
        """The function in Python's words."""
        given = ", ".join(map(str, self.arguments))
        return f"{self.name}({given}) -> ({', '.join(map(str, self.results))})"


def wrapped(head: str, parts: Sequence[str]) -> str:
    """A call or declaration in C, on as many lines as it takes."""
    lines, line = [], head
    indent = " " * (len(head) - len(head.lstrip()) + 4)
    for number, part in enumerate(parts):
        part += ");" if number == len(parts) - 1 else ","
        if len(line) + len(part) > 86 and line.strip():
            lines.append(line.rstrip())
            line = indent
        line += part + " "
    return "\n".join([*lines, line.rstrip()])


# --- the file -----------------------------------------------------------------------


def written(s: Signature) -> str:
    """As JSON."""
    rows: dict[str, Any] = {"format": FORMAT, **s.__dict__}
    rows["arguments"] = [_row(a) for a in s.arguments]
    rows["results"] = [_row(r) for r in s.results]
    rows["takes"], rows["returns"] = to_json(s.takes), to_json(s.returns)
    return json.dumps(rows, indent=1) + "\n"


def _row(a: Argument) -> dict[str, Any]:
    return {**a.__dict__, "dtype": a.dtype.name}


def read(text: str) -> Signature:
    """ValueError for text that is no such file."""
    try:
        rows = json.loads(text)
        if rows.pop("format") != FORMAT:
            raise ValueError("of another version of tapec: export the function again")
        for name in ("arguments", "results"):
            rows[name] = tuple(_argument(row) for row in rows[name])
        for name in ("features", "symbols", "captured"):
            rows[name] = tuple(rows[name])
        rows["takes"], rows["returns"] = map(
            from_json, (rows["takes"], rows["returns"])
        )
        return Signature(**rows)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not written by tapec.export ({error!r})") from None


def _argument(row: dict[str, Any]) -> Argument:
    shape, dtype = tuple(row["shape"]), np.dtype(row["dtype"])
    return Argument(**{**row, "shape": shape, "dtype": dtype})
