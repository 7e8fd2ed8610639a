"""The user's text of a function, and which of its conditions end which loop."""

from __future__ import annotations

import ast
import dis
import linecache
import weakref
from collections.abc import Iterator
from types import CodeType
from typing import Any, NamedTuple

__all__ = [
    "Exit",
    "Span",
    "conditions",
    "exit_at",
    "functions_of",
    "in_a_loop",
    "span_of",
]

Span = tuple[int | None, int | None, int | None, int | None]
"""(line, end line, column, end column), as `co_positions` gives them."""

Loop = ast.While | ast.For
FunctionNode = ast.FunctionDef | ast.Lambda


class Exit(NamedTuple):
    """A condition that ends a loop.

    function: that the loop is in. above: statements around the loop, the outermost
    first. when: the truth value that ends it. after: statements inside the loop that
    run when it has ended.
    """

    function: ast.FunctionDef
    loop: Loop
    above: tuple[ast.stmt, ...]
    test: ast.expr
    when: bool
    after: tuple[ast.stmt, ...]


def span_of(code: CodeType, lasti: int) -> Span:
    """Where the expression lies that the instruction at `lasti` belongs to."""
    for i, span in enumerate(code.co_positions()):
        if i == lasti // 2:
            return span
    return (None, None, None, None)


_ends: weakref.WeakKeyDictionary[CodeType, int] = weakref.WeakKeyDictionary()


def in_a_loop(code: CodeType, lasti: int) -> bool:
    """Whether the instruction may run again without a call: quick, and not exact."""
    end: int | None = _ends.get(code)
    if end is None:
        jumps = [i.offset for i in dis.get_instructions(code) if _JUMP in i.opname]
        end = _ends[code] = max(jumps, default=-1)
    return lasti <= end


_JUMP = "JUMP_BACKWARD"


# --- from code to text ----------------------------------------------------------


_modules: dict[str, tuple[int, ast.Module | None, set[CodeType]]] = {}


def _module(filename: str, namespace: Any) -> tuple[ast.Module | None, set[CodeType]]:
    """The text of a file as a tree, and the code that it compiles to."""
    lines = linecache.getlines(filename, namespace)
    key = hash(tuple(lines))
    found = _modules.get(filename)
    if found is None or found[0] != key:
        found = _modules[filename] = (key, *_compiled("".join(lines), filename))
    return found[1:]


def _compiled(text: str, filename: str) -> tuple[ast.Module | None, set[CodeType]]:
    try:
        tree = ast.parse(text, filename)
        stack = [compile(text, filename, "exec", dont_inherit=True)]
    except (SyntaxError, ValueError):
        return None, set()
    codes: set[CodeType] = set()
    while stack:
        code = stack.pop()
        codes.add(code)
        stack += [c for c in code.co_consts if isinstance(c, CodeType)]
    return tree, codes


def functions_of(code: CodeType, namespace: Any) -> list[FunctionNode]:
    """The definitions that `code` may come from; none if the text has changed since.

    Only lambdas in one line can be several.
    """
    tree, codes = _module(code.co_filename, namespace)
    if tree is None or code not in codes:
        return []
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.Lambda))
        and _name(node) == code.co_name
        and _first_line(node) == code.co_firstlineno
    ]


def _name(node: FunctionNode) -> str:
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


def _first_line(node: FunctionNode) -> int:
    if isinstance(node, ast.Lambda):
        return node.lineno
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])


# --- conditions that end loops ----------------------------------------------------


def exit_at(code: CodeType, namespace: Any, span: Span) -> Exit | str:
    """The exit that the condition at `span` is, or what it is instead."""
    nodes = functions_of(code, namespace)
    if len(nodes) != 1 or not isinstance(nodes[0], ast.FunctionDef):
        return "its source text cannot be found"
    function = nodes[0]
    for stmt, exits in _exits(function, function.body, ()):
        for found in exits:
            if _span(found.test) == span:
                return found
        # Python 3.11 gives the tests that are no comparisons the place of the statement
        plain = [p for p in conditions(stmt.test) if not _is_simple(p)]
        if _span(stmt) == span and len(plain) == 1:
            return next((e for e in exits if e.test in plain), "")
    return ""


def _span(node: ast.expr | ast.stmt) -> Span:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset


def _exits(
    function: ast.FunctionDef, body: list[ast.stmt], above: tuple[ast.stmt, ...]
) -> Iterator[tuple[ast.While | ast.If, list[Exit]]]:
    """Statements in `body` and inside of these, and how their tests end loops."""
    for stmt in body:
        loop = next((s for s in reversed(above) if isinstance(s, Loop)), None)
        if isinstance(stmt, ast.While):
            after = tuple(stmt.orelse)
            leaves = _leaves(stmt.test, False)
            yield stmt, [Exit(function, stmt, above, *leaf, after) for leaf in leaves]
        elif isinstance(stmt, ast.If) and loop is not None and _leaves_loop(stmt.body):
            outside, after = above[: above.index(loop)], tuple(stmt.body)
            leaves = _leaves(stmt.test, True)
            yield stmt, [Exit(function, loop, outside, *leaf, after) for leaf in leaves]
        inside = (*above, stmt)
        for name in ("body", "orelse", "finalbody"):
            around = above if name == "orelse" and isinstance(stmt, Loop) else inside
            yield from _exits(function, getattr(stmt, name, []), around)


def _leaves_loop(body: list[ast.stmt]) -> bool:
    """Whether running `body` ends the loop it stands in."""
    inner = [n for stmt in body for n in ast.walk(stmt)]
    if any(isinstance(n, (ast.Continue, ast.While, ast.For)) for n in inner):
        return False
    return isinstance(body[-1], (ast.Break, ast.Return))


def conditions(test: ast.expr) -> list[ast.expr]:
    """What `and`, `or` and `not` make a condition of."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return conditions(test.operand)
    if isinstance(test, ast.BoolOp):
        return [p for part in test.values for p in conditions(part)]
    return [test]


def _is_simple(test: ast.expr) -> bool:
    """Whether it is one comparison."""
    return isinstance(test, ast.Compare) and len(test.ops) == 1


def _leaves(test: ast.expr, when: bool) -> Iterator[tuple[ast.expr, bool]]:
    """Parts of a condition each of which alone can make it `when`."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from _leaves(test.operand, not when)
    elif isinstance(test, ast.BoolOp):
        if isinstance(test.op, ast.Or) == when:
            for part in test.values:
                yield from _leaves(part, when)
    elif not isinstance(test, ast.Compare) or _is_simple(test):
        yield test, when
