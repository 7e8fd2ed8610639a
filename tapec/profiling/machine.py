"""What this machine reaches: bytes and operations per second, measured when asked for.

After Williams, Waterman, Patterson, "Roofline: an insightful visual performance model",
CACM 52(4), 2009: a kernel is bound by how fast its bytes arrive, or by arithmetic.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

__all__ = ["bandwidth", "peak"]

SMALLEST, LARGEST = 1 << 13, 1 << 28
"""Bytes between which bandwidths are measured; more do not fit in any cache."""

SIDE = 384
"""Rows of the matrices whose product shows the peak."""

BUDGET = 5e-3
"""Seconds of one measurement."""


def bandwidth(nbytes: int) -> float:
    """Bytes per second of a copy that reads and writes about `nbytes` in all.

    So what fits in a cache is measured against that cache.
    """
    size = SMALLEST
    while size < min(nbytes, LARGEST):
        size *= 4
    return _bandwidth(size)


@cache
def _bandwidth(size: int) -> float:
    source = np.zeros(size // 16)
    target = np.empty_like(source)
    np.copyto(target, source)
    return 2 * source.nbytes / _fastest(lambda: np.copyto(target, source))


def peak(dtype: Any) -> float:
    """Operations per second of a matrix product; of float64 for what is no float."""
    return _peak(dtype if np.dtype(dtype).kind == "f" else np.dtype(np.float64))


@cache
def _peak(dtype: Any) -> float:
    a = np.ones((SIDE, SIDE), dtype)
    out = np.empty_like(a)
    return 2 * SIDE**3 / _fastest(lambda: np.matmul(a, a, out=out))


def _fastest(call: Callable[[], Any]) -> float:
    """Seconds of the fastest of several calls."""
    call()
    found: list[float] = []
    end = time.perf_counter() + BUDGET
    while not found or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return max(min(found), 1e-9)
