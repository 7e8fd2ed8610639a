"""`tapec.debug`: the interpreter, op by op, under the user's hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TextIO

from tapec.debugging.breaks import Break, break_at
from tapec.debugging.shell import Frame, Quit, Shell
from tapec.interpret import Observer, apply, observed
from tapec.ir import Function, Value

__all__ = ["Debugger", "debug"]


def debug(
    f: Callable[..., Any], *args: Any, break_on: str | None = None,
    op: str | None = None, line: str | int | None = None, uid: int | None = None,
    stdin: TextIO | None = None, stdout: TextIO | None = None, **kw: Any,
) -> Any:  # fmt: skip
    """Run `f(*args)` op by op in a small debugger; the result, None after `q`.

    It stops at the first op, or where it is told to: break_on="nan" after the op that
    first gives NaN, op="exp" after each op of that name, line=7 or line="fit.py:7"
    after the ops of that line, uid=5 after %5. Always, it stops at an op that raises.

    Commands: `n` next op, `s` into bodies of loops, `c` to the next stop, `p %5` a
    value (or an expression of values), `i` operands, `u` users, `back` to what made an
    operand, `l` list, `w` where, `why`, `tree`, `g PATH` a picture, `b nan` one more
    break, `up` and `down` between a body and what runs it, `q` quit, `help`.

    stdin, stdout: text files in the place of the terminal. ValueError for a break that
    cannot be. Keywords of these names that `f` has are given by `functools.partial`.

    >>> import io, tapec
    >>> commands = io.StringIO("p\\nc\\n")
    >>> answers = io.StringIO()
    >>> tapec.debug(lambda x: (x + 1) * x, 2.0, op="multiply",
    ...             stdin=commands, stdout=answers)
    6.0
    >>> "f64[]: 6" in answers.getvalue()
    True
    """
    from tapec.compiled import Compiled

    function = f if hasattr(f, "stepwise") else Compiled(f, f)
    seen, call = function.stepwise(*args, **kw)
    shell = Shell(seen, stdin, stdout)
    shell.breaks = _breaks(break_on, op, line, uid)
    if not shell.breaks:
        shell.mode = "step"
    try:
        with observed(Debugger(shell)):
            return call()
    except Quit:
        return None


def _breaks(*wanted: Any) -> list[Break]:
    text, *others = wanted
    found = [] if text is None else [break_at(text)]
    named = zip(("op", "line", "uid"), others, strict=True)
    return found + [Break(kind, str(what)) for kind, what in named if what is not None]


class Debugger(Observer):
    """Stops where the shell wants to."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self._depth = 0

    def enter(self, fn: Function, arrays: tuple[Any, ...]) -> None:
        self.shell.frames.append(Frame(fn, arrays))

    def leave(self, fn: Function) -> None:
        self.shell.frames.pop()

    def run(self, op: Value, args: list[Any]) -> Any:
        frame = self.shell.frames[-1]
        depth = len(self.shell.frames)
        frame.op = op
        try:
            out = apply(op, args)
        except Exception as error:
            del self.shell.frames[depth:]
            if not getattr(error, "_stopped_at", False):
                error._stopped_at = True  # type: ignore[attr-defined]
                self.shell.stop(f"{type(error).__name__}: {error}")
            raise
        if not op.prim.effect:
            frame.values[op.uid] = out
        why = self._why(op, args, out, depth)
        if why is not None:
            self.shell.stop(why)
            self._depth = len(self.shell.frames)
        return out

    def _why(self, op: Value, args: Sequence[Any], out: Any, depth: int) -> str | None:
        """Why to stop after `op`; None to go on."""
        for each in self.shell.breaks:
            if each.holds(op, args, out, depth == 1):
                return f"break: {each}"
        mode = self.shell.mode
        if mode == "step" or (mode == "next" and depth <= self._depth):
            return ""
        return None
