"""Native code against the interpreter, op by op: the first that differs.

Three questions in turn. Does every pass keep the results? Does each native step give
what the interpreter gives for the same operands, and if it is a kernel, which op of its
body does not? Does the whole program give what its steps give?
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tapec.debugging.tolerance import apart, spread_of
from tapec.debugging.trees import name_of
from tapec.debugging.values import at_sizes, number
from tapec.errors import excerpt
from tapec.interpret import apply, evaluate
from tapec.ir import Emitter, Function, TupleType, Value
from tapec.ops.const import const, item

__all__ = ["Comparison", "Row", "compare"]


class Row(NamedTuple):
    """One value: by how much the native one differs, and where it does too much.

    name: the value, a result or a pass. apart: how many elements differ by more than
    rounding. greatest: the greatest difference. place: of the op, in the user's code.
    """

    name: str
    what: str
    apart: int
    size: int
    greatest: float
    place: str = ""

    @property
    def ok(self) -> bool:
        """Whether rounding explains every difference."""
        return self.apart == 0

    def __str__(self) -> str:
        state = "ok" if self.ok else f"{self.apart} of {self.size} elements differ"
        return f"{self.name:<8} {self.what:<14} {number(self.greatest):>10}  {state}"


class Comparison:
    """rows: one per pass, then per op of the program, then per result.

    first: the first that differs, None if `ok`. inside: if that is a kernel, the op of
    its body that differs first.
    """

    def __init__(self, rows: Sequence[Row], inside: Row | None) -> None:
        self.rows = list(rows)
        self.inside = inside

    @property
    def first(self) -> Row | None:
        """The first that differs by more than rounding."""
        return next((row for row in self.rows if not row.ok), None)

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        return self.first is None

    def __str__(self) -> str:
        first = self.first
        if first is None:
            return f"{len(self.rows)} values agree"
        lines = [f"the first difference is at {first.name} {first.what}:", str(first)]
        if self.inside is not None:
            lines += ["in its body first at", str(self.inside)]
        place = (self.inside or first).place
        return "\n".join([*lines, place] if place else lines)

    __repr__ = __str__


def compare(
    stages: Sequence[tuple[str, Function]], program: Any, inputs: Sequence[Any]
) -> Comparison:
    """See `Inspection.compare`; stages: every pass with what it left, in order."""
    rows = list(_passes(stages, inputs))
    if any(not row.ok for row in rows):
        return Comparison(rows, None)
    fn = at_sizes(stages[-1][1], inputs)
    steps, native = _steps(fn, inputs)
    rows += steps
    inside = None
    if all(row.ok for row in steps):
        rows += _results(fn, program(*inputs), native, inputs)
    else:
        inside = _inside(fn, steps, native)
    return Comparison(rows, inside)


def _row(
    name: str, what: str, a: Any, b: Any, shaken: Sequence[Any], place: str = ""
) -> Row:
    pairs = list(zip(a, b, shaken, strict=True))
    wrong = sum(int(np.count_nonzero(apart(*pair))) for pair in pairs)
    greatest = max((_difference(x, y) for x, y, _ in pairs), default=0.0)
    size = sum(int(np.size(x)) for x, _, _ in pairs)
    return Row(name, what, wrong, size, greatest, place)


def _difference(a: Any, b: Any) -> float:
    with np.errstate(all="ignore"):
        kind = np.asarray(a).dtype.kind
        found = np.abs(np.subtract(b, a, dtype=None if kind in "fc" else np.float64))
    known = found[np.isfinite(found)] if np.size(found) else np.zeros(1)
    return float(known.max()) if known.size else 0.0


# --- passes -----------------------------------------------------------------------


def _passes(
    stages: Sequence[tuple[str, Function]], inputs: Sequence[Any]
) -> Iterator[Row]:
    """Each stage through the interpreter against the recorded one."""
    recorded = stages[0][1]
    wanted = evaluate(recorded, *inputs)
    shaken = spread_of(recorded, inputs, wanted)
    before = recorded
    for name, fn in stages[1:]:
        if fn is not before:
            yield _row(name, "pass", wanted, evaluate(fn, *inputs), shaken)
        before = fn


# --- steps ------------------------------------------------------------------------


def _steps(
    fn: Function, inputs: Sequence[Any]
) -> tuple[list[Row], dict[Value, tuple[Any, ...]]]:
    """Each op natively and interpreted, from the operands that native code has."""
    native: dict[Value, Any] = dict(zip(fn.params, inputs, strict=True))
    rows = []
    for op in fn.ops:
        args = [native[a] for a in op.args]
        if op.prim.effect:
            continue
        if op.prim in (const, item):
            native[op] = args[0][op.attr("index")] if args else apply(op, args)
            continue
        found = _natively(op, args)
        several = isinstance(op.type, TupleType)
        wanted = apply(op, args) if several else (apply(op, args),)
        shaken = spread_of(lambda given, op=op: _parts(op, given), args, wanted)
        place = excerpt(op.meta.loc)
        rows.append(_row(name_of(op), op.prim.name, wanted, found, shaken, place))
        native[op] = found if several else found[0]
    return rows, native


def _parts(op: Value, args: Sequence[Any]) -> tuple[Any, ...]:
    out = apply(op, list(args))
    return out if isinstance(out, tuple) else (out,)


def _natively(op: Value, args: Sequence[Any]) -> tuple[Any, ...]:
    """The results of one op as a program of its own."""
    from tapec.native.program import compile

    params = {a: Value(None, (), (), a.type, a.uid, a.name) for a in op.args}
    emit = Emitter(1 + max([op.uid, *[a.uid for a in op.args]]))
    alone = emit.keep(
        Value(op.prim, tuple(params[a] for a in op.args), op.attrs, op.type, op.uid)
    )
    results = [alone]
    if isinstance(op.type, TupleType):
        results = [emit.new(item, alone, index=i) for i in range(len(op.type.items))]
    fn = Function("step", params.values(), emit.ops, results)
    given = dict(zip(op.args, args, strict=True))
    found: tuple[Any, ...] = compile(fn)(*[given[a] for a in params])
    return found


def _results(
    fn: Function, outs: Sequence[Any], native: dict[Value, Any], inputs: Sequence[Any]
) -> Iterator[Row]:
    """The results of the program against those of its steps."""
    wanted = [native[r] for r in fn.outputs]
    shaken = spread_of(fn, inputs, wanted)
    for i, (a, b, row) in enumerate(zip(wanted, outs, shaken, strict=True)):
        yield _row(f"result {i}", "program", [a], [b], [row])


# --- kernels ----------------------------------------------------------------------


def _inside(fn: Function, steps: Sequence[Row], native: dict[Value, Any]) -> Row | None:
    """The op of a kernel's body from which on it differs."""
    wrong = next(row.name for row in steps if not row.ok)
    op = next(op for op in fn.ops if name_of(op) == wrong)
    if op.prim.name != "fused":
        return None
    body: Function = op.attr("body")
    args = [native[a] for a in op.args]
    for part in body.ops:
        if part.prim in (const, item) or isinstance(part.type, TupleType):
            continue
        short = Function(body.name, body.params, _needed(body, part), [part])
        kernel = Value(op.prim, op.args, (("body", short),), part.type, op.uid)
        wanted = evaluate(short, *args)
        shaken = spread_of(short, args, wanted)
        row = _row(
            f"%{part.uid}", part.prim.name, wanted, _natively(kernel, args), shaken,
            excerpt(part.meta.loc),
        )  # fmt: skip
        if not row.ok:
            return row
    return None


def _needed(body: Function, part: Value) -> list[Value]:
    needed = {part}
    for op in reversed(body.ops):
        if op in needed:
            needed.update(op.args)
    return [op for op in body.ops if op in needed]
