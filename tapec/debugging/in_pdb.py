"""Python's debugger with three more commands, for code that is recorded right now.

    PYTHONBREAKPOINT=tapec.debugging.set_trace python fit.py

and `breakpoint()` in a traced function, or where a tape is open, stops in it:

    (Pdb) tp y              the numbers of a traced value, or of %5
    (Pdb) twhy y            what it is computed from, with the lines
    (Pdb) tgraph            what is recorded so far; `tgraph PATH.svg` draws it
"""

from __future__ import annotations

import pdb  # noqa: T100  (what this is about)
import sys
from typing import Any

import numpy as np

from tapec.debugging.shell import value_text
from tapec.debugging.trees import find, tree
from tapec.interpret import evaluate
from tapec.ir import Function, Value
from tapec.operators import Operators
from tapec.recording import array_of, state

__all__ = ["Pdb", "set_trace"]


class Pdb(pdb.Pdb):
    """`pdb.Pdb` with `tp`, `twhy` and `tgraph`."""

    def do_tp(self, arg: str) -> None:
        """tp EXPRESSION | %N: the numbers of a traced value; nothing is recorded."""
        self._answer(arg, self._numbers)

    def do_twhy(self, arg: str) -> None:
        """twhy EXPRESSION | %N: what a traced value is computed from."""
        self._answer(arg, lambda v: tree(_recorded([v]), v.uid, 6))

    def do_tgraph(self, arg: str) -> None:
        """tgraph [PATH.svg]: what has been recorded, as text or as a picture."""
        rec = state.recording
        if rec is None:
            self.error("nothing is being recorded here")
            return
        fn = _recorded([v for v in rec.values if not v.prim.effect][-1:], whole=True)
        if not arg.strip():
            self.message(repr(fn))
            return
        from tapec.inspect import Inspection

        Inspection(fn).svg(arg.strip(), stage="recorded")
        self.message(f"wrote {arg.strip()}")

    def _answer(self, arg: str, what: Any) -> None:
        """Say `what` of a value, or what is wrong."""
        try:
            found = self._value(arg.strip())
            known = found if isinstance(found, Value) else np.asarray(found)
            text = what(known) if isinstance(known, Value) else value_text(known)
        except Exception as error:
            what_failed = error.args[0] if isinstance(error, KeyError) else error
            self.error(f"{type(error).__name__}: {what_failed}")
            return
        self.message(text)

    def _value(self, arg: str) -> Any:
        rec = state.recording
        if arg.startswith("%"):
            if rec is None:
                raise LookupError("nothing is being recorded here")
            params = [*getattr(rec, "params", ()), *rec.leaves]
            return find(Function("recording", params, rec.values, ()), arg)
        found = eval(arg, self.curframe.f_globals, self.curframe_locals)  # type: ignore[union-attr]
        if isinstance(found, Operators):
            tensor: Any = found
            on_tape = getattr(tensor, "rec", None) is rec and rec is not None
            return tensor.value if on_tape else tensor.array
        return found

    def _numbers(self, v: Value) -> str:
        """The value computed apart: nothing is flushed, no check is left behind."""
        rec: Any = state.recording
        if getattr(rec, "is_body", False):
            raise LookupError(f"{v!r} has no number: it is in the body of a loop")
        if rec.is_trace:
            return value_text(rec.example(v))
        fn, sources = rec.function([v])
        return value_text(evaluate(fn, *[array_of(s) for s in sources])[0])


def _recorded(values: list[Value], whole: bool = False) -> Function:
    """What the current recording has, for these results."""
    rec: Any = state.recording
    if whole:
        params = [*getattr(rec, "params", ()), *rec.leaves]
        return Function(getattr(rec, "name", "tape"), params, rec.values, values)
    fn: Function = rec.function(values, whole=True)[0]
    return fn


def set_trace(*, stdin: Any = None, stdout: Any = None) -> None:
    """Stop here in `Pdb`; what `breakpoint()` calls if PYTHONBREAKPOINT names this."""
    debugger = Pdb(stdin=stdin, stdout=stdout)
    if stdin is not None:
        debugger.use_rawinput = False
    debugger.set_trace(sys._getframe(1))
