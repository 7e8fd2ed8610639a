"""All that depends on the machine, the operating system and the Python build."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, wraps
from typing import Any, NamedTuple, TypeVar

import numpy as np

__all__ = [
    "HEADERS",
    "STEADY_CLOCK",
    "Cpu",
    "clock_functions",
    "cpu",
    "cpu_named",
    "elsewhere",
    "has_fma",
    "has_half",
    "has_masks",
    "host",
    "huge_pages",
    "llvm_versions",
    "made_for",
    "memory_functions",
    "pause_instruction",
    "per_processor",
    "thread_functions",
    "vector_width",
]

F = TypeVar("F", bound=Callable[..., Any])


class Cpu(NamedTuple):
    """LLVM's name of a processor, and its features in LLVM's notation."""

    name: str
    features: str

    @property
    def has(self) -> frozenset[str]:
        """The features that are there."""
        return _there(self.features)


@lru_cache(maxsize=16)
def _there(features: str) -> frozenset[str]:
    return frozenset(f[1:] for f in features.split(",") if f[:1] == "+")


@lru_cache(maxsize=1)
def host() -> Cpu:
    """This processor."""
    import llvmlite.binding as llvm

    return Cpu(llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())


CPU = "TAPEC_CPU"


@lru_cache(maxsize=1)
def cpu() -> Cpu:
    """What code of this process is made for: the processor of `TAPEC_CPU`, or this one.

    Raises ValueError where the variable names none, or one that can do more than this.
    """
    name = os.environ.get(CPU, "").strip() or "host"
    try:
        wanted = cpu_named(name)
    except ValueError as error:
        raise ValueError(f"{CPU}: {error}") from None
    missing = sorted(wanted.has - host().has)
    if missing:
        raise ValueError(f"{CPU}={name}: this processor has no {', '.join(missing)}")
    return wanted


_LEVELS = {
    "x86-64-v2": "cx16 popcnt sahf sse3 sse4.1 sse4.2 ssse3",
    "x86-64-v3": "avx avx2 bmi bmi2 f16c fma lzcnt movbe xsave",
    "x86-64-v4": "avx512bw avx512cd avx512dq avx512f avx512vl",
}
"""What each level of the psABI has besides that of the level before."""


def cpu_named(name: str) -> Cpu:
    """The processor "host", "generic" (any of this architecture), or a level of x86-64.

    Raises ValueError for any other name.
    """
    if name == "host":
        return host()
    levels = list(_LEVELS) if _machine() in ("x86_64", "amd64") else []
    if name == "generic":
        return Cpu("x86-64" if levels else "generic", "")
    if name not in levels:
        known = ", ".join(map(repr, ["host", "generic", *levels]))
        raise ValueError(f"cpu is one of {known}, not {name!r}")
    features = " ".join(_LEVELS[n] for n in levels[: levels.index(name) + 1])
    return Cpu(name, ",".join(f"+{f}" for f in features.split()))


_elsewhere: ContextVar[Cpu | None] = ContextVar("elsewhere", default=None)


def elsewhere() -> Cpu | None:
    """The processor that code is made for, if it is not to run in this process."""
    return _elsewhere.get()


@contextmanager
def made_for(other: Cpu) -> Iterator[None]:
    """Programs made inside are for another process, with one thread."""
    token = _elsewhere.set(other)
    try:
        yield
    finally:
        _elsewhere.reset(token)


def per_processor(f: F) -> F:
    """`f(*args)`, computed once for each processor that code is made for."""

    @lru_cache(maxsize=1024)
    def cached(other: Cpu | None, *args: Any) -> Any:
        return f(*args)

    @wraps(f)
    def found(*args: Any) -> Any:
        return cached(elsewhere(), *args)

    found.cache_clear = cached.cache_clear  # type: ignore[attr-defined]
    return found  # type: ignore[return-value]


def llvm_versions() -> tuple[Any, ...]:
    """Of the compiler and of its Python package."""
    import llvmlite
    import llvmlite.binding as llvm

    return llvm.llvm_version_info, llvmlite.__version__


def has_half() -> bool:
    """Whether instructions convert f16; LLVM's routines for it may not be there."""
    return _machine() in ("arm64", "aarch64") or "f16c" in (elsewhere() or cpu()).has


def _machine() -> str:
    return platform.machine().lower()


def has_fma() -> bool:
    """Whether x * y + z rounded once is an instruction, not a routine."""
    return _machine() in ("arm64", "aarch64") or "fma" in (elsewhere() or cpu()).has


def has_masks() -> bool:
    """Whether parts of vectors are loaded and stored by an instruction."""
    return "avx2" in (elsewhere() or cpu()).has


def vector_width() -> int:
    """Bits of the widest vector register worth using."""
    features = (elsewhere() or cpu()).has
    if "avx512f" in features:
        return 512
    return 256 if "avx" in features else 128


class Headers:
    """Offsets in CPython's and NumPy's object headers, verified on live objects.

    `valid` is false where they do not hold (another interpreter, a debug build): the
    addresses of arrays are then asked for in Python.
    """

    type = 8
    tuple_size, tuple_items = 16, 24
    data, ndim, shape, descr, flags = 16, 24, 32, 56, 64
    usable_flags = 0x0001 | 0x0100  # NPY_ARRAY_C_CONTIGUOUS, NPY_ARRAY_ALIGNED

    def __init__(self) -> None:
        self.valid = self._verify()

    def _verify(self) -> bool:
        standard = (
            sys.implementation.name == "cpython"
            and ctypes.sizeof(ctypes.c_void_p) == 8
            and not sysconfig.get_config_var("Py_GIL_DISABLED")
            and not hasattr(sys, "getobjects")
        )
        return standard and all(map(self._holds_for, _specimens()))

    def _holds_for(self, a: np.ndarray[Any, Any]) -> bool:
        items = (a, a)
        found = ctypes.string_at(id(items) + self.tuple_size, 24)
        if struct.unpack("QQQ", found) != (2, id(a), id(a)):
            return False

        def word(offset: int) -> int:
            return ctypes.c_uint64.from_address(id(a) + offset).value

        usable = a.flags.c_contiguous and a.flags.aligned
        flags = word(self.flags) & self.usable_flags
        extents = ctypes.string_at(word(self.shape), 8 * a.ndim) if a.ndim else b""
        return (
            word(self.type) == id(type(a))
            and word(self.data) == a.ctypes.data
            and word(self.ndim) & 0xFFFFFFFF == a.ndim
            and extents == struct.pack(f"{a.ndim}q", *a.shape)
            and word(self.descr) == id(a.dtype)
            and (flags == self.usable_flags) == usable
        )


def _specimens() -> list[np.ndarray[Any, Any]]:
    whole = np.zeros((3, 4))
    odd = np.zeros(33, np.uint8)[1:].view(np.float64)
    return [whole, whole.T, whole[1:], odd, np.array(1.5), np.zeros((0, 2), np.int32)]


HEADERS = Headers()


_POSIX_THREADS = (
    "pthread_create pthread_detach pthread_sigmask pthread_mutex_init "
    "pthread_mutex_lock pthread_mutex_unlock pthread_cond_init pthread_cond_wait "
    "pthread_cond_signal pthread_cond_broadcast"
)


@lru_cache(maxsize=1)
def thread_functions() -> dict[str, int]:
    """Addresses of POSIX's functions for threads; empty where one is missing."""
    return _functions(_POSIX_THREADS.split())


def pause_instruction() -> tuple[str, list[int]]:
    """How a thread waits in a loop for a moment: LLVM's name for it, and numbers."""
    machine = _machine()
    if machine in ("x86_64", "amd64"):
        return "llvm.x86.sse2.pause", []
    return ("llvm.aarch64.hint", [1]) if machine in ("arm64", "aarch64") else ("", [])


@lru_cache(maxsize=1)
def memory_functions() -> dict[str, int]:
    """Addresses of what hands out memory; empty where one is missing (Windows)."""
    return _functions(["posix_memalign", "calloc", "realloc", "free", "madvise"])


def clock_functions() -> dict[str, int]:
    """Addresses of a clock, and of what names the running thread; empty on Windows."""
    return _functions(["clock_gettime", "pthread_self"])


STEADY_CLOCK = int(getattr(time, "CLOCK_MONOTONIC", 0))
"""The number of the clock that is never set, where there are `clock_functions`."""


def _functions(names: list[str]) -> dict[str, int]:
    """Addresses in the libraries of this process; empty if one is missing."""
    found = {}
    for name in names:
        try:
            function = getattr(ctypes.CDLL(None), name)
        except (AttributeError, OSError, TypeError):
            return {}
        found[name] = ctypes.cast(function, ctypes.c_void_p).value or 0
    return found if all(found.values()) else {}


def huge_pages() -> int:
    """The advice to use huge pages for some memory, a number; 0: there is none."""
    import mmap

    return int(getattr(mmap, "MADV_HUGEPAGE", 0))
