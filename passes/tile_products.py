"""Small products become kernels of their own: no call of BLAS per tile.

%4: f64[9,rows] = transpose %x perm=(1, 0)
%5: f64[9,1] = matmul %4, %3            ->    %7: ... = fused %x, %3, %s body=@...
%7: f64[9,1] = add %s, %5
"""

from __future__ import annotations

from tapec.ir import Emitter, Function, Value, prune, rewrite, users
from tapec.native.lowering import is_view
from tapec.native.tile_ways import masked, way_of
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
    inside = {op for head, product in heads.items() for op in _between(head, product)}
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

    def reader(op: Value) -> Value | None:
        """The op that alone reads `op`."""
        found = readers[op]
        return found[0] if len(found) == 1 and op not in fn.results else None

    found: dict[Value, Value] = {}
    for op in fn.ops:
        if op.prim is not matmul or way_of(op) is None:
            continue
        head, above = op, reader(op)
        if above is not None and (inner := masked(above)) and inner[0] is op:
            head, above = above, reader(above)
        if above is not None and above.prim is add and above.args[1] is head:
            start = above.args[0]
            if _stored(start) in fn.params and start.type is head.type:
                head = above
        found[head] = op
    return found


def _stored(v: Value) -> Value:
    """What `v` is a view of."""
    while v.prim is not None and is_view(v):
        v = v.args[0]
    return v


def _between(head: Value, product: Value) -> list[Value]:
    """The ops from a product to what it is part of."""
    found = [head]
    while found[-1] is not product:
        op = found[-1]
        found.append(op.args[1])
    return found


def _body(head: Value, product: Value) -> tuple[list[Value], Function]:
    """The kernel as a function, and the values its parameters stand for."""
    way = way_of(product)
    assert way is not None
    sides = way.left.value, way.right.value
    order = list(reversed(sides) if way.swapped else sides)
    if head.prim is add:
        order.append(head.args[0])
    inputs = list(dict.fromkeys(order))
    new = {a: Value(None, (), (), a.type, i) for i, a in enumerate(inputs)}
    params = list(new.values())
    emit = Emitter(len(inputs))

    def made(op: Value) -> Value:
        if op not in new:
            args = tuple([made(a) for a in op.args])
            new[op] = emit.make(op.prim, args, op.attrs, op.type, like=op)
        return new[op]

    return inputs, Function("product", params, emit.ops, [made(head)])
