"""`TAPEC_LOG`, `TAPEC_DUMP`, `TAPEC_DISABLE_JIT`."""

import logging
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import tapec
from tapec import log
from tapec.compiler import Interpreted
from tapec.text import parse

PROGRAM = """\
import numpy as np, tapec
f = tapec.grad(lambda x: np.sum(np.sin(x) * x))
f(np.ones(3)), f(np.ones(4))
x = tapec.constant(np.ones(3))
for _ in range(2):
    with tapec.GradientTape() as tape:
        y = np.sum(np.cos(x) * x)
    tape.gradient(y, x)
"""


def stderr_of(**environment):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


# --- the log ----------------------------------------------------------------------


def test_channels_on_the_standard_error():
    lines = stderr_of(TAPEC_LOG="retrace,fusion").splitlines()
    assert {line.split(":")[0] for line in lines} == {"tapec.retrace", "tapec.fusion"}
    retraces = [line for line in lines if "retrace" in line]
    assert retraces == [
        "tapec.retrace: <lambda> version=1 reason='first call: float64[3]'",
        "tapec.retrace: <lambda> version=2 reason='other types: argument 0: "
        "float64[3] -> float64[4]'",
    ]
    kernels = [line for line in lines if "fusion" in line]
    assert kernels
    for line in kernels:
        assert re.fullmatch(
            r"tapec\.fusion: kernel fn=\S+ value=%\d+ ops=\d+ inputs=\d+ outputs=\d+",
            line,
        )


def test_passes_and_cache():
    text = stderr_of(TAPEC_LOG="passes,cache", TAPEC_CACHE_DIR="0")
    assert re.search(
        r"tapec\.passes: dce fn=<lambda> before=\d+ after=\d+ changed=True ms=", text
    )
    assert re.search(r"tapec\.passes: recorded fn=<lambda> ops=\d+ ms=", text)
    assert re.search(
        r"tapec\.passes: llvm effort=\w+ text=\d+ optimized_ms=\S+ code_ms=\S+ ",
        text,
    )
    assert re.search(r"tapec\.passes: native fn=<lambda> steps=1 ms=", text)
    assert re.search(r"tapec\.cache: miss program=tape ops=\d+", text)
    assert re.search(r"tapec\.cache: hit program=tape ops=\d+", text)
    assert "tapec.cache: code kept=False file=none" in text


def test_an_unknown_channel_is_said():
    text = stderr_of(TAPEC_LOG="retraces")
    assert "there is no retraces, only passes, fusion, retrace, cache, all" in text


def test_silence_and_the_import_of_logging():
    assert stderr_of() == ""
    program = "import sys, tapec; print('logging' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_any_handler_may_listen(caplog):
    f = tapec.jit(lambda x: x * 2)
    with caplog.at_level(logging.DEBUG, logger="tapec.retrace"):
        f(1.0)
    (record,) = [r for r in caplog.records if r.name == "tapec.retrace"]
    assert record.getMessage() == "<lambda> version=1 reason='first call: float'"
    caplog.clear()
    f(np.ones(2))
    assert not caplog.records
    assert not log.listening("retrace")


# --- files ------------------------------------------------------------------------


def test_only_stages_that_changed_are_dumped(tmp_path, monkeypatch):
    monkeypatch.setenv("TAPEC_DUMP", str(tmp_path / "out"))
    f = tapec.grad(lambda x: np.sum(np.tanh(x) * np.tanh(x)))
    f(np.ones(3))
    (folder,) = (tmp_path / "out").iterdir()
    assert re.fullmatch(r"\d{3}-lambda", folder.name)
    names = sorted(path.name for path in folder.iterdir())
    assert names[0] == "00-recorded.tir"
    assert [name.partition("-")[2] for name in names if name.endswith("tir")] == [
        stage + ".tir" for stage in changed(f.inspect(np.ones(3)))
    ]
    assert {"kernel.ll", "kernel.s"} <= set(names)
    assert "define" in (folder / "kernel.ll").read_text()
    for path in folder.glob("*.tir"):
        assert parse(path.read_text()).params
    f(np.ones(2))
    assert len(list((tmp_path / "out").iterdir())) == 2


def changed(seen):
    names, before = ["recorded"], repr(seen.recorded)
    for stage in seen.log[1:]:
        if repr(stage.function) != before:
            names.append(stage.name)
        before = repr(stage.function)
    return names


# --- no native code -----------------------------------------------------------------


def programs():
    yield lambda: tapec.grad(lambda x: np.sum(np.sin(x) * x))(np.arange(3.0))
    yield lambda: tapec.jit(lambda x: x)(np.arange(3.0))
    yield lambda: tapec.jit(lambda x, n: (x * n, n))(np.float32(2), 3)
    yield lambda: tapec.jit(branch)(3.0) + tapec.jit(branch)(-3.0)
    yield lambda: tapec.hessian(lambda x: np.prod(x))(np.arange(1.0, 4))
    yield lambda: tapec.vmap(lambda x: np.linalg.norm(x))(np.ones((3, 2)))
    yield lambda: tapec.jit(np.sum, dynamic=True)(np.ones(5))
    yield variable
    yield tape
    yield lambda: tapec.vjp(lambda x: x**2, 3.0)[1](1.0)


def branch(x):
    return x * 2 if x > 0 else -x


def variable():
    v = tapec.Variable(2.0)
    step = tapec.jit(lambda x: v.assign_add(x) * x)
    return step(1.0), step(2.0), float(v)


def tape():
    x = tapec.constant(np.ones(3))
    found = []
    for scale in (1.0, 2.0, 3.0):
        with tapec.GradientTape() as t:
            y = np.sum(np.exp(x) * scale)
        found.append(t.gradient(y, x).numpy())
    return found


@pytest.mark.parametrize("run", list(programs()))
def test_the_same_results_without_native_code(run, monkeypatch):
    native = run()
    monkeypatch.setenv("TAPEC_DISABLE_JIT", "1")
    made = []
    monkeypatch.setattr(
        "tapec.native.program.compile", lambda fn: made.append(fn) or 1 / 0
    )
    from tapec import programs

    programs.clear()
    plain = run()
    programs.clear()
    assert not made
    assert_alike(native, plain)


def assert_alike(a, b):
    assert type(a) is type(b)
    if isinstance(a, (tuple, list)):
        for x, y in zip(a, b, strict=True):
            assert_alike(x, y)
        return
    assert np.asarray(a).dtype == np.asarray(b).dtype
    np.testing.assert_allclose(a, b, rtol=1e-13)


def test_results_are_never_the_arguments():
    fn = parse("func @f(%x: f64[3]) {\n  return %x\n}")
    x = np.ones(3)
    (out,) = Interpreted(fn)(x)
    assert not np.shares_memory(out, x)
