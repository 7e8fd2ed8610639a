"""Limiting numbers and norms, of gradients mostly."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.tf.convert import convert_to_tensor
from tapec.tf.linalg import norm

__all__ = ["clip_by_global_norm", "clip_by_norm", "clip_by_value", "global_norm"]


def clip_by_value(
    t: Any, clip_value_min: Any, clip_value_max: Any, name: Any = None
) -> Any:
    """Limited to an interval."""
    return np.clip(convert_to_tensor(t), clip_value_min, clip_value_max)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: Any = None) -> Any:
    """Scaled down to have at most this norm."""
    x = convert_to_tensor(t)
    size = norm(x, axis=axes, keepdims=axes is not None)
    return np.where(size > clip_norm, x * clip_norm / np.maximum(size, clip_norm), x)


def global_norm(t_list: Any, name: Any = None) -> Any:
    """The norm of all tensors taken together."""
    squares = [np.sum(np.square(convert_to_tensor(t))) for t in t_list if t is not None]
    return np.sqrt(np.sum(np.stack(squares)))


def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: Any = None
) -> tuple[list[Any], Any]:
    """All tensors scaled down by one factor to have at most this norm together."""
    size = global_norm(t_list) if use_norm is None else use_norm
    scale = clip_norm / np.maximum(size, clip_norm)
    scaled = [None if t is None else convert_to_tensor(t) * scale for t in t_list]
    return scaled, size
