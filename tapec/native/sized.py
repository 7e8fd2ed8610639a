"""Programs with symbolic extents: the same kernels for all sizes.

    program = compile(fuse(fn))      # fn(%x: f64[n,64], %w: f64[64])
    results = program(x, w)

The code of the kernels takes sizes when it runs. What depends on them otherwise (where
values live, the numbers of library calls) is a table, made when sizes are met first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tapec.ir import Dim, Function, sizes_of, with_sizes
from tapec.locks import lock

if TYPE_CHECKING:
    from tapec.native.cache import KernelCode
    from tapec.native.program import Program

__all__ = ["Sized"]

Array = np.ndarray[Any, Any]

KEPT = 64
"""Sizes whose tables are kept, with the arena where that is small."""

LARGE, FEW = 1 << 20, 4
"""Bytes of an arena that is large, and how many of these are kept."""


class Idle(list[Any]):
    """Frames with large arenas that wait for a call of some size.

    others: those of all sizes; where the last call is longest ago they are given up.
    """

    def __init__(self, others: OrderedDict[int, Idle], held: Any) -> None:
        super().__init__()
        self._others = others
        self._lock = held

    def append(self, frame: Any) -> None:
        super().append(frame)
        with self._lock:
            self._others[id(self)] = self
            self._others.move_to_end(id(self))
            if len(self._others) > FEW:
                self._others.popitem(last=False)[1].clear()


class Sized:
    """Call it with one array per parameter; it returns fresh arrays.

    steps, plan, kernels: as for a `Program`, of the sizes that were met last.
    """

    direct = None

    def __init__(self, fn: Function) -> None:
        self.function = fn
        self._codes: set[KernelCode] = set()  # of all sizes, as long as this lives
        self._programs: OrderedDict[tuple[int, ...], Program] = OrderedDict()
        self._where: dict[str, tuple[int, int]] = {}
        for number, p in enumerate(fn.params):
            for axis, d in enumerate(p.type.shape):
                if type(d) is Dim and d.name.isidentifier():
                    self._where.setdefault(d.name, (number, axis))
        self._places = tuple(self._where.values())
        self._large: OrderedDict[int, Idle] = OrderedDict()
        self._lock = lock()

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """Run on arrays of the parameters' dtypes and shapes, of any layout."""
        return self.program(arrays)(*arrays)

    def program(self, arrays: Sequence[Array]) -> Program:
        """The program for the sizes of these arrays."""
        sizes = tuple([arrays[number].shape[axis] for number, axis in self._places])
        found = self._programs.get(sizes)
        return self._made(sizes, arrays) if found is None else found

    def _made(self, sizes: tuple[int, ...], arrays: Sequence[Array]) -> Program:
        from tapec.native.program import Program

        sizes_of(self.function, [np.shape(a) for a in arrays])  # raises
        named = dict(zip(self._where, sizes, strict=True))
        made = Program(with_sizes(self.function, named, kernels=True))
        if made.plan.nbytes > LARGE:
            made._frames = Idle(self._large, self._lock)
        with self._lock:
            self._codes.update(made.codes)
            self._programs[sizes] = made
            if len(self._programs) > KEPT:
                self._programs.popitem(last=False)
        return made
