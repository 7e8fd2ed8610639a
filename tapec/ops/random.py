"""Random bits as a function of a key: Threefry-2x32.

J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw: Parallel Random Numbers: As Easy as
1, 2, 3 (SC 2011). A counter is encrypted: 20 rounds of additions, rotations and
exclusive ors on two 32-bit words. Every element is computed for itself, so draws are
pure, fuse with what reads them, and run in vector registers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tapec.batching import Batch
from tapec.errors import DTypeError, ShapeError
from tapec.ir import ArrayType
from tapec.primitive import Index, Sample, primitive

__all__ = ["random_bits", "threefry"]

U64 = np.dtype(np.uint64)
U32 = np.dtype(np.uint32)

# Constants of the paper: the rotation of each round, and the parity of the key words.
ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA
ROUNDS = 20

INSTRUCTIONS = 130
"""Of one element."""


def threefry(k0: Any, k1: Any, x0: Any, x1: Any) -> tuple[Any, Any]:
    """The counter (x0, x1) under the key (k0, k1): arrays or scalars of uint32."""
    keys = (k0, k1, k0 ^ k1 ^ PARITY)
    x0, x1 = x0 + k0, x1 + k1
    for number in range(ROUNDS):
        x0 = x0 + x1
        left = ROTATIONS[number % len(ROTATIONS)]
        x1 = ((x1 << left) | (x1 >> (32 - left))) ^ x0
        if number % 4 == 3:
            block = number // 4 + 1
            x0 = x0 + keys[block % 3]
            x1 = x1 + keys[(block + 1) % 3] + block
    return x0, x1


def _type(key: ArrayType, start: ArrayType, *, shape: tuple[int, ...]) -> ArrayType:
    for what, t in (("key", key), ("start", start)):
        if t.dtype != U64:
            raise DTypeError(f"random_bits: the {what} is no uint64 but {t!r}")
    if key.shape != start.shape:
        text = "random_bits: key and start differ in shape"
        raise ShapeError(f"{text}: {key!r} and {start!r}")
    return ArrayType(U64, (*key.shape, *shape))


# --- the words of 64-bit numbers, for arrays ------------------------------------


def _words(x: Any, ndim: int) -> tuple[Any, Any]:
    """The low and the high word, with `ndim` further axes and at least one."""
    wide = np.reshape(x, (*np.shape(x), *[1] * ndim) or (1,))
    return wide.astype(U32), (wide >> 32).astype(U32)


def _random_bits(key: Any, start: Any, *, shape: tuple[int, ...]) -> Any:
    counters = np.arange(math.prod(shape), dtype=U64).reshape(shape or (1,))
    k0, k1 = _words(key, len(shape))
    s0, s1 = _words(start, len(shape))
    c0, c1 = _words(counters, 0)
    x0, x1 = threefry(k0, k1, s0 + c0, s1 + c1)
    bits = x0.astype(U64) | (x1.astype(U64) << 32)
    return bits.reshape((*np.shape(key), *shape))


# --- and for one element ----------------------------------------------------------


def _emit(k: Any, op: Any, index: Any) -> Any:
    shape = op.attr("shape")
    outer = len(index) - len(shape)
    key, start = (k.read(i, index[:outer]) for i in range(2))
    place = 0
    for n, i in zip(shape, index[outer:], strict=True):
        place = place * n + i
    k0, k1 = k.cast(key, U32), k.cast(key >> 32, U32)
    x0, x1 = k.cast(start, U32), k.cast(start >> 32, U32)
    if shape:
        counter = place.lower(k.b)  # type: ignore[attr-defined]
        x0 = x0 + k.cast(counter, U32)
        if math.prod(shape) >> 32:
            x1 = x1 + k.cast(counter >> 32, U32)
    x0, x1 = threefry(k0, k1, x0, x1)
    return k.cast(x0, U64) | (k.cast(x1, U64) << 32)


def _batch(batch: Batch, *args: Any, shape: tuple[int, ...]) -> Any:
    return random_bits(*batch.spread_all(*args), shape=shape)


def _samples(rng: np.random.Generator) -> list[Sample]:
    def draw(*shape: int) -> Any:
        return rng.integers(0, 1 << 64, shape, np.uint64, endpoint=False)

    one, many = (draw(), draw()), (draw(3), draw(3))
    shapes = ((), (5,), (2, 3), (0, 3))
    found = [Sample(one, {"shape": shape}) for shape in shapes]
    return [*found, Sample(many, {"shape": (2, 4)}), Sample(many, {"shape": ()})]


random_bits = primitive(
    name="random_bits",
    doc="64 random bits per element of `shape`: the counters from `start` on, "
    "encrypted with `key`; its 32-bit words are counted up without a carry.",
    reference=_random_bits,
    type_rule=_type,
    vjp=None,
    lower=Index(_emit, INSTRUCTIONS),
    samples=_samples,
    batch=_batch,
)
