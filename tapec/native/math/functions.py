"""The functions by name, and their definition in a module on first request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module

from llvmlite import ir

from .scalar import FORMATS, SERIAL, Num

MODULES = {
    "exponential": "exp exp2 expm1",
    "logarithm": "log log2 log10 log1p",
    "trigonometric": "sin cos tan",
    "inverse_trigonometric": "arcsin arccos arctan arctan2",
    "hyperbolic": "sinh cosh tanh expit",
    "inverse_hyperbolic": "arcsinh arccosh arctanh",
    "power": "power",
    "sums": "cbrt hypot logaddexp logaddexp2",
    "gamma": "digamma gammaln",
    "error_function": "erf erfc",
}
HOME = {name: module for module, names in MODULES.items() for name in names.split()}
OF_TWO = ("arctan2", "power", "hypot", "logaddexp", "logaddexp2")
ARITY = {name: 2 if name in OF_TWO else 1 for name in HOME}
NAMES = frozenset(HOME)

ATTRIBUTES = ("alwaysinline", "nounwind", "memory(none)", "willreturn")


@cache
def _emitter(name: str) -> Callable[..., Num]:
    home = import_module(f".{HOME[name]}", __package__)
    found: Callable[..., Num] = getattr(home, name)
    return found


def emitted(name: str, arguments: Sequence[Num]) -> Num:
    """The function's value, where the arguments are."""
    return _emitter(name)(*arguments)


def declare(
    module: ir.Module, name: str, type: ir.Type, *, serial: bool = False
) -> ir.Function:
    """The function `tapec.<name>.<f32|f64>` of `module`, perhaps without its code.

    serial: the one for recurrences, see `Format`.
    """
    symbol = f"tapec.{name}.{FORMATS[type].name}{'.serial' if serial else ''}"
    if symbol in module.globals:
        return module.globals[symbol]
    signature = ir.FunctionType(type, [type] * ARITY[name])
    function = ir.Function(module, signature, symbol)
    function.linkage = "internal"
    for attribute in ATTRIBUTES:
        set.add(function.attributes, attribute)  # llvmlite knows not all of them
    return function


def define(
    module: ir.Module, name: str, type: ir.Type, *, serial: bool = False
) -> ir.Function:
    """The same with its code, which is added on first request."""
    function = declare(module, name, type, serial=serial)
    if not function.blocks:
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        format = (SERIAL if serial else FORMATS)[type]
        arguments = [Num(builder, x, format) for x in function.args]
        builder.ret(emitted(name, arguments).value)
    return function


def call(
    builder: ir.IRBuilder, name: str, *args: ir.Value, serial: bool = False
) -> ir.Value:
    """The value of the function for arguments of one type, f32 or f64."""
    function = define(builder.module, name, args[0].type, serial=serial)
    return builder.call(function, args)
