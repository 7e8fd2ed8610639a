"""Elements in buffers: loads, guarded loads, stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from tapec.ir import Extent, never_negative
from tapec.native import lanes
from tapec.native.layout import memory_type
from tapec.native.places import Clamped, Place, Test, place
from tapec.native.scalars import Builder, Scalar

__all__ = ["flat", "load", "read", "store"]

BYTE = ir.IntType(8)


def flat(shape: Sequence[Extent], index: Sequence[Place]) -> Place:
    """The number of an element in row-major order."""
    total = place(0)
    stride: Extent = 1
    for n, i in zip(reversed(shape), reversed(index), strict=True):
        total = total + i * stride
        stride *= n
    return total


def _address(at: Any, buffer: Any, dtype: np.dtype[Any], where: Any) -> Any:
    return at.gep(buffer, [where], inbounds=True, source_etype=memory_type(dtype))


def _parts(b: Builder, dtype: np.dtype[Any], offset: Place) -> list[Scalar]:
    """Places of the parts of an element, counted in real numbers."""
    if dtype.kind != "c":
        return [offset.lower(b)]
    return [(offset * 2).lower(b), (offset * 2 + 1).lower(b)]


def load(b: Builder, buffer: Any, dtype: np.dtype[Any], offset: Place) -> Scalar:
    """The element number `offset` of a buffer."""
    if b.lanes and (found := lanes.load(b, buffer, dtype, offset)) is not None:
        return found
    places = _parts(b, dtype, offset)
    depth = places[0].depth
    at = b.scopes[depth]
    values = []
    for where in places:
        address = _address(at, buffer, dtype, where.value)
        values.append(at.load(address, typ=memory_type(dtype)))
    if dtype.kind == "b":
        values = [at.icmp_unsigned("!=", values[0], ir.Constant(BYTE, 0))]
    return b.make(dtype, depth, *values)


def store(b: Builder, at: Any, buffer: Any, offset: Place, element: Scalar) -> None:
    """Write an element with the LLVM builder `at`, which may follow a loop."""
    if b.lanes and offset.terms:
        return lanes.store(b, buffer, offset, element)
    dtype = element.dtype
    for part, where in zip(element.parts, _parts(b, dtype, offset), strict=True):
        value = at.zext(part, BYTE) if dtype.kind == "b" else part
        at.store(value, _address(at, buffer, dtype, where.value))


def read(
    b: Builder, buffer: Any, dtype: np.dtype[Any], shape: Sequence[Extent], index: Any
) -> Scalar:
    """The element at `index`, which need not be known to lie inside."""
    inside, guards = [], []
    for n, i in zip(shape, index, strict=True):
        if never_negative(i.low) and never_negative(n - 1 - i.high):
            atom = i.atom
            if isinstance(atom, Clamped):
                guards += _guards(atom)
                i = atom.place
        else:
            i = Place([(Clamped(i, 0, n - 1), 1)], 0)
        inside.append(i)
    offset = flat(shape, inside)
    if not guards:
        return load(b, buffer, dtype, offset)
    return _guarded(b, buffer, dtype, offset, guards)


def _guards(atom: Clamped) -> list[Test]:
    tests = [atom.place >= atom.low, atom.place <= atom.high]
    return [t for t in tests if isinstance(t, Test)]


def _guarded(
    b: Builder, buffer: Any, dtype: np.dtype[Any], offset: Place, guards: list[Test]
) -> Scalar:
    """0 outside. A branch, which LLVM turns into masked loads of neighbours."""
    test = guards[0]
    for other in guards[1:]:
        test = test & other
    condition = test.lower(b)
    depth = max(condition.depth, *[x.depth for x in _parts(b, dtype, offset)])
    at = b.scopes[depth]
    before = at.block
    with at.if_then(condition.value):
        element = load(b, buffer, dtype, offset)
        then = at.block
    parts = []
    for part in element.parts:
        merged = at.phi(part.type)
        merged.add_incoming(ir.Constant(part.type, 0), before)
        merged.add_incoming(part, then)
        parts.append(merged)
    return b.make(dtype, depth, *parts)
