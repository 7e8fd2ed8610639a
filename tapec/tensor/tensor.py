"""The class `Tensor`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.errors import TraceError, UnsupportedError, at
from tapec.ir import ArrayType, Value
from tapec.operators import PLAIN, Operators, looked
from tapec.recording import Array, Recording, locate, state
from tapec.tensor.kinds import Weak, ordinary

__all__ = ["Tensor"]


class Tensor(Operators):
    """An n-dimensional array whose history is known.

    Made by `tapec.constant`, by operations on tensors, and by the arguments of a traced
    function. `shape`, `dtype`, `ndim`, `size` are always known; the numbers are
    computed when somebody looks (`numpy`, `item`, `print`, `bool`, `float`).

    >>> import numpy as np, tapec
    >>> x = tapec.constant([1.0, 2.0])
    >>> y = np.sum(x * x)
    >>> y.shape, y.item()
    ((), 5.0)
    """

    __slots__ = ("__weakref__", "kind", "known", "rec", "value")

    def __init__(
        self, rec: Recording | None, value: Any, kind: Any, known: Array | None = None
    ) -> None:
        self.rec = rec
        self.value: Value = value
        self.kind = kind
        self.known = known

    @classmethod
    def holding(cls, array: Any) -> Tensor:
        """A tensor outside any recording."""
        a = np.asarray(ordinary(array))
        return cls(None, None, ArrayType(a.dtype, a.shape), a)

    # what is always known

    @property
    def type(self) -> ArrayType:
        return self.kind.type if type(self.kind) is Weak else self.kind

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype; that of a Python number is weak, as in NumPy."""
        return self.type.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents; under `dynamic=True` some are symbols."""
        return self.type.shape

    # numbers

    @property
    def array(self) -> Array:
        """The numbers; computed now if they are not yet known."""
        if self.known is not None:
            return self.known
        rec = self.rec
        if rec is not None:
            with rec.lock:  # another thread may be computing it
                if self.known is None:
                    return self._computed(rec)
        if self.known is None:
            raise TraceError("this tensor has no value")
        return self.known

    def _computed(self, rec: Recording) -> Array:
        value = self.value
        found = rec.flush([value])
        if not rec.is_trace and self.known is None:
            self.settle(found[value])
        if rec.closed:
            self.rec = self.value = None  # type: ignore[assignment]
        return found[value]

    def settle(self, array: Any) -> None:
        """From now on the tensor holds `array`."""
        array.setflags(False)  # write
        self.known = array

    def numpy(self) -> Array:
        """The numbers as a read-only NumPy array. Gradients do not pass through it."""
        looked(self, ".numpy()")
        view = self.array.view()
        view.flags.writeable = False
        return view

    def item(self) -> Any:
        """The single number as a Python scalar. Gradients do not pass through it."""
        looked(self, ".item()")
        return self.array.item()

    def __reduce__(self) -> tuple[Any, ...]:
        looked(self, "pickle")
        return Tensor.holding, (np.array(self.array),)

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    # assignment

    def __setitem__(self, key: Any, value: Any) -> None:
        """`x[key] = value`: `x` is another value afterwards.

        Functional underneath: what was computed from `x` before keeps the old value,
        and no other tensor or array changes with it, as NumPy's views would.
        """
        from tapec.numpy.indexing import setitem

        rec = state.recording
        if rec is not None and rec.is_trace and self.rec is not rec:
            text = (
                "x[...] = v would change a tensor outside of the traced function; "
                "assign to a copy (x = x.copy()), or use a Variable"
            )
            raise at(UnsupportedError(text), locate(rec.stop))
        after = setitem(self, key, value)
        self.rec, self.value = after.rec, after.value
        self.kind, self.known = after.kind, after.known
        if self.rec is not None:
            self.rec.track(self)

    # NumPy's protocols, attached by `dispatch`, which stands above

    __array_priority__ = 1000
    __array_ufunc__: Any
    __array_function__: Any


PLAIN.add(Tensor)
