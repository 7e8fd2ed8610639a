"""Files kept between processes: whole and the user's own, or missing."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from tapec import kept

needs_owners = pytest.mark.skipif(
    not hasattr(os, "getuid"), reason="needs owners of files"
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TAPEC_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def test_what_is_stored_is_loaded(folder):
    assert kept.load("name") is None
    kept.store("name", b"contents")
    assert kept.load("name") == b"contents"
    kept.store("name", b"")
    assert kept.load("name") == b""
    assert [f.name for f in folder.iterdir()] == ["name"]


@needs_owners
def test_only_the_user_can_read_it(folder):
    kept.store("name", b"contents")
    assert (folder / "name").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", ["shorter", "longer", "changed", "empty"])
def test_damaged_files_are_missing(folder, damage):
    kept.store("name", b"contents")
    data = (folder / "name").read_bytes()
    (folder / "name").write_bytes(
        {
            "shorter": data[:-1],
            "longer": data + b"\0",
            "changed": data[:-1] + b"S",
            "empty": b"",
        }[damage]
    )
    assert kept.load("name") is None
    kept.store("name", b"contents")
    assert kept.load("name") == b"contents"


@needs_owners
def test_what_others_may_have_written_is_missing(folder):
    kept.store("name", b"contents")
    (folder / "name").chmod(0o644)
    assert kept.load("name") is None
    (folder / "name").chmod(0o600)
    folder.chmod(0o777)
    assert kept.load("name") is None
    kept.store("other", b"contents")
    folder.chmod(0o700)
    assert kept.load("name") == b"contents"
    assert kept.load("other") is None


@needs_owners
def test_files_of_others_are_missing(folder, monkeypatch):
    kept.store("name", b"contents")
    monkeypatch.setattr(os, "getuid", lambda: -1)
    assert kept.load("name") is None


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="needs links")
def test_links_are_not_followed(folder):
    kept.store("name", b"contents")
    (folder / "link").symlink_to(folder / "name")
    assert kept.load("link") is None


def test_nothing_is_kept_when_that_is_asked(monkeypatch, tmp_path):
    monkeypatch.setenv("TAPEC_CACHE_DIR", "0")
    monkeypatch.chdir(tmp_path)
    kept.store("name", b"contents")
    assert kept.folder() is None and kept.load("name") is None
    assert list(tmp_path.iterdir()) == []


def test_the_platform_decides_where(monkeypatch):
    monkeypatch.delenv("TAPEC_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    monkeypatch.setattr("sys.platform", "linux")
    assert kept.folder() == os.path.join("/somewhere", "tapec")


def test_a_folder_that_cannot_be_made_is_harmless(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TAPEC_CACHE_DIR", str(tmp_path / "file" / "below"))
    kept.store("name", b"contents")
    assert kept.load("name") is None


def test_a_full_disk_is_harmless(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    kept.store("name", b"contents")
    assert kept.load("name") is None
    assert list(folder.iterdir()) == []


def test_the_oldest_make_room(folder):
    for age, name in enumerate(["new", "older", "oldest"]):
        kept.store(name, bytes(100))
        os.utime(folder / name, (1e9 - age, 1e9 - age))
    (folder / ".unfinished").write_bytes(b"")
    (folder / ".abandoned").write_bytes(b"")
    os.utime(folder / ".abandoned", (1e9, 1e9))
    kept._make_room(str(folder), 300)
    found = {f.name for f in folder.iterdir()}
    assert found == {"new", "older", ".unfinished"}


def _write(folder: str, letter: bytes) -> None:
    os.environ["TAPEC_CACHE_DIR"] = folder
    for _ in range(100):
        kept.store("name", letter * 50_000)


def test_processes_that_write_at_once(folder):
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=_write, args=(str(folder), letter))
        for letter in (b"a", b"b")
    ]
    for writer in writers:
        writer.start()
    found = set()
    while any(writer.is_alive() for writer in writers):
        found.add(kept.load("name"))
    for writer in writers:
        writer.join()
    assert found - {None} <= {b"a" * 50_000, b"b" * 50_000}
    assert kept.load("name") in found | {b"a" * 50_000, b"b" * 50_000}
    assert [f.name for f in Path(folder).iterdir()] == ["name"]
