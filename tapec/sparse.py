"""Sparse Jacobians and Hessians: `sparse_jacobian`, `sparse_hessian`.

Columns that share no row can be told apart in one product. The pattern of zeros is
found in the IR, columns that meet get different colours, and there is one product per
colour, all of them in one vectorized program: the cost grows with the colours, not with
n.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tapec import containers
from tapec.coloring import compress
from tapec.compiled import Compiled, arguments
from tapec.errors import CheckFailed, UnsupportedError
from tapec.forward import push, recording
from tapec.interpret import evaluate
from tapec.ir import Function, Value, prune
from tapec.ops.const import const
from tapec.ops.effects import check
from tapec.passes import pipeline
from tapec.passes.batch import mapped
from tapec.pickling import Remade, remembered
from tapec.recording import Array, Recording, state
from tapec.sources import Selection, Sources, name_of
from tapec.tensor import Tensor, as_tensor
from tapec.tracing import Traced, signature_of
from tapec.transform import as_loops, grad, pull, seeds_of

__all__ = ["SparseDerivative", "sparse_hessian", "sparse_jacobian"]

Fun = Callable[..., Any]
PASSES = ("roll", "simplify", "fold", "cse", "loops", "dce")
MAX_PLANS = 16


@remembered
def sparse_jacobian(fun: Fun | None = None, argnums: int = 0) -> Any:
    """The Jacobian of an array by an array as a `scipy.sparse` CSR matrix.

    argnums: the position of the argument. A value of m elements by an argument of n
    gives shape (m, n), both counted in row-major order. The matrix holds every entry
    that may differ from zero, whatever it is at this point. The result of
    `sparse_jacobian` has the methods `pattern(*args)`, a Boolean matrix, and
    `colors(*args)`, the number of products.

    ValueError where argument or value is not one array; UnsupportedError within a tape
    or a traced function, which hold no sparse matrices.

    >>> import numpy as np, tapec
    >>> jacobian = tapec.sparse_jacobian(lambda x: x[1:] * x[:-1])
    >>> jacobian(np.array([1.0, 2.0, 3.0])).toarray()
    array([[2., 1., 0.],
           [0., 3., 2.]])
    """
    if fun is None:
        return lambda f: sparse_jacobian(f, argnums)
    return SparseDerivative("sparse_jacobian", fun, fun, argnums)


@remembered
def sparse_hessian(fun: Fun | None = None, argnums: int = 0) -> Any:
    """The Hessian of a scalar function as a `scipy.sparse` CSR matrix.

    Arguments, methods and errors as for `sparse_jacobian`, and those of `tapec.grad`.
    An argument of n elements gives shape (n, n).

    >>> import numpy as np, tapec
    >>> f = lambda x: np.sum(np.diff(x) ** 2)
    >>> tapec.sparse_hessian(f)(np.array([1.0, 2.0, 4.0])).toarray()
    array([[ 2., -2.,  0.],
           [-2.,  4., -2.],
           [ 0., -2.,  2.]])
    """
    if fun is None:
        return lambda f: sparse_hessian(f, argnums)
    return SparseDerivative("sparse_hessian", fun, grad(fun, argnums), argnums)


class Plan:
    """The compression of one pattern, and what the pattern depends on."""

    def __init__(
        self, traced: Traced, leaves: Sequence[Any], source: int, symmetric: bool
    ) -> None:
        from tapec.passes.sparsity import positions, sparsity  # loads scipy.sparse

        fn = pipeline.run(traced.function, PASSES)
        self._bindings = traced.bindings
        places = positions(fn, fn.params[source])
        self._guard = _deciding(fn, places)
        inputs = self._inputs(leaves)
        assert inputs is not None
        self._numbers = _decisions(evaluate(self._guard, *inputs))
        known = dict(zip(places, self._numbers, strict=True))
        (pattern,) = sparsity(fn, fn.params[source], known)
        self.compression = compress(pattern, symmetric)

    def _inputs(self, leaves: Sequence[Any]) -> list[Array] | None:
        captured = self._bindings.arrays()
        return None if captured is None else [*arguments(leaves), *captured]

    def holds(self, leaves: Sequence[Any]) -> bool:
        """Whether elements go the same ways for these arguments."""
        inputs = self._inputs(leaves)
        if inputs is None:
            return False
        if all(v.prim is const for v in (*self._guard.ops, *self._guard.results)):
            return True
        try:
            numbers = _decisions(evaluate(self._guard, *inputs))
        except CheckFailed:
            return False
        return all(map(np.array_equal, numbers, self._numbers))


def _decisions(numbers: Sequence[Array]) -> list[Array]:
    """Of matrices that multiply only where they are zero matters. Copies."""
    return [x.copy() if x.dtype.kind in "iub" else x != 0 for x in numbers]


def _deciding(fn: Function, places: Sequence[Value]) -> Function:
    """The part of `fn` that gives `places`, and the checks of its branches."""
    ops = [op for op in fn.ops if not op.prim.effect or op.prim is check]
    return prune(Function(fn.name, fn.params, ops, places))


class SparseDerivative(Remade):
    """A function with a sparse matrix as its result; made by the functions above."""

    def __init__(self, kind: str, fun: Fun, derived: Fun, argnums: int) -> None:
        functools.update_wrapper(self, fun, updated=())
        self.kind = kind
        self.fun = fun
        self.__name__ = name_of(fun)
        self.recipe = self._twin = None
        self._derived = Compiled(derived, derived)
        self._argnums = argnums
        self._symmetric = derived is not fun
        self._plans: dict[Any, list[Plan]] = {}
        self._forward = Compiled(fun, self._products(_along))
        self._reverse = Compiled(fun, self._products(_back))

    def __call__(self, *args: Any, **kw: Any) -> Any:
        """The matrix."""
        plan = self._plan(args, kw)
        way = self._forward if plan.compression.columns else self._reverse
        found = way(*args, **kw, seeds=plan.compression.seeds)
        products = found.array if isinstance(found, Tensor) else found
        return plan.compression.matrix(products)

    def pattern(self, *args: Any, **kw: Any) -> Any:
        """Where the matrix may differ from zero: a Boolean CSR matrix."""
        return self._plan(args, kw).compression.pattern

    def colors(self, *args: Any, **kw: Any) -> int:
        """How many products one matrix takes."""
        return len(self._plan(args, kw).compression.seeds)

    def inspect(self, *args: Any, **kw: Any) -> Any:
        """The program of the products, stage by stage: see `tapec.inspect`."""
        plan = self._plan(args, kw).compression
        way = self._forward if plan.columns else self._reverse
        return way.inspect(*args, **kw, seeds=plan.seeds)

    def __repr__(self) -> str:
        return f"<{self.kind} of {self.__name__}>"

    # plans

    def _plan(self, args: tuple[Any, ...], kw: dict[str, Any]) -> Plan:
        """The pattern for these arguments with its colours, found once."""
        if state.recording is not None:
            raise UnsupportedError(
                f"{self.kind} gives a scipy.sparse matrix, which cannot be traced; "
                "call it outside of tapes and traced functions"
            )
        leaves, structure = self._derived._flatten(args, kw)
        key = (structure, signature_of(leaves))
        plans = self._plans.setdefault(key, [])
        for plan in plans:
            if plan.holds(leaves):
                return plan
        traced = self._derived._trace(leaves, structure)
        plans.insert(
            0, Plan(traced, leaves, self._source(args, traced), self._symmetric)
        )
        del plans[MAX_PLANS:]
        return plans[0]

    def _source(self, args: tuple[Any, ...], traced: Traced) -> int:
        """The number of the parameter to differentiate by."""
        i = self._argnums + len(args) if self._argnums < 0 else self._argnums
        if not 0 <= i < len(args) or not containers.is_leaf(args[i]):
            raise ValueError(f"{self.kind}: argument {self._argnums} is not one array")
        if traced.structure.kind != "leaf":
            raise ValueError(f"{self.kind}: {self.__name__} does not return one array")
        return sum(len(containers.flatten(a)[0]) for a in args[:i])

    def _products(self, way: Callable[..., Any]) -> Fun:
        """What is compiled: the products with all seeds, one per row."""

        def body(*args: Any, seeds: Any, **kw: Any) -> Any:
            sources = Sources(self.fun, Selection(self._argnums), args, kw)
            rec, start = recording()  # behind the sources: they are no part of a loop
            out = as_tensor(self._derived.fun(*sources.args, **sources.kw))
            as_loops(rec, start, [out])
            (found,) = way(rec, out, sources.wrt, seeds, start)
            return np.reshape(found, (seeds.shape[0], -1))

        return body


def _along(
    rec: Recording, out: Tensor, wrt: list[Tensor], seeds: Any, start: int
) -> Any:
    """The tangents of the value along each seed."""
    (x,) = wrt
    rows: Any = np.reshape(seeds.astype(x.dtype), (-1, *x.shape))
    return mapped(rec, lambda t: push(rec, [out], wrt, t, start), [rows])


def _back(
    rec: Recording, out: Tensor, wrt: list[Tensor], seeds: Any, start: int
) -> Any:
    """The gradients of the value under each seed."""
    rows: Any = np.reshape(seeds.astype(out.dtype), (-1, *out.shape))

    def back(cts: list[Tensor]) -> list[Tensor]:
        return pull(rec, seeds_of(rec, [out], cts), wrt, start)

    return mapped(rec, back, [rows])
