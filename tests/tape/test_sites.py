"""A trace knows each op's place, however the user's functions call each other."""

import weakref

import numpy as np
import pytest

import tapec
from tapec.recording import sites


def square(x):
    return x * x


def nested(x):
    def twice(x):
        y = square(x) + 1.0
        return square(y) - np.mean(y)

    for _ in range(3):
        x = twice(x) * 0.5
    return twice(x)


def resumed(x):
    def rows():
        for i in range(3):
            yield square(x[i]) * 2.0

    source = rows()
    first = next(source)
    return first + sum(source) + np.stack([square(r) for r in rows()])


def recursive(x, n=4):
    if n == 0:
        return np.sin(x)
    y = recursive(x * 1.5, n - 1)
    return y + recursive(x - 0.5, n // 2 - 1 if n > 1 else 0)


def by_the_library(x):
    rows = tapec.vmap(square)(x)
    total = tapec.jit(nested)(x) + sum(map(square, x))
    for i in range(2):
        total = total + np.apply_along_axis(square, 0, rows)[i]
    return total


def named(x):
    for name in ("a", "b", "a"):
        with tapec.scope(name):
            x = square(x) * 2.0
        x = square(x)
    return x


def failing(x):
    for n in (0, 0, 1):
        try:
            x = square(x) + (np.ones(9) * x if n else 1.0)
        except tapec.TapecError:
            x = square(x)
    return x


PROGRAMS = [nested, resumed, recursive, by_the_library, named, failing]


def places(f):
    traced = tapec.grad(lambda x: np.sum(f(x))).traced(np.linspace(0.1, 0.9, 3))
    return [(op.prim.name, op.meta.scope, frames_of(op)) for op in traced.ops]


def frames_of(op):
    lines = op.meta.loc.lines if op.meta.loc else ()
    return [(code.co_qualname, line) for code, line in lines]


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_places_are_those_of_the_frames(f, monkeypatch):
    def walked(self, scope, near):
        return sites.Meta(None, scope, sites.user_frames(self._stop, near + 1))

    remembered = sites.Sites.meta
    found, expected = (
        (monkeypatch.setattr(sites.Sites, "meta", meta), places(f))[1]
        for meta in (remembered, walked)
    )
    assert found == expected
    assert any(len(frames) > 1 for _, _, frames in found)


def test_frames_live_no_longer_than_the_trace():
    class Local:
        pass

    kept = []

    def f(x):
        def inner(x):
            local = Local()
            kept.append(weakref.ref(local))
            return x * 2.0

        return inner(inner(x))

    assert tapec.jit(f)(3.0) == 12.0
    assert [ref() for ref in kept] == [None, None]
    with pytest.raises(ZeroDivisionError):
        tapec.jit(lambda x: f(x) / 0 if kept.clear() else 1 / 0)(3.0)
    assert [ref() for ref in kept] == []
