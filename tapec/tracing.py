"""Tracing: running a function once on parameters, and what comes out of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from tapec import containers, log
from tapec.captures import Bindings, function_code
from tapec.errors import UnsupportedError, at
from tapec.generators import Generators
from tapec.ir import Function
from tapec.locks import collector_off
from tapec.operators import Operators
from tapec.ops.const import with_constants
from tapec.ops.effects import assign
from tapec.recording import Array, Trace, locate, recording_in
from tapec.rounds import Rounds
from tapec.tensor import Tensor, Weak, as_tensor, ordinary
from tapec.variable import Variable

__all__ = ["Traced", "argument_names", "signature_of", "trace"]


class Traced:
    """One version of a function: its IR and how to call it.

    function: parameters are the leaves of the arguments, then the captured values.
    structure: of the result. weak: which results came from Python numbers only.
    captures: what the last parameters stand for. assigned: variables that the function
    assigns, in the order of its `assign` effects. refused: for
    each place where a loop of Python's ends that did not become an op, why.
    """

    def __init__(
        self,
        function: Function,
        structure: containers.Structure,
        weak: list[bool],
        bindings: Bindings,
        assigned: list[Variable],
        refused: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.function = function
        self.structure = structure
        self.weak = weak
        self.bindings = bindings
        self.assigned = assigned
        self.refused = refused


def trace(
    fun: Callable[..., Any], leaves: Sequence[Any], structure: containers.Structure,
    name: str, bindings_of: Any = None, shapes: Sequence[Any] | None = None,
    loops: bool = True,
) -> Traced:  # fmt: skip
    """Run `fun` on parameters typed like `leaves`; the calls it makes are recorded.

    shapes: of the leaves, where some extents are symbolic. loops: whether Python's
    `while` may become an op.
    """
    start = time.perf_counter()
    rec = Trace(name, function_code(bindings_of or fun))
    rec.rounds = Rounds() if loops else None
    shapes = [None] * len(leaves) if shapes is None else shapes
    params = [_parameter(rec, *pair) for pair in zip(leaves, shapes, strict=True)]
    with collector_off(), recording_in(rec):
        args, kw = containers.unflatten(structure, params)
        generators = Generators(bindings_of or fun, args, kw)
        out = rec.watched(fun, args, kw)
        generators.warn_if_used()
        results, out_structure = containers.flatten(out)
        tensors = [_result(rec, r) for r in results]
        assigned = [v for v, _ in rec.assigned.values()]
        for k, (_, t) in enumerate(rec.assigned.values()):
            value = t.value if t.rec is rec else as_tensor(t + 0).value
            rec.append(
                assign,
                (value,),
                (("variable", k),),
                assign.type_rule(value.type, variable=k),
            )
    values = [t.value if t.rec is rec else rec.leaf(t, t.array) for t in tensors]
    if not rec.is_whole(values):  # somebody kept a number of an early round
        return trace(fun, leaves, structure, name, bindings_of, shapes, False)
    user = bindings_of or fun
    names = getattr(fun, "argument_names", None) or argument_names(user)
    _name_params(rec, names, structure)
    weak = [type(t.kind) is Weak for t in tensors]
    function = with_constants(rec.finish(values), rec.private())
    ms = 1e3 * (time.perf_counter() - start)
    log.event("passes", "recorded", fn=name, ops=len(function.ops), ms=ms)
    bindings = Bindings(user, list(rec.leaves.values()))
    refused = rec.rounds.refused if rec.rounds else {}
    return Traced(function, out_structure, weak, bindings, assigned, refused)


def _parameter(rec: Trace, leaf: Any, shape: Any) -> Any:
    """The tensor that stands for one leaf of the arguments."""
    if isinstance(leaf, Variable):
        return leaf
    array = example_of(leaf)
    value = rec.param(array, shape=shape)
    python = isinstance(leaf, (int, float, complex)) and not isinstance(
        leaf, np.generic
    )
    kind = Weak.of(value.type) if python else value.type
    out = Tensor(rec, value, kind)
    return out


def example_of(leaf: Any) -> Array:
    """The numbers of a leaf as an array of the native byte order."""
    raw = leaf.array if isinstance(leaf, Operators) else ordinary(leaf)
    array = np.asarray(raw)
    if array.dtype.kind not in "biufc" or array.dtype.itemsize > 16:
        raise UnsupportedError(f"an array of dtype {array.dtype} cannot be traced")
    return array


def _result(rec: Trace, r: Any) -> Tensor:
    t = as_tensor(r)
    if t.rec is not None and t.rec is not rec and t.rec.is_trace:
        raise at(
            UnsupportedError("a result belongs to another trace"), locate(rec.stop)
        )
    return t


def argument_names(fun: Callable[..., Any]) -> tuple[str, ...]:
    """What the positional arguments are called; a traced body may say so itself."""
    code = function_code(fun)
    return code.co_varnames[: code.co_argcount] if code else ()


def _name_params(
    rec: Trace, names: Sequence[str], structure: containers.Structure
) -> None:
    """Parameters are called like the arguments they come from."""
    taken: set[str] = set()
    for param, path in zip(rec.params, structure.paths(), strict=False):
        which, _, rest = path.lstrip("[").partition("]")
        first, _, rest = rest.lstrip("[").partition("]")
        label = first.strip("'")
        if which == "0" and first.isdigit() and int(first) < len(names):
            label = names[int(first)]
        label = "_".join([label, *re.findall(r"\w+", rest)])  # w.bias is %w_bias
        if label.isidentifier() and label not in taken:
            param.name = label
            taken.add(label)


def signature_of(leaves: Sequence[Any]) -> tuple[Any, ...]:
    """What a version is made for: dtype and shape of arrays, kind of Python numbers."""
    found: list[Any] = []
    for x in leaves:
        t = type(x)
        if t is np.ndarray:
            found.append((x.dtype, x.shape))
        elif t in (float, int, complex):
            found.append(t)
        elif isinstance(x, Variable):
            found.append(("variable", id(x), x.type))
        elif isinstance(x, Tensor):
            found.append((x.dtype, x.shape))
        else:
            a = np.asarray(x)
            found.append((a.dtype, a.shape))
    return tuple(found)
