"""The emitted code of the worker pool.

    i32 parallel(ptr slots, ptr indices)

is a step whose work consists of chunks that do not depend on each other:

    chunk(slots, rest, begin, end, scratch + number * stride)

for the numbers 0 .. count-1; `join(slots, rest, scratch, count, stride)` follows them.
`rest` is what the indices hold behind the words named in `Row`. Which chunks there are
does not depend on the number of threads, so neither do results.

One call has the workers, others at that time do all of their chunks themselves; so
does a call that finds one thread wanted. A worker that wakes up late takes no part, and
nobody waits for it. Each thread begins with its own stretch of the chunks (the same in
the next step, whose data it has in its cache) and then helps with the others.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Any

from llvmlite import ir

from tapec.native import platform
from tapec.native.driver import INT, POINTER, WORD, _define, _item, _Loop, _number

__all__ = ["CONDITION", "LINE", "LINES", "MUTEX", "TURN", "Row", "State", "emit"]

BYTE, VOID = ir.IntType(8), ir.VoidType()
CHUNK = ir.FunctionType(WORD, [POINTER, POINTER, INT, INT, POINTER])
JOIN = ir.FunctionType(WORD, [POINTER, POINTER, POINTER, INT, INT])


class Row(IntEnum):
    """Words of the indices of a parallel step. scratch: a slot, or -1."""

    state = 0
    threads = auto()
    chunk = auto()
    join = auto()
    count = auto()
    extent = auto()
    length = auto()
    scratch = auto()
    stride = auto()
    rest = auto()


class State(IntEnum):
    """Words of the pool's memory.

    busy: a call has the workers. started: how many exist. turn: number of the step they
    are to work on; they may join while `open`, and `active` did. asleep: workers that
    wait for the next turn. waiting: the caller waits for those that are active. What
    follows is the step, and how many threads share it.
    """

    busy = 0
    started = auto()
    turn = auto()
    open = auto()
    active = auto()
    asleep = auto()
    waiting = auto()
    sharing = auto()
    slots = auto()
    indices = auto()


MUTEX, TURN, CONDITION, LINES, LINE = 256, 384, 512, 640, 64
"""Bytes: where the mutex and two conditions are (a new turn; no worker is active any
more), and the lines of the threads, each [next chunk, address of the state, number]."""

SPINS = 400
"""Looks at a word that is about to change before a thread goes to sleep: some 20 us."""

FULL, SOME = 128, 64
"""Bytes of a set of signals, and of the variables for a new thread."""


def emit(module: Any, workers: bool, replace_mask: int) -> None:
    """Add `parallel`; workers: whether threads can be made on this system."""
    _emit_alone(module)
    if workers:
        _emit_work(module)
        _emit_worker(module)
        _emit_start(module, replace_mask)
        _emit_share(module)
    _emit_parallel(module, workers)


class _Code:
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


def _run_chunk(code: _Code, slots: Any, indices: Any, number: Any) -> None:
    at = code.at
    length, extent = (_item(at, indices, word) for word in (Row.length, Row.extent))
    begin = at.mul(number, length)
    end = at.add(begin, length)
    end = at.select(at.icmp_unsigned("<", end, extent), end, extent)
    scratch = code.inside(
        _scratch(code, slots, indices), at.mul(number, _item(at, indices, Row.stride))
    )
    chunk = _item(at, indices, Row.chunk, CHUNK.as_pointer())
    at.call(chunk, [slots, _rest(code, indices), begin, end, scratch])


def _rest(code: _Code, indices: Any) -> Any:
    return code.at.gep(indices, [_number(Row.rest)], source_etype=INT)


def _scratch(code: _Code, slots: Any, indices: Any) -> Any:
    """The memory of all chunks; any address where they need none."""
    at = code.at
    slot = _item(at, indices, Row.scratch)
    slot = at.select(at.icmp_signed("<", slot, _number(0)), _number(0), slot)
    return _item(at, slots, slot, POINTER)


def _emit_alone(module: Any) -> None:
    """All chunks, one after the other."""
    code = _Code(module, "alone", VOID, POINTER, POINTER)
    slots, indices = code.function.args
    with _Loop(code.at, _number(0), _item(code.at, indices, Row.count)) as number:
        _run_chunk(code, slots, indices, number)
    code.at.ret_void()


def _emit_work(module: Any) -> None:
    """What thread number `me` does: its own stretch, then what is left of others'."""
    code = _Code(module, "work", VOID, POINTER, INT)
    state, me = code.function.args
    at = code.at
    slots, indices = (
        at.load(code.field(state, word), typ=POINTER)
        for word in (State.slots, State.indices)
    )
    sharing, count = code.get(state, State.sharing), _item(at, indices, Row.count)
    with _Loop(at, _number(0), sharing) as turn:
        whose = at.urem(at.add(me, turn), sharing)
        end = at.add(whose, _number(1))
        end = at.udiv(at.mul(end, count), sharing)
        following = code.line(state, whose)
        take, run, on = map(at.append_basic_block, ("take", "run", "on"))
        at.branch(take)
        at.position_at_end(take)
        number = at.atomic_rmw("add", following, _number(1), "monotonic")
        at.cbranch(at.icmp_unsigned("<", number, end), run, on)
        at.position_at_end(run)
        _run_chunk(code, slots, indices, number)
        at.branch(take)
        at.position_at_end(on)
    at.ret_void()


def _emit_worker(module: Any) -> None:
    """A worker's life. Its argument is its line."""
    code = _Code(module, "worker", POINTER, POINTER)
    (line,) = code.function.args
    at = code.at
    state, me = _item(at, line, 1, POINTER), _item(at, line, 2)
    again = at.append_basic_block("again")
    before = at.block
    at.branch(again)
    at.position_at_end(again)
    seen = at.phi(INT)
    seen.add_incoming(_number(0), before)

    def is_new() -> Any:
        return at.icmp_unsigned("!=", code.now(state, State.turn), seen)

    code.spin_until(is_new)
    code.lock(state)
    code.change(state, State.asleep, 1)
    code.sleep_until(state, TURN, is_new)
    code.change(state, State.asleep, -1)
    turn = code.get(state, State.turn)
    welcome = at.icmp_unsigned("<", me, code.get(state, State.sharing))
    is_open = at.icmp_unsigned("!=", code.get(state, State.open), _number(0))
    with at.if_then(at.and_(welcome, is_open)):
        code.change(state, State.active, 1)
        code.unlock(state)
        at.call(module.globals["work"], [state, me])
        code.lock(state)
        code.change(state, State.active, -1)
        last = code.same(code.get(state, State.active), _number(0))
        waited = at.icmp_unsigned("!=", code.get(state, State.waiting), _number(0))
        with at.if_then(at.and_(last, waited)):
            code.call("pthread_cond_signal", code.inside(state, CONDITION))
    code.unlock(state)
    seen.add_incoming(turn, at.block)
    at.branch(again)


def _emit_start(module: Any, replace_mask: int) -> None:
    """Make the workers that are missing. They get no signals: those are Python's."""
    code = _Code(module, "start", VOID, POINTER, INT)
    state, wanted = code.function.args
    at = code.at
    every, before, thread = (
        at.bitcast(at.alloca(INT, size=size // 8), POINTER)
        for size in (FULL, FULL, SOME)
    )
    with _Loop(at, _number(0), _number(FULL // 8)) as i:
        at.store(_number(-1), at.gep(every, [i], source_etype=INT))
    how = ir.Constant(WORD, replace_mask)
    code.call("pthread_sigmask", how, every, before)
    done = at.append_basic_block("started")
    with _Loop(at, code.get(state, State.started), wanted) as number:
        me = at.add(number, _number(1))
        line = code.line(state, me)
        at.store(state, at.gep(line, [_number(1)], source_etype=INT))
        at.store(me, at.gep(line, [_number(2)], source_etype=INT))
        null, worker = ir.Constant(POINTER, None), module.globals["worker"]
        arguments = thread, null, at.bitcast(worker, POINTER), line
        failed = code.call("pthread_create", *arguments)
        with at.if_then(at.icmp_unsigned("!=", failed, ir.Constant(WORD, 0))):
            at.branch(done)
        code.call("pthread_detach", at.load(thread, typ=INT))
        code.put(me, state, State.started)
    at.branch(done)
    at.position_at_end(done)
    code.call("pthread_sigmask", how, before, ir.Constant(POINTER, None))
    at.ret_void()


def _emit_share(module: Any) -> None:
    """All chunks, together with the workers, who are this call's."""
    code = _Code(module, "share", VOID, POINTER, POINTER, POINTER, INT)
    state, slots, indices, threads = code.function.args
    at = code.at
    started, wanted = code.get(state, State.started), at.sub(threads, _number(1))
    with at.if_then(at.icmp_unsigned("<", started, wanted)):
        at.call(module.globals["start"], [state, wanted])
    count = _item(at, indices, Row.count)
    with _Loop(at, _number(0), threads) as number:
        first = at.udiv(at.mul(number, count), threads)
        at.store(first, code.line(state, number))
    code.lock(state)
    at.store(slots, code.field(state, State.slots))
    at.store(indices, code.field(state, State.indices))
    code.put(threads, state, State.sharing)
    code.put(_number(1), state, State.open)
    turn = at.add(code.get(state, State.turn), _number(1))
    at.atomic_rmw("xchg", code.field(state, State.turn), turn, "release")
    asleep = at.icmp_unsigned("!=", code.get(state, State.asleep), _number(0))
    with at.if_then(asleep):
        code.call("pthread_cond_broadcast", code.inside(state, TURN))
    code.unlock(state)
    at.call(module.globals["work"], [state, _number(0)])
    _wait_for_workers(code, state)
    at.ret_void()


def _wait_for_workers(code: _Code, state: Any) -> None:
    def are_done() -> Any:
        return code.same(code.now(state, State.active), _number(0))

    code.lock(state)
    code.put(_number(0), state, State.open)
    code.unlock(state)
    code.spin_until(are_done)
    code.lock(state)
    code.put(_number(1), state, State.waiting)
    code.sleep_until(state, CONDITION, are_done)
    code.put(_number(0), state, State.waiting)
    code.unlock(state)


def _emit_parallel(module: Any, workers: bool) -> None:
    code = _Code(module, "parallel", WORD, POINTER, POINTER)
    slots, indices = code.function.args
    at = code.at
    if workers:
        _share_or_not(code, slots, indices)
    else:
        at.call(module.globals["alone"], [slots, indices])
    join = _item(at, indices, Row.join)
    with at.if_then(at.icmp_unsigned("!=", join, _number(0))):
        function = at.inttoptr(join, JOIN.as_pointer())
        scratch = _scratch(code, slots, indices)
        count, stride = (_item(at, indices, word) for word in (Row.count, Row.stride))
        at.call(function, [slots, _rest(code, indices), scratch, count, stride])
    at.ret(ir.Constant(WORD, 0))


def _share_or_not(code: _Code, slots: Any, indices: Any) -> None:
    at, module = code.at, code.module
    state = _item(at, indices, Row.state, POINTER)
    threads = at.load(_item(at, indices, Row.threads, POINTER), typ=INT)
    count = _item(at, indices, Row.count)
    fewer = at.icmp_unsigned("<", count, threads)
    threads = at.select(fewer, count, threads)
    share, alone, done = map(at.append_basic_block, ("share", "alone", "done"))
    many = at.icmp_unsigned(">", threads, _number(1))
    ask = at.append_basic_block("ask")
    at.cbranch(many, ask, alone)
    at.position_at_end(ask)
    busy = code.field(state, State.busy)
    answer = at.cmpxchg(busy, _number(0), _number(1), "acquire", "monotonic")
    at.cbranch(at.extract_value(answer, 1), share, alone)
    at.position_at_end(share)
    at.call(module.globals["share"], [state, slots, indices, threads])
    at.atomic_rmw("xchg", busy, _number(0), "release")
    at.branch(done)
    at.position_at_end(alone)
    at.call(module.globals["alone"], [slots, indices])
    at.branch(done)
    at.position_at_end(done)
