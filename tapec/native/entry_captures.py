"""What a function captured, looked up again as its code would find it.

Looking up an object's dict may make the dict, and so run the collector: that comes
first, before any borrowed reference is taken.
"""

from __future__ import annotations

import inspect
import types
from typing import Any

import numpy as np

from tapec.ir import ArrayType
from tapec.native import abi
from tapec.native.entry_arguments import Found, array
from tapec.native.entry_code import NULL, POINTER, VOID, Code
from tapec.native.forms import Forms, NoEntry, Read

__all__ = ["look_up"]


def look_up(code: Code, forms: Forms, types_: list[ArrayType], found: Found) -> None:
    """Require that names are bound as before, and find the captured arrays."""
    reads = [*forms.same, *(c.read for c in forms.captured)]
    owners = {id(r.owner): r.owner for r in reads if r.kind == "attribute"}
    dicts = {key: _attributes(code, owner) for key, owner in owners.items()}
    for read in forms.same:
        thing = _look(code, read, dicts)
        code.require(code.same(thing, code.constant(id(read.value))))
        found.same.append(len(code.words) - 1)
    first = len(types_) - len(forms.captured)
    for number, captured in enumerate(forms.captured, first):
        thing = _look(code, captured.read, dicts)
        if captured.kind is not np.ndarray:
            code.require(code.at.icmp_unsigned("!=", thing, NULL))
            code.require(code.is_of(thing, captured.kind))
            thing = code.field(thing, captured.offset)
        code.require(code.at.icmp_unsigned("!=", thing, NULL))
        found.objects[number] = thing
        found.data[number] = array(code, thing, types_[number])


def _attributes(code: Code, owner: Any) -> Any:
    """The dict of an object, which keeps it alive."""
    standard = inspect.getattr_static(type(owner), "__dict__", None)
    if not isinstance(standard, types.GetSetDescriptorType):
        raise NoEntry
    names = code.call(
        "PyObject_GenericGetDict", POINTER, code.constant(id(owner)), NULL
    )
    none = code.function.append_basic_block("none")
    code.unless(code.at.icmp_unsigned("!=", names, NULL), none)
    on = code.at.block
    code.at.position_at_end(none)
    code.call("PyErr_Clear", VOID)
    code.at.branch(code.miss)
    code.at.position_at_end(on)
    code.call("Py_DecRef", VOID, names)
    return names


def _look(code: Code, read: Read, dicts: dict[int, Any]) -> Any:
    """What a name is bound to now; NULL if to nothing."""
    if read.kind == "held":
        return code.constant(id(read.value))
    if read.kind == "cell":
        return code.field(code.constant(id(read.owner)), abi.CELL)
    if read.kind == "attribute":
        names = dicts[id(read.owner)]
    else:
        names = code.constant(id(read.owner))
    name = code.constant(id(read.name))
    return code.call("PyDict_GetItemWithError", POINTER, names, name)
