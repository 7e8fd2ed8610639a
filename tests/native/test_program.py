"""Programs: steps, effects, memory, layouts, threads."""

import itertools
import math
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from random_programs import programs

import tapec
from tapec.errors import CheckFailed
from tapec.interpret import evaluate
from tapec.ir import ArrayType
from tapec.native import lowering, platform
from tapec.native import program as native_program
from tapec.native.program import compile
from tapec.passes.fuse import fuse
from tapec.text import parse


def program_of(text):
    return compile(fuse(parse(text)))


EXP_SUM = """
func @f(%x: f64[4,9], %w: f64[9]) {
  %2: f64[4,9] = multiply %x, %w
  %3: f64[4,9] = exp %2
  %4: f64[4] = sum %3 axis=(1,)
  return %3, %4
}
"""

CHECK = """
func @f(%x: f64[3]) {
  %1: f64[] = sum %x axis=(0,)
  %2: f64[] = const value=0.0
  %3: bool[] = greater %1, %2
  check %3 expected=True
  %4: f64[3] = exp %x
  return %4
}
"""


# --- effects and failures -----------------------------------------------------


def test_a_check_that_fails_says_which():
    program = program_of(CHECK)
    x = np.ones(3)
    (found,) = program(x)
    np.testing.assert_allclose(found, np.exp(x))
    with pytest.raises(CheckFailed) as failure:
        program(-x)
    assert failure.value.op.prim.name == "check"
    np.testing.assert_allclose(program(x)[0], np.exp(x))


def test_a_check_of_an_integer():
    program = program_of("""
        func @f(%n: i64[]) {
          check %n expected=3
          return %n
        }""")
    assert program(np.array(3)) == (3,)
    with pytest.raises(CheckFailed):
        program(np.array(4))


def test_a_host_step_that_raises_leaves_the_program_usable():
    program = program_of("""
        func @f(%m: bool[4], %x: f64[2]) {
          %2: i64[2] = flatnonzero %m count=2
          %3: f64[2] = exp %x
          return %2, %3
        }""")
    x = np.zeros(2)
    with pytest.raises(ValueError, match="not 2"):
        program(np.array([True, False, False, False]), x)
    places, ones = program(np.array([True, False, False, True]), x)
    assert places.tolist() == [0, 3]
    assert ones.tolist() == [1, 1]


def test_effects_happen_in_order(capsys):
    program = program_of("""
        func @f(%x: f64[]) {
          %1: f64[] = add %x, %x
          print %1 text="first {}"
          %2: f64[] = const value=0.0
          %3: bool[] = greater %1, %2
          check %3 expected=True
          print %x text="second {}"
          return %1
        }""")
    assert program(np.array(1.0)) == (2.0,)
    assert capsys.readouterr().out == "first 2.0\nsecond 1.0\n"
    with pytest.raises(CheckFailed):
        program(np.array(-1.0))
    assert capsys.readouterr().out == "first -2.0\n"


# --- kernels ------------------------------------------------------------------


TWICE = """
func @f(%a: f64[9], %b: f64[9], %c: f64[]) {
  %3: f64[9] = multiply %a, %c
  %4: f64[9] = multiply %b, %c
  return %3, %4
}
"""


def test_equal_kernels_are_emitted_once():
    program = program_of(TWICE)
    assert [step.kind for step in program.steps] == ["kernel", "kernel"]
    assert len(program.kernels) == 1
    again = program_of(TWICE.replace("@f", "@g"))
    assert again.kernels == program.kernels


def test_a_kernel_is_vectorized():
    (kernel,) = program_of("""
        func @f(%x: f64[4096], %y: f64[4096]) {
          %2: f64[4096] = multiply %x, %y
          %3: f64[4096] = exp %2
          %4: f64[4096] = add %3, %x
          return %4
        }""").kernels
    if platform.vector_width() < 256:
        pytest.skip("no AVX on this machine")
    register = "zmm" if platform.vector_width() == 512 else "ymm"
    lines = kernel.assembly.splitlines()
    wide = [line for line in lines if "mulpd" in line and register in line]
    assert wide
    body = kernel.assembly.partition("\nkernel:")[0]
    assert "call" not in body


def test_lines_of_a_kernel_are_its_ops():
    program = program_of(EXP_SUM)
    (kernel,) = program.kernels
    assert [op.prim.name for op in kernel.body.ops] == ["multiply", "exp", "sum"]
    for line in (1, 2, 3):
        assert f".loc\t1 {line} 0" in kernel.assembly
        assert f"line: {line}," in kernel.llvm


# --- numbers ------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 511, 512, 513, 5000, 1_000_003])
def test_long_sums_are_accurate(n):
    program = program_of(f"""
        func @f(%x: f32[{n}]) {{
          %1: f32[] = sum %x axis=(0,)
          return %1
        }}""")
    x = np.full(n, 0.1, np.float32)
    (found,) = program(x)
    exact = math.fsum(x.tolist())
    assert abs(float(found) - exact) <= 8 * np.finfo(np.float32).eps * exact


def test_extrema_are_nan_where_an_element_is():
    program = program_of("""
        func @f(%x: f64[2,40]) {
          %1: f64[2] = max %x axis=(1,)
          %2: f64[2] = min %x axis=(1,)
          %3: f64[40] = max %x axis=(0,)
          return %1, %2, %3
        }""")
    x = np.linspace(-1, 1, 80).reshape(2, 40)
    x[1, 7] = np.nan
    for found, wanted in zip(program(x), (x.max(1), x.min(1), x.max(0)), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_thousand_operations_on_scalars():
    lines = [f"%{i}: f64[] = multiply %{i - 1}, %y" for i in range(2, 1002)]
    body = "\n".join(["func @f(%0: f64[], %y: f64[]) {", *lines, "return %1001", "}"])
    program = program_of(body.replace("%1,", "%0,"))
    x, y = np.array(2.0), np.array(1.001)
    np.testing.assert_allclose(program(x, y)[0], 2 * 1.001**1000, rtol=1e-12)
    assert len(program.kernels) > 1  # bounded functions


# --- memory -------------------------------------------------------------------


def test_buffers_are_used_again():
    lines = [f"%{i}: f64[32,32] = matmul %{i - 1}, %y" for i in range(2, 12)]
    body = "\n".join(
        ["func @f(%1: f64[32,32], %y: f64[32,32]) {", *lines, "return %11", "}"]
    )
    program = program_of(body)
    one = 32 * 32 * 8
    assert program.plan.nbytes == 2 * one
    assert program.plan.live_bytes == 2 * one


@given(programs())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_lives_at_the_same_time_lies_apart(case):
    fn, _ = case
    plan = compile(fuse(fn)).plan
    arena = [b for b in plan.buffers if b.kind == "arena"]
    assert plan.nbytes >= plan.live_bytes
    for a, b in itertools.combinations(arena, 2):
        together = a.first <= b.last and b.first <= a.last
        apart = a.offset + a.nbytes <= b.offset or b.offset + b.nbytes <= a.offset
        assert apart or not together


def test_results_are_fresh():
    program = program_of("""
        func @f(%x: f64[3]) {
          %1: f64[3] = const value=[1.0, 2.0, 3.0]
          %2: f64[3] = negative %x
          %3: f64[3,1] = reshape %2 shape=(3,1)
          return %x, %x, %1, %2, %2, %3
        }""")
    x = np.arange(3.0)
    results = program(x)
    for a, b in itertools.combinations((x, *results), 2):
        assert not np.shares_memory(a, b)
    for r in results:
        r[...] = 7
    again = program(x)
    assert again[0].tolist() == [0, 1, 2]
    assert again[2].tolist() == [1, 2, 3]
    assert again[5].tolist() == [[0], [-1], [-2]]


# --- arguments ----------------------------------------------------------------


def odd_layouts(x):
    wide = np.zeros((x.shape[0], 2 * x.shape[1]), x.dtype)
    wide[:, ::2] = x
    raw = np.zeros(x.nbytes + 1, np.uint8)
    shifted = raw[1:].view(x.dtype).reshape(x.shape)
    shifted[...] = x
    readonly = x.copy()
    readonly.flags.writeable = False
    yield from (
        wide[:, ::2],
        np.asfortranarray(x),
        x[::-1][::-1],
        x.astype(x.dtype.newbyteorder()),
        shifted,
        readonly,
        x.view(np.recarray),
    )


@pytest.mark.parametrize("direct", [True, False])
def test_arrays_of_any_layout(direct, monkeypatch):
    if not direct:
        monkeypatch.setattr(native_program.HEADERS, "valid", False)
    fn = parse(EXP_SUM)
    program = compile(fuse(fn))
    x, w = np.linspace(-1, 1, 36).reshape(4, 9), np.linspace(0, 1, 9)
    wanted = evaluate(fn, x, w)
    for odd in odd_layouts(x):
        for found, right in zip(program(odd, w), wanted, strict=True):
            np.testing.assert_allclose(found, right, rtol=1e-14)


def test_wrong_arrays_are_refused():
    program = program_of(EXP_SUM)
    x, w = np.ones((4, 9)), np.ones(9)
    for bad in (x[:3], x.astype(np.float32), x.T, [[1.0]], None):
        with pytest.raises(TypeError, match="wanted"):
            program(bad, w)
    with pytest.raises(TypeError, match="2 arrays wanted"):
        program(x)


def test_many_threads_call_one_program():
    fn = parse(EXP_SUM)
    program = compile(fuse(fn))
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(200):
            x, w = rng.normal(size=(4, 9)), rng.normal(size=9)
            for found, right in zip(program(x, w), evaluate(fn, x, w), strict=True):
                if not np.allclose(found, right, rtol=1e-12):
                    wrong.append(seed)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


# --- products -----------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16", "i8", "f2"])
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3, 4), (4, 5)),
        ((1, 4), (4, 5)),
        ((3, 4), (4, 1)),
        ((1, 1), (1, 1)),
        ((3, 0), (0, 5)),
        ((2, 3, 4), (4, 5)),
        ((2, 1, 3, 4), (6, 4, 1)),
    ],
)
def test_products(dtype, a, b):
    rng = np.random.default_rng(0)
    for turn_a, turn_b in itertools.product([False, True], repeat=2):
        x, y = (
            np.asarray(rng.integers(-4, 5, s) + 0.5 * (dtype[0] in "fc")).astype(dtype)
            for s in (turned(a, turn_a), turned(b, turn_b))
        )
        program = compile(fuse(product(x, y, turn_a, turn_b)))
        wanted = np.matmul(
            np.swapaxes(x, -1, -2) if turn_a else x,
            np.swapaxes(y, -1, -2) if turn_b else y,
        )
        (found,) = program(x, y)
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=1e-2 if dtype == "f2" else 1e-5)
        if dtype[0] in "fc" and dtype != "f2" and found.size:
            assert {step.kind for step in program.steps} == {"library"}


def turned(shape, turn):
    return (*shape[:-2], shape[-1], shape[-2]) if turn else shape


def product(x, y, turn_a, turn_b):
    types = [repr(ArrayType(a.dtype, a.shape)) for a in (x, y)]
    names, lines = ["%a", "%b"], []
    for i, (array, turn) in enumerate(((x, turn_a), (y, turn_b))):
        if turn:
            n = array.ndim
            perm = (*range(n - 2), n - 1, n - 2)
            kind = ArrayType(array.dtype, turned(array.shape, True))
            lines.append(f"%t{i}: {kind!r} = transpose {names[i]} perm={perm}")
            names[i] = f"%t{i}"
    shapes = [turned(x.shape, turn_a), turned(y.shape, turn_b)]
    batch = np.broadcast_shapes(shapes[0][:-2], shapes[1][:-2])
    out = ArrayType(x.dtype, (*batch, shapes[0][-2], shapes[1][-1]))
    lines.append(f"%c: {out!r} = matmul {names[0]}, {names[1]}")
    head = f"func @f(%a: {types[0]}, %b: {types[1]}) {{"
    return parse("\n".join([head, *lines, "return %c", "}"]))


def test_products_are_rounded_before_they_are_added():
    program = program_of("""
        func @f(%x: f64[1000], %y: f64[1000]) {
          %2: f64[1000] = multiply %x, %x
          %3: f64[1000] = multiply %y, %y
          %4: f64[1000] = subtract %2, %3
          %5: f64[1000] = sqrt %4
          return %5
        }""")
    x = np.random.default_rng(0).uniform(0.1, 10, 1000)
    np.testing.assert_array_equal(program(x, x)[0], np.zeros(1000))


def test_kernels_of_one_level_do_not_wait_for_each_other():
    def f(x):
        length = np.sqrt(np.sum(x * x, axis=1))
        unit = x / np.reshape(length, (-1, 1))
        return unit[:, 0] * unit[:, 1], np.cos(length)

    x = np.random.default_rng(0).uniform(1.0, 2.0, (100, 3))
    for found, wanted in zip(tapec.jit(f)(x), f(x), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-14)


def test_the_cost_of_an_index_op_is_found_without_asking_for_it(monkeypatch):
    """By a kernel of it alone, which must not depend on estimates."""
    fn = parse("""
        func @f(%x: f64[rows,4]) {
          %1: f64[4,rows] = transpose %x perm=(1, 0)
          return %1
        }""")
    monkeypatch.setattr(lowering, "_movable", {})
    assert lowering.cost(fn.ops[0]) is not None
