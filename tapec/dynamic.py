"""Functions whose arguments' extents may vary: one program for all sizes.

The function is traced with symbolic extents, which answer like the sizes of the call at
hand. What it asked about them decides for which sizes the version is good; see `sizes`.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tapec.compiled import MAX_VERSIONS, Compiled, Version, arguments
from tapec.direct import Entries
from tapec.errors import CheckFailed, ShapeError
from tapec.ir import Dim, Extent
from tapec.native.callable import called_directly
from tapec.native.sized import Sized
from tapec.passes.extensions import CustomPass
from tapec.recording import state
from tapec.sizes import Sizes
from tapec.spec import Shape, Spec, check, named, specs_by_name
from tapec.tracing import Traced, signature_of, trace

__all__ = ["Dynamic", "compiled"]

ANY = Dim("any")
"""Stands in keys for an extent that may vary."""

RECENT = 64
"""Signatures whose version, with its tables and arena, is remembered."""

OFTEN, MOST = 8, 8
"""Calls at the same sizes from which emitted code takes them; at how many sizes."""


def compiled(
    fun: Callable[..., Any], body: Callable[..., Any],
    static_argnums: int | Iterable[int] = (),
    static_argnames: str | Iterable[str] = (),
    dynamic: bool = False, specs: Any = None, passes: Iterable[Any] = (),
) -> Compiled:  # fmt: skip
    """`body` compiled, for any size where extents may vary."""
    if not dynamic and specs is None:
        return Compiled(fun, body, static_argnums, static_argnames, passes)
    return Dynamic(fun, body, static_argnums, static_argnames, passes, specs=specs)


class SizedVersion(Version):
    """A version for those sizes that answer like the ones it was traced with.

    shapes: per leaf, with symbolic extents. sizes: what was asked.
    """

    def __init__(
        self,
        traced: Traced,
        own: Sequence[CustomPass],
        shapes: list[Shape | None],
        sizes: Sizes,
    ) -> None:
        super().__init__(traced, own)
        self.shapes = shapes
        self.sizes = sizes

    def fits(self, leaves: Sequence[Any]) -> bool:
        """Whether the sizes of these arguments are among those it is made for."""
        found: dict[str, int] = {}
        for shape, x in zip(self.shapes, leaves, strict=True):
            if shape is None:
                continue
            for wanted, n in zip(shape, np.shape(x), strict=True):
                known = type(wanted) is Dim
                if n != (found.setdefault(wanted.name, n) if known else wanted):
                    return False
        return self.sizes.holds(found)


class AtSizes(Version):
    """A version at the sizes of one signature. calls: how often it was called so."""

    def __init__(self, version: SizedVersion, leaves: Sequence[Any]) -> None:
        self.traced = version.traced
        self.program = version.program
        if isinstance(version.program, Sized):
            captured = version.traced.bindings.arrays() or []
            self.program = version.program.program(arguments(leaves) + captured)
        self.calls = 0


@called_directly
class Dynamic(Compiled):
    """A compiled function some of whose arguments' extents may vary."""

    def __init__(self, *parts: Any, specs: Any = None) -> None:
        super().__init__(*parts)
        self._specs = None if specs is None else specs_by_name(self.fun, specs)
        self._recent: OrderedDict[Any, AtSizes] = OrderedDict()
        self._entries = Entries(Dynamic.__call__)
        self._direct = 0

    def __call__(self, *args: Any, **kw: Any) -> Any:
        if state.recording is not None:
            return super().__call__(*args, **kw)
        leaves, structure = self._flatten(args, kw)
        exact = (structure, signature_of(leaves))
        known = self._recent.get(exact)
        if known is None:
            return self._call_any(exact, leaves, structure)
        try:
            out = known.call(leaves)
        except CheckFailed:
            return self._call_any(exact, leaves, structure)
        known.calls += 1
        if known.calls == OFTEN and self._direct < MOST:
            self._direct += 1
            self._entries.answer(self, known, exact)
        return out

    def _forget(self) -> None:
        with self._lock:
            super()._forget()
            self._recent.clear()
            self._direct = 0

    def _call_any(self, exact: Any, leaves: list[Any], structure: Any) -> Any:
        rows = named(self.fun, structure, leaves, self._specs)
        check(self.__name__, rows, leaves)
        key = (structure, _general(exact[1], rows))
        tried = self._fitting(key, leaves)
        for version in tried:
            try:
                found = version.call(leaves)
            except CheckFailed:
                continue
            self._remember(exact, AtSizes(version, leaves))
            return found
        with self._lock:
            if self._fitting(key, leaves) != tried:  # of another thread
                return self._call_any(exact, leaves, structure)
            return self._call_new(key, leaves, structure)

    def _fitting(self, key: Any, leaves: list[Any]) -> list[SizedVersion]:
        versions: Any = tuple(self._versions.get(key, ()))
        return [v for v in versions if v.fits(leaves)]

    def _remember(self, exact: Any, known: AtSizes) -> None:
        with self._lock:
            self._recent[exact] = known
            if len(self._recent) > RECENT:
                self._recent.popitem(last=False)

    # --- tracing

    def _call_new(self, key: Any, leaves: list[Any], structure: Any) -> Any:
        """Call with a version that did not exist before; the lock is held."""
        versions: list[Any] = self._versions.setdefault(key, [])
        alike = [v for v in versions if v.fits(leaves)]
        if len(alike) >= MAX_VERSIONS:
            return self._interpret(alike, leaves, structure)
        reason = self._why(key, versions, alike, leaves)
        version, notes = self._version(leaves, structure)
        self._note("\n".join([reason, *notes]))
        versions.insert(0, version)
        try:
            return version.call(leaves)
        except CheckFailed:  # native rounding decided a check otherwise
            return version.call(leaves, interpreted=True)

    def _version(
        self, leaves: list[Any], structure: Any
    ) -> tuple[SizedVersion, list[str]]:
        """A version that is good for these arguments, and what it is not good for."""
        try:
            traced, shapes, sizes, notes = self._symbolic(leaves, structure)
            return SizedVersion(traced, self.passes, shapes, sizes), notes
        except ShapeError:
            if self._specs is not None:
                raise
            failed = self._fixed(leaves, structure)
            if failed is None:
                raise
            return failed, ["for these sizes alone: the shapes fit no others"]
        except Exception as error:
            failed = self._fixed(leaves, structure)
            if failed is None:
                raise
            what = f"{type(error).__name__}: {error}"
            return failed, [f"for these sizes alone: {what}"]

    def _fixed(self, leaves: list[Any], structure: Any) -> SizedVersion | None:
        """A version for the sizes of these arguments only; None if there is none."""
        shapes = [np.shape(x) for x in leaves]
        try:
            traced = super()._trace(leaves, structure)
            return SizedVersion(traced, self.passes, shapes, Sizes({}))
        except Exception:  # the error of the symbolic trace is the one to show
            return None

    def _trace(self, leaves: Sequence[Any], structure: Any) -> Traced:
        traced: Traced = self._symbolic(leaves, structure)[0]
        return traced

    def _symbolic(self, leaves: Sequence[Any], structure: Any) -> Any:
        """Trace, again and again while equalities between extents turn up."""
        rows = named(self.fun, structure, leaves, self._specs)
        shapes, examples = _symbolic_shapes(rows, leaves)
        notes: list[str] = []
        while True:
            sizes = Sizes(examples)
            try:
                with sizes.asked():
                    traced = trace(
                        self.body, leaves, structure, self.__name__,
                        self._bindings_of(structure), shapes,
                    )  # fmt: skip
            except Exception as error:
                if not sizes.pins:
                    error.add_note(f"where {_listed(examples)}")
                    raise
            if not sizes.pins:
                return traced, shapes, sizes, notes
            pinned = sizes.pinned()
            notes += _pin_notes(pinned, sizes)
            shapes = [None if s is None else _put(s, pinned) for s in shapes]
            examples = {k: n for k, n in examples.items() if k not in pinned}

    # --- looking

    def _why(
        self, key: Any, versions: list[Any], alike: list[Any], leaves: Sequence[Any]
    ) -> str:
        if alike or not versions:
            return self._reason(key, alike, leaves)
        shapes = ", ".join(str(np.shape(x)) for x in leaves)
        return f"other sizes: {shapes} fit no version before"


def _general(signature: Sequence[Any], rows: Sequence[tuple[str, Spec | None]]) -> Any:
    """The signature without the extents that may vary."""
    kinds = []
    for kind, (_, s) in zip(signature, rows, strict=True):
        if s is None:
            kinds.append(kind)
        else:
            shape = tuple(n if isinstance(n, int) else ANY for n in s.shape)
            kinds.append((kind[0], shape))
    return tuple(kinds)


def _symbolic_shapes(
    rows: Sequence[tuple[str, Spec | None]], leaves: Sequence[Any]
) -> tuple[list[Shape | None], dict[str, int]]:
    """Shapes with a symbol for each extent that may vary, and the symbols' sizes."""
    taken = {n for _, s in rows if s is not None for n in s.shape if type(n) is str}
    fresh = (name for name in _names() if name not in taken)
    shapes: list[Shape | None] = []
    examples: dict[str, int] = {}
    for (_, s), x in zip(rows, leaves, strict=True):
        if s is None:
            shapes.append(None)
            continue
        shape: list[Extent] = []
        for wanted, n in zip(s.shape, np.shape(x), strict=True):
            if isinstance(wanted, int):
                shape.append(wanted)
            else:
                name = next(fresh) if wanted is None else wanted
                examples[name] = n
                shape.append(Dim(name))
        shapes.append(tuple(shape))
    return shapes, examples


def _names() -> Iterator[str]:
    yield from "nmkpqrst"
    yield from (f"n{i}" for i in itertools.count(1))


def _put(shape: Shape, pinned: Mapping[str, Extent]) -> Shape:
    return tuple(d.at(pinned) if type(d) is Dim else d for d in shape)


def _listed(sizes: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {n}" for name, n in sizes.items())


def _pin_notes(pinned: Mapping[str, Extent], sizes: Sizes) -> list[str]:
    """Which extents are no longer free, and the lines that asked."""
    places = dict.fromkeys(place for place in sizes.pins.values() if place)
    return [f"   {_listed(pinned)}, because of", *places]
