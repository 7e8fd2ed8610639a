"""Text to functions."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable
from typing import Any

import tapec.ops  # noqa: F401  fills PRIMITIVES
from tapec.ir import (
    ArrayType,
    Attrs,
    Function,
    Type,
    Value,
)
from tapec.primitive import NO_RESULT, PRIMITIVES, Primitive
from tapec.text.lexer import Tokens
from tapec.text.values import ValueParser

__all__ = ["parse", "parse_module"]

DIGITS = 18
"""Of the number of a value, at most."""


def parse(source: str, filename: str = "<text>") -> Function:
    """The last function of the text, which may name those before it in attributes."""
    return parse_module(source, filename)[-1]


def parse_module(source: str, filename: str = "<text>") -> tuple[Function, ...]:
    """All functions of the text, in order; at least one."""
    tokens = Tokens(source, filename)
    found: dict[str, Function] = {}
    tokens.newlines()
    while not found or tokens.kind != "end":
        fn = _FunctionParser(tokens, found).function()
        found[fn.name] = fn
        tokens.newlines()
    return tuple(found.values())


class _FunctionParser(ValueParser):
    """Reads one function: a loop over lines, no recursion over ops."""

    def __init__(self, tokens: Tokens, functions: dict[str, Function]) -> None:
        super().__init__(tokens, functions)
        self.values: dict[str, Value] = {}
        self.uids: set[int] = set()

    def function(self) -> Function:
        t = self.t
        t.mark("func")
        if t.text[1:] in self.functions:
            t.fail("a function name that is not taken")
        name = t.take("func", "a name such as `@f`")[1:]
        t.mark("(")
        params = [] if t.text == ")" else self.separated(self.param)
        t.mark(")")
        t.mark("{")
        self.line_end()
        ops = []
        while t.text != "return":
            ops.append(self.op())
            self.line_end()
        t.advance()
        results = self.separated(self.operand) if t.kind == "value" else []
        self.line_end()
        t.mark("}")
        if t.kind != "end":
            self.line_end()
        _number((*params, *ops), self.uids)
        return Function(name, params, ops, results)

    def line_end(self) -> None:
        if self.t.kind != "newline":
            self.t.fail("the end of the line")
        self.t.newlines()

    def param(self) -> Value:
        start, text = self.t.start, self.t.take("value", "a parameter such as `%x`")
        self.t.mark(":")
        return self.define(start, text, None, (), (), self.type())

    def op(self) -> Value:
        t = self.t
        start, text = t.start, ""
        type_: Type = NO_RESULT
        if t.kind == "value":
            text = t.advance()
            t.mark(":")
            type_ = self.type()
            t.mark("=")
        prim = self.primitive()
        args = tuple(self.separated(self.operand)) if t.kind == "value" else ()
        const = type_ if prim.name == "const" else None
        attrs = []
        while t.kind == "word":
            attrs.append(self.attr(const))
        return self.define(start, text, prim, args, tuple(attrs), type_)

    def define(
        self,
        start: int,
        text: str,
        prim: Primitive | None,
        args: tuple[Value, ...],
        attrs: Attrs,
        type_: Type,
    ) -> Value:
        """A new value; its uid is -1 when the text does not give one."""
        if text in self.values:
            self.t.fail("a name that is not taken", start)
        number, name = -1, text[1:]
        if name.isdecimal():
            if len(name) > DIGITS:
                self.t.fail("a number of fewer digits", start)
            number, name = int(name), ""
            if number in self.uids:
                self.t.fail("a number that is not taken", start)
            self.uids.add(number)
        value = Value(prim, args, attrs, type_, number, name)
        if text:
            self.values[text] = value
        return value

    def primitive(self) -> Primitive:
        t = self.t
        prim = PRIMITIVES.get(t.text) if t.kind == "word" else None
        if prim is None:
            t.fail("an operation", hint=_closest(t.text, PRIMITIVES))
        t.advance()
        return prim

    def operand(self) -> Value:
        value = self.values.get(self.t.text)
        if value is None:
            self.t.fail(
                "a value defined above", hint=_closest(self.t.text, self.values)
            )
        self.t.advance()
        return value

    def attr(self, const: Type | None) -> tuple[str, Any]:
        t = self.t
        key = t.advance()
        t.mark("=")
        if isinstance(const, ArrayType) and key == "value":
            return key, self.array(const)
        return key, self.value()


def _number(values: Iterable[Value], taken: set[int]) -> None:
    """Give uids to the values that have none: their place when it is free."""
    values = tuple(values)
    fresh = itertools.count(max(len(values), 1 + max(taken, default=0)))
    for place, value in enumerate(values):
        if value.uid < 0:
            value.uid = next(fresh) if place in taken else place


def _closest(text: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(text, list(names), 1)
    return f"; did you mean `{close[0]}`?" if close else ""
