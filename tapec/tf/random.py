"""`tf.random`: NumPy's generator. It draws when called, so not in a traced function."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.errors import UnsupportedError, at
from tapec.recording import locate, state
from tapec.tf.convert import constant, convert_to_tensor

__all__ = ["Generator", "normal", "set_seed", "shuffle", "truncated_normal", "uniform"]

_generator = np.random.default_rng()


def set_seed(seed: int) -> None:
    """Start the sequence of numbers anew."""
    globals()["_generator"] = np.random.default_rng(seed)


def _rng(seed: Any) -> np.random.Generator:
    rec = state.recording
    if rec is not None and rec.is_trace:
        text = (
            "random numbers drawn in a traced function would be the same at each call; "
            "draw them outside and pass them in, or draw with tapec.random from a key"
        )
        raise at(UnsupportedError(text), locate(rec.stop))
    return _generator if seed is None else np.random.default_rng(seed)


def _shape(shape: Any) -> tuple[int, ...]:
    return tuple([n.__index__() for n in shape])


def normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = np.float32,
    seed: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """Normally distributed numbers."""
    numbers = _rng(seed).standard_normal(_shape(shape)) * stddev + mean
    return constant(np.asarray(numbers).astype(dtype))


def uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = np.float32,
    seed: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """Uniformly distributed numbers from `minval` to `maxval` (excluded, default 1)."""
    rng, dtype = _rng(seed), np.dtype(dtype)
    if dtype.kind in "iu":
        if maxval is None:
            raise ValueError("uniform integers need maxval")
        return constant(rng.integers(minval, maxval, _shape(shape), dtype=dtype))
    high = 1.0 if maxval is None else maxval
    return constant(np.asarray(rng.uniform(minval, high, _shape(shape))).astype(dtype))


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = np.float32,
    seed: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """Normally distributed numbers within two standard deviations."""
    rng = _rng(seed)
    x = np.asarray(rng.standard_normal(_shape(shape)))
    while (out := np.abs(x) > 2).any():
        x[out] = rng.standard_normal(int(out.sum()))
    return constant((x * stddev + mean).astype(dtype))


def shuffle(value: Any, seed: Any = None, name: Any = None) -> Any:
    """The entries along the first axis in random order."""
    x = convert_to_tensor(value)
    return x[_rng(seed).permutation(x.shape[0])]


class Generator:
    """A sequence of random numbers of its own."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    @classmethod
    def from_seed(cls, seed: int) -> Generator:
        return cls(seed)

    def normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = np.float32
    ) -> Any:
        return normal(shape, mean, stddev, dtype, self._rng)

    def uniform(
        self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = np.float32
    ) -> Any:
        return uniform(shape, minval, maxval, dtype, self._rng)
