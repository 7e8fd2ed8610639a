"""The arguments to differentiate by, chosen and made values of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from inspect import Parameter, signature
from typing import Any, NamedTuple

import numpy as np

from tapec import containers
from tapec.errors import DTypeError
from tapec.ops.cast import copy
from tapec.passes.rules import filled
from tapec.recording import Recording
from tapec.tensor import Tensor, Weak, as_tensor
from tapec.variable import Variable

__all__ = [
    "Returns",
    "Selection",
    "Sources",
    "fresh_sources",
    "like_sources",
    "name_of",
]

Fun = Callable[..., Any]


class Selection(NamedTuple):
    """Which arguments to differentiate by: positions, or names if there are any."""

    argnums: int | Sequence[int] = 0
    argnames: str | Sequence[str] | None = None


class Returns(NamedTuple):
    """What a gradient function returns: the value too, besides the gradient by these
    arguments, and whatever else the function has."""

    value: bool
    selection: Selection
    has_aux: bool


class Sources:
    """The arguments of one call, those to differentiate by replaced.

    args, kw: what to call the function with. wrt: the new values, leaf by leaf.
    """

    def __init__(
        self, fun: Fun, selection: Selection, args: tuple[Any, ...], kw: dict[str, Any]
    ) -> None:
        argnums, keys, self._single = _selected(fun, selection, args, kw)
        new, self.kw = list(args), dict(kw)
        self.wrt: list[Tensor] = []
        self.structures: list[containers.Structure] = []
        for i in argnums:
            new[i] = self._add(fun, i, args[i])
        for k in keys:
            self.kw[k] = self._add(fun, k, kw[k])
        self.args = tuple(new)

    def _add(self, fun: Fun, which: int | str, arg: Any) -> Any:
        new, leaves = fresh_sources(fun, which, arg)
        self.wrt += leaves
        self.structures.append(containers.flatten(arg)[1])
        return new

    def shaped(self, leaves: Iterable[Any]) -> Any:
        """One object per leaf as the chosen arguments hold theirs."""
        flat = iter(leaves)
        parts = [_taken(s, flat) for s in self.structures]
        return parts[0] if self._single else tuple(parts)


def _taken(structure: containers.Structure, flat: Iterator[Any]) -> Any:
    return containers.unflatten(structure, [next(flat) for _ in range(structure.size)])


def like_sources(
    rec: Recording, wrt: Sequence[Tensor], found: Sequence[Tensor | None]
) -> list[Tensor]:
    """Gradients as weakly typed as what they belong to; zeros where there is none."""
    out = []
    for t, g in zip(wrt, found, strict=True):
        made = filled(rec, t.type, 0.0) if g is None else g
        if type(t.kind) is Weak:
            made.kind = Weak.of(made.type)
        out.append(made)
    return out


def _selected(
    fun: Fun, selection: Selection, args: tuple[Any, ...], kw: dict[str, Any]
) -> tuple[list[int], list[str], bool]:
    """Which positional and keyword arguments to differentiate."""
    argnums, argnames = selection
    if argnames is None:
        single = isinstance(argnums, int)
        nums = [argnums] if isinstance(argnums, int) else list(argnums)
        nums = [n + len(args) if n < 0 else n for n in nums]
        for n in nums:
            if not 0 <= n < len(args):
                raise ValueError(
                    f"argnums {argnums} for {name_of(fun)} called with {len(args)} "
                    "positional arguments"
                )
        return nums, [], single
    single = isinstance(argnames, str)
    names = [argnames] if isinstance(argnames, str) else list(argnames)
    order = [
        p.name
        for p in signature(fun).parameters.values()
        if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    ]
    nums, keys = [], []
    for name in names:
        if name in kw:
            keys.append(name)
        elif name in order and order.index(name) < len(args):
            nums.append(order.index(name))
        else:
            raise ValueError(f"{name_of(fun)} was called without argument {name!r}")
    return nums, keys, single


def fresh_sources(fun: Fun, which: int | str, arg: Any) -> tuple[Any, list[Tensor]]:
    """`arg` with every leaf replaced by a value of its own, to differentiate by.

    The sources are tensors apart from those the user gets: `x[0] = v` gives the user's
    a new value.
    """
    leaves, structure = containers.flatten(arg)
    if not leaves:
        raise TypeError(
            f"argument {which!r} of {name_of(fun)} holds no number to differentiate "
            f"by: {type(arg).__name__}"
        )
    fresh = [_fresh(fun, which, leaf) for leaf in leaves]
    sources = [Tensor(t.rec, t.value, t.kind) for t in fresh]
    return containers.unflatten(structure, fresh), sources


def _fresh(fun: Fun, which: int | str, leaf: Any) -> Tensor:
    t = leaf.read() if isinstance(leaf, Variable) else as_tensor(leaf)
    weak = type(t.kind) is Weak
    if t.dtype.kind not in "fc":
        if not weak:
            raise DTypeError(
                f"argument {which!r} of {name_of(fun)} has dtype {t.dtype}, which has "
                "no gradient; give it as x.astype(float)"
            )
        t = t.astype(np.float64)
    made: Tensor = copy(t)
    if weak:
        made.kind = Weak.of(made.type)
    return made


def name_of(fun: Fun) -> str:
    return getattr(fun, "__name__", type(fun).__name__)
