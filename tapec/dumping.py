"""`TAPEC_DUMP=dir`: every program's stages, LLVM IR and assembly as files.

dir/001-loss/00-recorded.tir     then the stages that changed something, by number
dir/001-loss/03-simplify.tir
dir/001-loss/kernel.ll           and kernel.s, for each different kernel
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

from tapec.ir import Function
from tapec.text import format_module

__all__ = ["Dump"]


class Dump:
    """The files of one program, in a new folder inside `root`."""

    def __init__(self, root: str, fn: Function) -> None:
        self.folder = _new_folder(Path(root), fn.name)
        self._number = 0
        self._write(fn, "recorded")

    def stage(self, name: str, before: Function, after: Function) -> None:
        """A pass has run: a file, if it changed anything."""
        self._number += 1
        if after is not before and repr(after) != repr(before):
            self._write(after, name)

    def _write(self, fn: Function, stage: str) -> None:
        path = self.folder / f"{self._number:02d}-{_plain(stage)}.tir"
        text = format_module(fn, locations=True, elide=True)
        path.write_text(f"; {stage}\n{text}\n", encoding="utf-8")

    def native(self, program: Any) -> None:
        """The texts of the kernels."""
        for kernel in getattr(program, "kernels", ()):
            for suffix, text in (("ll", kernel.llvm), ("s", kernel.assembly)):
                path = self.folder / f"{_plain(kernel.name)}.{suffix}"
                path.write_text(text, encoding="utf-8")


_numbers = itertools.count(1)


def _new_folder(root: Path, name: str) -> Path:
    """A folder that did not exist: programs of other processes keep theirs."""
    root.mkdir(parents=True, exist_ok=True)
    while True:
        folder = root / f"{next(_numbers):03d}-{_plain(name)}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder


def _plain(name: str) -> str:
    """A name as a file's."""
    return re.sub(r"[^\w.-]+", "_", name).strip("._") or "f"
