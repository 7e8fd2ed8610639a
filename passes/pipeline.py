"""The passes as data: which there are, which run, and why in this order.

optimized = run(fn)
optimized = run(fn, parse_passes("vjp(wrt=[0]),cse,dce"))
"""

from __future__ import annotations

import ast
import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from inspect import signature
from typing import Any, NamedTuple

from tapec.ir import Function
from tapec.locks import collector_off
from tapec.verify import verify

__all__ = [
    "DEFAULT",
    "ORDER",
    "PASSES",
    "RECORDED",
    "Pass",
    "parse_passes",
    "run",
]

DEFAULT = (
    "forget",
    "roll",
    "simplify",
    "expand",
    "fold",
    "cse",
    "factor",
    "loops",
    "dce",
    "sections",
    "scalarize",
    "tile",
    "fuse",
    "enclose",
)
"""What every program goes through before it becomes native code."""

PASSES = ("vjp", "jvp", "batch", *DEFAULT)
"""Every pass by name: a function `passes/<name>.py` has under that name."""

RECORDED = ("forget", "roll")
"""Those that come before lengths may become symbols, see `tapec.passes.lengths`."""

ORDER = (
    ("vjp", "cse", "the backward half computes forward values again"),
    ("jvp", "cse", "the rules compute forward values again"),
    ("jvp", "dce", "a rule that was transposed leaves what it was transposed from"),
    ("vjp", "dce", "the rules give cotangents that nobody asked for"),
    ("batch", "cse", "rules align equal operands again and again"),
    ("vjp", "forget", "a gradient of the user's own is taken, then forgotten"),
    ("forget", "roll", "rounds are alike once nothing stands between them"),
    ("forget", "dce", "what only the forgotten gradients read is dead"),
    ("roll", "simplify", "what is folded in the first round only ends a repetition"),
    ("roll", "cse", "values shared by the first rounds only end a repetition"),
    ("simplify", "fold", "a rule brings constants together: (x * 2) * 3"),
    ("roll", "expand", "repetitions are shorter before"),
    ("expand", "cse", "the maximum that an argmax compares with may be there already"),
    ("expand", "fuse", "ops of an expansion are parts of kernels"),
    ("simplify", "cse", "what a rule makes equal is merged only afterwards"),
    ("fold", "cse", "folded constants are equal more often than what they came from"),
    ("cse", "factor", "a product that others read too is there anyway"),
    ("factor", "dce", "products that became one are read no more"),
    ("cse", "loops", "loops are merged when their operands are the same values"),
    ("loops", "dce", "what only a dropped carry or output needed is dead"),
    ("cse", "dce", "cse leaves ops that only merged ones read"),
    ("dce", "sections", "a dead op would count"),
    ("sections", "scalarize", "elements of sections are still elements"),
    ("dce", "scalarize", "a dead op would count"),
    ("scalarize", "fuse", "elements of small arrays are parts of one kernel"),
    ("scalarize", "tile", "what one kernel computes needs no tiles"),
    ("fuse", "enclose", "fuse leaves loops as they are"),
    ("dce", "fuse", "a dead op would become an output of a kernel"),
    ("dce", "tile", "a dead op would be computed for every tile"),
    ("tile", "fuse", "kernels run through whole arrays, or through one tile of them"),
    ("tile", "enclose", "the body of a tile is fused like that of a loop"),
)
"""(earlier, later, why), checked when this module is imported."""

Step = Callable[[Function], Function]
"""What else may be a pass: its `str` is its name."""

Observer = Callable[[str, Function, Function], None]


class Pass(NamedTuple):
    """A pass with its arguments; calling it transforms a function."""

    name: str
    arguments: Mapping[str, Any] = {}

    @property
    def transform(self) -> Callable[..., Function]:
        """The function behind the name, imported when it is needed."""
        module = import_module(f"tapec.passes.{self.name}")
        return getattr(module, self.name)  # type: ignore[no-any-return]

    def __call__(self, fn: Function) -> Function:
        return self.transform(fn, **self.arguments)

    def __str__(self) -> str:
        listed = ", ".join(f"{key}={value!r}" for key, value in self.arguments.items())
        return f"{self.name}({listed})" if listed else self.name


def run(
    fn: Function,
    passes: Iterable[str | Step] = DEFAULT,
    *,
    observe: Observer | None = None,
) -> Function:
    """`fn` after the passes, one by one.

    observe: called after each as `observe(pass, before, after)`.
    With TAPEC_VERIFY=1 in the environment every intermediate function is verified.
    """
    checked = os.environ.get("TAPEC_VERIFY", "0") not in ("", "0")
    if checked:
        verify(fn)
    for each in passes:
        step = Pass(each) if isinstance(each, str) else each
        before = fn
        try:
            with collector_off():
                fn = step(fn)
        except Exception as error:
            error.add_note(f"in the pass {step}, on @{before.name}")
            raise
        if checked:
            verify(fn, after=str(step))
        if observe is not None:
            observe(str(step), before, fn)
    return fn


def parse_passes(text: str) -> list[Pass]:
    """The passes of `vjp(wrt=[0]),cse,dce`; ValueError says what is wrong."""
    try:
        listed = ast.parse(f"[{text}]", mode="eval").body
    except SyntaxError:
        raise ValueError(f"not a list of passes: {text}") from None
    if not isinstance(listed, ast.List):
        raise ValueError(f"not a list of passes: {text}")
    return [_parse_pass(node) for node in listed.elts]


def _parse_pass(node: ast.expr) -> Pass:
    call = node if isinstance(node, ast.Call) else ast.Call(node, [], [])
    if not isinstance(call.func, ast.Name) or call.args:
        raise ValueError(f"not a pass: {ast.unparse(node)}; write name(option=value)")
    name = call.func.id
    if name not in PASSES:
        close = difflib.get_close_matches(name, PASSES, 1)
        known = ", ".join(PASSES)
        hint = f"did you mean {close[0]}?" if close else f"there are {known}"
        raise ValueError(f"unknown pass {name}; {hint}")
    arguments = {}
    for keyword in call.keywords:
        try:
            arguments[str(keyword.arg)] = ast.literal_eval(keyword.value)
        except ValueError:
            shown = ast.unparse(keyword.value)
            raise ValueError(f"{name}: {shown} is no Python literal") from None
    found = Pass(name, arguments)
    try:
        signature(found.transform).bind(None, **arguments)
    except TypeError as error:
        raise ValueError(f"{name}: {error}") from None
    return found


def check_order(passes: tuple[str, ...] = DEFAULT) -> None:
    """ValueError with the reason if two passes run in the wrong order."""
    place = {name: i for i, name in enumerate(passes)}
    for earlier, later, why in ORDER:
        if earlier not in PASSES or later not in PASSES:
            raise ValueError(f"ORDER names an unknown pass: {earlier}, {later}")
        if place.get(earlier, -1) > place.get(later, len(passes)):
            raise ValueError(f"{earlier} must come before {later}: {why}")


check_order()
