"""`check_grads`: derivatives compared with difference quotients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tapec import containers
from tapec.forward import jvp
from tapec.linear import vjp
from tapec.operators import Operators
from tapec.recording import Array
from tapec.sources import name_of
from tapec.transform import jit

__all__ = ["check_grads"]

MODES = {"fwd": "forward", "rev": "reverse"}


def check_grads(
    fun: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("fwd", "rev"),
    *,
    tol: float | None = None,
    step: float | None = None,
    seed: int = 0,
) -> None:
    """AssertionError unless the derivatives of `fun` are those that differences show.

    args: a tuple of arguments, in containers or not; their floating leaves are moved
    along a random direction, integers stay. order: 2 checks derivatives of derivatives
    too. modes: "fwd", "rev" or both, in every combination for higher orders. tol: the
    relative and absolute tolerance (1e-6, for single precision 2e-2). step: of the
    central difference (1e-5, for single precision 1e-2). The message gives both
    numbers.

    ValueError for an unknown mode, or where nothing is floating.

    >>> import numpy as np, tapec
    >>> tapec.check_grads(lambda x: np.sin(x) * x, (np.array([0.5, 1.0]),))
    """
    for mode in modes:
        if mode not in MODES:
            raise ValueError(f"check_grads: there is no mode {mode!r}; fwd and rev are")
    leaves, structure = containers.flatten(tuple(args))
    moving = [i for i, x in enumerate(leaves) if _dtype(x).kind in "fc"]
    if not moving:
        raise ValueError("check_grads: no argument is floating")
    start = [np.array(_numbers(leaves[i])) for i in moving]

    def flat(*xs: Any) -> list[Any]:
        new = list(leaves)
        for i, x in zip(moving, xs, strict=True):
            new[i] = x
        found = containers.flatten(fun(*containers.unflatten(structure, new)))[0]
        return [y for y in found if _dtype(y).kind in "fc"]

    single = any(x.dtype.char in "fFe" for x in start)
    check = _Check(
        name_of(fun), tuple(modes), (2e-2 if single else 1e-6) if tol is None else tol,
        (1e-2 if single else 1e-5) if step is None else step,
        np.random.default_rng(seed),
    )  # fmt: skip
    check.run(flat, start, order, ())


class _Check(NamedTuple):
    """What stays the same for all orders."""

    name: str
    modes: tuple[str, ...]
    tol: float
    step: float
    rng: np.random.Generator

    def run(
        self, f: Callable[..., Any], xs: list[Array], order: int, done: tuple[str, ...]
    ) -> None:
        """Compare the derivatives of `f`, which is itself one in modes `done`."""
        if order < 1:
            return
        directions = [self.draw(x) for x in xs]
        ahead, behind = (
            f(
                *[
                    (x + h * v).astype(x.dtype)
                    for x, v in zip(xs, directions, strict=True)
                ]
            )
            for h in (self.step, -self.step)
        )
        cts = [self.draw(_numbers(y)) for y in ahead]
        slopes = [
            (_numbers(a) - _numbers(b)) / (2 * self.step)
            for a, b in zip(ahead, behind, strict=True)
        ]
        numeric = _dot(cts, slopes)

        def forward(*xs: Any) -> Any:
            return jvp(f, xs, directions)[1]

        def reverse(*xs: Any) -> Any:
            return list(vjp(f, *xs)[1](cts))

        for mode in self.modes:
            derivative = jit({"fwd": forward, "rev": reverse}[mode])
            found = list(map(_numbers, derivative(*xs)))
            analytic = _dot(*((cts, found) if mode == "fwd" else (found, directions)))
            self.compare(numeric, analytic, (*done, mode))
            self.run(derivative, xs, order - 1, (*done, mode))

    def draw(self, like: Array) -> Array:
        v: Any = self.rng.uniform(-1.0, 1.0, like.shape)
        if like.dtype.kind == "c":
            v = v + 1j * self.rng.uniform(-1.0, 1.0, like.shape)
        return np.asarray(v, like.dtype)

    def compare(self, numeric: float, analytic: float, modes: Sequence[str]) -> None:
        if abs(numeric - analytic) <= self.tol * (1 + abs(numeric)):
            return
        how = " over ".join(MODES[m] for m in reversed(modes))
        raise AssertionError(
            f"check_grads: the derivative of {self.name} is wrong in {how} mode: along "
            f"a random direction differences give {numeric:.10g}, the derivative "
            f"{analytic:.10g}"
        )


def _numbers(x: Any) -> Array:
    return x.array if isinstance(x, Operators) else np.asarray(x)


def _dtype(x: Any) -> np.dtype[Any]:
    found: np.dtype[Any] = x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype
    return found


def _dot(xs: Sequence[Array], ys: Sequence[Array]) -> float:
    pairs = zip(xs, ys, strict=True)
    return sum(float(np.sum(np.real(np.conj(x) * y))) for x, y in pairs)
