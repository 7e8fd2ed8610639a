"""Why lines that were recorded again and again are no loops."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tapec.ir import Function, Location, Value, has_effect
from tapec.passes.roll import found_in
from tapec.passes.rolling.detect import MIN_TRIPS
from tapec.passes.rolling.flat import Flat
from tapec.passes.rolling.plan import Loop, Refused

__all__ = ["reasons"]


def reasons(fn: Function) -> list[str]:
    """One line for each of the user's lines that stays unrolled: `file:line: why`."""
    flat = Flat(fn)
    found = found_in(flat)
    inside = {
        i
        for loop in found
        if isinstance(loop, Loop)
        for i in range(loop.begin, loop.end)
    }
    refused = [r for r in found if isinstance(r, Refused)]
    lines: dict[str, list[int]] = {}
    for loc, places in _repeated(flat, inside):
        if len(places) > len(lines.setdefault(repr(loc), places)):
            lines[repr(loc)] = places
    return [
        f"{line}: {len(places)} times {_why(flat, places, refused)}"
        for line, places in lines.items()
    ]


def _repeated(flat: Flat, inside: set[int]) -> Iterator[tuple[Location, list[int]]]:
    """Expressions that were recorded often and are not in loops, with their ops."""
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for i in range(flat.first, flat.count):
        op = flat.values[i]
        loc = op.meta.loc
        if i in inside or loc is None or op.meta.primal is not None:
            continue
        groups[*loc.frames[0], op.prim].append(i)
    for places in groups.values():
        loc = flat.values[places[0]].meta.loc
        if len(places) >= MIN_TRIPS and loc is not None:
            yield loc, places


def _why(flat: Flat, places: Sequence[int], refused: Sequence[Refused]) -> str:
    ops = [flat.values[i] for i in places]
    effect = _effect(flat, places)
    if effect is not None:
        where = "" if effect.meta.loc is None else f" at {effect.meta.loc!r}"
        return f"with a {effect.prim.name}{where} each time"
    for run, reason in refused:
        if any(run.begin <= i < run.end for i in places):
            return f"every {run.period} ops, but {reason}"
    types = list(dict.fromkeys(op.type for op in ops))
    if len(types) > 1:
        return f"with changing types: {types[0]!r}, then {types[1]!r}"
    if len({op.attrs for op in ops}) > 1 and ops[0].prim.name != "slice":
        return "with changing attributes"
    return "without a regular distance between operations and their operands"


def _effect(flat: Flat, places: Sequence[int]) -> Value | None:
    """An effect that stands between most of the places."""
    between = range(places[0], places[-1] + 1)
    found = [i for i in between if has_effect(flat.values[i])]
    return flat.values[found[0]] if len(found) >= len(places) - 1 else None
