"""Small products become kernels of their own: no call of BLAS per tile.

%4: f64[9,rows] = transpose %x perm=(1, 0)
%5: f64[9,1] = matmul %4, %3            ->    %7: ... = fused %x, %3, %s body=@...
%7: f64[9,1] = add %s, %5
"""

from __future__ import annotations

from tapec.ir import Emitter, Function, Value, prune, rewrite, users
from tapec.native.tile_product import way_of
from tapec.ops.arithmetic import add
from tapec.ops.cast import copy
from tapec.ops.fused import fused
from tapec.ops.matmul import matmul
from tapec.ops.shape import transpose

__all__ = ["with_products"]


def with_products(fn: Function) -> Function:
    """Wrap the products of `fn`, each with the sum that it is added to."""
    fn = rewrite(fn, _with_readable_operands)
    heads = _heads(fn)
    inside = set(heads.values())
    emit = Emitter(fn.next_uid)
    new: dict[Value, Value] = {}
    for op in fn.ops:
        if op in heads:
            inputs, body = _body(op, heads[op])
            args = [new.get(a, a) for a in inputs]
            new[op] = emit.new(fused, *args, like=op, body=body)
        elif op not in inside:
            args = [new.get(a, a) for a in op.args]
            moved = Value(
                op.prim, tuple(args), op.attrs, op.type, op.uid, op.name, op.meta
            )
            new[op] = emit.keep(moved)
    results = [new.get(r, r) for r in fn.results]
    return prune(Function(fn.name, fn.params, emit.ops, results))


def _with_readable_operands(op: Value, emit: Emitter) -> Value:
    """A transposed operand is copied where that lets the product be a kernel."""
    if op.prim is not matmul or way_of(op) is not None:
        return emit.keep(op)
    for number in (1, 0):
        args = list(op.args)
        if args[number].prim is transpose:
            args[number] = Emitter(-1).new(copy, args[number])
            moved = Value(op.prim, tuple(args), (), op.type, op.uid)
            if way_of(moved) is not None:
                args[number] = emit.new(copy, op.args[number], like=op.args[number])
                return emit.new(matmul, *args, like=op)
    return emit.keep(op)


def _heads(fn: Function) -> dict[Value, Value]:
    """What becomes a kernel: a product, or what it is added to; with the product."""
    readers = users(fn)
    found: dict[Value, Value] = {}
    for op in fn.ops:
        if op.prim is not matmul or way_of(op) is None:
            continue
        head = op
        if len(readers[op]) == 1 and op not in fn.results:
            (reader,) = readers[op]
            start = reader.args[0]
            same = reader.prim is add and reader.args[1] is op and start.type is op.type
            if same and start in fn.params:
                head = reader
        found[head] = op
    return found


def _body(head: Value, product: Value) -> tuple[list[Value], Function]:
    """The kernel as a function, and the values its parameters stand for."""
    way = way_of(product)
    assert way is not None
    sides = way.left.value, way.right.value
    order = reversed(sides) if way.swapped else sides
    inputs = list(dict.fromkeys([*order, *([] if head is product else head.args[:1])]))
    new = {a: Value(None, (), (), a.type, i) for i, a in enumerate(inputs)}
    params = list(new.values())
    emit = Emitter(len(inputs))
    for op in dict.fromkeys([*product.args, product, head]):
        if op not in new:
            args = tuple([new[a] for a in op.args])
            new[op] = emit.make(op.prim, args, op.attrs, op.type, like=op)
    return inputs, Function("product", params, emit.ops, [new[head]])
