"""Gradients written by the user: `@tapec.custom_gradient`.

The function's own ops are recorded as usual. Its gradient function runs at once, on a
recording of its own whose parameters are the cotangents and every value it reads from
outside; the result is the attribute of one op, `custom`, that stands for the value and
hands its cotangent to the arguments. So the gradient is part of the IR: the program
cache finds it again, it prints, compiles, and is differentiated like anything else;
what it reads from the function keeps its history, and it may use `custom_gradient`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from inspect import Parameter, signature
from typing import Any, NoReturn

import numpy as np

from tapec import containers
from tapec.errors import TraceError
from tapec.ir import Attrs, Function, TupleType, Value
from tapec.ops.cast import stop_gradient as constant
from tapec.ops.const import item
from tapec.ops.custom import custom
from tapec.primitive import Primitive
from tapec.recording import Array, Recording, Trace, recording_in, state
from tapec.tensor import Tensor, as_tensor
from tapec.variable import Variable

__all__ = ["custom_gradient", "stand_ins", "stop_gradient"]

Fun = Callable[..., Any]


def stop_gradient(x: Any) -> Any:
    """The same numbers, constant as far as gradients are concerned.

    x: a tensor, or any container of them; shapes and dtypes stay. Arrays and numbers
    have no history and come back as they are.

    >>> import tapec
    >>> tapec.grad(lambda x: x * tapec.stop_gradient(x))(3.0)
    3.0
    """
    return containers.map_leaves(
        lambda leaf: (
            constant(as_tensor(leaf)) if isinstance(leaf, (Tensor, Variable)) else leaf
        ),
        x,
    )


def custom_gradient(f: Fun) -> Fun:
    """Give `f` a gradient of its own.

    f: returns `(value, grad_fn)`. `grad_fn(*cts)` gets one cotangent per result and
    returns one gradient per positional argument (a tensor, or a sequence of them; None
    for an argument without). If `f` reads Variables, `grad_fn` takes a keyword
    `variables` as well and returns `(gradients, gradients of the variables)`. Keyword
    arguments are passed on and have no gradient.

    Cotangents have no numbers while `grad_fn` runs: steer with `np.where`, not `if`.

    ValueError, naming `f`, when it returns something else or `grad_fn` the wrong count.

    >>> import numpy as np, tapec
    >>> @tapec.custom_gradient
    ... def log1pexp(x):
    ...     e = np.exp(x)
    ...     return np.log(1.0 + e), lambda ct: ct * (1.0 - 1.0 / (1.0 + e))
    >>> tapec.grad(log1pexp)(1000.0)
    1.0
    """

    @functools.wraps(f)
    def with_gradient(*args: Any, **kw: Any) -> Any:
        rec = state.recording
        if rec is None:
            return _pair(f, f(*args, **kw))[0]
        return _recorded(rec, f, args, kw)

    return with_gradient


def _recorded(rec: Recording, f: Fun, args: Any, kw: dict[str, Any]) -> Any:
    leaves, structure = containers.flatten(args)
    sources = [as_tensor(x) for x in leaves]
    before = len(rec.reads)
    returned = f(*containers.unflatten(structure, sources), **kw)
    value, grad_fn = _pair(f, returned)
    read = [v for _, v, _ in rec.reads[before:] if v.trainable]
    variables = list({id(v): v for v in read}.values())
    flat, shape = containers.flatten(value)
    outs = [as_tensor(x) for x in flat]
    sources += [v.read() for v in variables]
    body = _Backward(rec, _name(f))
    places = body.run(f, grad_fn, outs, sources, variables)
    return containers.unflatten(shape, _bound(rec, outs, sources, places, body))


def _bound(
    rec: Recording, outs: list[Tensor], sources: list[Tensor], places: list[int],
    body: _Backward,
) -> list[Tensor]:  # fmt: skip
    """The results as what `custom` makes of them."""
    operands = [body.outer(t) for t in (*outs, *sources)] + list(body.imports)
    attrs = (
        ("results", len(outs)),
        ("sources", len(sources)),
        ("places", tuple(places)),
        ("backward", body.finished()),
    )
    return stand_ins(rec, custom, outs, operands, attrs)


def stand_ins(
    rec: Recording, prim: Primitive, outs: list[Tensor], operands: list[Value],
    attrs: Attrs,
) -> list[Tensor]:  # fmt: skip
    """The tensors that an op makes of its first operands, `outs`."""
    if len(outs) == 1:
        values = [rec.append(prim, tuple(operands), attrs, outs[0].type)]
    else:
        type_ = TupleType(tuple(t.type for t in outs))
        whole = rec.append(prim, tuple(operands), attrs, type_)
        values = [
            rec.append(item, (whole,), (("index", i),), t.type)
            for i, t in enumerate(outs)
        ]
    made = [Tensor(rec, v, t.kind) for v, t in zip(values, outs, strict=True)]
    for t in made:
        rec.track(t)
    return made


class _Backward(Trace):
    """The recording of a gradient function: values from outside become parameters."""

    def __init__(self, parent: Recording, name: str) -> None:
        super().__init__(f"{name}.gradient", parent.stop)
        self.parent = parent
        self.imports: dict[Value, Value] = {}
        self._results: list[Value] = []

    # what is read from outside

    def outer(self, t: Tensor) -> Value:
        """The value of the parent that `t` is."""
        if t.rec is self.parent:
            return t.value
        return self.parent.leaf_of(t) or self.parent.leaf(t, t.array)

    def _import(self, value: Value) -> Value:
        if value not in self.imports:
            self.imports[value] = self._new_leaf(value.type, value.name)
        return self.imports[value]

    def leaf_of(self, source: Any) -> Value | None:
        return self._import(self.outer(source)) if type(source) is Tensor else None

    def leaf(self, source: Any, array: Array, name: str = "") -> Value:
        with recording_in(self.parent):
            t = as_tensor(source)
        return self._import(self.outer(t))

    def flush(self, wanted: Iterable[Value] = ()) -> NoReturn:
        raise TraceError(
            f"{self.name}: a gradient function cannot look at numbers, it is recorded "
            "before there are cotangents; use np.where"
        )

    # the gradient function

    def run(
        self, f: Fun, grad_fn: Fun, outs: list[Tensor], sources: list[Tensor],
        variables: list[Variable],
    ) -> list[int]:  # fmt: skip
        """Record the gradients; the places of the sources that have one."""
        with recording_in(self):
            cts = [self._cotangent(i, t) for i, t in enumerate(outs)]
            grads = _call(f, grad_fn, cts, len(sources), variables)
            pairs = enumerate(zip(grads, sources, strict=True))
            found = [(i, g, s) for i, (g, s) in pairs if _wanted(g, s)]
            self._results = [self._fitted(f, g, s) for _, g, s in found]
        if self.assigned:
            raise TraceError(
                f"{self.name}: a gradient function cannot assign variables"
            )
        return [i for i, _, _ in found]

    def _cotangent(self, i: int, t: Tensor) -> Tensor:
        if t.dtype.kind not in "fc":
            return as_tensor(np.zeros(t.shape))
        return Tensor(self, self.add_param(t.type, f"ct{i}"), t.type)

    def _fitted(self, f: Fun, g: Any, source: Tensor) -> Value:
        """A gradient as a value of the source's type."""
        t = as_tensor(g)
        if t.dtype.kind == "c" and source.dtype.kind == "f":
            t = np.real(t)
        if t.shape != source.shape:
            try:
                t = as_tensor(np.broadcast_to(t, source.shape))
            except ValueError:
                raise ValueError(
                    f"{_name(f)}: its gradient function returned shape {t.shape} for "
                    f"an argument of shape {source.shape}"
                ) from None
        if t.dtype != source.dtype:
            t = t.astype(source.dtype)
        return t.value if t.rec is self else self._import(self.outer(t))

    def finished(self) -> Function:
        """The gradient function: cotangents, then what it reads from outside."""
        params = [*self.params, *self.imports.values()]
        return Function(self.name, params, self.values, self._results)


def _wanted(g: Any, source: Tensor) -> bool:
    return g is not None and source.dtype.kind in "fc"


def _call(
    f: Fun, grad_fn: Fun, cts: list[Tensor], count: int, variables: list[Variable]
) -> list[Any]:
    """One gradient (or None) per argument, then per variable."""
    if not variables:
        return _counted(f, grad_fn(*cts), count, "argument")
    if not _takes_variables(grad_fn):
        names = ", ".join(v.name or "without a name" for v in variables)
        raise TypeError(
            f"{_name(f)} reads variables ({names}); its gradient function must take a "
            "keyword `variables` and return (gradients, gradients of the variables)"
        )
    got = grad_fn(*cts, variables=variables)
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        raise ValueError(
            f"{_name(f)}: its gradient function must return (gradients, gradients of "
            f"the variables), not {type(got).__name__}"
        )
    n = count - len(variables)
    return [
        *_counted(f, got[0], n, "argument"),
        *_counted(f, got[1], len(variables), "variable"),
    ]


def _counted(f: Fun, got: Any, count: int, what: str) -> list[Any]:
    if got is None and count:
        raise ValueError(
            f"{_name(f)}: its gradient function returned None; return one gradient per "
            f"{what}"
        )
    flat = list(_flat(got)) if count or got is not None else []
    if len(flat) != count:
        plural = "" if count == 1 else "s"
        raise ValueError(
            f"{_name(f)}: its gradient function returned {len(flat)} gradients for "
            f"{count} {what}{plural}"
        )
    return flat


def _flat(tree: Any) -> Iterator[Any]:
    """The leaves of a container; None is one."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (list, tuple)):
        for part in tree:
            yield from _flat(part)
    else:
        yield tree


def _takes_variables(grad_fn: Fun) -> bool:
    found = signature(grad_fn).parameters.values()
    return any(p.name == "variables" or p.kind is Parameter.VAR_KEYWORD for p in found)


def _pair(f: Fun, returned: Any) -> tuple[Any, Fun]:
    if not isinstance(returned, (tuple, list)) or len(returned) != 2:
        what = type(returned).__name__
    elif not callable(returned[1]):
        what = f"(value, {type(returned[1]).__name__})"
    elif returned[0] is None:
        what = "(None, grad_fn)"
    else:
        return returned[0], returned[1]
    raise ValueError(
        f"{_name(f)}: a function under custom_gradient returns (value, grad_fn), "
        f"not {what}"
    )


def _name(f: Fun) -> str:
    return getattr(f, "__name__", type(f).__name__)
