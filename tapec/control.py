"""Loops and branches as single operations: `scan`, `fori_loop`, `while_loop`, `cond`.

On a tape and in a traced function they are one op with a body that is traced once, so
their programs do not grow with the number of steps. Elsewhere they are what they say:
Python loops over NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapec import containers
from tapec.bodies import replay, trace_step
from tapec.captures import function_code
from tapec.carries import Carry, Step, flat, here, shared, traced_step
from tapec.containers import Structure
from tapec.eager import eager_scan
from tapec.errors import ShapeError, TraceError
from tapec.inside import carried, nothing_wrong, require, stopping
from tapec.ir import ArrayType, Dim, Extent, Function
from tapec.operators import Operators
from tapec.ops.cast import cast
from tapec.ops.control import scan as scan_op
from tapec.ops.while_loop import while_loop as while_op
from tapec.recording import Inside, state
from tapec.tensor import Tensor, as_tensor

__all__ = ["fori_loop", "scan", "while_loop"]


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: Extent | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Run `carry, y = f(carry, x)` along the first axis of `xs`: `(carry, stacked ys)`.

    init, and what `f` returns: any containers of arrays and numbers. xs: containers of
    arrays with one length, which may be symbolic, or None with `length` steps.
    reverse: from the last element to the first; `ys[t]` still belongs to `xs[t]`. A
    carry keeps its shape and dtype; one that starts as a Python number takes the dtype
    that the first step gives it.

    ShapeError, DTypeError or TraceError if the carry comes back as something else.

    >>> import numpy as np, tapec
    >>> total, sums = tapec.scan(lambda c, x: (c + x, c + x), 0, np.arange(4))
    >>> int(total), sums
    (6, array([0, 1, 3, 6]))
    """
    x_leaves, x_structure = flat(xs)
    steps = _steps(x_leaves, x_structure, length)
    if state.recording is None:
        return eager_scan(f, init, x_leaves, x_structure, int(steps), reverse)
    leaves, structure = flat(init)
    start = [as_tensor(x) for x in leaves]
    inputs = [as_tensor(x) for x in x_leaves]
    carry = Carry("scan", start, structure)
    elements = [ArrayType(x.dtype, x.shape[1:]) for x in inputs]
    step = traced_step("scan", f, carry, elements, x_structure, function_code(f))
    if not isinstance(steps, Dim) and steps == 0:
        outputs = [
            as_tensor(np.zeros((0, *r.shape), r.dtype))
            for r in step.function.results[carry.size :]
        ]
        finals = _started(start, carry)
    else:
        found = _scan(_started(start, carry), inputs, step, steps, reverse)
        finals, outputs = _finals(found, carry), found[carry.size :]
    return (
        containers.unflatten(structure, finals),
        containers.unflatten(step.structure, outputs),
    )


def _scan(
    start: list[Tensor], inputs: list[Tensor], step: Step, steps: Extent, reverse: bool
) -> list[Tensor]:
    """The op; IndexError if an index in the step is out of range."""
    n, body, inside = len(start), step.function, step.inside
    captured = [as_tensor(c) for c in step.captured]
    if inside is not None:
        start, body = [*start, nothing_wrong()], carried(body, n, inside)
    found = scan_op(
        *start, *captured, *inputs, body=body, carries=len(start),
        invariants=len(captured), length=steps, reverse=reverse,
    )  # fmt: skip
    if inside is None:
        return list(found)
    require(inside._replace(holds=found[n]))
    return [*found[:n], *found[n + 1 :]]


def _steps(leaves: list[Any], structure: Any, length: Extent | None) -> Extent:
    """The number of steps that the inputs and `length` agree on."""
    paths = [f"xs{path}" for path in structure.paths()]
    found: dict[str, Extent] = {} if length is None else {"length": as_extent(length)}
    for path, x in zip(paths, leaves, strict=True):
        shape = np.shape(x)
        if not shape:
            text = f"scan: {path} has no axis to run along; stack the inputs"
            raise here(ShapeError(text))
        found[path] = shape[0]
    if not found:
        raise here(TraceError("scan: give xs or length"))
    first, *others = found.values()
    if any(n != first for n in others):
        listed = ", ".join(f"{k} {v}" for k, v in found.items())
        raise here(ShapeError(f"scan: lengths differ: {listed}"))
    return first


def as_extent(n: Any) -> Extent:
    """A number of steps: an integer, or an extent known when the program runs."""
    return n if isinstance(n, Dim) else int(n)


def _started(start: list[Tensor], carry: Carry) -> list[Tensor]:
    """Initial values in the dtypes that the carries have settled to."""
    made = []
    for t, type_ in zip(start, carry.types, strict=True):
        u = t if t.dtype == type_.dtype else cast(t, dtype=type_.dtype)
        made.append(Tensor(u.rec, u.value, type_, u.known))
    return made


def _finals(found: Any, carry: Carry) -> list[Tensor]:
    """The last carries; what was a Python number throughout is one."""
    finals = list(found[: carry.size])
    for t, kind in zip(finals, carry.kinds, strict=True):
        t.kind = kind
    return finals


def fori_loop(
    lower: Any, upper: Any, body: Callable[[Any, Any], Any], init: Any
) -> Any:
    """`carry = body(i, carry)` for i in range(lower, upper); the last carry.

    The bounds are Python integers, or traced ones: then the number of steps is that of
    each run.

    >>> import tapec
    >>> tapec.fori_loop(0, 5, lambda i, c: c + i, 0)
    10
    """
    if isinstance(lower, Operators) or isinstance(upper, Operators):
        _, last = while_loop(
            lambda c: c[0] < upper,
            lambda c: (c[0] + 1, body(*c)),
            (lower, init),
        )
        return last

    def step(c: Any, x: Any) -> Any:
        i, carry = c
        return (i + 1, body(i, carry)), None

    first, last = as_extent(lower), as_extent(upper)
    steps = last - first if last > first else 0
    (_, found), _ = scan(step, (first, init), length=steps)
    return found


def while_loop(
    cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init: Any
) -> Any:
    """`carry = body_fun(carry)` as long as `cond_fun(carry)`; the last carry.

    The number of steps is that of each run, and none is possible. Gradients keep a
    record of the carries, so memory grows with the number of steps.

    >>> import tapec
    >>> root = lambda a: tapec.while_loop(
    ...     lambda x: abs(x * x - a) > 1e-9, lambda x: (x + a / x) / 2, 1.0)
    >>> round(root(2.0), 6), round(tapec.grad(root)(2.0), 6)
    (1.414214, 0.353553)
    """
    leaves, structure = flat(init)
    if state.recording is None:
        carry = Carry("while_loop", leaves, structure)
        while _holds(cond_fun(containers.unflatten(structure, leaves))):
            leaves = carry.back(body_fun(containers.unflatten(structure, leaves)))
        return containers.unflatten(structure, leaves)
    start = [as_tensor(x) for x in leaves]
    carry = Carry("while_loop", start, structure)

    def step(c: Any, x: Any) -> Any:
        return body_fun(c), None

    none = flat(None)[1]
    body = traced_step("while_loop", step, carry, [], none, function_code(body_fun))
    one = Structure("tuple", None, (structure,))
    test = trace_step(
        lambda c: _truth(cond_fun(c)), carry.kinds, one, "while_loop",
        function_code(cond_fun),
    )  # fmt: skip
    rows = [(test.function, test.captured), (body.function, body.captured)]
    functions, captured = shared(rows, carry.size)
    found = _while(
        _started(start, carry), captured, functions, test.inside, body.inside
    )
    return containers.unflatten(structure, _finals(found, carry))


def _while(
    start: list[Tensor], captured: list[Tensor], functions: list[Function],
    tested: Inside | None, inside: Inside | None,
) -> list[Tensor]:  # fmt: skip
    """The op; IndexError if an index in its functions is out of range."""
    cond, body = functions
    n = len(start)
    if tested is None and inside is None:
        return list(while_op(*start, *captured, cond=cond, body=body, carries=n))
    found = while_op(
        *start, nothing_wrong(), *captured, cond=stopping(cond, n, tested),
        body=carried(body, n, inside), carries=n + 1,
    )  # fmt: skip
    if inside is not None:
        require(inside._replace(holds=found[n]))
    if tested is not None:
        assert state.recording is not None
        last = Function(cond.name, cond.params, cond.ops, [tested.holds])
        (holds,) = replay(state.recording, last, [*found[:n], *captured])
        require(tested._replace(holds=holds))
    return list(found[:n])


def _truth(x: Any) -> Any:
    """What a condition returned, as a boolean scalar."""
    (leaf,) = flat(x)[0] or [None]
    if leaf is None or np.shape(leaf) != ():
        text = "while_loop: the condition must be a scalar, not "
        what = type(x).__name__ if leaf is None else f"of shape {np.shape(leaf)}"
        raise here(ShapeError(text + what))
    t = as_tensor(leaf)
    return t if t.dtype == np.bool_ else np.not_equal(t, 0)


def _holds(x: Any) -> bool:
    t = _truth(x)
    return bool(t.array if isinstance(t, Operators) else t)
