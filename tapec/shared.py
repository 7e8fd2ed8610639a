"""Programs shared by recordings whose loops differ in length only.

What a recording is after its repetitions became loops is made general, see
`tapec.passes.lengths`. Recordings with equal general functions, loops of 50 and of 51
rounds say, have one optimized function and one set of kernels; the numbers are in the
table of each one's program.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tapec.ir import Function, with_sizes
from tapec.locks import lock
from tapec.ops.const import with_constants
from tapec.passes.lengths.general import General, general
from tapec.passes.lengths.lift import lifted, literals

__all__ = ["Shared", "Varying", "clear", "program", "stats"]

Array = np.ndarray[Any, Any]
Optimized = Callable[[Function], Function]

LIMIT = 256
_entries: OrderedDict[Any, Entry] = OrderedDict()
_lock = lock()
stats = {"compiled": 0, "shared": 0}
"""How many of these programs were compiled, and how many found."""


def clear() -> None:
    """Forget every program."""
    with _lock:
        _entries.clear()


class Shared(NamedTuple):
    """A program. sizes: its lengths by name; none if it is for one length only.

    fresh: whether it had to be compiled.
    """

    program: Any
    sizes: Mapping[str, int]
    fresh: bool

    @property
    def lengths(self) -> str:
        """The lengths as text."""
        return ", ".join(f"{name} = {n}" for name, n in self.sizes.items())

    def note(self) -> str:
        """What to say of it in a list of versions."""
        shared = self.sizes and not self.fresh
        return (
            f"   shares the program of other lengths: {self.lengths}" if shared else ""
        )


def program(fn: Function, optimized: Optimized | None) -> Shared | None:
    """The program of a function after the passes `pipeline.RECORDED`.

    None if it has no lengths, or a program for its lengths alone must do. `optimized`
    runs the other passes; if that is None, so is the answer where they have to run.
    """
    found = general(fn)
    return None if found is None else _entry(found).program(found, optimized)


def _entry(found: General) -> Entry:
    numbers = literals(found.function)
    open_, _ = lifted(found.function, {op: i for i, op in enumerate(numbers)})
    key = open_, tuple(_places(found.function))
    with _lock:
        entry = _entries.get(key)
        if entry is None:
            entry = _entries[key] = Entry(found)
            if len(_entries) > LIMIT:
                _entries.popitem(last=False)
        else:
            _entries.move_to_end(key)
    return entry


def _places(fn: Function) -> Iterator[Any]:
    """The user's lines that errors name."""
    for op in fn.ops:
        if (op.prim.may_raise or op.prim.effect) and op.meta.loc is not None:
            yield op.meta.loc.lines
    for body in fn.bodies():
        yield from _places(body)


class Varying:
    """Which of a program's numbers are inputs: those that were seen to vary.

    Those that always varied alike, as a step width does that a loop writes in each of
    its rounds, are one input. groups: their places.
    """

    def __init__(self, first: Sequence[Array], inputs: Sequence[int] = ()) -> None:
        """The first numbers; `inputs`: places of those that will vary."""
        self._first = first
        alike: dict[Hashable, list[int]] = {}
        for i in inputs:
            alike.setdefault((first[i].tobytes(), first[i].dtype), []).append(i)
        self.groups = list(alike.values())

    def admit(self, now: Sequence[Array]) -> None:
        """Note these numbers: `groups` is another list from then on if it has to be."""
        old = {i: n for n, group in enumerate(self.groups) for i in group}
        alike: dict[Hashable, list[int]] = {}
        for i, (a, b) in enumerate(zip(self._first, now, strict=True)):
            found, before = b.tobytes(), a.tobytes()
            if i in old or found != before:
                key = old.get(i, (before, a.dtype)), found
                alike.setdefault(key, []).append(i)
        groups = list(alike.values())
        if groups != self.groups:
            self.groups = groups


class Entry:
    """The program of one general function."""

    def __init__(self, found: General) -> None:
        self._function = found.function
        now = _numbers(found.function)
        counts = [i for i, x in enumerate(now) if _is_count(x, found.sizes)]
        self._varying = Varying(now, counts)
        self._made: tuple[Any, Function, list[int]] | None = None
        self._codes: set[Any] = set()  # of all lengths, as long as this lives
        self._refused = False
        self._lock = lock()

    def program(self, found: General, optimized: Optimized | None) -> Shared | None:
        """The program for the lengths of one recording, see `program`."""
        now = _numbers(found.function)
        with self._lock:
            self._varying.admit(now)
            # Whoever was here before may have been interrupted, or left by a fork.
            fresh = self._made is None or self._made[0] is not self._varying.groups
            if self._refused or (fresh and optimized is None):
                return None
            try:
                if optimized is not None and fresh:
                    self._compile(optimized)
                made = self._at(found, now)
            except TypeError:  # a pass or a kernel needs the number itself
                self._refused = True
                return None
        stats["compiled" if fresh else "shared"] += 1
        return Shared(made, found.sizes, fresh)

    def _compile(self, optimized: Optimized) -> None:
        numbers = list(literals(self._function))
        groups = self._varying.groups
        chosen = {numbers[i]: n for n, group in enumerate(groups) for i in group}
        fn, inputs = lifted(self._function, chosen)
        fn = optimized(fn)
        ops = [op for op in fn.ops if op.prim.name != "assign"]
        fn = fn.with_(ops=ops, results=fn.outputs)
        self._made = groups, fn, inputs
        self._codes.clear()

    def _at(self, found: General, now: Sequence[Array]) -> Any:
        from tapec.native.program import Program

        assert self._made is not None
        groups, optimized, inputs = self._made
        fn = with_sizes(optimized, found.sizes, kernels=True)
        given = [now[groups[n][0]] for n in inputs]
        arrays = [*found.tables, *given]
        params = fn.params[len(fn.params) - len(arrays) :]
        constants = dict(zip(params, arrays, strict=True))
        program = Program(with_constants(fn, constants))
        self._codes.update(program.codes)
        return program


def _numbers(fn: Function) -> list[Array]:
    return [op.attr("value").array for op in literals(fn)]


def _is_count(x: Array, sizes: Mapping[str, int]) -> bool:
    """Whether a number looks like a count of rounds or of elements, or 1 divided by it.

    That is a multiple of a length, or of the one before or after.
    """
    if x.dtype.kind not in "fi" or not np.isfinite(x) or x == 0:
        return False
    n = abs(float(x)) if abs(x) >= 1 else abs(1 / float(x))
    count = round(n)
    if abs(n - count) > 1e-6 * n:
        return False
    lengths = {m + k for m in sizes.values() for k in (-1, 0, 1)}
    return any(count % m == 0 for m in lengths if m > 2)
