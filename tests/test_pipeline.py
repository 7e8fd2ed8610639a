"""The pass list is data: names, arguments, order, and the command that runs it."""

import io

import pytest

from tapec.cli import main
from tapec.errors import IRError
from tapec.passes import cse as cse_module
from tapec.passes.pipeline import PASSES, Pass, check_order, parse_passes, run
from tapec.text import format_function, parse

TEXT = """\
func @f(%x: f64[3]) {
  %1: f64[3] = negative %x
  %2: f64[3] = negative %x
  %3: f64[3] = add %1, %2
  return %3
}
"""
AFTER = """\
func @f(%x: f64[3]) {
  %1: f64[3] = negative %x
  %3: f64[3] = add %1, %1
  return %3
}
"""


def test_passes_run_in_the_order_given():
    seen = []
    out = run(
        parse(TEXT),
        ["dce", "cse"],
        observe=lambda name, before, after: seen.append(
            (name, len(before.ops), len(after.ops))
        ),
    )
    assert seen == [("dce", 3, 3), ("cse", 3, 2)]
    assert format_function(out) + "\n" == AFTER


def test_an_invalid_result_names_the_pass(monkeypatch):
    monkeypatch.setenv("TAPEC_VERIFY", "1")
    monkeypatch.setattr(cse_module, "cse", lambda fn: fn.with_(ops=fn.ops[1:]))
    with pytest.raises(
        IRError, match="invalid IR after cse: operand %1 is not defined"
    ):
        run(parse(TEXT), ["cse"])
    monkeypatch.setenv("TAPEC_VERIFY", "0")
    assert len(run(parse(TEXT), ["cse"]).ops) == 2


def test_a_failing_pass_is_named(monkeypatch):
    def fail(fn):
        raise ZeroDivisionError

    monkeypatch.setattr(cse_module, "cse", fail)
    with pytest.raises(ZeroDivisionError) as caught:
        run(parse(TEXT), ["cse"])
    assert caught.value.__notes__ == ["in the pass cse, on @f"]


def test_arguments_are_parsed():
    found = parse_passes("vjp(wrt=[0, 1]), cse,dce")
    assert found == [Pass("vjp", {"wrt": [0, 1]}), Pass("cse"), Pass("dce")]
    assert [str(p) for p in found] == ["vjp(wrt=[0, 1])", "cse", "dce"]
    assert parse_passes("") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cse,", None),
        ("cses", "unknown pass cses; did you mean cse?"),
        ("xyz", "unknown pass xyz; there are vjp"),
        ("cse(", "not a list of passes"),
        ("1", "not a pass: 1"),
        ("vjp([0])", "not a pass"),
        ("cse(depth=3)", "cse: got an unexpected keyword argument 'depth'"),
        ("vjp(wrt=x)", "vjp: x is no Python literal"),
    ],
)
def test_bad_lists_are_explained(text, message):
    if message is None:
        assert parse_passes(text) == [Pass("cse")]
        return
    with pytest.raises(ValueError) as caught:
        parse_passes(text)
    assert message in str(caught.value)


def test_order_is_checked_with_its_reason():
    with pytest.raises(ValueError, match="cse must come before dce: cse leaves ops"):
        check_order(("dce", "cse"))
    check_order(("fuse",))


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_is_a_function_named_as_its_file(name):
    transform = Pass(name).transform
    assert transform.__name__ == name
    assert transform.__module__ == f"tapec.passes.{name}"
    assert "->" in __import__(transform.__module__, fromlist=[name]).__doc__


# --- the command ------------------------------------------------------------


def test_opt_prints_the_text_after_the_passes(tmp_path, capsys):
    file = tmp_path / "f.tir"
    file.write_text(TEXT)
    assert main(["opt", str(file), "--passes=cse,dce"]) == 0
    assert capsys.readouterr().out == AFTER


def test_opt_reads_standard_input(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(TEXT))
    assert main(["opt", "-", "--passes=cse", "--steps"]) == 0
    assert capsys.readouterr().out == f"; after cse\n{AFTER}\n"


def test_errors_are_one_message(monkeypatch, tmp_path, capsys):
    def outcome(*argv, text=TEXT):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        status = main(["opt", *argv])
        out, err = capsys.readouterr()
        assert out == ""
        return status, err

    assert outcome("-", text="func f") == (
        1,
        "tapec: <stdin>:1:6: expected a name such as `@f` but found `f`\n"
        "  func f\n"
        "       ^\n",
    )
    bad = TEXT.replace("add %1, %2", "add %1")
    status, err = outcome("-", text=bad)
    assert status == 1 and "invalid IR: TypeError: add takes 2 operands, not 1" in err
    assert outcome("-", "--passes=ces")[0] == 2
    assert outcome(str(tmp_path / "none.tir")) == (
        2,
        f"tapec: {tmp_path / 'none.tir'}: No such file or directory\n",
    )
    status, err = outcome("-", "--passes=vjp(wrt=[9])")
    assert status == 1 and "vjp(wrt=[9]) failed" in err


def test_a_missing_command_is_an_error(capsys):
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
