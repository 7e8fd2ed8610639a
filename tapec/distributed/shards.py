"""Shards: what is given in their place, and how many examples they hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tapec import containers

__all__ = ["checked", "entries", "examples", "loaded", "weighed"]


def checked(shards: Any) -> Sequence[Any]:
    """`shards` if it is a list or tuple of some."""
    if not isinstance(shards, (list, tuple)):
        raise TypeError(
            f"shards is a list or tuple with an entry per shard, not "
            f"{type(shards).__name__}; np.array_split(x, n) makes one of an array, "
            "x.to_delayed().ravel().tolist() of a Dask array"
        )
    if not shards:
        raise ValueError("there are no shards")
    return shards


def loaded(shard: Any) -> Any:
    """The data of a shard; a function is called for it."""
    for entry in entries(shard):
        if type(entry).__module__.partition(".")[0] in ("dask", "distributed"):
            raise TypeError(
                f"the shard is a {type(entry).__name__} of Dask, not its data; "
                "value_and_grad(..., client=) lets Dask compute it"
            )
    return shard() if callable(shard) else shard


def entries(shard: Any) -> Iterator[Any]:
    """What its lists, tuples and dicts hold."""
    if isinstance(shard, (list, tuple)):
        for entry in shard:
            yield from entries(entry)
    elif isinstance(shard, dict):
        yield from entries(list(shard.values()))
    else:
        yield shard


def examples(shard: Any) -> int:
    """The length of the first axis that all arrays of a shard have in common."""
    shapes = [np.shape(leaf) for leaf in containers.flatten(shard)[0]]
    lengths = {shape[0] for shape in shapes if shape}
    if len(lengths) == 1:
        return int(lengths.pop())
    held = f"arrays of shapes {shapes}" if lengths else "no array with an axis"
    raise ValueError(
        "reduce='mean' weighs a shard by the number of its examples, which is the "
        f"length of the first axis of its arrays; this one holds {held}: "
        "say how many there are with weight=lambda shard: ..."
    )


def weighed(shard: Any, weight: Callable[[Any], Any]) -> float:
    """The weight of a shard, a number that makes sense as one."""
    given = weight(shard)
    try:
        found = float(given)
    except TypeError:
        text = f"weight is a number per shard, not {type(given).__name__}"
        raise TypeError(text) from None
    if not (math.isfinite(found) and found >= 0.0):
        raise ValueError(f"the weight of a shard is finite and not negative: {found}")
    return found
