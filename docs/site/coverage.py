"""The page of what works: each function of NumPy and SciPy, from the records."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

import tapec.numpy
import tapec.scipy
from docs.site.probe import PLUMBING, Found, probe
from tapec.numpy.instead import advice
from tapec.tensor import FUNCTIONS, ufunc_primitive

__all__ = ["page"]

DISPATCHES = type(np.mean)
"""The type of NumPy's functions that ask their arguments for an implementation."""


class Row(NamedTuple):
    name: str
    found: Found
    notes: str


def page() -> str:
    """The page, in Markdown."""
    parts = [HEAD]
    missing = []
    for module, prefix in modules():
        rows = sorted(covered(module))
        if rows:
            count = f"{len(rows)} functions work on tensors"
            parts.append(f"## `{prefix}`\n\n{count}.\n\n{table(prefix, rows)}")
        if module.__name__.startswith("numpy"):
            missing += [(f"{prefix}.{n}", n) for n in absent(module)]
    known = dir(tapec.numpy)
    lines = [f"| `{full}` | {advice(name, known)} |" for full, name in missing]
    parts.append("\n".join([MISSING, *lines]))
    return "\n\n".join(parts) + "\n"


def modules() -> Iterator[tuple[ModuleType, str]]:
    """NumPy's and SciPy's modules, and how users write them."""
    yield from [(np, "np"), (np.linalg, "np.linalg"), (np.fft, "np.fft")]
    for found in pkgutil.iter_modules(tapec.scipy.__path__):
        yield importlib.import_module(f"scipy.{found.name}"), f"scipy.{found.name}"


def covered(module: ModuleType) -> Iterator[Row]:
    """A row per function that has an implementation."""
    for name, original in sorted(functions(module)):
        run = implementation(module, name, original)
        if run is None:
            continue
        for full, call in parts(name, run):
            found = probe(f"{module.__name__}.{full}", call)
            yield Row(full, found, notes(found, original, call))


def parts(name: str, run: Any) -> list[tuple[str, Callable[..., Any]]]:
    """The function; of a distribution its methods."""
    if callable(run):
        return [(name, run)]
    methods = [m for m in dir(run) if m[0].islower()]
    return [(f"{name}.{method}", getattr(run, method)) for method in methods]


def functions(module: ModuleType) -> Iterator[tuple[str, Any]]:
    public = getattr(module, "__all__", None) or dir(module)
    for name in set(public):
        found = getattr(module, name, None)
        if not name.startswith("_") and callable(found) and not isinstance(found, type):
            yield name, found


def implementation(
    module: ModuleType, name: str, original: Any
) -> Callable[..., Any] | None:
    """What to call: the function itself where it dispatches, else tapec's."""
    ours = FUNCTIONS.get(original)
    dispatches = isinstance(original, (np.ufunc, DISPATCHES))
    if dispatches and (ours is not None or ufunc_primitive(original) is not None):
        return original  # type: ignore[no-any-return]
    if ours is None and module.__name__.startswith("scipy."):
        spelled = importlib.import_module(f"tapec.{module.__name__}")
        ours = vars(spelled).get(name)
    return ours


def absent(module: ModuleType) -> list[str]:
    """Functions that ask tensors for an implementation and find none."""
    return [
        name
        for name, original in sorted(functions(module))
        if isinstance(original, (np.ufunc, DISPATCHES))
        and implementation(module, name, original) is None
    ]


# --- text ---------------------------------------------------------------------


def table(prefix: str, rows: list[Row]) -> str:
    lines = [
        "| function | derivative | runs | made of | notes |",
        "|---|---|---|---|---|",
    ]
    for name, found, said in rows:
        cells = [f"`{name}`", found.derivative, runs(found), made_of(name, found), said]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def runs(found: Found) -> str:
    """Where the value and its gradient are computed."""
    if found.host:
        listed = ", ".join(f"`{name}`" for name in found.host)
        return f"host: {listed}"
    return "native, BLAS and LAPACK" if found.blas else "native"


def made_of(name: str, found: Found) -> str:
    """The primitives of a composition; nothing for what is one by itself."""
    names = [n for n in found.made_of if n not in PLUMBING] or list(found.made_of)
    if names == [name]:
        return ""
    listed = ", ".join(f"`{n}`" for n in names[:4])
    return listed + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def notes(found: Found, original: Any, run: Any) -> str:
    """The record's sentence, or the first one of the implementation's docstring."""
    said = ""
    if found.whole is not None:
        said = found.whole.doc
    elif not isinstance(run, (np.ufunc, DISPATCHES)) or original in FUNCTIONS:
        said = (FUNCTIONS.get(original, run).__doc__ or "").partition("\n")[0]
    said = said.replace("|", "\\|")
    if found.may_raise:
        said += " On a tape it is computed at once."
    return said.strip()


HEAD = """# What works

Generated from the records of the operations: each function below was called, and the
program that it records was read.

* **derivative**: *any order* means that the rule is written in operations that have
  rules themselves, forward and backward. Where there is none, the reason stands there;
  a gradient through it is `None` on a tape and 0 in `grad`. *Not by* names an argument
  whose derivative has no formula: to ask for it is an error.
* **runs**: *native* is machine code for value and gradient. *host* names the operations
  that are steps in Python, NumPy's or SciPy's own code, in a program that is native
  otherwise.
* **made of**: the operations that a composition records. What only arranges numbers is
  left out."""

MISSING = """## What NumPy has and tensors have not

These raise an error that says what to use in their place. Arrays that are no tensors go
through NumPy as ever.

| function | in its place |
|---|---|"""
