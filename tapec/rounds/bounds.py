"""How many rounds Python's own counters allow.

Of a loop in which Python's values change, only the rounds that were seen are known. A
counter is an exception: an integer that one statement of each round moves by a fixed
step, and that is otherwise only compared with a number that stays. Until the outcome of
a comparison changes, further rounds are like those that were seen.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from tapec.ir import Value
from tapec.tensor import Tensor

__all__ = ["ENOUGH", "Counter", "counter", "rounds_allowed"]

ENOUGH = 1 << 40
"""As good as any number of rounds."""

Example = Callable[[Value], Any]

_COMPARED: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip
"""Comparisons that turn out otherwise once, however far a counter goes."""


class Counter(NamedTuple):
    """A name that was `first`, `first + step`, ... when the check was passed."""

    name: str
    first: int
    step: int


def counter(name: str, seen: Sequence[Any]) -> Counter | None:
    """The counter that took these values, if it is one."""
    if any(type(n) is not int for n in seen) or len(seen) < 2:
        return None
    step = seen[1] - seen[0]
    steady = all(b - a == step for a, b in pairwise(seen))
    return Counter(name, seen[0], step) if steady and step else None


def rounds_allowed(
    loop: ast.While | ast.For, counters: Sequence[Counter],
    value: Callable[[str], Any], example: Example,
) -> int:  # fmt: skip
    """At least how many rounds follow on the first check; 0 if that is not known.

    counters: all of Python's names that change. value: of a name that does not.
    """
    fixed = _Fixed(loop, value, example)
    if any(isinstance(n, ast.Continue) for n in ast.walk(loop)):
        return 0
    limits = [_of_comparisons(loop, c, fixed) for c in counters if _moves(loop, c)]
    if len(limits) < len(counters):
        return 0
    if isinstance(loop, ast.For):
        limits.append(_of_range(loop, counters, fixed))
    return min(limits, default=ENOUGH)


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


class _Fixed:
    """Numbers that stay what they are throughout a loop."""

    def __init__(
        self, loop: ast.AST, value: Callable[[str], Any], example: Example
    ) -> None:
        self.value = value
        self.example = example
        self.stored = {
            n.id
            for n in ast.walk(loop)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }

    def number(self, node: ast.expr, traced: bool = False) -> Any:
        """The integer or float that an expression stands for, if that is plain.

        traced: also of a traced value, which Python has looked at.
        """
        found: Any = None
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            found = self.number(node.operand, traced)
            return None if found is None else -found
        if isinstance(node, ast.Constant):
            found = node.value
        elif isinstance(node, ast.Name) and node.id not in self.stored:
            found = self.value(node.id)
            if traced and type(found) is Tensor:
                found = self.example(found.value).item()
        return found if type(found) in (int, float) else None

    def is_traced(self, node: ast.expr) -> bool:
        """Whether a comparison with it leaves a check behind."""
        return (
            isinstance(node, ast.Name)
            and node.id not in self.stored
            and type(self.value(node.id)) is Tensor
        )


def _of_range(loop: ast.For, counters: Sequence[Counter], fixed: _Fixed) -> int:
    """Rounds left of `for i in range(...)` after the first check."""
    match loop.iter:
        case ast.Call(ast.Name("range"), args, []) if args:
            numbers = [fixed.number(a, traced=True) for a in args]
        case _:
            return 0
    if fixed.value("range") is not range or any(type(n) is not int for n in numbers):
        return 0
    every = range(*numbers)
    for c in counters:
        if _is_name(loop.target, c.name) and c.step == every.step and c.first in every:
            return len(every) - 1 - every.index(c.first)
    return 0


def _moves(loop: ast.While | ast.For, c: Counter) -> bool:
    """Whether one statement that is always run moves the counter by its step."""
    stores = [n for n in ast.walk(loop) if _is_name(n, c.name) and _is_stored(n)]
    moves = [s for s in loop.body if _moved_by(s, c.name) == c.step]
    if isinstance(loop, ast.For) and loop.target in stores:
        moves.append(loop)
    return len(moves) == len(stores) == 1


def _is_stored(n: ast.AST) -> bool:
    return isinstance(getattr(n, "ctx", None), ast.Store)


def _moved_by(stmt: ast.stmt, name: str) -> int | None:
    """The `n` of `i += n`, `i -= n`, `i = i + n`."""
    match stmt:
        case ast.AugAssign(ast.Name(id), op, ast.Constant(int(n))) if id == name:
            pass
        case ast.Assign(
            [ast.Name(id)], ast.BinOp(ast.Name(of), op, ast.Constant(int(n)))
        ) if id == of == name:
            pass
        case _:
            return None
    return n if isinstance(op, ast.Add) else -n if isinstance(op, ast.Sub) else None


def _of_comparisons(loop: ast.While | ast.For, c: Counter, fixed: _Fixed) -> int:
    """Rounds until a comparison of the counter turns out otherwise."""
    compared = {id(one): (test, other) for one, test, other in _comparisons(loop)}
    moves = [s for s in loop.body if _moved_by(s, c.name) is not None]
    moved = {id(n) for s in moves for n in ast.walk(s)}
    limit = ENOUGH
    for n in ast.walk(loop):
        if not _is_name(n, c.name) or _is_stored(n) or id(n) in moved:
            continue
        if id(n) not in compared:
            return 0
        test, other = compared[id(n)]
        if fixed.is_traced(other):
            continue
        bound = fixed.number(other)
        if bound is None:
            return 0
        limit = min(limit, _until(c, test, bound) - 1)
    return limit


def _comparisons(loop: ast.AST) -> Iterator[tuple[ast.expr, Any, ast.expr]]:
    """Both operands of each comparison: this one, how it is compared, the other."""
    for n in ast.walk(loop):
        if isinstance(n, ast.Compare) and len(n.ops) == 1:
            test = _COMPARED.get(type(n.ops[0]))
            if test is not None:
                yield n.left, test, n.comparators[0]
                yield n.comparators[0], lambda a, b, t=test: t(b, a), n.left


def _until(c: Counter, test: Callable[[Any, Any], Any], bound: Any) -> int:
    """The first round in which a comparison is not what it is in the first."""

    def other(t: int) -> bool:
        return bool(test(c.first + t * c.step, bound)) != first

    first = bool(test(c.first, bound))
    low, high = 0, 1
    while not other(high) and high < ENOUGH:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if other(middle) else (middle, high)
    return high
