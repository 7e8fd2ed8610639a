"""Mathematical functions against mpmath, NumPy and SciPy, and their vectorization."""

from __future__ import annotations

import ctypes
import functools
import itertools
import re
from collections.abc import Callable
from typing import TypeAlias

import llvmlite.binding as llvm
import mpmath
import numpy as np
import pytest
import scipy.special
from llvmlite import ir

import tapec
from tapec.native.compiler import target_machine
from tapec.native.math import ARITY, NAMES, call, define

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()

Array: TypeAlias = np.ndarray
F64 = ir.DoubleType()
TYPES = {np.float64: F64, np.float32: ir.FloatType()}
COUNT = 500

# Intervals of arguments, for f64 and f32; "wide" is any finite number.
WIDE, POSITIVE, SMALL = "wide", "positive", (-1.0, 1.0)
ANGULAR = ["sin", "cos", "tan"]
LOGARITHMS = ["log", "log2", "log10"]
BOUNDED = ["arcsin", "arccos", "arctanh"]
HYPERBOLIC = ["sinh", "cosh", "tanh", "arcsinh"]
OF_TWO = ["arctan2", "hypot", "logaddexp", "logaddexp2"]
DOMAINS: dict[str, tuple[object, ...]] = {
    "exp": (WIDE, (-40.0, 40.0), (-750.0, -700.0), (-105.0, -85.0)),
    "exp2": (WIDE, (-40.0, 40.0), (-1080.0, -1020.0), (-151.0, -120.0)),
    "expm1": (WIDE, (-40.0, 40.0), SMALL),
    **dict.fromkeys(LOGARITHMS, (POSITIVE, (0.5, 2.0), (0.999, 1.001))),
    "log1p": (POSITIVE, (-1.0, 1.0), (-0.01, 0.01)),
    **dict.fromkeys(ANGULAR, (WIDE, (-10.0, 10.0), (-1e5, 1e5), (-1e12, 1e12))),
    **dict.fromkeys(BOUNDED, (SMALL, (-0.01, 0.01), (0.99, 1.0))),
    "arctan": (WIDE, (-3.0, 3.0)),
    **dict.fromkeys(HYPERBOLIC, (WIDE, SMALL, (-25.0, 25.0), (-100.0, 100.0))),
    "arccosh": ((1.0, 1.01), (1.0, 30.0), (1e10, 1e30)),
    "expit": (WIDE, (-40.0, 40.0), (-750.0, -700.0)),
    "erf": (WIDE, SMALL, (-6.0, 6.0)),
    "erfc": (WIDE, (-6.0, 6.0), (6.0, 27.3), (6.0, 10.1)),
    "digamma": ((1e-30, 4.0), (1.46, 1.47), (4.0, 1e20)),
    "gammaln": ((1e-30, 4.0), (0.99, 1.01), (1.99, 2.01), (4.0, 1e20)),
    "cbrt": (WIDE, (-30.0, 30.0)),
    "power": (POSITIVE, (0.0, 30.0), (0.99, 1.01)),
    **dict.fromkeys(OF_TWO, (WIDE, (-40.0, 40.0), (-3.0, 3.0))),
}

REFERENCES: dict[str, Callable[..., mpmath.mpf]] = {
    "exp2": lambda x: mpmath.power(2, x),
    "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "arctan2": mpmath.atan2,
    "arcsinh": mpmath.asinh,
    "arccosh": mpmath.acosh,
    "arctanh": mpmath.atanh,
    "expit": lambda x: 1 / (1 + mpmath.exp(-x)),
    "erfc": lambda x: mpmath.erfc(min(x, 1000)),  # its own limit overflows
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "gammaln": lambda x: mpmath.loggamma(x).real,
    "logaddexp": lambda x, y: _log_of_sum(x, y, mpmath.e),
    "logaddexp2": lambda x, y: _log_of_sum(x, y, mpmath.mpf(2)),
}

# At zeros between poles these are as accurate as the terms that cancel there.
CANCELLING = ["digamma", "gammaln"]

SPECIALS = [0.0, 1.0, 2.0, 3.0, 0.5, 1.5, 1e30, 1e-30, 16777215.0, np.inf, np.nan]

EACH = pytest.mark.parametrize("name", sorted(NAMES))
BOTH = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])


def _log_of_sum(x: mpmath.mpf, y: mpmath.mpf, base: mpmath.mpf) -> mpmath.mpf:
    """log(base**x + base**y)"""
    great, less = max(x, y), min(x, y)
    if great - less > 4000:
        return great
    return great + mpmath.log1p(base ** (less - great)) / mpmath.log(base)


@functools.cache
def machine() -> llvm.TargetMachine:
    return target_machine(opt=3)


@functools.cache
def compiler() -> llvm.LLJIT:
    return llvm.create_lljit_compiler(machine())


def loop_kernel(name: str, dtype: type, serial: bool = False) -> ir.Module:
    """for i in range(n): out[i] = name(x[i], ...)"""
    kind, index = TYPES[dtype], ir.IntType(64)
    module = ir.Module(f"{name}.{dtype.__name__}.{serial}")
    module.triple = llvm.get_default_triple()
    arguments = [index, *[ir.PointerType()] * (ARITY[name] + 1)]
    signature = ir.FunctionType(ir.VoidType(), arguments)
    function = ir.Function(module, signature, f"kernel.{module.name}")
    set.add(function.attributes, '"prefer-vector-width"="512"')
    count, *inputs, output = function.args
    for pointer in function.args[1:]:
        pointer.add_attribute("noalias")
    entry, loop, done = (function.append_basic_block() for _ in range(3))
    ir.IRBuilder(entry).branch(loop)
    builder = ir.IRBuilder(loop)
    i = builder.phi(index)
    i.add_incoming(ir.Constant(index, 0), entry)
    at = functools.partial(builder.gep, indices=[i], source_etype=kind)
    operands = [builder.load(at(pointer), typ=kind) for pointer in inputs]
    builder.store(call(builder, name, *operands, serial=serial), at(output))
    following = builder.add(i, ir.Constant(index, 1))
    i.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, count), loop, done)
    ir.IRBuilder(done).ret_void()
    return module


@functools.cache
def optimized(name: str, dtype: type, serial: bool = False) -> str:
    module = llvm.parse_assembly(str(loop_kernel(name, dtype, serial)))
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    builder = llvm.create_pass_builder(machine(), options)
    builder.getModulePassManager().run(module, builder)
    return str(module)


@functools.cache
def compiled(
    name: str, dtype: type, serial: bool
) -> tuple[Callable[..., None], object]:
    symbol = f"kernel.{name}.{dtype.__name__}.{serial}"
    library = llvm.JITLibraryBuilder().add_ir(optimized(name, dtype, serial))
    tracker = (
        library.export_symbol(symbol).add_current_process().link(compiler(), symbol)
    )
    pointers = [ctypes.c_void_p] * (ARITY[name] + 1)
    prototype = ctypes.CFUNCTYPE(None, ctypes.c_int64, *pointers)
    return prototype(tracker[symbol]), tracker


def evaluate(name: str, *arrays: Array, serial: bool = False) -> Array:
    result = np.empty_like(arrays[0])
    operands = [np.ascontiguousarray(array) for array in (*arrays, result)]
    kernel, _ = compiled(name, result.dtype.type, serial)
    kernel(result.size, *(operand.ctypes.data for operand in operands))
    return operands[-1]


def sample(interval: object, dtype: type, rng: np.random.Generator) -> Array:
    """Numbers of the interval, its ends among them."""
    info = np.finfo(dtype)
    if isinstance(interval, tuple):
        inside = rng.uniform(*interval, COUNT)
        return np.concatenate([inside, interval]).astype(dtype)
    exponents = rng.uniform(info.minexp - info.nmant, info.maxexp, COUNT)
    sizes = np.concatenate([np.exp2(exponents), np.exp2(rng.uniform(-9, 9, COUNT))])
    ends = [info.max, info.tiny, info.smallest_subnormal, 1.0]
    sizes = np.concatenate([sizes, ends]).astype(dtype)
    return sizes if interval == POSITIVE else sizes * rng.choice([-1, 1], sizes.size)


def arguments_of(name: str, dtype: type) -> list[Array]:
    rng = np.random.default_rng(sum(map(ord, name)))
    columns = []
    for interval in DOMAINS[name]:
        first = sample(interval, dtype, rng)
        columns.append([first, *_partners(name, first, rng)])
    joined = map(np.concatenate, zip(*columns, strict=True))
    return [column.astype(dtype) for column in joined]


def _partners(name: str, first: Array, rng: np.random.Generator) -> list[Array]:
    """The second arguments of a function of two: of every size beside the first."""
    if ARITY[name] == 1:
        return []
    factor = rng.uniform(-1.0, 1.0, first.size)
    if name != "power":
        return [first * factor * np.exp2(rng.integers(-60, 1, first.size) // 4)]
    most = np.log(float(np.finfo(first.dtype).max)) * 1.05
    size = np.abs(first.astype(float))
    return [factor * most / np.log(np.where((size == 0) | (size == 1), 2, size))]


def errors(name: str, got: Array, arrays: list[Array]) -> Array:
    """The distance from the value of mpmath, in ulps of that value."""
    info = np.finfo(got.dtype)
    reference = REFERENCES.get(name) or getattr(mpmath, name)
    result = []
    for value, *operands in np.transpose([got, *arrays]).tolist():
        exact = reference(*map(mpmath.mpf, operands))
        if np.isinf(value):
            value, exact = np.sign(value), exact / float(info.max)
            result.append(0.0 if value * exact > 1 else np.inf)
            continue
        size = abs(exact)
        if name.startswith("logaddexp"):  # the sum of two terms that may cancel
            size = max(size, abs(exact - max(operands)), abs(max(operands)))
        exponent = max(int(mpmath.frexp(size)[1]) - 1, int(info.minexp))
        unit = mpmath.ldexp(1, exponent - info.nmant)
        result.append(float(abs(mpmath.mpf(value) - exact) / unit))
    return np.array(result)


@pytest.mark.parametrize("serial", [False, True], ids=["vectors", "serial"])
@BOTH
@EACH
def test_accuracy(name: str, dtype: type, serial: bool) -> None:
    arrays = arguments_of(name, dtype)
    got = evaluate(name, *arrays, serial=serial)
    with mpmath.workprec(240):
        distance = errors(name, got, arrays)
    worst = int(np.argmax(distance))
    operands = [float(array[worst]) for array in arrays]
    assert distance[worst] <= (4 if name == "power" else 2), operands


@BOTH
@EACH
def test_special_values(name: str, dtype: type) -> None:
    info = np.finfo(dtype)
    sizes = [*SPECIALS, info.max, info.tiny]
    if name != "gammaln":  # SciPy's is infinite for subnormal numbers
        sizes.append(info.smallest_subnormal)
    values = [*sizes, *(-size for size in sizes)]
    points = np.array(list(itertools.product(values, repeat=ARITY[name])), dtype)
    arrays = list(points.T)
    function = getattr(np, name, None) or getattr(scipy.special, name)
    with np.errstate(all="ignore"):
        want, got = function(*arrays), evaluate(name, *arrays)
        scale = np.maximum(np.abs(want), name in CANCELLING)
        near = np.isfinite(want) & (np.abs(got - want) <= 4 * np.spacing(scale))
    same = (got == want) | (np.isnan(got) & np.isnan(want)) | (near & (want != 0))
    signs = np.isnan(want) | (np.signbit(got) == np.signbit(want))
    assert np.all(same & signs), points[~(same & signs)]


@pytest.mark.parametrize("name", CANCELLING)
def test_between_poles(name: str) -> None:
    x = np.random.default_rng(0).uniform(-8.0, 0.0, COUNT)
    got = evaluate(name, x)
    reference = REFERENCES.get(name, mpmath.digamma)
    want = np.array([float(reference(mpmath.mpf(value))) for value in x.tolist()])
    assert np.all(np.abs(got - want) <= 6 * np.spacing(np.maximum(np.abs(want), 1.0)))


@pytest.mark.parametrize("name", ANGULAR)
@BOTH
def test_angles_near_multiples_of_half_pi(name: str, dtype: type) -> None:
    # The first is nearer to a multiple of pi/2 than any other number of its type.
    hardest = [6381956970095103.0 * 2.0**797, 2.0**1000, 1e22, 1e300]
    if dtype is np.float32:
        hardest = [16367173.0 * 2.0**72, 2.0**100, 1e22, 1e30]
    multiples = np.arange(-300, 300) * (np.pi / 2)
    far = 2.0 ** np.arange(10, 60) * (np.pi / 2)
    angles = np.concatenate([hardest, multiples, far]).astype(dtype)
    got = evaluate(name, angles)
    with mpmath.workprec(1300):
        assert errors(name, got, [angles]).max() <= 2


@pytest.mark.parametrize("name, base", [("log2", 2), ("log10", 10), ("exp2", 2)])
def test_exact_powers(name: str, base: int) -> None:
    exponents = np.arange(23.0) if base == 10 else np.arange(-1074.0, 1024.0)
    powers = np.array([float(base) ** n for n in exponents])
    arguments, want = (powers, exponents) if name != "exp2" else (exponents, powers)
    np.testing.assert_array_equal(evaluate(name, arguments), want)


@EACH
def test_loops_are_vectorized(name: str) -> None:
    text = optimized(name, np.float64)
    kernel = text[text.index("define void @kernel.") :]
    kernel = kernel[: kernel.index("\n}")]
    assert re.search(r"f(mul|add|div) <\d+ x double>", kernel)
    body = kernel[kernel.index("vector.body:") : kernel.index("middle.block:")]
    callees = set(re.findall(r"call .*?@([\w.]+)\(", body))
    assert all(re.match(r"llvm\.|tapec\.\w+\.large\.", callee) for callee in callees)


def test_one_module_holds_all() -> None:
    module = ir.Module()
    for name, kind in itertools.product(sorted(NAMES), TYPES.values()):
        function = define(module, name, kind)
        assert function.name == f"tapec.{name}.{'f64' if kind == F64 else 'f32'}"
        assert define(module, name, kind) is function
    llvm.parse_assembly(str(module)).verify()


def test_vectors_are_screened_for_large_angles_without_a_call():
    text = tapec.inspect(tapec.jit(np.sin), np.ones(1000)).llvm()
    assert "@tapec.sin.large.f64" in text
    assert re.search(r"call .*@tapec\.sin\.large\.f64\.v\d+\(", text) is None
