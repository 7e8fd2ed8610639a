"""Text for the terminal: rails, trees, history, differences, annotated code."""

import re
import sys

import numpy as np
import pytest

import tapec
from tapec.debugging.rails import rails, rails_text
from tapec.debugging.screen import colours
from tapec.debugging.trees import tree
from tapec.text import parse


def loss(x, w):
    y = np.tanh(x * w)
    with tapec.scope("norm"):
        z = np.sum(y * y)
    return z + np.sum(np.tanh(x * w))


ARGS = (np.ones(40), np.arange(40.0))


@pytest.fixture(scope="module")
def seen():
    return tapec.grad(loss).inspect(*ARGS)


def golden(text):
    """Without line numbers, which every edit of this file changes."""
    return re.sub(r"\S*test_terminal\.py:\d+", "FILE:N", text)


# --- rails ------------------------------------------------------------------------

TEXT = """\
func @f(%x: f64[3], %w: f64[3], %unused: f64[]) {
  %3: f64[3] = multiply %x, %w
  %4: f64[3] = tanh %3
  %5: f64[] = sum %4 axis=(0,)
  print %5 text="{}"
  %6: f64[3] = multiply %4, %w
  %7: f64[] = const value=1.0
  %8: f64[3] = multiply %6, %7
  return %8, %3
}
"""


def test_rails():
    assert (
        rails_text(parse(TEXT))
        == """\
╷     %x: f64[3]
│╷    %w: f64[3]
││    %unused: f64[]
●┤    %3: f64[3] = multiply %x, %w
├│●   %4: f64[3] = tanh %3
││├●  %5: f64[] = sum %4 axis=(0,)
│││●  print %5 text="{}"
│●╯   %6: f64[3] = multiply %4, %w
││●   %7: f64[] = const value=1.0
│●╯   %8: f64[3] = multiply %6, %7
╰╯    return %8, %3"""
    )


def test_rails_beside_the_source(seen):
    assert (
        golden(seen.text("dce", rails=True, source=True))
        == """\
╷     %x: f64[40]
│╷    %w: f64[40]
●┤    %3: f64[40] = multiply %x, %w     FILE:N  x * w
●│    %4: f64[40] = tanh %3             FILE:N  np.tanh(x * w)
├│●   %5: f64[40] = multiply %4, %4     FILE:N  y * y  [norm]
│││●  %11: f64[] = const value=1.0      FILE:N  tapec.grad(loss).inspect(*ARGS)
││●╯  %16: f64[40] = subtract %11, %5   FILE:N  np.tanh(x * w)
│├┼●  %18: f64[40] = multiply %16, %w   FILE:N  x * w
●│││  %23: f64[40] = add %4, %4         FILE:N  np.tanh(x * w)
●│╯│  %27: f64[40] = multiply %23, %16  FILE:N  np.tanh(x * w)
●╯ │  %28: f64[40] = multiply %27, %w   FILE:N  x * w
●──╯  %29: f64[40] = add %18, %28       FILE:N  x * w
╰     return %29"""
    )


def test_every_value_has_a_lane_while_it_is_wanted():
    """Where a row reads a value, a lane leads there from the row of its op."""
    fn = tapec.grad(loss).inspect(*ARGS).recorded
    rows = rails(fn)
    lane = {}
    for v, row in zip((*fn.params, *fn.ops), rows, strict=False):
        for a in v.args:
            assert row.lanes[lane[a]] in "●├┤┼╰╯┴", (v, a)
        lane[v] = row.own
    for i, v in enumerate((*fn.params, *fn.ops)):
        uses = [j for j, op in enumerate(fn.ops, len(fn.params)) if v in op.args]
        if uses:
            for row in rows[i + 1 : uses[-1]]:
                assert row.lanes[lane[v]] in "│├┤┼", (v, row)


def test_a_row_that_is_cut_and_a_stage_that_parses(seen):
    narrow = seen.text(rails=True, source=True, width=40)
    assert max(map(len, narrow.splitlines())) == 40
    assert "…" in narrow
    assert parse(seen.text("dce")) == seen.stage("dce")


# --- colours ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terminal", "environment", "wanted"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (False, {"FORCE_COLOR": "1"}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colours_are_wanted(terminal, environment, wanted, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    assert colours("auto") is wanted
    assert colours(True) is True
    assert colours(False) is False


def test_colours_change_nothing_else(seen):
    for rails_too in (False, True):
        plain = seen.text(rails=rails_too, source=True)
        painted = seen.text(rails=rails_too, source=True, color=True)
        assert "\x1b[" in painted
        assert "\x1b[" not in plain
        unpainted = re.sub(r"\x1b\[[\d;]*m", "", painted)
        assert [line.rstrip() for line in unpainted.splitlines()] == plain.splitlines()


# --- trees ------------------------------------------------------------------------


def test_trees(seen):
    assert (
        golden(seen.tree(8))
        == """\
%8 = tanh         f64[40]  FILE:N
└─ %7 = multiply  f64[40]  FILE:N
   ├─ %2 = copy   f64[40]  FILE:N
   │  └─ %x       f64[40]
   └─ %w          f64[40]"""
    )
    assert (
        golden(seen.tree("w", "dce", 1, up=True))
        == """\
%w                 f64[40]
├─ %3 = multiply   f64[40]  ...
├─ %18 = multiply  f64[40]  ...
└─ %28 = multiply  f64[40]  ..."""
    )


def test_what_was_shown_is_not_opened_again():
    fn = parse("""\
func @f(%x: f64[]) {
  %1: f64[] = sin %x
  %2: f64[] = multiply %1, %1
  %3: f64[] = add %2, %1
  return %3
}
""")
    assert (
        tree(fn, 3)
        == """\
%3 = add          f64[]
├─ %2 = multiply  f64[]
│  └─ %1 = sin    f64[]
│     └─ %x       f64[]
└─ %1 = sin       f64[]  (above)"""
    )
    with pytest.raises(KeyError, match="there is no %9 in @f"):
        tree(fn, 9)


def test_a_tree_of_exponential_size_is_cut():
    lines = ["func @f(%x: f64[]) {"]
    lines += [f"  %{i}: f64[] = add %{i - 1}, %{i - 1}" for i in range(2, 500)]
    text = "\n".join([*lines, "  return %499", "}"]).replace("%1,", "%x,")
    fn = parse(text.replace("%1\n", "%x\n"))
    assert len(tree(fn, 499).splitlines()) == 201


# --- why --------------------------------------------------------------------------


def test_forwards(seen):
    assert (
        golden(seen.why(8))
        == """\
%8: f64[40] = tanh %7
  FILE:N, in loss
    return z + np.sum(np.tanh(x * w))
                      ^^^^^^^^^^^^^^
cse: %8 became %4: the same operation on the same operands
fuse: %4 is computed in kernel %30"""
    )
    assert seen.why(2).splitlines()[-1] == "simplify: %2 became %x: copy(x) = x"
    total = next(op for op in seen.recorded.ops if op.prim.name == "sum")
    assert (
        seen.why(total.uid)
        .splitlines()[-1]
        .startswith(f"dce: %{total.uid} was removed: nothing reads it but %")
    )


def test_backwards(seen):
    (kernel,) = seen.stage("optimized").ops
    lines = seen.why(kernel.uid).split("\n\n")[-1].splitlines()
    assert lines[-2] == (
        f"fuse: %{kernel.uid} computes %3 multiply, %4 tanh, %5 multiply, %11 const, "
        "%16 subtract, %18 multiply, %23 add, %27 multiply, %28 multiply, %29 add"
    )
    assert lines[-1] == f"in the end %{kernel.uid} is result 0"
    assert "cse: %4 stands also for %8 tanh: the same operation" in seen.why(4)


def test_results_of_a_kernel_with_several():
    seen = tapec.value_and_grad(loss).inspect(*ARGS)
    for uid in (v.uid for v in seen.stage("optimized").results):
        text = seen.why(uid)
        assert "in the end %" in text
    item = next(op for op in seen.stage("optimized").ops if op.prim.name == "item")
    assert re.search(r"it is %\d+ \w+, from kernel %\d+", seen.why(item.uid))
    first = seen.why(item.uid).rsplit("it is %", 1)[1].split()[0]
    assert f"the kernel gives it as %{item.uid}" in seen.why(int(first))


def test_every_value_of_every_stage_has_a_history():
    seen = tapec.value_and_grad(loss).inspect(*ARGS)
    for stage in seen.log:
        for v in (*stage.function.params, *stage.function.ops):
            assert seen.why(v.uid).startswith("%")
    with pytest.raises(KeyError, match="no value %9999"):
        seen.why(9999)


# --- code -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["llvm", "asm"])
def test_instructions_know_their_value_and_expression(seen, kind):
    text = golden(getattr(seen, kind)("kernel", source=True))
    assert "; %4 tanh  FILE:N  np.tanh(x * w)" in text
    assert "; %3 multiply  FILE:N  x * w" in text
    assert not re.search(r"!dbg|DILocation|\.loc|\.cfi", text)
    notes = [line.split(" ; ")[1] for line in text.splitlines() if " ; %" in line]
    known = {f"%{op.uid} {op.prim.name}" for op in seen.stage("dce").ops}
    assert {" ".join(note.split()[:2]) for note in notes} <= known
    assert len(notes) > 20
    plain = getattr(seen, kind)("kernel")
    assert len(plain.splitlines()) > 20
    assert "FILE" not in golden(plain)


# --- differences ------------------------------------------------------------------


def other(x, w):
    y = np.tanh(x * w)
    with tapec.scope("norm"):
        z = np.sum(y * y, axis=0) * 2.0
    return z + np.sum(np.tanh(x * w))


def test_two_functions():
    a, b = (tapec.inspect(f, *ARGS) for f in (loss, other))
    assert (
        golden(str(tapec.diff(a, b)))
        == """\
--- loss: 8 ops
+++ other: 10 ops
  7 ops are the same
+ %6: f64[] = const value=2.0                                 ; FILE:N
+ %7: f64[] = multiply %5, %6                                 ; FILE:N
- %9: f64[] = add %5, %8                                      ; FILE:N
+ %11: f64[] = add %7, %10                                    ; FILE:N
    operand 0: %5 -> %7"""
    )


def test_numbers_and_order_do_not_matter():
    a = parse(TEXT)
    b = parse(re.sub(r"%(\d)", lambda m: f"%{int(m[1]) + 40}", TEXT))
    found = tapec.diff(a, b)
    assert not found
    assert str(found).splitlines()[-1] == "  they are the same"
    assert len(found.same) == len(a.ops)


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (("tanh %3", "sin %3"), ["- %4: f64[3] = tanh %3", "+ %4: f64[3] = sin %3"]),
        (
            ("value=1.0", "value=2.0"),
            [
                "- %7: f64[] = const value=1.0",
                "+ %7: f64[] = const value=2.0",
                "    value: Constant(array(1.)) -> Constant(array(2.))",
            ],
        ),
        (("return %8, %3", "return %3, %8"), ["- return %8, %3", "+ return %3, %8"]),
        (("%unused: f64[]", "%unused: f64[2]"), ["~ %unused: f64[] -> f64[2]"]),
        ((", %unused: f64[]", ""), ["- %unused: f64[]"]),
        (
            ("multiply %4, %w", "multiply %4, %x"),
            [
                "- %6: f64[3] = multiply %4, %w",
                "+ %6: f64[3] = multiply %4, %x",
                "    operand 1: %w -> %x",
            ],
        ),
    ],
)
def test_one_change_is_one_difference(change, lines):
    found = tapec.diff(parse(TEXT), parse(TEXT.replace(*change)))
    assert found
    assert str(found).splitlines()[3:] == lines


def test_bodies_are_compared():
    def looped(scale):
        def f(x):
            return tapec.scan(lambda c, t: (c * scale + t, None), x, np.arange(3.0))[0]

        return tapec.inspect(f, 1.0)

    text = str(tapec.diff(looped(2.0), looped(3.0)))
    assert "body: @scan -> @scan" in text
    assert "    +   %" not in text
    assert "    - %2: f64[] = const value=2.0" in text


def test_a_difference_of_nothing_else():
    with pytest.raises(TypeError, match="diff needs inspections or functions of"):
        tapec.diff(loss, other)
