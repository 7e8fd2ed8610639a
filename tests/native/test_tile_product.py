"""Small products as kernels, whatever their sizes and however their operands lie."""

import itertools

import numpy as np
import pytest

import tapec.ops  # noqa: F401  (fills PRIMITIVES)
from tapec.interpret import evaluate
from tapec.ir import ArrayType, Constant, Emitter, Function, Value
from tapec.native import platform
from tapec.native.program import compile
from tapec.passes.fuse import fuse
from tapec.passes.tile_products import with_products
from tapec.primitive import PRIMITIVES as P
from tapec.text import parse

NAMES = {"f4": "f32", "f8": "f64"}
WIDE = 2 * 4 * platform.vector_width() // 64 + 3
"""Columns that need whole blocks, single vectors and a part of one."""


def draw(*shape, dtype="f8"):
    return np.random.default_rng(sum(shape)).uniform(-1, 1, shape).astype(dtype)


def text_of(m, k, n, turned, batch=("", ""), dtype="f8", start=True):
    """acc + a @ b, with operands stored turned or not; `turned` has letters a, b."""
    t = NAMES[dtype]
    (ba, bb), wide = batch, max(batch, key=len)
    lines, names = [], []
    shapes = []
    rows = [("a", ba, m, k, "%3"), ("b", bb, k, n, "%4")]
    for name, b, r, c, uid in rows:
        rank = b.count(",")
        perm = (*range(rank), rank + 1, rank)
        stored = f"{b}{c},{r}" if name in turned else f"{b}{r},{c}"
        shapes.append(f"%{name}: {t}[{stored}]")
        names.append(uid if name in turned else f"%{name}")
        if name in turned:
            lines.append(f"{uid}: {t}[{b}{r},{c}] = transpose %{name} perm={perm}")
    out = f"{t}[{wide}{m},{n}]"
    lines.append(f"%5: {out} = matmul {', '.join(names)}")
    if start:
        lines.append(f"%6: {out} = add %s, %5")
        shapes.append(f"%s: {out}")
    body = "\n".join(lines)
    return f"func @f({', '.join(shapes)}) {{\n{body}\nreturn %{6 if start else 5}\n}}"


def check(text, sizes=None, dtype="f8"):
    fn = parse(text)
    shapes = [[sizes[d.name] if sizes and d.__class__.__name__ == "Dim" else d
               for d in p.shape] for p in fn.params]  # fmt: skip
    arrays = [draw(*shape, dtype=dtype) for shape in shapes]
    wrapped = with_products(fn)
    program = compile(fuse(wrapped))
    found, wanted = program(*arrays), evaluate(fn, *arrays)
    for f, w in zip(found, wanted, strict=True):
        rtol = 1e-12 if dtype == "f8" else 1e-4
        assert f.dtype == w.dtype
        np.testing.assert_allclose(f, w, rtol=rtol, atol=rtol)
    return [op.prim.name for op in wrapped.ops]


SIZES = [(1, 9, 5), (7, 1, 6), (9, 10, 1), (4, 4, 4), (5, 13, WIDE), (1, 3, WIDE),
         (WIDE, 20, 1), (10, WIDE, 10), (2, WIDE, 1), (1, WIDE, 3)]  # fmt: skip


@pytest.mark.parametrize("turned", ["", "a", "b", "ab"])
@pytest.mark.parametrize(("m", "k", "n"), SIZES)
def test_sizes(m, k, n, turned):
    for start, dtype in itertools.product([False, True], ["f8", "f4"]):
        text = text_of(m, k, n, turned, dtype=dtype, start=start)
        names = check(text, dtype=dtype)
        assert "fused" in names and "matmul" not in names


@pytest.mark.parametrize("turned", ["", "a", "b"])
@pytest.mark.parametrize("batch", [("3,", "3,"), ("3,", ""), ("", "3,"),
                                   ("2,3,", "1,3,"), ("2,1,", "3,")])  # fmt: skip
def test_batches(turned, batch):
    if batch == ("2,1,", "3,"):
        batch = ("2,1,", "3,")
        text = text_of(5, 9, 6, turned, batch).replace("2,1,5,6]", "2,3,5,6]")
    else:
        text = text_of(5, 9, 6, turned, batch)
    check(text)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 8, 9, 31, 64, WIDE])
def test_symbolic_extents(n):
    for m, k, q, turned in [
        ("n", 9, 5, "b"), ("n", 9, 5, ""), (5, 9, "n", ""), (5, 9, "n", "a"),
        (5, "n", 6, "b"), (5, "n", 6, ""), ("n", 12, 1, ""), (12, "n", 1, "a"),
        ("n", 3, 1, "a"), (1, 4, "n", ""), ("n", 4, "n", "b"),
    ]:  # fmt: skip
        check(text_of(m, k, q, turned), {"n": n})


def test_special_numbers_stay_where_they_belong():
    """What is behind the end of a row is not part of the sum."""
    fn = parse(text_of(3, 5, 2, "b", start=False))
    a, b = draw(3, 5), draw(2, 5)
    a[1, 4], b[1, 0] = np.inf, np.nan
    program = compile(fuse(with_products(fn)))
    np.testing.assert_allclose(program(a, b)[0], a @ b.T, rtol=1e-12)


def test_what_others_read_is_not_hidden_in_a_sum():
    fn = parse("""
        func @f(%a: f64[4,5], %b: f64[5,6], %s: f64[4,6]) {
          %3: f64[4,6] = matmul %a, %b
          %4: f64[4,6] = add %s, %3
          %5: f64[4,6] = tanh %3
          %6: f64[4,6] = add %4, %3
          return %4, %5, %6
        }""")
    arrays = draw(4, 5), draw(5, 6), draw(4, 6)
    program = compile(fuse(with_products(fn)))
    for f, w in zip(program(*arrays), evaluate(fn, *arrays), strict=True):
        np.testing.assert_allclose(f, w, rtol=1e-12)


# --- zeros ----------------------------------------------------------------------


def shapes_of_masks(m, k):
    rng = np.random.default_rng(m + k)
    scattered = rng.uniform(size=(m, k)) < 0.2
    band = np.abs(np.subtract.outer(np.arange(m), np.arange(k))) < 2
    upper = ~np.tri(m, k, dtype=bool)
    return [np.tri(m, k, dtype=bool), upper, scattered, band, np.zeros((m, k), bool)]


def masked_program(m, k, n, left, wanted, turned, batch=2, start=True):
    """acc + where(wanted, where(left, a, 0) @ b, 0); None: no mask; or without acc."""
    emit = Emitter(3)
    shape_a = (batch, k, m) if turned else (batch, m, k)
    types = [ArrayType("f8", s) for s in (shape_a, (batch, k, n), (batch, m, n))]
    a, b, acc = (Value(None, (), (), t, uid) for uid, t in enumerate(types))

    def chosen(v, mask):
        if mask is None:
            return v
        condition = emit.new(P["const"], value=Constant(mask))
        zero = emit.new(P["const"], value=Constant(np.zeros(())))
        return emit.new(P["where"], condition, v, zero)

    x = chosen(a, left.T if turned and left is not None else left)
    if turned:
        x = emit.new(P["transpose"], x, perm=(0, 2, 1))
    product = chosen(emit.new(P["matmul"], x, b), wanted)
    if not start:
        return Function("f", [a, b], emit.ops, [product])
    total = emit.new(P["add"], acc, product)
    return Function("f", [a, b, acc], emit.ops, [total])


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("m", "k", "n"), [(10, 10, 9), (7, 13, WIDE), (33, 33, 16)])
def test_known_zeros_are_passed_over(m, k, n, turned):
    for left in shapes_of_masks(m, k):
        fn = masked_program(m, k, n, left, None, turned)
        arrays = [draw(*p.shape) for p in fn.params]
        compare(fn, arrays)
        for bad in (np.inf, np.nan):
            for place in ((0, 0, 0), (1, k - 1, n - 1), (1, k // 2, n // 2)):
                arrays[1] = draw(*fn.params[1].shape)
                arrays[1][place] = bad
                compare(fn, arrays)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("m", "k", "n"), [(10, 9, 10), (20, 5, 40), (33, 16, 33)])
def test_what_nobody_wants_stays_what_it_was(m, k, n, turned):
    for wanted, start in itertools.product(shapes_of_masks(m, n), [True, False]):
        fn = masked_program(m, k, n, None, wanted, turned, start=start)
        compare(fn, [draw(*p.shape) for p in fn.params])
        both = masked_program(m, k, n, np.tri(m, k, dtype=bool), wanted, turned)
        compare(both, [draw(*p.shape) for p in both.params])


def compare(fn, arrays):
    wrapped = with_products(fn)
    assert [op.prim.name for op in wrapped.ops] == ["fused"]
    (found,) = compile(fuse(wrapped))(*arrays)
    with np.errstate(all="ignore"):
        (expected,) = evaluate(fn, *arrays)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
