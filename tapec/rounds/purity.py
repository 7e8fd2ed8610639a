"""Whether running statements changes anything but local names.

Only then does each round of a loop find the same Python around it. What is not known to
be harmless is refused, with the line: stores into objects, calls of functions whose
text cannot be found, methods of objects that are neither arrays nor tensors.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from tapec.rounds.expressions import NUMBERS, expression
from tapec.rounds.scope import UNKNOWN, Impure, Scope, stored_names
from tapec.tensor import Tensor

__all__ = ["check_statements"]

_STATEMENTS = (
    ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.If, ast.While, ast.For,
    ast.Pass, ast.Break, ast.Continue, ast.Return, ast.Raise, ast.Assert,
)  # fmt: skip


def check_statements(body: Iterable[ast.stmt], scope: Scope) -> None:
    """Impure unless the statements only bind local names."""
    body = list(body)
    for stmt in body:
        _statement(stmt, scope, body)
    while scope.pending:
        definition, inner = scope.pending.pop()
        if isinstance(definition, ast.Lambda):
            expression(definition.body, inner)
        else:
            for stmt in definition.body:
                _statement(stmt, inner, definition.body)


def _statement(stmt: ast.stmt, scope: Scope, body: list[ast.stmt]) -> None:
    if not isinstance(stmt, _STATEMENTS):
        raise Impure(f"line {stmt.lineno}: a {type(stmt).__name__.lower()} statement")
    if isinstance(stmt, ast.AugAssign):
        _augmented(stmt, scope, body)
    for field, value in ast.iter_fields(stmt):
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.stmt):
                _statement(part, scope, body)
            elif isinstance(part, ast.expr):
                if field in ("target", "targets"):
                    _target(part, scope)
                elif field != "annotation":
                    expression(part, scope)


def _target(node: ast.expr, scope: Scope) -> None:
    if isinstance(node, (ast.Tuple, ast.List)):
        for item in node.elts:
            _target(item, scope)
    elif isinstance(node, ast.Starred):
        _target(node.value, scope)
    elif isinstance(node, ast.Subscript):
        base = node.value
        found = scope.value(base.id) if isinstance(base, ast.Name) else UNKNOWN
        if type(found) is not Tensor:
            raise Impure(f"line {node.lineno}: an item of an object is set")
        expression(node.slice, scope)
    elif not isinstance(node, ast.Name):
        raise Impure(f"line {node.lineno}: an attribute is set")
    elif node.id not in scope.local:
        raise Impure(f"line {node.lineno}: {node.id} is not local to the function")


def _augmented(stmt: ast.AugAssign, scope: Scope, body: list[ast.stmt]) -> None:
    """`x += y` changes a list or an array in place; numbers and tensors it does not."""
    if not isinstance(stmt.target, ast.Name):
        return
    name = stmt.target.id
    found = scope.known.get(name, UNKNOWN)
    if isinstance(found, NUMBERS):
        fresh: tuple[type, ...] = (*_FRESH, ast.Call)
    elif found is UNKNOWN and _is_assigned(name, body):
        fresh = _FRESH
    else:
        fresh = ()
    for value in _sources(name, body):
        if isinstance(value, ast.Name):
            other = scope.known.get(value.id)
            if isinstance(other, NUMBERS):
                continue
        if not isinstance(value, fresh):
            raise Impure(f"line {stmt.lineno}: {name} may change in place")
    if not fresh:
        raise Impure(f"line {stmt.lineno}: {name} may change in place")


_FRESH = (ast.Constant, ast.BinOp, ast.UnaryOp, ast.Compare)


def _is_assigned(name: str, body: list[ast.stmt]) -> bool:
    return any(True for _ in _sources(name, body))


def _sources(name: str, body: list[ast.stmt]) -> Iterable[ast.AST]:
    """Expressions that `name` is bound to; the statement for what is less plain."""
    for stmt in body:
        for n in ast.walk(stmt):
            match n:
                case ast.AugAssign():
                    continue
                case ast.Assign(targets, value) if any(
                    isinstance(t, ast.Name) and t.id == name for t in targets
                ):
                    yield value
                case ast.Assign() | ast.AnnAssign() | ast.For() | ast.NamedExpr():
                    target = n.targets if isinstance(n, ast.Assign) else [n.target]
                    if name in stored_names(target):
                        yield n
