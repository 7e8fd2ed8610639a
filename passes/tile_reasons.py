"""Why a program has loops over tiles, or has none: what the pass `tile` weighed."""

from __future__ import annotations

from tapec.ir import Function, Value, dims_of
from tapec.passes import tile_plan
from tapec.passes.tile_plan import Loop, Roles, best_loops, candidates, large_products

__all__ = ["reasons"]


def reasons(fn: Function) -> list[str]:
    """A line for each loop that could run over tiles, `fn` as the pass finds it."""
    if dims_of(fn):
        return ["extents vary: a loop over tiles needs known ones"]
    taken = {frozenset(loop.members) for loop in best_loops(fn)[0]}
    return [
        f"axis of {roles.length}: {_about(loop)}{_outcome(loop, roles, taken)}"
        for roles in candidates(fn)
        for loop in roles.loops
    ] or [f"no axis of {tile_plan.LEAST} or more"]


def _about(loop: Loop) -> str:
    sums = f", {len(loop.sums)} sums" if loop.sums else ""
    return f"{len(loop.members)} ops{sums}, "


def _outcome(loop: Loop, roles: Roles, taken: set[frozenset[Value]]) -> str:
    if large := large_products(loop):
        shapes = " by ".join(str(list(a.shape)) for a in large[0].args)
        return f"left to BLAS: the product of {shapes}"
    saved = f"{max(loop.saved, 0) / 1e6:.1f} MB less through memory"
    if loop.saved <= tile_plan.SAVED:
        return f"{saved}: too little for a loop over tiles"
    if not roles.ordered:
        return f"{saved}, but checks and effects would change places"
    if frozenset(loop.members) not in taken:
        return f"{saved}, but another axis saves more"
    return f"{saved}: tiles of {loop.size}"
