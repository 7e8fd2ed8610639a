"""What is noted of numbers that leave a recording, and of what has to hold in it."""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

from tapec.ir import Location, Value

__all__ = ["Inside", "Look"]


class Look(NamedTuple):
    """Where numbers left a recording: of which object, how, at which line."""

    source: weakref.ref[Any]
    value: Value | None
    how: str
    loc: Location | None


class Inside(NamedTuple):
    """What must hold whenever a body runs: a boolean scalar, and else what is said."""

    holds: Any
    text: str
    loc: Location | None
