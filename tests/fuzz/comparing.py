"""Results compared: of passes with the interpreter, of native code with both."""

from __future__ import annotations

import numpy as np

import tapec
from tapec.debugging.tolerance import apart, spread_of
from tapec.interpret import evaluate
from tapec.native.program import compile
from tapec.passes import pipeline
from tapec.verify import verify

__all__ = ["SKIP", "Wrong", "agree", "compare_passes", "same_bits"]

SKIP = "skipped"
"""What a check returns for a point that says nothing, such as a corner."""


class Wrong(AssertionError):
    """Two ways to compute the same do not agree."""


def agree(what, found, wanted, shaken):
    """Same dtype, shape and numbers, but for rounding."""
    if len(found) != len(wanted):
        raise Wrong(f"{what}: {len(found)} results for {len(wanted)}")
    for i, (a, b, rows) in enumerate(zip(found, wanted, shaken, strict=True)):
        a, b = np.asarray(a), np.asarray(b)
        if (a.dtype, a.shape) != (b.dtype, b.shape):
            kinds = f"{a.dtype}{a.shape} for {b.dtype}{b.shape}"
            raise Wrong(f"{what}: result {i} is {kinds}")
        bad = apart(b, a, rows)
        if np.any(bad):
            place = tuple(int(k[0]) for k in np.nonzero(bad))
            text = f"{a[place]!r} for {b[place]!r}, at {place} and {bad.sum()} in all"
            raise Wrong(f"{what}: result {i} has {text}")


def same_bits(what, found, wanted):
    """Nothing but the same bytes will do."""
    for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
        if np.asarray(a).tobytes() != np.asarray(b).tobytes():
            raise Wrong(f"{what}: result {i} has other bits")


def stages_of(fn):
    """Every prefix of the pipeline, as (last pass, function)."""
    found = []
    pipeline.run(fn, observe=lambda name, _, after: found.append((name, after)))
    return found


def compare_passes(fn, arrays):
    """Every prefix of the pipeline gives the same numbers; then native code."""
    wanted = evaluate(fn, *arrays)
    shaken = spread_of(fn, arrays, wanted)
    before, last = fn, fn
    for name, after in stages_of(fn):
        if after is not before:
            verify(after, after=name)
            agree(name, evaluate(after, *arrays), wanted, shaken)
        before = last = after
    program, found = compile(last), {}
    for threads in (1, 3):
        tapec.config.threads = threads
        found[threads] = program(*arrays)
        agree(f"native, {threads} threads", found[threads], wanted, shaken)
    if not any(step.kind == "library" for step in program.steps):
        same_bits("threads", found[3], found[1])
