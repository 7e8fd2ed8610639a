"""`check_nan`: the first cause, the way to the result, and no false alarm."""

import re

import numpy as np
import pytest

import tapec
from tapec.debugging.origins import origins_of
from tapec.scipy.special import logsumexp
from tapec.text import parse


def place_free(text):
    """The text without the numbers of this file's lines."""
    return re.sub(r"\S*test_nans\.py:\d+", "FILE", text)


# --- no alarm ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda x: np.where(x > 0, np.log(x), 0.0), (np.array([-1.0, 0.0, 2.0]),)),
        (lambda x: np.sum(np.where(x > 0, np.sqrt(x) / x, 0)), (np.arange(-1.0, 2),)),
        (lambda x: np.sum(np.exp(np.where(x > 1, x, -np.inf))), (np.arange(3.0),)),
        (lambda x: logsumexp(np.where(x > 1, x, -np.inf)), (np.arange(3.0),)),
        (lambda x: np.min(np.where(x > 1, x, np.inf)), (np.arange(3.0),)),
        (lambda x: np.where(x > 1, x, -np.inf), (np.arange(3.0),)),
        (lambda x: np.linalg.norm(x), (np.zeros(3),)),
        (lambda x: np.nansum(x), (np.array([1.0, np.nan]),)),
        (lambda x: np.sum(x[1:]), (np.array([np.nan, 1.0]),)),
        (lambda x: np.max(np.concatenate([x, 1 / x])[:3]), (np.zeros(3),)),
        (lambda x: np.stack([x, np.log(x)])[0].T.reshape(3, 1) * 2, (np.zeros(3),)),
        (lambda x: 1 / np.log(x), (np.array([0.0]),)),
    ],
)
def test_what_is_masked_is_no_alarm(f, args):
    report = tapec.check_nan(f, *args)
    assert report.ok, report
    assert report.first is None
    assert "all results are fine" in str(report)


def test_the_masked_are_listed_with_what_stops_them():
    f = lambda x: np.where(x > 0, np.log(x), 0.0)  # noqa: E731
    report = tapec.check_nan(f, np.array([-1.0, 0.0, 2.0]))
    assert [(o.op.prim.name, o.kind, o.count) for o in report.masked] == [
        ("log", "inf", 1),
        ("log", "nan", 1),
    ]
    assert place_free(str(report)) == (
        "<lambda>: all results are fine (5 ops)\n"
        "masked, reaching no result:\n"
        "  inf in %3 = log %x: 1 of 3 (%x f64[3]: min -1  max 2  mean 0.3333), "
        "FILE, in <lambda>\n"
        "    stopped by %5 where\n"
        "  nan in %3 = log %x: 1 of 3 (%x f64[3]: min -1  max 2  mean 0.3333), "
        "FILE, in <lambda>\n"
        "    stopped by %5 where"
    )


# --- alarms -----------------------------------------------------------------------


def softmax_loss(w, x):
    p = np.exp(x @ w)
    p = p / p.sum(1, keepdims=True)
    return -np.mean(np.log(p))


def test_the_report_of_an_overflow():
    report = tapec.check_nan(softmax_loss, np.full((3, 2), 1e4), np.ones((4, 3)))
    assert not report.ok
    assert report.first.op.prim.name == "divide"
    assert report.first.reaches
    assert (
        place_free(str(report))
        == """\
nan first made by %8 = divide %5 %7: 8 of 8 elements
  FILE, in softmax_loss
    p = p / p.sum(1, keepdims=True)
        ^^^^^^^^^^^^^^^^^^^^^^^^^^^
  %5 exp f64[4,2]: min inf  max inf  inf 8
  %7 reshape f64[4,1]: min inf  max inf  inf 4
  because of inf in %5 = exp %4: 8 of 8 \
(%4 matmul f64[4,2]: min 3e+04  max 3e+04  mean 3e+04), FILE, in softmax_loss
  reaches the value, the gradient by %w, the gradient by %x through 6 ops: \
%9 %10 %11 %13 %14 %15"""
    )


def test_only_the_gradient():
    f = lambda x: np.sum(np.sqrt(x))  # noqa: E731
    x = np.arange(3.0)
    report = tapec.check_nan(f, x)
    assert (report.first.op.prim.name, report.first.kind) == ("divide", "inf")
    text = str(report)
    assert "inf first made by %8 = divide" in text
    assert "in the gradient of %2 = sqrt %x" in text
    assert "reaches the gradient by %x" in text
    assert tapec.check_nan(f, x, gradient=False).ok
    assert tapec.check_nan(f, x, inf=False).ok
    assert not tapec.check_nan(tapec.grad(f), x).ok
    assert not tapec.check_nan(tapec.jit(f), x).ok


def test_arguments_that_are_nan_are_named():
    report = tapec.check_nan(lambda x, y: np.sum(x * y), np.ones(3), np.full(3, np.nan))
    assert report.first.op.prim is None
    assert str(report).startswith("the argument %y is nan: 3 of 3 elements")


def test_the_true_cause_beside_a_masked_one():
    def f(x):
        harmless = np.where(x > 0, np.log(x), 0.0)
        return harmless + np.sqrt(x - 1)

    report = tapec.check_nan(f, np.array([-1.0, 0.5, 2.0]))
    assert report.first.op.prim.name == "sqrt"
    assert report.first.count == 2
    assert [o.op.prim.name for o in report.masked] == ["log"]


def test_elements_are_followed_through_moves_and_sums():
    def f(x):
        y = np.log(x).reshape(2, 2).T
        return np.sum(y, axis=0)[1], np.sum(y, axis=1)

    report = tapec.check_nan(f, np.array([-1.0, 1.0, 1.0, 1.0]))
    (origin,) = report.alarms
    np.testing.assert_array_equal(origin.mask, [True, False, False, False])
    assert origin.results == (1,)


def test_the_step_of_a_loop():
    def loop(x):
        def step(c, t):
            safe = np.where(c > 0, np.sqrt(c), 0.0)
            return np.log(safe - t), None

        return tapec.scan(step, x, np.arange(4.0))[0]

    report = tapec.check_nan(loop, 5.0)
    assert report.first.op.prim.name == "scan"
    assert (report.inside.step, report.inside.origin.op.prim.name) == (1, "log")
    assert "in step 1 of its body: nan first made by %8 = log %7" in str(report)
    assert "return np.log(safe - t), None" in str(report)


def test_a_branch_that_ran():
    def f(x):
        return tapec.cond(x > 0, np.log, lambda v: np.sqrt(v), x)

    assert tapec.check_nan(f, 2.0).ok
    assert tapec.check_nan(f, -2.0).inside.origin.op.prim.name == "sqrt"


def test_a_gradient_that_cannot_be_taken_is_said():
    f = lambda x: np.sum(x.astype(int)).astype(float)  # noqa: E731
    assert tapec.check_nan(f, np.ones(3)).ok
    with pytest.raises(TypeError):
        tapec.check_nan(lambda x: np.sum(x).astype(int), np.ones(3), gradient=True)


def test_of_a_tape():
    x = tapec.constant(np.array([0.0, 4.0]))
    with tapec.GradientTape(persistent=True) as tape:
        y = np.sum(np.sqrt(x))
    report = tape.inspect(y, x).check_nan()
    assert (report.first.op.prim.name, report.first.kind) == ("divide", "inf")
    assert "in the gradient of" in str(report)
    assert tape.inspect(y, x).check_nan(inf=False).ok


def test_extents_that_vary():
    f = tapec.jit(lambda x: np.sum(np.log(x)), dynamic=True)
    assert not tapec.check_nan(f, np.zeros(3), gradient=False).ok


# --- a corpus: NaN put in at each op ------------------------------------------------


CHAIN = """\
func @f(%x: f64[4], %w: f64[4,4], %c: bool[4]) {
  %3: f64[4] = sin %x
  %4: f64[4] = multiply %3, %x
  %5: f64[4] = matmul %w, %4
  %6: f64[2,2] = reshape %5 shape=(2, 2)
  %7: f64[2] = sum %6 axis=(1,)
  %8: f64[] = max %7 axis=(0,)
  %9: f64[4] = where %c, %4, %3
  return %8, %9
}
"""


@pytest.mark.parametrize("line", range(1, 6))
def test_the_origin_is_exact_wherever_it_is(line):
    """A logarithm of a negative number behind each op of the chain is found."""
    lines = CHAIN.splitlines()
    uid = int(re.search(r"%(\d+)", lines[line])[1])
    type_ = re.search(r": (f64\S+) =", lines[line])[1]
    broken = [
        f"  %20: {type_} = multiply %{uid}, %{uid}",
        f"  %21: {type_} = negative %20",
        f"  %22: {type_} = log %21",
    ]
    rest = [text.replace(f"%{uid},", "%22,").replace(f"%{uid} ", "%22 ")
            for text in lines[line + 1 :]]  # fmt: skip
    fn = parse("\n".join([*lines[: line + 1], *broken, *rest]))
    x, w = np.array([0.5, 1.0, 1.5, 2.0]), np.eye(4) + 0.1
    found = [o for o in origins_of(fn, [x, w, np.ones(4, bool)]) if o.reaches]
    assert [(o.op.uid, o.kind) for o in found] == [(22, "nan")]


def test_where_hands_on_only_what_it_chooses():
    fn = parse(CHAIN)
    x = np.array([np.nan, 1.0, 1.0, 1.0])
    chosen = np.array([True, True, True, True])
    w = np.zeros((4, 4))
    assert origins_of(fn, [x, w, chosen])[0].results == (0, 1)
    fn = fn.with_(results=fn.results[1:])
    x = np.array([np.inf, 1.0, 1.0, 1.0])
    origins = origins_of(fn, [x, w, chosen])
    assert [(o.op.uid, o.reaches) for o in origins] == [(0, True), (3, True)]
