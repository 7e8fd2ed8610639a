"""Why lines that were recorded again and again are no loops."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tapec.ir import Function, Location, Value, has_effect, prune
from tapec.ops.control import scan
from tapec.passes.roll import found_in
from tapec.passes.rolling.detect import MIN_TRIPS
from tapec.passes.rolling.flat import Flat
from tapec.passes.rolling.plan import FREE, Loop, Refused

__all__ = ["reasons"]

Key = tuple[Any, ...]
_NONE: Mapping[str, str] = MappingProxyType({})


def reasons(fn: Function, ended: Mapping[str, str] = _NONE) -> list[str]:
    """One line for each of the user's lines that stays unrolled: `file:line: why`.

    A line of which most rounds are in a loop is none of them, even if its first or last
    rounds are not. ended: why loops that end at a place, `file:line`, where a number
    decides, stay; no more is said of lines that its check stands between.
    """
    if any(True for _ in fn.bodies()):
        fn = prune(fn)  # what became loops before is dead
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
    said = [
        f"{line}: the rounds that end here stay: {why}" for line, why in ended.items()
    ]
    for line, places in lines.items():
        effect = _effect(flat, places)
        if effect is None or repr(effect.meta.loc) not in ended:
            said.append(f"{line}: {len(places)} times {_why(flat, places, refused)}")
    return said


def _repeated(flat: Flat, inside: set[int]) -> Iterator[tuple[Location, list[int]]]:
    """Expressions that were recorded often and are not in loops, with their ops."""
    groups: dict[Key, list[int]] = defaultdict(list)
    rolled: Counter[Key] = Counter()
    for i in range(flat.first, flat.count):
        op = flat.values[i]
        key = _key(op)
        if key is None:
            continue
        if i in inside:
            rolled[key] += 1
        else:
            groups[key].append(i)
            _count_bodies(op, 1, rolled)
    for key, places in groups.items():
        loc = flat.values[places[0]].meta.loc
        if len(places) >= MIN_TRIPS and len(places) > rolled[key] and loc is not None:
            yield loc, places


def _key(op: Value) -> Key | None:
    """What the rounds of an expression have in common; None if they compute nothing.

    The same for parts of a gradient, which the user did not write.
    """
    loc = op.meta.loc
    if loc is None or op.meta.primal is not None or op.prim.name in FREE:
        return None
    return (*loc.frames[0], op.prim)


def _count_bodies(op: Value, times: int, rolled: Counter[Key]) -> None:
    """Add what an op runs in its bodies, as often as it does."""
    trips = int(op.attr("length")) if op.prim is scan else MIN_TRIPS
    for body in Function("", (), [op], ()).bodies():
        for inner in body.ops:
            key = _key(inner)
            if key is not None:
                rolled[key] += times * trips
            _count_bodies(inner, times * trips, rolled)


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
