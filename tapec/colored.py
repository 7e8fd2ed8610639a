"""Columns of a dense Jacobian that share no row are taken in one product.

The pattern of zeros follows from the ops alone, never from numbers: an entry is left
out only where no op leads from the argument's element to the value's. The products are
fewer then, and their entries are put in an array of zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tapec.interpret import evaluate
from tapec.ir import ArrayType, Dim, Function, TupleType, Value, prune
from tapec.ops.gather import gather, put
from tapec.passes.packed import Packed
from tapec.passes.rules import filled
from tapec.passes.sparsity import follow, positions
from tapec.recording import Array, Recording
from tapec.tensor import Tensor

__all__ = ["Coloring", "colored", "pattern_of"]

FEWEST = 8
"""Columns of a Jacobian for which a pattern is looked for."""

SAVED = 4
"""A coloring must have that many times fewer colors than there are columns."""

BLOCKS = 16
"""Parts that a Jacobian may have: each is put together by itself."""

MOST = 256
"""Colors that are tried."""

SMALL = 1 << 22
"""Bytes that patterns may have anyway; beyond, as many as the matrix."""


class Coloring(NamedTuple):
    """Directions of some tensors that are taken together.

    results: what they move. pattern: which elements of the results (its rows) depend on
    which of the tensors (its columns). colors: of each column; columns of one color
    share no row.
    """

    rec: Recording
    tensors: Sequence[Tensor]
    results: Sequence[Tensor]
    pattern: Array
    colors: Array

    @property
    def size(self) -> int:
        """The number of products."""
        return int(self.colors.max(initial=0)) + 1

    def directions(self) -> list[Tensor]:
        """For each tensor an array of zeros and ones with one more axis in front."""
        found = []
        for t, columns in zip(self.tensors, _ranges(self.tensors), strict=True):
            colors = self.colors[columns]
            ones = np.equal.outer(np.arange(self.size), colors).astype(t.dtype)
            shape = (self.size, *t.shape)
            if ones.all():
                found.append(filled(self.rec, ArrayType(t.dtype, shape), 1))
            else:
                found.append(_constant(self.rec, ones.reshape(shape)))
        return found

    def block(self, products: Any, result: int, tensor: int, *, last: bool) -> Any:
        """The entries of one tensor's columns in one result's rows, from its products.

        The answer is flat. last: whether the columns are the last axis, not the first.
        """
        rows, columns = _ranges(self.results)[result], _ranges(self.tensors)[tensor]
        part = self.pattern[rows, columns]
        m, n = part.shape
        row, column = np.nonzero(part)
        at = self.colors[columns][column] * m + row
        to = row * n + column if last else column * m + row
        order = np.argsort(at)
        numbers: Any = np.reshape(products, (-1,))
        if len(at) < numbers.size:
            numbers = gather(numbers, _constant(self.rec, at[order]), axis=0)
        zeros = filled(self.rec, ArrayType(numbers.dtype, (m * n,)), 0)
        return put(zeros, numbers, _constant(self.rec, to[order]), axis=0, unique=True)


def _ranges(tensors: Sequence[Tensor]) -> list[slice]:
    """Where the elements of each are, counted over all."""
    ends = np.cumsum([t.size for t in tensors]).tolist()
    return [slice(e - t.size, e) for e, t in zip(ends, tensors, strict=True)]


def _constant(rec: Recording, array: Array) -> Tensor:
    value = rec.literal(array, array.dtype)
    return Tensor(rec, value, value.type)


# --- the pattern ------------------------------------------------------------------


def pattern_of(
    rec: Recording, wrt: Sequence[Tensor], outs: Sequence[Tensor], start: int
) -> Array | None:
    """Which elements of `outs` depend on which of `wrt`; None if it is not looked for.

    `outs` were recorded from position `start` on.
    """
    tensors = [*wrt, *outs]
    if not rec.is_trace:  # it would be looked for again in each recording
        return None
    if len(wrt) * len(outs) > BLOCKS or any(t.dtype.kind != "f" for t in tensors):
        return None
    if any(isinstance(n, Dim) for t in tensors for n in t.shape):
        return None
    m, n = (sum(t.size for t in group) for group in (outs, wrt))
    if max(m, n) < FEWEST:
        return None
    fn, _ = rec.function([t.value for t in outs if t.rec is rec], whole=True)
    ops = [op for op in fn.ops if op.uid >= start]
    if _size(ops) * -(-n // 8) > max(SMALL, 8 * m * n):
        return None
    begun = _units([t.value for t in wrt], n)
    whole = Function(fn.name, list(begun), ops, fn.results)
    found = iter(follow(whole, begun, _constants(fn, whole)))
    rows = [next(found) if t.rec is rec else None for t in outs]
    parts = [
        Packed.none(t.size, n) if p is None else p
        for t, p in zip(outs, rows, strict=True)
    ]
    return Packed.stack(parts).dense()


def _size(ops: Iterable[Value]) -> float:
    """Elements of all results; without bound where an extent is symbolic."""
    total = 0.0
    for op in ops:
        types = op.type.items if isinstance(op.type, TupleType) else (op.type,)
        for t in types:
            symbolic = any(isinstance(n, Dim) for n in t.shape)
            total += np.inf if symbolic else t.size
    return total


def _units(sources: Sequence[Value], n: int) -> dict[Value, Packed]:
    eye = Packed.of(np.eye(n, dtype=bool))
    found, begin = {}, 0
    for v in sources:
        found[v] = eye[begin : begin + v.type.size]
        begin += v.type.size
    return found


def _constants(fn: Function, part: Function) -> dict[Value, Array]:
    """The numbers that decide where elements go, as far as they are constants."""
    wanted = {v for p in part.params for v in positions(part, p)}
    wanted = {v for v in wanted if v.dtype.kind in "iub"}
    fixed: dict[Value, None] = {}
    for op in fn.ops:
        if not op.prim.effect and all(a in fixed for a in op.args):
            fixed[op] = None
    known = [v for v in wanted if v in fixed]
    numbers = evaluate(prune(Function(fn.name, (), list(fixed), known)))
    return dict(zip(known, numbers, strict=True))


# --- colors -----------------------------------------------------------------------


def colored(
    rec: Recording, tensors: Sequence[Tensor], results: Sequence[Tensor], pattern: Array
) -> Coloring | None:
    """Colors for the columns of `pattern`, which `tensors` are; None for too many.

    Greedy, the fullest columns first.
    """
    n = pattern.shape[1]
    most = min(n // SAVED, MOST)
    if n < FEWEST or pattern.sum(axis=1).max(initial=0) > most:
        return None
    columns = np.packbits(pattern.T, axis=1)
    taken = np.zeros((most, columns.shape[1]), np.uint8)
    colors, used = np.zeros(n, np.int64), 0
    for j in np.argsort(-pattern.sum(axis=0), kind="stable"):
        meets = np.any(taken[: used + 1] & columns[j], axis=1)
        color = int(np.argmin(meets))
        if meets[color]:
            return None
        used = max(used, color + 1)
        colors[j] = color
        taken[color] |= columns[j]
    return Coloring(rec, tensors, results, pattern, colors)
