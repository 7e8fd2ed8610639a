"""Decorated functions: traced per signature, compiled, called many times."""

from __future__ import annotations

import functools
import itertools
import types
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from tapec import containers, locks, log
from tapec.compiler import Interpreted, compile
from tapec.containers import PLAIN, Static
from tapec.direct import Entries
from tapec.errors import CheckFailed
from tapec.ir import Function, has_body, prune
from tapec.methods import Method
from tapec.native.callable import Called, called_directly
from tapec.operators import Operators
from tapec.passes.extensions import CustomPass, made, on_change
from tapec.pickling import Remade
from tapec.recording import Array, state, warn
from tapec.retracing import changed_types, described, rejection, signature_line
from tapec.statics import mark_static, static_names
from tapec.tensor import Tensor
from tapec.tracing import Traced, example_of, signature_of, trace
from tapec.variable import Variable, commit

__all__ = ["Compiled", "Version", "arguments", "returned"]

MAX_VERSIONS, MAX_SHARED = 16, 64
"""Versions of one signature with programs of their own, and with any."""


class Version:
    """A traced function with its native program."""

    def __init__(self, traced: Traced, own: Sequence[CustomPass] = ()) -> None:
        self.traced = traced
        if any(map(has_body, reversed(traced.function.ops))):
            traced.function = prune(traced.function)  # what became loops is dead
        found = compile(traced.function, own)
        self.program = found.program
        self.note = found.note()
        self.fresh = found.fresh

    def call(self, leaves: Sequence[Any], interpreted: bool = False) -> Any:
        """The result for these arguments; CheckFailed when it is not made for them."""
        captured = self.traced.bindings.arrays()
        if captured is None:
            raise CheckFailed
        inputs = arguments(leaves) + captured
        program = Interpreted(self.traced.function) if interpreted else self.program
        outs = program(*inputs)
        n = len(self.traced.weak)
        if self.traced.assigned:
            commit(self.traced.assigned, list(outs[n:]))
        results = returned(outs[:n], self.traced.weak, leaves)
        return containers.unflatten(self.traced.structure, results)


def arguments(leaves: Sequence[Any]) -> list[Array]:
    """Arrays for the parameters; a variable is captured, not passed."""
    if not PLAIN.issuperset(map(type, leaves)):
        leaves = [x for x in leaves if not isinstance(x, Variable)]
    return [x if type(x) is np.ndarray else example_of(x) for x in leaves]


def has_tensors(leaves: Sequence[Any]) -> bool:
    """Whether there is a tensor or variable among arrays and numbers."""
    if PLAIN.issuperset(map(type, leaves)):
        return False
    return any(isinstance(x, Operators) for x in leaves)


def returned(
    outs: Sequence[Array], weak: list[bool], leaves: Sequence[Any]
) -> list[Any]:
    """Results of the kind of the arguments: tensors, or arrays and numbers."""
    if has_tensors(leaves):
        return [Tensor.holding(out) for out in outs]
    return [
        out if out.ndim else out.item() if is_weak else out[()]
        for out, is_weak in zip(outs, weak, strict=True)
    ]


def _interpreted(traced: Traced, leaves: Sequence[Any]) -> Any:
    """One call through the interpreter, before any pass."""
    version = object.__new__(Version)
    version.traced = traced
    return version.call(leaves, interpreted=True)


def _inspection(
    traced: Traced, leaves: Sequence[Any], own: Sequence[CustomPass]
) -> Any:
    from tapec.inspect import Inspection

    inputs = [*arguments(leaves), *(traced.bindings.arrays() or ())]
    captures = traced.bindings.describe()
    return Inspection(traced.function, inputs, captures, own, traced.refused)


@called_directly
class Compiled(Remade, Called):
    """A function that is traced for each new signature and runs as native code.

    What it is made of: `fun`, the user's function, and `body`, what is traced (the
    function itself for `jit`, its gradient for `grad`). Within a tape or another traced
    function the body is recorded inline.
    """

    def __init__(
        self,
        fun: Callable[..., Any],
        body: Callable[..., Any],
        static_argnums: int | Iterable[int] = (),
        static_argnames: str | Iterable[str] = (),
        passes: Iterable[Any] = (),
    ) -> None:
        functools.update_wrapper(self, fun)  # first: `fun` may be Compiled itself
        self.fun = fun
        self.body = body
        self._static_names = static_names(fun, static_argnums, static_argnames)
        self.passes = made(passes)
        self._versions: dict[Any, list[Version]] = {}
        self._log: list[str] = []
        self._lock = locks.lock()
        self._gave_up = False
        self._entries = Entries(Compiled.__call__)
        self.recipe = self._twin = None
        with _every_lock:
            _every.add(self)

    def __call__(self, *args: Any, **kw: Any) -> Any:
        if state.recording is not None:
            if args and type(args[0]) is Static:  # called as a method
                args = (args[0].value, *args[1:])
            return self.body(*args, **kw)
        leaves, structure = self._flatten(args, kw)
        key = (structure, signature_of(leaves))
        versions = tuple(self._versions.get(key, ()))
        for version in versions:
            try:
                out = version.call(leaves)
            except CheckFailed:
                continue
            self._entries.answer(self, version, key)
            return out
        return self._trace_and_call(key, leaves, structure, len(versions))

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        return Method(self, Static(instance))

    def _flatten(
        self, args: tuple[Any, ...], kw: dict[str, Any]
    ) -> tuple[list[Any], containers.Structure]:
        if self._static_names:
            args, kw = mark_static(self.fun, self._static_names, args, kw)
        return containers.flatten_call(args, kw)

    # versions

    def _forget(self) -> None:
        """Trace again at the next call."""
        with self._lock:
            self._versions.clear()
            self._entries.forget(self)

    def _note(self, reason: str) -> None:
        """A version has been traced for this reason."""
        self._log.append(reason)
        log.event("retrace", self.__name__, version=len(self._log), reason=reason)

    def _trace_and_call(
        self, key: Any, leaves: list[Any], structure: containers.Structure, tried: int
    ) -> Any:
        with self._lock:
            versions = self._versions.setdefault(key, [])
            for version in versions[: len(versions) - tried]:  # by other threads
                with suppress(CheckFailed):
                    return version.call(leaves)
            own = sum(version.fresh for version in versions)
            if own >= MAX_VERSIONS or len(versions) >= MAX_SHARED:
                return self._interpret(versions, leaves, structure)
            reason = self._reason(key, versions, leaves)
            with locks.collector_off():
                version = Version(self._trace(leaves, structure), self.passes)
            self._note("\n".join(filter(None, [reason, version.note])))
            versions.insert(0, version)
        try:
            return version.call(leaves)
        except CheckFailed:  # native rounding decided a check otherwise
            return version.call(leaves, interpreted=True)

    def _interpret(
        self,
        versions: Sequence[Version],
        leaves: list[Any],
        structure: containers.Structure,
    ) -> Any:
        """One run without a compiled version."""
        if not self._gave_up:
            self._gave_up = True
            why = rejection(versions[0].traced, arguments(leaves))
            warn(
                f"{self.__name__}: {len(versions)} versions were compiled, further "
                "ones run interpreted (see explain_retrace()); the last one does not "
                f"fit: {why}\n"
                "use tapec.cond or np.where, and arguments in the place of numbers"
            )
        return _interpreted(self._trace(leaves, structure), leaves)

    def _trace(self, leaves: Sequence[Any], structure: containers.Structure) -> Traced:
        owner = self._bindings_of(structure)
        return trace(self.body, leaves, structure, self.__name__, owner)

    def _bindings_of(self, structure: containers.Structure) -> Any:
        """The function, or the method, whose captured names are looked for."""
        first = structure.children[0].children[:1]
        owner = first[0].data.get() if first and first[0].kind == "static" else None
        bindings_of: Any = self.fun
        if owner is not None and hasattr(owner, "__dict__"):
            bindings_of = types.MethodType(self.fun, owner)
        return bindings_of

    # looking

    @property
    def __name__(self) -> str:
        return str(self.__dict__.get("__name__", type(self.fun).__name__))

    @__name__.setter
    def __name__(self, name: str) -> None:
        self.__dict__["__name__"] = name

    @property
    def signatures(self) -> list[str]:
        """One line per compiled version: parameter types, and where it branches."""
        every = itertools.chain.from_iterable(self._versions.values())
        return [signature_line(version.traced) for version in every]

    def explain_retrace(self) -> str:
        """Why each version was traced, in order."""
        return "\n".join(f"{i + 1}. {line}" for i, line in enumerate(self._log))

    def _reason(self, key: Any, versions: list[Version], leaves: Sequence[Any]) -> str:
        if versions:
            return rejection(versions[0].traced, arguments(leaves))
        seen = [key for key, found in self._versions.items() if found]
        if not seen:
            why = "the passes have changed" if self._log else "first call"
            return f"{why}: {described(key[1])}"
        return changed_types(seen[-1], key)

    def traced(self, *args: Any, **kw: Any) -> Function:
        """The recorded function for these arguments, before any pass."""
        leaves, structure = self._flatten(args, kw)
        return self._trace(leaves, structure).function

    def trace(self, args: tuple[Any, ...]) -> tuple[Traced, list[Any], Any]:
        """What is recorded for these arguments, their leaves and structure."""
        leaves, structure = self._flatten(args, {})
        return Compiled._trace(self, leaves, structure), leaves, structure

    def inspect(self, *args: Any, **kw: Any) -> Any:
        """What is compiled for these arguments, stage by stage: see `tapec.inspect`."""
        leaves, structure = self._flatten(args, kw)
        return _inspection(self._trace(leaves, structure), leaves, self.passes)

    def stepwise(self, *args: Any, **kw: Any) -> tuple[Any, Callable[[], Any]]:
        """The inspection of a call, and the call itself through the interpreter."""
        leaves, structure = self._flatten(args, kw)
        traced = self._trace(leaves, structure)
        seen = _inspection(traced, leaves, self.passes)
        return seen, lambda: _interpreted(traced, leaves)

    def profile(self, *args: Any, **kw: Any) -> Any:
        """How long each kernel takes, and what the machine would reach.

        >>> import numpy as np, tapec
        >>> profile = tapec.jit(lambda x: np.sum(np.exp(x))).profile(np.ones(1000))
        >>> [row.name for row in profile.rows]
        ['kernel']
        """
        return self.inspect(*args, **kw).profile()

    def __repr__(self) -> str:
        return f"<compiled {self.__name__}, {len(self.signatures)} versions>"


_every: weakref.WeakSet[Compiled] = weakref.WeakSet()
_every_lock = locks.lock()


def _forget_versions() -> None:
    with _every_lock:
        found = list(_every)
    for compiled in found:
        compiled._forget()


on_change(_forget_versions)
