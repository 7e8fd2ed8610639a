"""Which op of one function corresponds to which of another.

Ops that are equal, on corresponding operands, correspond: from the parameters down, in
order. What is left is matched from the results up, by where it is used; then by
operands, name and line. After each step the equal ones below a match are matched again,
so one changed op does not make all that follows it different.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import Any

from tapec.ir import Function, Value, exact

__all__ = ["Matching"]


class Matching:
    """Pairs of values of two functions. of: value of `a` -> value of `b`."""

    def __init__(self, a: Function, b: Function) -> None:
        self.a, self.b = a, b
        self.of: dict[Value, Value] = {}
        self.back: dict[Value, Value] = {}
        self._params()
        self._equal()
        self._from_results()
        self._equal()
        self._by_operands()
        self._by(lambda op: (op.prim.name, op.type, _line(op)))
        self._by(lambda op: (op.prim.name, op.type))
        self._by(lambda op: (_line(op), op.type) if _line(op) else None)

    def _pair(self, x: Value, y: Value) -> bool:
        if x in self.of or y in self.back:
            return False
        self.of[x], self.back[y] = y, x
        return True

    def _params(self) -> None:
        """By name, then in order among those of one type."""
        named = {p.name: p for p in self.b.params if p.name}
        for p in self.a.params:
            if p.name in named:
                self._pair(p, named[p.name])
        left = [p for p in self.b.params if p not in self.back]
        for p in self.a.params:
            fits = [q for q in left if q.type == p.type]
            if p not in self.of and fits:
                self._pair(p, fits[0])
                left.remove(fits[0])

    def _equal(self) -> None:
        """Equal ops on operands that correspond."""
        waiting: dict[Any, list[Value]] = defaultdict(list)
        for op in self.b.ops:
            if op not in self.back:
                waiting[_key(op, op.args)].append(op)
        for op in self.a.ops:
            if op in self.of or any(arg not in self.of for arg in op.args):
                continue
            found = waiting.get(_key(op, [self.of[arg] for arg in op.args]))
            while found:
                if self._pair(op, found.pop(0)):
                    break

    def _from_results(self) -> None:
        """Results in order, then operand by operand where the op is of one name."""
        pairs = list(zip(self.a.results, self.b.results, strict=False))
        while pairs:
            x, y = pairs.pop()
            if x.prim is None or y.prim is None or not self._alike(x, y):
                continue
            if self._pair(x, y) and x.prim is y.prim:
                pairs += zip(x.args, y.args, strict=False)

    def _alike(self, x: Value, y: Value) -> bool:
        """Whether an op may have become the other: one name, or one line."""
        return x.prim is y.prim or (_line(x) is not None and _line(x) == _line(y))

    def _by_operands(self) -> None:
        """Ops of other names on corresponding operands."""
        waiting: dict[Any, list[Value]] = defaultdict(list)
        for op in self.b.ops:
            if op not in self.back and op.args:
                waiting[op.args, op.type].append(op)
        for op in self.a.ops:
            if op not in self.of and op.args:
                args = tuple([self.of.get(arg) for arg in op.args])
                if found := waiting.get((args, op.type)):
                    self._pair(op, found.pop(0))
        self._equal()

    def _by(self, key: Any) -> None:
        """The first of each kind with the first, and so on."""
        waiting: dict[Hashable, list[Value]] = defaultdict(list)
        for op in self.b.ops:
            if op not in self.back:
                waiting[key(op)].append(op)
        for op in self.a.ops:
            if op not in self.of and key(op) is not None and waiting[key(op)]:
                self._pair(op, waiting[key(op)].pop(0))
        self._equal()


def _key(op: Value, args: Iterable[Value]) -> Any:
    return op.prim, tuple(args), exact(op.attrs), op.type


def _line(op: Value) -> Any:
    """Function and line of the user's code; None when unknown."""
    loc = op.meta.loc
    return None if loc is None else (loc.function, loc.line)
