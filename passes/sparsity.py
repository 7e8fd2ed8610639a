"""Which elements of a result depend on which elements of a parameter.

A pattern is a Boolean matrix, scipy's or `Packed`: a row per element of a value, a
column per element of the parameter. Patterns follow the ops from the parameter to the
results. Elementwise ops unite the rows of their operands; ops that select elements are
run on the numbers of rows; reductions unite along axes; what has no rule here unites
everything. So a pattern may have too many entries, never too few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tapec.ir import Function, TupleType, Value
from tapec.passes.packed import Packed
from tapec.passes.rules import differentiable

__all__ = ["follow", "positions", "sparsity"]

Array = np.ndarray[Any, Any]
Pattern = Any  # Packed, or a sparse matrix; scipy.sparse has no types
Known = Mapping[Value, Array]

SELECTING = frozenset(
    ("reshape", "transpose", "flip", "roll", "tril", "triu", "slice", "unslice")
    + ("update_slice", "put", "concatenate", "broadcast_to", "gather")
)
"""Ops each element of whose result is one element of an operand, or zero."""

INDEXED = frozenset(("gather", "put", "scatter_add"))
"""Ops with integer operands that say where elements go."""

REDUCING = frozenset(("sum", "prod", "max", "min"))
ALONG = frozenset(("cumsum", "cumprod"))


def positions(fn: Function, source: Value) -> list[Value]:
    """The values that decide where elements go on their way from `source`.

    `sparsity` needs their numbers (of floating ones, matrices that multiply, whether
    they are zero); a pattern holds for these numbers only.
    """
    moving = {source}
    found: dict[Value, None] = {}
    for op in fn.ops:
        if _is_constant(op) or not any(a in moving for a in op.args):
            continue
        moving.add(op)
        if op.prim.name in INDEXED:
            found.update((a, None) for a in op.args if a.dtype.kind in "iu")
        if op.prim.name == "where" and _is_const(op.args[0]):
            found[op.args[0]] = None
        if op.prim.name == "matmul" and all(len(a.shape) == 2 for a in op.args):
            found.update((a, None) for a in op.args if a not in moving)
    return list(found)


def _is_constant(op: Value) -> bool:
    """Whether an op cuts every derivative."""
    return op.prim.vjp is None and op.prim.jvp is None


def _is_const(v: Value) -> bool:
    return v.prim is not None and v.prim.name == "const"


def sparsity(fn: Function, source: Value, known: Known) -> list[Pattern]:
    """One pattern per result of `fn`; `known` are the numbers of `positions`."""
    from scipy import sparse

    n = source.type.size
    found = follow(fn, {source: sparse.eye_array(n, dtype=bool).tocsr()}, known)
    empty = [sparse.csr_array((r.type.size, n), dtype=bool) for r in fn.results]
    return [e if p is None else p for p, e in zip(found, empty, strict=True)]


def follow(
    fn: Function, start: Mapping[Value, Pattern], known: Known
) -> list[Pattern | None]:
    """Patterns of the results, None where they are empty; `start` are parameters'."""
    patterns: dict[Value, Any] = dict(start)  # a list for an op with several results
    for op in fn.ops:
        operands = _operands(op, patterns)
        if any(p is not None for p in operands):
            found = _rule(op, operands, known)(op, operands, known)
            if isinstance(found, list) or (found is not None and found.nnz):
                patterns[op] = found
    return [patterns.get(r) for r in fn.results]


def _operands(op: Value, patterns: Mapping[Value, Pattern]) -> list[Pattern | None]:
    """Patterns of the operands that the result depends on differentiably."""
    several = type(op.type) is TupleType
    if _is_constant(op) or not (several or differentiable(op.type)):
        return []
    rule = op.prim.vjp
    if not isinstance(rule, tuple):
        return [patterns.get(a) for a in op.args]
    return [
        None if r is None else patterns.get(a)
        for a, r in zip(op.args, rule, strict=True)
    ]


def _rule(
    op: Value, operands: list[Pattern | None], known: Known
) -> Callable[..., Pattern]:
    name = op.prim.name
    if name in INDEXED and any(a not in known for a in op.args if a.dtype.kind in "iu"):
        return _everything  # in the body of a loop
    if name == "item":
        return _item
    if name == "barrier":
        return _handed_on
    if name == "scan":
        packed = any(isinstance(p, Packed) for p in operands)
        return _everything if packed else _looped
    if name in SELECTING or (name == "where" and op.args[0] in known):
        return _selected
    if name == "scatter_add":
        return _scattered
    if name in REDUCING:
        return _reduced
    if name in ALONG:
        return _accumulated
    if name == "matmul":
        return _product
    return _united if op.prim.liveness == "keep" else _everything


def _handed_on(op: Value, operands: list[Pattern | None], known: Known) -> Any:
    """An op whose result is its first operand."""
    return operands[0]


# --- rows ---------------------------------------------------------------------------


def numbered(shape: Sequence[int]) -> Array:
    """The numbers of the elements of an array, in its shape."""
    return np.arange(int(np.prod(shape))).reshape(shape)


def taken(p: Pattern, small: Sequence[int], shape: Sequence[int]) -> Pattern:
    """The rows of `p`, an array of shape `small`, broadcast to `shape`."""
    if tuple(small) == tuple(shape):
        return p
    return p[np.broadcast_to(numbered(small), shape).ravel()]


def added(p: Pattern, to: Array, rows: int) -> Pattern:
    """Row `i` of `p` added to row `to[i]` of a pattern with `rows` rows."""
    if isinstance(p, Packed):
        return p.added(to.ravel(), rows)
    from scipy import sparse

    ones = np.ones(to.size, bool)
    move = sparse.csr_array((ones, (to.ravel(), np.arange(to.size))), (rows, to.size))
    return move @ p


def union(parts: Sequence[Pattern | None]) -> Pattern:
    there = [p for p in parts if p is not None]
    total = there[0]
    for p in there[1:]:
        total = total + p
    return total


# --- ops ----------------------------------------------------------------------------


def _united(op: Value, operands: list[Pattern | None], known: Known) -> Pattern:
    return union([
        None if p is None else taken(p, a.shape, op.shape)
        for a, p in zip(op.args, operands, strict=True)
    ])  # fmt: skip


def _selected(op: Value, operands: list[Pattern | None], known: Known) -> Pattern:
    """The op run on numbers of rows; number 0 is a row without entries."""
    labels, blocks, begin = [], [], 1
    for a, p in zip(op.args, operands, strict=True):
        if a in known:
            labels.append(known[a])
        elif p is None:
            labels.append(np.zeros(a.shape, np.int64))
        else:
            labels.append(numbered(a.shape) + begin)
            blocks.append(p)
            begin += p.shape[0]
    rows = op.prim.reference(*labels, **dict(op.attrs))
    return _below_nothing(blocks)[np.ravel(rows)]


def _below_nothing(blocks: Sequence[Pattern]) -> Pattern:
    """The patterns below each other and below a row without entries."""
    columns = blocks[0].shape[1]
    if isinstance(blocks[0], Packed):
        return Packed.stack([Packed.none(1, columns), *blocks])
    from scipy import sparse

    nothing = sparse.csr_array((1, columns), dtype=bool)
    return sparse.vstack([nothing, *blocks], format="csr")


def _scattered(op: Value, operands: list[Pattern | None], known: Known) -> Pattern:
    axis = op.attr("axis")
    indices = tuple(known[a] for a in op.args[1:])
    where: tuple[Any, ...] = (*[slice(None)] * axis, *indices)
    to = numbered(op.shape)[where]
    return added(operands[0], to, op.type.size)


def _reduced(op: Value, operands: list[Pattern | None], known: Known) -> Pattern:
    shape, axis = op.args[0].shape, op.attr("axis")
    kept = [1 if a in axis else d for a, d in enumerate(shape)]
    to = np.broadcast_to(numbered(kept), shape)
    return added(operands[0], to, op.type.size)


def _accumulated(op: Value, operands: list[Pattern | None], known: Known) -> Pattern:
    kept = [1 if a == op.attr("axis") else d for a, d in enumerate(op.shape)]
    return _contracted(operands[0], op.shape, kept, op.shape)


def _product(op: Value, operands: list[Pattern | None], known: Known) -> Pattern:
    a, b = op.args
    p, q = operands
    (*outer_a, i, _), (*outer_b, _, k) = a.shape, b.shape
    parts = []
    if p is not None and b in known:
        parts.append(_weighted(i, known[b].T, 1) @ p)
    elif p is not None:
        parts.append(_contracted(p, a.shape, (*outer_a, i, 1), op.shape))
    if q is not None and a in known:
        parts.append(_weighted(1, known[a], k) @ q)
    elif q is not None:
        parts.append(_contracted(q, b.shape, (*outer_b, 1, k), op.shape))
    return union(parts)


def _weighted(before: int, matrix: Array, after: int) -> Pattern:
    """Where `kron(eye(before), matrix, eye(after))` is not zero."""
    from scipy import sparse

    ones = [sparse.eye_array(n, dtype=bool) for n in (before, after)]
    inner = sparse.kron(sparse.csr_array(matrix != 0), ones[1])
    return sparse.kron(ones[0], inner, format="csr")


def _contracted(
    p: Pattern, shape: Sequence[int], kept: Sequence[int], out: Sequence[int]
) -> Pattern:
    """Rows united where `kept` has length 1, and repeated for `out`."""
    to = np.broadcast_to(numbered(kept), shape)
    return taken(added(p, to, int(np.prod(kept))), kept, out)


def _everything(op: Value, operands: list[Pattern | None], known: Known) -> Any:
    """Every element depends on all that any operand depends on."""
    there = [p for p in operands if p is not None]
    row = union([added(p, np.zeros(p.shape[0], int), 1) for p in there])
    if type(op.type) is TupleType:
        return [row[np.zeros(t.size, int)] for t in op.type.items]
    return row[np.zeros(op.type.size, int)]


def _item(op: Value, operands: list[Any], known: Known) -> Pattern | None:
    found: Pattern | None = operands[0][op.attr("index")]
    return found


def _looped(op: Value, operands: list[Pattern | None], known: Known) -> Any:
    from tapec.passes.scan_sparsity import scan_sparsity

    return scan_sparsity(operands, **dict(op.attrs))
