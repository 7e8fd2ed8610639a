"""SciPy's functions that cannot see tensors, and where tapec has the same ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import FrameType, FunctionType

__all__ = ["counterpart"]


def counterpart() -> str | None:
    """What works in the place of the SciPy function that is asking for numbers.

    "tapec.scipy.stats.norm.logpdf", say; None if no function of SciPy is, or none of
    tapec's has its name.
    """
    frame: FrameType | None = sys._getframe(1)
    asking: list[FrameType] = []
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("scipy."):
            asking.append(frame)
        elif asking:
            break
        frame = frame.f_back
    spelled = (_spelled(*name) for f in reversed(asking) for name in _names(f))
    return next((text for text in spelled if text), None)


def _names(frame: FrameType) -> Iterator[tuple[str, list[str]]]:
    """The module and the path of what runs in the frame, or is wrapped by it."""
    owner = getattr(frame.f_locals.get("self"), "name", None)
    path = [*([owner] if isinstance(owner, str) else []), frame.f_code.co_name]
    yield frame.f_globals["__name__"], path
    for local in list(frame.f_locals.values()):
        if isinstance(local, FunctionType) and local.__module__.startswith("scipy."):
            yield local.__module__, [local.__name__]


def _spelled(module: str, path: list[str]) -> str | None:
    """tapec's function of this name, if there is one."""
    space = "tapec." + ".".join(module.split(".")[:2])
    if find_spec(space) is None:
        return None
    thing: object = import_module(space)
    for name in path:
        thing = getattr(thing, name, None)
    return None if thing is None else ".".join([space, *path])
