"""Index arrays: integers or masks, brought to integers and checked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tapec.numpy.shapes import reshape
from tapec.numpy.support import OutOfRange, here
from tapec.ops.positions import flatnonzero
from tapec.recording import Inside, locate, state
from tapec.tensor import FUNCTIONS, Tensor, as_tensor

__all__ = ["Position", "as_position", "check_range", "is_unique", "mask_index"]


class Position:
    """One index array of a key.

    entry: what the user wrote. covers: how many axes of the indexed array it stands for
    (a mask: its own number).
    """

    __slots__ = ("covers", "entry", "index", "mask")

    def __init__(self, entry: Any, index: Any, mask: Any, covers: int) -> None:
        self.entry = entry
        self.index = index
        self.mask = mask
        self.covers = covers

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.index.shape)

    def check(self, covered: tuple[int, ...], axis: int, type_: Any) -> None:
        """IndexError unless every position exists along the axes it covers."""
        if self.mask is None:
            self.index = check_range(self.index, self.entry, covered[0], axis, type_)
        elif self.mask.shape != covered:
            text = f"a mask of shape {self.mask.shape} does not fit the axes of"
            raise here(OutOfRange(f"{text} {type_!r} from axis {axis} on"))

    def is_unique(self, n: int) -> bool:
        """Whether no position along an axis of length `n` occurs twice, if known."""
        return self.mask is not None or is_unique(self.index, self.entry, n)


def as_position(entry: Any) -> Position:
    """A list, an array or a tensor as an index array; else IndexError."""
    if isinstance(entry, (list, tuple)) and not len(entry):
        entry = np.zeros(0, np.int64)
    index = as_tensor(entry)
    if index.dtype == np.bool_:
        return Position(entry, mask_index(index), index, index.ndim)
    if index.dtype.kind not in "iu":
        text = f"arrays used as indices must hold integers or bools, not {index.dtype}"
        raise here(OutOfRange(text))
    return Position(entry, index, None, 1)


def mask_index(mask: Tensor) -> Any:
    """Positions of the true elements, counted along the mask's axes merged.

    In a trace the count is looked at, which leaves a check: the program is valid for
    every mask with as many true elements.
    """
    rec = state.recording
    if rec is None or not rec.is_trace:
        return as_tensor(np.flatnonzero(mask.array))
    flat = reshape(mask, (math.prod(mask.shape),))
    return flatnonzero(flat, count=np.sum(flat).__index__())


_PERMUTING = {"argsort", "argmax", "argmin", "iota", "flatnonzero"}


def _known(index: Tensor, entry: Any) -> Any:
    """The positions, if they are the same whenever the recorded program runs."""
    if isinstance(entry, (list, tuple)) or np.isscalar(entry):
        return np.asarray(entry)
    rec = state.recording
    if rec is None:
        return index.array
    if rec.is_trace:
        return None
    return entry if isinstance(entry, np.ndarray) else index.known


def check_range(index: Tensor, entry: Any, n: int, axis: int, type_: Any) -> Tensor:
    """`index`, written as `entry`; IndexError unless all of it lies in [-n, n).

    Of positions that are only known when the program runs, a check is recorded. A
    recording of one element of many leaves it to who puts them together, and the body
    of a loop to who runs it: there 0 stands for a position that does not exist.
    """
    array = _known(index, entry)
    if array is not None:
        if array.size and not (array.min() >= -n and array.max() < n):
            raise _out_of_range(array, n, axis, type_)
    elif (later := _ranges()) is not None:
        later.append((index, n, axis, type_))
    elif not _surely_below(index, n):
        inside = (index >= -n) & (index < n)
        if _in_body():
            return _noted(index, inside, f"axis {axis} of {type_!r}")
        if not bool(np.all(inside)):
            raise _out_of_range(index.array, n, axis, type_)
    return index


def _noted(index: Tensor, inside: Any, where: str) -> Tensor:
    """A position that exists in any case; whether it is the one that was meant."""
    rec = state.recording
    assert rec is not None and rec.inside is not None
    text = f"an index is out of bounds for {where}"
    rec.inside.append(Inside(np.all(inside), text, locate(rec.stop)))
    found: Tensor = FUNCTIONS[np.where](inside, index, 0)
    return found


def _ranges() -> list[Any] | None:
    return None if state.recording is None else state.recording.ranges


def _in_body() -> bool:
    return state.recording is not None and state.recording.is_body


def is_unique(index: Tensor, entry: Any, n: int) -> bool:
    """Whether no position along an axis of length `n` occurs twice, if known."""
    array = _known(index, entry)
    return array is not None and len(np.unique(array % n)) == array.size


def _surely_below(index: Tensor, n: int) -> bool:
    """Whether the op that made the index keeps it in range."""
    op = index.value
    if op is None or op.prim is None or op.prim.name not in _PERMUTING:
        return False
    source = op.args[0].shape if op.args else op.shape
    axis = dict(op.attrs).get("axis")
    if isinstance(axis, tuple):
        axis = axis[0] if len(axis) == 1 else None
    extent = math.prod(source) if axis is None else source[axis]
    return bool(n >= extent)


def _out_of_range(array: Any, n: int, axis: int, type_: Any) -> Exception:
    wrong = array[(array < -n) | (array >= n)].flat[0]
    text = f"index {wrong} is out of bounds for axis {axis} of {type_!r}"
    return here(OutOfRange(text))
