"""A `scan` taken apart, changed, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tapec.ir import ArrayType, Emitter, Extent, Function, TupleType, Value, prune
from tapec.ops.control import scan
from tapec.passes.cse import cse

__all__ = ["Loop"]


class Loop:
    """The parts of one `scan`.

    start, following: per carry (a parameter of the body) its operand and its next
    value. shared, stepped: operands of the parameters that are invariants and inputs.
    finals, outputs, settled: what each result of the op is: the last value of a carry,
    a value of the body stacked, or one that is known without running.
    """

    def __init__(self, op: Value) -> None:
        body, n = op.attr("body"), op.attr("carries")
        m = n + op.attr("invariants")
        self.op = op
        self.ops: list[Value] = list(body.ops)
        self.start = dict(zip(body.params[:n], op.args[:n], strict=True))
        self.following = dict(zip(body.params[:n], body.results[:n], strict=True))
        self.shared = dict(zip(body.params[n:m], op.args[n:m], strict=True))
        self.stepped = dict(zip(body.params[m:], op.args[m:], strict=True))
        self.finals: dict[int, Value] = dict(enumerate(body.params[:n]))
        self.outputs: dict[int, Value] = dict(enumerate(body.results[n:], n))
        self.settled: dict[int, Value] = {}

    @property
    def length(self) -> Extent:
        return self.op.attr("length")  # type: ignore[no-any-return]

    @property
    def backwards(self) -> bool:
        return bool(self.op.attr("reverse"))

    # --- the body

    @property
    def body(self) -> Function:
        """The body as it is now."""
        params = [*self.start, *self.shared, *self.stepped]
        results = [*self.following.values(), *self.outputs.values()]
        return Function(self.op.attr("body").name, params, self.ops, results)

    def apply(self, transform: Callable[[Function], Function]) -> None:
        """Run a pass on the body; it may answer with an equal one met before."""
        before = self.body.params
        fn = transform(self.body)
        new = dict(zip(before, fn.params, strict=True))
        n = len(self.start)
        self.start = {new[p]: v for p, v in self.start.items()}
        self.shared = {new[p]: v for p, v in self.shared.items()}
        self.stepped = {new[p]: v for p, v in self.stepped.items()}
        self.finals = {i: new[p] for i, p in self.finals.items()}
        self.ops = list(fn.ops)
        self.following = dict(zip(self.start, fn.results[:n], strict=True))
        self.outputs = dict(zip(self.outputs, fn.results[n:], strict=True))

    def new_param(self, type_: ArrayType) -> Value:
        """A parameter for the body, not entered yet."""
        return Value(None, (), (), type_, self.body.next_uid)

    def replace(
        self, new: Mapping[Value, Value | None], ops: Iterable[Value] = ()
    ) -> None:
        """Put other values in the place of some; `ops` define those that are new.

        What nothing reads any more has nothing in its place.
        """
        for p in new:
            self.shared.pop(p, None)
            self.stepped.pop(p, None)
        mapping: dict[Value, Any] = dict(new)
        moved = list(ops)
        for op in self.ops:
            if op not in new:
                mapping[op] = with_args(op, [mapping.get(a, a) for a in op.args])
                moved.append(mapping[op])
        self.ops = moved
        self.following = {p: mapping.get(v, v) for p, v in self.following.items()}
        self.outputs = {i: mapping.get(v, v) for i, v in self.outputs.items()}

    def settle(self, param: Value) -> None:
        """A carry that never changes is an invariant, and its last value the first."""
        operand = self.start.pop(param)
        del self.following[param]
        self.shared[param] = operand
        for i in [i for i, p in self.finals.items() if p is param]:
            del self.finals[i]
            self.settled[i] = operand

    # --- what is needed

    def shrink(self, needed: Iterable[int]) -> None:
        """Drop what the results `needed` do not depend on."""
        wanted = set(needed)
        outputs = {i: v for i, v in self.outputs.items() if i in wanted}
        live = {p for i, p in self.finals.items() if i in wanted}
        while True:
            results = [*(v for p, v in self.following.items() if p in live)]
            results += outputs.values()
            body = prune(Function("", (), self.ops, results))
            read = {*results, *(a for op in body.ops for a in op.args)}
            grown = live | {p for p in self.start if p in read}
            if grown == live:
                break
            live = grown
        self.ops = list(body.ops)
        self.outputs = outputs
        self.start = {p: v for p, v in self.start.items() if p in live}
        self.following = {p: v for p, v in self.following.items() if p in live}
        self.shared = {p: v for p, v in self.shared.items() if p in read}
        self.stepped = {p: v for p, v in self.stepped.items() if p in read}
        self.finals = {i: p for i, p in self.finals.items() if p in live}

    # --- two loops

    def join(self, other: Loop) -> dict[int, int] | None:
        """Take over the work of a loop that does the same and more.

        The answer says which result each result of the other has become; None if they
        cannot be one loop.
        """
        new = self._matched(other)
        if new is None:
            return None
        emit = Emitter(self.body.next_uid)
        for op in other.ops:
            args = tuple([new.get(a, a) for a in op.args])
            new[op] = emit.make(op.prim, args, op.attrs, op.type, op)
        body = self.body
        more = [*other.following.values(), *other.outputs.values()]
        results = [*body.results, *(new.get(v, v) for v in more)]
        both = cse(body.with_(ops=[*self.ops, *emit.ops], results=results))
        n = len(body.results)
        ours, theirs = both.results[:n], both.results[n:]
        following = dict(zip(self.start, ours, strict=False))
        pairs = zip(other.following, theirs, strict=False)
        if any(following[new[p]] is not v for p, v in pairs):
            return None
        self.ops, self.following = list(both.ops), following
        self.outputs = dict(zip(self.outputs, ours[len(self.start) :], strict=True))
        return self._adopt(other, new, theirs[len(other.start) :])

    def redirect(self, new: Mapping[Value, Value]) -> None:
        """Operands that have become other values."""
        for group in (self.start, self.shared, self.stepped):
            for p, operand in group.items():
                group[p] = new.get(operand, operand)
        self.settled = {i: new.get(v, v) for i, v in self.settled.items()}

    def covers(self, other: Loop) -> bool:
        """Whether the other starts from some of our operands."""
        return self._matched(other) is not None

    def _matched(self, other: Loop) -> dict[Value, Value] | None:
        """Our parameter for each of the other's."""
        if (self.length, self.backwards) != (other.length, other.backwards):
            return None
        new: dict[Value, Value] = {}
        for mine, theirs in (
            (self.start, other.start), (self.shared, other.shared),
            (self.stepped, other.stepped),
        ):  # fmt: skip
            free = list(mine)
            for p, operand in theirs.items():
                fits = [q for q in free if mine[q] is operand]
                if not fits:
                    return None
                new[p] = fits[0]
                free.remove(fits[0])
        return new

    def _adopt(
        self, other: Loop, new: dict[Value, Value], values: Iterable[Value]
    ) -> dict[int, int]:
        places = {}
        for i, p in other.finals.items():
            places[i] = next(j for j, q in self.finals.items() if q is new[p])
        known = {v: i for i, v in self.outputs.items()}
        fresh = 1 + max((*self.finals, *self.outputs, *self.settled), default=-1)
        for i, v in zip(other.outputs, values, strict=True):
            if v not in known:
                known[v] = fresh
                self.outputs[fresh] = v
                fresh += 1
            places[i] = known[v]
        return places

    # --- the op

    @property
    def operands(self) -> tuple[Value, ...]:
        """The operands of the op as it is now."""
        return (*self.start.values(), *self.shared.values(), *self.stepped.values())

    def emit(self, emit: Emitter, new: Mapping[Value, Value]) -> Value:
        """Append the op; its operands may have become other values."""
        attrs = {
            "body": self.body, "carries": len(self.start),
            "invariants": len(self.shared), "length": self.length,
            "reverse": self.backwards,
        }  # fmt: skip
        outputs = self.outputs.values()
        stacked = [ArrayType(v.dtype, (self.length, *v.shape)) for v in outputs]
        type_ = TupleType((*(p.type for p in self.start), *stacked))
        operands = tuple([new.get(a, a) for a in self.operands])
        return emit.make(scan, operands, tuple(attrs.items()), type_, self.op)

    def place(self, result: int) -> int:
        """Where a result of the original op is among the present ones."""
        if result in self.finals:
            return list(self.start).index(self.finals[result])
        return len(self.start) + list(self.outputs).index(result)


def with_args(op: Value, args: Iterable[Value]) -> Value:
    """The op with other operands."""
    args = tuple(args)
    if args == op.args:
        return op
    return Value(op.prim, args, op.attrs, op.type, op.uid, op.name, op.meta)
