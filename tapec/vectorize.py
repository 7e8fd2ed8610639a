"""`vmap`: a function of one element becomes a function of a batch.

The function is recorded once, for one element, on a recording of its own; the pass
`batch` then records it for all elements at once on the recording around.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from tapec import containers
from tapec.captures import function_code
from tapec.compiled import Compiled
from tapec.errors import ShapeError, TraceError, at
from tapec.inside import require
from tapec.ir import ArrayType, Value
from tapec.numpy.positions import check_range
from tapec.passes.batch import repeated, vectorize
from tapec.pickling import remembered
from tapec.recording import Array, Inside, Trace, locate, recording_in, state
from tapec.rounds import Rounds
from tapec.tape_sources import value_on
from tapec.tensor import FUNCTIONS, Tensor, as_tensor

__all__ = ["vmap"]

Fun = Callable[..., Any]
Axes = list[int | None]


@remembered
def vmap(
    fun: Fun | None = None,
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    axis_size: int | None = None,
) -> Any:
    """Make a function of one element work on a batch, without a Python loop.

    in_axes: the axis of each positional argument that counts the elements; None for an
    argument that all elements share. An integer holds for all arguments; an entry for
    an argument that is a container may be a container of the same structure. Keyword
    arguments are mapped along axis 0, numbers among them are shared. out_axes: where
    the axis goes in the results, in the same way; None for a result that all elements
    share. axis_size: the number of elements, needed only if no argument is mapped.

    Works on results of `grad`, `jit` and `vmap`, inside of them, and on tapes. A Python
    number among the results becomes an array of float64 or int64.

    ShapeError: arguments disagree on the number of elements, an axis is out of range.
    ValueError: `in_axes` or `out_axes` do not fit the arguments or results. TraceError:
    Python branches on a number that differs between elements (use `np.where`), or a
    Variable is assigned inside.

    >>> import numpy as np, tapec
    >>> f = tapec.vmap(lambda x, w: np.dot(x, w), in_axes=(0, None))
    >>> f(np.eye(3), np.array([1.0, 2.0, 3.0]))
    array([1., 2., 3.])
    """
    if fun is None:
        return partial(vmap, in_axes=in_axes, out_axes=out_axes, axis_size=axis_size)
    function = fun

    def body(*args: Any, **kw: Any) -> Any:
        return _Map(function, in_axes, out_axes, axis_size)(args, kw)

    return Compiled(fun, body)


class _Elements(Trace):
    """The recording of a function of one element.

    Where the function looks at numbers, it sees those of the first element; they are
    computed only then. The check that each look leaves behind is refused by `vectorize`
    if the number is another one for each element.
    """

    def __init__(self, name: str, stop: Any) -> None:
        super().__init__(name, stop)
        self._first: dict[Value, Callable[[], Array]] = {}
        self.ranges: list[Any] = []
        self.inside: list[Inside] = []

    def element(self, t: Tensor, axis: int | None) -> Tensor:
        """A parameter for one element of `t`, or for all of `t`."""
        if axis is None:
            param = self.add_param(t.type)
            self._first[param] = lambda: t.array
            return Tensor(self, param, t.kind)
        shape = t.shape[:axis] + t.shape[axis + 1 :]
        param = self.add_param(ArrayType(t.dtype, shape))
        self._first[param] = lambda: _first(t.array, axis)
        return Tensor(self, param, param.type)

    def leaf_of(self, source: Any) -> Value | None:
        """Tensors of the surroundings become parameters without being computed."""
        found = super().leaf_of(source)
        if found is None and type(source) is Tensor:
            found = self.leaf(source, source)  # type: ignore[arg-type]
        return found

    def example(self, value: Value) -> Array:
        for param, first in self._first.items():
            if param not in self._examples:
                self._examples[param] = first()
        return super().example(value)


def _first(array: Array, axis: int) -> Array:
    """Element 0; there is none in an empty batch, so zeros stand for it."""
    if array.shape[axis]:
        return np.asarray(np.take(array, 0, axis))
    shape = array.shape[:axis] + array.shape[axis + 1 :]
    return np.zeros(shape, array.dtype)


class _Map:
    """One call of a mapped function, on the recording that is current."""

    def __init__(self, fun: Fun, in_axes: Any, out_axes: Any, size: int | None) -> None:
        assert state.recording is not None
        self.rec = state.recording
        self.fun = fun
        self.in_axes = in_axes
        self.out_axes = out_axes
        self.size = size
        self.name = f"vmap of {getattr(fun, '__name__', type(fun).__name__)}"

    def __call__(self, args: tuple[Any, ...], kw: dict[str, Any]) -> Any:
        """The results for all elements."""
        leaves, structure = containers.flatten((args, kw))
        axes = self._in(structure, leaves)
        tensors = [as_tensor(leaf) for leaf in leaves]
        names = list(_names(self.fun, structure))
        axes = [
            None if a is None else _axis(a, t, name)
            for a, t, name in zip(axes, tensors, names, strict=True)
        ]
        size = self._common(tensors, axes, names)
        for rounds in (Rounds(), None):
            trace = _Elements(self.name, function_code(self.fun))
            trace.scope, trace.rounds = self.rec.scope, rounds
            params = [trace.element(t, a) for t, a in zip(tensors, axes, strict=True)]
            results, out_structure = self._run(trace, structure, params)
            if trace.is_whole([t.value for t in results]):
                break
        env = {leaf: value_on(self.rec, s) for leaf, s in trace.leaves.items()}
        for p, t, axis in zip(params, tensors, axes, strict=True):
            env[p.value] = self._operand(t, axis)
        found = vectorize(self.rec, trace.values, env, size)
        self._check(trace, found)
        out_axes = self._out(out_structure)
        made = [
            self._result(found[value_on(trace, t)], axis, t, size)
            for t, axis in zip(results, out_axes, strict=True)
        ]
        return containers.unflatten(out_structure, made)

    def _run(
        self, trace: _Elements, structure: containers.Structure, params: list[Tensor]
    ) -> tuple[list[Tensor], containers.Structure]:
        """The results for one element, all of them values of `trace`."""
        with recording_in(trace):
            args, kw = containers.unflatten(structure, params)
            found = trace.watched(self.fun, args, kw)
            leaves, out_structure = containers.flatten(found)
            results = [as_tensor(leaf) for leaf in leaves]
            for t in results:
                value_on(trace, t)
        trace.closed = True
        if trace.assigned:
            names = ", ".join(
                v.name or "a Variable" for v, _ in trace.assigned.values()
            )
            text = f"{self.name}: {names} is assigned inside; return the value instead"
            raise at(TraceError(text), locate(self.rec.stop))
        return results, out_structure

    def _operand(self, t: Tensor, axis: int | None) -> Any:
        """What stands for an argument: with the mapped axis in front, if it has one."""
        if axis is None:
            return value_on(self.rec, t)
        moved = FUNCTIONS[np.moveaxis](t, axis, 0)
        return Tensor(self.rec, value_on(self.rec, moved), moved.type)

    def _result(self, new: Any, axis: int | None, t: Tensor, size: int) -> Tensor:
        """A result with the mapped axis where the caller wants it."""
        if axis is None:
            if type(new) is not Value:
                raise ValueError(
                    f"{self.name}: out_axes is None for a result of shape {t.shape} "
                    "that differs between the elements; give its axis"
                )
            out = Tensor(self.rec, new, t.kind)
        else:
            front = repeated(self.rec, new, size)
            out = Tensor(self.rec, front, front.type)
            axis = _axis(axis, out, f"a result of {self.name}")
            out = FUNCTIONS[np.moveaxis](out, 0, axis)
        self.rec.track(out)
        return out

    def _check(self, trace: _Elements, found: Mapping[Value, Any]) -> None:
        """Positions that the function used lie in their arrays, for all elements."""
        for index, *rest in trace.ranges:
            new = found[index.value]
            whole = Tensor(self.rec, new, new.type) if type(new) is Value else new
            check_range(whole, None, *rest)
        for inside in trace.inside:
            new = found[inside.holds.value]
            every = Tensor(self.rec, new, new.type) if type(new) is Value else new
            require(inside._replace(holds=np.all(every)))
        trace.inside.clear()

    # axes

    def _in(self, structure: containers.Structure, leaves: list[Any]) -> Axes:
        """The mapped axis of each leaf of the arguments."""
        args = structure.children[0]
        spec = self.in_axes
        if isinstance(spec, (tuple, list)) and len(spec) != len(args.children):
            raise ValueError(
                f"{self.name}: in_axes has {len(spec)} entries for "
                f"{len(args.children)} arguments"
            )
        if isinstance(spec, list):
            spec = tuple(spec)
        axes = _spread(spec, args, f"{self.name}: in_axes")
        numbers = leaves[len(axes) :]
        return [*axes, *(0 if np.ndim(x) else None for x in numbers)]

    def _out(self, structure: containers.Structure) -> Axes:
        return _spread(self.out_axes, structure, f"{self.name}: out_axes")

    def _common(self, tensors: list[Tensor], axes: Axes, names: list[str]) -> int:
        """The number of elements, on which all arguments agree."""
        rows = zip(tensors, axes, names, strict=True)
        sizes = {name: (t.shape[a], a) for t, a, name in rows if a is not None}
        found = {n for n, _ in sizes.values()}
        if self.size is not None:
            found.add(self.size)
        if not found:
            raise ValueError(f"{self.name}: no argument has an axis to map over")
        if len(found) > 1:
            listed = [f"{name} has {n} (axis {a})" for name, (n, a) in sizes.items()]
            if self.size is not None:
                listed.append(f"axis_size is {self.size}")
            text = f"{self.name}: different numbers of elements: {', '.join(listed)}"
            raise at(ShapeError(text), locate(self.rec.stop))
        return found.pop()


def _axis(axis: int, t: Tensor, name: str) -> int:
    """`axis` counted from the front."""
    if not -t.ndim <= axis < t.ndim:
        what = f"shape {t.shape}" if t.ndim else "no axis; give None for it"
        raise ShapeError(f"vmap: axis {axis} is out of range for {name}, of {what}")
    return axis % t.ndim


def _spread(spec: Any, tree: containers.Structure, where: str) -> Axes:
    """The axis of each leaf of `tree`; a container in `spec` goes along with it."""
    values, nodes = containers.flatten(spec)
    for axis in values:
        if not isinstance(axis, (int, np.integer)):
            raise ValueError(f"{where}: {axis!r} is neither an integer nor None")
    try:
        return list(_matched(nodes, iter(values), tree))
    except LookupError:
        raise ValueError(f"{where} is {spec!r} for {tree!r}") from None


def _matched(
    spec: containers.Structure, axes: Iterator[int], tree: containers.Structure
) -> Iterator[int | None]:
    if spec.kind in ("leaf", "none"):
        yield from [next(axes) if spec.kind == "leaf" else None] * tree.size
        return
    labels = tree.labels()
    if sorted(spec.labels()) != sorted(labels):
        raise LookupError
    # axes come in the order in which they are written, not in that of the tree
    found = {
        label: list(_matched(entry, axes, tree.children[labels.index(label)]))
        for label, entry in zip(spec.labels(), spec.children, strict=True)
    }
    for label in labels:
        yield from found[label]


def _names(fun: Fun, structure: containers.Structure) -> Iterator[str]:
    """How the user calls each leaf of the arguments."""
    code = function_code(fun)
    names = code.co_varnames[: code.co_argcount] if code else ()
    args, kw = structure.children
    for i, child in enumerate(args.children):
        name = names[i] if i < len(names) else f"argument {i}"
        yield from child.paths(name)
    for name, child in zip(kw.data, kw.children, strict=True):
        yield from child.paths(name)
