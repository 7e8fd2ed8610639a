"""`load`: exported functions as functions of Python again."""

from __future__ import annotations

import ctypes
import os
import platform as machines
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from tapec import containers
from tapec.errors import DTypeError, ShapeError, TapecError
from tapec.exporting.libraries import suffix
from tapec.exporting.signature import Argument, Signature, read
from tapec.native import blas, engine, platform
from tapec.native.standalone_entry import OUT_OF_MEMORY, by_value
from tapec.tracing import example_of

__all__ = ["Loaded", "load"]

Array = np.ndarray[Any, Any]


def load(path: str | os.PathLike[str]) -> Loaded:
    """The function that `export` wrote: it takes and returns the same containers.

    path: of NAME.json, the same without ".json", or a folder with one such file.
    Nothing is traced or compiled. The shared library is called if there is one;
    without, the object file is linked here, with SciPy's BLAS where it needs one. Load
    only files that you trust, as their code is run.

    Raises FileNotFoundError where there is no such file; TapecError for another
    system, a processor without the instructions that were used, or code that is not
    the file's; ImportError where
    the function takes a class that cannot be found.

    >>> import numpy as np, tapec, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     done = tapec.export(lambda x, n: x * n, np.zeros(3), 2.0, path=folder)
    ...     f = tapec.load(folder)
    >>> f(np.arange(3.0), 10.0)
    array([ 0., 10., 20.])
    """
    folder, name = _found(os.fspath(path))
    stem = os.path.join(folder, name)
    with open(f"{stem}.json", encoding="utf-8") as file:
        text = file.read()
    try:
        signature = read(text)
    except ValueError as error:
        raise ValueError(f"{name}.json: {error}") from None
    _check_machine(signature)
    if os.path.exists(stem + suffix()):
        return _from_library(signature, os.path.abspath(stem + suffix()))
    return _from_object(signature, f"{stem}.o")


def _found(path: str) -> tuple[str, str]:
    if os.path.isdir(path):
        files = sorted(f for f in os.listdir(path) if f.endswith(".json"))
        if len(files) != 1:
            listed = ", ".join(files) or "no .json file"
            raise FileNotFoundError(f"{path} has {listed}: name the one to load")
        path = os.path.join(path, files[0])
    folder, last = os.path.split(path)
    return folder, last.removesuffix(".json")


def _check_machine(s: Signature) -> None:
    here = machines.machine(), sys.platform
    if (s.machine, s.system) != here:
        raise TapecError(
            f"{s.name} was exported for {s.system} on {s.machine}, this is {here[1]} "
            f"on {here[0]}: export it here"
        )
    missing = [f for f in s.features if f not in platform.host().has]
    if missing:
        raise TapecError(
            f"{s.name} was exported with cpu={s.cpu!r}, and this processor has no "
            f"{', '.join(missing)}: export it with cpu='x86-64-v2' or cpu='generic'"
        )


def _from_library(s: Signature, path: str) -> Loaded:
    """A system does not load a path again that it has loaded: then it is a copy."""
    library = ctypes.CDLL(path)
    if _id_at(s, _address(library, f"{s.name}_id")) != s.id:
        handle, copy = tempfile.mkstemp(suffix=suffix())
        os.close(handle)
        shutil.copyfile(path, copy)
        library = ctypes.CDLL(copy)
        with suppress(OSError):  # Windows keeps what is loaded
            os.remove(copy)
    _check_id(s, _address(library, f"{s.name}_id"), os.path.basename(path))
    return Loaded(s, _address(library, s.name), library)


def _address(library: ctypes.CDLL, name: str) -> int:
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0


def _from_object(s: Signature, path: str) -> Loaded:
    with open(path, "rb") as file:
        code = file.read()
    linked = engine.linked(code, [s.name, f"{s.name}_id"], _imports(s))
    _check_id(s, linked.address(f"{s.name}_id"), os.path.basename(path))
    return Loaded(s, linked.address(s.name), linked)


def _id_at(s: Signature, address: int) -> str:
    return ctypes.string_at(address, len(s.id)).decode(errors="replace")


def _check_id(s: Signature, address: int, file: str) -> None:
    """Other code would take the arguments for something else."""
    if _id_at(s, address) != s.id:
        raise TapecError(
            f"{file} is not the code that {s.name}.json was written for: export "
            f"{s.name} again"
        )


def _imports(s: Signature) -> dict[str, int]:
    engine.engine()  # LLVM's targets
    found = [n for n in s.symbols if re.fullmatch(r"[sdcz]gem[mv]_", n)]
    return {n: blas.address(n.rstrip("_")) for n in found}


class Loaded:
    """An exported function. signature: what its file says of it.

    Arguments have the dtypes and shapes it was exported for, and any layout: others
    raise ShapeError or DTypeError. TapecError where arguments take a branch that the
    exported ones did not; MemoryError where there is no memory. Several threads may
    call.
    """

    def __init__(self, signature: Signature, address: int, code: Any) -> None:
        self.signature = signature
        self.__name__ = signature.name
        self._code = code  # as long as this
        self._by_value = [by_value(a.type) for a in signature.arguments]
        pairs = zip(signature.arguments, self._by_value, strict=True)
        kinds = [_ctype(a) if number else ctypes.c_void_p for a, number in pairs]
        kinds += [ctypes.c_void_p] * (len(signature.results) + 1)
        self._function = ctypes.CFUNCTYPE(ctypes.c_int32, *kinds)(address)

    def __call__(self, *args: Any) -> Any:
        s = self.signature
        leaves, structure = containers.flatten(args)
        if structure != s.takes:
            raise TypeError(
                f"{s.name} takes {s.takes!r} (a * is an array or a number), not "
                f"{structure!r}"
            )
        pairs = zip(s.arguments, leaves, strict=True)
        arrays = [self._checked(a, x) for a, x in pairs]
        outs = [np.empty(r.shape, r.dtype) for r in s.results]
        workspace = np.empty(s.workspace, np.uint8)
        given = [
            array.item() if number else array.ctypes.data
            for array, number in zip(arrays, self._by_value, strict=True)
        ]
        places = [out.ctypes.data for out in (*outs, workspace)]
        status = self._function(*given, *places)
        if status == OUT_OF_MEMORY:
            raise MemoryError(f"{s.name}: no memory for what a loop keeps")
        if status:
            raise TapecError(
                f"{s.name}: these arguments take another branch than the ones it was "
                "exported with, or make the function raise; export it for these too"
            )
        return containers.unflatten(s.returns, _returned(s.results, outs))

    def _checked(self, a: Argument, x: Any) -> Array:
        """A plain array of the right type."""
        if type(x) is np.ndarray and x.shape == a.shape and x.dtype == a.dtype:
            flags = x.flags
            if flags.c_contiguous and flags.aligned:
                return x
        name = f"{self.signature.name}: argument {a.path}"
        array = example_of(x)
        dtype = array.dtype.newbyteorder("=")
        if array.shape != a.shape:
            raise ShapeError(
                f"{name} has shape {array.shape}, it was exported for {a.shape}"
            )
        python = isinstance(x, (int, float, complex)) or a.weak
        if dtype != a.dtype and not (python and _fits(array, a)):
            raise DTypeError(f"{name} has dtype {dtype}, it was exported for {a.dtype}")
        return np.require(array, a.dtype, ["C", "A"])

    def __repr__(self) -> str:
        return f"<loaded {self.signature.text}>"


def _fits(array: Array, a: Argument) -> bool:
    """Whether a Python number, or what stands for one, is one of this kind."""
    return "biufc".index(array.dtype.kind) <= "biufc".index(a.dtype.kind)


def _ctype(a: Argument) -> Any:
    """Of a number that is passed by value."""
    if a.dtype.kind == "b":
        return ctypes.c_uint8
    return np.ctypeslib.as_ctypes_type(a.dtype)


def _returned(results: Sequence[Argument], outs: Sequence[Array]) -> list[Any]:
    """As compiled functions do: numbers of Python where they came from such."""
    return [
        out if r.shape else out.item() if r.weak else out[()]
        for r, out in zip(results, outs, strict=True)
    ]
