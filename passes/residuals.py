"""Which forward values a reverse loop finds stored, and which it computes again.

The choice is a minimum cut between what a step starts from (its carries, and results of
ops too dear to repeat) and what the backward half reads, by bytes per step. Invariants,
inputs and constants are there anyway. If even that is too much for all steps together,
only carries are stored and everything else is repeated.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping

from tapec import primitive as lowerings
from tapec.ir import Extent, Function, TupleType, Value, estimate
from tapec.native.lowering import CALL, cost
from tapec.ops.const import const

__all__ = ["BUDGET", "chosen", "repeated"]

BUDGET = 1 << 28
"""Bytes that the residuals of one loop may take."""

SHORT = 16
"""Elements of a reduction that is as cheap as an elementwise op."""

UNBOUNDED = 1 << 62

Node = tuple[Value, bool] | str
"""A value before (False) or after (True) it is stored, "source" or "sink"."""


def chosen(
    reads: Collection[Value], free: Collection[Value], steps: Extent
) -> list[Value]:
    """The values to store in each step, in a fixed order."""
    wanted = [v for v in reads if v not in free]
    best = _minimum(wanted, free, is_cheap)
    if sum(map(_nbytes, best)) * estimate(steps) > BUDGET:
        best = _minimum(wanted, free, lambda op: not op.prim.effect)
    return sorted(best, key=lambda v: v.uid)


def repeated(
    fn: Function, reads: Iterable[Value], there: Collection[Value]
) -> list[Value]:
    """The ops, in schedule order, that give `reads` from what is there."""
    needed = {v for v in reads if v not in there}
    for op in reversed(fn.ops):
        if op in needed:
            needed.update(a for a in op.args if a not in there)
    return [op for op in fn.ops if op in needed]


def is_cheap(op: Value) -> bool:
    """Whether repeating an op costs less than storing and fetching its result."""
    if op.prim.name == "item" or isinstance(op.prim.lower, lowerings.View):
        return not isinstance(op.args[0].type, TupleType)
    price = cost(op)
    if price is None or price >= CALL:
        return False
    reduces = isinstance(op.prim.lower, lowerings.Reduce)
    return not reduces or estimate(op.args[0].type.size) <= SHORT


def _nbytes(value: Value) -> int:
    return max(1, estimate(value.type.nbytes))


def _minimum(
    reads: Collection[Value], free: Collection[Value], cheap: Callable[[Value], bool]
) -> list[Value]:
    """Values of least size from which the reads can be computed by cheap ops."""
    capacity = _network(reads, free, cheap)
    _saturate(capacity)
    late = _reaching("sink", capacity)  # as late as possible: less is repeated
    return [
        node[0]
        for node in capacity
        if node not in late
        and isinstance(node, tuple)
        and not node[1]
        and (node[0], True) in late
    ]


def _network(
    reads: Collection[Value], free: Collection[Value], cheap: Callable[[Value], bool]
) -> dict[Node, dict[Node, int]]:
    capacity: dict[Node, dict[Node, int]] = defaultdict(dict)
    pending = list(reads)
    seen = set(pending)
    for v in pending:
        capacity[v, True]["sink"] = UNBOUNDED
    while pending:
        v = pending.pop()
        stored = UNBOUNDED if isinstance(v.type, TupleType) else _nbytes(v)
        capacity[v, False][v, True] = stored
        if v.prim is None or not cheap(v):
            capacity["source"][v, False] = UNBOUNDED
            continue
        for a in v.args:
            if a in free or a.prim is const:
                continue
            capacity[a, True][v, False] = UNBOUNDED
            if a not in seen:
                seen.add(a)
                pending.append(a)
    for node, targets in list(capacity.items()):
        for target in targets:
            capacity[target].setdefault(node, 0)
    return capacity


def _saturate(capacity: dict[Node, dict[Node, int]]) -> None:
    """Push flow along shortest paths until there is none."""
    while path := _path(capacity):
        flow = min(capacity[a][b] for a, b in path)
        for a, b in path:
            capacity[a][b] -= flow
            capacity[b][a] += flow


def _path(capacity: Mapping[Node, Mapping[Node, int]]) -> list[tuple[Node, Node]]:
    came: dict[Node, Node] = {}
    queue: deque[Node] = deque(["source"])
    while queue and "sink" not in came:
        node = queue.popleft()
        for target, left in capacity.get(node, {}).items():
            if left and target not in came and target != "source":
                came[target] = node
                queue.append(target)
    if "sink" not in came:
        return []
    path: list[tuple[Node, Node]] = []
    node = "sink"
    while node != "source":
        path.append((came[node], node))
        node = came[node]
    return path


def _reaching(end: Node, capacity: Mapping[Node, Mapping[Node, int]]) -> set[Node]:
    """Nodes from which `end` can still be reached."""
    found = {end}
    pending = [end]
    while pending:
        node = pending.pop()
        for other in capacity.get(node, {}):
            if other not in found and capacity[other].get(node, 0):
                found.add(other)
                pending.append(other)
    return found
