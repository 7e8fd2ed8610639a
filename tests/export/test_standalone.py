"""Programs as object code compute what they compute here."""

import ctypes

import hypothesis
import llvmlite.binding as llvm
import numpy as np
import pytest

import tapec
from tapec.compiled import Compiled
from tapec.native import blas, engine, platform
from tapec.native.program import compile
from tapec.native.standalone import InPython, standalone
from tapec.native.standalone_entry import OTHER, OUT_OF_MEMORY, by_value
from tapec.native.undefined import undefined
from tapec.passes import pipeline
from tests.native.random_programs import programs


def made(fn, cpu="host", name="f"):
    target = platform.cpu_named(cpu)
    with platform.made_for(target):
        return standalone(pipeline.run(fn), name, target)


def recorded(f, *args):
    return Compiled(f, f).traced(*args)


CTYPES = {"f8": ctypes.c_double, "f4": ctypes.c_float, "b1": ctypes.c_uint8} | {
    f"{k}{n}": getattr(ctypes, f"c_{'u' * (k == 'u')}int{8 * n}")
    for k in "iu"
    for n in (1, 2, 4, 8)
}


def call(fn, code, *arrays, name="f", misaligned=0):
    """The status and the results."""
    imports = {n: blas.address(n[:-1]) for n in undefined(code.code) if "gem" in n}
    library = engine.linked(code.code, [name], imports)
    outs = [np.full(r.shape, 77, r.dtype) for r in fn.results]
    memory = np.full(code.workspace + 256, 171, np.uint8)
    first = -memory.ctypes.data % 64 + 64 + misaligned
    start = memory.ctypes.data + first
    kinds, given = [], []
    for a, p in zip(arrays, fn.params, strict=True):
        number = by_value(p.type)
        kinds.append(CTYPES[p.dtype.str[1:]] if number else ctypes.c_void_p)
        given.append(a.item() if number else np.ascontiguousarray(a).ctypes.data)
    places = [out.ctypes.data for out in outs]
    kinds += [ctypes.c_void_p] * (len(outs) + 1)
    function = ctypes.CFUNCTYPE(ctypes.c_int32, *kinds)(library.address(name))
    status = function(*given, *places, start)
    assert (memory[:first] == 171).all(), "written in front of the workspace"
    assert (memory[first + code.workspace :] == 171).all(), "written behind it"
    return status, outs


def check(f, *args, cpu="host"):
    fn = recorded(f, *args)
    arrays = [np.asarray(a) for a in args]
    status, found = call(fn, made(fn, cpu), *arrays)
    assert status == 0
    alike(found, compile(pipeline.run(fn))(*arrays))


def alike(found, wanted):
    """Equal, but for the order in which LLVM, or BLAS, adds the numbers of a block."""
    for a, b in zip(found, wanted, strict=True):
        eps = np.finfo(b.dtype).eps if b.dtype.kind in "fc" else 0
        largest = np.max(np.abs(b), initial=1.0, where=np.isfinite(b))
        bound = 8 * eps * largest
        np.testing.assert_allclose(a, b, rtol=8 * eps, atol=bound, equal_nan=True)
        assert a.dtype == b.dtype


RNG = np.random.default_rng(0)


def newton(a):
    x = a
    while abs(x * x - a) > 1e-12:
        x = 0.5 * (x + a / x)
    return x


def rounds(x):
    for i in range(30):
        x = np.sin(x) * 1.1 + 0.1 * i
    return np.sum(x * x)


def logistic(w, x, y):
    return np.mean(np.log1p(np.exp(-y * (x @ w))))


PROGRAMS = {
    "kernel": (lambda x, y: np.tanh(x) * y, RNG.normal(size=(3, 4)), 2.5),
    "product": (
        lambda a, b: a @ b.T, RNG.normal(size=(30, 40)), RNG.normal(size=(20, 40)),
    ),
    "two products": (
        lambda a: (a @ a.T, a.astype(np.float32) @ a.astype(np.float32).T),
        RNG.normal(size=(30, 40)),
    ),
    "scan": (tapec.value_and_grad(rounds), RNG.normal(size=7)),
    "while": (tapec.value_and_grad(newton), 3.0),
    "switch": (
        tapec.grad(lambda x: tapec.cond(x > 0, np.sin, lambda v: v * v, x)),
        -2.0,
    ),
    "chunks": (lambda x: np.sum(np.exp(np.sin(x))), RNG.normal(size=100_000)),
    "tiles": (
        tapec.value_and_grad(logistic), RNG.normal(size=8),
        RNG.normal(size=(20_000, 8)), np.sign(RNG.normal(size=20_000)),
    ),
    "complex": (lambda z: (z * z.conj() + 2j, np.abs(z)), RNG.normal(size=5) + 1j),
    "small matrix": (np.linalg.solve, RNG.normal(size=(3, 3)), RNG.normal(size=3)),
    "narrow numbers": (
        lambda a, b, c: a.astype(float) + b + c,
        np.int8(-3), np.uint16(60_000), np.float32(0.1),
    ),
    "no numbers": (lambda x: (x, np.sum(x)), np.zeros((0, 3))),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_numbers(name):
    check(*PROGRAMS[name])


@pytest.mark.parametrize("cpu", ["generic", "x86-64-v2"])
def test_another_processor(cpu):
    try:
        features = platform.cpu_named(cpu).has
    except ValueError:
        pytest.skip("no level of this architecture")
    if not features <= platform.host().has:
        pytest.skip(f"this processor is not {cpu}")
    fn = recorded(lambda x: np.sum(np.exp(x) * np.floor(x)), np.ones(100))
    x = RNG.normal(size=100)
    status, (found,) = call(fn, made(fn, cpu), x)
    assert status == 0
    np.testing.assert_allclose(found, np.sum(np.exp(x) * np.floor(x)), rtol=1e-14)


@hypothesis.settings(max_examples=8, deadline=None, derandomize=True)
@hypothesis.given(programs())
def test_random_programs(program):
    fn, arrays = program
    fn = pipeline.run(fn)
    target = platform.cpu_named("host")
    with platform.made_for(target):
        code = standalone(fn, "f", target)
    status, found = call(fn, code, *arrays)
    assert status == 0
    alike(found, compile(fn)(*arrays))


def test_names_of_the_inside_are_free():
    for name in ("run", "table0"):
        fn = recorded(rounds, np.ones(2))
        status, (found,) = call(fn, made(fn, name=name), np.ones(2), name=name)
        assert status == 0
        np.testing.assert_allclose(found, rounds(np.ones(2)))


def test_only_one_symbol_is_seen():
    code = made(recorded(rounds, np.ones(2))).code
    names = _defined(code)
    assert names == {"f", "f_id"}


def _defined(code):
    """Global symbols that an ELF file defines."""
    import struct

    if not code.startswith(b"\x7fELF"):
        pytest.skip("no ELF")
    (sections,) = struct.unpack_from("<Q", code, 0x28)
    size, count = struct.unpack_from("<HH", code, 0x3A)
    rows = [
        struct.unpack_from("<IIQQQQIIQQ", code, sections + size * i)
        for i in range(count)
    ]
    (table,) = [row for row in rows if row[1] == 2]
    found = set()
    for start in range(table[4], table[4] + table[5], table[9]):
        name, info, _, section = struct.unpack_from("<IBBH", code, start)
        if info >> 4 and section:
            first = rows[table[6]][4] + name
            found.add(code[first : code.index(b"\0", first)].decode())
    return found


def test_a_workspace_at_any_address():
    fn = recorded(rounds, np.ones(9))
    code = made(fn)
    for misaligned in (0, 1, 63):
        status, (found,) = call(fn, code, np.ones(9), misaligned=misaligned)
        assert (status, float(found)) == (0, pytest.approx(float(rounds(np.ones(9)))))


def test_no_workspace():
    fn = recorded(lambda x: x + 1.0, 1.0)
    library = engine.linked(made(fn).code, ["f"], {})
    kinds = ctypes.c_int32, ctypes.c_double, ctypes.c_void_p, ctypes.c_void_p
    out = ctypes.c_double(5.0)
    function = ctypes.CFUNCTYPE(*kinds)(library.address("f"))
    assert function(1.0, ctypes.addressof(out), None) == OUT_OF_MEMORY
    assert out.value == 5.0


def test_another_branch():
    def f(x):
        return np.sin(x) if x > 0 else x * x

    fn = recorded(f, 1.0)
    code = made(fn)
    assert call(fn, code, np.array(2.0))[0] == 0
    assert call(fn, code, np.array(-2.0))[0] == OTHER


def test_a_singular_matrix():
    fn = recorded(np.linalg.inv, np.eye(2))
    assert call(fn, made(fn), np.zeros((2, 2)))[0] == OTHER


def test_an_index_outside():
    fn = recorded(lambda x, i: x[i], np.arange(5.0), 3)
    code = made(fn)
    status, (found,) = call(fn, code, np.arange(5.0), np.array(-1))
    assert (status, float(found)) == (0, 4.0)
    assert call(fn, code, np.arange(5.0), np.array(1 << 40))[0] == OTHER


def test_a_step_in_python():
    fn = recorded(lambda a: np.linalg.eigvalsh(a), np.eye(9))
    with pytest.raises(InPython) as caught:
        made(fn)
    assert caught.value.op.prim.name == "eigh"


def test_a_step_in_python_inside_a_loop():
    def body(x, _):
        return np.linalg.inv(x), None

    fn = recorded(lambda a: tapec.scan(body, a, None, length=4)[0], np.eye(9))
    with pytest.raises(InPython) as caught:
        made(fn)
    assert caught.value.op.prim.name == "inv"


@pytest.mark.parametrize(
    "triple",
    [
        "x86_64-unknown-linux-gnu",
        "x86_64-apple-macosx11",
        "x86_64-pc-windows-msvc",
        "x86_64-w64-windows-gnu",
    ],
)
def test_undefined_symbols_of_each_format(triple):
    engine.engine()
    try:
        target = llvm.Target.from_triple(triple)
    except RuntimeError:
        pytest.skip("LLVM has no such target here")
    module = llvm.parse_assembly(SYMBOLS)
    module.triple = triple
    code = target.create_target_machine(reloc="pic").emit_object(module)
    found = set(undefined(code)) - {"_fltused"}
    assert found == {"dgemm_", "short", "a_name_of_some_length"}


SYMBOLS = """
declare void @dgemm_(ptr)
declare double @short(double)
declare double @a_name_of_some_length(double)
define internal i32 @inside() noinline { ret i32 1 }
define i32 @f(ptr %p) {
  call void @dgemm_(ptr %p)
  %x = call double @short(double 1.0)
  %y = call double @a_name_of_some_length(double %x)
  store double %y, ptr %p
  %z = call i32 @inside()
  ret i32 %z
}
"""


def test_no_object_file():
    with pytest.raises(ValueError, match="unknown format"):
        undefined(b"no such thing, and of some length")
