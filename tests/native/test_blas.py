"""The routines of BLAS, however they were found."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from tapec.native import blas

ROUTINES = [f"{letter}{kind}" for letter in "sdcz" for kind in ("gemm", "gemv")]


def by_reference(*values):
    """As Fortran takes them."""
    kinds = {str: ctypes.c_char, int: ctypes.c_int, float: ctypes.c_double}
    cells = [
        kinds[type(v)](v.encode() if isinstance(v, str) else v)
        if type(v) in kinds
        else v.ctypes
        for v in values
    ]
    return [c.data if hasattr(c, "data") else ctypes.addressof(c) for c in cells], cells


@pytest.mark.parametrize("find", [blas.address, blas._from_capsule])
def test_dgemm_multiplies(find):
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, 4)), rng.normal(size=(4, 5)), np.empty((3, 5))
    addresses, kept = by_reference(
        "N", "N", 5, 3, 4, 1.0, b, 5, a, 4, 0.0, c, 5
    )  # columns first: c' = b' a'
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 13)(find("dgemm"))
    call(*addresses)
    np.testing.assert_allclose(c, a @ b)
    assert kept


@pytest.mark.parametrize("routine", ROUTINES)
def test_without_the_wheels_library(routine, monkeypatch):
    assert blas.address(routine)
    monkeypatch.setattr(blas, "_library", lambda: None)
    blas.address.cache_clear()
    assert blas.address(routine) == blas._from_capsule(routine)
    blas.address.cache_clear()
