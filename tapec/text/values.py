"""Types and attribute values: text to objects, by recursive descent."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from tapec.ir import DTYPES, ArrayType, Constant, Dim, Function, TupleType, Type
from tapec.text.lexer import Tokens
from tapec.text.literal import array_from

__all__ = ["ValueParser"]

_WORDS = {"True": True, "False": False, "None": None}
_TYPES: dict[str, ArrayType] = {}


class ValueParser:
    """Reads from tokens; `functions` are those that an attribute may name."""

    def __init__(self, tokens: Tokens, functions: dict[str, Function]) -> None:
        self.t = tokens
        self.functions = functions

    def separated(self, item: Callable[[], Any]) -> list[Any]:
        items = [item()]
        while self.t.skip(","):
            items.append(item())
        return items

    # --- types ---

    def type(self) -> Type:
        t = self.t
        if not t.skip("("):
            return self.array_type()
        items = [] if t.text == ")" else self.separated(self.array_type)
        t.mark(")")
        return TupleType(tuple(items))

    def array_type(self) -> ArrayType:
        found = _TYPES.get(self.t.text)
        if found is None:
            found = _TYPES[self.t.text] = self.new_type()
        self.t.advance()
        return found

    def new_type(self) -> ArrayType:
        dtype, _, extents = self.t.text.partition("[")
        dims = extents.rstrip("]").split(",") if extents != "]" else []
        dims = [d.strip() for d in dims]
        try:
            shape = tuple(int(d) if d.isdecimal() else Dim(d) for d in dims)
        except ValueError:
            shape = None
        if self.t.kind != "type" or dtype not in DTYPES or shape is None:
            self.t.fail("a type such as `f64[3]`")
        return ArrayType(DTYPES[dtype], shape)

    # --- attribute values ---

    def value(self) -> Any:
        t = self.t
        if t.text == ":" or (t.kind == "number" and t.ahead() == ":"):
            return self.slice()
        if t.kind in ("number", "complex"):
            return self.number()
        if t.kind == "dim":
            return self.extent()
        if t.kind == "string":
            return self.string()
        if t.kind == "type":
            return self.array_type()
        if t.kind == "func":
            return self.body()
        if t.kind == "word":
            return self.word()
        if t.text == "(":
            return self.tuple()
        if t.skip("..."):
            return ...
        return t.fail("a value")

    def extent(self) -> Dim:
        try:
            found = Dim(self.t.text)
        except ValueError:
            self.t.fail("an extent such as `2*n-1`")
        self.t.advance()
        return found

    def slice(self) -> slice:
        parts: list[int | None] = [self.bound()]
        while len(parts) < 3 and self.t.skip(":"):
            parts.append(self.bound())
        return slice(*parts)

    def bound(self) -> int | None:
        if self.t.kind != "number":
            return None
        start, number = self.t.start, self.number()
        if not isinstance(number, int):
            self.t.fail("an integer", start)
        return number

    def number(self) -> int | float | complex:
        try:
            found = _number_of(self.t.text)
        except ValueError:  # Python reads no integer of thousands of digits
            self.t.fail("a number of fewer digits")
        self.t.advance()
        return found

    def string(self) -> str:
        try:
            text = json.loads(self.t.text, strict=False)
        except ValueError:
            self.t.fail("a string with JSON's escapes")
        self.t.advance()
        return str(text)

    def body(self) -> Function:
        fn = self.functions.get(self.t.text[1:])
        if fn is None:
            self.t.fail("a function defined above")
        self.t.advance()
        return fn

    def word(self) -> Any:
        text = self.t.text
        if text == "array" and self.t.ahead() == "(":
            return self.typed_array()
        if text == "bytes" and self.t.ahead()[:1] == '"':
            return self.bytes()
        self.t.advance()
        if text in _WORDS:
            return _WORDS[text]
        return DTYPES[text] if text in DTYPES else Dim(text)

    def tuple(self) -> tuple[Any, ...]:
        t = self.t
        t.mark("(")
        items = []
        while t.text != ")":
            items.append(self.value())
            if not t.skip(","):
                break
        t.mark(")")
        return tuple(items)

    # --- arrays ---

    def typed_array(self) -> Constant:
        t = self.t
        t.advance()
        t.mark("(")
        type_ = self.array_type()
        t.mark(",")
        found = self.array(type_)
        t.mark(")")
        return found

    def array(self, type_: ArrayType) -> Constant:
        start = self.t.start
        literal = self.elements()
        try:
            return array_from(literal, type_)
        except (TypeError, ValueError, OverflowError, MemoryError) as error:
            self.t.fail(f"an array of type {type_!r}", start, hint=f" ({error})")

    def elements(self) -> Any:
        t = self.t
        if t.skip("["):
            items = [] if t.text == "]" else self.separated(self.elements)
            t.mark("]")
            return items
        if t.kind in ("number", "complex"):
            return self.number()
        if t.kind == "word" and t.text in ("True", "False"):
            return t.advance() == "True"
        if t.text == "bytes":
            return self.bytes()
        return t.fail("an array (`...` stands for one left out)")

    def bytes(self) -> bytes:
        self.t.advance()
        start, text = self.t.start, self.t.take("string", "a string of base64")
        try:
            return base64.b64decode(text[1:-1], validate=True)
        except ValueError:
            self.t.fail("a string of base64", start)


def _number_of(text: str) -> int | float | complex:
    if text[-1] == "j":
        return complex(text)
    if text.lstrip("-").isdecimal():
        return int(text)
    return np.nan if text == "nan" else float(text)
