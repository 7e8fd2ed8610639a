"""The emitted code of the worker pool.

    i32 parallel(ptr slots, ptr indices)

is a step whose work consists of chunks that do not depend on each other:

    chunk(slots, rest, begin, end, scratch + number * stride, thread)

for the numbers 0 .. count-1. `rest` is what the indices hold behind the words named in
`Row`. Which chunks there are does not depend on the number of threads, so neither do
results. A chunk that does not answer 0 ends the step with its answer. Of partial
results in the scratch memory neighbours are combined then, neighbouring pairs, and so
on in the order of the chunks; the first is what is wanted.

One call has the workers, others at that time do all of their chunks themselves; so
does a call that finds one thread wanted. A worker that wakes up late takes no part, and
nobody waits for it. Each thread begins with its own stretch of the chunks (the same in
the next step, whose data it has in its cache) and then helps with the others.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tapec.native.control_parts import Rows, copy, moved, pointer
from tapec.native.driver import INT, POINTER, WORD, _item, _Loop, _number
from tapec.native.pool_state import CONDITION, TURN, Code, Joined, Row, State
from tapec.native.pool_workers import emit_start, emit_worker

__all__ = ["emit", "emit_sharing"]

VOID, FINE = ir.VoidType(), ir.Constant(WORD, 0)
CHUNK = ir.FunctionType(WORD, [POINTER, POINTER, INT, INT, POINTER, INT])
COMBINE = ir.FunctionType(VOID, [POINTER, POINTER, INT])
SHARE = ir.FunctionType(WORD, [POINTER, POINTER, POINTER, INT])


def emit(module: Any, workers: bool) -> None:
    """Add `parallel`; workers: whether threads can be made on this system."""
    _emit_alone(module)
    _emit_join(module)
    _emit_parallel(module, workers)


def emit_sharing(module: Any, replace_mask: int) -> None:
    """Add `share`, which `parallel` calls where its address is in the state."""
    _emit_work(module)
    emit_worker(module)
    emit_start(module, replace_mask)
    _emit_share(module)


def _run_chunk(code: Code, slots: Any, indices: Any, number: Any, thread: Any) -> Any:
    """One chunk; whether it failed, and its answer."""
    at = code.at
    length, extent = (_item(at, indices, word) for word in (Row.length, Row.extent))
    begin = at.mul(number, length)
    end = at.add(begin, length)
    end = at.select(at.icmp_unsigned("<", end, extent), end, extent)
    scratch = code.inside(
        _scratch(code, slots, indices), at.mul(number, _item(at, indices, Row.stride))
    )
    chunk = _item(at, indices, Row.chunk, CHUNK.as_pointer())
    rest = _rest(code, indices)
    status = at.call(chunk, [slots, rest, begin, end, scratch, thread])
    return at.icmp_unsigned("!=", status, FINE), status


def _rest(code: Code, indices: Any) -> Any:
    return code.at.gep(indices, [_number(Row.rest)], source_etype=INT)


def _scratch(code: Code, slots: Any, indices: Any) -> Any:
    """The memory of all chunks; any address where they need none."""
    at = code.at
    slot = _item(at, indices, Row.scratch)
    slot = at.select(at.icmp_signed("<", slot, _number(0)), _number(0), slot)
    return _item(at, slots, slot, POINTER)


def _emit_alone(module: Any) -> None:
    """All chunks, one after the other."""
    code = Code(module, "alone", WORD, POINTER, POINTER)
    slots, indices = code.function.args
    at = code.at
    with _Loop(at, _number(0), _item(at, indices, Row.count)) as number:
        failed, status = _run_chunk(code, slots, indices, number, _number(0))
        with at.if_then(failed):
            at.ret(status)
    at.ret(FINE)


def _emit_work(module: Any) -> None:
    """What thread number `me` does: its own stretch, then what is left of others'."""
    code = Code(module, "work", VOID, POINTER, INT)
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
        failed, status = _run_chunk(code, slots, indices, number, me)
        with at.if_then(failed):
            code.put(at.zext(status, INT), state, State.failed)
            at.ret_void()
        at.branch(take)
        at.position_at_end(on)
    at.ret_void()


def _emit_share(module: Any) -> None:
    """All chunks, together with the workers, who are this call's."""
    code = Code(module, "share", WORD, POINTER, POINTER, POINTER, INT)
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
    code.put(_number(0), state, State.failed)
    code.put(_number(1), state, State.open)
    turn = at.add(code.get(state, State.turn), _number(1))
    at.atomic_rmw("xchg", code.field(state, State.turn), turn, "release")
    asleep = at.icmp_unsigned("!=", code.get(state, State.asleep), _number(0))
    with at.if_then(asleep):
        code.call("pthread_cond_broadcast", code.inside(state, TURN))
    code.unlock(state)
    at.call(module.globals["work"], [state, _number(0)])
    _wait_for_workers(code, state)
    at.ret(at.trunc(code.get(state, State.failed), WORD))


def _wait_for_workers(code: Code, state: Any) -> None:
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
    code = Code(module, "parallel", WORD, POINTER, POINTER)
    slots, indices = code.function.args
    at = code.at
    if workers:
        status = _share_or_not(code, slots, indices)
    else:
        status = at.call(module.globals["alone"], [slots, indices])
    with at.if_then(at.icmp_unsigned("!=", status, FINE)):
        at.ret(status)
    at.call(module.globals["join"], [slots, indices])
    at.ret(FINE)


def _emit_join(module: Any) -> None:
    """Each result from its partial results."""
    code = Code(module, "join", VOID, POINTER, POINTER)
    slots, indices = code.function.args
    at = code.at
    scratch = _scratch(code, slots, indices)
    rows = _item(at, indices, Row.partial), pointer(at, indices, Row.joined)
    with Rows(at, rows, len(Joined)) as row:
        first = moved(at, scratch, _item(at, row, Joined.where))
        _combine(code, indices, row, first)
        target = pointer(at, slots, _item(at, row, Joined.slot))
        copy(at, target, first, _item(at, row, Joined.nbytes))
    at.ret_void()


def _combine(code: Code, indices: Any, row: Any, first: Any) -> None:
    """At distances 1, 2, 4, ...: each partial result with the one at this distance."""
    at = code.at
    combine = _item(at, row, Joined.combine, COMBINE.as_pointer())
    size = _item(at, row, Joined.size)
    count, stride = (_item(at, indices, word) for word in (Row.count, Row.stride))
    look, pairs, done = map(at.append_basic_block, ("look", "pairs", "done"))
    before = at.block
    at.branch(look)
    at.position_at_end(look)
    distance = at.phi(INT)
    distance.add_incoming(_number(1), before)
    at.cbranch(at.icmp_unsigned("<", distance, count), pairs, done)
    at.position_at_end(pairs)
    step = at.mul(distance, _number(2))
    number = at.udiv(at.sub(at.add(count, distance), _number(1)), step)
    with _Loop(at, _number(0), number) as pair:
        left = moved(at, first, at.mul(at.mul(pair, step), stride))
        right = moved(at, left, at.mul(distance, stride))
        at.call(combine, [left, right, size])
    distance.add_incoming(step, at.block)
    at.branch(look)
    at.position_at_end(done)


def _share_or_not(code: Code, slots: Any, indices: Any) -> Any:
    at, module = code.at, code.module
    state = _item(at, indices, Row.state, POINTER)
    threads = at.load(_item(at, indices, Row.threads, POINTER), typ=INT)
    for word in (Row.count, Row.most):
        most = _item(at, indices, word)
        threads = at.select(at.icmp_unsigned("<", most, threads), most, threads)
    share, alone, done = map(at.append_basic_block, ("share", "alone", "done"))
    routine = code.get(state, State.share)
    many = at.icmp_unsigned(">", threads, _number(1))
    many = at.and_(many, at.icmp_unsigned("!=", routine, _number(0)))
    ask = at.append_basic_block("ask")
    at.cbranch(many, ask, alone)
    at.position_at_end(ask)
    busy = code.field(state, State.busy)
    answer = at.cmpxchg(busy, _number(0), _number(1), "acquire", "monotonic")
    at.cbranch(at.extract_value(answer, 1), share, alone)
    at.position_at_end(share)
    share_ = at.inttoptr(routine, SHARE.as_pointer())
    shared = at.call(share_, [state, slots, indices, threads])
    at.atomic_rmw("xchg", busy, _number(0), "release")
    at.branch(done)
    at.position_at_end(alone)
    own = at.call(module.globals["alone"], [slots, indices])
    at.branch(done)
    at.position_at_end(done)
    status = at.phi(WORD)
    status.add_incoming(shared, share)
    status.add_incoming(own, alone)
    return status
