"""The general function of a recording: the same for loops of all lengths."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from tapec.errors import IRError
from tapec.ir import Dim, Extent, Function, dims_of, names_in, with_sizes
from tapec.ops.control import scan
from tapec.passes.lengths.infer import NEAR, Inference
from tapec.passes.lengths.lift import constants, is_table, lifted
from tapec.passes.lengths.symbols import Settled
from tapec.verify import verify

__all__ = ["General", "general"]

Array = np.ndarray[Any, Any]

MOST_OPS = 5_000
"""Ops of a function whose lengths are worth looking for: more did not become loops."""


class General(NamedTuple):
    """A function with symbolic lengths, and what makes a recording of it.

    sizes: the numbers of its symbols. tables: arrays for its last parameters, with a
    row per round of some loop.
    """

    function: Function
    sizes: dict[str, int]
    tables: list[Array]


def general(fn: Function) -> General | None:
    """`fn` with as many of its lengths as symbols as inference takes; None if none."""
    if len(fn.ops) > MOST_OPS or dims_of(fn):
        return None
    if not any(op.prim is scan for op in fn.ops):
        return None
    inference = Inference(fn)
    made = inference.result()
    found = _settled(inference, made)
    names = dict.fromkeys(n for name in dims_of(made) for n in names_in(found[name]))
    if not names:
        return None
    called = dict(zip(names, _names(), strict=False))
    new = {old: Dim(name) for old, name in called.items()}
    made = with_sizes(made, {name: _at(x, new) for name, x in found.items()})
    sizes = {name: inference.symbols.numbers[old] for old, name in called.items()}
    tables = {op: (op.attr("value"), op.type) for op in constants(made) if is_table(op)}
    made, keys = lifted(made, tables)
    if not _holds(made, sizes):
        return None
    return General(made, sizes, [value.array for value, _ in keys])


def _settled(inference: Inference, fn: Function) -> dict[str, Extent]:
    """What the symbols of `fn` are, in those that lengths depend on.

    Others are numbers. One that no loop looks at is taken for the length that is the
    same number, or near it: the extent of an array that a table of the loop gathers
    from, say.
    """
    symbols = inference.symbols
    known: dict[int, Extent] = {}
    for n, x in inference.lengths.items():
        known |= {n: symbols.normal(x)} if isinstance(symbols.normal(x), Dim) else {}
    free = {name for x in known.values() for name in names_in(x)}
    known |= {symbols.numbers[name]: Dim(name) for name in sorted(free)}
    bodies = [op.attr("body") for op in fn.ops if op.prim is scan]
    inside = {
        name
        for body in bodies
        for found in dims_of(body)
        for name in names_in(symbols.normal(Dim(found)))
    }
    rest: dict[str, Extent] = {}
    for name, n in symbols.numbers.items():
        if name not in free:
            rest[name] = n if name in inside else _near(n, known)
    return {name: _at(symbols.normal(Dim(name)), rest) for name in symbols.numbers}


def _at(x: Extent, values: Mapping[str, Extent]) -> Extent:
    return x.at(values) if isinstance(x, Dim) else x


def _near(n: int, known: Mapping[int, Extent]) -> Extent:
    """A number as what is known of it, or of one close by."""
    for k in sorted(range(-NEAR, NEAR + 1), key=abs):
        if n - k in known:
            return known[n - k] + k
    return n


def _names() -> Iterator[str]:
    yield "T"
    yield from (f"T{i}" for i in itertools.count(1))


def _holds(fn: Function, sizes: dict[str, int]) -> bool:
    """Whether every type is right for all sizes."""
    with Settled(sizes).asked():
        try:
            verify(fn)
        except IRError:
            return False
    return True
