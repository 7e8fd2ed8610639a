"""SciPy's ufuncs before SciPy is imported."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import scipy.special

from tapec.ir import DTYPES
from tapec.ops.later import LOOPS, Later
from tapec.primitive import PRIMITIVES
from tapec.tensor import ufunc_primitive

KINDS = [*DTYPES.values(), int, float, complex]


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_loops_are_those_of_scipy(name, kind):
    ufunc, later = getattr(scipy.special, name), Later(name)
    assert (later.nin, later.nout) == (ufunc.nin, ufunc.nout)
    try:
        expected = ufunc.resolve_dtypes((kind, None))
    except TypeError:
        with pytest.raises(TypeError):
            later.resolve_dtypes((kind, None))
    else:
        assert later.resolve_dtypes((kind, None)) == expected


def test_each_stands_for_the_function_of_its_name():
    found = [p for p in PRIMITIVES.values() if type(p.reference) is Later]
    assert len(found) > 50
    for prim in found:
        function = getattr(scipy.special, prim.reference.__name__)
        assert prim.reference.is_(function)
        assert ufunc_primitive(function) is prim
        assert prim.reference.types == function.types
        assert prim.name == function.__name__


PROGRAM = """
import sys
import numpy as np
import tapec

X = np.linspace(-1.0, 1.0, 12).reshape(4, 3)
f = tapec.value_and_grad(lambda w: np.sum(np.logaddexp(0.0, X @ w)))
value, gradient = f(np.arange(3.0))
assert np.isclose(value, np.sum(np.logaddexp(0.0, X @ np.arange(3.0))))
print([m for m in ("scipy.special", "scipy.linalg") if m in sys.modules])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="depends on SciPy's wheel")
def test_a_logistic_regression_needs_no_scipy():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_scipy_imported_first_or_last_is_the_same():
    x = np.linspace(0.1, 0.9, 5)
    for name in LOOPS:
        np.testing.assert_array_equal(Later(name)(x), getattr(scipy.special, name)(x))
