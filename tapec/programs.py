"""Programs of tapes, cached by the structure of what was recorded.

The second time a recording of the same structure comes along (a training loop), its
program is found here: no pass and no compiler runs. A structure met for the first time
is interpreted, met again it is compiled. Scalars from the user's text are part of the
key by place; those that turn out to vary become inputs of the program.
"""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tapec import recording
from tapec.interpret import evaluate
from tapec.ir import Function, Value, substitute
from tapec.passes import pipeline

__all__ = ["Entry", "clear", "lookup", "run", "stats"]

Array = np.ndarray[Any, Any]
Build = Callable[[Function], tuple[Function, Any]]
"""Makes the program of a recorded function, and what its caller needs to know of it."""

LIMIT = 1024
_entries: OrderedDict[Any, Entry] = OrderedDict()
_lock = threading.RLock()
stats = {"hits": 0, "misses": 0, "compiled": 0}
"""How often programs were found, made, and compiled, since the process started."""


def clear() -> None:
    """Forget every program."""
    with _lock:
        _entries.clear()


def key_of(fn: Function) -> tuple[tuple[Any, ...], list[Array]]:
    """What makes two recordings the same program, and the literals by place."""
    place: dict[Value, int] = {p: i for i, p in enumerate(fn.params)}
    rows: list[Any] = [p.type for p in fn.params]
    literals: list[Array] = []
    for op in fn.ops:
        attrs = op.attrs
        if op.prim.name == "const" and not op.type.shape:
            literals.append(attrs[0][1].array)
            attrs = ()
        rows.append((op.prim, tuple([place[a] for a in op.args]), attrs, op.type))
        place[op] = len(place)
    rows.append(tuple([place[r] for r in fn.results]))
    return tuple(rows), literals


class Entry:
    """The programs of one structure: one per set of literals that vary."""

    def __init__(self, literals: list[Array]) -> None:
        self.first = literals
        self.varying: tuple[int, ...] = ()
        self.runs = 0
        self.function: Function | None = None
        self.info: Any = None
        self.program: Any = None
        self.lock = threading.RLock()

    def execute(
        self, fn: Function, literals: list[Array], arrays: list[Array], build: Build
    ) -> Sequence[Array]:
        """Results of the program of `fn`, an instance of this structure."""
        with self.lock:
            self._admit(literals)
            if self.function is None:
                self.function, self.info = build(_open(fn, self.varying))
            self.runs += 1
            if self.program is None and self.runs > 1:
                self.program = _compiled(self.function)
        inputs = arrays + [literals[i] for i in self.varying]
        if self.program is None:
            return evaluate(self.function, *inputs)
        outputs: Sequence[Array] = self.program(*inputs)
        return outputs

    def _admit(self, literals: list[Array]) -> None:
        """Literals that differ from the first recording become inputs for good."""
        new = [
            i
            for i, (a, b) in enumerate(zip(self.first, literals, strict=True))
            if i not in self.varying and a.tobytes() != b.tobytes()
        ]
        if new:
            self.varying = tuple(sorted((*self.varying, *new)))
            self.function = self.program = None


def _open(fn: Function, places: Sequence[int]) -> Function:
    """`fn` with the literals at `places` as its last parameters."""
    consts = [
        op
        for op in fn.ops
        if op.prim.name == "const" and not op.type.shape
    ]
    chosen = [consts[i] for i in places]
    params = {c: Value(None, (), (), c.type, c.uid) for c in chosen}
    return substitute(fn, params)


def _compiled(fn: Function) -> Any:
    from tapec.native.program import compile as compile_native

    stats["compiled"] += 1
    return compile_native(pipeline.run(fn))


def lookup(fn: Function, extra: Any = None) -> tuple[Entry, list[Array]]:
    """The entry for programs of the structure of `fn` (and `extra`)."""
    rows, literals = key_of(fn)
    key = (rows, extra)
    with _lock:
        entry = _entries.get(key)
        if entry is None:
            stats["misses"] += 1
            entry = _entries[key] = Entry(literals)
            _note_miss(fn)
            if len(_entries) > LIMIT:
                _entries.popitem(last=False)
        else:
            stats["hits"] += 1
            _entries.move_to_end(key)
    return entry, literals


_misses: dict[Any, int] = {}
MANY = 256


def _note_miss(fn: Function) -> None:
    """Say once when a line keeps making recordings of new structure."""
    loc = fn.ops[-1].meta.loc if fn.ops else None
    if loc is None:
        return
    place = loc.frames[0]
    _misses[place] = _misses.get(place, 0) + 1
    if _misses[place] == MANY:
        warnings.warn(
            f"{loc!r}: {MANY} recordings of different structure were made here; "
            "each new one is interpreted, not compiled",
            stacklevel=4,
        )


def run(fn: Function, arrays: list[Array]) -> Sequence[Array]:
    """Run a forward program of a tape."""
    if not fn.ops:
        place = dict(zip(fn.params, arrays, strict=True))
        return [place[r] for r in fn.results]
    entry, literals = lookup(fn)
    return entry.execute(fn, literals, arrays, lambda f: (f, None))


recording.install_run(run)
