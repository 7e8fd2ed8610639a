"""`tapec.diff`: what two programs do differently, op by op."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tapec.debugging.matching import Matching
from tapec.debugging.trees import name_of, place_of
from tapec.ir import Function, Value
from tapec.text import function_lines

__all__ = ["Diff", "diff"]

COLUMN = 60


def diff(a: Any, b: Any, *, stage: str = "recorded") -> Diff:
    """The ops that were added, removed and changed between two programs.

    a, b: inspections (`tapec.inspect(f, *args)`, at this stage) or functions of the IR
    (`inspection.stage("cse")`, `tapec.text.parse(text)`). Ops correspond if they do the
    same with corresponding operands; numbers and order do not matter. An op whose name,
    attributes, type or operands differ from those of its counterpart is a change.

    >>> import numpy as np, tapec
    >>> a = tapec.inspect(lambda x: np.sum(np.sin(x) * x), np.ones(3))
    >>> b = tapec.inspect(lambda x: np.sum(np.sin(x) + x), np.ones(3))
    >>> print(tapec.diff(a, b))  # doctest: +ELLIPSIS
    --- <lambda>: 3 ops
    +++ <lambda>: 3 ops
      2 ops are the same
    - %2: f64[3] = multiply %1, %x ...
    + %2: f64[3] = add %1, %x ...
    """
    return Diff(_function(a, stage), _function(b, stage))


def _function(x: Any, stage: str) -> Function:
    if isinstance(x, Function):
        return x
    if hasattr(x, "stage"):
        found: Function = x.stage(stage)
        return found
    raise TypeError(
        f"diff needs inspections or functions of the IR, not {type(x).__name__}; "
        "tapec.inspect(f, *args) makes one"
    )


class Diff:
    """added: ops of `b` alone. removed: ops of `a` alone. changed: pairs.

    same: pairs of ops that do the same. Falsy if there is no difference.
    """

    def __init__(self, a: Function, b: Function) -> None:
        self.a, self.b = a, b
        self._matching = Matching(a, b)
        of, back = self._matching.of, self._matching.back
        pairs = [(op, of[op]) for op in a.ops if op in of]
        self.changed = [pair for pair in pairs if any(self._changes(*pair))]
        self.same = [pair for pair in pairs if pair not in self.changed]
        self.removed = [op for op in a.ops if op not in of]
        self.added = [op for op in b.ops if op not in back]
        self.params = [
            *[f"- %{p.name or p.uid}: {p.type!r}" for p in a.params if p not in of],
            *[f"+ %{p.name or p.uid}: {p.type!r}" for p in b.params if p not in back],
            *[
                f"~ {name_of(p)}: {p.type!r} -> {of[p].type!r}"
                for p in a.params
                if p in of and of[p].type != p.type
            ],
        ]
        self.results = [of.get(r) for r in a.results] != list(b.results)

    def __bool__(self) -> bool:
        ops = self.changed or self.removed or self.added
        return bool(ops or self.params or self.results)

    def _changes(self, x: Value, y: Value) -> Iterator[str]:
        """What is different about two ops that correspond."""
        if x.prim is not y.prim:
            yield f"{x.prim.name} -> {y.prim.name}"
        if x.type != y.type:
            yield f"{x.type!r} -> {y.type!r}"
        old, new = dict(x.attrs), dict(y.attrs)
        for key in dict.fromkeys([*old, *new]):
            if repr(old.get(key)) != repr(new.get(key)):
                yield f"{key}: {_short(old.get(key))} -> {_short(new.get(key))}"
        of = self._matching.of
        if len(x.args) != len(y.args):
            yield f"{len(x.args)} -> {len(y.args)} operands"
            return
        for number, (s, t) in enumerate(zip(x.args, y.args, strict=True)):
            if of.get(s) is not t:
                yield f"operand {number}: {name_of(s)} -> {name_of(t)}"

    def __str__(self) -> str:
        heads = [f"--- {self.a.name}: {len(self.a.ops)} ops"]
        heads += [f"+++ {self.b.name}: {len(self.b.ops)} ops"]
        if not self:
            return "\n".join([*heads, "  they are the same"])
        heads.append(f"  {len(self.same)} ops are the same")
        return "\n".join([*heads, *self.params, *self._lines()])

    __repr__ = __str__

    def _lines(self) -> Iterator[str]:
        """In the order of `b`, what was removed before what came in its place."""
        old, new = _texts(self.a), _texts(self.b)
        changed = {y: x for x, y in self.changed}
        left = list(self.removed)
        place = {op: i for i, op in enumerate(self.a.ops)}
        for op in self.b.ops:
            counterpart = self._matching.back.get(op)
            if counterpart is not None:
                while left and place[left[0]] < place[counterpart]:
                    yield _line("-", old, left.pop(0))
            if op in changed:
                x = changed[op]
                yield _line("-", old, x)
                yield _line("+", new, op)
                if x.prim is op.prim:
                    yield f"    {'; '.join(self._changes(x, op))}"
                    yield from _inner(x, op)
            elif counterpart is None:
                yield _line("+", new, op)
        for op in left:
            yield _line("-", old, op)
        if self.results:
            for sign, fn in (("-", self.a), ("+", self.b)):
                listed = ", ".join(map(name_of, fn.results))
                yield f"{sign} return {listed}"


def _texts(fn: Function) -> dict[Value, str]:
    return dict(zip(fn.ops, function_lines(fn, elide=True)[1:], strict=False))


def _inner(x: Value, y: Value) -> Iterator[str]:
    """The differences of bodies."""
    for key, old in x.attrs:
        new = dict(y.attrs).get(key)
        if isinstance(old, Function) and isinstance(new, Function) and old != new:
            yield from (f"    {line}" for line in str(Diff(old, new)).splitlines())


def _line(sign: str, lines: dict[Value, str], op: Value) -> str:
    text = f"{sign} {lines[op].strip()}"
    place = place_of(op)
    return f"{text.ljust(COLUMN)}  ; {place}" if place else text


def _short(value: Any) -> str:
    text = f"@{value.name}" if isinstance(value, Function) else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
