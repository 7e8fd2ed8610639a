"""A body and its gradient as one function: what the reverse of loops is made of.

    func @body(%c: f64[], %w: f64[]) {     func @body.joint(%c, %w, %ct: f64[]) {
      %2: f64[] = sin %c                     %2: f64[] = sin %c
      %3: f64[] = multiply %2, %w            %3: f64[] = multiply %2, %w
      return %3                        ->    %5: f64[] = multiply %ct, %w
    }                                        %6: f64[] = multiply %ct, %2
                                             %7: f64[] = cos %c
                                             %8: f64[] = multiply %5, %7
                                             return %3, %8, %6
                                           }

What depends on a cotangent belongs to the backward half. The forward values that it
reads can be stored by the forward loop or computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from tapec.ir import Function, Value, logged, quiet
from tapec.native.platform import elsewhere
from tapec.ops.const import const, with_constants
from tapec.passes.cse import cse
from tapec.passes.dce import dce
from tapec.passes.expand import expand
from tapec.passes.fold import fold
from tapec.passes.rules import differentiable, filled
from tapec.passes.simplify import simplify
from tapec.passes.vjp import backpropagate
from tapec.recording import Recording, Trace, recording_in
from tapec.tensor import Tensor

__all__ = ["Joint", "is_zero", "joint", "remembered", "shortened", "tidy"]


F = TypeVar("F", bound=Callable[..., Any])


def remembered(f: F) -> F:
    """`f(body, ...)`, computed once for bodies of the same text from the same lines.

    Equal bodies may differ in names, numbers and places, and what a pass gives must not
    depend on what it was given before, nor on the processor that was for.
    """

    @lru_cache(maxsize=1024)
    def cached(text: Any, body: Function, *rest: Any) -> Any:
        with logged():
            return f(body, *rest)

    def found(body: Function, *rest: Any) -> Any:
        values = (*body.params, *body.ops)
        places = [v.meta.loc.lines if v.meta.loc else None for v in body.ops]
        text = elsewhere(), body.name, *[v.uid for v in values], *places
        return cached(text, body, *rest)

    found.cache_clear = cached.cache_clear  # type: ignore[attr-defined]
    return found  # type: ignore[return-value]


def tidy(fn: Function) -> Function:
    """What every body goes through once it is made."""
    return dce(cse(fold(expand(simplify(fn)))))


class Joint:
    """A body with the gradient of some of its results.

    function: parameters are the body's, then one cotangent per entry of `seeded`;
    results are the body's, then the gradients. grads: per parameter its gradient, None
    where no path leads to it.
    """

    def __init__(self, body: Function, function: Function, grads: list[bool]) -> None:
        self.function = function
        self.params = function.params[: len(body.params)]
        self.cts = function.params[len(body.params) :]
        self.results = function.results[: len(body.results)]
        found = iter(function.results[len(body.results) :])
        self.grads = [next(found) if there else None for there in grads]
        self.backward = self._backward()

    def _backward(self) -> set[Value]:
        """Values that depend on a cotangent."""
        found = set(self.cts)
        for op in self.function.ops:
            if any(a in found for a in op.args):
                found.add(op)
        return found

    @property
    def reads(self) -> dict[Value, None]:
        """Forward values that the backward half needs, in order; no constants."""
        needed = [g for g in self.grads if g is not None]
        for op in self.function.ops:
            if op in self.backward:
                needed += op.args
        return dict.fromkeys(
            v for v in needed if v not in self.backward and v.prim is not const
        )


@remembered
def joint(body: Function, seeded: tuple[int, ...], wrt: tuple[int, ...]) -> Joint:
    """Differentiate results `seeded` of a body with respect to parameters `wrt`.

    What the body prints and asserts is left to the forward loop.
    """
    body = quiet(body)
    trace = Trace.extending(body)
    seeds: dict[Value, Tensor] = {}
    with recording_in(trace):
        for i in seeded:
            r = body.results[i]
            ct = trace.add_param(r.type)
            t = Tensor(trace, ct, ct.type)
            seeds[r] = seeds[r] + t if r in seeds else t
        sources = [body.params[i] for i in wrt]
        found = backpropagate(trace, body.ops, seeds, sources)
    return _finished(trace, body, dict(zip(wrt, found, strict=True)))


def _finished(trace: Trace, body: Function, found: Mapping[int, Any]) -> Joint:
    grads = [found.get(i) for i in range(len(body.params))]
    results = [*body.results, *(g.value for g in grads if g is not None)]
    params = [*trace.params, *trace.leaves]
    made = Function(f"{body.name}.joint", params, trace.values, results)
    made = with_constants(made, trace.leaves)
    return Joint(body, tidy(made), [g is not None for g in grads])


@remembered
def shortened(body: Function, seeded: tuple[int, ...], wrt: tuple[int, ...]) -> Joint:
    """`joint`, for numbers with the cotangents multiplied by partial derivatives.

    A step back then waits for one product and one sum. The partial derivatives wait
    for no cotangent, so the forward loop can compute and store them. There are more
    operations if many results depend on the same values: then all stays as it was.
    """
    plain = joint(body, seeded, wrt)
    moving = [body.results[i] for i in seeded] + [body.params[i] for i in wrt]
    if not all(v.type.shape == () and v.dtype.kind == "f" for v in moving):
        return plain
    body = quiet(body)
    trace = Trace.extending(body)
    total: dict[int, Any] = {}
    with recording_in(trace):
        for i in seeded:
            r = body.results[i]
            p = trace.add_param(r.type)
            ct = Tensor(trace, p, p.type)
            seeds = {r: filled(trace, r.type, 1.0)}
            sources = [body.params[k] for k in wrt]
            for k, g in zip(
                wrt, backpropagate(trace, body.ops, seeds, sources), strict=True
            ):
                if g is not None:
                    total[k] = total[k] + ct * g if k in total else ct * g
    found = _finished(trace, body, total)
    longer = len(found.function.ops) - len(plain.function.ops)
    return found if longer <= len(found.backward) else plain


def floating(params: Sequence[Value]) -> tuple[int, ...]:
    """Numbers of the parameters that have gradients."""
    return tuple(i for i, p in enumerate(params) if differentiable(p.type))


def is_zero(ct: Tensor | None) -> bool:
    """Whether a cotangent is known to be zero from the way it was made."""
    if ct is None:
        return True
    value = ct.value
    while value.prim is not None and value.prim.name in ("broadcast_to", "reshape"):
        (value,) = value.args
    return value.prim is const and not value.attr("value").array.any()


def tensors(rec: Recording, values: Collection[Value]) -> list[Tensor]:
    """Values of a recording as tensors."""
    return [Tensor(rec, v, v.type) for v in values]
