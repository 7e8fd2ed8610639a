"""Which kernels of a program hardly count: code that takes longer will do for them.

A gradient has a few kernels that take all of the time, and many for its scalars and
small arrays. LLVM needs as long for one of these as for one of those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tapec.ir import TupleType, Value, dims_of
from tapec.native.lowering import cost
from tapec.native.split import time_of

if TYPE_CHECKING:
    from tapec.native.cache import Wanted
    from tapec.native.steps import Step

__all__ = ["light"]

SHARE = 1 / 1000
"""Of a program's estimated time, what its light kernels take together. Their code takes
about six times as long as it could (measured with mixtures of Gaussians), and up to
twenty times where it is full of mathematical functions."""

FLOPS = 64
"""Operations of a library call in a nanosecond, at most."""


def light(steps: Sequence[Step]) -> set[Wanted]:
    """The kernels of these steps that LLVM need not work on."""
    times: dict[Wanted, float] = {}
    left = 0.0
    for step in steps:
        time = time_of_step(step)
        left += time * SHARE
        if step.kind == "kernel":
            times[step.wanted] = times.get(step.wanted, 0.0) + time
    found = set()
    for wanted in sorted(times, key=lambda w: times[w]):
        left -= times[wanted]
        if left < 0:
            break
        if all(_is_known(op) for op in wanted[0].ops if op.prim.name != "const"):
            found.add(wanted)
    return found


def time_of_step(step: Step) -> float:
    """Nanoseconds, estimated; less than they are where that is not known."""
    op = step.op
    if step.kind == "kernel":
        body = op.attr("body")
        sizes = dict(op.attrs).get("sizes", ())
        return time_of(body, dict(zip(dims_of(body), sizes, strict=True)))
    if step.product is not None:
        return step.product.flops / FLOPS
    if step.control is not None:
        return _rounds(op) * sum(map(time_of_step, step.control.bodies[0].steps))
    return 0.0


def _rounds(op: Value) -> int:
    """How often the first body of a loop or branch runs, at least."""
    if op.prim.name == "tile":
        return int(op.attr("length") // op.attr("size"))
    return int(op.attr("length")) if op.prim.name == "scan" else 0


def _is_known(op: Value) -> bool:
    return not isinstance(op.type, TupleType) and cost(op) is not None
