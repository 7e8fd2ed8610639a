"""Where on its recording a tape was recording."""

from __future__ import annotations

from tapec.ir import ArrayType, Value

__all__ = ["Span"]


class Span:
    """The positions of a recording at which one tape was recording."""

    def __init__(self) -> None:
        self._ends: list[tuple[int, int | None]] = []

    def open(self, position: int) -> None:
        self._ends.append((position, None))

    def close(self, position: int) -> None:
        if self._ends and self._ends[-1][1] is None:
            self._ends[-1] = (self._ends[-1][0], position)

    def forget(self) -> None:
        self._ends.clear()

    @property
    def ends(self) -> tuple[tuple[int, int | None], ...]:
        """The positions where recording began and ended."""
        return tuple(self._ends)

    @property
    def first(self) -> int:
        """Where the tape began; 0 if it never did."""
        return self._ends[0][0] if self._ends else 0

    def is_whole(self, position: int) -> bool:
        """Whether the tape recorded without a gap up to there."""
        if len(self._ends) != 1:
            return False
        first, end = self._ends[0]
        return first == 0 and (end is None or end == position)

    def covers(self, position: int) -> bool:
        """Whether the tape was recording then."""
        for first, end in self._ends:
            if first <= position and (end is None or position < end):
                return True
        return False

    def cuts(self, op: Value) -> bool:
        """Whether `op` is constant: not recorded by the tape, or not differentiable."""
        if type(op.type) is ArrayType and op.type.dtype.kind not in "fc":
            return True
        return op.prim.vjp is None or not self.covers(op.uid)
