"""Functions that move, join, cut, pad and make arrays."""

import numpy as np
import pytest

import tapec.numpy as tnp
from tapec.errors import ShapeError, UnsupportedError
from tapec.tensor import Tensor
from tests.ops.checking import check, gradient, same

RNG = np.random.default_rng(1)
X = RNG.uniform(-1.0, 1.0, (2, 3, 4))
M = RNG.uniform(-1.0, 1.0, (3, 4))
V = RNG.uniform(-1.0, 1.0, 5)

ONE = {
    "reshape": lambda x: np.reshape(x, (4, -1)),
    "reshape to integers": lambda x: x.reshape(6, 4),
    "reshape in Fortran order": lambda x: np.reshape(x, (4, 6), order="F"),
    "ravel": lambda x: np.ravel(x),
    "ravel in Fortran order": lambda x: np.ravel(x, order="F"),
    "transpose": lambda x: np.transpose(x),
    "transpose axes": lambda x: np.transpose(x, (1, -1, 0)),
    "T": lambda x: x.T,
    "moveaxis": lambda x: np.moveaxis(x, (0, 1), (-1, 0)),
    "rollaxis": lambda x: np.rollaxis(x, 2, 0),
    "swapaxes": lambda x: np.swapaxes(x, 0, -1),
    "expand_dims": lambda x: np.expand_dims(x, (0, -1)),
    "squeeze": lambda x: np.squeeze(x[:1]),
    "squeeze an axis": lambda x: np.squeeze(x[:, :1], axis=1),
    "broadcast_to": lambda x: np.broadcast_to(x[:, :1], (5, 2, 3, 4)),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, x[0, :1]),
    "atleast_2d": lambda x: np.atleast_2d(x[0, 0]),
    "atleast_3d": lambda x: np.atleast_3d(x[0], x[0, :, 0]),
    "flip": lambda x: np.flip(x),
    "flip an axis": lambda x: np.flip(x, (0, -1)),
    "flipud": lambda x: np.flipud(x) * np.fliplr(x),
    "rot90": lambda x: np.rot90(x),
    "rot90 thrice": lambda x: np.rot90(x, 3, (1, 2)),
    "rot90 twice": lambda x: np.rot90(x, -2),
    "roll": lambda x: np.roll(x, 5),
    "roll an axis": lambda x: np.roll(x, -1, axis=1),
    "roll axes": lambda x: np.roll(x, (1, -7), axis=(0, 2)),
    "tile": lambda x: np.tile(x, (2, 1, 3)),
    "tile with more axes": lambda x: np.tile(x, (2, 1, 1, 2)),
    "tile with one": lambda x: np.tile(x, 2),
    "repeat": lambda x: np.repeat(x, 2),
    "repeat an axis": lambda x: np.repeat(x, 3, axis=1),
    "repeat counts": lambda x: np.repeat(x, [1, 0, 2], axis=1),
    "tril": lambda x: np.tril(x),
    "triu": lambda x: np.triu(x, 1),
    "tril of a vector": lambda x: np.tril(x[0, 0], -1),
    "diagonal": lambda x: np.diagonal(x),
    "diagonal of other axes": lambda x: np.diagonal(x, 1, 1, 2),
    "diagonal below": lambda x: np.diagonal(x, -1, 2, 1),
    "diagonal outside": lambda x: np.diagonal(x, 9),
    "diag": lambda x: np.diag(x[0], 1),
    "diag of a vector": lambda x: np.diag(x[0, 0], -2),
    "diagflat": lambda x: np.diagflat(x[0, :2], 1),
    "trace": lambda x: np.trace(x) + np.trace(x[0], 1),
    "diff": lambda x: np.diff(x),
    "diff of higher order": lambda x: np.diff(x, 2, axis=1),
    "diff with ends": lambda x: np.diff(x, axis=0, prepend=0.0, append=x[:1]),
    "ediff1d": lambda x: np.ediff1d(x, to_end=1.0, to_begin=[2.0, 3.0]),
    "concatenate": lambda x: np.concatenate([x, x * x, x[:, :0]], axis=1),
    "concatenate flat": lambda x: np.concatenate([x, x[0]], axis=None),
    "stack": lambda x: np.stack([x[0], x[1], x[0]], axis=-1),
    "hstack": lambda x: np.hstack([x, x]) + 0 * np.hstack([x[0, 0], 1.0])[0],
    "vstack": lambda x: np.vstack([x[0], x[1, 0]]),
    "dstack": lambda x: np.dstack([x[0], x[1]]),
    "column_stack": lambda x: np.column_stack([x[0, :, 0], x[0]]),
    "append": lambda x: np.append(x, x[0]),
    "append an axis": lambda x: np.append(x, x[:1], axis=0),
    "block": lambda x: np.block([[x[0], x[1]], [x[1, :, :1], x[0], x[0, :, :3]]]),
    "split": lambda x: np.split(x, 2, axis=2),
    "split at": lambda x: np.split(x, [1, 3], axis=-1),
    "array_split": lambda x: np.array_split(x, 3, axis=2),
    "hsplit": lambda x: np.hsplit(x, 3),
    "vsplit": lambda x: np.vsplit(x, 2),
    "dsplit": lambda x: np.dsplit(x, 2),
    "delete": lambda x: np.delete(x, [0, 2], axis=1),
    "insert": lambda x: np.insert(x, 1, 5.0, axis=1),
    "insert values": lambda x: np.insert(x, [0, 2], x[:, :2], axis=1),
    "zeros_like": lambda x: x + np.zeros_like(x) + np.ones_like(x),
    "full_like": lambda x: x * np.full_like(x, 3),
    "meshgrid": lambda x: np.meshgrid(x[0, 0], x[0, :, 0]),
    "meshgrid sparse": lambda x: np.meshgrid(
        x[0, 0], x[0, :, 0], sparse=True, indexing="ij"
    ),
    "linspace": lambda x: np.linspace(x[0], x[1], 5),
    "linspace open": lambda x: np.linspace(x[0, 0], 3.0, 4, endpoint=False, axis=-1),
    "logspace": lambda x: np.logspace(x[0, 0, 0], x[0, 0, 1], 4),
    "geomspace": lambda x: np.geomspace(2 + x[0, 0, 0], 2 + x[0, 0, 1], 4),
    "vander": lambda x: np.vander(x[0, 0], 3),
}


@pytest.mark.parametrize("name", ONE)
def test_function_of_one_array(name):
    check(ONE[name], X)


PADS = {
    "constant": {},
    "constant value": {"constant_values": 2.5},
    "constant values": {"constant_values": ((1.0, 2.0), (3.0, 4.0))},
    "edge": {"mode": "edge"},
    "wrap": {"mode": "wrap"},
    "reflect": {"mode": "reflect"},
    "reflect odd": {"mode": "reflect", "reflect_type": "odd"},
    "symmetric": {"mode": "symmetric"},
    "symmetric odd": {"mode": "symmetric", "reflect_type": "odd"},
    "linear_ramp": {"mode": "linear_ramp", "end_values": 2.0},
    "mean": {"mode": "mean"},
    "mean of some": {"mode": "mean", "stat_length": 2},
    "maximum": {"mode": "maximum"},
    "minimum": {"mode": "minimum"},
}


@pytest.mark.parametrize("widths", [1, (2, 3), ((0, 1), (5, 2))], ids=str)
@pytest.mark.parametrize("name", PADS)
def test_pad(name, widths):
    check(lambda x: np.pad(x, widths, **PADS[name]), M)


def test_pad_with_a_traced_value():
    check(lambda x, c: np.pad(x, 1, constant_values=c), M, 0.5)


def test_pad_names_what_it_cannot():
    with pytest.raises(UnsupportedError, match="pad: mode 'median' is not supported"):
        np.pad(Tensor.holding(M), 1, mode="median")


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,)], ids=str)
def test_empty(shape):
    x = np.zeros(shape)
    check(lambda x: np.concatenate([x.T, x.T * 2]), x)
    check(lambda x: np.reshape(x, (0, 7)), x)
    check(lambda x: np.flip(np.roll(x, 2)), x)
    check(lambda x: np.tile(x, 2), x)


def test_dtypes_follow_numpy():
    x = M.astype(np.float32)
    for f in (np.pad, np.tile, np.roll, np.repeat):
        assert f(Tensor.holding(x), 1).dtype == np.float32
    whole = np.concatenate([Tensor.holding(x), np.arange(12).reshape(3, 4)])
    assert whole.dtype == np.float64
    # as in NumPy a Python number in a list is an array of its own
    assert np.stack([Tensor.holding(np.float32(1)), 2.0]).dtype == np.float64


def test_nested_lists_that_hold_tensors():
    def f(x):
        return tnp.array([[x[0], 1.0], [2 * x[1], x[0] * x[1]]])

    x = Tensor.holding(V)
    same(f(x), np.array([[V[0], 1.0], [2 * V[1], V[0] * V[1]]]))
    (g,) = gradient(lambda x: tnp.array([[x[0], 1.0], [2 * x[1], x[0]]]).sum(), V)
    np.testing.assert_allclose(g, [2, 2, 0, 0, 0])


def test_creation():
    x = Tensor.holding(V)
    same(tnp.full((2, 3), x[0]), np.full((2, 3), V[0]))
    same(tnp.zeros((2, 3)), np.zeros((2, 3)))
    same(tnp.ones(3, np.float32), np.ones(3, np.float32))
    same(tnp.arange(2, 8, 3), np.arange(2, 8, 3))
    same(tnp.eye(3, k=1), np.eye(3, k=1))
    same(tnp.asarray([1, 2]), np.asarray([1, 2]))
    assert tnp.pi == np.pi and tnp.newaxis is None and tnp.float32 is np.float32


def test_names():
    assert tnp.reshape(M, (4, 3)).shape == (4, 3)
    assert "concatenate" in dir(tnp) and callable(tnp.einsum)
    functions = [n for n in dir(tnp) if callable(getattr(np, n, None))]
    assert all(callable(getattr(tnp, n)) for n in functions)
    with pytest.raises(UnsupportedError, match=r"tapec\.numpy has no packbits"):
        tnp.packbits  # noqa: B018
    with pytest.raises(AttributeError):
        tnp.there_is_no_such_name  # noqa: B018
    assert not hasattr(tnp, "packbits")


@pytest.mark.parametrize(
    "f, text",
    [
        (lambda x: x.reshape(5), r"reshape: f64\[3,4\] does not fit shape \(5,\)"),
        (
            lambda x: np.concatenate([x, x.T]),
            r"concatenate: shapes differ outside axis",
        ),
        (lambda x: np.stack([x, x.T]), r"stack: shapes differ: f64\[3,4\] with f64\[4"),
        (lambda x: np.broadcast_to(x, (3, 5)), r"broadcast_to: f64\[3,4\] does not"),
        (lambda x: np.split(x, 2), r"split: f64\[3,4\] does not divide into 2"),
        (lambda x: np.transpose(x, (0, 0)), r"transpose: axes \(0, 0\) do not permute"),
    ],
)
def test_errors(f, text):
    with pytest.raises(ShapeError, match=text):
        f(Tensor.holding(M))
