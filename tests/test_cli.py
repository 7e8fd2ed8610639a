"""`python -m tapec show`, `view`, `doctor`; `opt` is tested with the passes, what reads
IR as text in `test_cli_text.py`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tapec import doctor
from tapec.cli import main
from tapec.text import parse

ROOT = Path(__file__).parents[1]

FIT = """\
import numpy as np
import tapec

print("noise of the import")

@tapec.grad
def loss(w, x):
    return np.sum(np.tanh(x * w))

loss_args = (2.0, np.ones(3))

def plain(a, b=2.0):
    return a * b

def nothing():
    return 1.0

def fails(x):
    return x.no_such_method()

def odd(x):
    return x + np.ones(4)

class Model:
    pass

number = 3
"""


@pytest.fixture
def fit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("fit.py").write_text(FIT)


def run(capsys, *argv):
    status = main(["show", *argv])
    out, err = capsys.readouterr()
    return status, out, err.replace("noise of the import\n", "")


def test_recorded_ir(fit, capsys):
    status, out, err = run(capsys, "fit.py:loss", "--stage=recorded")
    assert (status, err) == (0, "")
    assert out.startswith("func @loss(%w: f64[], %x: f64[3]) {\n")
    fn = parse(out)
    assert [op.prim.name for op in fn.ops if op.prim.name == "tanh"] == ["tanh"]


def test_optimized_is_the_default(fit, capsys):
    assert (
        run(capsys, "fit.py:loss")[1]
        == (run(capsys, "fit.py:loss", "--stage=optimized")[1])
    )


def test_a_plain_function_with_arguments_on_the_command_line(fit, capsys):
    command = ["fit.py:plain", "--stage=recorded", "--args", "np.ones(3), b=number"]
    status, out, _ = run(capsys, *command)
    assert status == 0
    assert out.startswith("func @plain(%a: f64[3], %b: i64[]) {\n")


def test_a_function_without_parameters(fit, capsys):
    assert run(capsys, "fit.py:nothing")[0] == 0


def test_source_lines(fit, capsys):
    out = run(capsys, "fit.py:loss", "--stage=recorded", "--source")[1]
    assert "fit.py:8" in out


def test_rails(fit, capsys):
    out = run(capsys, "fit.py:loss", "--stage=recorded", "--rails", "--source")[1]
    assert out.startswith("╷")
    assert "fit.py:8  np.tanh(x * w)" in out
    done = subprocess.run(
        [sys.executable, "-m", "tapec", "show", "fit.py:loss", "--rails"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("?")


def test_instructions_with_their_source(fit, capsys):
    for stage in ("llvm", "asm"):
        out = run(capsys, "fit.py:loss", f"--stage={stage}", "--source")[1]
        assert re.search(r"; %\d+ tanh  fit.py:8  np.tanh\(x \* w\)", out)


def test_native_code(fit, capsys):
    assert "define" in run(capsys, "fit.py:loss", "--stage=llvm")[1]
    assert "ret" in run(capsys, "fit.py:loss", "--stage=asm")[1]


def test_picture(fit, capsys):
    assert run(capsys, "fit.py:loss", "--stage=cse", "-o", "loss.svg")[0] == 0
    assert Path("loss.svg").read_text(encoding="utf-8").startswith("<svg")


def test_view_writes_a_page(fit, capsys, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert main(["view", "fit.py:loss", "--open", "--values"]) == 0
    assert capsys.readouterr().out == "loss.html\n"
    assert Path("loss.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert opened == [Path("loss.html").resolve().as_uri()]
    assert main(["view", "fit.py:loss", "--no-native", "-o", "other.html"]) == 0
    assert Path("other.html").stat().st_size < Path("loss.html").stat().st_size
    assert opened == opened[:1]


def test_view_says_what_is_wrong(fit, capsys):
    assert main(["view", "fit.py:los", "-o", "x.html"]) == 2
    assert "tapec: fit.py has no function los" in capsys.readouterr().err
    assert main(["view", "fit.py:loss", "-o", "/no/folder/x.html"]) == 2
    assert capsys.readouterr().err.endswith(
        "/no/folder/x.html: No such file or directory\n"
    )


def test_a_module_by_its_name(capsys):
    command = ["tapec.demo.network:logits", "--stage=recorded"]
    w = "Weights(np.ones((2, 2)), 0.0, np.ones((2, 2)), 0.0), np.ones((3, 2))"
    status, out, _ = run(capsys, *command, "--args", w)
    assert status == 0
    assert "tanh" in out


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        ("fit.py", 2, "fit.py: write FILE.py:FUNCTION, such as fit.py:loss"),
        ("none.py:f", 2, "none.py: no such file"),
        ("no.module:f", 2, "no.module: neither a file that ends in .py nor a module"),
        (
            "fit.py:los",
            2,
            "fit.py has no function los; there are loss, plain, nothing, fails, odd",
        ),
        ("fit.py:number", 2, "fit.py: number is a int, not a function"),
        (
            "fit.py:plain",
            2,
            "plain(a, b) needs arguments to be traced with; give them as "
            '--args="np.ones(3), 2.0", or write plain_args = (np.ones(3), 2.0) '
            "in fit.py",
        ),
        (
            "fit.py:plain --args=no_name",
            2,
            "--args='no_name': NameError: name 'no_name' is not defined",
        ),
        (
            "fit.py:loss --stage=nothing",
            2,
            "--stage: no stage 'nothing'; there are recorded, ",
        ),
        ("fit.py:loss -o /no/folder/f.svg", 2, "/no/folder/f.svg: No such file"),
        (
            "fit.py:fails --args=2.0",
            1,
            "fails failed while it was traced: AttributeError: ",
        ),
        ("fit.py:odd --args=np.ones(3)", 1, "add: "),
    ],
)
def test_errors(fit, capsys, command, status, message):
    found, _, err = run(capsys, *command.split(" "))
    assert found == status
    assert err.startswith(f"tapec: {message}")
    assert "Traceback" not in err


def test_the_users_line_is_shown(fit, capsys):
    err = run(capsys, "fit.py:odd", "--args=np.ones(3)")[2]
    assert "    return x + np.ones(4)\n           ^^^^^^^^^^^^^^" in err
    err = run(capsys, "fit.py:fails", "--args=2.0")[2]
    assert err.endswith("in fails\n    return x.no_such_method()\n")


def test_a_file_that_does_not_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("bad.py").write_text("x = 1\nraise ValueError('no data')\n")
    status, _, err = run(capsys, "bad.py:f")
    assert status == 1
    assert err == (
        "tapec: bad.py cannot be imported: ValueError: no data\n"
        f"  {tmp_path / 'bad.py'}:2, in <module>\n"
        "    raise ValueError('no data')\n"
    )


def test_the_command_of_the_readme():
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tapec", "show"),
            *("examples/01_grad.py:f", "--stage=optimized"),
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "@f(%x: f64[3], %w: f64[3])" in done.stdout
    assert done.stderr == ""


# --- doctor -----------------------------------------------------------------


def test_doctor_finds_everything_well(capsys, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "FAIL" not in out
    for what in ("numpy", "llvmlite", "native code", "threads", "BLAS", "SVG", "cache"):
        assert f"ok    {what}" in out
    assert out.endswith("\n\neverything works\n")


def test_doctor_says_what_is_wrong(capsys, monkeypatch):
    def broken():
        raise doctor.Problem("a wrong number")

    def absent():
        import no_such_module  # noqa: F401

    checks = (("numpy", lambda: "2.0"), ("BLAS", broken), ("SVG", absent))
    monkeypatch.setattr(doctor, "CHECKS", checks)
    assert main(["doctor"]) == 1
    assert capsys.readouterr().out == (
        "ok    numpy  2.0\n"
        "FAIL  BLAS   a wrong number\n"
        "FAIL  SVG    ModuleNotFoundError: No module named 'no_such_module'\n"
        "\n"
        "wrong: BLAS, SVG\n"
    )
