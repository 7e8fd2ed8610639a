"""The functions by name, and their definition in a module on first request."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from llvmlite import ir

from . import (
    error_function,
    exponential,
    gamma,
    hyperbolic,
    inverse_hyperbolic,
    inverse_trigonometric,
    logarithm,
    power,
    sums,
    trigonometric,
)
from .scalar import FORMATS, Num

FUNCTIONS: dict[str, Callable[..., Num]] = {
    "exp": exponential.exp,
    "exp2": exponential.exp2,
    "expm1": exponential.expm1,
    "log": logarithm.log,
    "log2": logarithm.log2,
    "log10": logarithm.log10,
    "log1p": logarithm.log1p,
    "sin": trigonometric.sin,
    "cos": trigonometric.cos,
    "tan": trigonometric.tan,
    "arcsin": inverse_trigonometric.arcsin,
    "arccos": inverse_trigonometric.arccos,
    "arctan": inverse_trigonometric.arctan,
    "arctan2": inverse_trigonometric.arctan2,
    "sinh": hyperbolic.sinh,
    "cosh": hyperbolic.cosh,
    "tanh": hyperbolic.tanh,
    "expit": hyperbolic.expit,
    "arcsinh": inverse_hyperbolic.arcsinh,
    "arccosh": inverse_hyperbolic.arccosh,
    "arctanh": inverse_hyperbolic.arctanh,
    "power": power.power,
    "cbrt": sums.cbrt,
    "hypot": sums.hypot,
    "logaddexp": sums.logaddexp,
    "logaddexp2": sums.logaddexp2,
    "digamma": gamma.digamma,
    "gammaln": gamma.gammaln,
    "erf": error_function.erf,
    "erfc": error_function.erfc,
}
ARITY = {
    name: len(inspect.signature(function).parameters)
    for name, function in FUNCTIONS.items()
}
NAMES = frozenset(FUNCTIONS)

ATTRIBUTES = ("alwaysinline", "nounwind", "memory(none)", "willreturn")


def define(module: ir.Module, name: str, type: ir.Type) -> ir.Function:
    """The function `tapec.<name>.<f32|f64>` of `module`, defined on first request."""
    format = FORMATS[type]
    symbol = f"tapec.{name}.{format.name}"
    if symbol in module.globals:
        return module.globals[symbol]
    signature = ir.FunctionType(type, [type] * ARITY[name])
    function = ir.Function(module, signature, symbol)
    function.linkage = "internal"
    for attribute in ATTRIBUTES:
        set.add(function.attributes, attribute)  # llvmlite knows not all of them
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    arguments = [Num(builder, argument, format) for argument in function.args]
    builder.ret(FUNCTIONS[name](*arguments).value)
    return function


def call(builder: ir.IRBuilder, name: str, *args: ir.Value) -> ir.Value:
    """The value of the function for arguments of one type, f32 or f64."""
    return builder.call(define(builder.module, name, args[0].type), args)
