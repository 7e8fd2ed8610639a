"""Conversions of f16 by integer operations: every f16, and what lies between two."""

import ctypes

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir

import tapec
from tapec.native import halves, platform
from tapec.native.compiler import target_machine

HALF, FLOAT = ir.HalfType(), ir.FloatType()
EVERY = np.arange(1 << 16, dtype=np.uint16).view(np.float16)


@pytest.fixture(scope="module")
def converted():
    """A function of arrays: from the one dtype to the other."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = ir.Module("halves")
    _emit_loop(module, "widen", HALF, FLOAT, halves.widened)
    _emit_loop(module, "narrow", FLOAT, HALF, halves.narrowed)
    engine = llvm.create_lljit_compiler(target_machine())
    library = llvm.JITLibraryBuilder().add_ir(str(module))
    tracker = library.export_symbol("widen").export_symbol("narrow").link(engine, "x")
    prototype = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[ctypes.c_void_p] * 2)

    def convert(name, x, dtype):
        out = np.empty(x.size, dtype)
        prototype(tracker[name])(x.size, x.ctypes.data, out.ctypes.data)
        return out

    return convert


def _emit_loop(module, name, source, target, emit):
    index, pointer = ir.IntType(64), ir.PointerType()
    kind = ir.FunctionType(ir.VoidType(), [index, pointer, pointer])
    function = ir.Function(module, kind, name)
    count, x, y = function.args
    entry, body, done = (function.append_basic_block() for _ in range(3))
    ir.IRBuilder(entry).branch(body)
    at = ir.IRBuilder(body)
    i = at.phi(index)
    i.add_incoming(ir.Constant(index, 0), entry)
    value = at.load(at.gep(x, [i], source_etype=source), typ=source)
    at.store(emit(at, value), at.gep(y, [i], source_etype=target))
    after = at.add(i, ir.Constant(index, 1))
    i.add_incoming(after, body)
    at.cbranch(at.icmp_signed("<", after, count), body, done)
    ir.IRBuilder(done).ret_void()


def assert_same(found, wanted):
    plain = ~np.isnan(wanted)
    whole = np.dtype(f"u{wanted.dtype.itemsize}")
    np.testing.assert_array_equal(found.view(whole)[plain], wanted.view(whole)[plain])
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))


def test_every_half_is_widened(converted):
    assert_same(converted("widen", EVERY, np.float32), EVERY.astype(np.float32))


def test_floats_at_and_between_halves_are_narrowed(converted):
    finite = np.sort(EVERY[np.isfinite(EVERY)]).astype(np.float32)
    middle = (finite[1:] + finite[:-1]) / 2
    ends = np.array([65504, 65519.996, 65520, 65536, 1e6, np.inf, np.nan], np.float32)
    tiny = np.array([2.0**-25, 1.0001 * 2.0**-25, 1e-30, 1e-45], np.float32)
    x = np.concatenate([finite, middle, ends, -ends, tiny, -tiny])
    x = np.concatenate([x, np.nextafter(x, np.inf), np.nextafter(x, -np.inf)])
    x = x.astype(np.float32)
    with np.errstate(over="ignore"):
        assert_same(converted("narrow", x, np.float16), x.astype(np.float16))


def test_programs_without_the_instructions(monkeypatch):
    monkeypatch.setattr(platform, "has_half", lambda: False)
    x = np.linspace(-2.0, 2.0, 1023, dtype=np.float16)

    def f(x):
        return np.sum(np.where(x < 0.25, -x * np.float16(1.5), np.tanh(x)))

    value, gradient = tapec.value_and_grad(f)(x)
    assert value.dtype == gradient.dtype == np.float16
    np.testing.assert_allclose(value, f(x), rtol=2e-3)
    wanted = np.where(x < 0.25, -1.5, 1 - np.tanh(x.astype(float)) ** 2)
    np.testing.assert_allclose(gradient, wanted, atol=1e-3)
