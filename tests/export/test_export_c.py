"""Exported functions through a C compiler."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tapec
from tapec.exporting import libraries
from tapec.native import blas

CC = shutil.which("cc")
needs_cc = pytest.mark.skipif(CC is None, reason="no C compiler")
RNG = np.random.default_rng(0)
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]


def printed(done, *libraries, flags=STRICT):
    """What the example program prints, by name."""
    name = done.signature.name
    sources = [f"{name}_example.c", f"{name}.o", *libraries]
    for command in [[CC, *flags, *sources, "-o", "out"], ["./out"]]:
        ran = subprocess.run(
            command, cwd=done.folder, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
    rows = [line.split(" = ") for line in ran.stdout.splitlines()]
    return {label: float(number) for label, number in rows}


def flags_of(done):
    return done.libraries.replace("(or -lblas)", "").split()


def logistic(params, x, y):
    z = (x * params["w"]).sum(axis=1) + params["b"][0]
    return np.mean(np.log1p(np.exp(-y * z)))


@needs_cc
def test_value_and_gradient(tmp_path):
    params = {"w": RNG.normal(size=3), "b": [0.25]}
    x, y = RNG.normal(size=(20, 3)), np.sign(RNG.normal(size=20))
    f = tapec.value_and_grad(logistic)
    done = tapec.export(f, params, x, y, path=tmp_path)
    assert "blas" not in done.libraries
    found = printed(done, *flags_of(done))
    value, grads = f(params, x, y)
    assert found == {
        "value": pytest.approx(float(value), rel=1e-15),
        "sum of grad_params_w": pytest.approx(float(grads["w"].sum()), rel=1e-14),
        "grad_params_b_0": pytest.approx(float(grads["b"][0]), rel=1e-14),
    }


def newton(a, tol):
    x = a
    while abs(x * x - a) > tol:
        x = 0.5 * (x + a / x)
    return x


@needs_cc
def test_control_flow(tmp_path):
    def f(x, a):
        for i in range(30):
            x = np.sin(x) * 1.1 + 0.1 * i
        y = tapec.cond(a > 1.0, np.sqrt, np.square, a)
        return np.sum(x) * y + newton(a, 1e-12)

    done = tapec.export(tapec.value_and_grad(f, (0, 1)), np.ones(3), 2.0, path=tmp_path)
    assert not done.symbols
    found = printed(done, *flags_of(done))
    value, (dx, da) = tapec.value_and_grad(f, (0, 1))(np.ones(3), 2.0)
    assert found == {
        "value": pytest.approx(float(value), rel=1e-14),
        "sum of grad_x": pytest.approx(float(dx.sum()), rel=1e-12),
        "grad_a": pytest.approx(float(da), rel=1e-12),
    }


@needs_cc
def test_dtypes(tmp_path):
    def f(i, b, z, s, n, t):
        return {"i": i[::-1] % 3 + n, "b": b ^ t, "z": z * s, "r": np.abs(z).sum()}

    args = (
        np.arange(5, dtype=np.int16), np.array([True, False]),
        np.array([1 + 2j, 3 - 1j], np.complex64), np.float32(0.5), 7, np.bool_(True),
    )  # fmt: skip
    done = tapec.export(f, *args, path=tmp_path)
    assert "int64_t n, uint8_t t" in done.signature.prototype.replace("\n   ", "")
    found = printed(done, *flags_of(done))
    wanted = f(*args)
    assert found == {
        "sum of value_i": wanted["i"].sum(),
        "sum of value_b": wanted["b"].sum(),
        "sum of value_z": wanted["z"].sum().real,
        "sum of value_z imaginary": wanted["z"].sum().imag,
        "value_r": pytest.approx(wanted["r"], rel=1e-6),
    }


@needs_cc
def test_large_inputs_come_from_the_formula(tmp_path):
    from tapec.exporting.samples import sample

    rows = tapec.spec((100, 50), np.float32)
    flags = tapec.spec((5000,), bool)
    turns = tapec.spec((5000,), complex)

    def f(x, b, z):
        return np.sum(x), np.sum(b), np.sum(z)

    done = tapec.export(f, rows, flags, turns, path=tmp_path)
    found = printed(done, *flags_of(done))
    x = sample((100, 50), np.dtype(np.float32), 0)
    z = sample((5000,), np.dtype(complex), 2)
    assert found["value_0"] == pytest.approx(float(x.sum(dtype=float)), rel=1e-6)
    assert found["value_1"] == 2500
    assert found["value_2"] == pytest.approx(z.sum().real, rel=1e-12)
    assert found["value_2 imaginary"] == pytest.approx(z.sum().imag, rel=1e-12)


@needs_cc
def test_another_branch_is_a_status(tmp_path):
    def f(x):
        return np.sin(x) if x > 0 else x * x

    done = tapec.export(f, 1.0, path=tmp_path, name="branch")
    example = tmp_path / "branch_example.c"
    example.write_text(example.read_text().replace("double x = 1.0", "double x = -1.0"))
    with pytest.raises(AssertionError, match="status 1"):
        printed(done, *flags_of(done))


@needs_cc
def test_the_header_is_one_of_cplusplus(tmp_path):
    if shutil.which("c++") is None:
        pytest.skip("no C++ compiler")
    tapec.export(lambda new, x: new * x, 1.0, np.ones(2), path=tmp_path, name="f")
    command = ["c++", "-fsyntax-only", "-Wall", "-Werror", "-x", "c++", "f.h"]
    subprocess.run(command, cwd=tmp_path, check=True)


SHIM = """
#define GEMM(n) void scipy_##n(void *, void *, void *, void *, void *, void *, \\
    void *, void *, void *, void *, void *, void *, void *); \\
  void n(void *a, void *b, void *c, void *d, void *e, void *f, void *g, void *h, \\
    void *i, void *j, void *k, void *l, void *m) \\
  { scipy_##n(a, b, c, d, e, f, g, h, i, j, k, l, m); }
#define GEMV(n) void scipy_##n(void *, void *, void *, void *, void *, void *, \\
    void *, void *, void *, void *, void *); \\
  void n(void *a, void *b, void *c, void *d, void *e, void *f, void *g, void *h, \\
    void *i, void *j, void *k) \\
  { scipy_##n(a, b, c, d, e, f, g, h, i, j, k); }
GEMM(dgemm_)
GEMV(dgemv_)
"""


def network(params, x, y):
    h = np.tanh(x @ params["w"] + params["b"])
    return np.mean((h @ params["v"] - y) ** 2)


def network_arguments():
    params = {"w": (7, 9), "b": (9,), "v": (9,)}
    params = {k: RNG.normal(size=n) for k, n in params.items()}
    return params, RNG.normal(size=(30, 7)), RNG.normal(size=30)


@needs_cc
def test_matrix_products(tmp_path):
    """Linked with the BLAS that SciPy brings, whose names have a prefix."""
    library = blas._library()
    if library is None:
        pytest.skip("SciPy brings no BLAS of its own")
    f, args = tapec.value_and_grad(network), network_arguments()
    done = tapec.export(f, *args, path=tmp_path)
    assert done.symbols == ("dgemm_", "dgemv_")
    assert "-lopenblas" in done.libraries
    (tmp_path / "shim.c").write_text(SHIM)
    own = os.path.dirname(library._name)
    found = printed(
        done, "shim.c", library._name, f"-Wl,-rpath,{own}", "-lm", flags=["-w"]
    )
    value, grads = f(*args)
    wanted = {"value": float(value)}
    wanted |= {f"sum of grad_params_{k}": float(g.sum()) for k, g in grads.items()}
    assert found == {k: pytest.approx(v, rel=1e-12) for k, v in wanted.items()}


def test_a_library_only_where_it_can_be_linked(tmp_path):
    done = tapec.export(network, *network_arguments(), path=tmp_path)
    there = (tmp_path / f"network{libraries.suffix()}").exists()
    assert there == (f"network{libraries.suffix()}" in done.files)
    assert there or "BLAS" in done.linked or "compiler" in done.linked
    f = tapec.load(tmp_path)  # with or without
    args = network_arguments()
    np.testing.assert_allclose(f(*args), network(*args), rtol=1e-13)


@needs_cc
def test_an_old_library_does_not_stay(tmp_path, monkeypatch):
    tapec.export(lambda x: x + 1.0, 1.0, path=tmp_path / "f")
    monkeypatch.setattr(libraries, "_compilers", lambda: iter([]))
    done = tapec.export(lambda x: x + 2.0, 1.0, path=tmp_path / "f")
    assert done.linked == "no compiler found: install one, or tapec[export]"
    assert tapec.load(tmp_path)(1.0) == 3.0


def test_another_linker(tmp_path):
    pytest.importorskip("ziglang")
    command = [sys.executable, "-m", "ziglang", "cc"]
    needs = libraries.Needs((), ())
    done = tapec.export(lambda x: x + 1.0, 1.0, path=tmp_path / "f")
    for file in done.files:
        if file.endswith(libraries.suffix()):
            os.remove(tmp_path / file)
    libraries_of = [(command, "zig cc")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(libraries, "_compilers", lambda: iter(libraries_of))
        made, _ = libraries.link(str(tmp_path), "f", needs)
    assert made
    assert tapec.load(tmp_path)(1.0) == 2.0


@needs_cc
def test_the_library_needs_no_python(tmp_path):
    """A process without tapec calls it by ctypes."""
    tapec.export(tapec.grad(lambda x: np.sum(x**3)), np.ones(3), path=tmp_path / "cube")
    program = (
        "import ctypes\n"
        f"f = ctypes.CDLL({str(tmp_path / 'cube') + libraries.suffix()!r}).cube\n"
        "x, g = (ctypes.c_double * 3)(1, 2, 3), (ctypes.c_double * 3)()\n"
        "room = ctypes.create_string_buffer(1 << 16)\n"
        "print(f(x, g, room), list(g))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "0 [3.0, 12.0, 27.0]\n"


@needs_cc
def test_the_program_of_the_guide(tmp_path):
    guide = Path(__file__).parents[2] / "docs" / "export.md"
    text = guide.read_text(encoding="utf-8")
    (program,) = re.findall(r"^```c\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (python, *_) = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (tmp_path / "fit.c").write_text(program)
    names = {}
    with contextlib.chdir(tmp_path):
        exec(python, names)
        command = [CC, *STRICT, "fit.c", "build/loss.o", "-lm", "-o", "fit"]
        subprocess.run(command, check=True)
        ran = subprocess.run(["./fit"], capture_output=True, text=True, check=True)
    value, grads = names["f"](names["params"], names["x"], names["y"])
    wanted = [value, *grads["w"], grads["b"]]
    np.testing.assert_allclose(
        [float(x) for x in ran.stdout.split()], wanted, rtol=1e-5
    )
