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

from tapec import log, shared
from tapec.interpret import evaluate
from tapec.ir import Function
from tapec.passes import pipeline
from tapec.passes.extensions import CustomPass, added, plan
from tapec.shared import Shared

__all__ = ["Interpreted", "compile", "known"]

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


def compile(fn: Function, own: Sequence[CustomPass] = ()) -> Shared:
    """The program of a recorded function, which others may share.

    own: the passes that are this function's besides the default and the added ones.
    """
    if _disabled():
        return Shared(Interpreted(fn), {}, True)
    from tapec.native.program import compile as compile_native

    watch = _Watch(fn)
    steps = plan(own)
    names = [str(step) for step in steps]
    early = sum(name in pipeline.RECORDED for name in names)
    fn = pipeline.run(fn, steps[:early], observe=watch.stage)

    def optimized(fn: Function) -> Function:
        return pipeline.run(fn, steps[early:], observe=watch.stage)

    found = None
    if steps == list(pipeline.DEFAULT):  # a pass of the user's own sees numbers
        found = shared.program(fn, optimized)
    if found is None:
        found = Shared(compile_native(optimized(fn)), {}, True)
    watch.finished(found)
    return found


def known(fn: Function) -> Any:
    """The program of a recorded function if loops of other lengths have it; or None."""
    if _disabled() or added():
        return None
    found = shared.program(pipeline.run(fn, pipeline.RECORDED), None)
    return None if found is None else found.program


def _disabled() -> bool:
    return os.environ.get("TAPEC_DISABLE_JIT", "0") not in ("", "0")


class _Watch:
    """Tells files and log what becomes of one function."""

    def __init__(self, fn: Function) -> None:
        self.dump: Any = None
        if os.environ.get("TAPEC_DUMP"):
            from tapec.dumping import Dump

            self.dump = Dump(os.environ["TAPEC_DUMP"], fn)
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

    def finished(self, found: Shared) -> None:
        """There is native code."""
        fn, program = found.program.function, found.program
        if self.dump is not None:
            self.dump.native(program)
        if not found.fresh:
            log.event("cache", "shared", program=fn.name, lengths=found.lengths)
        ms = 1e3 * (time.perf_counter() - self.last)
        log.event("passes", "native", fn=fn.name, steps=len(fn.ops), ms=ms)


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
