"""Loops of numbers become kernels; the bodies of other loops and branches are fused.

Their small arrays are taken apart before. Inverses of small matrices are kernels too.

%2: (f64[], f64[9]) = scan %x, %w body=@f ...

                                    func @loop(%0: f64[], %1: f64[]) {
                                      %2: (f64[], f64[9]) = scan %0, %1 ...
                               ->     ...
                                    }
                                    %2: (f64[], f64[9]) = fused %x, %w body=@loop
"""

from __future__ import annotations

from tapec.ir import Emitter, Function, Value, rewrite
from tapec.passes.body_vjp import remembered
from tapec.passes.fuse import fuse
from tapec.passes.scalarize import scalarize
from tapec.passes.sections import sections
from tapec.passes.tile_batches import one_by_one
from tapec.passes.tile_lanes import lanes_last
from tapec.passes.tile_products import with_products

__all__ = ["enclose"]

CONTROL = ("scan", "switch", "tile", "while_loop", "while_reverse")
ALONE = (*CONTROL, "inv", "solve")
"""What may become a kernel of its own."""


def enclose(fn: Function) -> Function:
    """Prepare the loops and branches of `fn` for native code."""
    if not any(op.prim.name in ALONE for op in fn.ops):
        return fn
    from tapec.native.loops import enclosed
    from tapec.native.small_matrix import with_eliminations

    fn = with_eliminations(fn)

    return rewrite(enclosed(fn), _with_fused_bodies)


@remembered
def _prepared(body: Function) -> Function:
    return enclose(fuse(scalarize(sections(body))))


@remembered
def _prepared_tile(body: Function) -> Function:
    return _prepared(with_products(one_by_one(lanes_last(body))))


def _with_fused_bodies(op: Value, emit: Emitter) -> Value:
    if op.prim.name not in CONTROL:
        return emit.keep(op)
    prepare = _prepared_tile if op.prim.name == "tile" else _prepared
    attrs = tuple(
        (name, prepare(v) if isinstance(v, Function) else v) for name, v in op.attrs
    )
    made = Value(op.prim, op.args, attrs, op.type, op.uid, op.name, op.meta)
    return emit.keep(made)
