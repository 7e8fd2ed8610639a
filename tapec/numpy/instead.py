"""What to use instead of the NumPy functions that have no form on tensors."""

from __future__ import annotations

from difflib import get_close_matches

from tapec.errors import UnsupportedError

__all__ = ["Missing", "advice", "missing"]

_COUNTING = "np.searchsorted, or x.numpy(): counts have no gradient"
_SETS = "x.numpy(): the shape of the result depends on the numbers"
_LOOPS = "tapec.vmap, or the operation on whole arrays"
_WRITES = "np.where, or x[index] = value"
_FILES = "x.numpy()"
_DATES = "the numbers of days, as floats"
_COEFFICIENTS = "the operation on arrays of coefficients"
_POLYNOMIALS = "np.linalg.lstsq on np.stack of the powers"

INSTEAD = {
    **dict.fromkeys(("histogram", "histogram2d", "histogramdd", "digitize"), _COUNTING),
    **dict.fromkeys(
        ("unique", "unique_all", "unique_counts", "unique_inverse", "unique_values",
         "intersect1d", "union1d", "setdiff1d", "setxor1d", "isin", "extract",
         "trim_zeros", "argwhere"),
        _SETS,
    ),
    **dict.fromkeys(
        ("vectorize", "frompyfunc", "apply_along_axis", "apply_over_axes", "nditer",
         "fromfunction", "fromiter", "ndenumerate"),
        _LOOPS,
    ),
    **dict.fromkeys(("copyto", "place", "putmask", "fill_diagonal"), _WRITES),
    **dict.fromkeys(
        ("save", "savez", "savetxt", "tofile", "array2string", "array_repr",
         "array_str", "printoptions", "testing"),
        _FILES,
    ),
    **dict.fromkeys(("polyfit", "vander"), _POLYNOMIALS),
    **dict.fromkeys(("busday_count", "busday_offset", "is_busday"), _DATES),
    **dict.fromkeys(("datetime_as_string", "isnat"), _DATES),
    **dict.fromkeys(("polyadd", "polysub", "polyder", "polyint"), _COEFFICIENTS),
    **dict.fromkeys(("polymul", "poly"), "np.convolve of the coefficients"),
    **dict.fromkeys(("common_type", "min_scalar_type", "can_cast"), "x.dtype"),
    "histogram_bin_edges": "np.linspace",
    "savez_compressed": _FILES,
    "polydiv": "x.numpy()",
    "packbits": "x.numpy()",
    "unpackbits": "x.numpy()",
    "piecewise": "np.select or np.where",
    "polyval": "Horner's rule: y = y * x + c",
    "roots": "np.linalg.eigvals of the companion matrix",
    "choose": "np.select or np.take_along_axis",
    "frexp": "np.log2 and np.floor",
    "spacing": "np.nextafter",
    "reduceat": "np.split and np.sum",
    "at": "x[index] = value, or y[index] += value on a tensor",
    "block": "np.concatenate",
    "require": "x.astype and np.ascontiguousarray outside",
    "resize": "np.tile and np.reshape",
    "einsum_path": "np.einsum",
    **dict.fromkeys(
        ("shares_memory", "may_share_memory"),
        "False: tensors never share memory",
    ),
}  # fmt: skip


def advice(name: str, known: list[str]) -> str:
    """One clause: what works in the place of NumPy's `name`."""
    last = name.rpartition(".")[2]
    if last in INSTEAD:
        return f"use {INSTEAD[last]}"
    near = get_close_matches(last, known, n=1, cutoff=0.75)
    if near:
        return f"the nearest that has is np.{near[0]}"
    return "x.numpy() gives the numbers, and the gradient ends there"


class Missing(UnsupportedError, AttributeError):
    """A name that NumPy has and tapec does not."""


def missing(space: str, name: str, known: list[str]) -> Missing:
    """The error for a name of one of NumPy's modules that is not here."""
    return Missing(f"tapec.{space} has no {name}; {advice(name, known)}")
