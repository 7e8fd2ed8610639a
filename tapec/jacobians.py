"""Jacobians on a tape: one gradient per element of the target.

Outside every other tape the gradient is one program that takes the cotangent as an
input and runs once per row; where the result may be differentiated, rows are recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tapec import containers
from tapec.errors import ShapeError
from tapec.operators import Operators
from tapec.recording import Array, recording_in
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
        found.append(missing if parts is None else _joined(parts, 0, shape, source))
    return containers.unflatten(structure, found)


def batch_jacobian(tape: Any, target: Any, source: Any, zero: bool) -> Any:
    """The Jacobian of each example: `(b, t...)` by `(b, s...)` gives `(b, t..., s...)`.

    Examples must not influence each other: what one adds to another's is summed in.
    """
    target, source = _single(target, "batch_jacobian"), _single(source, "a source")
    _same_batch(target.shape, source.shape)
    request = tape._request(target, source, None)
    b, *inner = target.shape
    n = int(np.prod(inner))
    unit = np.eye(n).reshape(n, 1, *inner)
    (parts,) = _rows(request, np.broadcast_to(unit, (n, b, *inner)))
    tape._done()
    shape = (b, *inner, *source.shape[1:])
    if parts is None:
        return _zeros(shape, source) if zero else None
    return _joined(parts, 1, shape, source)


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


def _rows(request: Request, seeds: Array) -> list[list[Any] | None]:
    """For each source the gradient under each seed; None where there is no path."""
    if not request.targets:
        return [None for _ in request.wrt]
    # a target without elements still says which sources it depends on
    probes = seeds if len(seeds) else np.zeros((1, *seeds.shape[1:]))
    if request.inline:
        with recording_in(request.rec):
            rows = [gradients(request._replace(cts=[as_tensor(s)])) for s in probes]
    else:
        program = GradientProgram(request._replace(cts=[probes[0]]))
        rows = [program.run([s]) for s in probes]  # type: ignore[misc]
    columns = [list(column) for column in zip(*rows, strict=True)]
    return [None if c[0] is None else c[: len(seeds)] for c in columns]


def _joined(parts: Sequence[Any], axis: int, shape: tuple[int, ...], like: Any) -> Any:
    """The rows as one tensor of this shape."""
    if not parts:
        return _zeros(shape, like)
    whole = np.reshape(np.stack(parts, axis=axis), shape)
    return whole if isinstance(whole, Tensor) else Tensor.holding(whole)


def _zeros(shape: tuple[int, ...], like: Any) -> Tensor:
    return Tensor.holding(np.zeros(shape, like.dtype))
