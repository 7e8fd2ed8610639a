"""How many shards are done, told while it happens."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

__all__ = ["Report", "counted", "reporter"]

T = TypeVar("T")

Report = Callable[[int, int], object]
"""Called with the number of shards done, and of all."""

LINES = 10
"""How often a file or pipe is written to; a terminal shows each shard."""


def reporter(progress: bool | Report, name: str) -> Report | None:
    """What to call after each shard, if anything."""
    if progress is False:
        return None
    if progress is True:
        return Line(name)
    if not callable(progress):
        raise TypeError(f"progress is True, False or a function, not {progress!r}")
    return progress


class Line:
    """Progress on the standard error: one line that changes, or a few lines."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, done: int, total: int) -> None:
        text = f"{self.name}: {done}/{total} shards"
        if sys.stderr.isatty():
            end = "\n" if done == total else ""
            print(f"\r{text}", end=end, file=sys.stderr, flush=True)  # noqa: T201
        elif done * LINES // total > (done - 1) * LINES // total:
            print(text, file=sys.stderr, flush=True)  # noqa: T201


def counted(items: Iterable[T], total: int, report: Report | None) -> Iterator[T]:
    """The items, each reported when the next is asked for or they end."""
    if report is None:
        yield from items
        return
    for done, item in enumerate(items, 1):
        report(done, total)
        yield item
