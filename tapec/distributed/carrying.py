"""Functions on their way to other processes, where each compiles once.

A function arrives anew with every task. What was sent is compared byte by byte, by its
digest, with what has come before, and the object that was made then, with its compiled
programs, is used again.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from typing import Any

from tapec import locks
from tapec.compiled import Compiled
from tapec.dynamic import Dynamic

__all__ = ["dumps", "once"]

KEPT = 32
"""Functions a process remembers."""


def dumps(what: Any) -> bytes:
    """`what` pickled; lambdas and closures by value where cloudpickle is installed."""
    pickler = _pickler()
    if pickler is None:
        try:
            return pickle.dumps(what)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            error.add_note("cloudpickle, once installed, carries lambdas and closures")
            raise
    file = io.BytesIO()
    pickler(file).dump(what)
    return file.getvalue()


_made: OrderedDict[str, Any] = OrderedDict()
_lock = locks.lock()


def once(make: Callable[..., Any], blob: bytes) -> Any:
    """`make` of what was pickled: one object per process for the same bytes."""
    digest = hashlib.sha256(blob).hexdigest()
    found = _made.get(digest) or make(*pickle.loads(blob))
    with _lock:
        found = _made.setdefault(digest, found)
        _made.move_to_end(digest)
        while len(_made) > KEPT:
            _made.popitem(last=False)
    return found


@cache
def _pickler() -> Any:
    """cloudpickle's, extended by compiled functions that no import leads to."""
    try:
        from cloudpickle import CloudPickler
    except ImportError:
        return None

    class Pickler(CloudPickler):  # type: ignore[misc]
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, Compiled) and not _has_name(obj):
                return _blank, (type(obj),), _parts(obj), None, None, _fill
            return super().reducer_override(obj)

    return Pickler


def _has_name(compiled: Compiled) -> bool:
    """Whether other processes find it by import, as they do what is in a module."""
    names = vars(compiled)
    module = str(names.get("__module__"))
    found: Any = None if module == "__main__" else sys.modules.get(module)
    for part in str(names.get("__qualname__")).split("."):
        found = getattr(found, part, None)
    return found is compiled


def _blank(kind: type[Compiled]) -> Compiled:
    return kind.__new__(kind)


def _parts(obj: Compiled) -> dict[str, Any]:
    """What to make it from."""
    parts = {
        "fun": obj.fun, "body": obj.body, "static_argnums": (),
        "static_argnames": sorted(obj._static_names), "passes": obj.passes,
    }  # fmt: skip
    return parts | ({"specs": obj._specs} if isinstance(obj, Dynamic) else {})


def _fill(blank: Compiled, parts: dict[str, Any]) -> None:
    specs = {"specs": parts.pop("specs")} if "specs" in parts else {}
    type(blank).__init__(blank, *parts.values(), **specs)
