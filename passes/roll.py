"""Loops found: the rounds of a Python loop become one `scan`.

    func @f(%x: f64[], %r: f64[]) {       func @f(%x: f64[], %r: f64[]) {
      %2: f64[] = multiply %r, %x           %8: (f64[]) = scan %x, %r body=@body
      %3: f64[] = sin %2                            carries=1 invariants=1 length=100
      %4: f64[] = multiply %r, %3    ->     %9: f64[] = item %8 index=0
      %5: f64[] = sin %4                    return %9
      ...                                 }
      return %201                         func @body(%0: f64[], %1: f64[]) {
    }                                       %2: f64[] = multiply %1, %0
                                            %3: f64[] = sin %2
                                            return %3
                                          }

Nothing is assumed: each operand of each op is compared with the one a round before; it
is invariant, made in the same round, carried from an earlier one, or taken from an
array that is run along. The outermost repetition is found first, then those inside its
body. Irregular beginnings and ends stay. The numbers are the same, bit by bit.
"""

from __future__ import annotations

from collections.abc import Collection

from tapec.ir import Function, prune
from tapec.ops.control import scan
from tapec.passes.cse import cse
from tapec.passes.rolling.detect import MIN_SAVED, runs
from tapec.passes.rolling.flat import Flat
from tapec.passes.rolling.plan import Loop, Refused, plan
from tapec.passes.rolling.rebuild import rebuilt
from tapec.passes.rolling.stores import forwarded

__all__ = ["found_in", "roll"]


def roll(fn: Function, apart: Collection[int] = ()) -> Function:
    """`fn` with its repetitions as loops.

    apart: uids of ops that stay what they are and where they are: sources of gradients,
    and ops that end them.
    """
    if any(op.prim is scan for op in fn.ops):
        fn = prune(fn)  # loops that a gradient was taken of: their rounds are dead
    fn = forwarded(fn, apart)
    found = _rolled(fn, apart)
    if found is fn:
        return fn
    found = prune(found)
    while (further := _rolled(found, apart)) is not found:  # what a loop left to do
        found = prune(further)
    if len(found.ops) > len(fn.ops) // 2 and not apart:
        # rounds may differ in what is dead, or compute again what others share
        again = _rolled(cse(prune(fn)), apart)
        return min(found, again, key=lambda f: len(f.ops))
    return found


def _rolled(fn: Function, apart: Collection[int] = ()) -> Function:
    if len(fn.ops) < MIN_SAVED:
        return fn
    flat = Flat(fn, apart)
    loops = [loop for loop in found_in(flat) if isinstance(loop, Loop)]
    return rebuilt(fn, flat, loops, roll) if loops else fn


def found_in(flat: Flat) -> list[Loop | Refused]:
    """The outermost repetitions: those that are loops, and those that cannot be."""
    found: list[Loop | Refused] = []
    floor = flat.first
    for run in runs(flat):
        found.append(plan(flat, run, floor))
        floor = getattr(found[-1], "end", floor)
    return found
