"""`export`: a function as an object file with a header, for programs without Python."""

from __future__ import annotations

import itertools
import os
import platform as machines
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tapec.errors import UnsupportedError, at
from tapec.exporting import names
from tapec.exporting.example import MOST, example
from tapec.exporting.header import header
from tapec.exporting.libraries import Needs, link, needs_of, suffix
from tapec.exporting.samples import with_samples
from tapec.exporting.signature import Signature, written
from tapec.exporting.subject import Subject
from tapec.ir import Function, Value
from tapec.native import platform
from tapec.native.layout import NoNative
from tapec.native.standalone import InPython, Standalone, standalone
from tapec.native.undefined import undefined

__all__ = ["Exported", "export"]


@dataclass(frozen=True)
class Exported:
    """What `export` wrote: its text says so.

    folder: where the files are. files: their names. libraries: what to link with, as
    flags. symbols: functions of BLAS that the object file calls. linked: the command
    that made the shared library, or why there is none. signature: of the function.
    """

    folder: str
    files: tuple[str, ...]
    libraries: str
    symbols: tuple[str, ...]
    linked: str
    signature: Signature

    @property
    def path(self) -> str:
        """What `tapec.load` takes."""
        return os.path.join(self.folder, f"{self.signature.name}.json")

    def __repr__(self) -> str:
        s = self.signature
        return "\n".join([
            s.prototype,
            f"files      {' '.join(self.files)}",
            f"library    {self.linked}",
            f"link with  {self.libraries or 'nothing but the C library'}",
            f"processor  {s.cpu}",
            f"workspace  {s.workspace} bytes",
        ])  # fmt: skip


def export(
    fun: Callable[..., Any],
    *specs: Any,
    path: str | os.PathLike[str],
    name: str | None = None,
    cpu: str = "host",
) -> Exported:
    """Write `fun` as object code that C calls without Python.

    fun: a compiled function (`jit`, `grad`, `value_and_grad`, ...) or a plain one,
    which is exported as it is. specs: one per argument: an example, or
    `tapec.spec(shape, dtype)`, or a container of these. path: a folder, or a folder and
    what the files' names begin with. name: of the function in C; without it what `path`
    ends with, or what `fun` is called. cpu: "host", "generic", or "x86-64-v2", "-v3",
    "-v4".

    Written are NAME.o, NAME.h, NAME_example.c, NAME.json (for `tapec.load`), and a
    shared library where a compiler is found. Containers are flattened in order:
    `params["w"]` is the parameter `params_w`. Arrays are passed by address; numbers
    (shape `()`, real) by value; results by address. Captured arrays and variables are
    part of the object file, with the values they have now. The function runs on one
    thread. It is good for these shapes and dtypes, and where Python's `if` and `while`
    saw a value, for arguments that take the same branches; it answers 1 for others.

    Raises UnsupportedError for an operation that NumPy runs (its line is shown), for an
    assigned variable, and for a branch without an example to take it; ValueError for
    other cpu names, names that C cannot have, and specs without dtype or with a size
    that may vary. Nothing is written then.

    >>> import numpy as np, tapec, tempfile
    >>> def loss(w, x):
    ...     return np.sum((x * w - 1.0) ** 2)
    >>> row = tapec.spec((3,), np.float64)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     done = tapec.export(tapec.value_and_grad(loss), row, row, path=folder)
    >>> print(done.signature.prototype)
    int loss(const double *w, const double *x, double *value, double *grad_w,
        void *workspace);
    """
    folder, name = _place(fun, path, name)
    target = platform.cpu_named(cpu)
    args, sampled = with_samples(specs, itertools.count())
    subject = Subject(fun, tuple(args))
    _refuse(subject.traced.function, sampled, name)
    fn = subject.optimized(target)
    code = _code(fn, name, target)
    symbols = undefined(code.code)
    needs = needs_of(symbols)
    given, results = subject.described(name)
    signature = Signature(
        name=name, function=str(getattr(fun, "__name__", name)), arguments=given,
        results=results, takes=subject.structure, returns=subject.traced.structure,
        workspace=code.workspace, id=code.id,
        cpu=cpu, features=tuple(sorted(target.has)),
        machine=machines.machine(), system=sys.platform, symbols=tuple(symbols),
        captured=subject.captured(), versions=_versions(),
    )  # fmt: skip
    texts = {
        f"{name}.h": header(signature),
        f"{name}_example.c": example(signature, [_small(x) for x in subject.inputs]),
        f"{name}.json": written(signature),
    }
    contents = {f"{name}.o": code.code, **{n: t.encode() for n, t in texts.items()}}
    linked = _write(folder, name, contents, needs)
    files = tuple(contents) + ((name + suffix(),) if linked[0] else ())
    return Exported(folder, files, needs.flags, needs.blas, linked[1], signature)


# --- the function -------------------------------------------------------------------


def _place(fun: Any, path: Any, name: str | None) -> tuple[str, str]:
    """The folder, and what the function is called."""
    text = os.fspath(path)
    folder, last = os.path.split(text)
    if not last or os.path.isdir(text):
        folder, last = text, ""
    name = name or last or names.c_name(fun)
    if not names.is_free(name):
        text = f"a function of C cannot be called {name!r}: give another name="
        raise ValueError(text)
    return folder or os.curdir, name


def _refuse(recorded: Function, sampled: set[int], name: str) -> None:
    """Branches that no example has taken. sampled: numbers of such parameters."""
    unknown = {recorded.params[number] for number in sampled}
    for op in recorded.ops:
        if unknown.isdisjoint(op.args):
            continue
        unknown.add(op)
        if op.prim.name == "check" and not _is_range(op.args[0]):
            text = (
                f"{name} takes a branch by the value of an argument, and a spec has no "
                "values: give arrays as examples, or use tapec.cond or np.where"
            )
            raise at(UnsupportedError(text), op.meta.loc)


def _is_range(truth: Value) -> bool:
    """Whether it says that an index lies inside, as it does for samples too."""
    while truth.prim is not None and truth.prim.name in ("all", "reshape"):
        truth = truth.args[0]
    kinds = [a.prim.name for a in truth.args if a.prim is not None]
    return kinds == ["greater_equal", "less"]


def _code(fn: Function, name: str, cpu: platform.Cpu) -> Standalone:
    try:
        with platform.made_for(cpu):
            return standalone(fn, name, cpu)
    except InPython as error:
        raise at(UnsupportedError(_reason(error.op, name)), error.op.meta.loc) from None
    except NoNative as error:
        raise UnsupportedError(f"{name} cannot leave Python: {error}") from None


def _reason(op: Value, name: str) -> str:
    what = op.prim.name
    if op.prim.effect:
        return f"{name} cannot leave Python: only Python can {what}; leave it out"
    types = ", ".join(repr(a.type) for a in op.args)
    return (
        f"{name} cannot leave Python: {what} of {types} has no native code, NumPy runs "
        f"it; compute it before the call and make its result an argument"
    )


def _versions() -> dict[str, str]:
    llvm, _ = platform.llvm_versions()
    own = sys.modules["tapec"].__version__
    return {"tapec": own, "LLVM": ".".join(map(str, llvm))}


def _small(x: np.ndarray[Any, Any]) -> Any:
    return x if x.size <= MOST else None


# --- files --------------------------------------------------------------------------


def _write(
    folder: str, name: str, contents: dict[str, bytes], needs: Needs
) -> tuple[str, str]:
    """All files, or none; what `link` answers."""
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tapec-") as apart:
        for file, content in contents.items():
            with open(os.path.join(apart, file), "wb") as out:
                out.write(content)
        linked = link(apart, name, needs)
        old = os.path.join(folder, name + suffix())
        if os.path.exists(old):
            os.remove(old)
        for file in (*contents, *filter(None, [linked[0]])):
            shutil.copyfile(os.path.join(apart, file), os.path.join(folder, file))
    return linked
