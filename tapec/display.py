"""How tensors print."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["describe"]


def describe(x: Any) -> str:
    """`tensor(numbers, dtype=..., shape=...)`; a closed trace shows the type only."""
    rec = getattr(x, "rec", None)
    name = type(x).__name__.lower()
    if rec is not None and rec.is_trace:
        return f"<traced {x.type!r}>"
    body = np.array2string(x.array, separator=", ", prefix=f"{name}(")
    return f"{name}({body}, dtype={x.dtype})"
