"""Products of vectors and matrices, convolutions, einsum."""

import numpy as np
import pytest

from tapec.tensor import Tensor
from tests.ops.checking import check, recorded

RNG = np.random.default_rng(5)


def draw(*shape):
    return RNG.uniform(-1.0, 1.0, shape)


SHAPES = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 2)),
    ((2, 3), (5, 3, 2)),
    ((4, 1, 2, 3), (5, 3, 2)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 2)),
]


@pytest.mark.parametrize("a, b", SHAPES, ids=str)
def test_matmul(a, b):
    check(lambda a, b: a @ b, draw(*a), draw(*b))


def test_matmul_of_complex_and_other_dtypes():
    check(np.matmul, draw(2, 3) + 1j * draw(2, 3), draw(3, 2))
    whole, mask = np.arange(6).reshape(2, 3), np.ones((3, 2), bool)
    check(np.matmul, whole, mask)
    check(np.matmul, mask, mask.T)
    check(np.dot, mask[:, 0], mask[:, 1])
    half = draw(2, 3).astype(np.float32)
    assert (Tensor.holding(half) @ half.T).dtype == np.float32


PRODUCTS = {
    "dot": (np.dot, (2, 3), (4, 3, 5)),
    "dot of vectors": (np.dot, (3,), (3,)),
    "dot with a number": (np.dot, (), (3,)),
    "vdot": (np.vdot, (2, 3), (3, 2)),
    "inner": (np.inner, (2, 3), (4, 3)),
    "outer": (np.outer, (2, 3), (4,)),
    "kron": (np.kron, (2, 3), (4, 1, 2)),
    "tensordot": (np.tensordot, (2, 3, 4), (3, 4, 5)),
    "tensordot axes": (
        lambda a, b: np.tensordot(a, b, ([2, 0], [0, 1])),
        (2, 3, 4),
        (4, 2),
    ),
    "tensordot of none": (lambda a, b: np.tensordot(a, b, 0), (2,), (3,)),
    "tensordot of all": (lambda a, b: np.tensordot(a, b, 2), (2, 3), (2, 3)),
    "cross": (np.cross, (4, 3), (4, 3)),
    "cross broadcast": (np.cross, (3,), (4, 3)),
    "cross axes": (lambda a, b: np.cross(a, b, 0, 0, 0), (3, 2), (3, 2)),
    "multi_dot": (lambda a, b: np.linalg.multi_dot([b, a, b, a[:, 0]]), (3, 2), (2, 3)),
    "vecdot": (np.linalg.vecdot, (2, 3), (3,)),
    "convolve": (np.convolve, (5,), (3,)),
    "convolve same": (lambda a, b: np.convolve(a, b, "same"), (3,), (6,)),
    "convolve valid": (lambda a, b: np.convolve(a, b, "valid"), (6,), (4,)),
    "correlate": (np.correlate, (6,), (4,)),
    "correlate short": (lambda a, b: np.correlate(a, b, "full"), (3,), (4,)),
    "correlate same": (lambda a, b: np.correlate(a, b, "same"), (4,), (6,)),
    "polyval": (np.polyval, (4,), (2, 3)),
}
if hasattr(np, "matvec"):  # since NumPy 2.2
    PRODUCTS["matvec"] = (np.matvec, (4, 2, 3), (4, 3))
    PRODUCTS["vecmat"] = (np.vecmat, (4, 2), (2, 3))


@pytest.mark.parametrize("name", PRODUCTS)
def test_product(name):
    f, a, b = PRODUCTS[name]
    check(f, draw(*a), draw(*b))
    check(f, draw(*a) + 1j * draw(*a), draw(*b) - 1j * draw(*b))


# --- einsum -------------------------------------------------------------------

EINSUMS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ba", (2, 3)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iii", (2, 2, 2)),
    ("iijj->ij", (2, 2, 3, 3)),
    ("ij->", (2, 3)),
    ("i,i", (3,), (3,)),
    ("i,j->ij", (3,), (4,)),
    (",ij", (), (2, 3)),
    ("ij,ij->i", (2, 3), (2, 3)),
    ("ij,kj->", (2, 3), (4, 3)),
    ("iij,jk->ik", (3, 3, 2), (2, 4)),
    ("ijk,k->ij", (2, 3, 4), (4,)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("...ij,...jk->...ik", (2, 3, 4), (4, 5)),
    ("...ij,...jk", (2, 1, 3, 4), (7, 4, 5)),
    ("a...b,b...->a...", (2, 3, 4), (4, 3)),
    ("i...i", (3, 2, 3)),
    ("ij,j", (2, 1), (3,)),
    ("ij,jk->ki", (2, 0), (0, 3)),
    ("i,ij,j", (3,), (3, 4), (4,)),
    ("abc,bd,cd->ad", (2, 3, 4), (3, 5), (4, 5)),
    ("ab,ab,c->", (2, 3), (2, 3), (4,)),
    ("ijk,ilm,njm,nlk->", (2, 3, 4), (2, 5, 6), (7, 3, 6), (7, 5, 4)),
]


@pytest.mark.parametrize("subscripts, shapes", [(s, r) for s, *r in EINSUMS])
def test_einsum(subscripts, shapes):
    check(lambda *xs: np.einsum(subscripts, *xs), *[draw(*s) for s in shapes])


def test_einsum_with_lists_of_axes():
    a, b = draw(2, 3), draw(3, 4)
    check(lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [0, 2]), a, b)
    check(lambda a, b: np.einsum(a, [0, ...], b, [1, 2]), a, b)


def test_einsum_keeps_small_dtypes():
    a = np.ones((2, 3), np.int8)
    check(lambda a: np.einsum("ij->i", a), a)
    check(lambda a: np.einsum("ij,ij->j", a, a), a)


def test_einsum_is_made_of_other_ops():
    fn = recorded(
        lambda a, b: np.einsum("bij,bjk->bik", a, b), draw(2, 3, 4), draw(2, 4, 5)
    )
    assert [op.prim.name for op in fn.ops if op.prim.name != "reshape"] == ["matmul"]
