"""A loop for a whole batch: the same loop with the body of all elements.

    %2: (f64[], f64[5]) = scan %c, %x body=@b carries=1 ...
    ->
    %4: (f64[8], f64[5,8]) = scan %c, %x body=@b.batch carries=1 ...

What is stacked along the steps has the steps first and the batch second. A carry has
the axis only if some step makes it differ between the elements: a counter stays one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tapec.batching import Batch
from tapec.ir import Function
from tapec.tensor import FUNCTIONS

__all__ = ["scan_batch", "varying"]


def scan_batch(
    batch: Batch, args: Sequence[Any], *, body: Function, carries: int,
    invariants: int, **attrs: Any,
) -> tuple[Any, ...]:  # fmt: skip
    """The results of a scan whose operands `batch.which` have the new axis in front."""
    which = list(batch.which)
    for _ in range(carries):  # each time one more carry differs, or none does
        found = varying(body, which)[:carries]
        which[:carries] = [a or b for a, b in zip(which, found, strict=False)]
    shared = carries + invariants
    moved = FUNCTIONS[np.moveaxis]
    operands = [
        batch.spread(i, x) if has and i < carries else x
        for i, (x, has) in enumerate(zip(args[:shared], which, strict=False))
    ]
    for x, has in zip(args[shared:], which[shared:], strict=True):
        operands.append(moved(x, 0, 1) if has else x)
    stacked = range(carries, len(body.results))
    new = batch.body(
        body,
        [i for i, has in enumerate(which) if has],
        [*(i for i in range(carries) if which[i]), *stacked],
    )
    counts = {"carries": carries, "invariants": invariants}
    out = batch.prim(*operands, body=new, **counts, **attrs)
    everywhere = FUNCTIONS[np.broadcast_to]
    finals = [
        x if has else everywhere(x, (batch.size, *x.shape))
        for x, has in zip(out[:carries], which, strict=False)
    ]
    return (*finals, *(moved(x, 1, 0) for x in out[carries:]))


def varying(fn: Function, which: Sequence[bool]) -> list[bool]:
    """Which results differ between elements if the parameters `which` do."""
    moving: set[Any] = {p for p, has in zip(fn.params, which, strict=True) if has}
    for op in fn.ops:
        if any(a in moving for a in op.args):
            moving.add(op)
    return [r in moving for r in fn.results]
