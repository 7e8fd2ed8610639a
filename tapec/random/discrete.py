"""Random integers, truth values, choices and orders."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from tapec.errors import DTypeError, ShapeError
from tapec.numpy.support import axis_of, here, integers
from tapec.ops.cast import cast
from tapec.random.continuous import gumbel, uniform
from tapec.random.keys import bits, draw, like_arguments, shape_of
from tapec.tensor import as_tensor

__all__ = ["bernoulli", "categorical", "choice", "permutation", "randint"]

U64 = np.dtype(np.uint64)
WORD = (1 << 32) - 1


@like_arguments
def randint(
    key: Any, low: Any, high: Any, shape: Any = None, dtype: Any = np.int64
) -> Any:
    """Integers of `low <= x < high`, all equally probable up to 1 part in 2**64.

    shape: of the result; without it that of the bounds, which are integers and may be
    traced arrays.

    ValueError for bounds that are Python's and leave nothing; DTypeError for a `dtype`
    or bounds that are not integers.

    >>> import numpy as np, tapec
    >>> np.unique(tapec.random.randint(tapec.random.key(0), 3, 6, (100,)))
    array([3, 4, 5])
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "iu":
        raise here(DTypeError(f"randint: {dtype} is no integer dtype"))
    shape = shape_of(shape, low, high)
    extent = _extent(low, high)
    inside = _high_word(draw("randint", key, shape), extent)
    found = cast(inside + _wrapped(low), dtype=dtype)
    if found.shape != shape:
        text = f"randint: bounds of a result of shape {found.shape} for shape={shape}"
        raise here(ShapeError(text))
    return found


def _extent(low: Any, high: Any) -> Any:
    """How many integers there are; a Python integer if the bounds are."""
    if not isinstance(low, int) or not isinstance(high, int):
        return _wrapped(high) - _wrapped(low)
    if not 0 < high - low < 1 << 64:
        raise ValueError(f"randint: no integer between low={low} and high={high}")
    return high - low


def _wrapped(x: Any) -> Any:
    """A bound as uint64, where differences and sums wrap around."""
    if isinstance(x, int):
        return np.uint64(x % (1 << 64))
    t = as_tensor(x)
    if t.dtype.kind not in "biu":
        raise here(DTypeError(f"randint: bounds are integers, not {t.dtype}"))
    return cast(t, dtype=U64)


def _high_word(x: Any, n: Any) -> Any:
    """x * n >> 64 without a wider type, for uint64."""
    low, high = x & WORD, x >> 32
    if isinstance(n, int) and n <= WORD:
        return (high * n + ((low * n) >> 32)) >> 32
    n = as_tensor(np.uint64(n)) if isinstance(n, int) else n
    n_low, n_high = n & WORD, n >> 32
    middle = high * n_low + ((low * n_low) >> 32)
    other = low * n_high + (middle & WORD)
    return high * n_high + (middle >> 32) + (other >> 32)


@like_arguments
def bernoulli(key: Any, p: Any = 0.5, shape: Any = None) -> Any:
    """Truth values, true with probability `p`.

    shape: of the result; without it that of `p`. Not differentiable.

    >>> import tapec
    >>> keep = tapec.random.bernoulli(tapec.random.key(0), 0.9, (1000,))
    >>> 850 < int(keep.sum()) < 950
    True
    """
    shape = shape_of(shape, p)
    found = uniform(key, shape) < p
    if np.shape(found) != shape:
        raise here(ShapeError(f"bernoulli: p of shape {np.shape(p)}, shape={shape}"))
    return as_tensor(found)


@like_arguments
def categorical(key: Any, logits: Any, axis: int = -1, shape: Any = None) -> Any:
    """Positions along `axis`, with probabilities `softmax(logits, axis)`.

    shape: of the result, an array of int64; its last axes are the others of `logits`.
    Without it there is one position per slice.

    >>> import numpy as np, tapec
    >>> int(tapec.random.categorical(tapec.random.key(0), np.array([0.0, -np.inf])))
    0
    """
    x: Any = as_tensor(logits)
    x = np.moveaxis(x, axis_of(axis, x.ndim), -1)
    wanted = x.shape[:-1] if shape is None else integers(shape)
    if wanted[len(wanted) - (x.ndim - 1) :] != x.shape[:-1]:
        text = f"categorical: shape={wanted} does not end in {x.shape[:-1]}"
        raise here(ShapeError(text))
    dtype = x.dtype if x.dtype.kind == "f" else np.float64
    noise = gumbel(key, (*wanted, x.shape[-1]), dtype=dtype)
    return np.argmax(as_tensor(noise) + x, axis=-1)


@like_arguments
def permutation(key: Any, x: Any, axis: int = 0) -> Any:
    """The entries of `x` along `axis` in random order; of an integer, `range(x)`.

    >>> import numpy as np, tapec
    >>> np.sort(tapec.random.permutation(tapec.random.key(0), 5))
    array([0, 1, 2, 3, 4])
    """
    if isinstance(x, (int, np.integer)):
        return _order(key, operator.index(x))
    t = as_tensor(x)
    axis = axis_of(axis, t.ndim)
    return np.take(t, _order(key, t.shape[axis]), axis=axis)


def _order(key: Any, n: int) -> Any:
    return np.argsort(as_tensor(bits(key, (n,))), kind="stable")


@like_arguments
def choice(
    key: Any, a: Any, shape: Any = (), replace: bool = True, p: Any = None
) -> Any:
    """Entries of `a` along its first axis, or of `range(a)`, at random.

    shape: how many. replace: whether an entry may come more than once. p: probabilities
    of the entries, which sum to 1; without it all are equal. Differentiable in `a`.

    ValueError when more entries are wanted without replacement than there are.

    >>> import numpy as np, tapec
    >>> np.sort(tapec.random.choice(tapec.random.key(0), 3, (3,), replace=False))
    array([0, 1, 2])
    """
    whole = isinstance(a, (int, np.integer))
    n = operator.index(a) if whole else np.shape(a)[0]
    shape = integers(shape)
    places = _drawn if replace else _different
    found = np.reshape(as_tensor(places(key, n, math.prod(shape), p)), shape)
    return found if whole else np.take(as_tensor(a), found, axis=0)


def _drawn(key: Any, n: int, count: int, p: Any) -> Any:
    if p is None:
        return randint(key, 0, n, (count,))
    total = np.cumsum(as_tensor(p))
    u = as_tensor(uniform(key, (count,))) * total[-1]
    return np.minimum(np.searchsorted(total, u, side="right"), n - 1)


def _different(key: Any, n: int, count: int, p: Any) -> Any:
    if count > n:
        raise ValueError(f"choice: {count} entries of {n} without replacement")
    if p is None:
        return as_tensor(permutation(key, n))[:count]
    # The largest of log p + Gumbel noise: drawn one after the other, without repeats.
    with np.errstate(divide="ignore"):
        weights = np.log(as_tensor(p)) + as_tensor(gumbel(key, (n,)))
    return np.argsort(-weights, kind="stable")[:count]
