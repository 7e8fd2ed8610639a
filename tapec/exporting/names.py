"""What arguments and results are called in C."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from tapec.containers import Structure
from tapec.exporting.signature import C_TYPES
from tapec.sources import Returns

__all__ = ["c_name", "identifiers", "is_free", "labels", "result_labels"]

KEYWORDS = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl
concept const consteval constexpr constinit const_cast continue co_await co_return
co_yield decltype default delete do double dynamic_cast else enum explicit export extern
false float for friend goto if inline int long mutable namespace new noexcept not not_eq
nullptr operator or or_eq private protected public register reinterpret_cast requires
restrict return short signed sizeof static static_assert static_cast struct switch
template this thread_local throw true try typedef typeid typename typeof union unsigned
using virtual void volatile wchar_t while xor xor_eq
"""
"""Of C and of C++."""

TAKEN = """
EOF I INFINITY NAN NULL abort abs asin acos atan atan2 bcmp calloc ceil cos cosh errno
exit exp fabs fill fits floor fma fmax fmin fmod fprintf free linux log main malloc
memcmp memcpy memmove memset pow printf printed putchar puts realloc remove rename rint
round sin sinh sqrt status stderr stdin stdout strlen sum system tan tanh time trunc
unix workspace
"""
"""By C's library, and by the example program."""

HELPERS = (f"{verb}_{kind}" for verb in ("fill", "sum") for kind in C_TYPES.values())
RESERVED = frozenset((*KEYWORDS.split(), *TAKEN.split(), *HELPERS))


def is_free(name: str) -> bool:
    """Whether a function of C may be called so."""
    plain = name.isascii() and name.isidentifier()
    return plain and not name.startswith("_") and name not in RESERVED


def c_name(fun: Any) -> str:
    """What a function is called in C if nobody says."""
    name = str(getattr(fun, "__name__", "")).strip("_")
    return name if is_free(name) else f"{name}_" if is_free(f"{name}_") else "f"


def labels(prefix: str, structure: Structure) -> Iterator[str]:
    """`params['w'][0]` is `params_w_0`."""
    for path in structure.paths():
        yield "_".join([prefix, *re.findall(r"\w+", path)])


def result_labels(
    structure: Structure, returns: Returns | None, names: Sequence[str]
) -> list[str]:
    """`value`, `grad_w`, `aux`: what the results of a gradient function are.

    Those of another function are `value`, or its parts. names: of the arguments.
    """
    if returns is None:
        return list(labels("value", structure))
    rest = [structure]
    if returns.value or returns.has_aux:
        rest = list(structure.children)
    if returns.value and returns.has_aux:
        rest = [*rest[0].children, rest[1]]
    prefixes = ["value"] * returns.value + ["aux"] * returns.has_aux
    if not returns.value:  # (gradient, aux)
        rest.reverse()
    found = [list(labels(p, s)) for p, s in zip(prefixes, rest, strict=False)]
    gradients = [
        x for p, s in _gradients(rest[-1], returns, names) for x in labels(p, s)
    ]
    rows = [*found, gradients] if returns.value else [gradients, *found]
    return [label for row in rows for label in row]


def _gradients(
    structure: Structure, returns: Returns, names: Sequence[str]
) -> Iterator[tuple[str, Structure]]:
    chosen: Any = returns.selection.argnums
    if returns.selection.argnames is not None:
        chosen = returns.selection.argnames
    if isinstance(chosen, (int, str)):
        yield f"grad_{_named(chosen, names)}", structure
        return
    for which, part in zip(chosen, structure.children, strict=True):
        yield f"grad_{_named(which, names)}", part


def _named(which: int | str, names: Sequence[str]) -> str:
    if isinstance(which, str):
        return which
    inside = -len(names) <= which < len(names)
    return names[which] if inside else str(which)


def identifiers(wanted: Sequence[str], function: str) -> list[str]:
    """Names in C, each once; `arg3` where there is no such letter there."""
    taken = {function, *RESERVED}
    found = []
    for number, label in enumerate(wanted):
        name = label.lstrip("_")
        if not (name.isascii() and name.isidentifier()):
            name = f"arg{number}"
        if name in taken:
            name += "_"
        stem, count = name, 2
        while name in taken:
            name, count = f"{stem}{count}", count + 1
        taken.add(name)
        found.append(name)
    return found
