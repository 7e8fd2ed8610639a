"""What explains why a decorated function was traced again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tapec.errors import CheckFailed, excerpt
from tapec.interpret import evaluate
from tapec.ir import Value
from tapec.recording import Array
from tapec.tracing import Traced

__all__ = ["changed_types", "described", "rejection", "signature_line"]


def described(kinds: Sequence[Any]) -> str:
    """The kinds of arguments, as `signature_of` tells them."""
    return ", ".join(map(_one, kinds)) or "no arguments"


def _one(kind: Any) -> str:
    if isinstance(kind, tuple) and isinstance(kind[0], np.dtype):
        return f"{kind[0]}{list(kind[1])}"
    return kind.__name__ if isinstance(kind, type) else str(kind)


def changed_types(before: tuple[Any, Any], now: tuple[Any, Any]) -> str:
    """How one signature differs from another: (structure, kinds)."""
    if before[0] != now[0]:
        return f"other structure or static arguments: {now[0]!r} after {before[0]!r}"
    pairs = enumerate(zip(before[1], now[1], strict=True))
    changed = [f"argument {i}: {_one(a)} -> {_one(b)}" for i, (a, b) in pairs if a != b]
    return "other types: " + "; ".join(changed)


def rejection(traced: Traced, inputs: Sequence[Array]) -> str:
    """Which recorded check, or captured name, rejected these arguments."""
    captured = traced.bindings.arrays()
    if captured is None:
        return "a captured number, or the type of a captured array, changed"
    ops = [op for op in traced.function.ops if op.prim.name != "print"]
    try:
        evaluate(traced.function.with_(ops=ops), *inputs, *captured)
    except CheckFailed as failed:
        loc = failed.op.meta.loc if failed.op else None
        return f"{_happened(failed.op)} at\n{excerpt(loc)}"
    return "a check came out differently in native code"


def _happened(op: Value | None) -> str:
    """What it means that this check failed."""
    if (
        op is not None
        and op.args[0].prim is not None
        and op.args[0].prim.name == "item"
    ):
        loop = op.args[0].args[0]
        if loop.prim is not None and loop.prim.name == "while_loop":
            if op.attr("expected"):
                return "another branch was taken in a round of a loop,"
            return "a loop ran for more rounds than were known,"
    return "another branch was taken"


def signature_line(traced: Traced) -> str:
    """Parameter types, number of checks and the lines of these."""
    types = [f"%{p.name or p.uid}: {p.type!r}" for p in traced.function.params]
    line = f"({', '.join(types)})"
    checks = [op for op in traced.function.ops if op.prim.name == "check"]
    if not checks:
        return line
    places = dict.fromkeys(repr(op.meta.loc) for op in checks if op.meta.loc)
    s = "" if len(checks) == 1 else "s"
    return f"{line}, {len(checks)} check{s} at {', '.join(places)}"
