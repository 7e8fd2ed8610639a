"""`np.einsum`, brought to diagonals, sums, products and `matmul` when recorded.

An axis is known by its label: a letter, or its place in the ellipsis counted from the
right. Operands are contracted two at a time in the order of `np.einsum_path`.
"""

from __future__ import annotations

import itertools
import math
import string
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tapec.errors import ShapeError
from tapec.ir import estimate
from tapec.numpy.shapes import reshape, transpose
from tapec.numpy.support import as_arrays, common_cast, here, only_default
from tapec.ops.cast import cast
from tapec.ops.matmul import matmul
from tapec.tensor import implements

__all__ = ["einsum"]

Label = Hashable
Labels = tuple[Label, ...]


class Term(NamedTuple):
    """An operand and the labels of its axes."""

    x: Any
    labels: Labels

    def size(self, label: Label) -> Any:
        return self.x.shape[self.labels.index(label)]


@implements(np.einsum)
def einsum(
    *operands: Any, out: Any = None, optimize: Any = False, dtype: Any = None,
    **options: Any,
) -> Any:  # fmt: skip
    only_default("einsum", out=(out, None))
    inputs, output, xs = _read(operands)
    xs = common_cast(*xs)
    if dtype is not None:
        xs = [cast(x, dtype=np.dtype(dtype)) for x in xs]
    terms = [_simple(x, labels) for x, labels in zip(xs, inputs, strict=True)]
    terms = _without_ones(terms)
    for pair in _path(terms, output, optimize):
        chosen = [terms.pop(i) for i in sorted(pair, reverse=True)]
        needed = set(output).union(*[t.labels for t in terms])
        terms.append(_contract(chosen[::-1], needed))
    return _arranged(terms[0], output)


# --- reading subscripts -------------------------------------------------------


def _read(operands: Sequence[Any]) -> tuple[list[Labels], Labels, list[Any]]:
    """Labels of every operand and of the result, and the operands as tensors."""
    if isinstance(operands[0], str):
        text, arrays = operands[0].replace(" ", ""), operands[1:]
        left, arrow, right = text.partition("->")
        subscripts: list[Any] = [_letters(s) for s in left.split(",")]
        result: Any = _letters(right) if arrow else None
    else:
        n = len(operands) // 2
        arrays = operands[: 2 * n : 2]
        subscripts = [list(s) for s in operands[1 : 2 * n : 2]]
        result = list(operands[-1]) if len(operands) % 2 else None
    xs = as_arrays(arrays)
    if len(subscripts) != len(xs):
        text = f"einsum: {len(subscripts)} subscripts for {len(xs)} operands"
        raise here(ShapeError(text))
    inputs = [_labels(s, x) for s, x in zip(subscripts, xs, strict=True)]
    found = Counter(itertools.chain(*inputs))
    dots = sorted((d for d in found if isinstance(d, tuple)), reverse=True)
    if result is None:
        once = sorted(d for d in found if not isinstance(d, tuple) and found[d] == 1)  # type: ignore[type-var]
        return inputs, (*dots, *once), xs
    output = tuple(itertools.chain(*[dots if s is Ellipsis else [s] for s in result]))
    if len(set(output)) != len(output) or not set(output) <= set(found):
        raise here(ShapeError(f"einsum: the result {result} does not fit {subscripts}"))
    return inputs, output, xs


def _letters(text: str) -> list[Any]:
    """Letters and `Ellipsis`."""
    before, dots, after = text.partition("...")
    if not all(c in string.ascii_letters for c in before + after):
        raise here(
            ShapeError(f"einsum: {text!r} holds more than letters and an ellipsis")
        )
    return [*before, *([Ellipsis] if dots else []), *after]


def _labels(subscript: list[Any], x: Any) -> Labels:
    """One label per axis; those of the ellipsis are (place from the right,)."""
    if Ellipsis not in subscript:
        if len(subscript) != x.ndim:
            text = f"einsum: {x.type!r} has not {len(subscript)} axes"
            raise here(ShapeError(text))
        return tuple(subscript)
    i = subscript.index(Ellipsis)
    count = x.ndim - len(subscript) + 1
    if count < 0:
        raise here(ShapeError(f"einsum: {x.type!r} has too few axes"))
    return (*subscript[:i], *[(k,) for k in range(count, 0, -1)], *subscript[i + 1 :])


# --- one operand --------------------------------------------------------------


def _simple(x: Any, labels: Labels) -> Term:
    """The diagonal wherever a label occurs twice."""
    while len(set(labels)) < len(labels):
        twice = next(d for d in labels if labels.count(d) > 1)
        i = labels.index(twice)
        j = labels.index(twice, i + 1)
        if x.shape[i] != x.shape[j]:
            raise here(ShapeError(f"einsum: {x.type!r} has no diagonal {twice!r}"))
        x = np.diagonal(x, axis1=i, axis2=j)
        rest = [d for k, d in enumerate(labels) if k not in (i, j)]
        labels = (*rest, twice)
    return Term(x, labels)


def _without_ones(terms: list[Term]) -> list[Term]:
    """Axes of length 1 are dropped where another operand is longer along the label."""
    longest: dict[Label, int] = {}
    for t in terms:
        for d in t.labels:
            longest[d] = n if (n := t.size(d)) != 1 else longest.get(d, 1)
    kept = []
    for t in terms:
        stretched = {d for d in t.labels if t.size(d) == 1 != longest[d]}
        wrong = [d for d in t.labels if t.size(d) not in (1, longest[d])]
        if wrong:
            text = f"einsum: {t.x.type!r} does not fit the others along {wrong[0]!r}"
            raise here(ShapeError(text))
        labels = tuple(d for d in t.labels if d not in stretched)
        shape = [t.size(d) for d in labels]
        kept.append(Term(reshape(t.x, shape), labels))
    return kept


def _summed(t: Term, keep: set[Label]) -> Term:
    """The sum over all labels that nobody needs."""
    axes = tuple(i for i, d in enumerate(t.labels) if d not in keep)
    if not axes:
        return t
    labels = tuple(d for d in t.labels if d in keep)
    return Term(np.sum(t.x, axis=axes, dtype=t.x.dtype), labels)


def _arranged(t: Term, output: Labels) -> Any:
    t = _summed(t, set(output))
    x = transpose(t.x, [t.labels.index(d) for d in output if d in t.labels])
    return x


# --- two operands -------------------------------------------------------------


def _path(terms: list[Term], output: Labels, optimize: Any) -> list[tuple[int, ...]]:
    """Which operands to contract, in turn; results go to the end of the list."""
    n = len(terms)
    if n <= 2:
        return [tuple(range(n))]
    if isinstance(optimize, (list, tuple)) and optimize[0] == "einsum_path":
        return [tuple(step) for step in optimize[1:]]
    names = dict.fromkeys(itertools.chain(*[t.labels for t in terms]))
    letter = dict(zip(names, string.ascii_letters, strict=False))
    left = ",".join("".join(letter[d] for d in t.labels) for t in terms)
    right = "".join(letter[d] for d in output)
    sizes = [tuple(map(estimate, t.x.shape)) for t in terms]
    shapes = [np.broadcast_to(0.0, shape) for shape in sizes]
    how = "optimal" if optimize == "optimal" else "greedy"
    path, _ = np.einsum_path(f"{left}->{right}", *shapes, optimize=how)
    return [tuple(step) for step in path[1:]]


def _contract(terms: list[Term], needed: set[Label]) -> Term:
    """One term out of one, two or (when a path says so) more."""
    result = terms[0]
    for i, t in enumerate(terms[1:], 2):
        later = needed.union(*[u.labels for u in terms[i:]])
        result = _pair(result, t, later)
    return _summed(result, needed)


def _pair(a: Term, b: Term, needed: set[Label]) -> Term:
    a = _summed(a, needed | set(b.labels))
    b = _summed(b, needed | set(a.labels))
    shared = [d for d in a.labels if d in b.labels]
    batch = [d for d in shared if d in needed]
    inner = [d for d in shared if d not in needed]
    free_a = [d for d in a.labels if d not in shared]
    free_b = [d for d in b.labels if d not in shared]
    labels = (*batch, *free_a, *free_b)
    if not inner or not (free_a or free_b):
        product = _spread(a, [*labels, *inner]) * _spread(b, [*labels, *inner])
        return _summed(Term(product, (*labels, *inner)), needed)
    left = _grouped(a, batch, free_a, inner)
    right = _grouped(b, batch, inner, free_b)
    shape = [(a if d in a.labels else b).size(d) for d in labels]
    return Term(reshape(matmul(left, right), shape), labels)


def _spread(t: Term, labels: Sequence[Label]) -> Any:
    """Axes in the order of `labels`, of length 1 where `t` has none."""
    x = transpose(t.x, [t.labels.index(d) for d in labels if d in t.labels])
    return reshape(x, [t.size(d) if d in t.labels else 1 for d in labels])


def _grouped(
    t: Term, batch: list[Label], rows: list[Label], columns: list[Label]
) -> Any:
    """A stack of matrices whose rows and columns stand for several axes each."""
    order = [t.labels.index(d) for d in (*batch, *rows, *columns)]
    lead = [t.size(d) for d in batch]
    sizes = [math.prod(t.size(d) for d in group) for group in (rows, columns)]
    return reshape(transpose(t.x, order), (*lead, *sizes))
