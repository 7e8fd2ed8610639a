"""Colours for IR as text, wherever Pygments is: `pygmentize file.tir`, Sphinx, IPython.

Pygments finds the lexer through its entry point, under the name `tir`.
"""

from __future__ import annotations

from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups, words
from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Text,
)

__all__ = ["TirLexer"]

DTYPES = ["bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"]
DTYPES += ["f16", "f32", "f64", "c64", "c128"]
NUMBER = r"-?(?:\d+\.\d*(?:e[+-]?\d+)?|\d+e[+-]?\d+|inf\b|nan\b)"
SIGNED = NUMBER.removeprefix("-?")


class TirLexer(RegexLexer):  # type: ignore[misc]
    """The text of the IR; `docs/ir.md` has the grammar."""

    name = "tapec IR"
    aliases: ClassVar[list[str]] = ["tir"]
    filenames: ClassVar[list[str]] = ["*.tir"]
    url = ""

    tokens: ClassVar[dict[str, list[object]]] = {
        "root": [
            (r"\s+", Text),
            (r";.*", Comment.Single),
            (words(("func", "return"), suffix=r"\b"), Keyword),
            (words(("True", "False", "None"), suffix=r"\b"), Keyword.Constant),
            (words(DTYPES, prefix=r"\b", suffix=r"(?=\[|\b)"), Keyword.Type),
            (r"%[\w.]+", Name.Variable),
            (r"@[\w.]+", Name.Function),
            (r'bytes"[^"\n]*"', String.Other),
            (r'"(?:\\.|[^"\\\n])*"', String.Double),
            (rf"{NUMBER}[+-]{SIGNED}j|{NUMBER}j", Number),
            (NUMBER, Number.Float),
            (r"-?\d+", Number.Integer),
            (r"([A-Za-z_]\w*)(=)(?!\s)", bygroups(Name.Attribute, Operator)),
            (r"(=)(\s+)([A-Za-z_]\w*)", bygroups(Operator, Text, Name.Builtin)),
            (r"^(\s*)([A-Za-z_]\w*)", bygroups(Text, Name.Builtin)),
            (r"[A-Za-z_]\w*", Name),
            (r"->|\.\.\.|[=*+\-]", Operator),
            (r"[(){}\[\],:|]", Punctuation),
        ]
    }
