"""The second half of an entry: memory for results, and what the caller receives.

Objects that were made and not yet handed on are listed in the frame (`owned`), so that
a failure gives them back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.ir import ArrayType
from tapec.native import abi
from tapec.native.blocks import blocks, is_large
from tapec.native.entry_arrays import row_of
from tapec.native.entry_code import (
    DOUBLE,
    INT,
    NULL,
    POINTER,
    VOID,
    WORD,
    Code,
    number,
    word,
)
from tapec.native.forms import Form, Items, Keys, Leaf, Living, NoEntry, Same
from tapec.native.platform import HEADERS

__all__ = ["Results"]


class Results:
    """Emits the objects of a result.

    types: of the results. owned: address of the list. failed: where to go when Python
    has no memory.
    """

    def __init__(self, code: Code, types: list[ArrayType], owned: Any, failed: Any):
        self.code = code
        self.types = types
        self.owned = owned
        self.failed = failed
        self.made: dict[int, Any] = {}
        self.count = len(types)

    def _own(self, thing: Any, index: int) -> Any:
        """A new object, or failure."""
        some = self.code.at.icmp_unsigned("!=", thing, NULL)
        self.code.unless(some, self.failed)
        self.code.put(thing, self.owned, index)
        return thing

    # --- leaves

    def allocate(self, which: int) -> Any:
        """A fresh array for a result; the address of its data."""
        code, type_ = self.code, self.types[which]
        row = code.row(row_of(type_))
        kept = blocks() if is_large(type_) else None
        if kept is None:
            made = code.call("tapec_fresh", POINTER, row)
        else:
            handler = code.constant(id(kept.handler))
            made = code.call("tapec_large", POINTER, row, handler)
        self.made[which] = self._own(made, which)
        return code.field(made, HEADERS.data)

    def box(self, which: int, data: Any, python: type | None) -> None:
        """The number at an address as a Python number or NumPy scalar."""
        self.made[which] = self._own(self._boxed(which, data, python), which)

    def _boxed(self, which: int, data: Any, python: type | None) -> Any:
        code, dtype = self.code, self.types[which].dtype
        if python is None:
            known = code.constant(id(np.dtype(dtype.char)))
            return code.call("PyArray_Scalar", POINTER, data, known, NULL)
        if (python, dtype.char) == (float, "d"):
            value = code.at.load(data, typ=DOUBLE)
            return code.call("PyFloat_FromDouble", POINTER, value)
        if (python, dtype.str[1:]) == (int, "i8"):
            value = code.at.load(data, typ=INT)
            return code.call("PyLong_FromLongLong", POINTER, value)
        if (python, dtype.char) == (complex, "D"):
            parts = [code.item(data, i, DOUBLE) for i in range(2)]
            return code.call("PyComplex_FromDoubles", POINTER, *parts)
        raise NoEntry

    def hand_over(self, taker: Any, which: range) -> None:
        """Call a Python function with these results, which are not returned."""
        code = self.code
        row = code.local(len(which))
        for i, result in enumerate(which):
            code.put(self.made[result], row, i)
        function, count = code.constant(id(taker)), number(len(which))
        answer = code.call("PyObject_Vectorcall", POINTER, function, row, count, NULL)
        code.unless(code.at.icmp_unsigned("!=", answer, NULL), self.failed)
        code.call("Py_DecRef", VOID, answer)
        for result in which:
            code.put(NULL, self.owned, result)
            code.call("Py_DecRef", VOID, self.made[result])

    # --- containers

    def put_together(self, form: Form) -> Any:
        """The object of a form; it is the caller's when nothing fails after it."""
        if isinstance(form, Leaf):
            self.code.put(NULL, self.owned, form.number)
            return self.made[form.number]
        if isinstance(form, Same):
            return self._another(self.code.constant(id(form.value)))
        if isinstance(form, Living):
            raise NoEntry
        children = [self._child(child) for child in form.children]
        if isinstance(form, Keys):
            return self._dict(form, children)
        if form.kind is tuple or form.kind is list:
            return self._sequence(form, children)
        return self._named(form, children)

    def _child(self, form: Form) -> tuple[Any, int | None]:
        """An object and its place among the owned ones, or None if it is not ours."""
        if isinstance(form, Leaf):
            return self.made[form.number], form.number
        if isinstance(form, Same):
            return self.code.constant(id(form.value)), None
        thing, place = self.put_together(form), self._next_place()
        self.code.put(thing, self.owned, place)
        return thing, place

    def _next_place(self) -> int:
        self.count += 1
        return self.count - 1

    def _another(self, thing: Any) -> Any:
        """One more reference to an object."""
        self.code.call("Py_IncRef", VOID, thing)
        return thing

    def _sequence(self, form: Items, children: list[tuple[Any, int | None]]) -> Any:
        """The items are ours to give away; for others a reference is made."""
        code = self.code
        make = "PyList_New" if form.kind is list else "PyTuple_New"
        made = code.call(make, POINTER, number(len(children)))
        code.unless(code.at.icmp_unsigned("!=", made, NULL), self.failed)
        if not children:
            return made
        if form.kind is list:
            items = code.field(made, abi.LIST_ITEMS)
        else:
            items = code.inside(made, HEADERS.tuple_items)
        for i, (child, place) in enumerate(children):
            if place is None:
                self._another(child)
            else:
                code.put(NULL, self.owned, place)
            code.put(child, items, i)
        return made

    def _named(self, form: Items, children: list[tuple[Any, int | None]]) -> Any:
        """What a type makes of its items."""
        code = self.code
        row = code.local(len(children))
        for i, (child, _) in enumerate(children):
            code.put(child, row, i)
        kind, count = code.constant(id(form.kind)), number(len(children))
        made = code.call("PyObject_Vectorcall", POINTER, kind, row, count, NULL)
        code.unless(code.at.icmp_unsigned("!=", made, NULL), self.failed)
        for child, place in children:
            if place is not None:
                code.put(NULL, self.owned, place)
                code.call("Py_DecRef", VOID, child)
        return made

    def _dict(self, form: Keys, children: list[tuple[Any, int | None]]) -> Any:
        code, place = self.code, self._next_place()
        made = self._own(code.call("PyDict_New", POINTER), place)
        for key, (child, owned) in zip(form.keys, children, strict=True):
            name = code.constant(id(key))
            status = code.call("PyDict_SetItem", WORD, made, name, child)
            code.unless(code.same(status, word(0)), self.failed)
            if owned is not None:
                code.put(NULL, self.owned, owned)
                code.call("Py_DecRef", VOID, child)
        code.put(NULL, self.owned, place)
        return made
