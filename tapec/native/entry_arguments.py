"""The first half of an entry: are these the arguments, and where are their numbers.

Every check reads memory only; what is not expected goes to the next entry and in the
end to Python.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from tapec.ir import ArrayType
from tapec.native import abi
from tapec.native.entry_arrays import row_of
from tapec.native.entry_code import BIT, INT, NULL, POINTER, WORD, Code, number, word
from tapec.native.forms import Form, Forms, Items, Keys, Leaf, Living, NoEntry, Same
from tapec.native.platform import HEADERS

__all__ = ["Found", "find"]

_PYTHON = {float: np.dtype(float), int: np.dtype(np.int64), complex: np.dtype(complex)}


class Found:
    """Leaves by number: the object, and the address of its data or a Python int.

    same: words of the table with objects that captured names must be bound to.
    """

    def __init__(self) -> None:
        self.objects: dict[int, Any] = {}
        self.data: dict[int, Any] = {}
        self.integers: dict[int, Any] = {}
        self.same: list[int] = []


def find(code: Code, forms: Forms, types: list[ArrayType], found: Found) -> None:
    """Check the arguments of a call; leaf n is of `types[n]`."""
    _, arguments, count, names, _ = code.function.args
    given = code.at.and_(count, number(abi.CLOSEST - 1))
    positional = len(forms.arguments) - len(forms.names)
    code.require(code.same(given, number(positional)))
    _require_names(code, names, forms.names)
    for i, form in enumerate(forms.arguments):
        _find(code, code.item(arguments, i), form, types, found)


def _require_names(code: Code, names: Any, wanted: tuple[str, ...]) -> None:
    """The same keywords in the same order."""
    if not wanted:
        code.require(code.same(names, NULL))
        return
    code.require(code.at.icmp_unsigned("!=", names, NULL))
    size = code.field(names, abi.SIZE, INT)
    code.require(code.same(size, number(len(wanted))))
    items = code.inside(names, HEADERS.tuple_items)
    for i, name in enumerate(wanted):
        code.require(code.same(code.item(items, i), code.constant(id(name))))


def _find(
    code: Code, thing: Any, form: Form, types: list[ArrayType], found: Found
) -> None:
    if isinstance(form, Leaf):
        found.objects[form.number] = thing
        if form.python is None:
            data = array(code, thing, types[form.number])
            found.data[form.number] = data
        else:
            _find_python(code, thing, form, types[form.number], found)
    elif isinstance(form, Same):
        code.require(code.same(thing, code.constant(id(form.value))))
    elif isinstance(form, Living):
        _find_living(code, thing, form)
    elif isinstance(form, Items):
        for i, child in enumerate(form.children):
            if i == 0:
                items = _items(code, thing, form)
            _find(code, code.item(items, i), child, types, found)
        if not form.children:
            _items(code, thing, form)
    else:
        _find_in_dict(code, thing, form, types, found)


def _find_living(code: Code, thing: Any, form: Living) -> None:
    """The object of a weak reference, in its mark or without."""

    def unmarked() -> Any:
        if not form.plain:
            code.require(ir.Constant(BIT, 0))
        return thing

    marked = code.is_of(thing, form.mark)
    inner = code.either(marked, lambda: code.field(thing, form.offset), unmarked)
    reference = code.constant(id(form.reference))
    code.require(code.same(inner, code.field(reference, abi.REFERENT)))


def _items(code: Code, thing: Any, form: Items) -> Any:
    """The address of the items of a tuple or list of the right length."""
    code.require(code.is_of(thing, form.kind))
    size = code.field(thing, abi.SIZE, INT)
    code.require(code.same(size, number(len(form.children))))
    if form.kind is list:
        return code.field(thing, abi.LIST_ITEMS)
    return code.inside(thing, HEADERS.tuple_items)


def _find_in_dict(
    code: Code, thing: Any, form: Keys, types: list[ArrayType], found: Found
) -> None:
    """The same key objects in the same order."""
    code.require(code.is_of(thing, dict))
    size = code.field(thing, abi.DICT_SIZE, INT)
    code.require(code.same(size, number(len(form.keys))))
    place, key, value = code.local(), code.local(), code.local()
    code.put(number(0), place, 0)
    for wanted, child in zip(form.keys, form.children, strict=True):
        there = code.call("PyDict_Next", WORD, thing, place, key, value)
        code.require(code.at.icmp_unsigned("!=", there, word(0)))
        code.require(code.same(code.item(key, 0), code.constant(id(wanted))))
        _find(code, code.item(value, 0), child, types, found)


def _find_python(
    code: Code, thing: Any, leaf: Leaf, type_: ArrayType, found: Found
) -> None:
    kind = leaf.python
    if kind not in _PYTHON or type_ != ArrayType(_PYTHON[kind], ()):
        raise NoEntry
    code.require(code.is_of(thing, kind))
    if kind is not int:
        found.data[leaf.number] = code.inside(thing, abi.NUMBER)
        return
    large = code.local()
    value = code.call("PyLong_AsLongLongAndOverflow", INT, thing, large)
    fits = code.at.load(large, typ=WORD)
    code.require(code.at.icmp_unsigned("==", fits, word(0)))
    found.integers[leaf.number] = value


def array(code: Code, thing: Any, type_: ArrayType) -> Any:
    """The address of the data of a plain array of this type."""
    data = code.call("tapec_array", POINTER, thing, code.row(row_of(type_)))
    code.require(code.at.icmp_unsigned("!=", data, NULL))
    return data
