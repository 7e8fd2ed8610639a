"""One program with a tape inside, run in every form there is."""

import numpy as np

import tapec
from tapec import containers


def numbers(tree):
    """The container with arrays in place of tensors."""
    return containers.map_leaves(
        lambda x: np.asarray(x.array if hasattr(x, "array") else x), tree
    )


def run_in_all_forms(program, *arrays):
    """What `program(*tensors)` gives on a new tape, on a second one, and inside jit.

    The first tape is interpreted, the second compiled. All three must agree in value,
    dtype and shape; the common result is returned as arrays.
    """
    forms = {
        "first": lambda: program(*map(tapec.constant, arrays)),
        "second": lambda: program(*map(tapec.constant, arrays)),
        "jit": lambda: tapec.jit(program)(*map(np.asarray, arrays)),
    }
    results = {name: numbers(form()) for name, form in forms.items()}
    first = results["first"]
    for name, other in results.items():
        assert_same(first, other, name)
    return first


def assert_same(expected, actual, form):
    a, structure = containers.flatten(expected)
    b, other = containers.flatten(actual)
    assert structure == other, form
    for x, y in zip(a, b, strict=True):
        assert (x.dtype, x.shape) == (y.dtype, y.shape), form
        np.testing.assert_allclose(y, x, rtol=1e-12, atol=1e-14, err_msg=form)


def equals(tree, expected):
    """Assert that the leaves of two containers are close, None where None is."""
    assert_same(
        containers.map_leaves(lambda x: np.asarray(x, float), expected),
        containers.map_leaves(lambda x: np.asarray(x, float), numbers(tree)),
        "",
    )
