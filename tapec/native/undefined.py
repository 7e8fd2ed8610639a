"""Which functions of other libraries an object file calls.

Only names are read, from the symbol table of the three formats that LLVM writes: ELF
(System V ABI), Mach-O and COFF.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

__all__ = ["undefined"]

ELF, MACHO, COFF = b"\x7fELF\x02\x01", b"\xcf\xfa\xed\xfe", (0x8664, 0xAA64)
SYMBOL_TABLE, LOAD_SYMBOLS = 2, 2
EXTERNAL, KIND, STABS = 0x01, 0x0E, 0xE0


def undefined(code: bytes) -> list[str]:
    """The names in alphabetical order, as C has them; ValueError for other formats."""
    if code.startswith(ELF):
        found = _elf(code)
    elif code.startswith(MACHO):
        found = _macho(code)
    elif struct.unpack_from("<H", code)[0] in COFF:
        found = _coff(code)
    else:
        raise ValueError("an object file of an unknown format")
    return sorted(set(found) - {""})


def _text(code: bytes, start: int) -> str:
    return code[start : code.index(b"\0", start)].decode()


def _elf(code: bytes) -> Iterator[str]:
    (sections,) = struct.unpack_from("<Q", code, 0x28)
    size, count = struct.unpack_from("<HH", code, 0x3A)
    rows = [struct.unpack_from("<IIQQQQIIQQ", code, sections + size * i)
            for i in range(count)]  # fmt: skip
    for row in rows:
        _, kind, _, _, offset, nbytes, link, _, _, each = row
        if kind != SYMBOL_TABLE:
            continue
        names = rows[link][4]
        for start in range(offset, offset + nbytes, each):
            name, _, _, section = struct.unpack_from("<IBBH", code, start)
            if section == 0 and _text(code, names + name) != "_GLOBAL_OFFSET_TABLE_":
                yield _text(code, names + name)


def _macho(code: bytes) -> Iterator[str]:
    (commands,) = struct.unpack_from("<I", code, 16)
    place = 32
    for _ in range(commands):
        command, nbytes = struct.unpack_from("<II", code, place)
        if command == LOAD_SYMBOLS:
            first, count, names, _ = struct.unpack_from("<IIII", code, place + 8)
            for i in range(count):
                name, kind = struct.unpack_from("<IB", code, first + 16 * i)
                if kind & EXTERNAL and not kind & (KIND | STABS):
                    yield _text(code, names + name).removeprefix("_")
        place += nbytes


def _coff(code: bytes) -> Iterator[str]:
    first, count = struct.unpack_from("<II", code, 8)
    names, i = first + 18 * count, 0
    while i < count:
        row = code[first + 18 * i : first + 18 * (i + 1)]
        section, _, kind, more = struct.unpack_from("<hHBB", row, 12)
        if section == 0 and kind == 2:
            zero, offset = struct.unpack_from("<II", row)
            short = row[:8].rstrip(b"\0").decode()
            yield short if zero else _text(code, names + offset)
        i += 1 + more
