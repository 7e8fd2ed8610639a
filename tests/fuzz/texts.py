"""Damaged IR texts: a `ParseError` with its place, an `IRError`, or a function."""

from __future__ import annotations

import random
import re
import time
from functools import cache
from pathlib import Path

from tapec.errors import IRError, ParseError
from tapec.text import format_module, parse
from tapec.text.lexer import TOKEN
from tapec.verify import verify
from tests.fuzz.grow import grow

__all__ = ["check_text", "mutated", "originals"]

PLACE = re.compile(r"^<text>:\d+:\d+: expected ")
SECONDS = 5.0
PIECES = (
    "0", "1", "-1", "2", "7", "99999999999999999999", "-0.0", "1e400", "nan", "-nan",
    "inf", "1j", "nan-infj", "1e", "f64[]", "f64[0]", "f64[-1]", "f64[n]", "f64[2*n]",
    "f64[4611686018427387904,4]", "c128[2]", "f16[3]", "i128[2]", "bool[1]", "u8[2,,3]",
    "(f64[], f64[])", "()", "%0", "%x", "%9999", "@f", "@body", "@loss.vjp", "func",
    "return", "const", "add", "sum", "item", "scan", "switch", "fused", "where", "cast",
    "reshape", "gather", "matmul", "axis=(0,)", "axis=(7,)", "axis=0", "axis=None",
    "shape=(2, 3)", "shape=(-1,)", "value=1", "value=[1, 2]", "value=[[1], [2, 3]]",
    'value=bytes"AAAA"', 'bytes"!"', '"\\ud800"', '"\\x"', '"', "\\", "'", "dtype=f64",
    "dtype=bool", "index=3", "body=@f", "array(f64[2], [1.0, 2.0])", "array(", ":",
    "::", "1:2:3", "...", "{", "}", "[", "]", "(", ")", "=", ",", ";", "\n", "\r\n",
    "\t", "\x00", "\u2028", "٣", "ß", "\U0001f600", "True", "None", "-", "*", "n",
    "n+1",
)  # fmt: skip


@cache
def originals():
    """The functions of the golden files, and some that were grown."""
    golden = Path(__file__).parents[1] / "golden"
    texts = []
    for path in sorted(golden.glob("*.tir")):
        for part in re.split(r"^(?:====.*|---->)$", path.read_text(), flags=re.M):
            if "func @" in part:
                texts.append(part)
    return texts + [format_module(grow(seed).fn) for seed in range(40)]


def mutated(seed):
    """The damaged text of a seed."""
    r = random.Random(seed)
    text = r.choice(originals())
    for _ in range(r.choice((1, 1, 1, 1, 2, 8))):
        text = r.choice(DAMAGES)(r, text)
    return text


def _tokens(text):
    return [m[0] for m in TOKEN.finditer(text)] or [""]


def _token_replaced(r, text):
    tokens = _tokens(text)
    tokens[r.randrange(len(tokens))] = r.choice(PIECES)
    return "".join(tokens)


def _token_inserted(r, text):
    tokens = _tokens(text)
    tokens.insert(r.randrange(len(tokens)), f" {r.choice(PIECES)} ")
    return "".join(tokens)


def _token_moved(r, text):
    tokens = _tokens(text)
    i, j = r.randrange(len(tokens)), r.randrange(len(tokens))
    tokens[i], tokens[j] = tokens[j], tokens[i]
    return "".join(tokens)


def _character(r, text):
    i = r.randrange(len(text) + 1)
    new = r.choice(
        ["", chr(r.randrange(32, 127)), chr(r.randrange(0x110000)), text[:9]]
    )
    return text[:i] + new + text[i + r.randrange(2) :]


def _lines(r, text):
    lines = text.split("\n")
    i, j = r.randrange(len(lines)), r.randrange(len(lines))
    how = r.randrange(3)
    if how == 0:
        del lines[i]
    elif how == 1:
        lines.insert(i, lines[j])
    else:
        lines[i], lines[j] = lines[j], lines[i]
    return "\n".join(lines)


def _cut(r, text):
    i = r.randrange(len(text) + 1)
    return r.choice([text[:i], text[i:]])


def _number(r, text):
    found = list(re.finditer(r"\d+", text))
    if not found:
        return text
    m = r.choice(found)
    new = r.choice(
        ["0", "1", "2", "3", "-1", "5", "17", "30000000000", "9" * 25, "1" * 5000]
    )
    return text[: m.start()] + new + text[m.end() :]


DAMAGES = (
    _token_replaced, _token_inserted, _token_moved, _character, _lines, _number,
    _number, _number, _number, _cut,
)  # fmt: skip


def check_text(text):
    """ "parsed", "no text" or "no function"; AssertionError for anything else."""
    start = time.process_time()
    try:
        fn = parse(text)
    except ParseError as error:
        assert PLACE.match(str(error)), error
        return "no text"
    finally:
        took = time.process_time() - start
        assert took < SECONDS, f"{took:.1f} s"
    try:
        verify(fn)
    except IRError:
        return "no function"
    again = format_module(fn)
    assert format_module(parse(again)) == again
    return "parsed"
