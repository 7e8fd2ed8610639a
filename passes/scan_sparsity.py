"""Patterns through `scan`: what each step passes on, step after step.

What does not depend on a carry is found for all steps at once; carries that depend on
the parameter are followed from step to step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from tapec.ir import Function
from tapec.passes.sparsity import follow, union

__all__ = ["scan_sparsity"]

Pattern = Any
Body = list[dict[int, Pattern]]
"""For each result of a step the parameters it depends on, each with its pattern."""


def scan_sparsity(
    operands: Sequence[Pattern | None], *, body: Function, carries: int,
    invariants: int, length: int, reverse: bool,
) -> list[Pattern | None]:  # fmt: skip
    """The patterns of the last carries and of the stacked outputs."""
    step = _body_patterns(body)
    shared = carries + invariants
    moving = _moving(step, operands, carries)
    read = {i for c in moving for i in step[c] if operands[i] is not None}
    begun: dict[int, list[Pattern]] = {c: [None] * length for c in moving}
    state = {c: operands[c] for c in moving}
    steps = range(length) if moving else ()
    for t in reversed(steps) if reverse else steps:
        at = {i: operands[i] for i in read if i < shared}
        at |= {i: _slice(body, i, operands[i], t) for i in read if i >= shared}
        for c in moving:
            begun[c][t] = state[c]
        state = {c: _applied(step[c], at | state) for c in moving}
    last = [state.get(c) for c in range(carries)]
    sizes = [r.type.size for r in body.results]
    return [
        *last,
        *(
            _stacked(step[r], sizes[r], operands, begun, shared, length)
            for r in range(carries, len(step))
        ),
    ]


def _body_patterns(body: Function) -> Body:
    step: Body = [{} for _ in body.results]
    for i, p in enumerate(body.params):
        if p.dtype.kind not in "fc":
            continue
        eye = sparse.eye_array(p.type.size, dtype=bool).tocsr()
        for found, pattern in zip(step, follow(body, {p: eye}, {}), strict=True):
            if pattern is not None:
                found[i] = pattern
    return step


def _moving(step: Body, operands: Sequence[Pattern | None], carries: int) -> list[int]:
    """The carries that come to depend on anything."""
    reached = {i for i, p in enumerate(operands) if p is not None}
    while True:
        new = {c for c in range(carries) if reached & step[c].keys()} - reached
        if not new:
            return sorted(c for c in range(carries) if c in reached)
        reached |= new


def _slice(body: Function, p: int, operand: Pattern | None, t: int) -> Pattern | None:
    size = body.params[p].type.size
    return None if operand is None else operand[t * size : (t + 1) * size]


def _applied(needs: dict[int, Pattern], at: dict[int, Pattern | None]) -> Any:
    """The pattern of one result of a step, from those of its parameters."""
    parts = [p @ at[i] for i, p in needs.items() if at.get(i) is not None]
    return union(parts) if parts else None


def _stacked(
    needs: dict[int, Pattern], size: int, operands: Sequence[Pattern | None],
    begun: dict[int, list[Pattern]], shared: int, length: int,
) -> Pattern | None:  # fmt: skip
    """The pattern of an output, all steps together."""
    parts = []
    for i, p in needs.items():
        if i in begun:
            n = next(o.shape[1] for o in operands if o is not None)
            none = sparse.csr_array((p.shape[1], n), dtype=bool)
            states = [none if b is None else b for b in begun[i]]
            whole = sparse.vstack(states, format="csr")
            parts.append(_each(p, length) @ whole)
        elif operands[i] is not None and i < shared:
            parts.append((p @ operands[i])[np.tile(np.arange(size), length)])
        elif operands[i] is not None:
            parts.append(_each(p, length) @ operands[i])
    return union(parts) if parts else None


def _each(p: Pattern, length: int) -> Pattern:
    """`p` in every step."""
    return sparse.kron(sparse.eye_array(length, dtype=bool), p, format="csr")
