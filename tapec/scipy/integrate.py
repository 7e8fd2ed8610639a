"""`scipy.integrate` on tensors: `from tapec.scipy import integrate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tapec.control import scan, while_loop
from tapec.errors import ShapeError
from tapec.ops.cast import cast, stop_gradient
from tapec.tensor import as_tensor

__all__ = ["odeint"]

# Dormand and Prince, A family of embedded Runge-Kutta formulae, 1980: the stages, and
# the difference of the results of orders 5 and 4. The last stage is the first of the
# next step.
STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
TIMES = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
DIFFERENCE = (
    71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40,
)  # fmt: skip

SAFETY, LEAST, MOST = 0.9, 0.2, 5.0
"""By how much the next step may differ from this one."""


def odeint(
    func: Callable[..., Any],
    y0: Any,
    t: Any,
    args: Sequence[Any] = (),
    *,
    rtol: float = 1.49012e-8,
    atol: float = 1.49012e-8,
    mxstep: int = 10_000,
    tfirst: bool = False,
) -> Any:
    """The solution y of dy/dt = func(y, t, *args) at the times t, the first that of y0.

    y0: (n,), floating. t: (m,), rising or falling. The result is (m, n); it is nan from
    the time on that is not reached in mxstep steps. Steps are those of Dormand and
    Prince's method of order 5, as long as the errors allow (rtol, atol: of each step).
    It is for equations that are not stiff.

    The derivative, in y0, t, args and what func closes over, is that of the steps
    taken, their lengths held fixed.

    Raises ShapeError where y0 or t is no vector, or func returns another shape.

    >>> import numpy as np, tapec
    >>> from tapec.scipy import integrate
    >>> times = np.array([0.0, 1.0])
    >>> def end(rate):
    ...     return integrate.odeint(lambda y, t: -rate * y, [1.0], times)[-1, 0]
    >>> value, gradient = tapec.value_and_grad(end)(0.5)
    >>> print(round(value, 6), round(gradient, 6))
    0.606531 -0.606531
    """
    y, times = _float(y0), _float(t)
    if y.ndim != 1 or times.ndim != 1:
        raise ShapeError(
            f"odeint: y0 and t are vectors, not {y.ndim}-d and {times.ndim}-d"
        )

    def slope(y: Any, t: Any) -> Any:
        found = as_tensor(func(t, y, *args) if tfirst else func(y, t, *args))
        if found.shape != y.shape:
            raise ShapeError(f"odeint: func returns {found.shape}, y is {y.shape}")
        return cast(found, dtype=y.dtype)

    def onwards(state: Any, until: Any) -> Any:
        state = _advance(slope, state, until, rtol, atol, mxstep)
        return state, state[1]

    first = slope(y, times[0])
    start = times[0], y, first, _first_step(y, first, rtol, atol)
    _, rest = scan(onwards, start, times[1:])
    return np.concatenate([np.reshape(y, (1, -1)), rest])


def _float(x: Any) -> Any:
    t = as_tensor(x)
    return cast(t, dtype=np.dtype(np.float64)) if t.dtype.kind in "biu" else t


def _first_step(y: Any, slope: Any, rtol: float, atol: float) -> Any:
    """A length at which y changes by about a hundredth of itself."""
    scale = atol + rtol * np.abs(y)
    size, change = _norm(y / scale), _norm(slope / scale)
    known = (size > 1e-5) & (change > 1e-5)
    step = 0.01 * size / np.where(known, change, 1.0)
    return stop_gradient(np.where(known, step, 1e-6))


def _norm(x: Any) -> Any:
    return np.sqrt(np.mean(x * x))


def _advance(
    slope: Any, state: Any, until: Any, rtol: float, atol: float, mxstep: int
) -> Any:
    """Steps up to the time `until`, the last as long as is left."""
    sign = stop_gradient(np.sign(until - state[0]))

    def unfinished(state: Any) -> Any:
        t, *_, count = state
        return ((until - t) * sign > 0.0) & (count < mxstep)

    def step(state: Any) -> Any:
        t, y, first, length, count = state
        left = until - t
        last = stop_gradient(np.abs(left)) <= length
        h = np.where(last, left, sign * length)
        new, difference, end = _stages(slope, t, y, first, h)
        scale = atol + rtol * np.maximum(np.abs(y), np.abs(new))
        error = stop_gradient(_norm(difference / scale))
        good = error <= 1.0
        factor = SAFETY * np.maximum(error, 1e-10) ** -0.2
        growth = np.clip(np.where(np.isfinite(factor), factor, LEAST), LEAST, MOST)
        following = stop_gradient(np.abs(h)) * growth
        return (
            np.where(good, np.where(last, until, t + h), t),
            np.where(good, new, y),
            np.where(good, end, first),
            np.where(good & last, np.maximum(length, following), following),
            count + 1,
        )

    *state, _ = while_loop(unfinished, step, (*state, 0))
    t, y, first, length = state
    reached = (until - t) * sign <= 0.0
    return t, np.where(reached, y, np.nan), first, length


def _stages(slope: Any, t: Any, y: Any, first: Any, h: Any) -> tuple[Any, Any, Any]:
    """The result of one step, the estimate of its error, the slope at its end."""
    slopes = [first]
    for weights, place in zip(STAGES, TIMES, strict=True):
        point = y + h * _combined(weights, slopes)
        slopes.append(slope(point, t + place * h))
    return point, h * _combined(DIFFERENCE, slopes), slopes[-1]


def _combined(weights: Sequence[float], slopes: Sequence[Any]) -> Any:
    terms = [w * k for w, k in zip(weights, slopes, strict=True) if w]
    return sum(terms[1:], terms[0])
