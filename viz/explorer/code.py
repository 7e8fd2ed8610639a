"""LLVM IR and assembly, ready to be read: without debug tables, each line with its op.

In the debug information of a kernel, line n is the op number n of its body.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["Listing", "assembly_listing", "llvm_listing"]

Listing = list[tuple[str, int]]
"""Lines of text, each with the number of its op, or 0."""

LOCATION = re.compile(r"^!(\d+) = !DILocation\(line: (\d+)", re.MULTILINE)
MARK = re.compile(r",? !dbg !(\d+)")
METADATA = re.compile(r", !(?!dbg)[\w.]+ !\d+")
LOC = re.compile(r"\s*\.loc\s+\d+\s+(\d+)")
LABEL = re.compile(r"^(?!\.L(tmp|func_)|Ltmp|Lfunc_)[\w.$@]+:")
DATA = (".quad", ".long", ".short", ".byte", ".zero", ".ascii", ".asciz")
CONSTANT = (".LCPI", "LCPI", "lCPI")
DEBUG = ("debug", "note", "DWARF")


def llvm_listing(text: str) -> Listing:
    """The functions of a module."""
    ops = {mark: int(line) for mark, line in LOCATION.findall(text)}
    found: Listing = []
    for line in text.splitlines():
        if line.startswith(("!", "attributes #", "; ModuleID", "; Function Attrs")):
            continue
        if line.startswith(("source_filename", "target ", "declare ")):
            continue
        mark = MARK.search(line)
        plain = METADATA.sub("", MARK.sub("", line))
        defines = line.startswith("define")
        op = ops.get(mark[1], 0) if mark and not defines else 0
        found.append((without_attributes(plain) if defines else plain, op))
    return squeezed(found)


def without_attributes(line: str) -> str:
    """The head of a function without what LLVM found out about it."""
    line = re.sub(r"\b(local_)?unnamed_addr\b|#\d+", "", line)
    line = re.sub(
        r"\b(captures\([^)]*\)|noalias|readonly|writeonly|noundef) ?", "", line
    )
    return " ".join(line.split())


def assembly_listing(text: str) -> Listing:
    """The instructions and labels, then the constants they read."""
    found: Listing = []
    data: Listing = []
    op, skipping, target = 0, False, found
    for line in text.splitlines():
        word = line.strip().partition("\t")[0].partition(" ")[0]
        if word == ".section":
            skipping = any(name in line for name in DEBUG)
        elif word == ".text":
            skipping = False
        if skipping or not word or word.startswith("#"):
            continue
        location = LOC.match(line)
        if location is not None:
            op = int(location[1])
        elif LABEL.match(line):
            target = data if line.startswith(CONSTANT) else found
            if not line.startswith((".L", "L")):
                op = 0
                found.append(("", 0))
            target.append((line.rstrip(), 0))
        elif word in DATA:
            target.append((aligned(line), 0))
        elif not word.startswith(".") and not line.rstrip().endswith(":"):
            found.append((aligned(line), op))
    return squeezed(without_unused_data([*found, ("", 0), *data]))


def aligned(line: str) -> str:
    """An instruction with its operands in a column of their own."""
    word, _, rest = line.strip().partition("\t")
    return f"    {word:<13} {rest}".rstrip()


def without_unused_data(lines: Listing) -> Listing:
    """Without the labels of data that went with the tables for the debugger."""
    return [
        line
        for line, after in zip(lines, [*lines[1:], ("", 0)], strict=True)
        if not (line[0].startswith((".Ldebug", ".Linfo", ".Lcu_", ".Lline")) and after)
    ]


def squeezed(lines: Iterable[tuple[str, int]]) -> Listing:
    """Without repeated empty lines."""
    found: Listing = []
    for line in lines:
        if line[0].strip() or (found and found[-1][0].strip()):
            found.append(line)
    while found and not found[-1][0].strip():
        found.pop()
    return found
