"""Arrays for the parameters: ordinary and special numbers, in any memory layout."""

import numpy as np

__all__ = ["DTYPES", "LAYOUTS", "drawn_array", "drawn_shape", "laid_out", "plain"]

DTYPES = ("f8",) * 12 + ("f4",) * 4 + ("f2", "f2", "c16", "c16", "c8", "i8", "i8", "i4")
DTYPES += ("i1", "i2", "u1", "u2", "u4", "u8", "?")
EXTENTS = (1, 2, 3, 3, 4, 5, 8, 17)
SPECIAL = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, np.inf, -np.inf, np.nan, 1e-300, 1e30)
MOST = 600
"""Elements of an array."""


def drawn_shape(c):
    """Of up to three axes; one in twelve is empty."""
    shape = [c.pick(EXTENTS) for _ in range(c.integer(0, 3))]
    if shape and c.flag(0.08):
        shape[c.integer(0, len(shape) - 1)] = 0
    while np.prod(shape) > MOST:
        shape.pop()
    return tuple(shape)


def drawn_array(c, dtype, shape, special=False):
    """Numbers of about one; `special`: some of them zeros, ones, ties, inf and nan."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return c.rng.integers(0, 2, shape).astype(dtype).reshape(shape)
    if dtype.kind in "iu":
        low = 0 if dtype.kind == "u" else -4
        return np.asarray(c.rng.integers(low, 6, shape)).astype(dtype)
    x = np.asarray(c.rng.normal(size=shape))
    if dtype.kind == "c":
        x = x + 1j * c.rng.normal(size=shape)
    if special:
        count = len(SPECIAL) if c.flag(0.5) else 6
        chosen = c.rng.choice(SPECIAL[:count], shape)
        x = np.where(c.rng.random(shape) < 0.4, chosen, x)
    with np.errstate(all="ignore"):
        return np.asarray(x).astype(dtype)


# --- layouts ------------------------------------------------------------------------


def _strided(a):
    big = np.empty(tuple(2 * n + 1 for n in a.shape), a.dtype)
    view = big[tuple(slice(1, None, 2) for _ in a.shape)]
    view[...] = a
    return view


def _backwards(a):
    whole = (slice(None, None, -1),) * a.ndim
    return np.ascontiguousarray(a[whole])[whole]


def _unaligned(a):
    raw = np.empty(a.nbytes + 1, np.uint8)
    view = raw[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def _read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def _broadcast(a):
    """With stride 0 along axes where all is equal; the first index stands for all."""
    if a.size == 0:
        return a
    return np.broadcast_to(a[:1], a.shape)


def _transposed(a):
    axes = tuple(range(a.ndim))[::-1]
    return np.ascontiguousarray(a.transpose(axes)).transpose(axes)


LAYOUTS = {
    "plain": np.ascontiguousarray,
    "fortran": np.asfortranarray,
    "transposed": _transposed,
    "strided": _strided,
    "backwards": _backwards,
    "unaligned": _unaligned,
    "read only": _read_only,
    "broadcast": _broadcast,
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
}


def laid_out(a, name):
    """The numbers of `a` (but for `broadcast`, which repeats some) in this layout."""
    a = np.array(a)
    if a.ndim == 0 and name not in ("unaligned", "read only", "byte-swapped"):
        return a
    return LAYOUTS[name](a)


def plain(a):
    """A contiguous copy in the machine's byte order."""
    return np.array(a, np.asarray(a).dtype.newbyteorder("="), order="C")
