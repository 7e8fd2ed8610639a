"""The cache directory is full, read-only, raced for, or its writer was killed.

Programs run as without it, and say nothing.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapec
from tapec import kept
from tapec.native import cache
from tests.faults.healthy import X

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAPEC_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def works() -> bool:
    cache._known.clear()
    f = tapec.grad(lambda x: np.sum(np.sin(x) * x))
    np.testing.assert_allclose(f(X), np.cos(X) * X + np.sin(X), rtol=1e-13)
    return True


# --- errors of the system ----------------------------------------------------------


def fails(code: int) -> Any:
    def failing(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    return failing


class Full:
    """A file on a full disk: half of it is written."""

    def __init__(self, handle: int, mode: str) -> None:
        self.handle = handle

    def __enter__(self) -> Full:
        return self

    def write(self, data: bytes) -> None:
        os.write(self.handle, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    def __exit__(self, *_: object) -> None:
        os.close(self.handle)


FAULTS = {
    "full": ("os.fdopen", Full),
    "full when renamed": ("os.replace", fails(errno.ENOSPC)),
    "no file can be made": ("tempfile.mkstemp", fails(errno.EROFS)),
    "no folder can be made": ("os.makedirs", fails(errno.EACCES)),
    "cannot be read": ("os.open", fails(errno.EIO)),
    "cannot be listed": ("os.scandir", fails(errno.EACCES)),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("fault", FAULTS)
def test_errors_of_the_system(
    fault: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what, how = FAULTS[fault]
    if what == "os.scandir":  # of the sources it must work
        monkeypatch.setattr(kept, "_files", how)
        monkeypatch.setattr(kept, "OFTEN", 1)
    else:
        monkeypatch.setattr(what, how)
    assert works() and works()
    kept.store("name", b"contents")
    assert kept.load("name") in (None, b"contents")
    monkeypatch.undo()
    left = [f.name for f in folder.iterdir()] if folder.exists() else []
    assert not [name for name in left if name.startswith(".")]


SCRIPT = """
import resource, signal, sys, numpy as np, tapec
if "limit" in sys.argv:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
f = tapec.grad(lambda x: np.sum(np.sin(x) * x))
print(f(0.0), f(0.0))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of processes")
@pytest.mark.parametrize("how", ["limit", "a file", "a dangling link"])
def test_whole_programs(how: str, tmp_path: Path) -> None:
    where = tmp_path / "kept"
    if how == "a dangling link":
        where.symlink_to(tmp_path / "nowhere" / "at all")
    elif how == "a file":
        where.write_text("in its place")
    around = {**os.environ, "PYTHONPATH": str(ROOT), "TAPEC_CACHE_DIR": str(where)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, how], env=around,
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("0.0 0.0\n", "")
    if how == "limit":
        assert list(where.iterdir()) == []


# --- processes ------------------------------------------------------------------------


def _killed_at(what: str, folder: str) -> None:
    """Die in the middle of a file, or before it gets its name."""
    os.environ["TAPEC_CACHE_DIR"] = folder

    def die(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    class Dying(Full):
        def write(self, data: bytes) -> None:
            os.write(self.handle, data[: len(data) // 2])
            die()

    if what == "write":
        os.fdopen = Dying  # type: ignore[assignment, misc]
    else:
        os.replace = die  # type: ignore[assignment]
    kept.store("name", bytes(10_000))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
@pytest.mark.parametrize("what", ["write", "replace"])
def test_a_killed_writer(
    what: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it leaves is never loaded, and removed by another process, later."""
    context = multiprocessing.get_context("spawn")
    writer = context.Process(target=_killed_at, args=(what, str(folder)))
    writer.start()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    (left,) = folder.iterdir()
    assert left.name.startswith(".")
    assert kept.load("name") is None
    monkeypatch.setattr(kept, "OFTEN", 1)
    kept.store("name", b"contents")
    assert left.exists()  # it might still be written
    os.utime(left, (1e9, 1e9))
    kept.store("other", b"contents")
    assert {f.name for f in folder.iterdir()} == {"name", "other"}
    assert kept.load("name") == b"contents"


SIZE, LIMIT, WRITERS = 1_000, 20_000, 2


def _write_many(folder: str, number: int) -> None:
    os.environ["TAPEC_CACHE_DIR"] = folder
    kept.OFTEN, kept.LIMIT = 1, LIMIT
    for k in range(80):
        kept.store(f"{number}-{k}", bytes(SIZE))
        found = kept.load(f"{number}-{k}")
        assert found in (None, bytes(SIZE))


def test_the_size_is_bounded_while_processes_write(folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    args = [(str(folder), n) for n in range(WRITERS)]
    writers = [context.Process(target=_write_many, args=a) for a in args]
    for writer in writers:
        writer.start()
    most = 0
    while any(writer.is_alive() for writer in writers):
        if folder.exists():
            most = max(
                most, sum(state.st_size for _, state in kept._files(str(folder)))
            )
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    # Each may add one file after another has looked, while this counts too.
    assert 0 < most <= LIMIT + 4 * WRITERS * (SIZE + kept.DIGEST)
    names = [f.name for f in folder.iterdir()]
    assert not [name for name in names if name.startswith(".")]
