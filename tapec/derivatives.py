"""Whole derivatives: `jacfwd`, `jacrev`, `jacobian`, `hessian`.

A Jacobian is one product per column (forward) or per row (reverse); all of them are
taken at once, as one vectorized program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tapec import containers
from tapec.compiled import Compiled
from tapec.errors import DTypeError
from tapec.forward import push, recording
from tapec.ops.positions import iota
from tapec.passes.batch import mapped
from tapec.sources import Selection, Sources
from tapec.tensor import Tensor, Weak, as_tensor
from tapec.transform import as_loops, grad, pull, seeds_of

__all__ = ["hessian", "jacfwd", "jacobian", "jacrev"]

Fun = Callable[..., Any]
Argnums = int | Sequence[int]


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

    TypeError for an integer array (use `.astype(float)`) or an integer value.

    >>> import numpy as np, tapec
    >>> tapec.jacfwd(np.square)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _compiled(jacfwd, "forward", fun, argnums, has_aux)


def jacrev(
    fun: Fun | None = None, argnums: Argnums = 0, *, has_aux: bool = False
) -> Any:
    """The Jacobian, row by row: for many inputs and few outputs.

    Arguments and result as for `jacfwd`. A complex value by a real argument has no rows
    in this sense: DTypeError says to use `jacfwd`.

    >>> import numpy as np, tapec
    >>> tapec.jacrev(np.cumsum)(np.array([1.0, 2.0]))
    array([[1., 0.],
           [1., 1.]])
    """
    return _compiled(jacrev, "reverse", fun, argnums, has_aux)


def jacobian(
    fun: Fun | None = None, argnums: Argnums = 0, *, has_aux: bool = False
) -> Any:
    """The Jacobian, by columns or by rows, whichever are fewer.

    Arguments and result as for `jacfwd`.

    >>> import numpy as np, tapec
    >>> tapec.jacobian(lambda x: np.sum(x) * x)(np.array([1.0, 2.0]))
    array([[4., 1.],
           [2., 5.]])
    """
    return _compiled(jacobian, "fewer", fun, argnums, has_aux)


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
        blocks = (_columns if _by_columns(mode, sources.wrt, outs) else _rows)(
            sources.wrt, outs, start
        )
        found = containers.unflatten(structure, [sources.shaped(b) for b in blocks])
        return (found, *aux) if has_aux else found

    return Compiled(fun, body)


def _floating(leaf: Any) -> Tensor:
    t = as_tensor(leaf)
    if t.dtype.kind not in "fc":
        raise DTypeError(f"a value of dtype {t.dtype} has no Jacobian")
    return t


def _by_columns(mode: str, wrt: list[Tensor], outs: list[Tensor]) -> bool:
    """Whether to go forward."""
    if mode == "fewer":
        if any(t.dtype.kind == "c" for t in outs):
            return True
        return sum(t.size for t in wrt) <= sum(t.size for t in outs)
    return mode == "forward"


# --- columns and rows -------------------------------------------------------------


def _columns(wrt: list[Tensor], outs: list[Tensor], start: int) -> list[list[Any]]:
    """For each of `outs` the Jacobians by each of `wrt`."""
    rec = recording()[0]

    def along(tangents: list[Tensor]) -> list[Tensor]:
        return push(rec, outs, wrt, tangents, start)

    basis = Basis(wrt)
    columns = _many(along, basis)
    return [
        [
            _typed(np.reshape(np.moveaxis(part, 0, -1), (*out.shape, *x.shape)), out, x)
            for part, x in zip(basis.split(c), wrt, strict=True)
        ]
        for out, c in zip(outs, columns, strict=True)
    ]


def _rows(wrt: list[Tensor], outs: list[Tensor], start: int) -> list[list[Any]]:
    """The same, by reverse mode."""
    rec = recording()[0]
    if any(o.dtype.kind == "c" and x.dtype.kind != "c" for o in outs for x in wrt):
        raise DTypeError(
            "the Jacobian of a complex value by a real argument takes forward mode; "
            "use tapec.jacfwd"
        )

    def back(cts: list[Tensor]) -> list[Tensor]:
        return pull(rec, seeds_of(rec, outs, cts), wrt, start)

    basis = Basis(outs)
    split = [basis.split(r) for r in _many(back, basis)]
    return [
        [
            _typed(np.reshape(_row(split[j][i], out), (*out.shape, *x.shape)), out, x)
            for j, x in enumerate(wrt)
        ]
        for i, out in enumerate(outs)
    ]


def _row(part: Any, out: Tensor) -> Any:
    """A gradient is conjugate to the derivative of a holomorphic function."""
    return np.conj(part) if out.dtype.kind == "c" else part


def _typed(block: Any, out: Tensor, x: Tensor) -> Any:
    """A Jacobian has the argument's dtype, as a gradient; number by number is one."""
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

    def split(self, stacked: Any) -> list[Any]:
        """What belongs to the directions of each tensor."""
        parts, begin = [], 0
        for t in self.tensors:
            parts.append(stacked[begin : begin + t.size])
            begin += t.size
        return parts


def _many(f: Callable[[list[Tensor]], list[Tensor]], basis: Basis) -> list[Any]:
    """`f` of every direction of the basis: its results with one more axis in front."""
    return mapped(recording()[0], f, basis.directions())
