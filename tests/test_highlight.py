"""The lexer colours every IR that there is, and loses no character."""

from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
from pygments.token import Comment, Error, Keyword, Name, Number

import tapec
from tapec.highlight import TirLexer
from tapec.text import format_module

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.tir"))


def tokens(text):
    found = list(TirLexer(stripnl=False, ensurenl=False).get_tokens(text))
    assert "".join(value for _, value in found) == text
    return found


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_files(path):
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    found = tokens("".join(line for line in lines if line[:4] not in ("====", "----")))
    assert not [value for kind, value in found if kind in Error]


def test_kinds():
    kinds = dict((v, k) for k, v in tokens("%7: f64[3,n] = sum %x axis=(0,) ; why\n"))
    assert kinds["%7"] is Name.Variable
    assert kinds["f64"] is Keyword.Type
    assert kinds["sum"] is Name.Builtin
    assert kinds["axis"] is Name.Attribute
    assert kinds["0"] is Number.Integer
    assert kinds["; why"] is Comment.Single


@pytest.mark.parametrize("number", ["1.5", "-1e-05", "nan", "-inf", "1.0-2.5j", "2.0j"])
def test_numbers(number):
    found = [v for k, v in tokens(f"x={number}") if k in Number]
    assert found == [number]


def test_a_program_with_everything():
    def f(x):
        y = tapec.scan(lambda c, a: (c + a, np.sin(a)), 0.0, x)[1]
        return tapec.cond(np.sum(y) > 0, np.cos, np.exp, y) + np.array([1j, np.nan, 2])

    text = format_module(tapec.inspect(f, np.ones(3)).recorded)
    assert not [value for kind, value in tokens(text) if kind in Error]


def test_pygments_finds_it():
    found = [e for e in entry_points(group="pygments.lexers") if e.name == "tir"]
    if not found:
        pytest.skip("tapec is not installed, or before this entry point was")
    assert found[0].load() is TirLexer
