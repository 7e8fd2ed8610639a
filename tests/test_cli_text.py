"""Commands on IR that is text, in files and pipes: `show`, `view`, `diff`, `run`."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tapec.cli import main

ROOT = Path(__file__).parents[1]
LOSS = """\
func @loss(%x: f64[3], %w: f64[3]) {
  %2: f64[3] = multiply %x, %w
  %3: f64[] = sum %2 axis=(0,)
  return %3
}
"""
OTHER = LOSS.replace("multiply", "add")
ARGS = "--args=[1.0, 2.0, 3.0], np.ones(3)"


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("loss.tir").write_text(LOSS)
    Path("other.tir").write_text(OTHER)
    Path("same.tir").write_text(LOSS.replace("%2", "%7").replace("@loss", "@g"))
    Path("bad.tir").write_text("func @f(%x: f64[3]) {\n  return %y\n}\n")
    Path("fit.py").write_text(
        "import numpy as np\ndef f(x, w): return np.sum(x * w)\n"
        "f_args = np.ones(3), np.ones(3)\n"
    )


def run(capsys, *argv):
    status = main(list(argv))
    out, err = capsys.readouterr()
    return status, out, err


def test_show(capsys):
    assert run(capsys, "show", "loss.tir", "--stage=recorded") == (0, LOSS, "")
    status, out, _ = run(capsys, "show", "loss.tir", "--stage=llvm")
    assert status == 0
    assert "define" in out


def test_show_reads_pipes(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(LOSS))
    assert run(capsys, "show", "-", "--stage=recorded") == (0, LOSS, "")


@pytest.mark.parametrize("kind", ["svg", "dot", "mmd", "graphml", "json"])
def test_show_writes_files(capsys, kind):
    assert run(capsys, "show", "loss.tir", "--stage=dce", "-o", f"f.{kind}")[0] == 0
    text = Path(f"f.{kind}").read_text(encoding="utf-8")
    assert "multiply" in text
    if kind == "json":
        assert json.loads(text)["schema"] == "tapec-graph/1"


def test_view(capsys):
    assert run(capsys, "view", "loss.tir", "--no-native") == (0, "loss.html\n", "")
    assert "<title>" in Path("loss.html").read_text(encoding="utf-8")


def test_diff(capsys):
    assert run(capsys, "diff", "loss.tir", "same.tir") == (0, "", "")
    status, out, _ = run(capsys, "diff", "loss.tir", "other.tir")
    assert status == 1
    assert "multiply" in out and "add" in out
    assert run(capsys, "diff", "loss.tir", "fit.py:f")[0] == 0


def test_diff_of_stages(capsys):
    status, _, err = run(capsys, "diff", "loss.tir", "other.tir", "--stage=nope")
    assert status == 2
    assert "no stage 'nope'" in err


@pytest.mark.parametrize("how", [[], ["--interpret"]])
def test_run(capsys, how):
    status, out, err = run(capsys, "run", "loss.tir", ARGS, *how)
    assert (status, out, err) == (0, "%3: f64[] = 6.\n", "")


def test_run_a_function(capsys):
    assert run(capsys, "run", "fit.py:f")[1].endswith("f64[] = 3.\n")


def test_run_compares(capsys):
    status, out, _ = run(capsys, "run", "loss.tir", ARGS, "--compare")
    assert status == 0
    assert out


@pytest.mark.parametrize(
    ("command", "status", "text"),
    [
        ("run loss.tir", 2, "the program has the parameters %x: f64[3], %w: f64[3]"),
        ("run loss.tir --args=np.ones(3)", 2, "1 arguments for 2 parameters"),
        (
            "run loss.tir --args=np.ones(2),np.ones(3)",
            2,
            "%x is f64[3], not float64[2]",
        ),
        (
            "run loss.tir --args=np.ones(3),1j*np.ones(3)",
            2,
            "%w is f64[3], not complex",
        ),
        ("run loss.tir --args=nope", 2, "NameError"),
        ("run bad.tir", 1, "bad.tir:2"),
        ("show none.tir", 2, "none.tir: No such file"),
        ("show loss.tir -o f.gif", 2, "f.gif: its end is none of .svg"),
        ("diff - -", 2, "one of the two"),
    ],
)
def test_errors(capsys, command, status, text):
    found, out, err = run(capsys, *command.split())
    assert (found, out) == (status, "")
    assert err.startswith("tapec: ")
    assert text in err


def test_commands_in_a_pipe():
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    first, second = (
        [sys.executable, "-m", "tapec", *words]
        for words in (
            ["opt", "loss.tir", "--passes=vjp(wrt=[0]),cse,dce"],
            ["run", "-", "--args=[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], 1.0"],
        )
    )
    text = subprocess.run(first, env=env, capture_output=True, check=True).stdout
    done = subprocess.run(second, env=env, input=text, capture_output=True, check=True)
    assert b"[4., 5., 6.]" in done.stdout
