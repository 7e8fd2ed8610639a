"""The memory of the worker pool, and how its code is written."""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Any

from llvmlite import ir

from tapec.native import platform
from tapec.native.driver import BYTE, INT, WORD, _define, _number

__all__ = [
    "CONDITION",
    "LINE",
    "LINES",
    "MUTEX",
    "TURN",
    "Code",
    "Joined",
    "Row",
    "State",
]

VOID = ir.VoidType()


class Row(IntEnum):
    """Words of the indices of a parallel step.

    partial, joined: how many partial results a chunk has, and the address of as many
    rows, see `Joined`. most: threads that may share it. scratch: a slot, or -1.
    """

    state = 0
    threads = auto()
    chunk = auto()
    partial = auto()
    joined = auto()
    count = auto()
    extent = auto()
    length = auto()
    scratch = auto()
    stride = auto()
    most = auto()
    rest = auto()


class Joined(IntEnum):
    """Words of a row: the routine that combines two partial results, the slot of the
    result, where it is in the memory of a chunk, its elements and bytes."""

    combine = 0
    slot = auto()
    where = auto()
    size = auto()
    nbytes = auto()


class State(IntEnum):
    """Words of the pool's memory.

    busy: a call has the workers. started: how many exist. turn: number of the step they
    are to work on; they may join while `open`, and `active` did. asleep: workers that
    wait for the next turn. waiting: the caller waits for those that are active. What
    follows is the step, how many threads share it, and what a chunk answered if not 0.
    share: the routine that calls the workers, 0 as long as one thread is enough.
    """

    busy = 0
    started = auto()
    turn = auto()
    open = auto()
    active = auto()
    asleep = auto()
    waiting = auto()
    sharing = auto()
    failed = auto()
    slots = auto()
    indices = auto()
    share = auto()


MUTEX, TURN, CONDITION, LINES, LINE = 256, 384, 512, 640, 64
"""Bytes: where the mutex and two conditions are (a new turn; no worker is active any
more), and the lines of the threads, each [next chunk, address of the state, number]."""

SPINS = 400
"""Looks at a word that is about to change before a thread goes to sleep: some 20 us."""


class Code:
    """A function of the pool under construction."""

    def __init__(self, module: Any, name: str, result: Any, *kinds: Any) -> None:
        self.module = module
        self.function = _define(module, name, result, list(kinds))
        self.at = ir.IRBuilder(self.function.append_basic_block("entry"))

    def field(self, state: Any, word: State) -> Any:
        return self.at.gep(state, [_number(word)], source_etype=INT)

    def get(self, state: Any, word: State) -> Any:
        return self.at.load(self.field(state, word), typ=INT)

    def put(self, value: Any, state: Any, word: State) -> None:
        self.at.store(value, self.field(state, word))

    def now(self, state: Any, word: State) -> Any:
        """What the word is at this moment, as other threads change it."""
        return self.at.load_atomic(self.field(state, word), "acquire", 8, typ=INT)

    def change(self, state: Any, word: State, by: int) -> None:
        self.put(self.at.add(self.get(state, word), _number(by)), state, word)

    def inside(self, base: Any, offset: Any) -> Any:
        offset = _number(offset) if isinstance(offset, int) else offset
        return self.at.gep(base, [offset], source_etype=BYTE)

    def line(self, state: Any, number: Any) -> Any:
        offset = self.at.add(self.at.mul(number, _number(LINE)), _number(LINES))
        return self.inside(state, offset)

    def same(self, a: Any, b: Any) -> Any:
        return self.at.icmp_unsigned("==", a, b)

    def call(self, name: str, *arguments: Any) -> Any:
        """A function for threads; all of them return a C int."""
        found = self.module.globals.get(name)
        if found is None:
            kinds = [a.type for a in arguments]
            found = ir.Function(self.module, ir.FunctionType(WORD, kinds), name)
        return self.at.call(found, arguments)

    def lock(self, state: Any) -> None:
        self.call("pthread_mutex_lock", self.inside(state, MUTEX))

    def unlock(self, state: Any) -> None:
        self.call("pthread_mutex_unlock", self.inside(state, MUTEX))

    def sleep_until(self, state: Any, condition: int, done: Any) -> None:
        """With the mutex held: wait for a signal while `done()` does not hold."""
        at = self.at
        look, wait, on = map(at.append_basic_block, ("look", "wait", "on"))
        at.branch(look)
        at.position_at_end(look)
        at.cbranch(done(), on, wait)
        at.position_at_end(wait)
        where = self.inside(state, condition)
        self.call("pthread_cond_wait", where, self.inside(state, MUTEX))
        at.branch(look)
        at.position_at_end(on)

    def spin_until(self, done: Any) -> None:
        """Look again and again for a while whether `done()` holds."""
        at = self.at
        look, pause, on = map(at.append_basic_block, ("spin", "pause", "spun"))
        before = at.block
        at.branch(look)
        at.position_at_end(look)
        count = at.phi(INT)
        count.add_incoming(_number(0), before)
        enough = self.same(count, _number(SPINS))
        at.cbranch(at.or_(done(), enough), on, pause)
        at.position_at_end(pause)
        name, numbers = platform.pause_instruction()
        if name:
            kind = ir.FunctionType(VOID, [WORD] * len(numbers))
            pause_ = self.module.globals.get(name) or ir.Function(
                self.module, kind, name
            )
            at.call(pause_, [ir.Constant(WORD, n) for n in numbers])
        count.add_incoming(at.add(count, _number(1)), at.block)
        at.branch(look)
        at.position_at_end(on)
