"""Keys, keys made from keys, and the bits that every draw is made of."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from tapec import containers
from tapec.errors import DTypeError, ShapeError
from tapec.numpy.support import here, integers
from tapec.operators import Operators
from tapec.ops.cast import cast
from tapec.ops.random import U64, random_bits
from tapec.recording import state
from tapec.tensor import Tensor, as_tensor

__all__ = ["bits", "draw", "fold_in", "key", "like_arguments", "shape_of", "split"]

F = TypeVar("F", bound=Callable[..., Any])

# Where the counters of each use begin, so that no two of them encrypt the same.
DRAWN = np.uint64(0)
FOLDED = 1 << 62
SPLIT = np.uint64(1 << 63)


def like_arguments(f: F) -> F:
    """Let `f` return arrays where it is given no tensor and nothing is recorded."""

    @functools.wraps(f)
    def called(*args: Any, **kw: Any) -> Any:
        out = f(*args, **kw)
        if state.recording is not None or type(out) is not Tensor:
            return out
        leaves, _ = containers.flatten((args, kw))
        return out if any(isinstance(x, Operators) for x in leaves) else out.array[()]

    return called  # type: ignore[return-value]


@like_arguments
def key(seed: Any) -> Any:
    """The key of a seed, an integer: one uint64, also if `seed` is traced.

    TypeError for anything but an integer scalar; ValueError for more than 64 bits.

    >>> import tapec
    >>> tapec.random.key(7).dtype
    dtype('uint64')
    """
    if isinstance(seed, int):
        if not -(1 << 63) <= seed < 1 << 64:
            raise ValueError(f"key: the seed {seed} has more than 64 bits")
        return as_tensor(np.uint64(seed % (1 << 64)))
    return _integer("key: the seed", seed)


@like_arguments
def split(key: Any, n: int = 2) -> Any:
    """`n` new keys, an array of uint64 to be unpacked or iterated over.

    The key itself is not to be used again.

    >>> import tapec
    >>> a, b = tapec.random.split(tapec.random.key(0))
    >>> bool(a == b)
    False
    """
    return random_bits(_checked("split", key), SPLIT, shape=(operator.index(n),))


@like_arguments
def fold_in(key: Any, data: Any) -> Any:
    """The key for the `data`-th use of `key`: a step, a layer; an integer scalar.

    `data` may be traced. Its lower 62 bits count.

    >>> import tapec
    >>> step = tapec.jit(lambda key, i: tapec.random.fold_in(key, i))
    >>> key = tapec.random.key(0)
    >>> bool(step(key, 3) == tapec.random.fold_in(key, 3))
    True
    """
    number = data % FOLDED if isinstance(data, int) else data
    number = _integer("fold_in: data", number)
    start = number % np.uint64(FOLDED) + np.uint64(FOLDED)
    return random_bits(_checked("fold_in", key), start, shape=())


@like_arguments
def bits(key: Any, shape: Any = (), dtype: Any = np.uint64) -> Any:
    """Uniformly distributed unsigned integers of all the bits of `dtype`.

    DTypeError for a dtype that is not unsigned.

    >>> import numpy as np, tapec
    >>> tapec.random.bits(tapec.random.key(0), (2, 3), np.uint8).shape
    (2, 3)
    """
    dtype = np.dtype(dtype)
    if dtype.kind != "u":
        raise here(DTypeError(f"bits: {dtype} is no unsigned integer"))
    return cast(draw("bits", key, shape, 8 * dtype.itemsize), dtype=dtype)


def draw(name: str, key: Any, shape: Any, width: int = 64) -> Any:
    """`width` random bits per element, as uint64; for the function `name`."""
    found = random_bits(_checked(name, key), DRAWN, shape=integers(shape))
    return found if width == 64 else np.right_shift(found, np.uint64(64 - width))


def shape_of(shape: Any, *parameters: Any) -> tuple[int, ...]:
    """The shape asked for; without one the common shape of the parameters."""
    if shape is not None:
        return integers(shape)
    return np.broadcast_shapes(*map(np.shape, parameters))


def _integer(what: str, x: Any) -> Any:
    t = as_tensor(x)
    if t.dtype.kind not in "biu" or t.shape:
        raise here(DTypeError(f"{what} must be one integer, not {t.type!r}"))
    return t if t.dtype == U64 else cast(t, dtype=U64)


def _checked(name: str, key: Any) -> Tensor:
    if not hasattr(key, "dtype") or key.dtype != U64:
        text = f"{name}: a key is made by tapec.random.key(seed), split or fold_in"
        raise here(DTypeError(f"{text}, not {_described(key)}"))
    if np.shape(key):
        text = f"{name}: one key is wanted, not an array of shape {np.shape(key)}"
        raise here(ShapeError(f"{text}; use tapec.vmap for several"))
    return as_tensor(key)


def _described(x: Any) -> str:
    return f"an array of {x.dtype}" if hasattr(x, "dtype") else type(x).__name__
