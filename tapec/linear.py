"""`linearize`: the derivative at a point as a function, what it needs computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from tapec import containers
from tapec.bodies import replay
from tapec.compiled import Compiled, arguments, returned
from tapec.errors import ShapeError
from tapec.forward import directions, memoised, push, recording
from tapec.ir import Function, Value
from tapec.ops.const import const
from tapec.passes import pipeline
from tapec.passes.rules import filled
from tapec.recording import state
from tapec.sources import Selection, Sources, name_of
from tapec.tensor import Tensor, Weak, as_tensor

__all__ = ["linearize"]

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
        return _inline(fun, primals, has_aux)
    value, aux, residuals, linear = memoised(_linearized, fun, has_aux)(*primals)
    structures = [containers.flatten(p)[1] for p in primals]

    def pushed(*given: Any) -> Any:
        if [containers.flatten(g)[1] for g in given] != structures:
            raise ShapeError(f"directions unlike the arguments of {name_of(fun)}")
        return linear(residuals, containers.flatten(given)[0])

    return (value, pushed, *aux)


def _inline(fun: Fun, primals: tuple[Any, ...], has_aux: bool) -> tuple[Any, ...]:
    """`linearize` on the current recording."""
    rec, start = recording()
    sources = Sources(fun, Selection(range(len(primals))), primals, {})
    out = fun(*sources.args)
    value, *aux = out if has_aux else (out,)
    leaves, structure = containers.flatten(value)
    outs = [as_tensor(leaf) for leaf in leaves]

    def pushed(*given: Any) -> Any:
        tangents = directions(fun, sources, given)
        moved = push(rec, outs, sources.wrt, tangents, start)
        return containers.unflatten(structure, moved)

    return (value, pushed, *aux)


def _linearized(fun: Fun, has_aux: bool) -> Compiled:
    """`fun` with what its derivative needs, and the derivative, as further results."""
    kept: list[LinearMap] = []  # a result's structure holds its objects weakly

    def body(*args: Any) -> Any:
        rec, start = recording()
        sources = Sources(fun, Selection(range(len(args))), args, {})
        tangents = [filled(rec, t.type, 0.0) for t in sources.wrt]
        out = fun(*sources.args)
        value, *aux = out if has_aux else (out,)
        leaves, structure = containers.flatten(value)
        outs = [as_tensor(leaf) for leaf in leaves]
        moved = push(rec, outs, sources.wrt, tangents, start)
        whole, _ = rec.function([t.value for t in moved], whole=True)
        linear, residuals = split(whole, [t.value for t in tangents])
        weak = [type(t.kind) is Weak for t in outs]
        kept.append(LinearMap(linear, structure, weak))
        return value, aux, [Tensor(rec, v, v.type) for v in residuals], kept[-1]

    return Compiled(fun, body)


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
    residuals = [v for v in outside if v.prim is not const]
    new = {v: Value(None, (), (), v.type, v.uid) for v in (*residuals, *sources)}
    new |= {v: v for v in outside if v.prim is const}
    literals = [v for v in outside if v.prim is const]
    for op in ops:
        args = tuple([new[a] for a in op.args])
        new[op] = Value(op.prim, args, op.attrs, op.type, op.uid, meta=op.meta)
    params = [new[v] for v in (*residuals, *sources)]
    schedule = [*literals, *(new[op] for op in ops)]
    results = [new[r] for r in fn.results]
    return Function(f"{fn.name}.linear", params, schedule, results), residuals


class LinearMap:
    """A derivative at a point: called with what it reads and with directions.

    weak: which results belong to Python numbers.
    """

    def __init__(
        self, function: Function, structure: containers.Structure, weak: list[bool]
    ) -> None:
        self.function = function
        self.structure = structure
        self.weak = weak

    @cached_property
    def _program(self) -> Any:
        from tapec.native.program import compile as compile_native

        return compile_native(pipeline.run(self.function))

    def __call__(self, residuals: list[Any], given: list[Any]) -> Any:
        n = len(residuals)
        wanted = self.function.params[n:]
        tangents = [as_tensor(g) for g in given]
        if [t.shape for t in tangents] != [p.shape for p in wanted]:
            raise ShapeError(
                f"directions of shapes {[t.shape for t in tangents]} for arguments of "
                f"shapes {[p.shape for p in wanted]}"
            )
        fit = [
            t if t.dtype == p.dtype else t.astype(p.dtype)
            for t, p in zip(tangents, wanted, strict=True)
        ]
        if state.recording is not None:
            operands = [*map(as_tensor, residuals), *fit]
            found: list[Any] = replay(state.recording, self.function, operands)
        else:
            outs = self._program(*arguments(residuals), *[t.array for t in fit])
            found = returned(outs, self.weak, [*residuals, *given])
        return containers.unflatten(self.structure, found)
