"""The libraries that an object file needs, and how a compiler here links it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tapec.errors import UnsupportedError

__all__ = ["Needs", "link", "needs_of", "suffix"]

BLAS = re.compile(r"[sdcz](gemm|gemv)_")
C = re.compile("_*chkstk(_ms)?|_fltused|bcmp|bzero|free|memcpy|memmove|memset|realloc")
MATH = re.compile(
    r"(ceil|copysign|floor|fma|fmax|fmin|fmod|ldexp|nearbyint|rint|round|roundeven|sqrt"
    r"|trunc)f?"
)
"""What LLVM calls where the processor has no instruction for it."""


class Needs(NamedTuple):
    """The undefined symbols of an object file that are not the C library's own."""

    blas: tuple[str, ...]
    math: tuple[str, ...]

    @property
    def flags(self) -> str:
        """What to link with, as text."""
        words = ["-lopenblas (or -lblas)"] * bool(self.blas) + ["-lm"] * bool(self.math)
        return " ".join(words)


def needs_of(symbols: Sequence[str]) -> Needs:
    """UnsupportedError for a symbol of no library that a C program has."""
    rest = [s for s in symbols if not C.fullmatch(s)]
    blas = tuple(s for s in rest if BLAS.fullmatch(s))
    math = tuple(s for s in rest if MATH.fullmatch(s))
    for symbol in rest:
        if symbol not in (*blas, *math):
            raise UnsupportedError(f"the code calls {symbol}, which is in no C library")
    return Needs(blas, math)


# --- linking ------------------------------------------------------------------------


def suffix() -> str:
    """Of a shared library on this system."""
    return {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")


def link(folder: str, name: str, needs: Needs) -> tuple[str, str]:
    """Make NAME.so of NAME.o in a folder: its name, and how; or "", and why not."""
    compilers = list(_compilers())
    if not compilers:
        return "", "no compiler found: install one, or tapec[export]"
    made, problem = name + suffix(), ""
    for command, shown in compilers:
        for libraries in _libraries(needs):
            arguments = ["-shared", "-o", made, f"{name}.o", *libraries]
            done = subprocess.run(
                [*command, *arguments], cwd=folder, capture_output=True, text=True,
                check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            if done.returncode == 0 and os.path.exists(os.path.join(folder, made)):
                return made, " ".join([shown, *arguments])
            problem = problem or _first_line(done.stderr, shown)
    if needs.blas:
        return "", f"no BLAS found by {compilers[0][1]}"
    return "", problem


def _first_line(text: str, shown: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return f"{shown} failed: {lines[0] if lines else 'without a word'}"


def _compilers() -> Iterator[tuple[list[str], str]]:
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            yield [name], name
            return
    if importlib.util.find_spec("ziglang"):
        yield [sys.executable, "-m", "ziglang", "cc"], "python -m ziglang cc"


def _libraries(needs: Needs) -> list[list[str]]:
    """In this order: the flags to try."""
    math = ["-lm"] * (bool(needs.math) and sys.platform != "win32")
    if not needs.blas:
        return [math]
    found = [["-lopenblas", *math], ["-lblas", *math]]
    if sys.platform == "darwin":
        found.append(["-framework", "Accelerate"])
    return found
