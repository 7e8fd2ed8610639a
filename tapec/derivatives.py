"""Whole derivatives: `jacfwd`, `jacrev`, `jacobian`, `hessian`.

A Jacobian is one product per column (forward) or per row (reverse), or fewer if some of
them can share one (`colored`); all are taken at once, as one vectorized program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tapec import containers
from tapec.colored import Coloring, colored, pattern_of
from tapec.compiled import Compiled
from tapec.errors import DTypeError
from tapec.forward import push, recording
from tapec.ops.positions import iota
from tapec.passes.batch import mapped
from tapec.pickling import remembered
from tapec.sources import Selection, Sources
from tapec.tensor import Tensor, Weak, as_tensor
from tapec.transform import as_loops, grad, pull, seeds_of

__all__ = ["hessian", "jacfwd", "jacobian", "jacrev"]

Fun = Callable[..., Any]
Argnums = int | Sequence[int]


@remembered
def jacfwd(
    fun: Fun | None = None, argnums: Argnums = 0, *, has_aux: bool = False
) -> Any:
    """The Jacobian, column by column: for few inputs and many outputs.

    argnums: position(s) of the arguments to differentiate by; a sequence gives a tuple.
    has_aux: `fun` returns `(value, aux)`, and the result is `(jacobian, aux)`. The
    result has the structure of the value, each leaf that of the argument; the Jacobian
    of a value of shape `s` by an argument of shape `t` has shape `s + t` and, as a
    gradient, the dtype of the argument. For a complex argument `fun` must be
    holomorphic.

    Columns that share no nonzero row are taken in one product where the operations of a
    traced `fun` tell so and that makes them four times fewer; see `sparse_jacobian` for
    a matrix without the zeros.

    TypeError for an integer array (use `.astype(float)`) or an integer value.

    >>> import numpy as np, tapec
    >>> tapec.jacfwd(np.square)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _compiled(jacfwd, "forward", fun, argnums, has_aux)


@remembered
def jacrev(
    fun: Fun | None = None, argnums: Argnums = 0, *, has_aux: bool = False
) -> Any:
    """The Jacobian, row by row: for many inputs and few outputs.

    Arguments and result as for `jacfwd`; rows share products as columns do there. A
    complex value by a real argument has no rows in this sense: DTypeError says to use
    `jacfwd`.

    >>> import numpy as np, tapec
    >>> tapec.jacrev(np.cumsum)(np.array([1.0, 2.0]))
    array([[1., 0.],
           [1., 1.]])
    """
    return _compiled(jacrev, "reverse", fun, argnums, has_aux)


@remembered
def jacobian(
    fun: Fun | None = None, argnums: Argnums = 0, *, has_aux: bool = False
) -> Any:
    """The Jacobian, by columns or by rows, whichever takes fewer products.

    Arguments and result as for `jacfwd`.

    >>> import numpy as np, tapec
    >>> tapec.jacobian(lambda x: np.sum(x) * x)(np.array([1.0, 2.0]))
    array([[4., 1.],
           [2., 5.]])
    """
    return _compiled(jacobian, "fewer", fun, argnums, has_aux)


@remembered
def hessian(
    fun: Fun | None = None, argnums: Argnums = 0, *, has_aux: bool = False
) -> Any:
    """The Hessian of a scalar function: the forward Jacobian of its gradient.

    Arguments as for `tapec.grad`. The result nests the structure of the argument in
    itself; an argument of shape `t` gives an array of shape `t + t`. See `hvp` for
    products without the matrix and `sparse_hessian` for a matrix mostly of zeros.

    >>> import numpy as np, tapec
    >>> tapec.hessian(lambda x: x[0] * x[1] ** 2)(np.array([1.0, 2.0]))
    array([[0., 4.],
           [4., 2.]])
    """
    if fun is None:
        return lambda f: hessian(f, argnums, has_aux=has_aux)
    gradient = grad(fun, argnums, has_aux=has_aux)
    return jacfwd(gradient, argnums, has_aux=has_aux)


def _compiled(
    transform: Fun, mode: str, fun: Fun | None, argnums: Argnums, has_aux: bool
) -> Any:
    if fun is None:
        return lambda f: transform(f, argnums, has_aux=has_aux)
    selection = Selection(argnums)

    def body(*args: Any, **kw: Any) -> Any:
        sources = Sources(fun, selection, args, kw)
        start = recording()[1]
        out = fun(*sources.args, **sources.kw)
        value, *aux = out if has_aux else (out,)
        leaves, structure = containers.flatten(value)
        outs = [_floating(leaf) for leaf in leaves]
        as_loops(recording()[0], start, outs)
        blocks = _blocks(mode, sources.wrt, outs, start)
        found = containers.unflatten(structure, [sources.shaped(b) for b in blocks])
        return (found, *aux) if has_aux else found

    return Compiled(fun, body)


def _floating(leaf: Any) -> Tensor:
    t = as_tensor(leaf)
    if t.dtype.kind not in "fc":
        raise DTypeError(f"a value of dtype {t.dtype} has no Jacobian")
    return t


def _blocks(
    mode: str, wrt: list[Tensor], outs: list[Tensor], start: int
) -> list[list[Any]]:
    """For each of `outs` the Jacobians by each of `wrt`."""
    pattern = pattern_of(recording()[0], wrt, outs, start)
    columns: Directions = Basis(wrt)
    rows: Directions = Basis(outs)
    if pattern is not None and mode != "reverse":
        columns = colored(recording()[0], wrt, outs, pattern) or columns
    if pattern is not None and mode != "forward":
        rows = colored(recording()[0], outs, wrt, pattern.T) or rows
    if mode == "fewer":
        complex_ = any(t.dtype.kind == "c" for t in outs)
        mode = "forward" if complex_ or columns.size <= rows.size else "reverse"
    if mode == "forward":
        return _columns(wrt, outs, start, columns)
    return _rows(wrt, outs, start, rows)


# --- columns and rows -------------------------------------------------------------


def _columns(
    wrt: list[Tensor], outs: list[Tensor], start: int, basis: Directions
) -> list[list[Any]]:
    """The Jacobians by forward mode."""
    rec = recording()[0]

    def along(tangents: list[Tensor]) -> list[Tensor]:
        return push(rec, outs, wrt, tangents, start)

    columns = mapped(rec, along, basis.directions())
    return [
        [_typed(basis.block(c, i, j, last=True), out, x) for j, x in enumerate(wrt)]
        for i, (out, c) in enumerate(zip(outs, columns, strict=True))
    ]


def _rows(
    wrt: list[Tensor], outs: list[Tensor], start: int, basis: Directions
) -> list[list[Any]]:
    """The same, by reverse mode."""
    rec = recording()[0]
    if any(o.dtype.kind == "c" and x.dtype.kind != "c" for o in outs for x in wrt):
        raise DTypeError(
            "the Jacobian of a complex value by a real argument takes forward mode; "
            "use tapec.jacfwd"
        )

    def back(cts: list[Tensor]) -> list[Tensor]:
        return pull(rec, seeds_of(rec, outs, cts), wrt, start)

    rows = mapped(rec, back, basis.directions())
    return [
        [
            _typed(_row(basis.block(r, j, i, last=False), out), out, x)
            for j, (x, r) in enumerate(zip(wrt, rows, strict=True))
        ]
        for i, out in enumerate(outs)
    ]


def _row(block: Any, out: Tensor) -> Any:
    """A gradient is conjugate to the derivative of a holomorphic function."""
    return np.conj(block) if out.dtype.kind == "c" else block


def _typed(block: Any, out: Tensor, x: Tensor) -> Any:
    """A Jacobian has the argument's dtype, as a gradient; number by number is one."""
    block = np.reshape(block, (*out.shape, *x.shape))
    if block.dtype != x.dtype and block.dtype.kind == x.dtype.kind:
        block = block.astype(x.dtype)
    if type(out.kind) is Weak and type(x.kind) is Weak:
        block.kind = Weak.of(block.type)
    return block


class Basis(NamedTuple):
    """The unit directions of several tensors, one after the other."""

    tensors: list[Tensor]

    @property
    def size(self) -> int:
        return sum(t.size for t in self.tensors)

    def directions(self) -> list[Tensor]:
        """For each tensor an array with one more axis in front, along the basis."""
        number: Any = np.reshape(iota(length=self.size), (-1, 1))
        rows: list[Any] = []
        begin = 0
        for t in self.tensors:
            unit = np.equal(number, iota(length=t.size) + begin).astype(t.dtype)
            rows.append(np.reshape(unit, (self.size, *t.shape)))
            begin += t.size
        return rows

    def block(self, products: Any, result: int, tensor: int, *, last: bool) -> Any:
        """Of the products of one result those with the directions of one tensor.

        last: whether the axis of the directions is the last one, not the first.
        """
        begin = sum(t.size for t in self.tensors[:tensor])
        part = products[begin : begin + self.tensors[tensor].size]
        return np.moveaxis(part, 0, -1) if last else part


Directions = Basis | Coloring
