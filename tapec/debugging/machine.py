"""LLVM IR and assembly with the value and the expression that each instruction is of.

Kernels are emitted with debug information in which line n is op n of their body; the
log of `fuse` says which recorded value that op is, and the value knows its place.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any

from tapec.debugging.trees import place_of
from tapec.errors import expression
from tapec.ir import Value

__all__ = ["annotated_assembly", "annotated_llvm", "values_by_line"]

COLUMN = 56
"""Where notes begin."""

_LOCATION = re.compile(r"^!(\d+) = .*!DILocation\(line: (\d+)")
_DEBUG = re.compile(r",? *!dbg !(\d+)")
_LOC = re.compile(r"^\s*\.loc\s+\d+\s+(\d+)")
_TABLES = re.compile(r"\s+\.section\s+\S*debug_")
_SHOWN = re.compile(
    r"\s+[a-z]"  # an instruction
    r"|\s+\.(long|quad|short|byte|zero)\b"  # a constant
    r"|(?!\.L(tmp|func_))\S+:$"  # a label of code or constants
)


def values_by_line(kernel: Any, stages: Any) -> dict[int, Value]:
    """For each line of a kernel's debug information the value that it computes.

    kernel: one of `Inspection.kernels`. stages: `Inspection.log`.
    """
    found = dict(enumerate(kernel.body.ops, 1))
    for before, stage in itertools.pairwise(stages):
        if not stage.placed:
            continue
        values = {v.uid: v for v in before.function.ops}
        ours = [
            op.uid
            for op in stage.function.ops
            if op.prim.name == "fused" and op.attr("body") == kernel.body
        ]
        for p in stage.placed:
            if ours and p.kernel == ours[0] and p.old in values:
                found[p.line] = values[p.old]
    return found


def annotated_llvm(text: str, values: Mapping[int, Value]) -> str:
    """LLVM IR without metadata, a note behind every instruction of an op."""
    lines = {m[1]: int(m[2]) for m in map(_LOCATION.match, text.splitlines()) if m}
    made: list[str] = []
    note = _noter(values)
    for line in text.splitlines():
        if line.startswith(("!", "source_filename", "target ", "attributes ")):
            continue
        found = _DEBUG.search(line)
        plain = _DEBUG.sub("", line)
        made.append(note(plain, lines.get(found[1]) if found else None))
    return "\n".join(made).strip()


def annotated_assembly(text: str, values: Mapping[int, Value]) -> str:
    """Assembly without directives, a note behind every instruction of an op.

    The constants come last.
    """
    made: list[str] = []
    constants: list[str] = []
    note = _noter(values)
    current: int | None = None
    for line in text.splitlines():
        found = _LOC.match(line)
        if found:
            current = int(found[1])
            continue
        plain = line.split("\t#")[0].rstrip().expandtabs(8)
        if _TABLES.match(plain):
            break  # tables of the debugger, behind all code
        if not _SHOWN.match(plain):
            continue
        if re.match(r"\.LCPI|\s+\.", plain):
            constants.append(plain)
        elif plain.endswith(":"):
            made.append(plain)
        else:
            made.append(note(plain, current))
    return "\n".join(made + constants)


def _noter(values: Mapping[int, Value]) -> Callable[[str, int | None], str]:
    """Adds a note to a line; the place is said where the value changes."""
    last: Value | None = None

    def note(text: str, line: int | None) -> str:
        nonlocal last
        v = values.get(line) if line is not None else None
        if v is None:
            return text
        short = f"%{v.uid}" if v.prim is None else f"%{v.uid} {v.prim.name}"
        more = "" if v is last else f"  {place_of(v)}  {expression(v.meta.loc)}"
        last = v
        return f"{text:<{COLUMN}} ; {short}{more}".rstrip()

    return note
