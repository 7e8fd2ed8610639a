"""Jacobians on a tape: the gradient of every element of the target, all at once.

The gradient takes the cotangent as an input; vectorized for a whole basis of them it is
one program, in which what does not depend on the cotangent is computed once. Where the
result may be differentiated it is recorded instead.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tapec import containers
from tapec.errors import ShapeError
from tapec.ir import Function, Value
from tapec.operators import Operators
from tapec.passes.batch import batch, mapped
from tapec.recording import Array, recording_in, state
from tapec.tape_gradient import GradientProgram, Request, gradients
from tapec.tensor import Tensor, as_tensor

__all__ = ["batch_jacobian", "jacobian"]


def jacobian(tape: Any, target: Any, sources: Any, zero: bool) -> Any:
    """d target / d source for each source, of shape `target.shape + source.shape`."""
    target = _single(target, "jacobian")
    request = tape._request(target, sources, None)
    seeds = np.eye(target.size).reshape(target.size, *target.shape)
    rows = _rows(request, seeds)
    tape._done()
    leaves, structure = containers.flatten(sources)
    found = []
    for source, parts in zip(leaves, rows, strict=True):
        shape = (*target.shape, *source.shape)
        missing = None if not zero else _zeros(shape, source)
        found.append(missing if parts is None else np.reshape(parts, shape))
    return containers.unflatten(structure, found)


def batch_jacobian(tape: Any, target: Any, source: Any, zero: bool) -> Any:
    """The Jacobian of each example: `(b, t...)` by `(b, s...)` gives `(b, t..., s...)`.

    Examples must not influence each other: what one adds to another's is summed in.
    """
    target, source = _single(target, "batch_jacobian"), _single(source, "a source")
    _same_batch(target.shape, source.shape)
    request = tape._request(target, source, None)
    b, *inner = target.shape
    n = math.prod(inner)
    unit = np.eye(n).reshape(n, 1, *inner)
    (parts,) = _rows(request, np.broadcast_to(unit, (n, b, *inner)))
    tape._done()
    shape = (b, *inner, *source.shape[1:])
    if parts is None:
        return _zeros(shape, source) if zero else None
    return np.reshape(np.moveaxis(parts, 0, 1), shape)


def _single(x: Any, what: str) -> Any:
    if not isinstance(x, Operators):
        raise ValueError(f"{what} needs one tensor, not {type(x).__name__}")
    return x


def _same_batch(target: tuple[int, ...], source: tuple[int, ...]) -> None:
    for name, shape in (("target", target), ("source", source)):
        if len(shape) < 2:
            raise ShapeError(
                f"batch_jacobian: the {name} must have rank at least 2, its shape is "
                f"{shape}"
            )
    if target[0] != source[0]:
        raise ShapeError(
            "batch_jacobian: need first dimension of target and source to match, "
            f"not {target} and {source}"
        )


def _rows(request: Request, seeds: Array) -> list[Any]:
    """For each source the gradients under all seeds; None where there is no path."""
    if not request.targets:
        return [None for _ in request.wrt]
    around = request.rec if request.inline else state.recording
    if around is None:
        program = _Rows(request._replace(cts=[seeds]), len(seeds))
        found = program.run([seeds])
        return [None if g is None else Tensor.holding(g) for g in found]

    def back(cts: list[Tensor]) -> list[Tensor | None]:
        return gradients(request._replace(cts=cts))

    with recording_in(around):
        directions = as_tensor(seeds.astype(request.targets[0].dtype))
        return list(mapped(around, back, [directions]))


class _Rows(GradientProgram):
    """The program of a gradient, for many cotangents in one run."""

    def __init__(self, request: Request, size: int) -> None:
        self.size = size
        super().__init__(request)

    def _question(self) -> tuple[Any, ...]:
        return "rows", self.size, *super()._question()

    def _extra(self, fn: Function, wrt: list[Value]) -> tuple[Any, ...]:
        return "rows", self.size, *super()._extra(fn, wrt)

    def build(self, fn: Function) -> tuple[Function, list[int | None]]:
        single, places = super().build(fn)
        grads = range(sum(place is not None for place in places))
        return batch(single, self.size, [len(self.sources)], grads), places


def _zeros(shape: tuple[int, ...], like: Any) -> Tensor:
    return Tensor.holding(np.zeros(shape, like.dtype))
