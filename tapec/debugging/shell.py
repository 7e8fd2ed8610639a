"""The commands of the debugger."""

from __future__ import annotations

import cmd
import re
from typing import Any, TextIO

import numpy as np

from tapec.debugging.breaks import Break, break_at
from tapec.debugging.trees import find, name_of, tree
from tapec.debugging.values import bars, range_of, shape_of
from tapec.errors import excerpt
from tapec.ir import Function, Value, users
from tapec.text import function_lines

__all__ = ["Frame", "Quit", "Shell", "shown", "value_text"]

AROUND = 4
"""Lines listed before and after the current op."""


class Quit(BaseException):
    """The user has seen enough; nothing may catch it on the way."""


class Frame:
    """A function that is being evaluated: its values so far, the op it has come to."""

    def __init__(self, fn: Function, arrays: tuple[Any, ...]) -> None:
        self.function = fn
        pairs = zip(fn.params, arrays, strict=True)
        self.values: dict[int, Any] = {p.uid: a for p, a in pairs}
        self.op: Value | None = None


class Shell(cmd.Cmd):
    """Reads commands at each stop; `mode` is how to go on: run, step or next.

    inspection: of the program, for `why` and pictures. frames: the functions being
    evaluated, the innermost last. breaks: may be changed by commands.
    """

    prompt = "(tapec) "
    doc_header = "commands (help NAME):"

    def __init__(
        self, inspection: Any, stdin: TextIO | None = None, stdout: TextIO | None = None
    ) -> None:
        super().__init__(stdin=stdin, stdout=stdout)
        self.use_rawinput = stdin is None
        self.inspection = inspection
        self.frames: list[Frame] = []
        self.breaks: list[Break] = []
        self.mode = "run"
        self._up = 0
        self._focus: Value | None = None

    @property
    def frame(self) -> Frame:
        """The function that is looked at."""
        return self.frames[-1 - self._up]

    def stop(self, why: str) -> None:
        """Show where we are and read commands until one goes on."""
        self._up, self._focus = 0, None
        if why:
            self.say(why)
        self._here()
        self.cmdloop()

    def say(self, text: str) -> None:
        self.stdout.write(f"{text}\n")

    def onecmd(self, line: str) -> bool:
        """One command; what goes wrong in it is said and changes nothing."""
        try:
            return bool(super().onecmd(line))
        except Exception as error:
            text = error.args[0] if isinstance(error, KeyError) else error
            self.say(f"*** {type(error).__name__}: {text}")
            return False

    def emptyline(self) -> bool:
        """As `n`."""
        return self.do_n("")

    # going on

    def do_n(self, arg: str) -> bool:
        """n: the next op; the body of a loop or branch is run as one."""
        self.mode = "next"
        return True

    def do_s(self, arg: str) -> bool:
        """s: the next op, also in the body of a loop or branch."""
        self.mode = "step"
        return True

    def do_c(self, arg: str) -> bool:
        """c: go on to the next break, or to the end."""
        self.mode = "run"
        return True

    def do_q(self, arg: str) -> bool:
        """q: end the evaluation; `tapec.debug` returns None."""
        raise Quit

    def do_EOF(self, arg: str) -> bool:
        """The end of the input is `q`."""
        raise Quit

    # looking

    def do_p(self, arg: str) -> None:
        """p [EXPRESSION]: a value, such as %5, or of one: %5.max() - %x[0]."""
        name = arg.strip() or name_of(self._current())
        if re.fullmatch(r"%\w+", name):
            v = find(self.frame.function, name)
            self.say(value_text(self._value(v)))
        else:
            self.say(repr(self._evaluate(name)))

    def do_i(self, arg: str) -> None:
        """i [%N]: the operands of an op, and their ranges."""
        op = self._current(arg)
        for a in dict.fromkeys(op.args):
            self.say(f"{name_of(a)} {shown(self._value(a))}")

    def do_u(self, arg: str) -> None:
        """u [%N]: the ops that read a value."""
        v = self._current(arg)
        found = users(self.frame.function)[v]
        for op in found:
            self.say(self._line(op))
        if v in self.frame.function.results:
            self.say("it is a result")
        elif not found:
            self.say("nothing reads it")

    def do_back(self, arg: str) -> None:
        """back [%N]: look at the op that made an operand, the first by default."""
        op = self._current()
        producer = find(self.frame.function, arg.strip()) if arg.strip() else op.args[0]
        if producer.prim is None:
            self.say(f"{name_of(producer)} is a parameter")
            return
        self._focus = producer
        self._here()

    def do_l(self, arg: str) -> None:
        """l: the ops around this one."""
        fn, op = self.frame.function, self._current()
        lines = function_lines(fn, elide=True)
        at = fn.ops.index(op) + 1
        for i, line in enumerate(lines):
            if abs(i - at) <= AROUND:
                self.say(f"{'->' if i == at else '  '} {line.strip()}")

    def do_w(self, arg: str) -> None:
        """w: where this op is in the user's code, caller by caller, and in bodies."""
        for frame in self.frames[: len(self.frames) - self._up]:
            if frame.op is not None:
                self.say(f"@{frame.function.name}: {self._line(frame.op)}")
        self.say(excerpt(self._current().meta.loc) or "  no place in the user's code")

    def do_why(self, arg: str) -> None:
        """why [%N]: where an op comes from and what the passes make of it."""
        if self._up < len(self.frames) - 1:
            self.say("an op of a body; go up to the op that runs it")
            return
        self.say(self.inspection.why(self._current(arg).uid))

    def do_tree(self, arg: str) -> None:
        """tree [%N]: what a value is computed from, with the values."""
        values = self.frame.values
        self.say(tree(
            self.frame.function, name_of(self._current(arg)), 4,
            note=lambda v: range_of(values[v.uid]) if v.uid in values else "",
        ))  # fmt: skip

    def do_g(self, arg: str) -> None:
        """g PATH: write a picture of the program, as SVG."""
        path = arg.strip() or f"{self.inspection.recorded.name}.svg"
        self.inspection.svg(path, stage="recorded")
        self.say(f"wrote {path}")

    def do_asm(self, arg: str) -> None:
        """asm [%N]: the instructions that compute a value, in its kernel."""
        uid = self._current(arg).uid
        lines = [
            line
            for line in self.inspection.asm(source=True).splitlines()
            if f" ; %{uid} " in line
        ]
        self.say("\n".join(lines) or f"no instruction is of %{uid} alone; see why")

    def do_up(self, arg: str) -> None:
        """up: look at the op that runs this body."""
        self._move(1)

    def do_down(self, arg: str) -> None:
        """down: back into the body."""
        self._move(-1)

    def _move(self, by: int) -> None:
        if not 0 <= self._up + by < len(self.frames):
            self.say("there is no further function")
            return
        self._up += by
        self._focus = None
        self._here()

    # breaks

    def do_b(self, arg: str) -> None:
        """b [nan | op NAME | line FILE:NUMBER | %N]: stop there; alone: list them."""
        if arg.strip():
            self.breaks.append(break_at(arg))
        for number, each in enumerate(self.breaks):
            self.say(f"{number}: {each}")

    def do_clear(self, arg: str) -> None:
        """clear [NUMBER]: forget a break, or all."""
        if arg.strip():
            del self.breaks[int(arg)]
        else:
            self.breaks.clear()

    # pieces

    def _here(self) -> None:
        op = self._current()
        self.say(f"> {self._line(op)}")
        if place := excerpt(op.meta.loc):
            self.say(place)
        if op.uid in self.frame.values:
            self.say(f"  {shown(self.frame.values[op.uid])}")

    def _current(self, arg: str = "") -> Value:
        if arg.strip():
            return find(self.frame.function, arg.strip())
        found = self._focus or self.frame.op
        assert found is not None
        return found

    def _line(self, op: Value) -> str:
        fn = self.frame.function
        if op not in fn.ops:
            return repr(op)
        return function_lines(fn, elide=True)[fn.ops.index(op) + 1].strip()

    def _value(self, v: Value) -> Any:
        if v.uid not in self.frame.values:
            raise KeyError(f"{name_of(v)} is not computed yet")
        return self.frame.values[v.uid]

    def _evaluate(self, text: str) -> Any:
        """A Python expression in which `%5` is a value."""
        names: dict[str, Any] = {"np": np}

        def put(match: re.Match[str]) -> str:
            v = find(self.frame.function, match[1])
            names[f"_{match[1]}"] = self._value(v)
            return f"_{match[1]}"

        return eval(re.sub(r"%(\w+)", put, text), names)


def shown(value: Any) -> str:
    """A value in one line: type, range and how its elements are spread."""
    if isinstance(value, tuple):
        return "; ".join(shown(part) for part in value)
    return f"{shape_of(value)}: {range_of(value)}  {bars(value)}".rstrip()


def value_text(value: Any) -> str:
    """A value in one line, and its elements below."""
    if isinstance(value, tuple):
        return "\n".join(value_text(part) for part in value)
    if np.ndim(value) == 0:
        return shown(value)
    elements = np.array2string(np.asarray(value), threshold=40, edgeitems=4)
    return f"{shown(value)}\n{elements}"
