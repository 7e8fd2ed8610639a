"""`checkpoint`: what a function computes is computed again for its gradient."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from tapec import containers
from tapec.custom import stand_ins
from tapec.ir import Function, Value, substitute
from tapec.ops.checkpoint import checkpoint as checkpoint_op
from tapec.passes.rules import differentiable
from tapec.recording import Recording, state
from tapec.sources import name_of
from tapec.tensor import Tensor

__all__ = ["checkpoint", "recompute_grad"]

Fun = Callable[..., Any]


def checkpoint(fun: Fun) -> Fun:
    """Let the gradient of `fun` compute its values again instead of keeping them.

    The result is that of `fun`, for any arguments and containers. Between the forward
    and the backward half of a program only the arguments and results of a call are
    kept, and what else it reads (Variables, arrays of closures). So a chain of n such
    calls needs the memory of n results and of one call, for one more forward
    computation. Tapes, `jit`, `vmap`, `jvp` and derivatives of any order work as
    without it.

    Values inside of `fun` are no sources of a tape: what it returns depends on its
    arguments and on what it reads from outside.

    >>> import numpy as np, tapec
    >>> layer = tapec.checkpoint(lambda x, w: np.tanh(np.tanh(x @ w) @ w))
    >>> f = tapec.grad(lambda w: np.sum(layer(layer(np.ones(2), w), w)))
    >>> f(np.zeros((2, 2)))
    array([[0., 0.],
           [0., 0.]])
    """

    @functools.wraps(fun)
    def recomputed(*args: Any, **kw: Any) -> Any:
        rec = state.recording
        if rec is None:
            return fun(*args, **kw)
        start = rec.position
        out = fun(*args, **kw)
        leaves, structure = containers.flatten(out)
        found = _recorded(rec, start, leaves, name_of(fun))
        return containers.unflatten(structure, found)

    return recomputed


recompute_grad = checkpoint


def _recorded(
    rec: Recording, start: int, leaves: Sequence[Any], name: str
) -> list[Any]:
    """Results as what the op makes of those that were computed from `start` on."""
    outs = {t.value: t for t in leaves if _is_computed(t, rec, start)}
    inputs, body = _part(start, list(outs), name)
    if not any(differentiable(v.type) for v in inputs):
        return list(leaves)
    operands = [*outs, *inputs]
    made = stand_ins(
        rec, checkpoint_op, list(outs.values()), operands, (("body", body),)
    )
    new = dict(zip(outs, made, strict=True))
    return [new[t.value] if _is_computed(t, rec, start) else t for t in leaves]


def _is_computed(t: Any, rec: Recording, start: int) -> bool:
    """Whether a leaf is a floating value that was recorded from `start` on."""
    if type(t) is not Tensor or t.rec is not rec or not differentiable(t.type):
        return False
    return t.value.prim is not None and t.value.uid >= start


def _part(
    start: int, results: Sequence[Value], name: str
) -> tuple[list[Value], Function]:
    """Older values, and the ops from `start` on that make the results from them."""
    inputs: set[Value] = set()
    ops: set[Value] = set()
    stack = list(results)
    while stack:
        v = stack.pop()
        if v in ops or v in inputs:
            continue
        whole = v.args[0] if v.prim is not None and v.prim.name == "item" else v
        if whole.prim is None or whole.uid < start:
            inputs.add(v)
        else:
            ops.add(v)
            stack.extend(v.args)
    given, schedule = (sorted(vs, key=lambda v: v.uid) for vs in (inputs, ops))
    new = {v: Value(None, (), (), v.type, v.uid, v.name) for v in given}
    return given, substitute(Function(name, given, schedule, results), new)
