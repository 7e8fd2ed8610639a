"""The text of the stages: every line once, with the values that it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tapec.viz.explorer.union import Frame, Union

__all__ = ["Texts"]

Part = Mapping[str, Any]


class Texts:
    """lines: the different lines. values: for each line the values behind it."""

    def __init__(self, union: Union) -> None:
        self.union = union
        self.lines: list[str] = []
        self.values: list[list[int]] = []
        self._known: dict[tuple[str, tuple[int, ...]], int] = {}

    def rows(self, stage: int, parts: Sequence[Part]) -> list[int]:
        """The lines of a stage as runs: first line, how many, first line, ..."""
        found: list[int] = []
        for part in reversed(parts):  # the program first, then what it calls
            if found:
                found.append(self._line("", []))
            behind = self.behind(stage, part, parts)
            head, *ops, result, end = part["lines"]
            found.append(self._line(head, []))
            for text, uid in zip(ops, part["uids"], strict=True):
                found.append(self._line(text, behind(uid)))
            found.append(self._line(result, []))
            found.append(self._line(end, []))
        return runs(found)

    def behind(self, stage: int, part: Part, parts: Sequence[Part]) -> Any:
        """The values behind a uid of a function of the text."""
        if part is parts[-1]:
            return self.union.frames[stage].values_of
        tables = list(self._tables(stage, part, parts))

        def found(uid: int) -> list[int]:
            return [n for table in tables for n in table(uid)]

        return found

    def frame(self, stage: int, part: Part, parts: Sequence[Part]) -> Frame | None:
        """The function that a part of the text is; None for kernels."""
        if part is parts[-1]:
            return self.union.frames[stage]
        for title, uid, key in part["of"]:
            above = self.frame(stage, named(parts, title), parts)
            graph = None if above is None else body_in(self.union, above, uid, key)
            if graph is not None:
                return self.union.functions[graph].frame
        return None

    def _tables(self, stage: int, part: Part, parts: Sequence[Part]) -> Iterable[Any]:
        own = self.frame(stage, part, parts)
        if own is not None:
            yield own.values_of
            return
        for title, uid, _ in part["of"]:
            above = self.frame(stage, named(parts, title), parts)
            if above is not None and uid in above.inside:
                yield table_of(above.inside[uid])

    def _line(self, text: str, values: list[int]) -> int:
        key = text, tuple(values)
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = len(self.lines)
            self.lines.append(text)
            self.values.append(values)
        return number


def named(parts: Sequence[Part], title: str) -> Part:
    return next(part for part in parts if part["name"] == title)


def table_of(inside: Mapping[int, int | str]) -> Any:
    def found(uid: int) -> list[int]:
        ref = inside.get(uid)
        return [ref] if isinstance(ref, int) else []

    return found


def body_in(union: Union, above: Frame, uid: int, key: str) -> int | None:
    """The number of the function that an op of `above` has as body."""
    for each in above.values_of(uid):
        for name, function in union.values[each].bodies:
            if name == key:
                return function
    return None


def runs(numbers: Sequence[int]) -> list[int]:
    """Consecutive numbers as (first, how many)."""
    found: list[int] = []
    for before, number in pairwise([-2, *numbers]):
        if number == before + 1:
            found[-1] += 1
        else:
            found += [number, 1]
    return found
