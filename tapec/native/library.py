"""Library calls: matrix products through the BLAS that SciPy brings.

Those that `gemm` does not do itself.

A row-major product C = A B is the column-major C' = B' A'. Transposed operands are
flags of the call, so a `transpose` that only products read costs nothing. The emitted
routine reads sizes and flags from its step's indices:

    [a, b, c, m, n, k, transpose a, transpose b, address of the number of threads,
     batches, offset a, offset b, ...]
"""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir

from tapec.ir import Value
from tapec.native import blas, engine
from tapec.native.addresses import Address
from tapec.native.driver import INT, POINTER, WORD, _define, _item, _Loop, _number
from tapec.native.layout import memory_type
from tapec.native.levels import folded_transpose
from tapec.native.plan import Plan
from tapec.settings import threads_address

__all__ = ["Product", "batches", "emit_product", "is_called"]

LETTERS = {np.dtype(t): t for t in "fdFD"}
ALWAYS_ALONE, ALONE = 1 << 18, 1 << 24
"""Multiplications up to which OpenBLAS itself uses one thread, and we tell it to: up to
there two threads gain nothing (measured), and waiting for one on a busy machine takes
a hundred times longer than the product."""

BLAS_LETTER = {"f": "s", "d": "d", "F": "c", "D": "z"}


class Product:
    """A matrix product as a step: what it reads, and the numbers of its call."""

    workspace: Value | None = None

    def __init__(self, op: Value) -> None:
        self.op = op
        (a, self.transpose_a), (b, self.transpose_b) = map(_unfolded, op.args)
        self.operands = (a, b)
        self.m, self.n = op.shape[-2:]
        self.k = op.args[0].shape[-1]

    def indices(self, plan: Plan) -> list[int]:
        """The step's indices."""
        pairs = batches(self.op)
        threads = Address(threads_address())
        a, b = map(plan.slot, self.operands)
        return [
            a, b, plan.slots[self.op, 0], self.m, self.n, self.k,
            self.transpose_a, self.transpose_b, threads,
            len(pairs), *itertools.chain.from_iterable(pairs),
        ]  # fmt: skip

    @property
    def chunks(self) -> int:
        """Parts that threads share; those of BLAS do as it thinks fit."""
        return 1

    @property
    def address(self) -> int:
        """The routine."""
        return _routine(self.op.dtype).address("product")

    @property
    def flops(self) -> int:
        """Floating-point operations."""
        return int(2 * self.op.type.size * self.k)


def is_called(op: Value) -> bool:
    """Whether a `matmul` can be such a step: BLAS has its dtype and size."""
    sizes = (*op.shape, *op.args[0].shape, *op.args[1].shape)
    return op.dtype in LETTERS and max(sizes) < 1 << 31 and 0 not in op.shape


def _unfolded(value: Value) -> tuple[Value, bool]:
    """An operand without its transpose, and whether there was one."""
    if value.prim is not None and folded_transpose(value):
        return value.args[0], True
    return value, False


def batches(op: Value) -> list[tuple[int, int]]:
    """Elements to skip in the two operands for each matrix of the result."""
    offsets = []
    for a in op.args:
        shape, size = a.shape[:-2], a.shape[-2] * a.shape[-1]
        count = int(np.prod(shape, dtype=np.int64))
        numbers = np.arange(count, dtype=np.int64).reshape(shape) * size
        offsets.append(np.broadcast_to(numbers, op.shape[:-2]).ravel().tolist())
    return list(zip(*offsets, strict=True))


# --- the emitted routine ------------------------------------------------------


@cache
def _routine(dtype: np.dtype[Any]) -> engine.Library:
    letter = BLAS_LETTER[LETTERS[dtype]]
    names = {f"tapec_{letter}{kind}": f"{letter}{kind}" for kind in ("gemm", "gemv")}
    counts = blas.thread_counts()

    def emit(module: Any) -> None:
        emit_product(module, "product", letter, tuple(names), bool(counts))

    imports = {name: blas.address(routine) for name, routine in names.items()}
    imports |= {f"tapec_blas_{way}": where for way, where in counts.items()}
    key = "product", letter, bool(counts)
    return engine.compiled(key, emit, ["product"], imports, engine.Effort.PLAIN)


def emit_product(
    module: Any, name: str, letter: str, routines: tuple[str, ...], limits: bool
) -> None:
    """Add the routine for the dtype that BLAS has this letter for.

    routines: what `gemm` and `gemv` are called. limits: whether the number of threads
    of BLAS can be set.
    """
    void = ir.VoidType()
    gemm, gemv = (
        ir.Function(module, ir.FunctionType(void, [POINTER] * count), routine)
        for routine, count in zip(routines, (13, 11), strict=True)
    )
    dtype = np.dtype({blas: t for t, blas in BLAS_LETTER.items()}[letter])
    emitter = _Emitter(module, name, dtype, gemm, gemv)
    if limits:
        get = ir.FunctionType(WORD, [])
        set_ = ir.FunctionType(void, [WORD])
        emitter.get_threads = ir.Function(module, get, "tapec_blas_get")
        emitter.set_threads = ir.Function(module, set_, "tapec_blas_set")
    emitter.emit()


class _Emitter:
    """Emits the routine for one dtype.

    get_threads, set_threads: of BLAS, if it has them.
    """

    get_threads: Any = None
    set_threads: Any = None

    def __init__(
        self, module: Any, name: str, dtype: np.dtype[Any], gemm: Any, gemv: Any
    ) -> None:
        self.function = _define(module, name, WORD, [POINTER, POINTER])
        self.gemm, self.gemv = gemm, gemv
        self.parts = 2 if dtype.kind == "c" else 1
        self.element = memory_type(dtype)
        self.at = ir.IRBuilder(self.function.append_basic_block("entry"))

    def emit(self) -> None:
        """The whole function."""
        at = self.at
        slots, indices = self.function.args
        buffers = [_item(at, slots, _item(at, indices, i), POINTER) for i in range(3)]
        self.m, self.n, self.k = (_item(at, indices, i) for i in (3, 4, 5))
        self.turned = [
            at.icmp_unsigned("!=", _item(at, indices, i), _number(0)) for i in (6, 7)
        ]
        self._constants()
        size = at.mul(self.m, self.n)
        before = self._limited(at.mul(size, self.k), _item(at, indices, 8, POINTER))
        with _Loop(at, _number(0), _item(at, indices, 9)) as batch:
            row = at.add(at.mul(batch, _number(2)), _number(10))
            offsets = [
                _item(at, indices, row),
                _item(at, indices, at.add(row, _number(1))),
                at.mul(batch, size),
            ]
            pairs = zip(buffers, offsets, strict=True)
            self._multiply(*[self._skip(b, n) for b, n in pairs])
        if before is not None:
            with at.if_then(at.icmp_signed(">", before, ir.Constant(WORD, 1))):
                at.call(self.set_threads, [before])
        at.ret(ir.Constant(WORD, 0))

    def _limited(self, volume: Any, where: Any) -> Any:
        """Let BLAS use so many threads at most, one for a product of middling size.

        where: the number of threads is.

        Returns how many it had, if those were more, else 1. Calls at the same time may
        see each other's number, but none is left behind: only what was more is put
        back.
        """
        if self.get_threads is None:
            return None
        at, one = self.at, ir.Constant(WORD, 1)
        threads = at.load(where, typ=INT)
        cell = self._cell(one)
        with at.if_then(at.icmp_unsigned(">", volume, _number(ALWAYS_ALONE))):
            middling = at.icmp_unsigned("<=", volume, _number(ALONE))
            limit = at.select(middling, one, at.trunc(threads, WORD))
            count = at.call(self.get_threads, [])
            with at.if_then(at.icmp_signed(">", count, limit)):
                at.store(count, cell)
                at.call(self.set_threads, [limit])
        return at.load(cell)

    def _skip(self, buffer: Any, count: Any) -> Any:
        count = self.at.mul(count, _number(self.parts))
        return self.at.gep(buffer, [count], source_etype=self.element)

    def _cell(self, value: Any) -> Any:
        """Fortran takes numbers by address."""
        with self.at.goto_entry_block():
            cell = self.at.alloca(value.type)
        self.at.store(value, cell)
        return cell

    def _constants(self) -> None:
        at = self.at
        self.one_step = self._cell(ir.Constant(WORD, 1))
        self.scales = []
        for number in (1.0, 0.0):
            kind = ir.ArrayType(self.element, self.parts)
            cell = at.alloca(kind)
            at.store(ir.Constant(kind, [number, 0.0][: self.parts]), cell)
            self.scales.append(cell)
        self.letters = {c: self._cell(ir.Constant(ir.IntType(8), ord(c))) for c in "NT"}
        self.cells = [self._cell(at.trunc(v, WORD)) for v in (self.m, self.n, self.k)]
        one = _number(1)
        self.leading = []
        pairs = ((self.k, self.m), (self.n, self.k))
        for turned, (plain, other) in zip(self.turned, pairs, strict=True):
            columns = at.select(turned, other, plain)
            positive = at.select(at.icmp_signed(">", columns, one), columns, one)
            self.leading.append(self._cell(at.trunc(positive, WORD)))

    def _multiply(self, a: Any, b: Any, c: Any) -> None:
        """By a vector if one side is: its elements are adjacent in either layout."""
        at, one = self.at, _number(1)
        some = at.icmp_unsigned("!=", self.k, _number(0))
        column = at.and_(some, at.icmp_unsigned("==", self.n, one))
        row = at.and_(some, at.icmp_unsigned("==", self.m, one))
        with at.if_else(column) as (then, otherwise):
            with then:
                self._times_vector(a, 0, at.not_(self.turned[0]), b, c)
            with otherwise, at.if_else(row) as (then_row, neither):
                with then_row:
                    self._times_vector(b, 1, self.turned[1], a, c)
                with neither:
                    self._times_matrix(a, b, c)

    def _times_vector(self, matrix: Any, which: int, flip: Any, x: Any, c: Any) -> None:
        """c = A x, where A is the column-major view of a buffer, flipped if need be."""
        at = self.at
        length, inner = self.cells[which], self.cells[2]
        letter = at.select(flip, self.letters["T"], self.letters["N"])
        rows, columns = at.select(flip, inner, length), at.select(flip, length, inner)
        one, zero = self.scales
        step = self.one_step
        self._call(
            self.gemv, letter, rows, columns, one, matrix, self.leading[which], x, step,
            zero, c, step,
        )  # fmt: skip

    def _times_matrix(self, a: Any, b: Any, c: Any) -> None:
        at = self.at
        m, n, k = self.cells
        letters = [
            at.select(t, self.letters["T"], self.letters["N"]) for t in self.turned
        ]
        one, zero = self.scales
        self._call(
            self.gemm, letters[1], letters[0], n, m, k, one, b, self.leading[1], a,
            self.leading[0], zero, c, n,
        )  # fmt: skip

    def _call(self, function: Any, *arguments: Any) -> None:
        at = self.at
        opaque = [
            at.bitcast(a, POINTER) if not a.type.is_opaque else a for a in arguments
        ]
        at.call(function, opaque)
