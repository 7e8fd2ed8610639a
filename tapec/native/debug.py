"""Debug information: which op an instruction belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from llvmlite import ir

from tapec.ir import Function, Value

__all__ = ["lines_of", "numbered"]


def numbered(body: Function) -> Iterator[tuple[Function, Value]]:
    """The ops of a kernel by their line, from 1: its own, then those of loops in it.

    With the function that each belongs to; a function that occurs twice comes once.
    """
    pending, known = [body], {id(body)}
    while pending:
        fn = pending.pop(0)
        for op in fn.ops:
            yield fn, op
        for inner in fn.bodies():
            if id(inner) not in known:
                known.add(id(inner))
                pending.append(inner)


def lines_of(function: Any) -> Callable[[int], Any]:
    """Give a function debug information; the location of each of its lines."""
    module = function.module
    version = [ir.IntType(32)(2), "Debug Info Version", ir.IntType(32)(3)]
    module.add_named_metadata("llvm.module.flags", version)
    file = module.add_debug_info(
        "DIFile", {"filename": f"{function.name}tir", "directory": ""}
    )
    unit = module.add_debug_info(
        "DICompileUnit",
        {
            "language": ir.DIToken("DW_LANG_C"),
            "file": file,
            "isOptimized": True,
            "emissionKind": ir.DIToken("LineTablesOnly"),
        },
        is_distinct=True,
    )
    module.add_named_metadata("llvm.dbg.cu", unit)
    kind = module.add_debug_info("DISubroutineType", {"types": None})
    scope = module.add_debug_info(
        "DISubprogram",
        {
            "name": function.name,
            "file": file,
            "line": 1,
            "type": kind,
            "spFlags": ir.DIToken("DISPFlagDefinition"),
            "unit": unit,
        },
        is_distinct=True,
    )
    function.set_metadata("dbg", scope)

    def location(line: int) -> Any:
        return module.add_debug_info("DILocation", {"line": line, "scope": scope})

    return location
