"""Functions to text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import Any

from tapec.errors import excerpt
from tapec.ir import Function, TupleType, Value
from tapec.text.lexer import TOKEN
from tapec.text.literal import attr_text

__all__ = [
    "format_function",
    "format_module",
    "function_lines",
    "module_lines",
    "painted",
]

COMMENT_COLUMN = 48


def format_function(
    fn: Function,
    *,
    locations: bool = False,
    names: bool = False,
    color: bool = False,
    elide: bool = False,
) -> str:
    """One function, without the bodies it names.

    locations: end each line with the user's line and the primal of a gradient op.
    names: call ops by the user's variables; parameters always are.
    elide: write `...` for large arrays; such a text does not parse.
    """
    lines = function_lines(fn, locations, names, elide)
    return _painted(lines) if color else "\n".join(lines)


def format_module(
    fn: Function,
    *,
    locations: bool = False,
    names: bool = False,
    color: bool = False,
    elide: bool = False,
) -> str:
    """`fn` after the functions its attributes name: what `parse` reads back."""
    parts = module_lines(fn, locations=locations, names=names, elide=elide)
    texts = [lines for _, _, lines in parts]
    return "\n\n".join(map(_painted if color else "\n".join, texts))


def module_lines(
    fn: Function, *, locations: bool = False, names: bool = False, elide: bool = False
) -> list[tuple[Function, str, list[str]]]:
    """The functions of `format_module` in its order: each with its name and lines."""
    bodies = _body_names(fn)
    return [
        (each, title, _lines(each, title, bodies, locations, names, elide))
        for each, title in (*bodies.items(), (fn, _title(fn)))
    ]


def function_lines(
    fn: Function, locations: bool = False, names: bool = False, elide: bool = False
) -> list[str]:
    """The lines of `format_function`: line `i + 1` shows `fn.ops[i]`."""
    return _lines(fn, _title(fn), _body_names(fn), locations, names, elide)


def _lines(
    fn: Function,
    title: str,
    bodies: dict[Function, str],
    locations: bool,
    names: bool,
    elide: bool,
) -> list[str]:
    called = _value_names(fn, names)
    uids = {v.uid: v for v in (*fn.params, *fn.ops)} if locations else {}

    def name(value: Value) -> str:
        return called.get(value) or f"%{value.uid}"

    params = ", ".join(f"{name(p)}: {p.type!r}" for p in fn.params)
    lines = [f"func @{title}({params}) {{"]
    for op in fn.ops:
        text = getattr(op.prim, "name", "?")
        if op.args:
            text += " " + ", ".join([name(a) for a in op.args])
        for key, value in op.attrs:
            text += f" {key}={attr_text(op, value, bodies.__getitem__, elide)}"
        if op.type != TupleType(()):
            text = f"{name(op)}: {op.type!r} = {text}"
        if locations and (note := _note(op, uids, name)):
            text = f"{text.ljust(COMMENT_COLUMN - 2)}  ; {note}"
        lines.append("  " + text)
    lines.append(f"  return {', '.join(map(name, fn.results))}".rstrip())
    lines.append("}")
    return lines


def _note(op: Value, uids: dict[int, Value], name: Any) -> str:
    notes = []
    if op.meta.primal is not None:
        primal = uids.get(op.meta.primal)
        notes.append(f"primal {name(primal) if primal else f'%{op.meta.primal}'}")
    if op.meta.loc is not None:
        notes.append(excerpt(op.meta.loc).split("\n")[0].strip())
    return "; ".join(notes)


# --- names ------------------------------------------------------------------


def _value_names(fn: Function, all_values: bool) -> dict[Value, str]:
    named = itertools.chain(fn.params, fn.ops if all_values else ())
    taken: set[str] = set()
    names = {}
    for value in named:
        plain = _plain(value.name)
        if plain and not plain[0].isdigit():
            names[value] = "%" + _unique(plain, taken)
    return names


def _body_names(fn: Function) -> dict[Function, str]:
    """The functions that `fn` needs, callees first, each structure once, with names."""
    taken = {_title(fn)}
    names: dict[Function, str] = {}

    def visit(bodies: Iterable[Function]) -> None:
        for body in bodies:
            if body not in names:
                visit(body.bodies())
                names[body] = _unique(_plain(body.name) or "body", taken)

    visit(fn.bodies())
    return names


def _title(fn: Function) -> str:
    return _plain(fn.name) or "f"


def _plain(name: str) -> str:
    """`name` in the letters that the text allows: `params['w']` becomes `params_w`."""
    return name if name.isidentifier() else re.sub(r"[^\w.]+", "_", name).strip("_.")


def _unique(name: str, taken: set[str]) -> str:
    found = name
    for n in itertools.count(1):
        if found not in taken:
            break
        found = f"{name}.{n}"
    taken.add(found)
    return found


# --- color ------------------------------------------------------------------

_COLORS = {"value": "36", "func": "1;36", "type": "2", "string": "32", "comment": "90"}


def _painted(lines: list[str]) -> str:
    return "\n".join(painted(line) for line in lines)


def painted(line: str) -> str:
    """ANSI colors by kind of token; attribute names and keywords stay plain."""
    parts = []
    for m in TOKEN.finditer(line):
        color = _COLORS.get(m.lastgroup or "")
        if m.lastgroup == "word" and line[m.end() : m.end() + 1] in (" ", ""):
            color = "1"
        parts.append(f"\x1b[{color}m{m[0]}\x1b[0m" if color else m[0])
    return "".join(parts)
