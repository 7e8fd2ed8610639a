"""What became of a value in the passes, and what a value came from.

Forwards from a recorded op: merged, rewritten, part of a kernel, or gone and since when
nothing reads it. Backwards from a final op: the recorded ops that became it, through
merges, rewrites and fusion. A number that is free again may be given to another value;
then each of the two has its own history.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tapec.debugging.trees import name_of
from tapec.errors import excerpt
from tapec.ir import Function, Value

__all__ = ["History"]


class History:
    """The log of all passes, asked about single values. stages: `Inspection.log`."""

    def __init__(self, stages: Sequence[Any]) -> None:
        self.stages = stages
        self._defined = [
            {v.uid: v for v in (*s.function.params, *s.function.ops)} for s in stages
        ]

    def text(self, uid: int) -> str:
        """The op and its place, where it came from, what became of it."""
        lives = self._lives(uid)
        if not lives:
            raise KeyError(f"no value %{uid} in any stage")
        return "\n\n".join("\n".join(self._life(uid, *life)) for life in lives)

    def _lives(self, uid: int) -> list[tuple[int, int]]:
        """From which stage to which the number stands for one and the same value."""
        found: list[tuple[int, int]] = []
        for i, known in enumerate(self._defined):
            if uid not in known:
                continue
            if found and found[-1][1] == i - 1:
                found[-1] = (found[-1][0], i)
            else:
                found.append((i, i))
        return found

    def _life(self, uid: int, first: int, last: int) -> Iterator[str]:
        op = self._defined[first][uid]
        yield repr(op)
        if op.meta.primal is not None:
            yield f"  belongs to the gradient of {self._value(op.meta.primal, 0)!r}"
        if place := excerpt(op.meta.loc):
            yield place
        yield from self._came_from(uid, first, last)
        yield from self._became(uid, first)

    def _value(self, uid: int, stage: int) -> Any:
        """The value of this number at a stage, or the nearest one that has it."""
        near = sorted(range(len(self.stages)), key=lambda i: abs(i - stage))
        found = (self._defined[i][uid] for i in near if uid in self._defined[i])
        return next(found, None)

    def _named(self, uid: int, stage: int) -> str:
        v = self._value(uid, stage)
        if v is None:
            return f"%{uid}"
        return name_of(v) if v.prim is None else f"%{uid} {v.prim.name}"

    # --- forwards

    def _became(self, uid: int, first: int) -> Iterator[str]:
        """One line per pass that did something to the value."""
        current = uid
        for i in range(first + 1, len(self.stages)):
            stage = self.stages[i]
            for line in stage.replaced:
                if line.old == current and line.new != current:
                    why = f": {line.reason}" if line.reason else ""
                    new = self._value(line.new, i)
                    shown = f"%{line.new}" if new is None else name_of(new)
                    yield f"{stage.name}: %{current} became {shown}{why}"
                    current = line.new
            kernels = [p for p in stage.placed if p.old == current]
            if kernels:
                where = ", ".join(self._kernel(p.kernel, i) for p in kernels)
                yield f"{stage.name}: %{current} is computed in {where}"
                for p in kernels:
                    yield from self._outlets(stage.function, p)
                return
            if current in self._defined[i - 1] and current not in self._defined[i]:
                yield self._gone(i, current)
                return
        yield from self._results(current)

    def _kernel(self, uid: int, i: int) -> str:
        """How an op with a body is called: `kernel %7`, `tile %7`."""
        name = self._value(uid, i).prim.name
        return f"{'kernel' if name == 'fused' else name} %{uid}"

    def _outlets(self, fn: Function, p: Any) -> Iterator[str]:
        """Under which name an op of a kernel leaves it, if it does."""
        kernel = next((op for op in fn.ops if op.uid == p.kernel), None)
        if kernel is None or p.line > len(kernel.attr("body").ops):
            return
        body: Function = kernel.attr("body")
        for index, r in enumerate(body.results):
            if r is not body.ops[p.line - 1]:
                continue
            if len(body.results) == 1:
                yield from self._results(kernel.uid)
            for op in fn.ops:
                ours = op.prim.name == "item" and op.args[0] is kernel
                if ours and op.attr("index") == index:
                    yield f"the kernel gives it as %{op.uid}"
                    yield from self._results(op.uid)

    def _results(self, uid: int) -> Iterator[str]:
        for number, r in enumerate(self.stages[-1].function.results):
            if r.uid == uid:
                yield f"in the end {name_of(r)} is result {number}"

    def _gone(self, i: int, uid: int) -> str:
        """Why a value is no longer there: what read it, and what became of that."""
        name = self.stages[i].name
        readers = _readers(self.stages[i - 1].function, uid)
        if readers and name != "dce":
            return f"{name}: %{uid} is gone"
        text = f"{name}: %{uid} was removed: nothing reads it"
        if readers:
            listed = ", ".join(f"%{r.uid}" for r in readers)
            return f"{text} but {listed}, which nothing needs"
        for j in range(i - 2, -1, -1):
            if readers := _readers(self.stages[j].function, uid):
                after = {line.old: line.new for line in self.stages[j + 1].replaced}
                became = [
                    f"%{r.uid} became %{after[r.uid]}"
                    for r in readers
                    if after.get(r.uid, r.uid) != r.uid
                ]
                listed = f" ({', '.join(became)})" if became else ""
                return f"{text} since {self.stages[j + 1].name}{listed}"
        return text

    # --- backwards

    def _came_from(self, uid: int, first: int, last: int) -> Iterator[str]:
        """What was replaced by the value, and for a kernel what it computes."""
        for i in range(first, last + 1):
            stage = self.stages[i]
            inside = [p.old for p in stage.placed if p.kernel == uid]
            if inside:
                listed = ", ".join(self._named(old, i - 1) for old in inside)
                yield f"{stage.name}: %{uid} computes {listed}"
            for line in stage.replaced:
                if line.new == uid and line.old != uid:
                    why = f": {line.reason}" if line.reason else ""
                    how = "was made from" if i == first else "stands also for"
                    old = self._named(line.old, i - 1)
                    yield f"{stage.name}: %{uid} {how} {old}{why}"
        yield from self._out_of(self._defined[last][uid], last)

    def _out_of(self, v: Value, i: int) -> Iterator[str]:
        """For a result of a kernel: the op of its body."""
        if v.prim is None or v.prim.name != "item" or v.args[0].prim.name != "fused":
            return
        body: Function = v.args[0].attr("body")
        line = body.ops.index(body.results[v.attr("index")]) + 1
        for j in range(i, 0, -1):
            for p in self.stages[j].placed:
                if (p.kernel, p.line) == (v.args[0].uid, line):
                    yield f"it is {self._named(p.old, j - 1)}, from kernel %{p.kernel}"
                    return


def _readers(fn: Function, uid: int) -> list[Value]:
    return [op for op in fn.ops if any(a.uid == uid for a in op.args)]
