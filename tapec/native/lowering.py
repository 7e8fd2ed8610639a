"""What runs where: in a kernel, as a view, as a library call, or on the host."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import Any

from llvmlite import ir

from tapec import primitive as lowerings
from tapec.ir import ArrayType, Attrs, Dim, Function, Value, exact
from tapec.native.extents import Extents
from tapec.native.layout import NoNative, real_dtype, register_type
from tapec.native.scalars import Builder, Scalar

__all__ = ["cost", "is_view"]

CALL = 24
"""Instructions that a mathematical function counts as."""

_costs: dict[Any, int | None] = {}
_movable: dict[Any, bool] = {}


def cost(op: Value) -> int | None:
    """Instructions per element of an op in a kernel; None if it cannot be in one."""
    if op.prim.effect or op.prim.may_raise or not all(map(_is_array, (op, *op.args))):
        return None
    lower = op.prim.lower
    if isinstance(lower, lowerings.Index):
        return lower.cost if _is_movable(op) else None
    if isinstance(lower, lowerings.Reduce):
        ordered = lower.monoid in ("max", "min")
        return None if ordered and op.args[0].dtype.kind == "c" else 1
    if isinstance(lower, lowerings.Pack):
        return len(op.args)
    emit, dtypes = _element(op)
    if emit is None:
        return None
    attrs = op.attrs if isinstance(lower, lowerings.Scalar) else ()
    key = op.prim, dtypes, op.dtype, exact(attrs)
    if key not in _costs:
        _costs[key] = _dry_run(emit, dtypes, op.dtype, attrs)
    return _costs[key]


def _element(op: Value) -> tuple[Any, tuple[Any, ...]]:
    """What is done with each element, if anything can be, and the dtypes it takes."""
    lower, dtypes = op.prim.lower, tuple([a.dtype for a in op.args])
    if isinstance(lower, lowerings.Scalar):
        return lower.emit, dtypes
    serial = isinstance(lower, (lowerings.Running, lowerings.Scatter))
    if not serial or not _is_movable(op):
        return None, ()
    if isinstance(lower, lowerings.Running):
        return lower.emit, (op.dtype, *dtypes)
    return (lambda b, x, y: x + y if lower.adds else y), (op.dtype,) * 2


def _is_array(value: Value) -> bool:
    return isinstance(value.type, ArrayType)


def _is_movable(op: Value) -> bool:
    """Whether the element at an index can be found with the op's symbolic extents."""
    if not any(isinstance(n, Dim) for v in (op, *op.args) for n in v.shape):
        return True
    types = tuple([a.type for a in op.args])
    key = op.prim, types, op.type, exact(op.attrs)
    if key not in _movable:
        _movable[key] = _dry_kernel(op)
    return _movable[key]


def _dry_kernel(op: Value) -> bool:
    """Emit a kernel of this op alone into a module that is thrown away."""
    from tapec.native.kernels import emit_kernel

    params = [Value(None, (), (), a.type, uid) for uid, a in enumerate(op.args)]
    alone = Value(op.prim, tuple(params), op.attrs, op.type, len(params))
    body = Function("f", params, [alone], [alone])
    try:
        emit_kernel(ir.Module("scratch"), body, "f", trial=True)
    except (NoNative, TypeError):  # a question without one answer for all sizes
        return False
    return True


def is_view(op: Value) -> bool:
    """Whether an op is its operand's buffer under another shape."""
    return isinstance(op.prim.lower, lowerings.View) and isinstance(op.type, ArrayType)


class _Counter(Builder):
    """Mathematical functions are called without their code."""

    def call_math(self, at: Any, name: str, values: list[Any], serial: bool) -> Any:
        from tapec.native.math import declare

        return at.call(declare(at.module, name, values[0].type), values)


def _dry_run(emit: Any, dtypes: Any, out: Any, attrs: Attrs) -> int | None:
    """Emit into a module that is thrown away, and count."""
    module = ir.Module("scratch")
    kinds = [kind for dtype in dtypes for kind in _kinds(dtype)]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), "scratch")
    b = _Counter([ir.IRBuilder(function.append_basic_block())])
    b.extents = Extents(
        defaultdict(lambda: ir.Constant(ir.IntType(64), 1)), b.scopes[0]
    )
    parts = iter(function.args)
    xs = [b.make(d, 0, *[next(parts) for _ in _kinds(d)]) for d in dtypes]
    try:
        element = emit(b, *xs, **dict(attrs))
        if element is NotImplemented:
            return None
        if isinstance(element, Scalar):
            b.cast(element, out)
    except NoNative:
        return None
    instructions = [i for block in function.blocks for i in block.instructions]
    return sum(CALL if _is_math(i) else 1 for i in instructions)


@cache
def _kinds(dtype: Any) -> tuple[Any, ...]:
    if dtype.kind == "c":
        return (register_type(real_dtype(dtype)),) * 2
    return (register_type(dtype),)


def _is_math(instruction: Any) -> bool:
    called = getattr(instruction, "callee", None)
    return called is not None and called.name.startswith("tapec.")
