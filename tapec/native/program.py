"""A function as native code: a table of steps, run by an emitted driver.

    program = compile(fuse(fn))
    results = program(x, w)

Native steps (kernels, library calls, checks, copies) follow each other in one call of
the driver; host steps run their primitive's reference on views of the same buffers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from tapec import interpret
from tapec.errors import CheckFailed
from tapec.ir import ArrayType, Function, TupleType, Value, is_dynamic
from tapec.native.blocks import empty_for
from tapec.native.cache import Kernel, KernelCode, kernels_for
from tapec.native.driver import CHECK_FAILED, ODD, begin_driver, driver
from tapec.native.heap import NO_MEMORY
from tapec.native.inner import inner_codes
from tapec.native.plan import ALIGNMENT, Plan, make_plan
from tapec.native.platform import HEADERS
from tapec.native.sized import Sized
from tapec.native.steps import Step, make_steps
from tapec.native.table import Table
from tapec.native.weight import light
from tapec.native.words import Words

__all__ = ["Direct", "Program", "compile"]

Array = np.ndarray[Any, Any]

LONG = 200_000
"""Bytes and operations of a call from which on other threads may run meanwhile."""


def compile(fn: Function) -> Program | Sized:
    """The native program of an optimized function (after `fuse`).

    As in `interpret.evaluate`, the contents of `assign` effects follow the results.
    """
    ops = [op for op in fn.ops if op.prim.name != "assign"]
    fn = fn.with_(ops=ops, results=fn.outputs)
    return Sized(fn) if is_dynamic(fn) else Program(fn)


class _Frame:
    """What one running call needs for itself: its buffers, and views for host steps."""

    def __init__(self, program: Program) -> None:
        plan = program.plan
        raw = np.empty(plan.nbytes + ALIGNMENT, np.uint8)
        skip = -raw.ctypes.data % ALIGNMENT
        self.arena = raw[skip : skip + plan.nbytes]
        start = raw.ctypes.data + skip
        words = [start + b.offset if b.kind == "arena" else 0 for b in plan.buffers]
        for slot, op in plan.constants:
            words[slot] = program.constants[op].ctypes.data
        self.slots = (ctypes.c_int64 * max(len(words), 1))(*words)
        self.address = ctypes.addressof(self.slots)
        self.views: dict[Any, Array] = {}

    def view(self, program: Program, value: Value, given: Sequence[Array]) -> Array:
        """A value as an array: of the caller's, a constant, or a part of the arena."""
        found = self.views.get(value)
        if found is not None:
            return found
        slot = program.plan.slot(value)
        buffer = program.plan.buffers[slot]
        shape, dtype = value.shape, value.dtype
        if slot < len(given):
            return given[slot].reshape(shape)
        if buffer.kind == "constant":
            (op,) = (op for s, op in program.plan.constants if s == slot)
            return program.constants[op].reshape(shape)
        part = self.arena[buffer.offset :][: value.type.nbytes]
        view: Array = part.view(dtype).reshape(shape)
        self.views[value] = view
        return view


def _seconds(work: Callable[[], Any]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


class Direct(NamedTuple):
    """What an entry needs to run a program that has no host steps.

    steps, end: the driver's table. constants: slots and arrays. long: whether other
    threads may run meanwhile.
    """

    plan: Plan
    params: list[ArrayType]
    outs: list[ArrayType]
    steps: int
    end: int
    constants: list[tuple[int, Array]]
    long: bool


class Program:
    """Call it with one array per parameter; it returns fresh arrays.

    steps: the table, in order. plan: where values live. kernels: the code of each
    different kernel. Several threads may call one program.
    """

    def __init__(self, fn: Function) -> None:
        begin_driver()
        self.function = fn
        self.steps: list[Step] = make_steps(fn)
        rows = [(step.reads, step.writes) for step in self.steps]
        self.plan: Plan = make_plan(fn, rows)
        self.constants = {
            op: np.ascontiguousarray(op.attr("value").array).reshape(op.shape)
            for _, op in self.plan.constants
        }
        self._kernels = kernels_for(
            [step.wanted for step in self.steps if step.kind == "kernel"],
            light(self.steps),
        )
        self._params = [p.type for p in fn.params]
        self._outs = [(empty_for(r.type), r.shape, r.dtype) for r in fn.results]
        self._frames: list[_Frame] = []
        self._tabulate()

    @property
    def kernels(self) -> list[Kernel]:
        """Each different kernel once, in the order of first use, named as in text."""
        chunks = {s.wanted: s.chunks for s in self.steps if s.kind == "kernel"}
        return [
            Kernel(f"kernel.{number}" if number else "kernel", code, chunks[wanted])
            for number, (wanted, code) in enumerate(self._kernels.items())
        ]

    @property
    def codes(self) -> Iterator[KernelCode]:
        """The kernels, and those of the bodies of loops and branches."""
        yield from self._kernels.values()
        yield from inner_codes(self.steps)

    # --- tables

    def _tabulate(self) -> None:
        """Everything the driver reads, prepared once."""
        shared = driver()
        self._steps = Table(self.steps, self.plan, self._kernels)
        self._table_address, self._end = self._steps.address, self._steps.count
        self._segments = self._segment()
        native = len(self._segments) == 1 and HEADERS.valid
        header = [*self._header(), self._table_address]
        header += [self._end if native else 0, id(np.ndarray)]
        self._head = Words(header)
        self._head_address = self._head.address
        long = sum(step.work for step in self.steps) > LONG
        self._enter: Callable[..., int] = (
            shared.enter_freely if long and native else shared.enter
        )
        self._run: Callable[..., int] = shared.run_freely if long else shared.run
        self._rest = None if native else self._segments

    def _header(self) -> list[int]:
        rows: list[int] = []
        self._extents = [Words(t.shape) for t in self._params]
        for t, extents in zip(self._params, self._extents, strict=True):
            # Arrays have the one dtype object that NumPy has for each character.
            dtype = np.dtype(t.dtype.char)
            rows += [id(dtype), t.ndim, extents.address]
        self._arguments = Words(rows)
        return [len(self._params), self._arguments.address, len(self._outs)]

    def _segment(self) -> list[tuple[int, int]]:
        """Runs of native steps; a host step follows each of them but the last."""
        found, begin = [], 0
        for number, step in enumerate(self.steps):
            if step.kind == "host":
                found.append((begin, number))
                begin = number + 1
        return [*found, (begin, self._end)]

    @property
    def direct(self) -> Direct | None:
        """How emitted code runs it; None where only Python can."""
        if self._rest is not None:
            return None
        constants = [(slot, self.constants[op]) for slot, op in self.plan.constants]
        outs = [r.type for r in self.function.results]
        long = sum(step.work for step in self.steps) > LONG
        steps = self._table_address
        return Direct(self.plan, self._params, outs, steps, self._end, constants, long)

    # --- calls

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """Run on arrays of the parameters' dtypes and shapes, of any layout."""
        results = tuple([empty(shape, dtype) for empty, shape, dtype in self._outs])
        frames = self._frames
        try:
            frame = frames.pop()
        except IndexError:  # as many calls are running as frames were made
            frame = _Frame(self)
        try:
            status = ODD
            if HEADERS.valid:
                head = self._head_address
                status = self._enter(frame.address, id(arrays), id(results), head)
            if status == ODD:
                arrays = self._plain(arrays)
                status = self._start(frame, arrays, results)
            if status:
                self._finish(status, frame, (*arrays, *results), self._end)
            if self._rest is not None:
                self._continue(frame, (*arrays, *results))
        finally:
            frames.append(frame)
        return results

    def stepwise(self, *arrays: Array) -> Iterator[float]:
        """Run step by step, each when the next is asked for: the seconds it took."""
        results = tuple([empty(shape, dtype) for empty, shape, dtype in self._outs])
        given = (*self._plain(arrays), *results)
        frame = _Frame(self)
        for slot, a in enumerate(given):
            frame.slots[slot] = a.ctypes.data
        run = partial(self._run, frame.address, self._table_address)
        idle = min(_seconds(partial(run, 0, 0)) for _ in range(16))
        for number, step in enumerate(self.steps):
            if step.kind == "host":
                work = partial(self._on_host, step, frame, given)
                yield _seconds(work)
            else:
                yield max(_seconds(partial(run, number, number + 1)) - idle, 0.0)

    def _start(
        self, frame: _Frame, arrays: Sequence[Array], results: Sequence[Array]
    ) -> int:
        """What the emitted entry does, slowly: enter the addresses, run."""
        for slot, a in enumerate((*arrays, *results)):
            frame.slots[slot] = a.ctypes.data
        if self._rest is not None:
            return 0
        return self._run(frame.address, self._table_address, 0, self._end)

    def _plain(self, arrays: Sequence[Any]) -> tuple[Array, ...]:
        """Contiguous, aligned, native copies of arrays that are not."""
        if len(arrays) != len(self._params):
            raise TypeError(f"{len(self._params)} arrays wanted, not {len(arrays)}")
        plain = []
        for number, (a, t) in enumerate(zip(arrays, self._params, strict=True)):
            a = np.asarray(a)
            if a.shape != t.shape or a.dtype.newbyteorder("=") != t.dtype:
                found = f"{a.dtype}{list(a.shape)}"
                raise TypeError(f"array {number}: {t!r} wanted, not {found}")
            plain.append(np.require(a, t.dtype, ["C", "A"]).reshape(t.shape))
        return tuple(plain)

    def _continue(self, frame: _Frame, given: tuple[Array, ...]) -> None:
        """Native runs and host steps in turn."""
        for begin, end in self._segments:
            if begin < end:
                status = self._run(frame.address, self._table_address, begin, end)
                self._finish(status, frame, given, end)
            if end < len(self.steps):
                self._on_host(self.steps[end], frame, given)

    def _on_host(self, step: Step, frame: _Frame, given: tuple[Array, ...]) -> None:
        args = [self._host_argument(a, frame, given) for a in step.op.args]
        with np.errstate(all="ignore"):
            out = step.hosted(*args) if step.hosted else interpret.apply(step.op, args)
        if step.op.prim.effect:
            return
        if not isinstance(step.op.type, TupleType):
            out = (out,)
        for value, array in zip(step.written, out, strict=True):
            if value is not None:
                frame.view(self, value, given)[...] = array

    def _host_argument(
        self, value: Value, frame: _Frame, given: tuple[Array, ...]
    ) -> Any:
        if isinstance(value.type, TupleType):
            raise AssertionError("a host step reads an op with several results")
        return frame.view(self, value, given)

    def _finish(
        self, status: int, frame: _Frame, given: tuple[Array, ...], end: int
    ) -> None:
        """What a native step cannot do the host does: it raises, as a rule.

        If it does not, as it rounds differently, the steps behind follow.
        """
        while status:
            step = self.steps[(status >> 8) - 1]
            if status & 255 == NO_MEMORY:
                raise MemoryError(f"{step.op.prim.name}: no memory for what it keeps")
            if status & 255 != CHECK_FAILED:
                raise AssertionError(f"native step {step!r} answered {status & 255}")
            if step.kind == "check":
                raise CheckFailed(step.op)
            self._on_host(step, frame, given)
            status = self._run(frame.address, self._table_address, status >> 8, end)
