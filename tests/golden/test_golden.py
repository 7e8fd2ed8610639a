"""Passes tested as text, and the text tested as a program.

A `.tir` file names its passes in the first line; each case is a title, the function
before, an arrow, the function after. Both halves are also run on random inputs,
ordinary and special, so a wrong result that was blessed still fails.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tapec.errors import TapecError
from tapec.interpret import evaluate
from tapec.ir import Dim, Function, renumber
from tapec.passes.pipeline import parse_passes, run
from tapec.text import format_module, parse
from tapec.verify import verify

HERE = Path(__file__).parent
ARROW = "\n---->\n"
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 2.0, -0.5]


class Case(NamedTuple):
    path: Path
    passes: str
    title: str
    before: str
    after: str


def read(path: Path) -> tuple[str, list[Case]]:
    """The text above the first case, and the cases."""
    text = path.read_text(encoding="utf-8")
    head, *rest = re.split(r"^==== (.*)\n", text, flags=re.MULTILINE)
    first = head.partition("\n")[0]
    assert first.startswith("; passes: "), f"{path}: the first line names the passes"
    passes = first.removeprefix("; passes: ")
    cases = []
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        before, _, after = body.partition(ARROW)
        cases.append(Case(path, passes, title, before.strip(), after.strip()))
    return head, cases


def transformed(case: Case) -> str:
    fn = parse(case.before, str(case.path))
    return format_module(renumber(run(fn, parse_passes(case.passes))))


def bless(path: Path) -> None:
    """Rewrite the right halves with what the passes give now."""
    head, cases = read(path)
    parts = [
        f"==== {case.title}\n{case.before}{ARROW}{transformed(case)}\n"
        for case in cases
    ]
    new = path.with_suffix(".new")
    new.write_text(head + "\n".join(parts), encoding="utf-8")
    new.replace(path)


def pytest_generate_tests(metafunc):
    if "case" not in metafunc.fixturenames:
        return
    paths = sorted(HERE.glob("*.tir"))
    if metafunc.config.getoption("bless") and metafunc.function is test_text:
        for path in paths:
            bless(path)
    cases = [case for path in paths for case in read(path)[1]]
    ids = [f"{case.path.stem}: {case.title}" for case in cases]
    metafunc.parametrize("case", cases, ids=ids)


def test_text(case):
    assert transformed(case) == case.after


def test_meaning(case):
    before, after = parse(case.before), parse(case.after)
    verify(before)
    verify(after)
    vjps = [p for p in parse_passes(case.passes) if p.name == "vjp"]
    if vjps:
        check_gradient(before, after, vjps[0].arguments.get("wrt"))
    elif any(p.name == "jvp" for p in parse_passes(case.passes)):
        check_tangents(before, after)
    elif any(p.name == "batch" for p in parse_passes(case.passes)):
        check_batch(before, after, parse_passes(case.passes)[0].arguments)
    else:
        assert [p.type for p in before.params] == [p.type for p in after.params]
        for draw in (ordinary, special):
            check_equal(before, after, draw)


# --- inputs -----------------------------------------------------------------


def inputs(fn: Function, draw):
    rng = np.random.default_rng(0)
    return [draw(rng, p.dtype, concrete(p.shape)) for p in fn.params]


def concrete(shape):
    return tuple(3 + len(d.name) if isinstance(d, Dim) else d for d in shape)


def ordinary(rng, dtype, shape):
    if dtype.kind in "iub":
        return np.asarray(rng.integers(0, 3, shape)).astype(dtype)
    x = rng.standard_normal(shape) + 1j * rng.standard_normal(shape) * (
        dtype.kind == "c"
    )
    return np.asarray(x if dtype.kind == "c" else x.real).astype(dtype)


def special(rng, dtype, shape):
    if dtype.kind in "iub":
        return ordinary(rng, dtype, shape)
    return np.asarray(rng.choice(SPECIAL, shape)).astype(dtype)


def inside(rng, dtype, shape):
    """Where logarithms, roots and inverse sines have derivatives."""
    if dtype.kind in "iub":
        return ordinary(rng, dtype, shape)
    return np.asarray(rng.uniform(0.2, 0.8, shape)).astype(dtype)


# --- meaning ----------------------------------------------------------------


def outcome(fn: Function, arrays):
    try:
        return evaluate(fn, *arrays)
    except (TapecError, AssertionError, ValueError) as error:
        return type(error)


def check_equal(before, after, draw):
    arrays = inputs(before, draw)
    left, right = outcome(before, arrays), outcome(after, arrays)
    if isinstance(left, type) or isinstance(right, type):
        assert left == right
        return
    for a, b in zip(left, right, strict=True):
        check_close(a, b)


def check_close(a, b):
    assert (a.dtype, a.shape) == (b.dtype, b.shape)
    if a.dtype.kind not in "fc":
        np.testing.assert_array_equal(a, b)
        return
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(
            a, b, rtol=64 * np.finfo(a.dtype).eps, equal_nan=True
        )
    zeros = (a == 0) & (b == 0)
    for part in (np.real, np.imag) if a.dtype.kind == "c" else (np.asarray,):
        np.testing.assert_array_equal(
            np.signbit(part(a))[zeros], np.signbit(part(b))[zeros]
        )


def check_gradient(before, after, wrt=None):
    """`after` gives the results of `before`, then <ct, J> for the sources."""
    arrays = inputs(after, inside)
    n = len(before.params)
    x, cts = arrays[:n], arrays[n:]
    out = evaluate(after, *arrays)
    plain = evaluate(before, *x)
    for a, b in zip(plain, out, strict=False):
        check_close(a, b)
    grads = out[len(plain) :]
    sources = range(n) if wrt is None else wrt
    rng = np.random.default_rng(1)
    steps = [rng.standard_normal(x[i].shape) for i in sources]
    given = sum(np.sum(g * s) for g, s in zip(grads, steps, strict=True))
    np.testing.assert_allclose(given, slope(before, x, sources, steps, cts), rtol=1e-6)


def check_tangents(before, after):
    """`after` gives the results of `before`, then their change along a direction."""
    arrays = inputs(after, inside)
    n = len(before.params)
    x, directions = arrays[:n], iter(arrays[n:])
    single = any(a.dtype.char in "fF" for a in arrays)
    h = 0.5 if single else 1e-5  # in single precision only linear cases can be tested
    steps = [h * next(directions) if a.dtype.kind in "fc" else 0 * a for a in x]
    sides = [
        evaluate(before, *[a + sign * s for a, s in zip(x, steps, strict=True)])
        for sign in (1, -1)
    ]
    out = evaluate(after, *arrays)
    tangents = iter(out[len(before.results) :])
    for r, value, *pair in zip(before.results, out, *sides, strict=False):
        check_close(value, evaluate(before, *x)[before.results.index(r)])
        if r.dtype.kind in "fc":
            slope = (pair[0] - pair[1]) / (2 * h)
            np.testing.assert_allclose(next(tangents), slope, rtol=1e-6, atol=1e-9)


def check_batch(before, after, options):
    """`after` gives what `before` gives for one element after the other."""
    size, which = options["size"], options.get("params", range(len(before.params)))
    arrays = inputs(after, inside)
    wanted = [
        evaluate(before, *[a[i] if k in which else a for k, a in enumerate(arrays)])
        for i in range(size)
    ]
    pairs = zip(evaluate(after, *arrays), zip(*wanted, strict=True), strict=True)
    for found, rows in pairs:
        assert found.shape == (size, *rows[0].shape)
        assert found.dtype == rows[0].dtype
        np.testing.assert_allclose(found, np.stack(rows), rtol=1e-12)


def slope(fn, x, sources, steps, cts, h=1e-5):
    """<ct, f(x + h s) - f(x - h s)> / 2 h over the floating results."""
    sides = []
    for sign in (h, -h):
        moved = list(x)
        for i, s in zip(sources, steps, strict=True):
            moved[i] = x[i] + sign * s if x[i].dtype.kind == "f" else x[i]
        results = [r for r in evaluate(fn, *moved) if r.dtype.kind == "f"]
        sides.append(sum(np.sum(c * r) for c, r in zip(cts, results, strict=True)))
    return (sides[0] - sides[1]) / (2 * h)
