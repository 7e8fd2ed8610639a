"""What names stand for while statements run, as far as that is known beforehand."""

from __future__ import annotations

import ast
import builtins
import types
from collections.abc import Iterable, Mapping
from typing import Any

from tapec.rounds.source import FunctionNode

__all__ = ["UNKNOWN", "Impure", "Scope", "items_set", "stored_names"]

UNKNOWN = object()


class Impure(Exception):
    """What stands against taking rounds for the same: the text says where."""


class Scope:
    """What names stand for while statements run.

    known: local names and what they are. local: names that the statements store, whose
    values come from what is allowed. others: where the remaining names are looked up.
    seen: objects that were looked at. pending: functions that are still to be read.
    """

    def __init__(
        self, known: Mapping[str, Any], local: set[str],
        others: Iterable[Mapping[str, Any]],
    ) -> None:  # fmt: skip
        self.known = known
        self.local = local
        self.others = [*others, vars(builtins)]
        self.seen: set[Any] = set()
        self.pending: list[tuple[FunctionNode, Scope]] = []

    def inside(self, f: types.FunctionType, bound: Mapping[str, Any]) -> Scope:
        """The scope of a function that is called."""
        cells = zip(f.__code__.co_freevars, f.__closure__ or (), strict=True)
        free = {name: _contents(cell) for name, cell in cells}
        local = set(f.__code__.co_varnames + f.__code__.co_cellvars) - {*bound}
        scope = Scope({**free, **bound}, local, [f.__globals__])
        scope.seen, scope.pending = self.seen, self.pending
        return scope

    def with_local(self, names: set[str]) -> Scope:
        """The scope of a lambda or comprehension that binds `names`."""
        known = {k: v for k, v in self.known.items() if k not in names}
        scope = Scope(known, self.local | names, self.others[:-1])
        scope.seen, scope.pending = self.seen, self.pending
        return scope

    def value(self, name: str) -> Any:
        """What a name stands for, as far as that is known."""
        if name in self.known:
            return self.known[name]
        if name in self.local:
            return UNKNOWN
        for space in self.others:
            if name in space:
                return space[name]
        return UNKNOWN


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return UNKNOWN


def stored_names(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that the nodes bind, or whose items they set."""
    found = set()
    for node in nodes:
        found |= items_set(node)
        for n in ast.walk(node):
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
                found.add(n.id)
    return found


def items_set(node: ast.AST) -> set[str]:
    """Names of objects whose items are set."""
    return {
        n.value.id
        for n in ast.walk(node)
        if isinstance(n, ast.Subscript)
        and isinstance(n.ctx, ast.Store)
        and isinstance(n.value, ast.Name)
    }
