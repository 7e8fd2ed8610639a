"""Parts of a sum or mean: what one shard adds, and what is made of them all."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tapec import containers

__all__ = ["Part", "divided", "empty", "weighted"]


class Part(NamedTuple):
    """What one shard, or several, add to the result.

    value, gradient: times the weight; half precision is widened to float32. weight:
    of the examples in a mean, 1 for a shard of a sum. halves: which leaves of the
    gradient become float16 again.

    >>> import numpy as np
    >>> from tapec.distributed import value_and_grad
    >>> vg = value_and_grad(lambda w, x: np.mean(w * x), reduce="mean")
    >>> part = vg.part(2.0, np.ones(3))
    >>> float(part.value), part.gradient, part.weight
    (6.0, 3.0, 3.0)
    """

    value: Any
    gradient: Any
    weight: float
    halves: tuple[bool, ...]


def weighted(value: Any, gradient: Any, weight: float) -> Part:
    """The part of a shard of this value and gradient."""

    def scaled(x: Any) -> Any:
        return weight * (x.astype(np.float32) if _is_half(x) else x)

    if np.ndim(value):  # one number in an array
        value = value.reshape(())[()]
    halves = tuple(map(_is_half, containers.flatten(gradient)[0]))
    return Part(scaled(value), containers.map_leaves(scaled, gradient), weight, halves)


def empty(params: Any) -> Part:
    """The part of a shard without examples, for a gradient by these parameters."""
    zeros = containers.map_leaves(lambda x: np.zeros_like(x)[()] * 1.0, params)
    return weighted(0.0, zeros, 1.0)._replace(weight=0.0)


def divided(total: Part, by: float) -> tuple[Any, Any]:
    """Value and gradient, in the dtypes of the parameters."""
    leaves, structure = containers.flatten(total.gradient)
    out = [x if by == 1.0 else x / by for x in leaves]
    pairs = zip(out, total.halves, strict=True)
    out = [x.astype(np.float16) if half else x for x, half in pairs]
    value = total.value if by == 1.0 else total.value / by
    return value, containers.unflatten(structure, out)


def _is_half(x: Any) -> bool:
    return getattr(x, "dtype", None) == np.float16
