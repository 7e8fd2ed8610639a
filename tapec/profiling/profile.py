"""Time, bytes and operations of every step of a program."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tapec.ir import Function, Value
from tapec.native.program import Program
from tapec.native.sized import Sized
from tapec.native.steps import Step
from tapec.profiling.machine import bandwidth, peak
from tapec.profiling.work import moved, operations

__all__ = ["Profile", "Row", "profile"]

SHOWN = 24
"""Rows of the table; the others are summed up."""

ROUNDS = 5
"""How often the program runs at least."""


@dataclass(frozen=True)
class Row:
    """One step.

    name: of the kernel, routine or primitive. place: `file:line` of the user's code
    that most of it comes from. seconds: the median of the rounds. nbytes: of the
    arrays it reads and writes. operations: None where unknown. bandwidth, peak: what
    the machine reaches for so many bytes, and for such numbers. uid: of its op in the
    optimized program. uids: the values that it computes.
    """

    name: str
    kind: str
    place: str
    seconds: float
    nbytes: int
    operations: int | None
    bandwidth: float
    peak: float
    uid: int
    uids: tuple[int, ...] = field(repr=False)

    @property
    def of_bandwidth(self) -> float:
        """The fraction of the machine's bandwidth that it reaches."""
        return self.nbytes / self.seconds / self.bandwidth

    @property
    def of_peak(self) -> float | None:
        """The fraction of the machine's arithmetic that it reaches."""
        if self.operations is None:
            return None
        return self.operations / self.seconds / self.peak


@dataclass(frozen=True)
class Profile:
    """What `profile` found; its text is a table, the slowest step first.

    rows: the steps in the order they run. total: seconds of a call as a whole.
    """

    rows: tuple[Row, ...]
    total: float

    @property
    def seconds(self) -> dict[int, float]:
        """By the uid of a value of the optimized program: the time of its step."""
        return {uid: row.seconds for row in self.rows for uid in row.uids}

    def __str__(self) -> str:
        whole = sum(row.seconds for row in self.rows) or 1.0
        rows = sorted(self.rows, key=lambda row: -row.seconds)
        lines = [HEAD, *(_line(row, whole) for row in rows[:SHOWN])]
        if rest := rows[SHOWN:]:
            seconds = sum(row.seconds for row in rest)
            lines.append(f"{_time(seconds)} {seconds / whole:>5.0%}  {len(rest)} more")
        steps = f"{len(self.rows)} step{'s' * (len(self.rows) != 1)}"
        lines.append(f"{_time(self.total).strip()} a call, {steps}")
        return "\n".join(lines)


HEAD = (
    "     time share  of bandwidth  of peak  "
    f"{'step':<22} {'bytes':>9} {'operations':>11}  place"
)


def profile(
    program: Program | Sized, inputs: Sequence[Any], budget: float = 0.5
) -> Profile:
    """Run a program step by step for `budget` seconds, a few times at least.

    A step is timed as it is called in the program: its operands are where the steps
    before left them. The price of the clock is measured and taken off.
    """
    if isinstance(program, Sized):
        program = program.program(inputs)
    times: list[list[float]] = [[] for _ in program.steps]
    totals: list[float] = []
    end = time.perf_counter() + budget
    while len(totals) < ROUNDS or time.perf_counter() < end:
        for samples, seconds in zip(times, program.stepwise(*inputs), strict=True):
            samples.append(seconds)
        start = time.perf_counter()
        program(*inputs)
        totals.append(time.perf_counter() - start)
    names = _names(program)
    rows = [
        _row(step, name, median(samples))
        for step, name, samples in zip(program.steps, names, times, strict=True)
    ]
    return Profile(tuple(rows), median(totals))


def _row(step: Step, name: str, seconds: float) -> Row:
    nbytes = moved(step)
    ops = _ops(step)
    dtype = next((v.dtype for v in step.written if v is not None), None)
    return Row(
        name, step.kind, _place(ops), max(seconds, 1e-9), nbytes, operations(step),
        bandwidth(nbytes), peak(dtype), step.op.uid, tuple(op.uid for op in ops),
    )  # fmt: skip


def _ops(step: Step) -> list[Value]:
    """The op, or those of the kernel it is."""
    if step.kind == "kernel":
        return list(step.op.attr("body").ops)
    return [step.op]


def _names(program: Program) -> list[str]:
    kernels: dict[Function, str] = {k.body: k.name for k in program.kernels}
    return [
        kernels[step.op.attr("body")] if step.kind == "kernel" else _called(step)
        for step in program.steps
    ]


def _called(step: Step) -> str:
    if step.product is None:
        return str(step.op.prim.name)
    sizes = step.product
    return f"matmul {sizes.m}x{sizes.k}x{sizes.n}"


def _place(ops: list[Value]) -> str:
    """The line that most of the ops come from."""
    found = Counter(repr(op.meta.loc) for op in ops if op.meta.loc is not None)
    return found.most_common(1)[0][0].rpartition("/")[2] if found else ""


# --- text -------------------------------------------------------------------------


def _line(row: Row, whole: float) -> str:
    of_peak = "" if row.of_peak is None else f"{row.of_peak:.0%}"
    ops = "" if row.operations is None else _count(row.operations)
    return (
        f"{_time(row.seconds)} {row.seconds / whole:>5.0%}  {row.of_bandwidth:>12.0%}"
        f"  {of_peak:>7}  {row.name:<22} {_count(row.nbytes):>9} {ops:>11}  {row.place}"
    ).rstrip()


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * scale >= 1.0:
            return f"{seconds * scale:>6.4g} {unit}".rjust(9)
    return f"{seconds * 1e9:>6.3g} ns".rjust(9)


def _count(n: int) -> str:
    for unit, scale in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if n >= scale:
            return f"{n / scale:.3g} {unit}"
    return str(n)
