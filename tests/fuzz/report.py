"""Failures as files: the program, its arguments, the check; and back."""

from __future__ import annotations

import os
import re

from tapec.errors import ParseError
from tapec.ir import ArrayType
from tapec.text import format_module, parse
from tapec.text.lexer import Tokens
from tapec.text.literal import array_text
from tapec.text.values import ValueParser
from tests.fuzz.grow import Case

__all__ = ["read", "text_of", "write"]

HEAD = re.compile(r"^; (check|seed|argument): (.*)$", re.MULTILINE)


def text_of(case: Case, check: str, reason: str) -> str:
    """IR with the arguments in comments before it."""
    lines = [f"; {line}" for line in reason.splitlines()[:12]]
    lines += [f"; check: {check}", f"; seed: {case.seed}"]
    for a in case.arrays:
        lines.append(
            f"; argument: array({ArrayType(a.dtype, a.shape)!r}, {array_text(a)})"
        )
    return "\n".join([*lines, format_module(case.fn), ""])


def write(folder: str, case: Case, check: str, reason: str) -> str:
    """Keep a failure in a file; its path."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{check}-{case.seed}.tir")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text_of(case, check, reason))
    return path


def read(path: str) -> tuple[Case, str]:
    """The case of such a file and the name of its check; or a ParseError."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    found = HEAD.findall(text)
    arrays = [
        ValueParser(Tokens(value, path), {}).typed_array().array.copy()
        for key, value in found
        if key == "argument"
    ]
    table = dict(found)
    if "check" not in table:
        raise ParseError(f"{path}:1:1: no line `; check: NAME`")
    return Case(parse(text, path), arrays, int(table.get("seed", 0))), table["check"]
