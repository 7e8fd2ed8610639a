"""The function to export: its trace, and what is said of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tapec import containers
from tapec.compiled import Compiled
from tapec.containers import Structure
from tapec.errors import UnsupportedError
from tapec.exporting import names
from tapec.exporting.signature import Argument
from tapec.ir import Function
from tapec.methods import Method
from tapec.native import platform
from tapec.ops.const import with_constants
from tapec.passes import pipeline
from tapec.passes.extensions import plan
from tapec.tracing import argument_names, example_of
from tapec.variable import Variable

__all__ = ["Subject"]


class Subject:
    """A function to export, and its trace for some arguments.

    leaves, structure: of the arguments. A variable is an array like others.
    """

    def __init__(self, fun: Any, args: tuple[Any, ...]) -> None:
        bound: tuple[Any, ...] = ()
        if isinstance(fun, Method):
            fun, bound = fun.func, fun.args
        args = tuple(map(_as_arrays, args))
        self.compiled = fun if isinstance(fun, Compiled) else Compiled(fun, fun)
        self.traced, self.leaves, whole = self.compiled.trace((*bound, *args))
        parts = whole.children[0].children[len(bound) :]
        self.structure = Structure("tuple", None, parts)
        body = self._body()
        called = getattr(body, "argument_names", None)
        called = called or argument_names(self.compiled.fun)
        self.names = tuple(called)[len(bound) :]
        self.returns = getattr(body, "returns", None)

    def _body(self) -> Any:
        """What is traced, under any number of `jit`."""
        body: Any = self.compiled
        while isinstance(body, Compiled):
            body = body.body
        return body

    @property
    def inputs(self) -> list[np.ndarray[Any, Any]]:
        """The arguments' arrays."""
        params = self.traced.function.params
        pairs = zip(self.leaves, params, strict=False)
        return [example_of(x).astype(p.dtype) for x, p in pairs]

    def optimized(self, cpu: platform.Cpu) -> Function:
        """After all passes, with what is captured as constants."""
        traced = self.traced
        if traced.assigned:
            raise UnsupportedError(
                f"{traced.function.name} assigns a variable, and an exported function "
                "keeps nothing between calls: return the new value"
            )
        arrays = traced.bindings.arrays()
        if arrays is None:
            raise UnsupportedError(
                f"{traced.function.name} changes what it captured while it runs: make "
                "it an argument"
            )
        with platform.made_for(cpu):
            fn = pipeline.run(traced.function, plan(self.compiled.passes))
        captured = fn.params[len(fn.params) - len(arrays) :]
        return with_constants(fn, dict(zip(captured, arrays, strict=True)))

    def described(self, name: str) -> tuple[tuple[Argument, ...], tuple[Argument, ...]]:
        """The parameters and the results of a function in C."""
        traced, called = self.traced, self.names
        paths = [_path(path, called) for path in self.structure.paths()]
        wanted = ["_".join(re.findall(r"\w+", path)) for path in paths]
        outs = traced.function.results[: len(traced.weak)]
        labels = names.result_labels(traced.structure, self.returns, called)
        found = names.identifiers([*wanted, *labels], name)
        weak = [type(x) in (int, float, complex) for x in self.leaves]
        rows = zip(found, paths, self.inputs, weak, strict=False)
        given = [Argument(n, path, x.dtype, x.shape, w) for n, path, x, w in rows]
        named = zip(found[len(paths) :], labels, outs, traced.weak, strict=True)
        results = [Argument(n, path, v.dtype, v.shape, w) for n, path, v, w in named]
        return tuple(given), tuple(results)

    def captured(self) -> tuple[str, ...]:
        """What is in the object file besides code, one line each."""
        lines = []
        for source in self.traced.bindings.sources:
            kind = "variable" if isinstance(source, Variable) else "array"
            lines.append(f"a captured {kind}, {source.dtype}{list(source.shape)}")
        return tuple(lines)


def _as_arrays(arg: Any) -> Any:
    """An argument whose variables are arrays."""

    def array(x: Any) -> Any:
        return x.array if isinstance(x, Variable) else x

    return containers.map_leaves(array, arg)


def _path(path: str, called: Sequence[str]) -> str:
    """`[0]['w']` is `params['w']`."""
    which, rest = path[1:].split("]", 1)
    return (called[int(which)] if int(which) < len(called) else f"arg{which}") + rest
