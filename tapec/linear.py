"""The derivative at a point as a function: `linearize`, and its transpose, `vjp`.

Both run one program for the value, which also returns what the linear part reads; the
linear part is a program of its own and computes nothing of the function again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tapec import containers
from tapec.bodies import replay
from tapec.compiled import Compiled, arguments, returned
from tapec.compiler import compile
from tapec.errors import ShapeError
from tapec.forward import directions, push, recording
from tapec.ir import ArrayType, Function, Value
from tapec.locks import cached_property
from tapec.ops.cast import copy
from tapec.ops.const import const
from tapec.passes.rules import filled
from tapec.recording import Recording, state
from tapec.sources import Selection, Sources, name_of
from tapec.tensor import Tensor, Weak, as_tensor
from tapec.transform import as_loops, memoised, pull, seeds_of

__all__ = ["linearize", "vjp"]

Fun = Callable[..., Any]


def linearize(fun: Fun, *primals: Any, has_aux: bool = False) -> Any:
    """`(fun(*primals), pushed)`: the value, and its derivative there as a function.

    `pushed(*directions)` takes a direction for each argument, of its structure and
    shapes, and returns the tangent of the value: `jvp` without computing `fun` again,
    for as many directions as one likes. has_aux: `fun` returns `(value, aux)`, and the
    result is `(value, pushed, aux)`.

    ShapeError for a direction that does not fit; TypeError for integer arrays.

    >>> import numpy as np, tapec
    >>> y, pushed = tapec.linearize(np.exp, 0.0)
    >>> y, pushed(2.0), pushed(3.0)
    (1.0, 2.0, 3.0)
    """
    if state.recording is not None:
        value, aux, point = _value(fun, primals, {}, has_aux)
        return (value, point.pushed, *aux)
    program = memoised(_with_map, fun, has_aux, _tangents)
    value, aux, residuals, linear = program(*primals)
    return (value, partial(linear.along, residuals), *aux)


def vjp(fun: Fun, *args: Any, has_aux: bool = False, **kw: Any) -> Any:
    """`(fun(*args), pullback)`: `pullback(ct)` is the gradient of all arguments.

    ct: cotangent with the structure and shapes of the value. The pullback returns a
    tuple, one entry per argument, and computes nothing of `fun` again. Keyword
    arguments are passed on. has_aux: `fun` returns `(value, aux)`, and the result is
    `(value, pullback, aux)`.

    ShapeError for a cotangent that does not fit; TypeError for integer arrays.

    >>> import numpy as np, tapec
    >>> y, pullback = tapec.vjp(np.exp, 0.0)
    >>> y, pullback(2.0)
    (1.0, (2.0,))
    """
    if state.recording is not None:
        value, aux, point = _value(fun, args, kw, has_aux)
        return (value, point.pulled, *aux)
    program = memoised(_with_map, fun, has_aux, _cotangents)
    value, aux, residuals, linear = program(*args, **kw)
    return (value, partial(linear, residuals), *aux)


# --- recorded -----------------------------------------------------------------------


class Point:
    """A function recorded at its arguments: what can be differentiated there."""

    def __init__(self, rec: Recording, fun: Fun, sources: Sources, start: int) -> None:
        self.rec = rec
        self.fun = fun
        self.sources = sources
        self.start = start
        self.outs: list[Tensor] = []
        self.structure = containers.NONE

    def pushed(self, *given: Any) -> Any:
        """The tangent of the value along directions of the arguments."""
        tangents = directions(self.fun, self.sources, given)
        moved = push(self.rec, self.outs, self.sources.wrt, tangents, self.start)
        return containers.unflatten(self.structure, moved)

    def pulled(self, ct: Any) -> Any:
        """The gradients of the arguments under a cotangent of the value."""
        what = f"{name_of(self.fun)} got a cotangent"
        cts = fit(what, ct, self.structure, [t.type for t in self.outs])
        seeds = seeds_of(self.rec, self.outs, cts)
        return self.sources.shaped(pull(self.rec, seeds, self.sources.wrt, self.start))


def _value(
    fun: Fun, args: tuple[Any, ...], kw: dict[str, Any], has_aux: bool
) -> tuple[Any, list[Any], Point]:
    """Record `fun`: its value, the rest, and where to differentiate."""
    rec, start = recording()
    point = Point(rec, fun, Sources(fun, Selection(range(len(args))), args, kw), start)
    begin = rec.position
    out = fun(*point.sources.args, **point.sources.kw)
    value, *aux = out if has_aux else (out,)
    leaves, point.structure = containers.flatten(value)
    point.outs = [as_tensor(leaf) for leaf in leaves]
    as_loops(rec, begin, point.outs)
    return value, aux, point


def fit(
    what: str, tree: Any, structure: containers.Structure, types: Sequence[ArrayType]
) -> list[Tensor]:
    """The leaves of `tree` as tensors of these types; ShapeError if it does not fit."""
    leaves, found = containers.flatten(tree)
    if found != structure:
        raise ShapeError(f"{what} of structure {found}, where {structure} is needed")
    tensors = [as_tensor(leaf) for leaf in leaves]
    shapes = [t.shape for t in tensors]
    if shapes != [t.shape for t in types]:
        wanted = [t.shape for t in types]
        raise ShapeError(f"{what} of shapes {shapes}, where {wanted} are needed")
    pairs = zip(tensors, types, strict=True)
    return [f if f.dtype == t.dtype else f.astype(t.dtype) for f, t in pairs]


# --- compiled -----------------------------------------------------------------------


def _with_map(fun: Fun, has_aux: bool, linear: Callable[..., Any]) -> Compiled:
    """`fun`; its further results are a linear map and what the map reads."""
    kept: list[LinearMap] = []  # a result's structure holds its objects weakly

    def body(*args: Any, **kw: Any) -> Any:
        value, aux, point = _value(fun, args, kw, has_aux)
        what, given, results, structures = linear(point)
        whole, _ = point.rec.function([t.value for t in results], whole=True)
        part, residuals = split(whole, [t.value for t in given])
        weak = [type(t.kind) is Weak for t in results]
        kept.append(LinearMap(f"{name_of(fun)} got a {what}", part, structures, weak))
        read = [Tensor(point.rec, v, v.type) for v in residuals]
        return value, aux, read, kept[-1]

    return Compiled(fun, body)


def _tangents(point: Point) -> tuple[Any, ...]:
    """Directions, the tangents along them, the structures of both."""
    given = [_unknown(point.rec, t) for t in point.sources.wrt]
    found = push(point.rec, point.outs, point.sources.wrt, given, point.start)
    taken = containers.Structure("tuple", None, tuple(point.sources.structures))
    return "direction", given, found, (taken, point.structure)


def _cotangents(point: Point) -> tuple[Any, ...]:
    """Cotangents, the gradients under them, the structures of both."""
    given = [_unknown(point.rec, t) for t in point.outs]
    seeds = seeds_of(point.rec, point.outs, given)
    found = pull(point.rec, seeds, point.sources.wrt, point.start)
    gives = containers.Structure("tuple", None, tuple(point.sources.structures))
    return "cotangent", given, found, (point.structure, gives)


def _unknown(rec: Recording, like: Tensor) -> Tensor:
    """A value to differentiate along; rules may leave out what is plainly zero."""
    found: Tensor = copy(filled(rec, like.type, 0))
    return found


def split(fn: Function, sources: Sequence[Value]) -> tuple[Function, list[Value]]:
    """The part of `fn` that depends on `sources`, and the other values it reads.

    The parameters of the part are those values, then the sources.
    """
    moving = set(sources)
    ops = []
    for op in fn.ops:
        if op not in moving and any(a in moving for a in op.args):
            moving.add(op)
            ops.append(op)
    read = dict.fromkeys([*(a for op in ops for a in op.args), *fn.results])
    outside = [v for v in read if v not in moving]
    literals = [v for v in outside if v.prim is const]
    residuals = [v for v in outside if v.prim is not const]
    new = {v: Value(None, (), (), v.type, v.uid) for v in (*residuals, *sources)}
    new |= {v: v for v in literals}
    for op in ops:
        args = tuple([new[a] for a in op.args])
        new[op] = Value(op.prim, args, op.attrs, op.type, op.uid, meta=op.meta)
    params = [new[v] for v in (*residuals, *sources)]
    schedule = [*literals, *(new[op] for op in ops)]
    results = [new[r] for r in fn.results]
    return Function(f"{fn.name}.linear", params, schedule, results), residuals


class LinearMap:
    """A derivative at a point: called with what it reads and with directions.

    what: names what it takes, for errors. structures: of what it takes and of what it
    gives. weak: which results belong to Python numbers.
    """

    def __init__(
        self, what: str, function: Function,
        structures: tuple[containers.Structure, containers.Structure], weak: list[bool],
    ) -> None:  # fmt: skip
        self.what = what
        self.function = function
        self.takes, self.gives = structures
        self.weak = weak

    @cached_property
    def _program(self) -> Any:
        return compile(self.function).program

    def __getstate__(self) -> dict[str, Any]:
        """Without code of this process."""
        return {k: v for k, v in self.__dict__.items() if k != "_program"}

    def along(self, residuals: list[Any], *given: Any) -> Any:
        """The tangent along a direction for each argument."""
        return self(residuals, given)

    def __call__(self, residuals: list[Any], given: Any) -> Any:
        wanted = [p.type for p in self.function.params[len(residuals) :]]
        tensors = fit(self.what, given, self.takes, wanted)
        if state.recording is not None:
            operands = [*map(as_tensor, residuals), *tensors]
            found: list[Any] = replay(state.recording, self.function, operands)
        else:
            outs = self._program(*arguments(residuals), *[t.array for t in tensors])
            leaves = [*residuals, *containers.flatten(given)[0]]
            found = returned(outs, self.weak, leaves)
        return containers.unflatten(self.gives, found)
