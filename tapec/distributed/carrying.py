"""Functions on their way to other processes, where each compiles once.

A function arrives anew with every task. What was sent is compared byte by byte, by its
digest, with what has come before, and the object that was made then, with its compiled
programs, is used again.
"""

from __future__ import annotations

import hashlib
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from tapec import locks

__all__ = ["dumps", "once"]

KEPT = 32
"""Functions a process remembers."""


def dumps(what: Any) -> bytes:
    """`what` pickled; lambdas and closures by value where cloudpickle is installed."""
    try:
        from cloudpickle import dumps as by_value
    except ImportError:
        try:
            return pickle.dumps(what)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            error.add_note("cloudpickle, once installed, carries lambdas and closures")
            raise
    return by_value(what)  # type: ignore[no-any-return]


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
