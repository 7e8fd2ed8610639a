"""One function in every form there is, to second order.

`agree(row)` asks each form for the value, the gradient and the gradient of the
gradient's sum, and compares them with what the row says and with each other: value,
dtype, shape and where NaN is.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import tapec
from tapec import GradientTape
from tapec.interpret import evaluate
from tapec.passes.vjp import vjp
from tests.ops.checking import recorded

OPEN = object()
"""A second derivative about which nothing is promised."""


class Row(NamedTuple):
    """`f(x)` is summed. first, second: the gradient, and that of the gradient's sum.

    form: None, or the name of the only form that is left out.
    """

    name: str
    f: Callable[..., Any]
    x: Any
    value: Any
    first: Any
    second: Any = OPEN
    without: str | None = None
    rtol: float = 1e-12
    atol: float = 1e-13


def total(f):
    def summed(x):
        return np.sum(f(x))

    return summed


def of_tape(f, x):
    """Nested tapes. The first time it is interpreted."""
    t = tapec.constant(x)
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = f(t)
        g = inner.gradient(y, t, unconnected_gradients="zero")
        s = np.sum(g)
    h = outer.gradient(s, t, unconnected_gradients="zero")
    return [np.asarray(a.numpy()) for a in (y, g, h)]


def of_interpreter(f, x):
    """The recording, differentiated, op by op; no other pass."""
    once = vjp(recorded(f, x), wrt=[0])
    y, g = evaluate(once, x, np.ones((), np.result_type(evaluate(once, x, 1.0)[0])))

    def gradient(x):
        return np.sum(tapec.grad(f)(x))

    twice = vjp(recorded(gradient, x), wrt=[0])
    s = evaluate(recorded(gradient, x), x)[0]
    return [y, g, evaluate(twice, x, np.ones((), s.dtype))[1]]


def of_native(f, x):
    y, g = tapec.value_and_grad(f)(x)
    h = tapec.grad(lambda x: np.sum(tapec.grad(f)(x)))(x)
    return [np.asarray(a) for a in (y, g, h)]


def of_vmap(f, x):
    """The second of three rows; the first holds other numbers."""
    x = np.asarray(x)
    batch = np.stack([x * 0.5, x, x])
    y, g = tapec.vmap(tapec.value_and_grad(f))(batch)
    h = tapec.vmap(tapec.grad(lambda x: np.sum(tapec.grad(f)(x))))(batch)
    return [np.asarray(a)[1] for a in (y, g, h)]


FORMS = {
    "tape": of_tape,
    "tape again": of_tape,
    "interpreted": of_interpreter,
    "native": of_native,
    "vmap": of_vmap,
}


def agree(row):
    """Every form against the row."""
    x = np.asarray(row.x)
    f = total(row.f)
    wanted = (row.value, row.first, row.second)
    with np.errstate(all="ignore"):
        for form, run in FORMS.items():
            if form == row.without:
                continue
            for what, found, want in zip("fgh", run(f, x), wanted, strict=True):
                if want is OPEN:
                    continue
                message = f"{row.name}, {form}, {what}"
                shape = () if what == "f" else x.shape
                assert found.shape == shape, message
                if what != "f":
                    assert found.dtype == x.dtype, message
                np.testing.assert_allclose(
                    found, np.broadcast_to(want, shape), rtol=row.rtol, atol=row.atol,
                    err_msg=message,
                )  # fmt: skip
