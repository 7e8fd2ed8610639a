"""How arguments are taken apart and results put together: trees of five nodes.

f(x, {"w": w}, None)   ->   Items(tuple, [Leaf(0), Keys(["w"], [Leaf(1)]), Same(None)])
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = [
    "Captured",
    "Form",
    "Forms",
    "Items",
    "Keys",
    "Leaf",
    "Living",
    "NoEntry",
    "Read",
    "Same",
    "leaves_of",
    "nodes_of",
]


class NoEntry(Exception):
    """Calls of this form are made through Python."""


class Leaf(NamedTuple):
    """Parameter or result `number`; python: float, int or complex if it is one."""

    number: int
    python: type | None = None


class Same(NamedTuple):
    """This very object."""

    value: Any


class Living(NamedTuple):
    """The object of a weak reference, while it lives; as an argument only.

    It may come wrapped in a `mark`, which has it at an offset, or `plain` too.
    """

    reference: Any
    mark: type
    offset: int
    plain: bool


class Items(NamedTuple):
    """A tuple, list or namedtuple."""

    kind: type
    children: tuple[Any, ...]


class Keys(NamedTuple):
    """A dict with these keys in this order."""

    keys: tuple[Any, ...]
    children: tuple[Any, ...]


class Read(NamedTuple):
    """Where a captured name is looked up, and what it was when the version was made.

    kind: `cell`, `item` (of a dict), `attribute`, or `held` (nothing is looked up).
    """

    kind: str
    owner: Any
    name: str
    value: Any


class Captured(NamedTuple):
    """A captured array, or an object of exactly this kind that has one at an offset."""

    read: Read
    kind: type
    offset: int


class Forms(NamedTuple):
    """What a call looks like.

    arguments: the positional ones, then those of the keywords `names`. result: what is
    returned. same: names that must be bound to the same objects. captured: arrays that
    follow the arguments. taker: is called with the results that are not returned.
    """

    arguments: list[Form]
    names: tuple[str, ...]
    result: Form
    same: list[Read]
    captured: list[Captured]
    taker: Any


Form = Leaf | Same | Living | Items | Keys


def leaves_of(form: Form) -> list[Leaf]:
    """The leaves, left to right."""
    if isinstance(form, Leaf):
        return [form]
    if isinstance(form, Same | Living):
        return []
    return [leaf for child in form.children for leaf in leaves_of(child)]


def nodes_of(form: Form) -> int:
    """How many nodes it has."""
    if isinstance(form, Leaf | Same | Living):
        return 1
    return 1 + sum(map(nodes_of, form.children))
