"""Files kept between processes, in the user's cache directory.

A file is the digest of its name and contents, then the contents. Since some are run
as code, a file is loaded only if it is whole, has the name it was given, and nobody but
the user can have written it. Nothing here fails: what cannot be read is missing, what
cannot be written is not kept.
"""

from __future__ import annotations

import itertools
import os
import stat
import sys
import time
from collections.abc import Iterator

__all__ = ["folder", "load", "store"]

LIMIT = 512 << 20
"""Bytes that all files together may take."""

DIGEST = 32
OFTEN = 64
ABANDONED = 3600
"""Seconds after which an unfinished file is one of a process that was killed."""

_stored = itertools.count()


def folder() -> str | None:
    """`$TAPEC_CACHE_DIR`, or `tapec` where the platform keeps caches.

    None: nothing is kept; `TAPEC_CACHE_DIR=0` asks for that.
    """
    own = os.environ.get("TAPEC_CACHE_DIR")
    if own:
        return None if own == "0" else own
    home = os.path.expanduser("~")
    if home == "~":
        return None
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
        return os.path.join(base, "tapec", "Cache")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Caches", "tapec")
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    return os.path.join(base, "tapec")


def load(name: str) -> bytes | None:
    """The contents of a kept file, if it is whole and the user's own."""
    where = folder()
    if where is None:
        return None
    try:
        if not _is_mine(os.stat(where), 0o022):
            return None
        path = os.path.join(where, name)
        with open(path, "rb", opener=_open_itself) as file:
            state = os.fstat(file.fileno())
            if not (_is_mine(state, 0o077) and stat.S_ISREG(state.st_mode)):
                return None
            if state.st_size > LIMIT:
                return None
            data = file.read()
    except OSError:
        return None
    digest, contents = data[:DIGEST], data[DIGEST:]
    return contents if _digest(name, contents) == digest else None


def store(name: str, contents: bytes) -> None:
    """Keep a file: all of it or nothing, also when several processes do so at once."""
    import tempfile

    where = folder()
    if where is None:
        return
    try:
        os.makedirs(where, mode=0o700, exist_ok=True)
        if not _is_mine(os.stat(where), 0o022):
            return
        if next(_stored) % OFTEN == 0:
            _make_room(where, LIMIT)
        handle, unfinished = tempfile.mkstemp(dir=where, prefix=".")
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_digest(name, contents) + contents)
        os.replace(unfinished, os.path.join(where, name))
    except OSError:
        pass  # a full disk, say
    finally:
        _remove(unfinished)


def _open_itself(path: str, flags: int) -> int:
    """Not what a link of this name leads to, and without waiting at a pipe."""
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.open(path, flags)


def _is_mine(state: os.stat_result, others: int) -> bool:
    """The user's, and without the permissions `others`, where there are such things."""
    if not hasattr(os, "getuid"):
        return True
    return state.st_uid == os.getuid() and not state.st_mode & others


def _digest(name: str, contents: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(name.encode() + b"\n" + contents).digest()


def _make_room(where: str, limit: int) -> None:
    """Remove the oldest files above the limit, and what killed processes left."""
    now, total = time.time(), 0
    for path, state in sorted(_files(where), key=lambda row: -row[1].st_mtime):
        unfinished = os.path.basename(path).startswith(".")
        total += state.st_size
        if total > limit or (unfinished and now - state.st_mtime > ABANDONED):
            _remove(path)


def _files(where: str) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(where) as entries:
        for entry in entries:
            try:
                if entry.is_file(follow_symlinks=False):
                    yield entry.path, entry.stat(follow_symlinks=False)
            except OSError:
                continue  # another process has removed it


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError:
        return
