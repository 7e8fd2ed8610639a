"""The derivatives of loops with a condition, in both directions and to any order.

`while_reverse` is R(c, w, ct) = J(c, w)' ct, where J is the Jacobian of the loop. By ct
its derivative is that of the loop along a direction. By c and w it is the cotangent of
what the loop with tangents starts from, since <u, R> = <ct, J u>.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tapec.ir import Emitter, Function, Value
from tapec.ops.while_loop import while_loop, while_reverse
from tapec.passes.body_vjp import is_zero
from tapec.passes.residuals import chosen
from tapec.passes.rules import filled
from tapec.passes.scan_jvp import closed as closed_forward
from tapec.passes.scan_jvp import interleaved
from tapec.passes.scan_vjp import Reverse, closed, longer
from tapec.recording import state

__all__ = [
    "plain_loop",
    "while_jvp",
    "while_reverse_jvp",
    "while_reverse_vjp",
    "while_vjp",
]

STEPS = 1 << 12
"""How many steps to expect when residuals are chosen."""


def while_vjp(
    ct: Sequence[Any], args: Sequence[Any], *, cond: Function, body: Function,
    carries: int,
) -> list[Any]:  # fmt: skip
    """The cotangents of the operands; None where there is none."""
    seeded = [i for i, c in enumerate(ct) if not is_zero(c)]
    step, seeded = closed(body, carries, seeded)
    stored = chosen(step.reads, {*step.params[carries:]}, STEPS)
    invariants = len(args) - carries
    backward = Reverse(step, stored, seeded, carries, invariants, whole=True)
    back: list[Any] = [None] * len(args)
    if backward.places:
        cts = [ct[i] if ct[i] is not None else _zeros(args[i]) for i in seeded]
        found = while_reverse(
            *args, *cts, cond=cond, body=longer(step, stored),
            back=backward.function, carries=carries, bars=tuple(seeded),
            sums=tuple(i - carries for i in backward.accumulated),
        )  # fmt: skip
        for i, cotangent in zip(backward.places, found, strict=True):
            back[i] = cotangent
    return back


def _zeros(like: Any) -> Any:
    assert state.recording is not None
    return filled(state.recording, like.type, 0.0)


class Moving(NamedTuple):
    """A loop with tangents.

    args and attrs are those of the op. primal: which of its operands are the original
    ones. tangent: which of its results is the tangent of a carry.
    """

    args: list[Any]
    attrs: dict[str, Any]
    primal: list[int]
    tangent: dict[int, int]


def _moving(
    given: Mapping[int, Any], args: Sequence[Any], cond: Function, body: Function,
    carries: int,
) -> Moving:  # fmt: skip
    """The loop along the directions `given` of its operands."""
    step = closed_forward(body, carries, dict(given))
    tangents = {i: given[i] if i in given else _zeros(args[i]) for i in step.moving}
    cuts = [range(carries), range(carries, len(args)), range(0)]
    moving = [[i for i in part if i in tangents] for part in cuts]
    made: list[Any] = []
    primal: list[int] = []
    params: list[Value] = []
    emit = Emitter(cond.next_uid)
    for part, more in zip(cuts, moving, strict=True):
        primal += range(len(made), len(made) + len(part))
        made += [*[args[i] for i in part], *[tangents[i] for i in more]]
        params += cond.params[part.start : part.stop]
        params += [emit.make(None, (), (), cond.params[i].type) for i in more]
    attrs = {
        "cond": Function(cond.name, params, cond.ops, cond.results),
        "body": interleaved(step, carries, cuts, moving),
        "carries": carries + len(moving[0]),
    }
    tangent = {i: place for place, i in enumerate(moving[0], carries)}
    return Moving(made, attrs, primal, tangent)


def while_jvp(
    tangents: Sequence[Any], args: Sequence[Any], *, cond: Function, body: Function,
    carries: int,
) -> list[Any]:  # fmt: skip
    """The tangents of the results; None where there is none."""
    given = {i: t for i, t in enumerate(tangents) if t is not None}
    loop = _moving(given, args, cond, body, carries)
    found = while_loop(*loop.args, **loop.attrs)
    return [
        found[loop.tangent[i]] if i in loop.tangent else None for i in range(carries)
    ]


# --- the reverse, differentiated ------------------------------------------------


class _Plain(NamedTuple):
    """The loop that a `while_reverse` belongs to."""

    args: Sequence[Any]
    cts: dict[int, Any]
    attrs: dict[str, Any]


def plain_loop(
    args: Sequence[Any], cond: Function, body: Function, carries: int,
    bars: tuple[int, ...],
) -> _Plain:  # fmt: skip
    """The loop that a `while_reverse` with these operands and attributes belongs to."""
    n = len(args) - len(bars)
    step = Function(body.name, body.params, body.ops, body.results[:carries])
    cts = dict(zip(bars, args[n:], strict=True))
    return _Plain(args[:n], cts, {"cond": cond, "body": step, "carries": carries})


def while_reverse_vjp(
    ct: Sequence[Any], args: Sequence[Any], *, cond: Function, body: Function,
    back: Function, carries: int, bars: tuple[int, ...], sums: tuple[int, ...],
) -> list[Any]:  # fmt: skip
    """The cotangents of carries, invariants and cotangents."""
    plain = plain_loop(args, cond, body, carries, bars)
    sources = [*bars, *(carries + i for i in sums)]
    given = {i: c for i, c in zip(sources, ct, strict=True) if not is_zero(c)}
    loop = _moving(given, plain.args, **plain.attrs)
    found = while_loop(*loop.args, **loop.attrs)
    of_cts = [found[loop.tangent[i]] if i in loop.tangent else None for i in bars]
    seeds: list[Any] = [None] * loop.attrs["carries"]
    for i, c in plain.cts.items():
        if i in loop.tangent:
            seeds[loop.tangent[i]] = c
    cotangents = while_vjp(seeds, loop.args, **loop.attrs)
    return [*(cotangents[i] for i in loop.primal), *of_cts]


def while_reverse_jvp(
    tangents: Sequence[Any], args: Sequence[Any], *, cond: Function, body: Function,
    back: Function, carries: int, bars: tuple[int, ...], sums: tuple[int, ...],
) -> list[Any]:  # fmt: skip
    """The tangents of the cotangents."""
    plain = plain_loop(args, cond, body, carries, bars)
    n = len(plain.args)
    given = {i: t for i, t in enumerate(tangents[:n]) if t is not None}
    loop = _moving(given, plain.args, **plain.attrs)
    seeds: list[Any] = [None] * loop.attrs["carries"]
    places = _places(carries, loop)
    for (i, c), t in zip(plain.cts.items(), tangents[n:], strict=True):
        seeds[places[i]] = t
        if i in loop.tangent:
            seeds[loop.tangent[i]] = c
    cotangents = while_vjp(seeds, loop.args, **loop.attrs)
    sources = [*bars, *(carries + i for i in sums)]
    return [cotangents[loop.primal[i]] for i in sources]


def _places(carries: int, loop: Moving) -> list[int]:
    """Where the carries are among the results of the loop with tangents."""
    return loop.primal[:carries]
