"""Variables: tensors whose value changes between steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tapec.errors import ShapeError
from tapec.ir import ArrayType
from tapec.locks import waited_for
from tapec.operators import PLAIN, Operators, looked
from tapec.ops.cast import stop_gradient
from tapec.recording import Array, Recording, Trace, isolated, state
from tapec.tensor import Tensor, array_function, array_ufunc, as_tensor, ordinary

__all__ = ["Variable", "commit", "commit_fresh", "constant"]

_commit_lock = waited_for()
_ndarray, _add, _subtract = np.ndarray, np.add, np.subtract


def constant(value: Any, dtype: Any = None, shape: Any = None) -> Tensor:
    """A tensor that holds a copy of `value`.

    value: array, number, nested list, or tensor. dtype: NumPy dtype, default that of
    `value`. shape: shape to broadcast to, default that of `value`.

    >>> import tapec
    >>> tapec.constant([1.0, 2.0]).shape
    (2,)
    """
    with isolated():
        raw = value.array if isinstance(value, Operators) else ordinary(value)
        array = np.array(raw, dtype)
        if shape is not None:
            array = np.broadcast_to(array, shape).copy()
    array.flags.writeable = False
    return Tensor.holding(array)


class Variable(Operators):
    """An array that optimizers change.

    A tape or a traced function reads the value of the moment; `assign` replaces the
    array and never writes into one that was read, so gradients of what was read stay
    right. Inside a compiled function assigns take effect once per call, together, after
    it has succeeded.

    initial: array, number or nested list (copied). trainable: whether tapes watch it by
    themselves.

    >>> import tapec
    >>> w = tapec.Variable([1.0, 2.0])
    >>> w.assign_sub([0.5, 0.5])
    variable([0.5, 1.5], dtype=float64)
    """

    __slots__ = ("__weakref__", "_array", "name", "trainable", "type")

    def __init__(
        self, initial: Any, trainable: bool = True, name: str = "", dtype: Any = None
    ) -> None:
        self._array: Array = constant(initial, dtype).array
        self.type = ArrayType(self._array.dtype, self._array.shape)
        self.name = name
        self.trainable = trainable

    @property
    def array(self) -> Array:
        """The current numbers (those assigned by a running trace included)."""
        t = None if state.recording is None else self._assigned()
        return self._array if t is None else t.array

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype, which assignments keep."""
        return self.type.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, which assignments keep."""
        return self.type.shape

    def numpy(self) -> Array:
        """The current numbers, read-only. Gradients do not pass through it."""
        if state.recording is None:
            return self._array.view()
        looked(self, ".numpy()")
        return self.array.view()

    def item(self) -> Any:
        """The single number as a Python scalar. Gradients do not pass through it."""
        looked(self, ".item()")
        return self.array.item()

    def value(self) -> Tensor:
        """The current value as a tensor on this thread's tape."""
        return self.read()

    read_value = value

    def read(self) -> Tensor:
        """The current value, recorded as read."""
        rec = state.recording
        if rec is None:
            return Tensor.holding(self._array.view())
        if rec.is_trace:
            return self._read_in_trace(rec)
        array = self._array
        leaf = rec.leaf(array, array, self.name)
        rec.reads.append((rec._uid, self, leaf))
        out = Tensor(rec, leaf, self.type, array)
        rec.track(out)
        return out

    def _read_in_trace(self, rec: Recording) -> Tensor:
        assigned = self._assigned()
        if assigned is not None:
            if assigned.rec is rec:
                rec.reads.append((rec.position, self, assigned.value))
            return assigned
        leaf = rec.leaf(self, self._array, self.name)
        rec.reads.append((rec.position, self, leaf))
        return Tensor(rec, leaf, self.type)

    def _assigned(self) -> Tensor | None:
        rec = state.recording
        if isinstance(rec, Trace):
            found = rec.assigned.get(id(self))
            return None if found is None else found[1]
        return None

    def assign(self, value: Any) -> Variable:
        """Replace the value. Shape must agree; the dtype is kept."""
        rec = state.recording
        if isinstance(rec, Trace):
            t = as_tensor(value)
            self._fits(t.shape)
            t = t if t.dtype == self.dtype else t.astype(self.dtype)
            t = stop_gradient(t)  # what is read from now on is another source
            rec.assigned[id(self)] = (self, t)
            return self
        raw = value.array if isinstance(value, Operators) else value
        with _commit_lock:
            self._replace(np.array(raw, self.dtype))
        return self

    def _replace(self, array: Any) -> None:
        if array.shape != self.type.shape:
            self._fits(array.shape)
        array.setflags(False)  # write
        self._array = array

    def _fits(self, shape: tuple[int, ...]) -> None:
        if shape != self.type.shape:
            raise ShapeError(
                f"assign: variable {self.type!r} cannot hold shape {shape}"
            )

    def assign_add(self, delta: Any) -> Variable:
        """`assign(self + delta)`."""
        return _updated(self, _add, delta)

    def assign_sub(self, delta: Any) -> Variable:
        """`assign(self - delta)`."""
        return _updated(self, _subtract, delta)

    # NumPy's protocols

    __array_priority__ = 1000

    __array_ufunc__ = array_ufunc
    __array_function__ = array_function

    def __setitem__(self, index: Any, value: Any) -> None:
        from tapec.numpy.indexing import setitem

        self.assign(setitem(self.read(), index, value))

    def scatter_update(self, index: Any, value: Any) -> Variable:
        """`self[index] = value`."""
        self[index] = value
        return self

    def scatter_add(self, index: Any, value: Any) -> Variable:
        """Add `value` at `index`; repeated indices accumulate."""
        return self.assign_add(self._scattered(index, value))

    def scatter_sub(self, index: Any, value: Any) -> Variable:
        """Subtract `value` at `index`; repeated indices accumulate."""
        return self.assign_sub(self._scattered(index, value))

    def _scattered(self, index: Any, value: Any) -> Tensor:
        """Zeros with `value` added at `index`: the cotangent of reading there."""
        from tapec.numpy.indexing import getitem
        from tapec.ops.gather import scatter_add

        places = getitem(np.arange(self.size).reshape(self.shape), index)
        filled = np.broadcast_to(as_tensor(value), places.shape)
        part = np.ravel(as_tensor(filled).astype(self.dtype))
        flat = scatter_add(part, np.ravel(places), shape=(self.size,), axis=0)
        return as_tensor(np.reshape(flat, self.shape))


PLAIN.add(Variable)


def _updated(v: Variable, ufunc: np.ufunc, delta: Any) -> Variable:
    rec = state.recording
    if rec is not None and rec.is_trace:
        return v.assign(ufunc(v.read(), delta))
    raw = delta.known if type(delta) is Tensor else delta
    if type(raw) is not _ndarray and (raw is None or isinstance(raw, Operators)):
        raw = delta.array
    with _commit_lock:  # two threads that add both count
        array = ufunc(v._array, raw)
        type_ = v.type
        if type(array) is not _ndarray or array.dtype is not type_.dtype:
            array = np.asarray(array).astype(type_.dtype, copy=False)
        if array.shape != type_.shape:
            v._fits(array.shape)
        array.setflags(False)  # write
        v._array = array
    return v


def commit(variables: Sequence[Variable], arrays: Sequence[Array]) -> None:
    """Assign copies of arrays (arguments, perhaps) to several variables together."""
    commit_fresh(variables, *map(np.array, arrays))


def commit_fresh(variables: Sequence[Variable], *arrays: Any) -> None:
    """Assign arrays that are nobody else's to several variables together."""
    with _commit_lock:
        for v, a in zip(variables, arrays, strict=True):
            if a.shape != v.type.shape:
                v._fits(a.shape)
            a.setflags(False)  # write
            v._array = a
