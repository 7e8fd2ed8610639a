"""One loop over tiles of examples for most of a program.

    func @f(%x: f64[10000,9], %w: f64[9,1]) {
      %2: f64[10000,1] = matmul %x, %w
      %3: f64[10000,1] = tanh %2
      %4: f64[9,10000] = transpose %x perm=(1, 0)
      %5: f64[9,1] = matmul %4, %3
      return %5
    }
                                    ->
    func @tile(%6: f64[9,1], %7: f64[rows,9], %8: f64[9,1]) {
      %2: f64[rows,1] = matmul %7, %8
      %3: f64[rows,1] = tanh %2
      %4: f64[9,rows] = transpose %7 perm=(1, 0)
      %5: f64[9,1] = matmul %4, %3
      %9: f64[9,1] = add %6, %5
      return %9
    }

    func @f(%x: f64[10000,9], %w: f64[9,1]) {
      %10: (f64[9,1]) = tile %x, %w body=@tile reduce=("add",) axes=(0, None) ...
      %11: f64[9,1] = item %10 index=0
      return %11
    }

A loss is a map over examples followed by sums, and so is its gradient. The axis along
which that holds is found in the whole program, forward and backward (`tile_axes`); what
runs along it becomes the body of one op, which sees one tile: its intermediate values
stay in the cache, and every input is read from memory once (`tile_plan` has the cost).
The tile is an op with a body, not a note on a schedule: the extent of the examples is a
symbolic one in the body, so its text, its types and its meaning are checked like any
other function's, and threads may share the tiles because the op says how accumulators
are put together.
"""

from __future__ import annotations

from tapec.ir import Emitter, Function, Value, dims_of, prune
from tapec.passes import tile_plan
from tapec.passes.tile_body import Body
from tapec.passes.tile_masks import Masks

__all__ = ["tile"]


def tile(fn: Function) -> Function:
    """Put the ops that run along the examples into loops over tiles, where it pays."""
    if not _is_large(fn):
        return fn
    loops, numbers = tile_plan.best_loops(fn)
    if not loops:
        return fn
    loop_of = {op: loop for loop in loops for op in loop.members}
    order = sorted(fn.ops, key=lambda op: (numbers[op], op in loop_of))
    emit = Emitter(fn.next_uid)
    new: dict[Value, Value] = {}
    outside = _read_outside(fn, loop_of)
    masks = Masks(fn)
    done = set()
    for op in order:
        loop = loop_of.get(op)
        if loop is None:
            args = tuple([new.get(a, a) for a in op.args])
            moved = Value(op.prim, args, op.attrs, op.type, op.uid, op.name, op.meta)
            new[op] = emit.keep(op if args == op.args else moved)
        elif loop not in done:
            done.add(loop)
            body = Body(loop, outside, masks, fn.next_uid)
            body.emit(emit, new)
    results = [new.get(r, r) for r in fn.results]
    return prune(Function(fn.name, fn.params, emit.ops, results))


def _is_large(fn: Function) -> bool:
    """Whether any array is large enough to be worth a look."""
    if dims_of(fn):
        return False
    arrays = (v.type for v in (*fn.params, *fn.ops))
    return any(getattr(t, "nbytes", 0) > tile_plan.LARGE for t in arrays)


def _read_outside(fn: Function, loop_of: dict[Value, tile_plan.Loop]) -> set[Value]:
    """Members of loops that are read by others, or returned."""
    found = set(fn.results)
    for op in fn.ops:
        found.update(a for a in op.args if loop_of.get(a) is not loop_of.get(op))
    return found
