"""Whether evaluating expressions only computes."""

from __future__ import annotations

import ast
import builtins
import functools
import types
from typing import Any

import numpy as np

from tapec.ir import Dim
from tapec.operators import Operators
from tapec.primitive import Primitive
from tapec.rounds.scope import UNKNOWN, Impure, Scope, stored_names
from tapec.rounds.source import functions_of
from tapec.tensor import Tensor

__all__ = ["NUMBERS", "expression"]

NUMBERS = (int, float, complex, Operators, np.generic)

_LIBRARIES = frozenset(("numpy", "scipy", "tapec", "math", "cmath", "operator"))
_BUILTINS = frozenset(
    (
        abs, all, any, bool, complex, dict, divmod, enumerate, float, int, isinstance,
        len, list, max, min, pow, print, range, reversed, round, slice, sorted, str,
        sum, tuple, zip,
    )
)  # fmt: skip
_IN_PLACE = frozenset(
    (
        "at", "byteswap", "copyto", "fill", "fill_diagonal", "itemset", "partition",
        "place", "put", "put_along_axis", "putmask", "resize", "save", "savetxt",
        "savez", "seed", "setfield", "setflags", "shuffle", "sort",
    )
)  # fmt: skip
_NODES = (
    ast.Constant, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Tuple,
    ast.List, ast.Dict, ast.Subscript, ast.Slice, ast.Starred, ast.keyword,
    ast.NamedExpr, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context,
    ast.JoinedStr, ast.FormattedValue, ast.comprehension, ast.arguments, ast.arg,
)  # fmt: skip
_PLAIN = (
    bool, int, float, complex, str, bytes, type(None), type(Ellipsis), slice, range,
    np.ndarray, np.generic, np.dtype, Operators, Dim,
)  # fmt: skip


def expression(node: ast.AST, scope: Scope) -> None:
    match node:
        case ast.Name(ctx=ast.Load()):
            harmless(scope.value(node.id), node, scope)
        case ast.Name(ctx=ast.Store()):
            if node.id not in scope.local:
                raise Impure(f"line {node.lineno}: {node.id} is not local")
        case ast.Attribute():
            _attribute(node, scope)
        case ast.Call():
            _call(node, scope)
        case ast.Lambda():
            names = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
            expression(node.body, scope.with_local(names))
        case ast.ListComp() | ast.GeneratorExp():
            names = stored_names(g.target for g in node.generators)
            inner = scope.with_local(names)
            for child in ast.iter_child_nodes(node):
                expression(child, inner)
        case _ if isinstance(node, _NODES):
            for child in ast.iter_child_nodes(node):
                expression(child, scope)
        case _:
            what = type(node).__name__.lower()
            raise Impure(f"line {getattr(node, 'lineno', '?')}: a {what} expression")


def _found(node: ast.AST, scope: Scope) -> Any:
    """The object that a chain of names and attributes leads to, if that is known."""
    if isinstance(node, ast.Name):
        return scope.value(node.id)
    if not isinstance(node, ast.Attribute):
        return UNKNOWN
    base = _found(node.value, scope)
    if base is UNKNOWN or isinstance(base, _PLAIN):
        return UNKNOWN
    if isinstance(base, (types.ModuleType, type)):
        return getattr(base, node.attr, UNKNOWN)
    inside = getattr(base, "__dict__", {})
    if node.attr in inside:
        return inside[node.attr]
    of_class = getattr(type(base), node.attr, None)
    if isinstance(of_class, types.FunctionType):
        return types.MethodType(of_class, base)
    return UNKNOWN


def _attribute(node: ast.Attribute, scope: Scope) -> None:
    found = _found(node, scope)
    if found is not UNKNOWN:
        harmless(found, node, scope)
        return
    computes = node.attr not in _IN_PLACE and hasattr(Tensor, node.attr)
    if not computes and not _is_field(_found(node.value, scope), node.attr):
        raise Impure(f"line {node.lineno}: .{node.attr} of an unknown object")
    expression(node.value, scope)


def _is_field(base: Any, name: str) -> bool:
    return isinstance(base, tuple) and name in getattr(base, "_fields", ())


def _call(node: ast.Call, scope: Scope) -> None:
    found = _found(node.func, scope)
    if isinstance(found, np.ufunc) and len(node.args) > found.nin:
        raise Impure(f"line {node.lineno}: {found.__name__} writes into an array")
    if any(k.arg == "out" for k in node.keywords):
        raise Impure(f"line {node.lineno}: a function writes into an array")
    if isinstance(node.func, (ast.Name, ast.Attribute)):
        if found is UNKNOWN and isinstance(node.func, ast.Name):
            raise Impure(f"line {node.lineno}: {node.func.id} is not known")
        expression(node.func, scope)
    else:
        expression(node.func, scope)
    for part in (*node.args, *node.keywords):
        expression(part, scope)


# --- objects ----------------------------------------------------------------------


def harmless(x: Any, node: ast.AST, scope: Scope) -> None:
    """Impure unless `x` can be read, and called, without a trace."""
    if x is UNKNOWN or isinstance(x, (*_PLAIN, types.ModuleType)):
        return
    try:
        key = x if not isinstance(x, (list, dict, set)) else id(x)
        if key in scope.seen:
            return
        scope.seen.add(key)
    except TypeError:
        pass
    if isinstance(x, (tuple, list, set, frozenset)):
        for item in x:
            harmless(item, node, scope)
    elif isinstance(x, dict):
        for item in x.values():
            harmless(item, node, scope)
    elif not _is_library(x):
        _function(x, node, scope)


def _is_library(x: Any) -> bool:
    """Whether `x` is a function that only computes."""
    if isinstance(x, (np.ufunc, Primitive)):
        return True
    name = getattr(x, "__name__", "")
    if name in _IN_PLACE or not callable(x):
        return False
    if getattr(builtins, name, None) is x:
        return x in _BUILTINS
    if isinstance(x, type):
        return issubclass(x, np.generic) or (
            issubclass(x, tuple) and hasattr(x, "_fields")
        )
    if isinstance(x, types.MethodType) or hasattr(x, "fun"):
        return False
    parts = str(getattr(x, "__module__", "")).split(".")
    return parts[0] in _LIBRARIES and parts[:2] != ["numpy", "random"]


def _function(x: Any, node: ast.AST, scope: Scope) -> None:
    """Impure unless the user's function `x` is as harmless as its text."""
    if isinstance(x, functools.partial):
        for part in (x.func, *x.args, *x.keywords.values()):
            harmless(part, node, scope)
        return
    bound = {}
    if isinstance(x, types.MethodType):
        first = x.__func__.__code__.co_varnames[:1]
        bound = dict.fromkeys(first, x.__self__)
        x = x.__func__
    if not isinstance(x, types.FunctionType):
        inner = getattr(x, "fun", None)  # what `jit` and `grad` make
        if inner is None or not str(type(x).__module__).startswith("tapec"):
            name = getattr(x, "__name__", type(x).__name__)
            raise Impure(f"line {getattr(node, 'lineno', '?')}: {name} is not known")
        harmless(inner, node, scope)
        return
    nodes = functions_of(x.__code__, x.__globals__)
    if not nodes:
        raise Impure(f"the text of {x.__name__} cannot be found")
    if x.__code__.co_flags & 0x2A0:  # generators and coroutines
        raise Impure(f"{x.__name__} is a generator")
    scope.pending += [(definition, scope.inside(x, bound)) for definition in nodes]
    for default in (*(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values()):
        harmless(default, node, scope)
