"""Loops and branches in Python whose bodies are compiled.

A body that has steps in Python itself cannot be a part of a native loop; each round is
then a call of its program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tapec.ir import Function, Value
from tapec.ops.branches import run_switch
from tapec.ops.control import run_scan
from tapec.ops.while_loop import run_reverse, run_while

__all__ = ["hosted"]

RUNNERS: dict[str, Callable[..., tuple[Any, ...]]] = {
    "scan": run_scan,
    "switch": run_switch,
    "while_loop": run_while,
    "while_reverse": run_reverse,
}


def hosted(op: Value) -> Callable[..., tuple[Any, ...]] | None:
    """How the host runs a loop or branch; None for other ops."""
    from tapec.native.program import compile

    runner = RUNNERS.get(op.prim.name)
    if runner is None:
        return None
    programs = {v: compile(v) for _, v in op.attrs if isinstance(v, Function)}

    def run(fn: Function, *arrays: Any) -> Any:
        return programs[fn](*arrays)

    return lambda *args: runner(run, args, **dict(op.attrs))
