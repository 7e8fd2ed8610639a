"""What holds for every function; passes may rely on it and must keep it.

* A value is defined once, by a parameter or an op, before any op that reads it.
* Uids are unique within their function.
* The type of an op is what its primitive's type rule says.
* Attribute values have a form in the text, and no name stands twice.
* Results are values of the function; effects define none.
* The same holds for the bodies named in attributes, which see nothing outside them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tapec.errors import IRError
from tapec.ir import ArrayType, Function, Value
from tapec.text import function_lines
from tapec.text.literal import is_writable

__all__ = ["verify"]

SHOWN = 20
"""Lines shown before the bad one in a long function; fewer after it."""


_OP = re.compile(r" *(?:%[^=]* = )?")


class Problem(NamedTuple):
    """What is wrong in one line of a function, numbered as in `function_lines`."""

    line: int
    reason: str


def verify(fn: Function, after: str = "") -> None:
    """Raise IRError if `fn` breaks an invariant; `after` names the pass to blame."""
    _verify(fn, after, set())


def _verify(fn: Function, after: str, seen: set[int]) -> None:
    for body in fn.bodies():  # first, because printing `fn` compares its bodies
        if id(body) not in seen:
            seen.add(id(body))
            _verify(body, after, seen)
    problem = _problem(fn)
    if problem is not None:
        raise IRError(_report(fn, problem, after))


def _problem(fn: Function) -> Problem | None:
    defined: set[Value] = set()
    uids: set[int] = set()
    for p in fn.params:
        reason = _bad_param(p, defined, uids)
        if reason:
            return Problem(0, reason)
        defined.add(p)
        uids.add(p.uid)
    for i, op in enumerate(fn.ops):
        reason = _bad_op(op, defined, uids)
        if reason:
            return Problem(i + 1, reason)
        defined.add(op)
        uids.add(op.uid)
    for r in fn.results:
        if r not in defined:
            return Problem(len(fn.ops) + 1, f"%{r.uid} is not defined")
        if r.prim is not None and r.prim.effect:
            return Problem(len(fn.ops) + 1, f"%{r.uid} is an effect, not a value")
    return None


def _bad_param(p: Value, defined: set[Value], uids: set[int]) -> str:
    if p.prim is not None:
        return f"%{p.uid} is an op, not a parameter"
    if p in defined or p.uid in uids:
        return f"%{p.uid} is defined twice"
    if not isinstance(p.type, ArrayType):
        return f"%{p.uid} has type {p.type!r}; a parameter is an array"
    return ""


def _bad_op(op: Value, defined: set[Value], uids: set[int]) -> str:
    if op.prim is None:
        return f"%{op.uid} is a parameter, not an op"
    if op in defined or op.uid in uids:
        return f"%{op.uid} is defined twice"
    for a in op.args:
        if a not in defined:
            return f"operand %{a.name or a.uid} is not defined before"
        if a.prim is not None and a.prim.effect:
            return f"operand %{a.uid} is an effect, not a value"
    return _bad_attrs(op) or _bad_type(op)


def _bad_attrs(op: Value) -> str:
    names = [name for name, _ in op.attrs]
    if len(set(names)) < len(names):
        return "an attribute stands twice"
    for name, value in op.attrs:
        if not is_writable(value):
            kind = type(value).__name__
            return f"attribute {name} is a {kind}, for which the text has no form"
    return ""


def _bad_type(op: Value) -> str:
    try:
        expected = op.prim.type_rule(*[a.type for a in op.args], **dict(op.attrs))
    except Exception as error:  # whatever a rule says of operands that it does not take
        rule = f"{op.prim.type_rule.__qualname__}()"
        return f"{type(error).__name__}: {error}".replace(rule, op.prim.name)
    return "" if op.type == expected else f"the type should be {expected!r}"


def _report(fn: Function, problem: Problem, after: str) -> str:
    lines = function_lines(fn, elide=True)
    shown = lines[problem.line]
    start = _OP.match(shown).end()  # type: ignore[union-attr]
    width = len(shown[start:].split(" ", 1)[0])
    reason = problem.reason.replace("\n", " ")
    note = f";{' ' * (start - 1)}{'^' * width} {reason}"
    lines[problem.line] = f"{shown}\n{note}"
    if len(lines) > 3 * SHOWN:
        lines = _around(lines, problem.line)
    blame = f" after {after}" if after else ""
    return f"invalid IR{blame}: {reason}\n" + "\n".join(lines)


def _around(lines: list[str], line: int) -> list[str]:
    """The head, the neighbourhood of a line, and the foot."""
    first, last = max(1, line - SHOWN), min(len(lines) - 2, line + SHOWN // 2)
    shown = lines[:1]
    if first > 1:
        shown.append(f"  ; ... {first - 1} ops")
    shown += lines[first:last]
    if last < len(lines) - 2:
        shown.append(f"  ; ... {len(lines) - 2 - last} ops")
    return shown + lines[max(last, len(lines) - 2) :]
