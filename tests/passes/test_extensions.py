"""Passes of the user's own: their place, what is checked, what is seen and cached."""

import re
from pathlib import Path

import numpy as np
import pytest

import tapec
from tapec.interpret import evaluate
from tapec.ir import Constant, renumber, rewrite
from tapec.ops import arithmetic, const
from tapec.passes import pipeline
from tapec.passes.extensions import PassError, added, plan
from tapec.text import format_module, parse


@tapec.custom_pass(after="fold")
def reciprocal(fn):
    def rule(op, emit):
        if op.prim is not arithmetic.divide or op.args[1].prim is not const.const:
            return emit.keep(op)
        inverse = Constant(1 / op.args[1].attr("value").array)
        emit.reason = "x / c = x * (1 / c)"
        number = emit.new(const.const, value=inverse)
        return emit.new(arithmetic.multiply, op.args[0], number, like=op)

    return rewrite(fn, rule)


def loss(x):
    return np.sum(np.sin(x) / 3.0)


X = np.array([0.5, 1.0])


@pytest.fixture
def everywhere():
    tapec.add_pass(reciprocal)
    yield reciprocal
    if reciprocal in added():
        tapec.remove_pass(reciprocal)


# --- golden -----------------------------------------------------------------------

BEFORE = """\
func @f(%x: f64[2], %y: f64[2]) {
  %2: f64[] = const value=4.0
  %3: f64[2] = divide %x, %2
  %4: f64[2] = divide %3, %y
  return %4
}"""
AFTER = """\
func @f(%x: f64[2], %y: f64[2]) {
  %2: f64[] = const value=4.0
  %3: f64[] = const value=0.25
  %4: f64[2] = multiply %x, %3
  %5: f64[2] = divide %4, %y
  return %5
}"""


def test_the_text():
    after = reciprocal(parse(BEFORE))
    assert format_module(renumber(after)) == AFTER


@pytest.mark.parametrize("x", [X, np.array([np.nan, np.inf])])
def test_the_meaning(x):
    y = np.array([0.0, 2.0])
    for a, b in zip(
        evaluate(parse(BEFORE), x, y), evaluate(parse(AFTER), x, y), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_the_page_lists_every_pass_in_order():
    page = Path(__file__).parents[2] / "docs" / "passes.md"
    rows = re.findall(r"^\| `(\w+)` \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert tuple(rows) == pipeline.DEFAULT


# --- its place --------------------------------------------------------------------


def names(own=()):
    return [str(step) for step in plan(own)]


def test_places():
    first = tapec.custom_pass(lambda fn: fn, name="first")
    second = tapec.custom_pass(lambda fn: fn, name="second")
    last = tapec.custom_pass(lambda fn: fn, name="last", after="enclose")
    found = names([last, first, second])
    at = found.index("simplify")
    assert found[at - 2 : at] == ["first", "second"]
    assert found[-1] == "last"
    assert [n for n in found if n in pipeline.DEFAULT] == list(pipeline.DEFAULT)
    assert names() == list(pipeline.DEFAULT)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "'<lambda>' is no name; give the pass one with name="),
        ({"name": "cse"}, "'cse' is taken"),
        ({"name": "recorded"}, "'recorded' is taken"),
        (
            {"name": "p", "before": "cse", "after": "cse"},
            "p: before or after, not both",
        ),
        ({"name": "p", "before": "simplfy"}, "no pass simplfy runs; did you mean simp"),
        ({"name": "p", "after": "vjp"}, "p: no pass vjp runs; did you mean forget, "),
    ],
)
def test_what_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        tapec.custom_pass(lambda fn: fn, **options)


def test_names_are_distinct():
    twins = [tapec.custom_pass(lambda fn: fn, name="p") for _ in range(2)]
    with pytest.raises(ValueError, match="there are two passes p"):
        tapec.jit(loss, passes=twins)(X)
    with pytest.raises(TypeError, match="a pass is a function, not 'cse'"):
        tapec.jit(loss, passes=["cse"])


# --- of one function --------------------------------------------------------------


def as_tuple(x):
    return x if isinstance(x, tuple) else (x,)


@pytest.mark.parametrize("how", [tapec.jit, tapec.grad, tapec.value_and_grad])
def test_of_one_function(how):
    plain, changed = how(loss), how(loss, passes=[reciprocal])
    a, b = (np.hstack([np.ravel(part) for part in as_tuple(f(X))])
            for f in (plain, changed))  # fmt: skip
    np.testing.assert_allclose(a, b, rtol=1e-15)
    for f, there in ((plain, False), (changed, True)):
        ops = [op.prim.name for body in f.inspect(X).stage("dce").ops for op in [body]]
        assert ("divide" not in ops) is there
    assert how(passes=[reciprocal])(loss)(X) is not None


def test_of_a_function_for_all_sizes():
    f = tapec.grad(loss, passes=[reciprocal], dynamic=True)
    for n in (2, 3, 2):
        x = np.linspace(0, 1, n)
        np.testing.assert_allclose(f(x), np.cos(x) / 3, rtol=1e-15)
    assert "reciprocal" in f.inspect(X).stages


def test_a_plain_function_will_do():
    seen = []

    def looked(fn):
        seen.append(fn.name)
        return fn

    assert tapec.jit(loss, passes=[looked])(X) == pytest.approx(loss(X))
    assert seen == ["loss"]


def test_what_is_seen():
    seen = tapec.grad(loss, passes=[reciprocal]).inspect(X)
    assert [row.split()[0] for row in seen.passes().splitlines()].count(
        "reciprocal"
    ) == 1
    assert "multiply" in seen.diff("reciprocal")
    division = next(op for op in seen.recorded.ops if op.prim.name == "divide")
    text = seen.why(division.uid)
    assert "reciprocal: %" in text
    assert "x / c = x * (1 / c)" in text
    assert seen.compare().ok


# --- of every function ------------------------------------------------------------


def runs(f, x):
    """How often `f` has been traced, after enough calls for emitted entries."""
    for _ in range(3):
        f(x)
    return len(f.explain_retrace().splitlines())


def test_of_every_function_from_now_on(everywhere):
    f = tapec.grad(loss)
    assert runs(f, X) == 1
    assert "reciprocal" in f.inspect(X).stages
    tapec.remove_pass(everywhere)
    assert runs(f, X) == 2
    assert f.explain_retrace().endswith("2. the passes have changed: float64[2]")
    assert "reciprocal" not in f.inspect(X).stages


def test_functions_compiled_before_are_compiled_again():
    called = []

    @tapec.custom_pass
    def noted(fn):
        called.append(fn.name)
        return fn

    f, g = tapec.grad(loss), tapec.grad(loss, dynamic=True)
    wanted = f(X)
    runs(f, X), [g(X) for _ in range(20)]
    tapec.add_pass(noted)
    try:
        np.testing.assert_array_equal(f(X), wanted)
        np.testing.assert_array_equal(g(X), wanted)
        assert len(called) == 2
        f(X), g(X)
        assert len(called) == 2
    finally:
        tapec.remove_pass(noted)
    f(X), g(X)
    assert len(called) == 2


def test_programs_of_tapes(everywhere):
    def gradient():
        x = tapec.constant(X)
        with tapec.GradientTape(persistent=True) as tape:
            y = np.sum(np.sin(x) / 7.0)
        return tape.gradient(y, x).numpy(), tape.inspect(y, x)

    from tapec import programs

    for _ in range(2):
        found, seen = gradient()
    np.testing.assert_allclose(found, np.cos(X) / 7)
    assert "reciprocal" in seen.stages
    before = programs.stats["misses"]
    tapec.remove_pass(everywhere)
    _, seen = gradient()
    assert programs.stats["misses"] > before
    assert "reciprocal" not in seen.stages


def test_added_once(everywhere):
    with pytest.raises(ValueError, match="there are two passes reciprocal"):
        tapec.add_pass(everywhere)
    assert added() == (everywhere,)
    tapec.remove_pass(everywhere)
    with pytest.raises(ValueError, match="has not been added"):
        tapec.remove_pass(everywhere)


# --- checks -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda fn: None, PassError, "the pass bad returned None, not a Function"),
        (
            lambda fn: fn.with_(results=fn.params),
            PassError,
            r"the pass bad changed the types of the results of @square from "
            r"\[f64\[\]\] to \[f64\[2\]\]",
        ),
        (
            lambda fn: fn.with_(params=()),
            PassError,
            "the pass bad changed the types of the params",
        ),
        (
            lambda fn: fn.with_(ops=fn.ops[1:]),
            tapec.IRError,
            "invalid IR after the pass bad: operand %1 is not defined before",
        ),
        (lambda fn: 1 / 0, ZeroDivisionError, "division by zero"),
    ],
)
def test_a_wrong_pass_is_named(wrong, error, message, monkeypatch):
    monkeypatch.setenv("TAPEC_VERIFY", "0")

    def square(x):
        return np.sum(x * x)

    f = tapec.jit(square, passes=[tapec.custom_pass(wrong, name="bad")])
    with pytest.raises(error, match=message) as caught:
        f(X)
    assert "in the pass bad, on @square" in caught.value.__notes__
