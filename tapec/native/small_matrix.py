"""`inv` and `solve` of matrices of a few rows: elimination in registers.

    i32 kernel(ptr slots, ptr indices)

A matrix is eliminated with the largest pivot of each column, as LAPACK does; the rows
are exchanged by selecting. Where a pivot is zero the answer is `CHECK_FAILED`, and the
host, which then takes the step, raises.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir

from tapec.ir import Dim, Emitter, Function, Value
from tapec.native.driver import CHECK_FAILED
from tapec.native.layout import memory_type
from tapec.native.signature import STATUS, declare, emit_entry
from tapec.ops.fused import fused

__all__ = ["emit_elimination", "is_elimination", "with_eliminations"]

INT = ir.IntType(64)
LARGEST = 4
"""Rows, and right sides."""

Rows = list[list[Any]]


def is_elimination(body: Function) -> bool:
    """Whether a kernel is one of these."""
    return len(body.ops) == 1 and body.ops[0].prim.name in ("inv", "solve")


def with_eliminations(fn: Function) -> Function:
    """`fn` with the ops of this kind as kernels of their own."""
    if not any(map(_fits, fn.ops)):
        return fn
    emit = Emitter(fn.next_uid)
    new: dict[Value, Value] = {}
    for op in fn.ops:
        args = tuple([new.get(a, a) for a in op.args])
        if _fits(op):
            params = [Value(None, (), (), a.type, i) for i, a in enumerate(args)]
            alone = Value(op.prim, tuple(params), op.attrs, op.type, len(params))
            body = Function("kernel", params, [alone], [alone])
            new[op] = emit.make(fused, args, (("body", body),), op.type, op)
        elif args != op.args:
            meta = op.meta
            moved = Value(op.prim, args, op.attrs, op.type, op.uid, op.name, meta)
            new[op] = emit.keep(moved)
        else:
            emit.keep(op)
    results = [new.get(r, r) for r in fn.results]
    return Function(fn.name, fn.params, emit.ops, results)


def _fits(op: Value) -> bool:
    if op.prim.name not in ("inv", "solve") or op.dtype.kind != "f":
        return False
    if any(isinstance(n, Dim) for v in (op, *op.args) for n in v.shape):
        return False
    batch = op.shape[:-2]
    alike = all(a.shape[:-2] in ((), batch) for a in op.args)
    return alike and op.type.size > 0 and max(op.shape[-2:]) <= LARGEST


def emit_elimination(module: Any, body: Function, name: str) -> None:
    """Define `name` in `module`."""
    (op,) = body.ops
    inner = declare(module, len(op.args) + 1, name)
    _Elimination(inner, op).emit()
    emit_entry(module, inner, name)


class _Elimination:
    """The code for one op: a loop over the matrices."""

    def __init__(self, function: Any, op: Value) -> None:
        self.function, self.op = function, op
        self.kind = memory_type(op.dtype)
        self.at = ir.IRBuilder(function.append_basic_block("entry"))
        self.singular: Any = ir.Constant(ir.IntType(1), 0)

    def emit(self) -> None:
        at, function = self.at, self.function
        before, head = at.block, function.append_basic_block("matrix")
        done = function.append_basic_block("done")
        at.branch(head)
        at.position_at_end(head)
        number, failed = at.phi(INT), at.phi(ir.IntType(1))
        number.add_incoming(ir.Constant(INT, 0), before)
        failed.add_incoming(ir.Constant(ir.IntType(1), 0), before)
        self.singular = failed
        self._matrix(number)
        following = at.add(number, ir.Constant(INT, 1))
        number.add_incoming(following, head)
        failed.add_incoming(self.singular, head)
        count = math.prod(self.op.shape[:-2])
        again = at.icmp_unsigned("<", following, ir.Constant(INT, count))
        at.cbranch(again, head, done)
        at.position_at_end(done)
        states = [ir.Constant(STATUS, n) for n in (CHECK_FAILED, 0)]
        at.ret(at.select(self.singular, *states))

    def _matrix(self, number: Any) -> None:
        a = self._loaded(0, number)
        if self.op.prim.name == "inv":
            lines = range(len(a))
            x = [[ir.Constant(self.kind, float(i == j)) for j in lines] for i in lines]
        else:
            x = self._loaded(1, number)
        for k in range(len(a)):
            self._exchange(a, x, k)
            self._eliminate(a, x, k)
        self._substitute(a, x)
        for i, line in enumerate(x):
            for j, element in enumerate(line):
                self.at.store(element, self._address(len(self.op.args), number, i, j))

    def _exchange(self, a: Rows, x: Rows, k: int) -> None:
        """Bring the largest number below to the diagonal."""
        at = self.at
        for i in range(k + 1, len(a)):
            above, below = self._size(a[k][k]), self._size(a[i][k])
            swap = at.fcmp_ordered(">", below, above)
            for rows, first in ((a, k), (x, 0)):
                for j in range(first, len(rows[k])):
                    p, q = rows[k][j], rows[i][j]
                    rows[k][j], rows[i][j] = (
                        at.select(swap, q, p),
                        at.select(swap, p, q),
                    )

    def _eliminate(self, a: Rows, x: Rows, k: int) -> None:
        at = self.at
        zero = at.fcmp_ordered("==", a[k][k], ir.Constant(self.kind, 0.0))
        self.singular = at.or_(self.singular, zero)
        for i in range(k + 1, len(a)):
            factor = at.fdiv(a[i][k], a[k][k])
            for rows, first in ((a, k + 1), (x, 0)):
                for j in range(first, len(rows[k])):
                    rows[i][j] = at.fsub(rows[i][j], at.fmul(factor, rows[k][j]))

    def _substitute(self, a: Rows, x: Rows) -> None:
        """From the last row upwards."""
        at = self.at
        for i in reversed(range(len(a))):
            for j in range(len(x[i])):
                rest = x[i][j]
                for k in range(i + 1, len(a)):
                    rest = at.fsub(rest, at.fmul(a[i][k], x[k][j]))
                x[i][j] = at.fdiv(rest, a[i][i])

    def _size(self, value: Any) -> Any:
        signature = ir.FunctionType(self.kind, [self.kind])
        name = "llvm.fabs"
        fabs = self.at.module.declare_intrinsic(name, [self.kind], signature)
        return self.at.call(fabs, [value])

    # --- memory

    def _loaded(self, operand: int, number: Any) -> Rows:
        rows, columns = self.op.args[operand].shape[-2:]
        return [
            [self._load(operand, number, i, j) for j in range(columns)]
            for i in range(rows)
        ]

    def _load(self, operand: int, number: Any, i: int, j: int) -> Any:
        return self.at.load(self._address(operand, number, i, j), typ=self.kind)

    def _address(self, operand: int, number: Any, i: int, j: int) -> Any:
        """Of an element of matrix `number`; behind the operands comes the result."""
        at = self.at
        v = (*self.op.args, self.op)[operand]
        rows, columns = v.shape[-2:]
        size = rows * columns if len(v.shape) > 2 else 0
        first = at.mul(number, ir.Constant(INT, size))
        where = at.add(first, ir.Constant(INT, i * columns + j))
        buffer = self.function.args[operand]
        return at.gep(buffer, [where], inbounds=True, source_etype=self.kind)
