"""sin and cos for loops that wait for them: a branch leaves out the reduction.

In a recurrence the time of a step is that of its longest chain of operations, and no
vectorizer needs the code to be free of branches. Small angles take the short way, to
the same bits as the long one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from llvmlite import ir

from .functions import define
from .polynomial import polynomial
from .scalar import SERIAL, Num, muladd, where
from .trigonometric import COS, SIN

__all__ = ["SHORT", "call_short"]


def _sin(x: Num) -> Num:
    z = x * x
    return where(x.equals(0.0), x, x + (z * x) * polynomial(z, SIN))


def _cos(x: Num) -> Num:
    z = x * x
    half = z * 0.5
    hi = 1.0 - half
    return hi + muladd(z * z, polynomial(z, COS), (1.0 - hi) - half)


SHORT: dict[str, Callable[[Num], Num]] = {"sin": _sin, "cos": _cos}


def call_short(builder: ir.IRBuilder, name: str, x: ir.Value) -> ir.Value:
    """The function, with the short way for |x| < pi/4."""
    module, format = builder.module, SERIAL[x.type]
    symbol = f"tapec.{name}.short.{format.name}"
    if symbol not in module.globals:
        _define(module, symbol, name, x.type)
    return builder.call(module.globals[symbol], [x])


def _define(module: ir.Module, symbol: str, name: str, kind: ir.Type) -> None:
    long = define(module, name, kind, serial=True)
    function = ir.Function(module, ir.FunctionType(kind, [kind]), symbol)
    function.linkage = "internal"
    for attribute in ("alwaysinline", "nounwind", "memory(none)", "willreturn"):
        set.add(function.attributes, attribute)
    at = ir.IRBuilder(function.append_basic_block("entry"))
    x = Num(at, function.args[0], SERIAL[kind])
    small = (abs(x) < math.pi / 4).value
    with at.if_then(small, likely=True):
        at.ret(SHORT[name](x).value)
    at.ret(at.call(long, [x.value]))
