"""Examples in docstrings run, and everything public has one."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import tapec

MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(tapec.__path__, "tapec.")
    if not found.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    assert not doctest.testmod(importlib.import_module(name)).failed


def public() -> list[str]:
    objects = {name: getattr(tapec, name) for name in tapec.__all__}
    return [
        name
        for name, what in objects.items()
        if not inspect.ismodule(what)
        and not (isinstance(what, type) and issubclass(what, Exception))
    ]


@pytest.mark.parametrize("name", public())
def test_everything_public_shows_how_it_is_used(name: str) -> None:
    assert ">>> " in (inspect.getdoc(getattr(tapec, name)) or "")
