"""The gradient derived and written by hand in C; where a C compiler is found.

The sources are in `benchmarks/c`. They are called through ctypes, which costs about a
quarter of a microsecond; results go to arrays made beforehand.
"""

import ctypes
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.workloads.gmm import GAMMA, M, constant, triangle
from benchmarks.workloads.recurrence import STEPS

NAME = "hand C"
SOURCES = Path(__file__).parents[1] / "c"
FLAGS = ["-O3", "-march=native", "-ffast-math", "-fopenmp-simd", "-fPIC"]


def compiler():
    return shutil.which(os.environ.get("CC", "cc"))


def available():
    return compiler() is not None


def prepare(workload, args):
    maker = MAKERS.get(workload.name)
    return None if maker is None else maker(*args)


@functools.cache
def library(name):
    """The shared library of one source file, for this process alone.

    Linked without the flag for fast arithmetic: with it, loading the library would turn
    off subnormal numbers in the whole process.
    """
    folder = tempfile.mkdtemp(prefix="tapec-bench-")
    target = Path(folder, f"{name}.so")
    source = str(SOURCES / f"{name}.c")
    objects = str(Path(folder, f"{name}.o"))
    subprocess.run([compiler(), *FLAGS, "-c", source, "-o", objects], check=True)
    link = [compiler(), "-shared", objects, "-o", str(target), "-lm"]
    subprocess.run(link, check=True)
    loaded = ctypes.CDLL(str(target))
    shutil.rmtree(folder)
    return loaded


def function(name, symbol, result=ctypes.c_double):
    found = getattr(library(name), symbol)
    found.restype = result
    return found


def at(array):
    """Its address; it lives as long as this."""
    return array.ctypes.data_as(ctypes.c_void_p)


def rosenbrock(x):
    call, gradient = function("rosenbrock", "chain"), np.empty_like(x)
    n, source, target = ctypes.c_long(len(x)), at(x), at(gradient)
    return lambda: (call(n, source, target), (gradient,))


def hessian(x):
    call, matrix = (
        function("rosenbrock", "chain_hessian", None),
        np.empty((len(x),) * 2),
    )
    n, source, target = ctypes.c_long(len(x)), at(x), at(matrix)
    return lambda: (call(n, source, target) or 0.0, (matrix,))


def black_scholes(*arrays):
    call = function("black_scholes", "prices")
    gradients = np.empty_like(arrays[0]), np.empty_like(arrays[0])
    n, places = ctypes.c_long(len(arrays[0])), [at(a) for a in (*arrays, *gradients)]
    return lambda: (call(n, *places), gradients)


def logistic(w, b, x, y):
    call = function("logistic", "loss")
    gw, gb = np.empty_like(w), np.empty(1)
    sizes = [ctypes.c_long(size) for size in x.shape]
    rest = [at(w), ctypes.c_double(b), at(x), at(y), at(gw), at(gb)]
    return lambda: (call(*sizes, *rest), (gw, gb))


def recurrence(*numbers):
    call = function("recurrence", "recurrence")
    states, gradient = np.empty(STEPS), np.empty(3)
    rest = [*map(ctypes.c_double, numbers), at(states), at(gradient)]
    count = ctypes.c_long(STEPS)
    return lambda: (call(count, *rest), gradient)


def lstm(main, extra, state, text):
    call = function("lstm", "lstm")
    gradients = np.empty_like(main), np.empty_like(extra)
    steps, bits = ctypes.c_long(len(text) - 1), ctypes.c_long(text.shape[1])
    places = [at(a) for a in (main, extra, state, text, *gradients)]
    return lambda: (call(steps, bits, *places), gradients)


def mixture(alphas, means, icf, x):
    """The points in C; the small rest, which no point sees, in NumPy."""
    call = function("gmm", "mixture")
    (n, d), k = x.shape, len(alphas)
    below, is_below = triangle(d)
    rows, columns = np.nonzero(is_below)
    on = np.arange(d)
    factors, d_factors = np.zeros((k, d, d)), np.empty((k, d, d))
    d_main, d_means, main = np.empty(k), np.empty((k, d)), np.empty(k)
    sizes = [ctypes.c_long(size) for size in (n, d, k)]
    arrays = x, means, factors, main, d_main, d_means, d_factors
    places = [at(a) for a in arrays]

    def run():
        diagonal = np.exp(icf[:, :d])
        factors[:, rows, columns] = icf[:, below[rows, columns]]
        factors[:, on, on] = diagonal
        volumes = icf[:, :d].sum(axis=1)
        np.add(alphas, volumes, out=main)
        value = call(*sizes, *places)
        weights = np.exp(alphas - alphas.max())
        value -= n * (np.log(weights.sum()) + alphas.max())
        spread = np.sum(diagonal**2) + np.sum(icf[:, d:] ** 2)
        value += 0.5 * GAMMA**2 * spread - M * volumes.sum() + constant(n, d, k)
        d_icf = np.empty_like(icf)
        d_icf[:, :d] = (d_main - M)[:, None] + d_factors[:, on, on] * diagonal
        d_icf[:, :d] += GAMMA**2 * diagonal**2
        d_icf[:, d:] = GAMMA**2 * icf[:, d:]
        d_icf[:, below[rows, columns]] += d_factors[:, rows, columns]
        return value, (d_main - n * weights / weights.sum(), d_means, d_icf)

    return run


MAKERS = {
    "rosen1000": rosenbrock,
    "hess50": hessian,
    "bs1m": black_scholes,
    "logreg": logistic,
    "gmm10_25": mixture,
    "gmm64_50": mixture,
    "rec10000": recurrence,
    "lstm2_1024": lstm,
}
