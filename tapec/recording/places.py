"""Where in the user's code an op is made."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from tapec.ir import Location, Meta

__all__ = [
    "called_from_tapec",
    "is_library",
    "locate",
    "user_frames",
    "warn",
]

_LIBRARY = ("tapec", "numpy", "scipy")
_is_library: dict[int, bool] = {}


def _library_globals(namespace: dict[str, Any]) -> bool:
    """Whether frames with these globals are ours or NumPy's; memoised per module."""
    root = str(namespace.get("__name__", "")).partition(".")
    inside = root[0] in _LIBRARY and not namespace.get("__tapec_user__", False)
    if namespace.get("__name__") in sys.modules:
        _is_library[id(namespace)] = inside
    return inside


def is_library(namespace: dict[str, Any]) -> bool:
    """Whether frames with these globals are ours or NumPy's."""
    found = _is_library.get(id(namespace))
    return _library_globals(namespace) if found is None else found


MOST_FRAMES = 32


def user_frames(stop: Any, near: int = 3) -> tuple[Any, ...] | None:
    """Code and instruction of the user's frames, innermost first, up to `stop`'s.

    near: how many frames are the library's for sure: `append` and its callers.
    """
    frame: Any = sys._getframe(near)
    frames: tuple[Any, ...] = ()
    while frame is not None:
        namespace = frame.f_globals
        inside = _is_library.get(id(namespace))
        if inside is None:
            inside = _library_globals(namespace)
        if not inside:
            code = frame.f_code
            frames += (code, frame.f_lasti)
            if code is stop or stop is None or len(frames) == MOST_FRAMES:
                break
        frame = frame.f_back
    return frames or None


def locate(stop: Any) -> Location | None:
    """Where the user's code is now, for an error or a warning."""
    return Meta(loc=user_frames(stop)).loc


def warn(text: str) -> None:
    """A warning that points at the user's line, whatever calls led here."""
    frame: Any = sys._getframe(1)
    level = 2
    while frame.f_back is not None and _library_globals(frame.f_globals):
        frame = frame.f_back
        level += 1
    warnings.warn(text, stacklevel=level)


def called_from_tapec() -> bool:
    """Whether the tape that just died did so inside one of our operations."""
    frame: Any = sys._getframe(1)
    for _ in range(3):  # nearer are `release` and two functions of the tape
        frame = frame and frame.f_back
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith("tapec."):
            return True
        frame = frame.f_back
    return False
