"""Batch rules: how a primitive acts on operands that have one more axis in front.

A rule is a named function in NumPy style on tensors, `(batch, *args, **attrs)`. Operand
`i` has the new axis if `batch.which[i]`, and so has what the rule returns (a tuple if
the op has several results). NotImplemented stands for "not these operands": then, as
for a primitive without a rule, the op is applied to one element after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Batch", "BatchRule", "aligned", "along", "padded", "together", "whole"]


class Batch(NamedTuple):
    """What a rule is told.

    prim: the primitive. size: of the new axis. which: operands that have it.
    body: `body(fn, params, results)` is `fn`, an attribute of the op, with the axis for
    these parameters and results (None: all).
    """

    prim: Any
    size: int
    which: tuple[bool, ...]
    body: Callable[..., Any]

    def rank(self, i: int, x: Any) -> int:
        """The number of axes of operand `i` without the new one."""
        return len(x.shape) - self.which[i]

    def spread(self, i: int, x: Any) -> Any:
        """Operand `i` with the new axis, repeated if it has none."""
        return x if self.which[i] else np.broadcast_to(x, (self.size, *x.shape))

    def spread_all(self, *args: Any) -> list[Any]:
        """All operands with the new axis."""
        return [self.spread(i, x) for i, x in enumerate(args)]


BatchRule = Callable[..., Any]


def padded(x: Any, rank: int) -> Any:
    """`x`, which has the new axis, with ones behind that up to `rank` further axes."""
    missing = rank + 1 - len(x.shape)
    if not missing:
        return x
    return np.reshape(x, (x.shape[0], *[1] * missing, *x.shape[1:]))


def aligned(batch: Batch, *args: Any, **attrs: Any) -> Any:
    """For ops whose leading axes broadcast: the new one comes before all others."""
    rank = max(batch.rank(i, x) for i, x in enumerate(args))
    fit = [padded(x, rank) if batch.which[i] else x for i, x in enumerate(args)]
    return batch.prim(*fit, **attrs)


def along(batch: Batch, *args: Any, axis: Any, **attrs: Any) -> Any:
    """For ops along some of the axes, which are now counted from the second one."""
    moved = tuple(a + 1 for a in axis) if isinstance(axis, tuple) else axis + 1
    return batch.prim(*batch.spread_all(*args), axis=moved, **attrs)


def together(batch: Batch, *args: Any, **attrs: Any) -> Any:
    """For ops on stacks of matrices that all have the same shape."""
    return batch.prim(*batch.spread_all(*args), **attrs)


def whole(batch: Batch, *args: Any, **attrs: Any) -> Any:
    """For effects: once for all elements, which are seen together."""
    return batch.prim(*args, **attrs)
