"""The emitted code that every program shares: entry, driver, checks and copies.

    i64 enter(ptr slots, ptr arguments, ptr results, ptr header)
    i64 run(ptr slots, ptr steps, i64 begin, i64 end)
    i64 enter_freely(...), run_freely(...)       the same, without Python's lock

`run` calls steps, each `i32 step(ptr slots, ptr indices)`, until one does not return 0;
the answer is 0, or 256 * (step + 1) + status. `enter` first reads the addresses of the
arrays in two Python tuples into the slots; it answers `ODD` when an argument is not the
plain array the program was made for. It reads object headers at the offsets that
`platform` has verified.

A header is [arguments, table, results, steps, end, array type]; the table has for each
argument its dtype object, number of axes, and extents' address.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

from llvmlite import ir

from tapec.locks import lock
from tapec.native import engine, interrupts, platform
from tapec.native.ahead import Ahead
from tapec.native.platform import HEADERS
from tapec.settings import config

__all__ = ["CHECK_FAILED", "ODD", "Driver", "begin_driver", "driver", "emit_alone"]

INT, WORD, BYTE = (ir.IntType(n) for n in (64, 32, 8))
POINTER = ir.PointerType()
CHECK_FAILED = 1
ODD = 3
STEP = ir.FunctionType(WORD, [POINTER, POINTER])
RUN = ir.FunctionType(INT, [POINTER, POINTER, INT, INT])


class Driver:
    """Addresses of the shared functions, and how Python calls them.

    library: all but `run`, which alone is called often enough to be worth optimizing.
    """

    def __init__(self, library: engine.Library, runner: engine.Library) -> None:
        self._library, self._runner = library, runner
        address, integer = ctypes.c_void_p, ctypes.c_int64
        enter = integer, address, address, address, address
        run = integer, address, address, integer, integer
        self.enter, self.enter_freely = (
            ctypes.PYFUNCTYPE(*enter)(library.address(name))
            for name in ("enter", "enter_freely")
        )
        self.run, self.run_freely = (
            ctypes.PYFUNCTYPE(*run)(self.address(name))
            for name in ("run", "run_freely")
        )
        interrupts.watch(library.address("set_main"))

    def address(self, name: str) -> int:
        """Where one of them begins."""
        return (self._runner if name == "run" else self._library).address(name)


_lock = lock()


def driver() -> Driver:
    """The driver of this process: one, since programs keep addresses in it."""
    with _lock:
        return _driver()


_begun: Ahead[Driver] | None = None


def begin_driver() -> None:
    """Compile the driver while somebody makes the first program."""
    global _begun
    if _begun is None and config.threads > 1:
        _begun = Ahead(driver)


@lru_cache(maxsize=1)
def _driver() -> Driver:
    runner = engine.compiled("run", _emit_run, ["run"], effort=engine.Effort.NONE)
    names = (
        "run_freely", "enter", "enter_freely", "copy", "check_bool",
        "check_i64", "poll", "polled", "set_main",
    )  # fmt: skip
    imports = interrupts.imports()
    for name in ("PyEval_SaveThread", "PyEval_RestoreThread"):
        function = ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p)
        imports[name] = function.value or 0
    imports["run"] = runner.address("run")
    library = engine.compiled("driver", _emit, names, imports, engine.Effort.PLAIN)
    return Driver(library, runner)


def _emit(module: Any) -> None:
    ir.Function(module, RUN, "run")
    _emit_enter(module)
    for name in ("run", "enter"):
        _emit_freely(module, module.globals[name])
    interrupts.emit(module, bool(platform.clock_functions()))
    _emit_steps(module)


def emit_alone(module: Any) -> None:
    """Add what needs no Python: `run`, copies, checks, and steps that ask nobody."""
    _emit_run(module)
    interrupts.emit(module, asks=False)
    _emit_steps(module)


def _emit_steps(module: Any) -> None:
    _emit_copy(module)
    for name, width in (("check_bool", 8), ("check_i64", 64)):
        _emit_check(module, name, ir.IntType(width))


def _number(n: int) -> Any:
    return ir.Constant(INT, n)


def _item(at: Any, base: Any, number: Any, kind: Any = INT) -> Any:
    """Element `number` of an array of `kind`."""
    number = _number(number) if isinstance(number, int) else number
    return at.load(at.gep(base, [number], source_etype=kind), typ=kind)


def _field(at: Any, base: Any, offset: int, kind: Any) -> Any:
    """The field of an object header at a byte offset."""
    address = at.gep(base, [_number(offset)], source_etype=ir.IntType(8))
    return at.load(address, typ=kind)


def _define(module: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    function = ir.Function(module, ir.FunctionType(result, arguments), name)
    function.attributes.add("nounwind")
    return function


class _Loop:
    """for i in range(start, stop): the body is emitted between enter and exit."""

    def __init__(self, at: Any, start: Any, stop: Any) -> None:
        self.at, self.stop = at, stop
        self.head = at.append_basic_block("head")
        body, self.done = at.append_basic_block("body"), at.append_basic_block("done")
        before = at.block
        at.branch(self.head)
        at.position_at_end(self.head)
        self.i = at.phi(INT)
        self.i.add_incoming(start, before)
        at.cbranch(at.icmp_signed("<", self.i, stop), body, self.done)
        at.position_at_end(body)

    def __enter__(self) -> Any:
        return self.i

    def __exit__(self, *exc: object) -> None:
        following = self.at.add(self.i, _number(1))
        self.i.add_incoming(following, self.at.block)
        self.at.branch(self.head)
        self.at.position_at_end(self.done)


def _emit_run(module: Any) -> None:
    function = _define(module, "run", INT, RUN.args)
    slots, steps, begin, end = function.args
    at = ir.IRBuilder(function.append_basic_block("entry"))
    with _Loop(at, begin, end) as i:
        row = at.mul(i, _number(2))
        step = _item(at, steps, row, STEP.as_pointer())
        indices = _item(at, steps, at.add(row, _number(1)), POINTER)
        status = at.call(step, [slots, indices])
        with at.if_then(at.icmp_unsigned("!=", status, ir.Constant(WORD, 0))):
            place = at.mul(at.add(i, _number(1)), _number(256))
            at.ret(at.add(place, at.zext(status, INT)))
    at.ret(_number(0))


def _emit_freely(module: Any, function: Any) -> None:
    """The same while other Python threads may run."""
    kinds = [a.type for a in function.args]
    outer = _define(module, f"{function.name}_freely", INT, kinds)
    at = ir.IRBuilder(outer.append_basic_block("entry"))
    save, restore = (
        module.globals.get(name) or ir.Function(module, kind, name)
        for name, kind in (
            ("PyEval_SaveThread", ir.FunctionType(POINTER, [])),
            ("PyEval_RestoreThread", ir.FunctionType(ir.VoidType(), [POINTER])),
        )
    )
    thread = at.call(save, [])
    status = at.call(function, outer.args)
    at.call(restore, [thread])
    at.ret(status)


def _emit_enter(module: Any) -> None:
    function = _define(module, "enter", INT, [POINTER] * 4)
    slots, arguments, results, header = function.args
    at = ir.IRBuilder(function.append_basic_block("entry"))
    count, table = _item(at, header, 0), _item(at, header, 1, POINTER)
    kind = _item(at, header, 5)
    given = _field(at, arguments, HEADERS.tuple_size, INT)
    with at.if_then(at.icmp_unsigned("!=", given, count)):
        at.ret(_number(ODD))
    with _Loop(at, _number(0), count) as i:
        array = _tuple_item(at, arguments, i)
        row = at.gep(table, [at.mul(i, _number(3))], source_etype=INT)
        plain = at.call(_emit_is_plain(module), [array, row, kind])
        with at.if_then(at.not_(plain)):
            at.ret(_number(ODD))
        at.store(_data(at, array), at.gep(slots, [i], source_etype=POINTER))
    with _Loop(at, _number(0), _item(at, header, 2)) as i:
        slot = at.gep(slots, [at.add(count, i)], source_etype=POINTER)
        at.store(_data(at, _tuple_item(at, results, i)), slot)
    steps, end = _item(at, header, 3, POINTER), _item(at, header, 4)
    run = module.globals["run"]
    at.ret(at.call(run, [slots, steps, _number(0), end]))


def _tuple_item(at: Any, items: Any, i: Any) -> Any:
    first = at.gep(items, [_number(HEADERS.tuple_items)], source_etype=ir.IntType(8))
    return _item(at, first, i, POINTER)


def _data(at: Any, array: Any) -> Any:
    return _field(at, array, HEADERS.data, POINTER)


def _emit_is_plain(module: Any) -> Any:
    """Of the expected dtype and shape, contiguous and aligned."""
    if "is_plain" in module.globals:
        return module.globals["is_plain"]
    function = _define(module, "is_plain", ir.IntType(1), [POINTER, POINTER, INT])
    function.linkage = "internal"
    array, row, kind = function.args
    at = ir.IRBuilder(function.append_basic_block("entry"))
    usable = ir.Constant(WORD, HEADERS.usable_flags)
    found = _field(at, array, HEADERS.type, INT)
    with at.if_then(at.icmp_unsigned("!=", found, kind)):
        at.ret(ir.Constant(ir.IntType(1), 0))
    flags = at.and_(_field(at, array, HEADERS.flags, WORD), usable)
    ndim = at.sext(_field(at, array, HEADERS.ndim, WORD), INT)
    pairs = [
        (_field(at, array, HEADERS.descr, INT), _item(at, row, 0)),
        (ndim, _item(at, row, 1)),
    ]
    right = at.icmp_unsigned("==", flags, usable)
    for found, expected in pairs:
        right = at.and_(right, at.icmp_unsigned("==", found, expected))
    with at.if_then(at.not_(right)):
        at.ret(ir.Constant(ir.IntType(1), 0))
    shape = _field(at, array, HEADERS.shape, POINTER)
    wanted = _item(at, row, 2, POINTER)
    with _Loop(at, _number(0), ndim) as axis:
        extent, expected = _item(at, shape, axis), _item(at, wanted, axis)
        with at.if_then(at.icmp_unsigned("!=", extent, expected)):
            at.ret(ir.Constant(ir.IntType(1), 0))
    at.ret(ir.Constant(ir.IntType(1), 1))
    return function


def _emit_copy(module: Any) -> None:
    """[source, target, bytes]"""
    function = _define(module, "copy", WORD, [POINTER, POINTER])
    slots, indices = function.args
    at = ir.IRBuilder(function.append_basic_block("entry"))
    source = _item(at, slots, _item(at, indices, 0), POINTER)
    target = _item(at, slots, _item(at, indices, 1), POINTER)
    kinds = [POINTER, POINTER, INT]
    signature = ir.FunctionType(ir.VoidType(), [*kinds, ir.IntType(1)])
    memcpy = module.declare_intrinsic("llvm.memcpy", kinds, signature)
    volatile = ir.Constant(ir.IntType(1), 0)
    at.call(memcpy, [target, source, _item(at, indices, 2), volatile])
    at.ret(ir.Constant(WORD, 0))


def _emit_check(module: Any, name: str, kind: Any) -> None:
    """[buffer, expected]"""
    function = _define(module, name, WORD, [POINTER, POINTER])
    slots, indices = function.args
    at = ir.IRBuilder(function.append_basic_block("entry"))
    found = at.load(_item(at, slots, _item(at, indices, 0), POINTER), typ=kind)
    found = at.zext(found, INT) if kind.width < 64 else found
    differs = at.icmp_unsigned("!=", found, _item(at, indices, 1))
    failed = ir.Constant(WORD, CHECK_FAILED)
    at.ret(at.select(differs, failed, ir.Constant(WORD, 0)))
