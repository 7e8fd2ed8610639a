"""What surrounds the numbers: `function`, `Module`, `cond`, `print`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tapec.debugging.printing import escaped
from tapec.operators import Operators, looked
from tapec.ops.effects import print_
from tapec.recording import state
from tapec.tf.convert import convert_to_tensor
from tapec.transform import jit
from tapec.variable import Variable

__all__ = ["Module", "cond", "function", "map_fn", "print"]


def function(
    func: Any = None, input_signature: Any = None, autograph: bool = True,
    jit_compile: Any = None, reduce_retracing: bool = False, **options: Any,
) -> Any:  # fmt: skip
    """Compile a function: `tapec.jit`, whatever else is said."""
    return jit if func is None else jit(func)


def print(
    *inputs: Any, output_stream: Any = None, sep: str = " ", end: str = "\n",
    name: Any = None,
) -> None:  # fmt: skip
    """Write a line; in a compiled function at each call."""
    rec = state.recording
    if rec is not None and rec.is_trace and output_stream is None:
        shown = ["{}" if isinstance(x, Operators) else escaped(str(x)) for x in inputs]
        values = [x for x in inputs if isinstance(x, Operators)]
        print_(*values, text=escaped(sep).join(shown))
        return
    for x in inputs:
        if isinstance(x, Operators):
            looked(x, "tf.print(x)")
    shown = [str(x.array if isinstance(x, Operators) else x) for x in inputs]
    (output_stream or sys.stdout).write(sep.join(shown) + end)


def cond(
    pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any], name: Any = None
) -> Any:
    """One of two functions; compiled code checks the choice at each call."""
    return true_fn() if pred else false_fn()


def map_fn(fn: Callable[[Any], Any], elems: Any, **options: Any) -> Any:
    """`fn` of each entry along the first axis, stacked."""
    return np.stack([convert_to_tensor(fn(x)) for x in convert_to_tensor(elems)])


class Module:
    """An object whose attributes, and what they hold in turn, are variables."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name or type(self).__name__.lower()

    @property
    def variables(self) -> tuple[Variable, ...]:
        """All variables, each once, by the names of their attributes."""
        return tuple({id(v): v for v in _variables(self, set())}.values())

    @property
    def trainable_variables(self) -> tuple[Variable, ...]:
        """Those that tapes watch by themselves."""
        return tuple(v for v in self.variables if v.trainable)


def _variables(x: Any, seen: set[int]) -> Iterator[Variable]:
    if isinstance(x, Variable):
        yield x
    elif isinstance(x, (list, tuple, dict)):
        for part in x.values() if isinstance(x, dict) else x:
            yield from _variables(part, seen)
    elif isinstance(x, Module) and id(x) not in seen:
        seen.add(id(x))
        for name in sorted(vars(x)):
            yield from _variables(vars(x)[name], seen)
