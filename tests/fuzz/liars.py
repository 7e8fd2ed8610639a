"""Arguments: odd arrays, subclasses, and objects that lie about what they are."""

from __future__ import annotations

import contextlib
import enum
import gc

import numpy as np

import tapec

__all__ = ["LIARS"]

KEPT = np.arange(6.0)


class Sub(np.ndarray):
    """A subclass of ndarray."""


class Deaf(np.ndarray):
    """One that takes part in nothing."""

    __array_ufunc__ = None


class Loud(np.ndarray):
    """One whose protocol raises, and which lies about its shape."""

    shape = property(lambda self: (10**9, 10**9), lambda self, value: None)

    def __array_finalize__(self, obj):
        """Nothing."""

    def __array_function__(self, func, types, args, kwargs):
        """Never."""
        raise RuntimeError("loud")


class Float(float):
    """A float that says it is another."""

    def __float__(self):
        return 99.0

    def __mul__(self, other):
        return "no number"

    def __eq__(self, other):
        raise RuntimeError("no comparison")

    __hash__ = None


class Int(int):
    """An int with an index of its own."""

    def __index__(self):
        raise RuntimeError("no index")


class Dict(dict):
    """A dict whose items are others."""

    def items(self):
        """Lies."""
        return [("a", 1.0), ("z", 2.0)]

    def __getitem__(self, key):
        gc.collect()
        return 5.0

    def __len__(self):
        return 7


class List(list):
    """A list that ends early, or never."""

    def __len__(self):
        return 10**6

    def __iter__(self):
        self.clear()
        return iter([1.0])


class Str(str):
    """A key that changes its hash."""

    count = 0

    def __hash__(self):
        Str.count += 1
        return Str.count

    def __eq__(self, other):
        return bool(Str.count % 2)


class Shapes:
    """Not an array; every protocol lies."""

    shape = (3, -1)
    dtype = "no dtype"
    ndim = 10**6
    size = -5
    count = 0

    @property
    def __array_interface__(self):
        """Another one each time; those that point nowhere would crash NumPy too."""
        Shapes.count += 1
        good = np.arange(6.0).__array_interface__
        return (
            {**good, "shape": (-3,)}, {**good, "typestr": "<q9"}, {**good, "shape": 3},
            {"shape": (2,), "typestr": "<f8", "version": 3}, {}, "text",
            {**good, "strides": (1, 2, 3)},
            {**KEPT.__array_interface__, "shape": (2, 1)},
        )[Shapes.count % 8]  # fmt: skip

    def __len__(self):
        return 2**62


class Raises:
    """An array protocol that fails."""

    def __array__(self, dtype=None, copy=None):
        raise ZeroDivisionError("no array")


class Wrong:
    """An array protocol that gives something else each time."""

    count = 0

    def __array__(self, dtype=None, copy=None):
        Wrong.count += 1
        gc.collect()
        return np.ones((Wrong.count % 3 + 1,) * (Wrong.count % 4))

    def __float__(self):
        Wrong.count += 1
        return "text" if Wrong.count % 2 else 1.5


class Changing:
    """Empties a list when it is asked for its value."""

    def __init__(self, box):
        self.box = box

    def __array__(self, dtype=None, copy=None):
        self.box.clear()
        return np.arange(3.0)

    def __float__(self):
        self.box.clear()
        return 1.0

    def __eq__(self, other):
        self.box.clear()
        return True

    __hash__ = object.__hash__


class Reenters:
    """Calls a compiled function while it is being read."""

    def __float__(self):
        return float(tapec.jit(lambda x: x + 1.0)(1.0))

    def __array__(self, dtype=None, copy=None):
        return np.asarray(tapec.jit(lambda x: x + 1.0)(np.arange(3.0)))


class Bare:
    """Without attributes, and without the methods that others have."""

    __slots__ = ()

    def __getattribute__(self, name):
        raise AttributeError(name)


class Colour(enum.Enum):
    """An enumeration."""

    RED = 1


def _box(make):
    def made(r):
        box = [np.arange(3.0), 1.0, None]
        box[2] = make(box)
        return r.choice((box, box[2], {"a": box[2], "b": box}))

    return made


def _strides(r):
    base = np.zeros(64)
    strides = r.choice(((8,), (-8,), (0,), (16,), (3,), (-1,)))
    low = 32 if strides[0] < 0 else 0
    return np.lib.stride_tricks.as_strided(base[low:], (r.randrange(4),), strides)


def _deep(r):
    tree = np.ones(2)
    for _ in range(r.choice((3, 60, 5000))):
        tree = r.choice(([tree], (tree,), {"k": tree}))
    return tree


def _itself(r):
    box = []
    box.append(box)
    return r.choice((box, {"a": box, "b": box}))


def _gone(r):
    a = np.arange(4.0)
    view = memoryview(a)
    with contextlib.suppress(ValueError, BufferError):
        a.resize(r.randrange(8), refcheck=False)
    view.release()
    return a


def _record(r):
    return np.zeros(3, [("x", "f8"), ("y", "i4")])


LIARS = (
    lambda r: np.arange(3.0).view(Sub), lambda r: np.ones((2, 2)).view(Deaf),
    lambda r: np.ones((2, 3)).view(Loud),
    lambda r: np.ma.masked_array([1.0, 2.0], [0, 1]), lambda r: np.matrix([[1.0, 2.0]]),
    lambda r: Float(2.0), lambda r: Int(3), lambda r: Dict(a=np.ones(3), b=1.0),
    lambda r: List([np.ones(3), 2.0, 3.0]),
    lambda r: {Str("a"): np.ones(3), Str("b"): 1.0}, lambda r: Shapes(),
    lambda r: Raises(), lambda r: Wrong(), lambda r: Reenters(), lambda r: Bare(),
    _box(Changing), _strides, _deep, _itself, _gone, _record, lambda r: Colour.RED,
    lambda r: np.broadcast_to(np.float64(1.5), (2, 2)), lambda r: np.zeros((0, 3)),
    lambda r: np.zeros((3, 2**31 + 5, 0)), lambda r: np.zeros((1,) * 40),
    lambda r: np.array(["a", "b"]), lambda r: np.array([1.0, None], object),
    lambda r: np.array("2020-01-01", "M8[D]"), lambda r: np.longdouble(1.5),
    lambda r: np.arange(3.0).astype(">f8"),
    lambda r: np.frombuffer(b"x" * 25, "f8", 3, 1),
    lambda r: np.arange(6.0, dtype="f2").reshape(2, 3),
    lambda r: np.arange(3, dtype="u8"), lambda r: np.array([True, False]),
    lambda r: np.arange(3.0)[::-1], lambda r: np.asfortranarray(np.ones((2, 3))),
    lambda r: np.ones((2, 3)) * 1j, lambda r: 2**70, lambda r: -(2**63),
    lambda r: 10**400, lambda r: float("nan"), lambda r: 1e308 * 10, lambda r: 3 + 4j,
    lambda r: True, lambda r: None, lambda r: "text", lambda r: b"bytes",
    lambda r: "\ud800", lambda r: ..., lambda r: slice(3), lambda r: range(3),
    lambda r: {1, 2}, lambda r: iter([1.0]), lambda r: object(), lambda r: type,
    lambda r: np.float64, lambda r: len, lambda r: np, lambda r: np.nan,
    lambda r: tapec.Variable(2.0), lambda r: tapec.constant([1.0, 2.0]),
    lambda r: np.float64(2.5), lambda r: np.int8(-3), lambda r: np.bool_(True),
    lambda r: np.array(2.5), lambda r: bytearray(8), lambda r: memoryview(b"12345678"),
)  # fmt: skip
