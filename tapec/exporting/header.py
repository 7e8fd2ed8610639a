"""The C header of an exported function."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from tapec.exporting.libraries import needs_of
from tapec.exporting.signature import Argument, Signature
from tapec.native.standalone_entry import OTHER, OUT_OF_MEMORY, by_value

__all__ = ["header", "linked_with"]


def linked_with(s: Signature) -> str:
    """The flags that link the object file, as text."""
    return needs_of(s.symbols).flags


def header(s: Signature) -> str:
    """The whole file."""
    big = s.name.upper()
    return "\n".join([
        "/*", *_comment(s), " */",
        f"#ifndef TAPEC_{big}_H", f"#define TAPEC_{big}_H", "",
        "#include <stdint.h>", "",
        "#ifdef __cplusplus", 'extern "C" {', "#endif", "",
        f"#define {big}_OK 0",
        f"#define {big}_OTHER {OTHER}",
        f"#define {big}_NO_MEMORY {OUT_OF_MEMORY}", "",
        f"#define {big}_WORKSPACE_BYTES {s.workspace}", "",
        s.prototype, "",
        f"extern const char {s.name}_id[]; /* the id in {s.name}.json */", "",
        "#ifdef __cplusplus", "}", "#endif", "",
        "#endif", "",
    ])  # fmt: skip


def _comment(s: Signature) -> Iterator[str]:
    versions = ", ".join(f"{name} {v}" for name, v in s.versions.items())
    yield from _said(f"{s.name}: {s.function}, exported by tapec.export ({versions}).")
    yield " *"
    yield from _table("Parameters", s.arguments, result=False)
    yield from _table("Results", s.results, result=True)
    yield from _said(
        "Arrays have their elements in C's order, aligned as C has them; results "
        "overlap nothing else. A bool is 0 or 1, a complex number its real and its "
        "imaginary part."
    )
    yield " *"
    yield from _said(
        f"workspace: {s.name.upper()}_WORKSPACE_BYTES bytes at any address. Nothing "
        "is kept there or anywhere else between calls: several threads may call, each "
        "with its own. A call runs in the thread that makes it, and starts no other."
    )
    yield " *"
    yield from _said("Returned is")
    big = s.name.upper()
    yield from _said(f"{big}_OK", "    ")
    yield from _said(
        f"{big}_OTHER: for these arguments the Python function takes another branch "
        "than for those it was exported with, or raises; there are no results",
        "    ",
    )
    yield from _said(
        f"{big}_NO_MEMORY: workspace is NULL, or malloc has no more", "    "
    )
    yield " *"
    yield from _said(_processor(s))
    yield from _said(_linking(s))
    if s.captured:
        yield " *"
        yield from _said("In the object file, as they were when it was written:")
        for line in s.captured:
            yield from _said(line, "    ")


def _said(text: str, indent: str = "") -> list[str]:
    head = f" * {indent}"
    text = text.replace("*/", "* /")
    return textwrap.wrap(text, 86, initial_indent=head, subsequent_indent=head)


def _table(title: str, rows: tuple[Argument, ...], *, result: bool) -> Iterator[str]:
    yield f" * {title}"
    for a in rows:
        passed = "" if result or not by_value(a.type) else ", by value"
        shape = str(list(a.shape)) if a.shape else ""
        where = f"  {a.path}" if a.path != a.name else ""
        yield from _said(f"{a.name}  {a.dtype}{shape}{passed}{where}", "    ")
    yield " *"


def _processor(s: Signature) -> str:
    if not s.features:
        return f"Processor: any of {s.machine}."
    return (
        f"Processor: {s.cpu}. It must have {' '.join(s.features)}; on another one the "
        "program stops at an unknown instruction."
    )


def _linking(s: Signature) -> str:
    flags = linked_with(s)
    if not flags:
        return "Link with: nothing but C's own library."
    symbols = " ".join(needs_of(s.symbols).blas)
    return f"Link with: {flags}" + (
        f", for {symbols} (Fortran's names)." if symbols else "."
    )
