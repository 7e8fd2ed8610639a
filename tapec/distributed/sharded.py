"""`value_and_grad` over shards: parts, which any process computes, and their sum."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

from tapec import containers, transform
from tapec.distributed import carrying, engine, shards
from tapec.distributed.limits import limited
from tapec.distributed.parts import Part, divided, empty, weighted
from tapec.distributed.progress import Report, counted, reporter
from tapec.distributed.tree import tree_sum
from tapec.errors import UnsupportedError
from tapec.recording import state
from tapec.sources import name_of
from tapec.tensor import Tensor
from tapec.variable import Variable

__all__ = ["ValueAndGrad", "value_and_grad"]


def value_and_grad(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    client: Any = None,
    reduce: str = "sum",
    weight: Callable[[Any], Any] | None = None,
    progress: bool | Report = False,
    threads: int = 1,
    dynamic: bool = False,
) -> ValueAndGrad:
    """Value and gradient of `fun` summed over shards of its last argument.

    `fun(*params, shard)` returns one number. The result is called with the parameters
    and a list or tuple of shards, and returns `(value, gradient)`, the gradient with
    the structure, shapes and dtypes of the parameters that `argnums` chooses. Tensors
    and variables among them are read, and their gradients are arrays.

    A shard is whatever `fun` takes: arrays, or containers of them. A function in its
    place is called without arguments where the shard is used, so it can load data that
    no single process could hold. With a client, Dask's futures and delayed objects
    stand for their data too.

    client: a `distributed.Client`. Workers compute the parts and add them; the work of
    one that is lost is done again. None computes one shard after the other here.
    reduce: "sum", or "mean": `fun` is then the mean over the examples of a shard, and
    the result that of all shards, weighed by their numbers of examples.
    weight: called with a shard's data, gives the number of its examples; otherwise it
    is the length of the first axis, which all its arrays must share. A shard of weight
    0 is left out and `fun` not called with it.
    progress: True writes the number of shards done to the standard error; a function
    is called with it and the number of all.
    threads: that one shard's program may use (`tapec.config.threads` while it runs).
    dynamic: one program for shards of any size, see `tapec.jit`.

    The parts are added by `tree_sum`, so the bits of a result do not depend on client,
    number of workers, or who is done first. What `fun` raises is raised with a note
    that names the shard. TypeError for shards that are not a list or tuple; ValueError
    for none, and for a mean of shards whose weights are unclear or all 0;
    UnsupportedError inside a tape or traced function, and where `fun` assigns to a
    variable.

    >>> import numpy as np
    >>> from tapec.distributed import value_and_grad
    >>> def loss(w, shard):
    ...     x, y = shard
    ...     return np.mean((x @ w - y) ** 2)
    >>> shards = [(np.eye(2), np.ones(2)), (np.ones((1, 2)), np.ones(1))]
    >>> value, gradient = value_and_grad(loss, reduce="mean")(np.zeros(2), shards)
    >>> float(value), gradient.round(3)
    (1.0, array([-1.333, -1.333]))
    """
    made = ValueAndGrad(fun, argnums, reduce, weight, threads, dynamic)
    made.client = client
    made.progress = progress
    return made


class ValueAndGrad:
    """Made by `value_and_grad`; pickles, but for `client` and `progress`."""

    client: Any = None
    progress: bool | Report = False

    def __init__(
        self,
        fun: Callable[..., Any],
        argnums: int | Sequence[int],
        reduce: str,
        weight: Callable[[Any], Any] | None,
        threads: int,
        dynamic: bool,
    ) -> None:
        if reduce not in ("sum", "mean"):
            raise ValueError(f"reduce is 'sum' or 'mean', not {reduce!r}")
        if weight is not None and reduce == "sum":
            raise ValueError("weight is for reduce='mean'; a sum weighs nothing")
        self._options = (fun, argnums, reduce, weight, threads, dynamic)
        self._mean = reduce == "mean"
        self._weight = weight or shards.examples
        self._threads = threads
        self._argnums = argnums
        self._program = transform.value_and_grad(fun, argnums, dynamic=dynamic)
        self.__name__ = name_of(fun)

    def __call__(self, *args: Any) -> tuple[Any, Any]:
        """`(value, gradient)` at `(*params, shards)`."""
        if not args:
            raise TypeError(f"{self.__name__} is called with parameters and shards")
        *params, given = args
        shards.checked(given)
        self._check(params)
        report = reporter(self.progress, self.__name__)
        if self.client is not None:
            return self._result(engine.total(self, params, given, self.client, report))
        parts = (self.part(*params, s, index=i) for i, s in enumerate(given))
        return self.combine(counted(parts, len(given), report))

    def part(self, *args: Any, index: int | None = None) -> Part:
        """What one shard adds, at `(*params, shard)`.

        A pure function of its arguments, for any engine that calls functions in other
        processes. index: of the shard, for the note on an error.

        >>> import numpy as np
        >>> from tapec.distributed import value_and_grad
        >>> vg = value_and_grad(lambda w, x: np.sum(w * x))
        >>> vg.combine([vg.part(2.0, np.ones(3)), vg.part(2.0, np.ones(4))])
        (np.float64(14.0), 7.0)
        """
        *params, shard = args
        self._check(params)
        try:
            shard = containers.map_leaves(_read, shards.loaded(shard))
            return self._part(containers.map_leaves(_read, params), shard)
        except Exception as error:
            if index is not None:
                error.add_note(f"in shard {index} of {self.__name__}")
            raise

    def combine(self, parts: Iterable[Part]) -> tuple[Any, Any]:
        """`(value, gradient)` of parts in the order of their shards.

        They may come from an iterator, which is read as they are added.
        """
        return self._result(tree_sum(parts))

    def _check(self, params: list[Any]) -> None:
        if state.recording is not None:
            raise UnsupportedError(
                f"{self.__name__}: shards are computed by other processes, which a "
                "tape or traced function cannot record; call it outside"
            )
        count = len(params)
        wanted = [n] if isinstance(n := self._argnums, int) else n
        if not wanted or not all(0 <= n < count for n in wanted):
            raise ValueError(
                f"argnums {self._argnums} for {self.__name__} called with {count} "
                "arguments in front of the shards"
            )

    def _part(self, params: list[Any], shard: Any) -> Part:
        weight = shards.weighed(shard, self._weight) if self._mean else 1.0
        if weight == 0.0:
            return empty(self._chosen(params))
        with limited(self._threads):
            value, gradient = self._program(*params, shard)
        self._refuse_assigns()
        return weighted(value, gradient, weight)

    def _refuse_assigns(self) -> None:
        versions = chain.from_iterable(list(self._program._versions.values()))
        if any(version.traced.assigned for version in versions):
            raise UnsupportedError(
                f"{self.__name__} assigns to a variable, which would change it in some "
                "process, as often as there are shards there; return what it computes, "
                "and assign where the sum arrives"
            )

    def _chosen(self, params: list[Any]) -> Any:
        """The parameters to differentiate by, as the gradient holds theirs."""
        if isinstance(self._argnums, int):
            return params[self._argnums]
        return tuple(params[n] for n in self._argnums)

    def _result(self, total: Part) -> tuple[Any, Any]:
        if self._mean and total.weight == 0.0:
            raise ValueError(f"{self.__name__}: the mean of no examples is not defined")
        return divided(total, total.weight if self._mean else 1.0)

    def __reduce__(self) -> tuple[Any, ...]:
        return carrying.once, (ValueAndGrad, carrying.dumps(self._options))

    def __repr__(self) -> str:
        return f"<value and gradient of {self.__name__} over shards>"


def _read(x: Any) -> Any:
    return x.numpy() if isinstance(x, (Tensor, Variable)) else x
