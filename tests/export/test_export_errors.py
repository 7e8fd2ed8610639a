"""What cannot be exported says so, and nothing is written; names in C."""

import numpy as np
import pytest

import tapec
from tapec.errors import TapecError, UnsupportedError
from tapec.exporting import libraries, names

BIG = np.eye(9) + 0.1


def refused(tmp_path, kind, match, f, *specs, **options):
    with pytest.raises(kind, match=match) as caught:
        tapec.export(f, *specs, path=tmp_path / "new" / "f", **options)
    assert not list(tmp_path.iterdir())
    return str(caught.value)


def test_an_operation_of_numpy(tmp_path):
    def f(a):
        return np.sum(np.linalg.inv(a) * 2.0)

    text = refused(
        tmp_path, UnsupportedError, "inv of f64.9,9. has no native code", f, BIG
    )
    assert "make its result an argument" in text
    assert "return np.sum(np.linalg.inv(a) * 2.0)" in text
    assert "^" in text


def test_one_inside_of_a_loop(tmp_path):
    def f(a):
        return tapec.scan(lambda x, _: (np.linalg.inv(x), None), a, None, length=3)[0]

    assert "np.linalg.inv(x)" in refused(tmp_path, UnsupportedError, "inv of", f, BIG)


def test_printing(tmp_path):
    def f(x):
        tapec.print("x is", x)
        return x + 1.0

    refused(tmp_path, UnsupportedError, "only Python can print; leave it out", f, 1.0)


def test_assigning_a_variable(tmp_path):
    v = tapec.Variable(np.ones(2))

    def f(x):
        v.assign_add(x)
        return np.sum(v)

    refused(
        tmp_path, UnsupportedError, "assigns a variable.*return the new value",
        f, np.ones(2),
    )  # fmt: skip


def test_a_branch_without_an_example(tmp_path):
    def f(x):
        return np.sum(x) if x[0] > 0 else np.sum(x * x)

    text = refused(
        tmp_path, UnsupportedError, "give arrays as examples", f,
        tapec.spec((3,), float),
    )  # fmt: skip
    assert "if x[0] > 0" in text


def test_a_branch_of_what_has_an_example(tmp_path):
    v = tapec.Variable(2.0)

    def f(x, n):
        y = np.sum(x) if n > 0 else np.sum(x * x)
        return y if v > 1.0 else -y

    tapec.export(f, tapec.spec((3,), float), -1.0, path=tmp_path / "f")
    assert tapec.load(tmp_path)(np.full(3, 2.0), -5.0) == 12.0
    with pytest.raises(TapecError, match="another branch"):
        tapec.load(tmp_path)(np.full(3, 2.0), 5.0)


def test_an_index_needs_no_example(tmp_path):
    spec = tapec.spec
    rows, index = spec((9,), float), spec((4,), np.int64)
    tapec.export(lambda x, i: x[i], rows, index, path=tmp_path / "f")
    f = tapec.load(tmp_path)
    np.testing.assert_array_equal(
        f(np.arange(9.0), np.array([8, 0, -1, 3])), [8, 0, 8, 3]
    )
    with pytest.raises(TapecError, match="or make the function raise"):
        f(np.arange(9.0), np.array([9, 0, 0, 0]))


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        (tapec.spec(("n", 3), float), r"'n', 3\).* has a size that may vary"),
        (tapec.spec((None,), float), "export once per size"),
        (tapec.spec((3,)), "has no dtype"),
        (tapec.spec((3,), "U4"), "no such numbers in C"),
    ],
)
def test_specs(tmp_path, spec, match):
    refused(tmp_path, ValueError, match, np.sum, spec)


def test_options(tmp_path):
    refused(
        tmp_path, ValueError, "cpu is one of 'host', 'generic'", np.sin, 1.0, cpu="z80"
    )
    refused(tmp_path, ValueError, "cannot be called 'int'", np.sin, 1.0, name="int")
    refused(tmp_path, ValueError, "cannot be called 'a-b'", np.sin, 1.0, name="a-b")
    refused(
        tmp_path, ValueError, "cannot be called 'realloc'", np.sin, 1.0, name="realloc"
    )


def test_an_option_without_a_form_in_c(tmp_path):
    def f(x, g):
        return g(x)

    refused(tmp_path, UnsupportedError, "lambda x: f", f, 1.0, np.sin)


def test_symbols_of_no_library():
    with pytest.raises(UnsupportedError, match="calls PyErr_Occurred"):
        libraries.needs_of(["memcpy", "PyErr_Occurred"])
    needs = libraries.needs_of(["memcpy", "zgemm_", "floorf", "fma"])
    assert needs == (("zgemm_",), ("floorf", "fma"))
    assert needs.flags == "-lopenblas (or -lblas) -lm"


# --- names --------------------------------------------------------------------------


def exported(tmp_path, f, *specs, **options):
    return tapec.export(f, *specs, path=tmp_path / "f", **options).signature


def test_names_in_c(tmp_path):
    def f(θ, double, workspace, _x, value, f):  # noqa: PLC2401
        return θ + double + workspace + _x + value + f

    s = exported(tmp_path, f, *[1.0] * 6)
    assert [a.name for a in s.arguments] == [
        "arg0", "double_", "workspace_", "x", "value", "f_",
    ]  # fmt: skip
    assert s.arguments[0].path == "θ"
    assert [r.name for r in s.results] == ["value_"]


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda f: f, ["value_0", "value_1_a"]),
        (lambda f: tapec.grad(f, has_aux=True), ["grad_x", "aux_a"]),
        (lambda f: tapec.grad(f, (0, -1), has_aux=True), ["grad_x", "grad_y", "aux_a"]),
        (lambda f: tapec.grad(f, argnames="y", has_aux=True), ["grad_y", "aux_a"]),
        (
            lambda f: tapec.jit(tapec.value_and_grad(f, [1], has_aux=True)),
            ["value", "aux_a", "grad_y"],
        ),
    ],
)
def test_names_of_results(tmp_path, make, wanted):
    def f(x, y):
        return x * y, {"a": x + y}

    s = exported(tmp_path, make(f), 1.0, 2.0)
    assert [r.name for r in s.results] == wanted


def test_a_method(tmp_path):
    class Scaled:
        def __init__(self):
            self.by = np.array([2.0, 3.0])

        @tapec.value_and_grad
        def loss(x, self):
            return np.sum(x * x)

        @tapec.jit
        def scaled(self, x):
            return np.sum(x * self.by)

    done = tapec.export(Scaled().scaled, np.ones(2), path=tmp_path / "scaled")
    assert [a.name for a in done.signature.arguments] == ["x"]
    assert done.signature.captured == ("a captured array, float64[2]",)
    assert tapec.load(tmp_path)(np.ones(2)) == 5.0


def test_captured_values_are_those_of_the_export(tmp_path):
    v = tapec.Variable(2.0)

    def f(x):
        return x * v

    done = tapec.export(f, 3.0, path=tmp_path / "f")
    v.assign(10.0)
    assert tapec.load(tmp_path)(3.0) == 6.0
    assert "captured variable, float64[]" in (tmp_path / "f.h").read_text()
    assert done.signature.arguments[0].name == "x"


def test_a_variable_as_an_argument(tmp_path):
    v = tapec.Variable(np.ones(2))
    s = exported(tmp_path, tapec.grad(lambda w: np.sum(w * w)), v)
    assert [a.name for a in s.arguments] == ["w"]
    np.testing.assert_array_equal(
        tapec.load(tmp_path)(np.array([1.0, 2.0])), [2.0, 4.0]
    )


def test_folder_and_name(tmp_path):
    def loss(x):
        return x + 1.0

    assert tapec.export(loss, 1.0, path=f"{tmp_path}/new/").path.endswith(
        "new/loss.json"
    )
    assert tapec.export(loss, 1.0, path=tmp_path / "g").signature.name == "g"
    assert tapec.export(loss, 1.0, path=tmp_path, name="h").signature.name == "h"
    assert tapec.export(lambda x: x, 1.0, path=tmp_path).signature.name == "f"
    assert names.c_name(abs) == "abs_"


def test_sizes_of_a_dynamic_function(tmp_path):
    f = tapec.jit(lambda x: np.sum(x) / x.shape[0], dynamic=True)
    f(np.ones(5))
    s = exported(tmp_path, f, np.ones(3))
    assert s.arguments[0].shape == (3,)
    assert tapec.load(tmp_path)(np.arange(3.0)) == 1.0
