"""What was exported, loaded again: containers, checks, other processes."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import tapec
from tapec.errors import DTypeError, ShapeError, TapecError
from tapec.exporting import libraries
from tapec.native import platform

ROOT = Path(__file__).parents[2]
Line = namedtuple("Line", "slope shift")


@dataclass
class Model:
    lines: list
    scale: float


def square_error(model, x, y):
    z = sum(line.slope * x + line.shift for line in model.lines)
    return np.sum((z * model.scale - y) ** 2)


ARGS = Model([Line(2.0, 1.0), Line(np.float64(0.5), 0.0)], 3.0), np.ones(4), np.zeros(4)


@pytest.fixture(scope="module", params=["library", "object"])
def loaded(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("loaded")
    f = tapec.value_and_grad(square_error)
    done = tapec.export(f, *ARGS, path=folder)
    if request.param == "object":
        for file in done.files:
            if file.endswith(libraries.suffix()):
                os.remove(folder / file)
    elif len(done.files) == 4:
        pytest.skip("no linker")
    return tapec.load(folder)


def test_containers(loaded):
    value, gradient = loaded(*ARGS)
    expected, wanted = tapec.value_and_grad(square_error)(*ARGS)
    assert value == expected
    assert type(value) is type(expected)
    assert gradient == wanted
    assert type(gradient.lines[0]) is Line
    kinds = [type(x) for line in wanted.lines for x in line]
    assert [type(x) for line in gradient.lines for x in line] == kinds


def test_any_layout(loaded):
    model, x, y = ARGS
    value, _ = loaded(model, np.repeat(x, 2)[::2], y.astype(">f8"))
    assert value == loaded(*ARGS)[0]
    value, _ = loaded(model, tapec.constant(x), y)
    assert value == loaded(*ARGS)[0]


def test_arguments_that_do_not_fit(loaded):
    model, x, y = ARGS
    with pytest.raises(
        ShapeError, match=r"argument x has shape \(5,\), it was exported"
    ):
        loaded(model, np.ones(5), y)
    with pytest.raises(
        DTypeError, match="argument y has dtype float32, it was exported"
    ):
        loaded(model, x, y.astype(np.float32))
    with pytest.raises(TypeError, match="takes tuple"):
        loaded(model, x)
    with pytest.raises(DTypeError, match="complex"):
        loaded(Model(model.lines, 1j), x, y)


def test_its_text(loaded):
    assert repr(loaded).startswith(
        "<loaded square_error(model.lines[0].slope: float64, "
    )
    assert "grad_model_lines_0_slope: float64" in repr(loaded)


def test_numbers_of_python(tmp_path):
    def f(x, n):
        return x * n, n + 1

    tapec.export(f, 0.5, 3, path=tmp_path)
    g = tapec.load(tmp_path)
    assert g(2, 5) == (10.0, 6)
    assert [type(v) for v in g(2, 5)] == [float, int]
    with pytest.raises(DTypeError, match="argument n has dtype float64"):
        g(2.0, 5.0)


def test_another_process(tmp_path):
    x = np.arange(3.0)
    tapec.export(tapec.grad(lambda w, x: np.sum(w * w * x)), x, x, path=tmp_path / "f")
    program = (
        "import sys, numpy as np, tapec\n"
        "f = tapec.load(sys.argv[1])\n"
        "print(f(np.arange(3.0), np.arange(3.0)))\n"
        "assert 'tapec.native.kernels' not in sys.modules\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "f.json"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.stdout == "[0. 2. 8.]\n", ran.stderr


def test_another_branch(tmp_path):
    def f(x):
        return np.sin(x) if x > 0 else x * x

    tapec.export(f, 1.0, path=tmp_path)
    g = tapec.load(tmp_path)
    assert g(2.0) == pytest.approx(np.sin(2.0), rel=1e-15)
    with pytest.raises(TapecError, match="another branch"):
        g(-2.0)
    assert g(2.0) == pytest.approx(np.sin(2.0), rel=1e-15)


def changed(tmp_path, **rows):
    """The file of a small function with other contents."""
    tapec.export(lambda x: x + 1.0, 1.0, path=tmp_path / "f", cpu="generic")
    file = tmp_path / "f.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | rows))
    return file


def test_another_processor(tmp_path):
    file = changed(tmp_path, features=["sse2", "of-the-future"], cpu="host")
    with pytest.raises(TapecError, match="this processor has no of-the-future: export"):
        tapec.load(file)


def test_another_machine(tmp_path):
    file = changed(tmp_path, system="plan9", machine="vax")
    with pytest.raises(TapecError, match="exported for plan9 on vax, this is"):
        tapec.load(file)


def test_files_that_are_no_signature(tmp_path):
    with pytest.raises(ValueError, match=r"f\.json: of another version"):
        tapec.load(changed(tmp_path, format=0))
    with pytest.raises(ValueError, match="not written by tapec"):
        tapec.load(changed(tmp_path, arguments=3))
    (tmp_path / "f.json").write_text("[1, 2")
    with pytest.raises(ValueError, match=r"f\.json"):
        tapec.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        tapec.load(tmp_path / "g")
    (tmp_path / "g.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"f\.json, g\.json: name the one"):
        tapec.load(tmp_path)


def test_a_class_that_is_gone(tmp_path, monkeypatch):
    tapec.export(square_error, *ARGS, path=tmp_path)
    monkeypatch.delattr(sys.modules[__name__], "Model")
    with pytest.raises(ImportError, match="a Model among its arguments"):
        tapec.load(tmp_path)


def test_options_in_the_structure(tmp_path):
    def f(x, how):
        return np.sum(x) if how == "sum" else np.mean(x)

    tapec.export(f, np.ones(3), "sum", path=tmp_path)
    g = tapec.load(tmp_path)
    assert g(np.ones(3), "sum") == 3.0
    with pytest.raises(TypeError, match="'mean'"):
        g(np.ones(3), "mean")


def test_the_same_bytes(tmp_path, monkeypatch):
    """In processes that hash differently, with other numbers of threads, and where the
    function was compiled for another processor before."""
    program = (
        "import numpy as np, tapec, sys\n"
        "def f(w, x, y):\n"
        "    z = x @ w\n"
        "    return np.mean(np.log1p(np.exp(-y * z))) + np.sum(w * np.sin(w))\n"
        "s = tapec.spec\n"
        "specs = s((5,), float), s((20000, 5), float), s((20000,), float)\n"
        "g = tapec.value_and_grad(f)\n"
        "if sys.argv[2:]:\n"
        "    g(np.ones(5), np.ones((20000, 5)), np.ones(20000))\n"
        "tapec.export(g, *specs, path=sys.argv[1], cpu='generic')\n"
    )
    env = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "1", "TAPEC_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, "-c", program, f"{tmp_path}/1/"],
        env=os.environ | env, cwd=ROOT, check=True,
    )  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["", f"{tmp_path}/2/", "run"])
    monkeypatch.setattr(tapec.config, "threads", 5)
    exec(compile(program, "<program>", "exec"), {})
    names = sorted(os.listdir(tmp_path / "1"))
    assert names == sorted(os.listdir(tmp_path / "2"))
    for name in names:
        content = (tmp_path / "1" / name).read_bytes()
        assert content == (tmp_path / "2" / name).read_bytes(), name
        for place in (str(ROOT), str(tmp_path), sys.prefix, os.path.expanduser("~")):
            assert place == "/" or place.encode() not in content


def test_exporting_leaves_this_process_as_it_is(tmp_path):
    x = np.linspace(0.0, 1.0, 100)
    f = tapec.jit(lambda x: np.sum(np.exp(x) * np.tanh(x)))
    tapec.export(f, x, path=tmp_path / "before", cpu="generic")
    assert platform.elsewhere() is None
    assert f(x) == pytest.approx(np.sum(np.exp(x) * np.tanh(x)), rel=1e-14)
    assert f.kernels if hasattr(f, "kernels") else f.signatures


def test_a_second_export_to_the_same_place(tmp_path):
    """The system has the first library loaded, under the same path."""
    tapec.export(lambda x: x + 1.0, 1.0, path=tmp_path / "f")
    first = tapec.load(tmp_path)
    tapec.export(lambda x: x + 2.0, 1.0, path=tmp_path / "f")
    second = tapec.load(tmp_path)
    assert (first(1.0), second(1.0)) == (2.0, 3.0)


@pytest.mark.parametrize("kind", [".o", libraries.suffix()])
def test_files_of_two_exports(tmp_path, kind):
    tapec.export(lambda x: x + 1.0, 1.0, path=tmp_path / "a" / "f")
    done = tapec.export(lambda x: np.sum(x), np.ones(3), path=tmp_path / "b" / "f")
    if f"f{kind}" not in done.files:
        pytest.skip("no linker")
    for file in done.files:
        if file.endswith((".o", libraries.suffix())):
            os.remove(tmp_path / "b" / file)
    shutil.copy(tmp_path / "a" / f"f{kind}", tmp_path / "b")
    with pytest.raises(TapecError, match=f"f{kind} is not the code that f.json was"):
        tapec.load(tmp_path / "b")


def test_the_record_is_plain(tmp_path):
    done = tapec.export(lambda x: x + 1.0, 1.0, path=tmp_path / "f")
    assert done.path == os.path.join(tmp_path, "f.json")
    assert (
        repr(done).splitlines()[0] == "int f(double x, double *value, void *workspace);"
    )
    assert "workspace  " in repr(done)
    assert tapec.load(done.path)(1.0) == 2.0
    assert pickle.loads(pickle.dumps(done)).files == done.files
