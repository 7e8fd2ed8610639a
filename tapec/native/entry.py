"""An entry: emitted code that calls a program with Python's objects.

    f(x, y) -> (value, (dx, dy))

checks that x and y are what the program was made for, enters the addresses of their
numbers into a frame, runs the steps and builds the results, without the interpreter.
A frame is the memory of one running call:

    next | slots of the program | objects made | numbers | arena

Frames wait in a list; when it is empty the call goes through Python, and one more is
made for the next.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from tapec.locks import lock
from tapec.native import abi, engine
from tapec.native.blocks import blocks
from tapec.native.driver import driver
from tapec.native.entry_arguments import Found, find
from tapec.native.entry_arrays import arrays
from tapec.native.entry_captures import look_up
from tapec.native.entry_code import (
    BUSY,
    CODE,
    FRAMES,
    INT,
    NULL,
    POINTER,
    PYTHON,
    VOID,
    Code,
    number,
)
from tapec.native.entry_common import common
from tapec.native.entry_results import Results
from tapec.native.forms import Forms, leaves_of, nodes_of
from tapec.native.interrupts import INTERRUPTED
from tapec.native.plan import ALIGNMENT
from tapec.native.program import Direct

__all__ = ["Entry"]

NUMBER = 2
"""Words of one number in a frame."""


class _Layout:
    """Where the parts of a frame begin, in words."""

    def __init__(self, direct: Direct, forms: Forms) -> None:
        plan = direct.plan
        self.slots = 1
        self.owned = self.slots + len(plan.buffers)
        self.count = len(direct.outs) + nodes_of(forms.result)
        self.numbers = self.owned + self.count
        kept = len(direct.params) + len(direct.outs)
        words = self.numbers + NUMBER * kept
        line = ALIGNMENT // 8
        self.arena = -(-words // line) * line
        self.nbytes = 8 * self.arena + plan.nbytes

    def number(self, which: int) -> int:
        """The place of a number: parameters first, then results."""
        return self.numbers + NUMBER * which


class Entry:
    """One per version. table: address of its constants, whose first word is its code.

    `python` is called with what no entry is for; `busy` is a dict: while it has items,
    every call goes there. Raises NoEntry for what only Python can do.
    """

    def __init__(
        self, direct: Direct, forms: Forms, python: Callable[..., Any], busy: Any
    ) -> None:
        self.kept = (direct, forms, python, busy)
        self._direct = direct
        self._layout = _Layout(direct, forms)
        module = engine.new_module("entry")
        code, found = _Emitter(
            Code(module, "entry"), direct, forms, self._layout
        ).emit()
        self.library = _compiled(module)
        code.words[CODE] = self.library.address("entry")
        code.words[PYTHON] = id(python)
        code.words[BUSY] = id(busy)
        self.words = (ctypes.c_uint64 * len(code.words))(*code.words)
        self.table = ctypes.addressof(self.words)
        self.following: Any = None
        self._same = found.same
        self._bound: list[Any] = []
        self._frames: list[Any] = []
        self.add_frame()

    def rebind(self, values: list[Any]) -> None:
        """Expect captured names to be bound to these objects, equal to those before."""
        for place, value in zip(self._same, values, strict=True):
            self.words[place] = id(value)
        self._bound = values

    def add_frame(self) -> None:
        """Memory for one more call at the same time, if there is none to spare."""
        if self.words[FRAMES]:
            return
        layout, plan = self._layout, self._direct.plan
        raw = np.zeros(layout.nbytes + ALIGNMENT, np.uint8)
        begin = raw.ctypes.data + -raw.ctypes.data % ALIGNMENT
        frame = (ctypes.c_uint64 * layout.arena).from_address(begin)
        for slot, buffer in enumerate(plan.buffers, layout.slots):
            if buffer.kind == "arena":
                frame[slot] = begin + 8 * layout.arena + buffer.offset
        for slot, array in self._direct.constants:
            frame[layout.slots + slot] = array.ctypes.data
        for which in range(len(self._direct.params) + len(self._direct.outs)):
            frame[layout.slots + which] = begin + 8 * layout.number(which)
        self._frames.append(raw)
        frame[0] = self.words[FRAMES]
        self.words[FRAMES] = begin


class _Emitter:
    """Emits an entry, in the order of a call."""

    def __init__(
        self, code: Code, direct: Direct, forms: Forms, layout: _Layout
    ) -> None:
        self.code = code
        self.direct = direct
        self.forms = forms
        self.layout = layout
        self.returned = leaves_of(forms.result)

    def emit(self) -> tuple[Code, Found]:
        """The whole function."""
        code = self.code
        found = Found()
        look_up(code, self.forms, self.direct.params, found)
        find(code, self.forms, self.direct.params, found)
        self._take_frame()
        self._enter(found)
        owned = code.place(self.frame, self.layout.owned)
        failed = code.function.append_basic_block("failed")
        results = Results(code, self.direct.outs, owned, failed)
        self._allocate(results)
        self._run(found, owned)
        for leaf in self.returned:
            if not self.direct.outs[leaf.number].ndim:
                at = self.layout.number(len(self.direct.params) + leaf.number)
                results.box(leaf.number, code.place(self.frame, at), leaf.python)
        if self.forms.taker is not None:
            rest = range(len(self.returned), len(self.direct.outs))
            results.hand_over(self.forms.taker, rest)
        made = results.put_together(self.forms.result)
        self._give_frame_back()
        code.at.ret(made)
        code.at.position_at_end(failed)
        self._drop(owned)
        code.at.ret(NULL)
        return code, found

    # --- the frame

    def _take_frame(self) -> None:
        code = self.code
        self.frame = code.item(code.table, FRAMES)
        code.require(code.at.icmp_unsigned("!=", self.frame, NULL))
        code.put(code.item(self.frame, 0), code.table, FRAMES)

    def _give_frame_back(self) -> None:
        code = self.code
        code.put(code.item(code.table, FRAMES), self.frame, 0)
        code.put(self.frame, code.table, FRAMES)

    def _drop(self, owned: Any) -> None:
        """Nothing is returned: give back what was made."""
        self.code.call("tapec_drop", VOID, owned, number(self.layout.count))
        self._give_frame_back()

    # --- parts

    def _enter(self, found: Found) -> None:
        code, layout = self.code, self.layout
        for which, address in found.data.items():
            code.put(address, self.frame, layout.slots + which)
        for which, value in found.integers.items():
            code.put(value, self.frame, layout.number(which))

    def _allocate(self, results: Results) -> None:
        first = self.layout.slots + len(self.direct.params)
        for which, type_ in enumerate(self.direct.outs):
            if type_.ndim or which >= len(self.returned):
                self.code.put(results.allocate(which), self.frame, first + which)

    def _run(self, found: Found, owned: Any) -> None:
        code = self.code
        slots = code.place(self.frame, self.layout.slots)
        steps, end = code.constant(self.direct.steps), number(self.direct.end)
        if self.direct.long:
            for thing in found.objects.values():
                code.call("Py_IncRef", VOID, thing)
            thread = code.call("PyEval_SaveThread", POINTER)
        status = code.call("tapec_run", INT, slots, steps, number(0), end)
        if self.direct.long:
            code.call("PyEval_RestoreThread", VOID, thread)
            for thing in found.objects.values():
                code.call("Py_DecRef", VOID, thing)
        other = code.function.append_basic_block("other")
        code.unless(code.same(status, number(0)), other)
        on = code.at.block
        code.at.position_at_end(other)
        self._drop(owned)
        kind = code.at.and_(status, number(255))
        code.unless(code.same(kind, number(INTERRUPTED)), code.miss)
        code.at.ret(NULL)
        code.at.position_at_end(on)


_libraries: WeakValueDictionary[str, engine.Library] = WeakValueDictionary()
_lock = lock()


def _compiled(module: Any) -> engine.Library:
    """Entries of one form share their code."""
    text = str(module)
    with _lock:
        found = _libraries.get(text)
        if found is None:
            ours = {
                "tapec_run": driver().address("run"),
                "tapec_drop": common().address("drop"),
                "tapec_array": arrays().address("array"),
                "tapec_fresh": arrays().address("fresh"),
            }
            if "tapec_large" in text and (kept := blocks()) is not None:
                ours["tapec_large"] = kept.address
            imports = {
                n: a for n, a in {**abi.addresses(), **ours}.items() if n in text
            }
            found = engine.compile_module(
                module, ["entry"], imports, engine.Effort.PLAIN
            )
            _libraries[text] = found
        return found
