"""Ops that belong together, in groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from tapec.ir import Value

__all__ = ["connected"]


def connected(
    ops: Iterable[Value], pairs: Iterable[tuple[Value, Value]]
) -> list[list[Value]]:
    """`ops` in groups, each in the order given: those that `pairs` lead between.

    A pair may name what is not among the ops: it only connects them.
    """
    parent: dict[Value, Value] = {}

    def find(v: Value) -> Value:
        root = v
        while parent.setdefault(root, root) is not root:
            root = parent[root]
        while parent[v] is not root:
            parent[v], v = root, parent[v]
        return root

    for a, b in pairs:
        parent[find(a)] = find(b)
    groups: dict[Value, list[Value]] = defaultdict(list)
    for op in ops:
        groups[find(op)].append(op)
    return list(groups.values())
