"""The flow of data beside the text: a lane for each value from its op to its last use.

    ╷    %x: f64[3]
    │╷   %w: f64[3]
    ●┤   %2: f64[3] = multiply %x, %w     fit.py:4  x * w
    ●│   %3: f64[3] = tanh %2             fit.py:4  np.tanh(x * w)
    ●╯   %4: f64[3] = multiply %3, %w     fit.py:5  y * w
    ╰    return %4

The op stands at ●, on the lane of its value. `├ ┤ ┼`: a value is read and still wanted;
`╰ ╯ ┴`: it is read for the last time; `│` within a row: it is not read here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tapec.debugging.screen import cut, lane_colour
from tapec.debugging.trees import place_of
from tapec.errors import expression
from tapec.ir import Function, Value
from tapec.text import function_lines, painted

__all__ = ["rails", "rails_text"]

MOST = 24
"""Lanes drawn at most: a value further to the right has none."""


class Row(NamedTuple):
    """One line: a character per lane, and the lane of the value."""

    lanes: str
    own: int


def rails_text(
    fn: Function, *, source: bool = False, color: bool = False, width: int | None = None
) -> str:
    """`fn` with its rails, the bodies it names not included."""
    rows = rails(fn)
    lines = function_lines(fn, elide=True)
    shown = [f"%{p.name or p.uid}: {p.type!r}" for p in fn.params]
    shown += [line.strip() for line in lines[1:-1]]
    places = [_place(v) for v in (*fn.params, *fn.ops)] if source else []
    column = max((len(t) for t, p in zip(shown, places, strict=False) if p), default=0)
    lanes = max((len(row.lanes) for row in rows), default=0)
    made = []
    for i, (row, text) in enumerate(zip(rows, shown, strict=True)):
        place = places[i] if i < len(places) else ""
        drawn = row.lanes.ljust(lanes)
        full = f"{text.ljust(column)}  {place}" if place else text
        full = cut(full, None if width is None else width - lanes - 2)
        made.append(_line(drawn, full, len(text), color))
    return "\n".join(made)


def _line(drawn: str, text: str, code: int, color: bool) -> str:
    if not color:
        return f"{drawn}  {text}".rstrip()
    lanes = "".join(c if c == " " else lane_colour(i, c) for i, c in enumerate(drawn))
    return f"{lanes}  {painted(text[:code])}\x1b[90m{text[code:]}\x1b[0m".rstrip()


def _place(v: Value) -> str:
    place = place_of(v)
    scope = f"  [{v.meta.scope}]" if v.meta.scope else ""
    return f"{place}  {expression(v.meta.loc)}{scope}".rstrip() if place else ""


# --- lanes ------------------------------------------------------------------------


def rails(fn: Function) -> list[Row]:
    """A row per parameter and op, and one for the results."""
    return list(_rows(fn))


def _rows(fn: Function) -> Iterator[Row]:
    last: dict[Value, int] = {}
    for i, op in enumerate(fn.ops):
        last.update(dict.fromkeys(op.args, i))
    last.update(dict.fromkeys(fn.results, len(fn.ops)))
    lanes: list[Value | None] = []
    for p in fn.params:
        before = list(lanes)
        own = _placed(lanes, p) if p in last else -1
        yield _drawn(before, lanes, (), own, begins=True)
    for i, op in enumerate(fn.ops):
        before = list(lanes)
        read = [k for k, v in enumerate(lanes) if v in op.args]
        for k in read:
            if last[lanes[k]] == i:  # type: ignore[index]
                lanes[k] = None
        stays = op in last and not op.prim.effect
        own = _placed(lanes, op) if stays else _spare(before, lanes, read)
        yield _drawn(before, lanes, read, own, begins=False)
    read = [k for k, v in enumerate(lanes) if v in fn.results]
    yield _drawn(lanes, [None] * len(lanes), read, -1, begins=False)


def _placed(lanes: list[Value | None], v: Value) -> int:
    """Give `v` the first free lane."""
    for k, old in enumerate(lanes):
        if old is None:
            lanes[k] = v
            return k
    lanes.append(v)
    return len(lanes) - 1


def _spare(
    before: Sequence[Value | None], after: Sequence[Value | None], read: Sequence[int]
) -> int:
    """Where the mark of an op without a value goes."""
    ended = [k for k in read if after[k] is None]
    if ended:
        return ended[0]
    free = [k for k, v in enumerate(after) if v is None and before[k] is None]
    return free[0] if free else len(after)


def _drawn(
    before: Sequence[Value | None], after: Sequence[Value | None],
    read: Sequence[int], own: int, *, begins: bool,
) -> Row:  # fmt: skip
    touched = [*read, own] if own >= 0 else list(read)
    first, last = (min(touched), max(touched)) if touched else (0, -1)
    count = max(len(before), len(after), own + 1)
    chars = []
    for k in range(min(count, MOST)):
        up = k < len(before) and before[k] is not None
        down = k < len(after) and after[k] is not None
        if k == own:
            chars.append("╷" if begins else "●")
        elif k in read:
            chars.append(_read(down, k > first, k < last))
        elif up or down:
            chars.append("│")
        else:
            chars.append("─" if first < k < last else " ")
    return Row("".join(chars).rstrip() + "…" * (count > MOST), own)


def _read(stays: bool, left: bool, right: bool) -> str:
    """A value that is read, between others to the left and right of it."""
    if stays:
        return "┼" if left and right else "┤" if left else "├"
    return "┴" if left and right else "╯" if left else "╰"
