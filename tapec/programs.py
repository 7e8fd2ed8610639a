"""Programs of tapes, cached by the structure of what was recorded.

The second time a recording of the same structure comes along (a training loop), its
program is found here: no pass and no compiler runs. A structure met for the first time
is interpreted, met again it is compiled. Scalars from the user's text are part of the
key by place; those that turn out to vary become inputs of the program.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tapec import compiler, locks, log, recording, shared
from tapec.interpret import evaluate
from tapec.ir import Function, Value, exact, substitute
from tapec.passes.extensions import added
from tapec.shared import Varying

__all__ = ["Entry", "Ready", "clear", "lookup", "run", "stats"]

Array = np.ndarray[Any, Any]

MOST_OPS = 50_000
"""Ops of a tape's program that is worth compiling: more would take many seconds."""

LEAST = 24
"""Ops of a tape's program that may hold loops."""

Build = Callable[[Function], tuple[Function, Any]]
"""Makes the program of a recorded function, and what its caller needs to know of it."""

LIMIT = 1024
_entries: OrderedDict[Any, Entry] = OrderedDict()
_lock = locks.lock()
stats = {"hits": 0, "misses": 0, "compiled": 0}
"""How often programs were found, made, and compiled, since the process started."""


def clear() -> None:
    """Forget every program."""
    with _lock:
        _entries.clear()
        recording.clear_trails()
    shared.clear()


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
        attrs = exact(attrs) if attrs else attrs
        rows.append((op.prim, tuple([place[a] for a in op.args]), attrs, op.type))
        place[op] = len(place)
    rows.append(tuple([place[r] for r in fn.results]))
    return tuple(rows), literals


class Ready(NamedTuple):
    """A program with the literals of one recording: what is left are the arrays."""

    function: Function
    program: Any
    info: Any
    literals: list[Array]

    def run(self, arrays: list[Array]) -> Sequence[Array]:
        inputs = arrays + self.literals
        if self.program is None:
            return evaluate(self.function, *inputs)
        outputs: Sequence[Array] = self.program(*inputs)
        return outputs


class Entry:
    """The programs of one structure; literals that were seen to vary are inputs."""

    def __init__(self, literals: list[Array]) -> None:
        self._varying = Varying(literals)
        self._met = 0
        self._made: tuple[Any, Function, Any] | None = None
        self._program: Any = None
        self._lock = locks.lock()

    def prepare(self, fn: Function, literals: list[Array], build: Build) -> Ready:
        """The program for `fn`, an instance of this structure."""
        with self._lock:
            self._varying.admit(literals)
            groups = self._varying.groups
            # Whoever was here before may have been interrupted, or left by a fork.
            if self._made is None or self._made[0] is not groups:
                self._program = None
                self._made = (groups, *build(_open(fn, groups)))
            _, function, info = self._made
            self._met += 1
            if self._program is None:
                self._program = _program(function, self._met > 1)
            given = [literals[group[0]] for group in groups]
            return Ready(function, self._program, info, given)

    def still_gives(self, ready: Ready | None) -> bool:
        """Whether what was prepared before is what `prepare` would answer again."""
        return (
            ready is not None
            and ready.program is not None
            and ready.program is self._program
        )


def _open(fn: Function, groups: Sequence[Sequence[int]]) -> Function:
    """`fn` with a last parameter for each group of places of literals."""
    if not groups:
        return fn
    consts = [op for op in fn.ops if op.prim.name == "const" and not op.type.shape]
    new: dict[Value, Value] = {}
    for group in groups:
        first = consts[group[0]]
        param = Value(None, (), (), first.type, first.uid)
        new |= {consts[i]: param for i in group}
    return substitute(fn, new)


def _program(fn: Function, again: bool) -> Any:
    """The program of `fn` if it is worth its time; `again`: it is not met first.

    Met first it is if loops of other lengths have it already.
    """
    if again and len(fn.ops) <= MOST_OPS:
        found = compiler.compile(fn)
        stats["compiled"] += found.fresh
        return found.program
    return compiler.known(fn) if len(fn.ops) >= LEAST else None


def lookup(fn: Function, extra: Any = None) -> tuple[Entry, list[Array]]:
    """The entry for programs of the structure of `fn` (and `extra`)."""
    rows, literals = key_of(fn)
    key = (rows, extra, added())
    with _lock:
        entry = _entries.get(key)
        if entry is None:
            stats["misses"] += 1
            log.event("cache", "miss", program=fn.name, ops=len(fn.ops))
            entry = _entries[key] = Entry(literals)
            _note_miss(fn)
            if len(_entries) > LIMIT:
                _entries.popitem(last=False)
        else:
            note_hit(fn)
            _entries.move_to_end(key)
    return entry, literals


def note_hit(fn: Function) -> None:
    """The program of `fn` was there."""
    stats["hits"] += 1
    if log.listening("cache"):
        log.event("cache", "hit", program=fn.name, ops=len(fn.ops))


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
        recording.warn(
            f"{loc!r}: {MANY} recordings of different structure were made here; "
            "each new one is interpreted, not compiled"
        )


def run(fn: Function, arrays: list[Array]) -> Sequence[Array]:
    """Run a forward program of a tape."""
    if not fn.ops:
        place = dict(zip(fn.params, arrays, strict=True))
        return [place[r] for r in fn.results]
    entry, literals = lookup(fn)
    return entry.prepare(fn, literals, lambda f: (f, None)).run(arrays)


recording.install_run(run)
