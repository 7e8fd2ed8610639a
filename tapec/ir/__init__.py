"""The intermediate representation: straight-line SSA over typed arrays.

An op *is* the value it defines. A `Function` is a schedule of such values, operands
first; nothing is ever mutated. Passes are functions from `Function` to `Function` and
rebuild through `rewrite`, which keeps every value whose operands did not change.

    func @loss(%x: f64[3], %w: f64[3]) {
      %2: f64[3] = mul %x, %w
      %3: f64[] = sum %2 axis=(0,)
      return %3
    }

This module imports nothing of tapec.
"""

from tapec.ir.dim import Asked, Dim, Extent, asked, estimate, names_in, never_negative
from tapec.ir.extents import (
    dims_of,
    is_dynamic,
    op_with_sizes,
    sized,
    sizes_of,
    with_sizes,
)
from tapec.ir.function import Function, Value, exact, has_body, has_effect
from tapec.ir.origin import NO_META, Location, Meta, shown
from tapec.ir.rewriting import (
    Emitter,
    Log,
    Placed,
    Replaced,
    Rule,
    logged,
    placed,
    prune,
    quiet,
    renumber,
    replaced,
    rewrite,
    substitute,
    users,
)
from tapec.ir.types import (
    DTYPE_NAMES,
    DTYPES,
    ArrayType,
    Attrs,
    Constant,
    TupleType,
    Type,
)

__all__ = [
    "DTYPES",
    "DTYPE_NAMES",
    "NO_META",
    "ArrayType",
    "Asked",
    "Attrs",
    "Constant",
    "Dim",
    "Emitter",
    "Extent",
    "Function",
    "Location",
    "Log",
    "Meta",
    "Placed",
    "Replaced",
    "Rule",
    "TupleType",
    "Type",
    "Value",
    "asked",
    "dims_of",
    "estimate",
    "exact",
    "has_body",
    "has_effect",
    "is_dynamic",
    "logged",
    "names_in",
    "never_negative",
    "op_with_sizes",
    "placed",
    "prune",
    "quiet",
    "renumber",
    "replaced",
    "rewrite",
    "shown",
    "sized",
    "sizes_of",
    "substitute",
    "users",
    "with_sizes",
]
