"""The C program that calls an exported function."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tapec.exporting.header import linked_with
from tapec.exporting.signature import Argument, Signature, wrapped
from tapec.native.standalone_entry import by_value

__all__ = ["MOST", "example"]

MOST = 4096
"""Elements of an array that is written out."""

ASKED = (
    "avx avx2 avx512bw avx512cd avx512dq avx512f avx512vl bmi bmi2 fma popcnt ssse3 "
    "sse4.1 sse4.2"
)
"""Features that GCC and Clang can ask the processor for under these names."""


def example(s: Signature, inputs: Sequence[np.ndarray[Any, Any] | None]) -> str:
    """The whole file. inputs: the numbers to call with; None: from the formula."""
    given = list(zip(s.arguments, inputs, strict=True))
    return "\n".join([
        f"/* cc {s.name}_example.c {s.name}.o {_flags(s)}-o {s.name}_example */",
        "#include <math.h>", "#include <stdio.h>", "#include <stdlib.h>",
        f'#include "{s.name}.h"', "",
        *_fits(s), *_fill(given), *_sums(s.results),
        "int main(void) {",
        "    if (!fits()) {",
        '        fprintf(stderr, "this is not the processor it is made for\\n");',
        "        return 3;",
        "    }",
        *_inputs(given), *_outputs(s.results),
        f"    void *workspace = malloc({s.name.upper()}_WORKSPACE_BYTES);",
        wrapped(f"    int status = {s.name}(", _call(s)),
        "    free(workspace);",
        "    if (status) {",
        '        fprintf(stderr, "status %d\\n", status);',
        "        return status;",
        "    }",
        *[f"    {_printed(r)}" for r in s.results],
        "    return 0;",
        "}", "",
    ])  # fmt: skip


def _flags(s: Signature) -> str:
    flags = linked_with(s).replace(" (or -lblas)", "")
    return f"{flags} " if flags else ""


def _fits(s: Signature) -> Iterator[str]:
    yield "static int fits(void) {"
    names = [f for f in s.features if f in ASKED.split()]
    if names:
        yield "#if defined(__GNUC__) && defined(__x86_64__)"
        tests = [f'__builtin_cpu_supports("{name}")' for name in names]
        yield "    return " + "\n        && ".join(tests) + ";"
        yield "#else"
    yield "    return 1;"
    if names:
        yield "#endif"
    yield "}"
    yield ""


# --- inputs -------------------------------------------------------------------------


def _fill(given: Sequence[tuple[Argument, Any]]) -> Iterator[str]:
    """The formula of `samples`, once per type of C that needs it."""
    arrays = [a for a, x in given if x is None and not by_value(a.type)]
    for kind in dict.fromkeys(a.c_type for a in arrays if a.dtype.kind in "fc"):
        yield f"static void fill_{kind}({kind} *x, long n, long number, int parts) {{"
        yield "    for (long i = 0; i < n; i++) {"
        yield "        double s = ((37 * i + 11 * number) % 101 + 1) / 102.0;"
        yield f"        x[parts * i] = ({kind})s;"
        yield f"        if (parts == 2) x[2 * i + 1] = ({kind})(0.5 * s);"
        yield "    }"
        yield "}"
        yield ""
    for kind in dict.fromkeys(a.c_type for a in arrays if a.dtype.kind in "biu"):
        yield f"static void fill_{kind}({kind} *x, long n, int modulus) {{"
        yield f"    for (long i = 0; i < n; i++) x[i] = ({kind})(i % modulus);"
        yield "}"
        yield ""


def _inputs(given: Sequence[tuple[Argument, Any]]) -> Iterator[str]:
    for number, (a, x) in enumerate(given):
        if x is not None:
            numbers = [_literal(v) for v in _parts(x)]
            if by_value(a.type):
                yield f"    {a.c_type} {a.name} = {numbers[0]};"
            else:
                yield f"    static const {_array(a)} = {{"
                yield from _rows(numbers or ["0"])
                yield "    };"
        else:
            yield f"    static {_array(a)};"
            if a.dtype.kind in "biu":
                modulus = 2 if a.dtype.kind == "b" else 3
                yield f"    fill_{a.c_type}({a.name}, {a.size}, {modulus});"
            else:
                parts = 2 if a.dtype.kind == "c" else 1
                yield f"    fill_{a.c_type}({a.name}, {a.size}, {number}, {parts});"


def _array(a: Argument) -> str:
    return f"{a.c_type} {a.name}[{max(a.numbers, 1)}]"


def _parts(x: np.ndarray[Any, Any]) -> list[Any]:
    """The numbers in memory, in their order."""
    flat = np.ascontiguousarray(x).reshape(-1)
    if x.dtype.kind == "c":
        flat = flat.view(f"f{x.dtype.itemsize // 2}")
    if x.dtype == np.float16:
        flat = flat.view(np.uint16)
    values: list[Any] = flat.tolist()
    return values


def _literal(x: Any) -> str:
    if isinstance(x, bool):
        return str(int(x))
    if isinstance(x, int):
        if x == -(1 << 63):
            return "(-9223372036854775807 - 1)"
        return f"{x}u" if x >= 1 << 63 else str(x)
    if math.isnan(x):
        return "NAN"
    return repr(x) if math.isfinite(x) else "INFINITY" if x > 0 else "-INFINITY"


def _rows(numbers: list[str]) -> Iterator[str]:
    line = "       "
    for text in numbers:
        if len(line) + len(text) > 86:
            yield line
            line = "       "
        line += f" {text},"
    yield line


# --- results ------------------------------------------------------------------------


def _outputs(results: Sequence[Argument]) -> Iterator[str]:
    for r in results:
        yield f"    static {_array(r)};"


def _call(s: Signature) -> list[str]:
    return [*[a.name for a in s.arguments], *[r.name for r in s.results], "workspace"]


def _sums(results: Sequence[Argument]) -> Iterator[str]:
    for kind in dict.fromkeys(r.c_type for r in results):
        floating = kind in ("float", "double")
        wide, form = ("double", "%.17g") if floating else ("long long", "%lld")
        yield (
            f"static void sum_{kind}"
            f"(const char *name, const {kind} *x, long n, int parts) {{"
        )
        yield "    for (int part = 0; part < parts; part++) {"
        yield f"        {wide} total = 0;"
        yield f"        for (long i = part; i < n; i += parts) total += ({wide})x[i];"
        which = 'part ? " imaginary" : ""'
        yield f'        printf("%s%s = {form}\\n", name, {which}, total);'
        yield "    }"
        yield "}"
        yield ""


def _printed(r: Argument) -> str:
    parts = 2 if r.dtype.kind == "c" else 1
    what = f"sum of {r.name}" if r.shape else r.name
    return f'sum_{r.c_type}("{what}", {r.name}, {r.numbers}, {parts});'
