"""Python functions: NumPy calls, loops, branches, writes in place, line by line.

A function has a number, a vector and a matrix as arguments. The first letter of a name
is its kind: `s`, `v` or `m`. All vectors have the length of a row of the matrices.
"""

from __future__ import annotations

import itertools
import random
import re

__all__ = ["Source", "function_text", "grown"]

UNARY = (
    "np.sin({})", "np.tanh({})", "np.exp(-{} ** 2)", "np.cos({}) * 0.5", "{} * {}",
    "abs({})", "np.square({}) * 0.1", "np.sqrt(np.abs({}) + 0.5)", "np.log1p({} ** 2)",
    "-{}", "{} / 3", "np.arctan({})", "1.5 - {}", "np.where({} > 0.1, {}, {} * 0.25)",
    "np.maximum({}, 0.2)", "np.clip({}, -0.9, 1.1)", "np.hypot({}, 1)",
    "np.nan_to_num({})", "np.copy({})", "np.logaddexp({}, 0.0)", "np.sinc({})",
    "{}.copy()", "+{}", "np.fmin({}, {} ** 3)", "np.float64(0.5) * {}",
    "np.minimum(1, {})", "({} > 0) * {}", "np.sign({}) * {}",
    "np.heaviside({}, 0.5) * {}", "{} % 1.7", "np.trunc({}) + {}",
    "np.select([{} > 0.5], [{}])",
)  # fmt: skip
NUMBERS = (
    "np.sum({v})", "{v}[0]", "{v}[-1]", "{v} @ {v} * 0.1", "np.mean({m})",
    "np.max({v})", "{s} * {s}", "{s} + {s}", "np.linalg.norm({v})", "np.std({v})",
    "np.var({m}, ddof=1)", "np.prod(np.tanh({v}))", "np.median({v})",
    "np.quantile({v}, 0.3)", "{v}.min()", "{m}[1, 0]", "np.dot({v}, {v}[::-1]) * 0.1",
    "np.trace({m} @ {m}.T) * 0.05", "{v}.sum()", "np.einsum('ij,ij', {m}, {m}) * 0.05",
    "np.ptp({v})", "{m}.ravel()[2]", "{m}.mean()",
    "np.average({v}, weights=np.abs({v}) + 0.1)", "np.sum({v}, where={v} > 0)",
    "np.max({v}, initial=0.3)", "np.trapezoid({v})", "np.vdot({v}, {v}) * 0.1",
    "np.inner({v}, {v}) * 0.1", "np.where({s} > {s}, {s}, 0.5)", "sum({v})",
    "max({s}, 0.2)", "np.take({v}, 1)", "np.linalg.det({m}[:2, :2])", "np.nansum({m})",
    "np.amax({m})", "np.linalg.norm({m})",
    "np.interp({s}, [-1.0, 0.0, 1.0], [0.0, 1.0, 0.5])",
    "np.sum(np.linalg.solve({m}[:2, :2] + 3 * np.eye(2), {v}[:2]))",
)  # fmt: skip
VECTORS = (
    "{v} * {s}", "{v} + {v}", "{v} - {v}[::-1]", "{m}[0]", "{m}[-1, ::-1]",
    "np.sum({m}, axis=0)", "{m}.mean(axis=0)", "np.max({m}, 0)", "np.cumsum({v}) * 0.3",
    "np.roll({v}, 2)", "np.sort({v})", "np.flip({v})",
    "np.concatenate([{v}[1:], {v}[:1]])", "{m}.T @ {m}[:, 0]",
    "np.diff({v}, prepend=0.0)", "np.pad({v}[1:-1], 1)", "{v}[np.argsort({v})]",
    "np.append({v}[1:], {s})", "np.einsum('ij,i->j', {m}, {m}[:, 1])",
    "np.gradient({v})", "np.where({v} > {s}, {v}, {s})", "np.full_like({v}, 0.5) * {v}",
    "{v}[np.arange(len({v}))]", "np.hstack([{s}, {v}[1:]])",
    "np.linspace(0.0, 1.0, len({v})) * {v}", "np.tile({v}[:1], len({v}))",
    "np.repeat({v}[0], len({v}))", "np.prod(np.tanh({m}), axis=0)",
    "{v}[[0] * len({v})] + {v}", "np.convolve({v}, [0.5, 0.25], 'same')",
    "np.std({m}, axis=0)", "np.cumprod(np.tanh({v}) + 1)",
    "np.stack([{s}] * len({v})) + {v}", "np.stack([{s}, {s}]).sum() * {v}",
    "np.ravel({m})[:len({v})]", "np.linalg.norm({m}, axis=0)",
    "np.take_along_axis({m}, np.argmax({m}, 0)[None], 0)[0]", "np.median({m}, axis=0)",
    "np.exp({v} - np.max({v})) / np.sum(np.exp({v} - np.max({v})))",
    "np.matmul({v}, np.outer({v}, {v})) * 0.1", "np.unwrap({v})",
    "np.delete({m}, 0, 0)[0]",
)  # fmt: skip
MATRICES = (
    "{m} * {v}", "{m} + {m}", "{m} * {s}", "{m} - np.mean({m}, axis=1, keepdims=True)",
    "{m}[::-1]", "np.tril({m})", "np.stack([{v}] * len({m}))",
    "np.broadcast_to({v}, {m}.shape)", "{m} @ np.outer({v}, {v}) * 0.1",
    "np.outer({m}[:, 0], {v})", "np.cumsum({m}, axis=0) * 0.5",
    "np.where({m} > {v}, {m}, {v})", "np.vstack([{v}, {m}[1:]])",
    "np.roll({m}, 1, axis=1)", "{m}.T.reshape({m}.shape)", "np.maximum({m}, {v})",
    "np.sort({m}, axis=1)", "np.flipud({m})", "np.concatenate(({m}[1:], {m}[:1]))",
    "np.moveaxis({m}, 0, 1).T", "np.swapaxes({m}, 0, 1).T",
    "{m} / (1 + np.sum({m} ** 2, axis=1, keepdims=True))", "np.triu({m}, 1)",
    "np.diff({m}, axis=0, prepend=0.0)", "np.rot90(np.rot90({m}))",
    "np.take({m}, np.arange(len({m}))[::-1], axis=0)", "np.kron({m}, np.ones((1, 1)))",
)  # fmt: skip


class Source:
    """arguments: name -> kind. lines: statements, each one or more lines of text."""

    def __init__(self, lines, result):
        self.lines, self.result = list(lines), result

    def __str__(self):
        return function_text(self)


def function_text(source, name="f"):
    """The function as Python."""
    body = [line for statement in source.lines for line in statement.split("\n")]
    text = "\n    ".join([*body, f"return {source.result}"])
    return f"def {name}(s0, v0, m0):\n    {text}\n"


class _Writer:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.names = {"s": ["s0"], "v": ["v0"], "m": ["m0"]}
        self.numbers = itertools.count(1)

    def pick(self, kind):
        """A name of this kind, one of the last most often."""
        names = self.names[kind]
        return self.r.choice(names[-3:] if self.r.random() < 0.7 else names)

    def expression(self, kind):
        """Some expression of this kind."""
        if self.r.random() < 0.4:
            template = self.r.choice(UNARY)
            return re.sub(r"\{\}", lambda _: self.pick(kind), template)
        table = {"s": NUMBERS, "v": VECTORS, "m": MATRICES}[kind]
        template = self.r.choice([t for t in table if "{" in t])
        return re.sub(r"\{(\w)\}", lambda m: self.pick(m[1]), template)

    def fresh(self, kind):
        """A new name."""
        name = f"{kind}{next(self.numbers)}"
        self.names[kind].append(name)
        return name

    def statement(self):
        """One statement, which may have several lines."""
        kind = self.r.choice("svvm")
        if self.r.random() < 0.65:
            expression = self.expression(kind)
            return f"{self.fresh(kind)} = {expression}"
        return self.r.choice(STATEMENTS)(self, kind)


def _in_place(w, kind):
    kind = "v" if kind == "s" else kind
    value, number, start = w.expression(kind), w.expression("s"), w.pick(kind)
    name = w.fresh(kind)
    write = w.r.choice((
        f"{name}[0] = {number}", f"{name} += {value}", f"{name}[1:] *= 0.5",
        f"{name}[-1] += {number}", f"{name}[::2] = {number}", f"{name}[...] = {value}",
        f"{name}[{name} > 0.3] = {number}", f"{name}[[0, 1]] -= {number}",
        f"{name} *= {number}", f"{name}[1] = {name}[0]",
    ))  # fmt: skip
    return f"{name} = {start} * 1.0\n{write}"


def _counted(w, kind):
    start, step = w.pick(kind), w.pick(kind)
    name = w.fresh(kind)
    times = w.r.choice(("3", "7", "len(v0)"))
    inner = w.expression(kind)
    more = w.r.choice((
        f"if i == 1:\n        {name} = {name} * 0.5", "pass",
        f"if i == 2:\n        continue\n    {name} = {name} + 0.01 * i",
    ))  # fmt: skip
    return (
        f"{name} = {start} * 1.0\nfor i in range({times}):\n"
        f"    {name} = np.tanh({name}) * 0.7 + 0.1 * ({inner}) + 0.05 * {step}\n"
        f"    {more}"
    )


def _rows(w, kind):
    rows, start = w.pick("m"), w.expression("v")
    name = w.fresh("v")
    return (
        f"{name} = {start}\nfor row in {rows}:\n    {name} = np.sin({name}) * 0.5 + row"
    )


def _until(w, kind):
    number, name, other = w.expression("s"), w.fresh("s"), w.pick(kind)
    result = w.fresh(kind)
    return (
        f"{name} = abs({number}) + 0.1\n{result} = {other} * 1.0\n"
        f"while {name} > 0.3:\n    {name} = {name} * 0.5\n"
        f"    {result} = {result} * 0.9 + 0.1"
    )


def _branch(w, kind):
    a, b, test = w.expression(kind), w.expression(kind), w.expression("s")
    name = w.fresh(kind)
    return f"if {test} > 0.2:\n    {name} = {a}\nelse:\n    {name} = {b}"


def _scan(w, kind):
    rows, start, other = w.pick("m"), w.pick("v"), w.pick("s")
    name, total = w.fresh("v"), w.fresh("m")
    reverse = w.r.choice(("True", "False"))
    return (
        f"{name}, {total} = tapec.scan("
        f"lambda c, x: (np.tanh(c * 0.5 + x), c * {other}), "
        f"{start} * 1.0, {rows} * 1.0, reverse={reverse})"
    )


def _fori(w, kind):
    start, step = w.pick(kind), w.pick(kind)
    name = w.fresh(kind)
    return (
        f"{name} = tapec.fori_loop(0, 4, lambda i, c: np.sin(c) + 0.1 * i * {step}, "
        f"{start} * 1.0)"
    )


def _while(w, kind):
    start, step = w.pick("s"), w.pick("s")
    name = w.fresh("s")
    return (
        f"{name} = tapec.while_loop(lambda c: abs(c) > 0.4, "
        f"lambda c: c * 0.5 + 0.01 * np.tanh({step}), {start} * 1.0)"
    )


def _cond(w, kind):
    test, a, b = w.pick("s"), w.pick(kind), w.pick(kind)
    name = w.fresh(kind)
    return (
        f"{name} = tapec.cond({test} > 0.1, lambda a, b: a * b, "
        f"lambda a, b: np.sin(a) - b, {a} * 1.0, {b} * 1.0)"
    )


def _closure(w, kind):
    value, given = w.expression(kind), w.pick(kind)
    name = w.fresh(kind)
    number = next(w.numbers)
    return (
        f"g{number} = lambda z: z * 0.5 + ({value})\n{name} = g{number}({given}) - 0.2"
    )


def _checkpoint(w, kind):
    given, captured = w.pick(kind), w.pick(kind)
    name = w.fresh(kind)
    inside = f"lambda z: np.tanh(z * {captured}) + z"
    return f"{name} = tapec.checkpoint({inside})({given} * 1.0)"


def _list(w, kind):
    rows = w.pick("m")
    name = w.fresh("v")
    listed = f"[np.tanh(row) * k for k, row in enumerate({rows})]"
    return f"{name} = np.sum(np.stack({listed}), axis=0)"


STATEMENTS = (
    _in_place, _in_place, _counted, _counted, _rows, _until, _branch, _branch, _scan,
    _fori, _while, _cond, _closure, _checkpoint, _list,
)  # fmt: skip


def grown(seed):
    """The source of a seed."""
    w = _Writer(seed)
    lines = [w.statement() for _ in range(w.r.randint(2, 9))]
    last = {kind: names[-1] for kind, names in w.names.items()}
    ends = [
        f"np.sum({last['m']} * 0.3)",
        f"np.sum({last['v']} * {last['v']})",
        last["s"],
    ]
    return Source(lines, " + ".join(ends))
