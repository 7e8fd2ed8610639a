"""Containers as JSON, and back.

A leaf is "*" and None is null; other nodes are objects with one key, their kind.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import reduce
from typing import Any

from tapec.containers import Structure
from tapec.errors import UnsupportedError
from tapec.statics import static_key

__all__ = ["from_json", "to_json"]

PLAIN = (str, int, float, bool, type(None))


def to_json(s: Structure) -> Any:
    """UnsupportedError for what has no form outside of this process."""
    if s.kind == "leaf":
        return "*"
    if s.kind == "none":
        return None
    if s.kind == "static":
        return {"static": _plain(s.data.get())}
    parts = [to_json(child) for child in s.children]
    if s.kind == "dict":
        return {"dict": [[_plain(k), p] for k, p in zip(s.data, parts, strict=True)]}
    if s.kind in ("list", "tuple"):
        return {s.kind: parts}
    cls, names = s.data
    rows = [[name, part] for name, part in zip(names, parts, strict=True)]
    return {s.kind: [cls.__module__, cls.__qualname__, rows]}


def _plain(value: Any) -> Any:
    if type(value) not in PLAIN:
        raise UnsupportedError(
            f"{value!r} is a part of the arguments or results that stays in Python: "
            "export a function that has it inside, such as `lambda x: f(x, option)`"
        )
    return value


def from_json(form: Any) -> Structure:
    """ImportError where a class is not there."""
    if form is None:
        return Structure("none")
    if form == "*":
        return Structure("leaf")
    ((kind, rest),) = form.items()
    if kind == "static":
        return Structure("static", static_key(rest))
    if kind in ("list", "tuple"):
        return _node(kind, None, rest)
    if kind == "dict":
        return _node(kind, tuple(k for k, _ in rest), [part for _, part in rest])
    module, name, rows = rest
    names = tuple(n for n, _ in rows)
    return _node(kind, (_class(module, name), names), [part for _, part in rows])


def _node(kind: str, data: Any, parts: Sequence[Any]) -> Structure:
    return Structure(kind, data, tuple(map(from_json, parts)))


def _class(module: str, name: str) -> Any:
    try:
        return reduce(getattr, name.split("."), importlib.import_module(module))
    except (ImportError, AttributeError):
        raise ImportError(
            f"the exported function has a {name} among its arguments or results, and "
            f"{module} has no such class here"
        ) from None
