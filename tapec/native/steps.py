"""The steps of a program: which routine each op calls, what it reads and writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tapec import primitive as lowerings
from tapec.ir import Dim, Function, TupleType, Value, dims_of
from tapec.native.driver import driver
from tapec.native.gemm import gemm
from tapec.native.layout import NoNative
from tapec.native.levels import folded_transpose
from tapec.native.library import Product, is_called
from tapec.native.lowering import is_view
from tapec.native.plan import Plan, Storage
from tapec.native.sharing import Shared, shared

if TYPE_CHECKING:
    from tapec.native.cache import KernelCode, Wanted
    from tapec.native.control_steps import Control

__all__ = ["Step", "make_steps"]


class Step:
    """kind: kernel, library, control, check or host. written: per result its value, if
    read.

    work: about how many bytes and operations it takes, where that is known.
    """

    def __init__(self, kind: str, op: Value, written: list[Value | None]) -> None:
        self.kind = kind
        self.op = op
        self.written = written
        self.product: Product | None = None
        if kind == "library":
            self.product = gemm(op) or Product(op)
        self.control: Control | None = None
        self.hosted: Callable[..., tuple[Any, ...]] | None = None
        self.shared: Shared | None = shared(op) if kind == "kernel" else None

    def __repr__(self) -> str:
        return f"<step {self.kind}: {self.op!r}>"

    @property
    def reads(self) -> list[Value]:
        """The values whose buffers it reads."""
        return list(self.product.operands if self.product else self.op.args)

    @property
    def writes(self) -> list[Storage]:
        """The storages it fills."""
        if self.op.prim.effect:
            return []
        found = [(self.op, index) for index in range(len(self.written))]
        own = self.control or self.shared or self.product
        if own is None or own.workspace is None:
            return found
        return [*found, (own.workspace, 0)]

    @property
    def work(self) -> int:
        """Bytes it touches, or operations if those are more."""
        types = [v.type for v in (*self.op.args, *self.written) if v is not None]
        moved = sum(int(t.nbytes) for t in types if not isinstance(t, TupleType))
        if self.kind == "kernel":
            moved *= 1 + len(self.op.attr("body").ops) // 8
        flops = self.product.flops if self.product else 0
        operations: int = 4 * _operations(self.op)
        return max(moved, flops, operations)

    @property
    def chunks(self) -> int:
        """The parts of its work that threads share; 1 if they share nothing."""
        if self.product is not None:
            return self.product.chunks
        return 1 if self.shared is None else self.shared.chunks.number

    @property
    def wanted(self) -> Wanted:
        """The kernel that it runs."""
        return self.op.attr("body"), self.shared is not None

    def address(self, kernels: dict[Wanted, KernelCode]) -> int:
        """Its routine; 0 on the host."""
        if self.shared is not None:
            return self.shared.address
        if self.kind == "kernel":
            return kernels[self.wanted].address
        if self.product is not None:
            return self.product.address
        if self.control is not None:
            return self.control.address
        if self.kind == "check":
            dtype = self.op.args[0].dtype
            name = "check_bool" if dtype.kind == "b" else "check_i64"
            return driver().address(name)
        return 0

    def indices(self, plan: Plan, kernels: dict[Wanted, KernelCode]) -> list[int]:
        """What the routine is told: mostly slots."""
        if self.product is not None:
            return self.product.indices(plan)
        if self.control is not None:
            return self.control.indices(plan)
        if self.kind == "check":
            return [plan.slot(self.op.args[0]), int(self.op.attr("expected"))]
        if self.kind == "kernel":
            written = [plan.slots[self.op, i] for i in range(len(self.written))]
            sizes = dict(self.op.attrs).get("sizes", ())
            told = [*map(plan.slot, self.op.args), *written, *sizes]
            if self.shared is None:
                return told
            return self.shared.indices(kernels[self.wanted].address, plan, told)
        return []


def _operations(op: Value) -> Any:
    """How many operations a loop runs, at least; 1 for anything else."""
    inside: Any = 0
    for fn in Function("", (), [op], ()).bodies():
        inside += sum(map(_operations, fn.ops))
    if op.prim.name == "scan":
        inside = op.attr("length") * inside
    sizes = dict(op.attrs).get("sizes")
    if sizes and isinstance(inside, Dim):
        inside = inside.at(dict(zip(dims_of(op.attr("body")), sizes, strict=True)))
    return 1 + inside


def make_steps(fn: Function) -> list[Step]:
    """One step per op that computes something."""
    items: dict[Value, dict[int, Value]] = defaultdict(dict)
    for op in fn.ops:
        if op.prim.name == "item":
            items[op.args[0]][op.attr("index")] = op
    folded = _folded(fn)
    steps = []
    for op in fn.ops:
        if op.prim.name in ("const", "item") or is_view(op) or op in folded:
            continue
        written: list[Value | None] = [op]
        if isinstance(op.type, TupleType):
            written = [items[op].get(i) for i in range(len(op.type.items))]
        steps.append(_controlled(Step(_kind(op), op, written)))
    return steps


def _controlled(step: Step) -> Step:
    """A loop or branch as a native step, if its bodies can be."""
    if step.kind != "host":
        return step
    from tapec.native.control_steps import control
    from tapec.native.hosted import hosted

    with suppress(NoNative):
        step.control = control(step.op)
    if step.control is None:
        step.hosted = hosted(step.op)
    else:
        step.kind = "control"
    return step


def _folded(fn: Function) -> set[Value]:
    """Transposes that only matrix products in BLAS read."""
    wanted = set(fn.results)
    for op in fn.ops:
        if _kind(op) != "library":
            wanted.update(op.args)
    return {op for op in fn.ops if folded_transpose(op) and op not in wanted}


def _kind(op: Value) -> str:
    lower = op.prim.lower
    if op.prim.name == "fused":
        return "kernel"
    if op.prim.name == "check" and op.args[0].dtype.str[1:] in ("b1", "i8"):
        return "check"
    if isinstance(lower, lowerings.Library) and lower.routine == "matmul":
        return "library" if is_called(op) else "host"
    return "host"
