"""The debugger and its pdb commands, driven by texts."""

import io
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import tapec
from tapec.debugging.breaks import Break, break_at


def session(f, *args, commands, **options):
    """The answers to commands, without the numbers of lines, and the result."""
    out = io.StringIO()
    given = io.StringIO("\n".join(commands) + "\n")
    result = tapec.debug(f, *args, stdin=given, stdout=out, **options)
    text = re.sub(r"\S*test_debugger\.py:\d+", "FILE", out.getvalue())
    return [part.rstrip("\n") for part in text.split("(tapec) ")], result


def loss(x, w):
    y = np.exp(x * w)
    return np.sum(np.log(y + 1))


X, W = np.array([0.0, 1.0]), np.array([2.0, 3.0])


def test_it_stops_at_the_first_op_and_goes_on():
    answers, result = session(loss, X, W, commands=["", "n", "c"])
    assert answers[0] == (
        "> %2: f64[2] = multiply %x, %w\n"
        "  FILE, in loss\n"
        "    y = np.exp(x * w)\n"
        "               ^^^^^\n"
        "  f64[2]: min 0  max 3  mean 1.5  █▁▁▁▁▁▁▁▁▁▁█"
    )
    assert answers[1].startswith("> %3: f64[2] = exp %2\n")
    assert answers[2].startswith("> %4: f64[] = const value=1.0")
    assert result == loss(X, W)


def test_where_nan_begins_in_the_gradient():
    answers, _ = session(
        tapec.grad(lambda x: np.sum(np.sqrt(x) * x)), X, break_on="nan",
        commands=["i", "p", "q"],
    )  # fmt: skip
    assert answers[0].startswith("break: nan\n> ")
    assert " = multiply " in answers[0]
    assert "inf 1" in answers[1]
    assert "nan 1" in answers[2]


@pytest.mark.parametrize(
    ("options", "op"),
    [({"op": "log"}, "log"), ({"uid": 3}, "exp"), ({"break_on": "op log"}, "log")],
)
def test_breaks(options, op):
    answers, result = session(loss, X, W, commands=["c"], **options)
    assert len(answers) == 2
    assert f" = {op} %" in answers[0]
    assert result == loss(X, W)


def test_a_line():
    line = loss.__code__.co_firstlineno + 1
    for where in (
        line,
        f"test_debugger.py:{line}",
        f"debugging/test_debugger.py:{line}",
    ):
        answers, _ = session(loss, X, W, commands=["c", "c"], line=where)
        assert [re.search("= (\\w+)", text)[1] for text in answers[:2]] == [
            "multiply",
            "exp",
        ]
    answers, _ = session(loss, X, W, commands=[], line=f"other.py:{line}")
    assert answers == [""]


def test_what_is_asked():
    answers, result = session(
        loss, X, W, uid=3,
        commands=["p", "p %x", "p %2 + %x[1]", "p %99", "p %4", "i", "u", "back", "l",
                  "w", "why", "asm", "asm %4", "tree", "b", "b op sum", "clear 1",
                  "b what", "nonsense", "c"],
    )  # fmt: skip
    (_, p, x, expression, none, early, i, u, back, listed, w, why, asm, none_of,
     tree, b, more, _, wrong, nonsense, _) = answers  # fmt: skip
    spread = "f64[2]: min 1  max 20.09  mean 10.54  █▁▁▁▁▁▁▁▁▁▁█"
    assert p == f"{spread}\n[ 1.         20.08553692]"
    assert x.splitlines()[1] == "[0. 1.]"
    assert expression == "array([1., 4.])"
    assert none == "*** KeyError: there is no %99 in @loss"
    assert early == "*** KeyError: %4 is not computed yet"
    assert i == "%2 f64[2]: min 0  max 3  mean 1.5  █▁▁▁▁▁▁▁▁▁▁█"
    assert u == "%5: f64[2] = add %3, %4"
    assert back.startswith("> %2: f64[2] = multiply %x, %w")
    assert "-> %2: f64[2] = multiply %x, %w" in listed.splitlines()
    assert w.startswith("@loss: %3: f64[2] = exp %2\n  FILE, in loss")
    assert "is computed in kernel" in why
    assert "; %2 multiply  " in asm.splitlines()[0]
    assert none_of == "no instruction is of %4 alone; see why"
    assert tree.splitlines()[0].startswith("%2 = multiply")
    assert b == "0: uid 3"
    assert more == "0: uid 3\n1: op sum"
    assert wrong == (
        "*** ValueError: 'what' is none of: nan, op NAME, line FILE:NUMBER, %UID"
    )
    assert nonsense == "*** Unknown syntax: nonsense"
    assert result == loss(X, W)


def loop(x):
    def step(c, t):
        tapec.assert_(c < 9, "too large: {}", c)
        return c * x, None

    return tapec.scan(step, 1.0, np.arange(4.0))[0]


def test_into_bodies_and_out():
    commands = ["s", "s", "up", "down", "why", "n", "n", "n", "c"]
    answers, result = session(loop, 2.0, commands=commands)
    assert " = const value=1.0" in answers[1]
    assert answers[2].startswith("> %2: f64[] = const value=9.0")
    assert answers[3].startswith("> %3: (f64[]) = scan %1, %x, %2")
    assert answers[5] == "an op of a body; go up to the op that runs it"
    assert answers[8].startswith("> %6: f64[] = multiply %0, %5")
    assert result == 16.0
    answers, _ = session(loop, 2.0, commands=["n", "n", "n", "n", "n"])
    assert answers[2].startswith("> %3: (f64[]) = scan")
    assert answers[3].startswith("> %4: f64[] = item %3")


def test_it_stops_at_an_op_that_raises():
    with pytest.raises(AssertionError, match="too large: 9"):
        session(loop, 3.0, break_on="nan", commands=["w", "c"])
    out = io.StringIO()
    commands = io.StringIO("p %0\nq\n")
    found = tapec.debug(loop, 3.0, break_on="nan", stdin=commands, stdout=out)
    assert found is None
    assert out.getvalue().startswith("AssertionError: too large: 9.0\n> assert %3, %0")
    assert "(tapec) f64[]: 9\n" in out.getvalue()


def test_quitting_and_the_end_of_the_input():
    for commands in (["q"], []):
        assert session(loss, X, W, commands=commands)[1] is None


def test_methods_variables_and_pictures(tmp_path):
    class Model:
        def __init__(self):
            self.w = tapec.Variable(2.0)

        @tapec.jit
        def step(self, x):
            self.w.assign_add(x)
            return self.w * x

    model = Model()
    path = tmp_path / "f.svg"
    _, result = session(model.step, 3.0, commands=[f"g {path}", "c"])
    assert result == 15.0
    assert float(model.w) == 5.0
    assert path.read_text(encoding="utf-8").lstrip().startswith("<")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nan", Break("nan")),
        ("op exp", Break("op", "exp")),
        ("op=exp", Break("op", "exp")),
        ("line fit.py:5", Break("line", "fit.py:5")),
        ("%7", Break("uid", "7")),
        ("uid %7", Break("uid", "7")),
    ],
)
def test_the_text_of_breaks(text, found):
    assert break_at(text) == found


def test_a_wrong_break_is_refused_at_once():
    with pytest.raises(ValueError, match="'inf' is none of: nan, op NAME"):
        tapec.debug(loss, X, W, break_on="inf")


# --- pdb --------------------------------------------------------------------------

PROGRAM = """\
import numpy as np, tapec
def f(x):
    y = x * 2
    breakpoint()
    return y + 1
WAY
"""


def in_pdb(way, *commands):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("WAY", way)],
        input="\n".join([*commands, "c"]) + "\n",
        env={**os.environ, "PYTHONBREAKPOINT": "tapec.debugging.set_trace"},
        capture_output=True,
        text=True,
        check=True,
    )
    return [part.rstrip("\n") for part in done.stdout.split("(Pdb) ")]


def test_pdb_in_a_trace(tmp_path):
    path = tmp_path / "g.svg"
    answers = in_pdb(
        "f = tapec.jit(f); print(f(np.ones(2)), len(f.signatures), f(np.zeros(2)))",
        "tp y", "tp %0", "tp y + 1", "tp %77", "tp nothing", "tp 3", "twhy y",
        "tgraph", f"tgraph {path}", "help tp",
    )  # fmt: skip
    _, tp, x, more, none, unknown, plain, why, graph, wrote, text, end = answers
    assert tp.splitlines()[-1] == "[2. 2.]"
    assert x.splitlines()[-1] == "[1. 1.]"
    assert more.splitlines()[-1] == "[3. 3.]"
    assert none == "*** KeyError: there is no %77 in @recording"
    assert unknown == "*** NameError: name 'nothing' is not defined"
    assert plain == "i64[]: 3"
    assert why.startswith("%2 = multiply  ")
    assert "multiply" in graph
    assert wrote == f"wrote {path}"
    assert text.startswith("tp EXPRESSION | %N")
    assert end == "[3. 3.] 1 [1. 1.]"


def test_pdb_on_a_tape_and_outside():
    answers = in_pdb(
        "x = tapec.constant(np.ones(2))\n"
        "with tapec.GradientTape() as t: z = f(x)\n"
        "print(t.gradient(z, x))",
        "tp y", "twhy y",
    )  # fmt: skip
    assert answers[1].splitlines()[-1] == "[2. 2.]"
    assert answers[3].endswith("tensor([2., 2.], dtype=float64)")
    answers = in_pdb("f(np.ones(2))", "tp y", "tp %3", "tgraph")
    assert answers[1].splitlines()[-1] == "[2. 2.]"
    assert answers[2] == "*** LookupError: nothing is being recorded here"
    assert answers[3] == "*** nothing is being recorded here"
