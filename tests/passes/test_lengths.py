"""The general function of a recording is the recording, and right for other lengths."""

import numpy as np
import pytest
from loop_programs import ARGS, program
from loops import LOOPS

import tapec
from tapec import containers
from tapec.interpret import evaluate
from tapec.ir import Dim, dims_of, prune, with_sizes
from tapec.ops.const import const, with_constants
from tapec.passes import pipeline
from tapec.passes.lengths.general import general
from tapec.passes.lengths.symbols import Settled, Symbols
from tapec.text import format_module, parse
from tapec.verify import verify


def rolled(fn):
    return pipeline.run(prune(fn), pipeline.RECORDED)


def instance(found):
    """The general function for the lengths that it was made of."""
    fn = with_sizes(found.function, found.sizes)
    count = len(fn.params) - len(found.tables)
    return with_constants(fn, dict(zip(fn.params[count:], found.tables, strict=True)))


def check(fn, args):
    """Whether `fn` has a general function, which must give the same bits."""
    fn = rolled(fn)
    found = general(fn)
    if found is None:
        return False
    again = instance(found)
    verify(again)
    assert [op.type for op in again.ops if op.prim is not const] == [
        op.type for op in fn.ops if op.prim is not const
    ]
    with Settled(found.sizes).asked():
        verify(found.function)
    text = format_module(found.function)
    assert format_module(parse(text)) == text
    arrays = [np.asarray(x) for x in containers.flatten(args)[0]]
    for a, b in zip(evaluate(fn, *arrays), evaluate(again, *arrays), strict=True):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    return True


KEPT = {
    "layers with arrays of their own",  # their number is that of the parameters
    "every other row",  # half a length is no polynomial
}


@pytest.mark.parametrize("case", LOOPS, ids=[c.name for c in LOOPS])
def test_loops(case):
    looped = any(op.prim.name == "scan" for op in rolled(case.recorded).ops)
    assert check(case.recorded, case.args) == (looped and case.name not in KEPT)


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_random_loops(first):
    for seed in range(first, first + 10):
        check(tapec.jit(program(seed)).traced(*ARGS), ARGS)


def test_what_has_a_length():
    def f(x, w):
        h, s = np.zeros(3), 0.0
        for t in range(len(x) - 1):
            h = np.tanh(w @ h + x[t])
            s = s + np.sum(h * x[t + 1]) * 0.9**t
        return s

    args = np.ones((20, 3)), np.ones((3, 3))
    found = general(rolled(tapec.grad(f).traced(*args)))
    assert found.sizes == {"T": 20}
    assert [t.shape for t in found.tables] == [(19,)]
    types = [repr(p.type) for p in found.function.params]
    assert types == ["f64[T,3]", "f64[3,3]", "f64[T-1]"]
    assert [repr(r.type) for r in found.function.results] == ["f64[T,3]"]
    lengths = {op.attr("length") for op in found.function.ops if op.prim.name == "scan"}
    assert {repr(n) for n in lengths} == {"T-1"}


def test_a_function_with_symbols_or_without_loops_has_none():
    f = tapec.jit(lambda x: np.sum(np.sin(x)))
    assert general(f.traced(np.ones(9))) is None
    g = tapec.jit(
        lambda x: tapec.scan(lambda c, x: (c + x, None), 0.0, x)[0], dynamic=True
    )
    assert general(g.traced(np.ones(9))) is None


def test_what_needs_the_number_keeps_it():
    """The extents of what goes into an inverse must be equal: 12 is 3 times 4."""

    def f(x):
        seen = []
        for _ in range(12):
            x = np.sin(np.cos(x) * 1.1) + 0.2
            seen.append(x)
        rows = np.reshape(np.stack(seen), (3, 4))
        return np.sum(np.linalg.inv(rows @ rows.T + np.eye(3)))

    fn = rolled(tapec.jit(f).traced(0.3))
    assert any(op.prim.name == "scan" for op in fn.ops)
    assert not check(fn, (0.3,))


# --- symbols ------------------------------------------------------------------


def test_equal_symbols_are_one():
    symbols = Symbols()
    a, b, c = symbols.fresh(7), symbols.fresh(7), symbols.fresh(6)
    with symbols.asked():
        assert a == b
        assert c + 1 == a
        assert a != c
        assert a > c
    assert symbols.normal(b) is a
    assert symbols.normal(c) == a - 1
    assert symbols.numbers == {"_0": 7, "_1": 7, "_2": 6}


def test_a_number_that_is_asked_for_stays():
    symbols = Symbols()
    a, b = symbols.fresh(6), symbols.fresh(12)
    with symbols.asked():
        assert b == 2 * a
        assert range(a) == range(6)
    assert (symbols.normal(a), symbols.normal(b)) == (6, 12)


def test_products_without_a_single_symbol_are_numbers():
    symbols = Symbols()
    a, b, c, d = (symbols.fresh(n) for n in (2, 6, 3, 4))
    with symbols.asked():
        assert a * b == c * d
    assert [symbols.normal(x) for x in (a, b, c, d)] == [2, 6, 3, 4]


def test_nothing_new_is_equal_once_settled():
    with Settled({"T": 4, "T1": 4}).asked():
        assert Dim("T") == Dim("T")
        assert Dim("T") != 5
        with pytest.raises(TypeError, match="for some sizes only"):
            assert Dim("T") == Dim("T1")
        with pytest.raises(TypeError, match="needed as a number"):
            range(Dim("T"))


def test_tables_in_bodies_come_from_outside():
    def f(x):
        for _ in range(8):
            for k in range(9):
                x = np.sin(x) * np.cos(0.3 * k * k) + 0.1
            x = x * 0.5
        return x

    found = general(rolled(tapec.jit(f).traced(0.3)))
    assert found.sizes == {"T": 9, "T1": 8}
    assert [t.shape for t in found.tables] == [(9,)]
    assert dims_of(found.function) == ("T", "T1")
    body = next(iter(found.function.bodies()))
    assert not any(op.type.shape for op in body.ops if op.prim is const)
    assert check(tapec.jit(f).traced(0.3), (0.3,))
    np.testing.assert_allclose(found.tables[0], np.cos(0.3 * np.arange(9) ** 2))
