"""Small matrix products as kernels: blocks of the result in vector registers.

    func @product(%0: f64[rows,9], %1: f64[5,9], %2: f64[rows,5]) {
      %3: f64[9,5] = transpose %1 perm=(1, 0)
      %4: f64[rows,5] = matmul %0, %3
      %5: f64[rows,5] = add %2, %4
      return %5
    }

BLAS packs its operands and finds out at each call what the sizes here say beforehand.

Zeros that are known (`where` with a constant condition) are passed over: each block of
rows has the columns from its first number to its last. That needs the other factor to
be finite, as 0 * inf is NaN: it is looked at first. A `where` around the product says
which blocks of the result are computed at all.
"""

from __future__ import annotations

from typing import Any

from tapec.ir import Function, dims_of
from tapec.native.signature import declare, emit_entry
from tapec.native.tile_contraction import Contraction
from tapec.native.tile_inner import Inner
from tapec.native.tile_outer import Outer
from tapec.native.tile_part import Part
from tapec.native.tile_ways import wanted_of, way_of

__all__ = ["emit_product"]


def emit_product(module: Any, body: Function, name: str) -> None:
    """Define `name` in `module`: what a `fused` op with this body does."""
    sizes = dims_of(body)
    (op,) = [op for op in body.ops if op.prim.name == "matmul"]
    way = way_of(op)
    assert way is not None
    kind: type[Contraction] = Inner
    if way.name == "outer":
        kind = Outer if wanted_of(body) is None else Part
    inner = declare(module, len(body.params) + 1, name, sizes)
    kind(inner, body, sizes).emit()
    emit_entry(module, inner, name)
