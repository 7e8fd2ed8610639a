"""Nested containers of any shape for the arguments and results of a function."""

from collections import namedtuple
from dataclasses import dataclass

__all__ = ["Tree", "packed", "unpacked"]

Pair = namedtuple("Pair", ["first", "second"])


@dataclass
class Record:
    """A dataclass with two fields."""

    left: object
    right: object


@dataclass(frozen=True)
class Tree:
    """A container's kind and what is inside; the number of a leaf; or nothing."""

    kind: str
    parts: tuple = ()
    number: int = 0

    def build(self, leaves):
        """The container with these leaves."""
        made = [part.build(leaves) for part in self.parts]
        if self.kind == "leaf":
            return leaves[self.number]
        if self.kind == "none":
            return None
        if self.kind == "dict":
            return {f"k{len(made) - i}": m for i, m in enumerate(made)}
        if self.kind in ("pair", "record"):
            return (Pair if self.kind == "pair" else Record)(*made)
        return list(made) if self.kind == "list" else tuple(made)

    def leaves(self, tree):
        """The leaves of such a container, by number."""
        found = {}
        self._collect(tree, found)
        return [found[k] for k in sorted(found)]

    def _collect(self, tree, found):
        if self.kind == "leaf":
            found[self.number] = tree
        for i, part in enumerate(self.parts):
            part._collect(self._part(tree, i), found)

    def _part(self, tree, i):
        if self.kind == "dict":
            return tree[f"k{len(self.parts) - i}"]
        if self.kind == "record":
            return (tree.left, tree.right)[i]
        return tree[i]


def packed(r, count):
    """A random tree with so many leaves."""
    return _grouped(r, [Tree("leaf", (), k) for k in range(count)])


def _grouped(r, items):
    while len(items) > 1 or r.random() < 0.3:
        if r.random() < 0.1:
            items.insert(r.randrange(len(items) + 1), Tree("none"))
        size = r.randint(1, max(1, min(3, len(items))))
        start = r.randrange(len(items) - size + 1)
        kinds = ["list", "tuple", "dict", *(["pair", "record"] if size == 2 else [])]
        group = Tree(r.choice(kinds), tuple(items[start : start + size]))
        items[start : start + size] = [group]
    return items[0]


def unpacked(tree, result):
    """The leaves of a result; it must be of the tree's kinds."""
    example = tree.build([None] * 64)
    if type(result) is not type(example) and tree.kind != "leaf":
        raise AssertionError(f"a {type(result)} came back for a {type(example)}")
    return tree.leaves(result)
