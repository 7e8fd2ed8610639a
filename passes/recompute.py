"""The gradient of `checkpoint`: its body once more, behind barriers, and backwards."""

from __future__ import annotations

from collections.abc import Sequence

from tapec.bodies import replay
from tapec.ir import Function, Value, quiet
from tapec.ops.checkpoint import barrier
from tapec.passes.vjp import backpropagate
from tapec.recording import state
from tapec.tensor import Tensor

__all__ = ["checkpoint_vjp"]


def checkpoint_vjp(
    cts: Sequence[Tensor], inputs: Sequence[Tensor], body: Function
) -> list[Tensor | None]:
    """Cotangents of the inputs, recorded; None for those that have none."""
    rec = state.recording
    assert rec is not None
    again: list[Tensor] = [barrier(x, *cts) for x in inputs]
    start = len(rec.values)
    results = replay(rec, quiet(body), again)
    ops = rec.values[start:]
    seeds: dict[Value, Tensor] = {}
    for r, ct in zip(results, cts, strict=True):
        seeds[r.value] = seeds[r.value] + ct if r.value in seeds else ct
    return backpropagate(rec, ops, seeds, [t.value for t in again])
