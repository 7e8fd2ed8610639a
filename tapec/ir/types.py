"""Types of values, and constants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from tapec.ir.dim import Dim

__all__ = [
    "DTYPES",
    "DTYPE_NAMES",
    "ArrayType",
    "Attrs",
    "Constant",
    "TupleType",
    "Type",
]

DTYPE_NAMES: Mapping[np.dtype[Any], str] = {
    np.dtype(np.bool_): "bool",
    **{np.dtype(f"i{n}"): f"i{8 * n}" for n in (1, 2, 4, 8)},
    **{np.dtype(f"u{n}"): f"u{8 * n}" for n in (1, 2, 4, 8)},
    **{np.dtype(f"f{n}"): f"f{8 * n}" for n in (2, 4, 8)},
    **{np.dtype(f"c{n}"): f"c{8 * n}" for n in (8, 16)},
}
DTYPES: Mapping[str, np.dtype[Any]] = {name: dt for dt, name in DTYPE_NAMES.items()}


class ArrayType:
    """Dtype and shape of an array value. Interned: equal types are one object."""

    __slots__ = ("dtype", "shape")
    _interned: ClassVar[dict[tuple[Any, ...], ArrayType]] = {}

    dtype: np.dtype[Any]
    shape: tuple[Any, ...]

    def __new__(cls, dtype: Any, shape: Iterable[Any] = ()) -> ArrayType:
        key = (dtype, shape if type(shape) is tuple else tuple(shape))
        found = cls._interned.get(key)
        if found is None:
            found = cls._intern(np.dtype(dtype), key[1])
            cls._interned[key] = found
        return found

    @classmethod
    def _intern(cls, dtype: np.dtype[Any], shape: tuple[Any, ...]) -> ArrayType:
        dtype = dtype.newbyteorder("=")
        if dtype not in DTYPE_NAMES:
            raise TypeError(f"arrays of dtype {dtype} cannot be traced")
        dtype = np.dtype(dtype.type)  # NumPy's own object: compiled code compares it
        shape = tuple(d if isinstance(d, Dim) else int(d) for d in shape)
        found = cls._interned.get((dtype, shape))
        if found is None:
            found = object.__new__(cls)
            found.dtype, found.shape = dtype, shape
            cls._interned[dtype, shape] = found
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrayType, (self.dtype, self.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements; needs a static shape."""
        n = 1
        for d in self.shape:
            n *= d
        return n

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __repr__(self) -> str:
        return f"{DTYPE_NAMES[self.dtype]}[{','.join(map(str, self.shape))}]"


class TupleType(NamedTuple):
    """The type of an op with several results, read one by one through `item`."""

    items: tuple[ArrayType, ...]

    def __repr__(self) -> str:
        return f"({', '.join(map(repr, self.items))})"


Type = ArrayType | TupleType
Attrs = tuple[tuple[str, Any], ...]


SAMPLE = 64
"""Elements of a constant that its hash depends on."""


class Constant:
    """An array used as an attribute: equal when dtype, shape and bytes are equal.

    Python's `1 == True` and `0.0 == -0.0` must not merge constants, and nan must equal
    itself, hence the comparison by bytes.
    """

    __slots__ = ("_hash", "array")

    def __init__(self, array: Any) -> None:
        native = np.asarray(array)
        if not native.dtype.isnative:
            native = native.astype(native.dtype.newbyteorder("="))
        self.array: np.ndarray[Any, Any] = native.view()
        self.array.flags.writeable = False
        self._hash: int | None = None

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Constant) or hash(self) != hash(other):
            return False
        a, b = self.array, other.array
        same = a.dtype.str == b.dtype.str and a.shape == b.shape
        return same and a.tobytes() == b.tobytes()

    def __hash__(self) -> int:
        """Of some of the elements: a large array is read only when it is compared."""
        if self._hash is None:
            a = self.array
            some = a.flat[:: 1 + a.size // SAMPLE].tobytes()
            self._hash = hash((a.dtype.str, a.shape, some))
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return Constant, (np.array(self.array),)

    def __repr__(self) -> str:
        return f"Constant({self.array!r})"
