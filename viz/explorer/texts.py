"""The text of the stages: every line once, with the values that it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tapec.viz.explorer.union import Union
from tapec.viz.explorer.values import Frame

__all__ = ["Texts"]

Part = Mapping[str, Any]


class Texts:
    """lines: the different lines. values: for each line the values behind it."""

    def __init__(self, union: Union) -> None:
        self.union = union
        self.lines: list[str] = []
        self.values: list[list[int]] = []
        self._known: dict[tuple[str, tuple[int, ...]], int] = {}
        self._last: tuple[Sequence[Part], list[int]] = [], []

    def rows(self, stage: int, parts: Sequence[Part]) -> list[int]:
        """The lines of a stage as runs: first line, how many, first line, ..."""
        if parts is not self._last[0]:
            self._last = parts, self._rows(stage, parts)
        return self._last[1]

    def _rows(self, stage: int, parts: Sequence[Part]) -> list[int]:
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
        """A function: the values behind a uid of a function of the text."""
        frames = self.frames(stage, part, parts)
        if len(frames) == 1:
            return frames[0].values_of

        def found(uid: int) -> list[int]:
            values = [n for frame in frames for n in frame.values_of(uid)]
            return list(dict.fromkeys(values))

        return found

    def frames(self, stage: int, part: Part, parts: Sequence[Part]) -> list[Frame]:
        """What a function of the text is: of a kernel, each use."""
        if part is parts[-1]:
            return [self.union.frames[stage]]
        found: list[Frame] = []
        for title, uid, key in part["of"]:
            for above in self.frames(stage, named(parts, title), parts):
                frame = above.inside.get(uid) or self.body_in(above, uid, key)
                if frame is not None and not any(frame is f for f in found):
                    found.append(frame)
        return found

    def body_in(self, above: Frame, uid: int, key: str) -> Frame | None:
        """The function that an op of `above` has as body."""
        for each in above.values_of(uid):
            for name, function in self.union.values[each].bodies:
                if name == key:
                    return self.union.functions[function].frame
        return None

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


def runs(numbers: Sequence[int]) -> list[int]:
    """Consecutive numbers as (first, how many)."""
    found: list[int] = []
    for before, number in pairwise([-2, *numbers]):
        if number == before + 1:
            found[-1] += 1
        else:
            found += [number, 1]
    return found
