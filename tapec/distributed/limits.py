"""Threads of a shard's program: parallel are the shards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tapec import locks
from tapec.settings import config

__all__ = ["limited"]

_lock = locks.lock()
_inside = 0
_before = 1


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """`tapec.config.threads` set; as before when the last thread here leaves."""
    global _inside, _before
    with _lock:
        if not _inside:
            _before = config.threads
            config.threads = threads
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                config.threads = _before
