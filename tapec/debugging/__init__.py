"""Looking into programs as they run: printing, NaN, a debugger, native against IR.

What is imported with tapec is small; the rest is loaded when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tapec.debugging.printing import assert_, print_

if TYPE_CHECKING:
    from tapec.debugging.debugger import debug
    from tapec.debugging.diffs import diff
    from tapec.debugging.in_pdb import set_trace
    from tapec.debugging.nans import check_nan

__all__ = ["assert_", "check_nan", "debug", "diff", "print_", "set_trace"]

_LATER = {
    "check_nan": "tapec.debugging.nans",
    "debug": "tapec.debugging.debugger",
    "diff": "tapec.debugging.diffs",
    "set_trace": "tapec.debugging.in_pdb",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
