"""From a recorded function to what runs: the passes, then native code.

What is asked of it by the environment, each time: `TAPEC_DISABLE_JIT=1` makes programs
that the interpreter runs, before any pass; `TAPEC_DUMP=dir` writes each stage to files;
`TAPEC_LOG` says what the passes did (see `log`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from tapec import log
from tapec.dumping import Dump, dump_of
from tapec.interpret import evaluate
from tapec.ir import Function
from tapec.passes import pipeline
from tapec.passes.extensions import CustomPass, plan

__all__ = ["Interpreted", "compile"]

Array = np.ndarray[Any, Any]


class Interpreted:
    """A program that the interpreter runs: as a native one is called."""

    direct = None
    kernels: tuple[Any, ...] = ()
    steps: tuple[Any, ...] = ()

    def __init__(self, fn: Function) -> None:
        self.function = fn

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """Fresh arrays, as from native code."""
        return tuple(np.array(out) for out in evaluate(self.function, *arrays))


def compile(fn: Function, own: Sequence[CustomPass] = ()) -> tuple[Function, Any]:
    """The optimized function, and the program.

    own: the passes that are this function's besides the default and the added ones.
    """
    if os.environ.get("TAPEC_DISABLE_JIT", "0") not in ("", "0"):
        return fn, Interpreted(fn)
    from tapec.native.program import compile as compile_native

    watch = _Watch(fn)
    optimized = pipeline.run(fn, plan(own), observe=watch.stage)
    start = time.perf_counter()
    program = compile_native(optimized)
    watch.finished(optimized, program, time.perf_counter() - start)
    return optimized, program


class _Watch:
    """Tells files and log what becomes of one function."""

    def __init__(self, fn: Function) -> None:
        self.dump: Dump | None = dump_of(fn)
        self.last = time.perf_counter()

    def stage(self, name: str, before: Function, after: Function) -> None:
        """A pass has run."""
        if self.dump is not None:
            self.dump.stage(name, before, after)
        if log.listening("passes"):
            now = time.perf_counter()
            log.event(
                "passes", name, fn=before.name, before=len(before.ops),
                after=len(after.ops), changed=after is not before,
                ms=1e3 * (now - self.last),
            )  # fmt: skip
        if name == "fuse" and log.listening("fusion"):
            _tell_fusion(after)
        self.last = time.perf_counter()

    def finished(self, fn: Function, program: Any, seconds: float) -> None:
        """There is native code."""
        if self.dump is not None:
            self.dump.native(program)
        log.event("passes", "native", fn=fn.name, steps=len(fn.ops), ms=1e3 * seconds)


def _tell_fusion(fn: Function) -> None:
    """The kernels, and what is none."""
    for op in fn.ops:
        if op.prim.name == "fused":
            body = op.attr("body")
            log.event(
                "fusion", "kernel", fn=fn.name, value=f"%{op.uid}", ops=len(body.ops),
                inputs=len(body.params), outputs=len(body.results),
            )  # fmt: skip
        elif op.prim.name not in ("item", "const"):
            log.event("fusion", "step", fn=fn.name, value=f"%{op.uid}", op=op.prim.name)
