"""Matrix products by our own code, against NumPy."""

import ctypes
import itertools
import mmap
import sys

import numpy as np
import pytest

import tapec
from tapec.native import gemm, gemm_code, gemm_plan
from tapec.native.gemm_plan import Shape
from tapec.native.library import Product
from tapec.native.program import compile
from tapec.text import parse

NAMES = {"f": "f32", "d": "f64"}
TURNED = list(itertools.product([False, True], repeat=2))


def text(m, k, n, letter="d", turned=(False, False), batch=((), ())):
    """The text of one product."""
    t, results = NAMES[letter], np.broadcast_shapes(*batch)

    def shape(before, *matrix):
        return f"{t}[{','.join(map(str, (*before, *matrix)))}]"

    sides, lines, names = [(m, k), (k, n)], [], []
    params = []
    for name, turn, side, before in zip("ab", turned, sides, batch, strict=True):
        params.append(f"%{name}: {shape(before, *(side[::-1] if turn else side))}")
        names.append(f"%{name}")
        if turn:
            axes = (*range(len(before)), len(before) + 1, len(before))
            names[-1] = f"%{2 + len(lines)}"
            operation = f"transpose %{name} perm={axes}"
            lines.append(f"{names[-1]}: {shape(before, *side)} = {operation}")
    last = f"%{2 + len(lines)}"
    lines.append(f"{last}: {shape(results, m, n)} = matmul {', '.join(names)}")
    body = "\n  ".join([*lines, f"return {last}"])
    return f"func @f({', '.join(params)}) {{\n  {body}\n}}"


def operands(m, k, n, letter="d", turned=(False, False), batch=((), ())):
    rng = np.random.default_rng(m + 100 * n + 10000 * k)
    for turn, side, before in zip(turned, [(m, k), (k, n)], batch, strict=True):
        a = rng.normal(size=(*before, *(side[::-1] if turn else side)))
        yield a.astype(letter)


def wanted(a, b, turned=(False, False)):
    sides = [
        x.swapaxes(-1, -2) if t else x for x, t in zip((a, b), turned, strict=True)
    ]
    return np.matmul(*[x.astype(np.float64) for x in sides])


def check(m, k, n, letter="d", turned=(False, False), batch=((), ())):
    program = compile(parse(text(m, k, n, letter, turned, batch)))
    a, b = operands(m, k, n, letter, turned, batch)
    (found,) = program(a, b)
    bound = 4 * np.sqrt(k) * np.finfo(letter).eps
    np.testing.assert_allclose(found, wanted(a, b, turned), rtol=0, atol=k * bound)
    return program


def is_ours(program):
    return type(program.steps[-1].product) is gemm.Gemm


def has_ours():
    return is_ours(compile(parse(text(9, 9, 9))))


needs_ours = pytest.mark.skipif(not has_ours(), reason="products are left to BLAS")


@pytest.mark.parametrize("turned", TURNED)
@pytest.mark.parametrize("m", range(1, 41))
def test_every_size(m, turned, monkeypatch):
    monkeypatch.setattr(gemm, "_is_for_blas", lambda shape: False)
    rng = np.random.default_rng(m)
    for letter in "fd":
        n, k = rng.integers(1, 41, 2)
        check(m, int(k), int(n), letter, turned)
        check(int(k), m, int(n), letter, turned)
        check(int(n), int(k), m, letter, turned)


@pytest.mark.parametrize("turned", TURNED)
@pytest.mark.parametrize("letter", "fd")
@pytest.mark.parametrize(
    ("m", "k", "n"),
    [
        (112, 30, 256), (113, 95, 257), (127, 97, 300), (28, 400, 64), (29, 401, 65),
        (13, 801, 31), (14, 1000, 33), (15, 512, 129), (300, 513, 96), (2, 700, 2000),
        (2000, 3, 70), (64, 784, 256), (784, 64, 256), (130, 1024, 128),
    ],
)  # fmt: skip
def test_around_limits_of_blocks(m, k, n, letter, turned):
    check(m, k, n, letter, turned)


@pytest.mark.parametrize("turned", TURNED)
@pytest.mark.parametrize(
    "batch", [((3,), (3,)), ((2, 3), ()), ((), (4,)), ((2, 1), (1, 3)), ((70,), (70,))]
)
def test_batches(batch, turned):
    check(17, 23, 37, "f", turned, batch)
    check(40, 100, 33, "d", turned, batch)


@pytest.mark.parametrize("turned", TURNED)
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_zeros_do_not_hide_what_is_not_finite(special, turned):
    for m, k, n in [(9, 7, 19), (30, 450, 40)]:
        program = compile(parse(text(m, k, n, "f", turned)))
        a, b = operands(m, k, n, "f", turned)
        a[a < 0.5] = 0.0
        b[-1, 3] = special
        with np.errstate(invalid="ignore"):
            expected = wanted(a, b, turned)
        (found,) = program(a, b)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_zeros_have_the_sign_of_a_sum():
    (found,) = compile(parse(text(9, 1, 9)))(np.full((9, 1), -1.0), np.zeros((1, 9)))
    assert not np.signbit(found).any()


def test_arguments_of_any_layout():
    for turned in TURNED:
        program = compile(parse(text(33, 50, 47, "d", turned)))
        a, b = operands(33, 50, 47, "d", turned)
        (expected,) = program(a, b)
        wide = np.zeros((2 * a.shape[0], 3 * a.shape[1]))
        wide[::2, ::3] = a
        odd = np.zeros(b.nbytes + 1, np.uint8)[1:].view(np.float64).reshape(b.shape)
        odd[:] = b
        (found,) = program(wide[::2, ::3], odd)
        np.testing.assert_array_equal(found, expected)
        (found,) = program(np.asfortranarray(a), b[::-1][::-1])
        np.testing.assert_array_equal(found, expected)


@needs_ours
@pytest.mark.parametrize("turned", TURNED)
@pytest.mark.parametrize(
    ("m", "k", "n"), [(64, 784, 256), (512, 100, 333), (150, 900, 70), (31, 2000, 500)]
)
def test_threads_change_nothing(m, k, n, turned):
    before = tapec.config.threads
    results = []
    try:
        for threads in (1, 2, 3):
            tapec.config.threads = threads
            program = check(m, k, n, "f", turned)
            assert is_ours(program)
            assert program.steps[-1].chunks > 2
            a, b = operands(m, k, n, "f", turned)
            results += [program(a, b)[0] for _ in range(3)]
            tapec.config.threads = 4  # now more than there is memory for
            results.append(program(a, b)[0])
    finally:
        tapec.config.threads = before
    for found in results[1:]:
        np.testing.assert_array_equal(found, results[0])


@needs_ours
@pytest.mark.parametrize("turned", TURNED)
def test_cuts_change_nothing(turned, monkeypatch):
    a, b = operands(100, 120, 300, "f", turned)
    (expected,) = check(100, 120, 300, "f", turned)(a, b)
    monkeypatch.setattr(gemm_plan, "HIGH", 2)
    monkeypatch.setattr(gemm_plan, "WIDE", 3)
    monkeypatch.setattr(gemm_plan, "PART", 2000)
    monkeypatch.setattr(gemm_plan, "LONG", 1000)
    (found,) = check(100, 120, 300, "f", turned)(a, b)
    np.testing.assert_array_equal(found, expected)


@needs_ours
def test_what_is_left_to_blas():
    for m, k, n in [(1, 30, 40), (40, 30, 1), (3000, 3000, 3000)]:
        op = parse(text(m, k, n)).ops[-1]
        assert gemm.gemm(op) is None
        assert type(Product(op)) is Product


def test_symbolic_sizes():
    program = compile(
        parse("""
        func @f(%a: f32[m,50], %b: f32[50,n]) {
          %2: f32[m,n] = matmul %a, %b
          return %2
        }""")
    )
    for m, n in [(3, 4), (70, 41), (1, 5), (200, 100), (70, 41)]:
        a, b = operands(m, 50, n, "f")
        np.testing.assert_allclose(program(a, b)[0], wanted(a, b), rtol=0, atol=1e-4)


def test_gradient_of_two_layers():
    rng = np.random.default_rng(0)
    x, w, v = (rng.normal(size=s) for s in [(60, 45), (45, 70), (70, 33)])

    def f(w, v):
        return np.sum(np.maximum(x @ w, 0.0) @ v)

    found = tapec.grad(f, argnums=(0, 1))(w, v)
    hidden = np.maximum(x @ w, 0.0)
    ones = np.ones((60, 33))
    expected = x.T @ ((ones @ v.T) * (hidden > 0)), hidden.T @ ones
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


# --- memory ---------------------------------------------------------------------


class Guarded:
    """An array that ends, or begins, where nothing may be read or written."""

    def __init__(self, like, at_end):
        page = mmap.PAGESIZE
        size = -(-like.nbytes // page) * page
        self.map = mmap.mmap(-1, size + 2 * page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        protect = ctypes.CDLL(None).mprotect
        for edge in (start, start + page + size):
            assert not protect(ctypes.c_void_p(edge), ctypes.c_size_t(page), 0)
        self.address = start + page + (size - like.nbytes if at_end else 0)
        kind = ctypes.c_char * like.nbytes
        memory = kind.from_address(self.address)
        self.array = np.frombuffer(memory, like.dtype).reshape(like.shape)
        self.array[:] = like


@needs_ours
@pytest.mark.skipif(sys.platform != "linux", reason="pages are protected as in Linux")
@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize("turned", TURNED)
@pytest.mark.parametrize(
    ("m", "k", "n"),
    [(15, 17, 33), (3, 5, 7), (30, 97, 100), (2, 401, 64), (19, 512, 40)],
)
def test_only_the_operands_are_touched(m, k, n, turned, at_end):
    for letter in "fd":
        shape = Shape(1, m, n, k, *turned, np.dtype(letter))
        layout = gemm._Layout(shape, gemm_plan.tiling(shape))
        a, b = (Guarded(x, at_end) for x in operands(m, k, n, letter, turned))
        c = Guarded(np.full((m, n), 7.0, letter), at_end)
        scratch = Guarded(np.zeros(max(layout.own, 1), np.uint8), at_end)
        addresses = [x.address for x in (a, b, c, scratch)]
        words = layout.words([0, 1, 2], [(0, 0)])
        indices = [3, layout.t.parts, *words]
        routine = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(
            gemm_code.routine("gemm")
        )
        assert not routine(
            (ctypes.c_int64 * 4)(*addresses), (ctypes.c_int64 * len(indices))(*indices)
        )
        expected = wanted(a.array, b.array, turned)
        np.testing.assert_allclose(c.array, expected, rtol=0, atol=1e-2)
