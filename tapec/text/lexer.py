"""Tokens of the text, and errors that point at one."""

from __future__ import annotations

import re
from typing import NoReturn

from tapec.errors import ParseError

__all__ = ["TOKEN", "Tokens"]

_NAME = r"[^\W\d]\w*"
_REAL = r"(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|inf|nan)"

TOKEN = re.compile(
    rf"""
    (?P<blank>[ \t\r]+)
  | (?P<comment>;[^\n]*)
  | (?P<newline>\n)
  | (?P<value>%[\w.]+)
  | (?P<func>@[\w.]+)
  | (?P<type>(?:bool|[iufc]\d+)\[[^\]\n]*\])
  | (?P<complex>-?{_REAL}[+-]{_REAL}j\b)
  | (?P<dim>-?(?:\d+|{_NAME})(?:[*+-](?:\d+|{_NAME}))+)
  | (?P<number>-?{_REAL}(?![\w.]))
  | (?P<string>"(?:[^"\\\n]|\\.)*")
  | (?P<word>[^\W\d][\w.]*)
  | (?P<mark>\.\.\.|[()\[\]{{}}:=,])
  | (?P<unknown>.)
    """,
    re.VERBOSE,
)


class Tokens:
    """The tokens of a text, read one after the other; blanks and comments left out."""

    def __init__(self, source: str, filename: str) -> None:
        self.source = source
        self.filename = filename
        self._tokens = [
            (kind, m[0], m.start())
            for m in TOKEN.finditer(source)
            if (kind := m.lastgroup) not in ("blank", "comment")
        ]
        self._tokens.append(("end", "", len(source)))
        self._next = 0
        self.kind: str | None
        self.kind, self.text, self.start = self._tokens[0]

    def advance(self) -> str:
        """Move to the next token; the text of the one left behind."""
        text = self.text
        self._next += 1
        self.kind, self.text, self.start = self._tokens[self._next]
        return text

    def ahead(self) -> str:
        """The text of the token after this one."""
        return self._tokens[min(self._next + 1, len(self._tokens) - 1)][1]

    def take(self, kind: str, expected: str) -> str:
        """The text of a token of this kind."""
        if self.kind != kind:
            self.fail(expected)
        return self.advance()

    def mark(self, text: str) -> None:
        """Read this punctuation mark or keyword."""
        if self.text != text or self.kind not in ("mark", "word"):
            self.fail(f"`{text}`")
        self.advance()

    def skip(self, text: str) -> bool:
        """Read this punctuation mark if it stands here."""
        if self.text == text and self.kind == "mark":
            self.advance()
            return True
        return False

    def newlines(self) -> None:
        while self.kind == "newline":
            self.advance()

    def fail(self, expected: str, start: int | None = None, hint: str = "") -> NoReturn:
        """Say what was expected at the current token, or at the one at `start`."""
        start = self.start if start is None else start
        found = TOKEN.match(self.source, start)
        line_start = self.source.rfind("\n", 0, start) + 1
        line = self.source[line_start:].split("\n", 1)[0]
        number = self.source.count("\n", 0, start) + 1
        column = start - line_start
        width = len(found[0]) if found and found[0] != "\n" else 1
        caret = " " * column + "^" * min(width, max(len(line) - column, 1))
        raise ParseError(
            f"{self.filename}:{number}:{column + 1}: "
            f"expected {expected} but found {_shown(found)}{hint}\n"
            f"  {line.expandtabs(1)}\n  {caret}"
        )


def _shown(found: re.Match[str] | None) -> str:
    if found is None:
        return "the end of the text"
    if found[0] == "\n" or found.lastgroup == "comment":
        return "the end of the line"
    text = found[0]
    return f"`{text if len(text) <= 40 else text[:37] + '...'}`"
