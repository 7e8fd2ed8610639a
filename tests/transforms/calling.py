"""Forms of calls, and calling decorated functions in both ways."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tapec.compiled import Compiled
from tapec.native.abi import AVAILABLE


def through_python(f: Any, *args: Any, **kw: Any) -> Any:
    return Compiled.__call__(f, *args, **kw)


def settled(f: Any, *args: Any) -> Any:
    """`f` after the calls that it takes until emitted code answers."""
    for _ in range(3):
        f(*args)
    return f


def answers(f: Any, *args: Any) -> Any:
    """The result of a call that runs no Python function of ours."""
    names: list[str] = []

    def note(frame: Any, event: str, arg: Any) -> None:
        if event == "call":
            names.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        out = f(*args)
    finally:
        sys.setprofile(None)
    if AVAILABLE:
        assert set(names) <= {"<lambda>"}  # the constructor of a named tuple
    return out


def same(a: Any, b: Any) -> bool:
    """Equal in value, type and structure, all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return (
            a.dtype == b.dtype
            and a.shape == b.shape
            and a.flags.writeable == b.flags.writeable
            and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
        )
    return bool(a == b)


class Pair(NamedTuple):
    left: Any
    right: Any


def allocated() -> int:
    gc.collect()
    return sys.getallocatedblocks()


FORMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "float": (lambda x: x * x, (1.5,)),
    "negative zero": (lambda x: -x, (0.0,)),
    "int": (lambda x: x * 3 - 1, (-7,)),
    "large int": (lambda x: x, (2**62,)),
    "int to float": (lambda x: x / 3, (7,)),
    "complex": (lambda x: x * 1j, (1 + 2j,)),
    "three floats": (lambda x, y, z: (x * y, y + z, x), (1.0, 2.0, 3.0)),
    "no argument": (lambda: np.sin(1.0), ()),
    "numpy scalar": (lambda x: x * 2, (np.float64(3.0),)),
    "float32 scalar": (lambda x: x * 2, (np.float32(3.0),)),
    "int16 scalar": (lambda x: x * 2, (np.int16(3),)),
    "bool scalar": (lambda x: ~x, (np.True_,)),
    "0-d array": (lambda x: x * 2, (np.array(3.0),)),
    "vector": (lambda x: x * 2, (np.arange(5.0),)),
    "sum": (lambda x: np.sum(x), (np.arange(5.0),)),
    "matrix": (lambda x: x @ x.T, (np.arange(6.0).reshape(2, 3),)),
    "five axes": (lambda x: x + 1, (np.ones((2, 1, 3, 1, 2)),)),
    "empty": (lambda x: x * 2, (np.zeros((0, 3)),)),
    "sum of empty": (lambda x: np.sum(x, axis=0), (np.zeros((0, 3)),)),
    "float32": (lambda x: x * 2, (np.arange(5, dtype=np.float32),)),
    "float16": (lambda x: x * 2, (np.arange(5, dtype=np.float16),)),
    "int8": (lambda x: x * 2, (np.arange(5, dtype=np.int8),)),
    "uint64": (lambda x: x * 2, (np.arange(5, dtype=np.uint64),)),
    "bool array": (lambda x: ~x, (np.array([True, False]),)),
    "complex array": (lambda x: x * 1j, (np.arange(3) * (1 + 1j),)),
    "mixed": (lambda x, n, a: (a * x, n + 1), (2.0, 3, np.ones(3))),
    "argument returned": (lambda x, y: (y, x, x), (np.ones(3), 2.0)),
    "constant returned": (lambda x: (x, np.arange(3.0), 1.5, 2), (1.0,)),
    "tuple argument": (lambda t: t[0] * t[1], ((2.0, np.ones(2)),)),
    "list argument": (lambda t: t[0] * t[1], ([2.0, np.ones(2)],)),
    "dict argument": (lambda d: d["a"] - d["b"], ({"a": 2.0, "b": np.ones(2)},)),
    "nested": (
        lambda p, x: {"y": [p["w"][0] * x, (p["w"][1], None)], "z": "name"},
        ({"w": [2.0, np.ones(2)], "none": None}, 3.0),
    ),
    "named tuple": (lambda p: Pair(p.right, (p.left,)), (Pair(1.0, np.ones(2)),)),
    "empty containers": (lambda a, b, c: ((), [], {}, a), ((), [], {})),
    "flags": (lambda x, flag, how: x if flag else -x, (2.0, True, "fast")),
    "none": (lambda x, y: None, (2.0, None)),
    "list of results": (lambda x: [x, [x, {1: x, (2, 3): x + 1}]], (2.0,)),
    "matrix product": (lambda a, b: a @ b, (np.ones((3, 4)), np.ones((4, 5)))),
    "long": (lambda x: np.sum(np.sin(x)), (np.arange(100_000.0),)),
    "long in a list": (lambda t: np.sin(t[0]), ([np.arange(100_000.0)],)),
}
