"""A damaged cache directory: what is loaded is what was stored, or nothing."""

from __future__ import annotations

import os
import random

from tapec import kept

__all__ = ["DAMAGES", "check_disk"]


def _shorter(r, path, others):
    data = path.read_bytes()
    path.write_bytes(data[: r.randrange(max(len(data), 1))])


def _longer(r, path, others):
    path.write_bytes(path.read_bytes() + r.randbytes(r.randint(1, 40)))


def _bits(r, path, others):
    data = bytearray(path.read_bytes() or b" ")
    for _ in range(r.randint(1, 5)):
        data[r.randrange(len(data))] ^= 1 << r.randrange(8)
    path.write_bytes(bytes(data))


def _swapped(r, path, others):
    other = r.choice(others)
    mine, its = path.read_bytes(), other.read_bytes()
    path.write_bytes(its)
    other.write_bytes(mine)


def _copied(r, path, others):
    path.write_bytes(r.choice(others).read_bytes())


def _rubbish(r, path, others):
    path.write_bytes(r.randbytes(r.randrange(200)))


def _zeros(r, path, others):
    path.write_bytes(bytes(path.stat().st_size))


def _open_to_others(r, path, others):
    path.chmod(r.choice((0o640, 0o604, 0o660, 0o666, 0o777)))


def _link(r, path, others):
    path.unlink()
    path.symlink_to(r.choice(others))


def _pipe(r, path, others):
    path.unlink()
    os.mkfifo(path, 0o600)


def _folder(r, path, others):
    path.unlink()
    path.mkdir(mode=0o700)


def _sparse(r, path, others):
    with path.open("r+b") as file:
        file.truncate(1 << 40)


def _gone(r, path, others):
    path.unlink()


def _unreadable(r, path, others):
    path.chmod(0)


DAMAGES = (
    _shorter, _longer, _bits, _swapped, _copied, _rubbish, _zeros, _open_to_others,
    _link, _pipe, _folder, _sparse, _gone, _unreadable,
)  # fmt: skip


def check_disk(seed, folder):
    """Store a few files, damage some, load all; store again over the damage."""
    r = random.Random(seed)
    folder.mkdir(mode=0o700, exist_ok=True)
    truth = {f"code-{seed}-{k}": r.randbytes(r.randrange(300)) for k in range(4)}
    for name, contents in truth.items():
        kept.store(name, contents)
    for _ in range(r.randint(1, 4)):
        paths = [p for name in truth if (p := folder / name).is_file()]
        paths = [p for p in paths if not p.is_symlink() and p.stat().st_size < 1 << 20]
        if len(paths) > 1:
            chosen = r.choice(paths)
            others = [p for p in paths if p != chosen]
            damage = r.choice(DAMAGES)
            damage(r, chosen, others)
    for name, contents in truth.items():
        found = kept.load(name)
        assert found in (None, contents), f"{name} is not what was stored"
    for name, contents in truth.items():
        kept.store(name, contents)
        path = folder / name
        if path.is_file() and not path.is_symlink():
            assert kept.load(name) in (None, contents)
    return truth
