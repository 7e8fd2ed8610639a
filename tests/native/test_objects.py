"""Object code on disk: found again for what is equal, and for nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tapec import kept
from tapec.ir import Constant
from tapec.native import engine, loops, objects
from tapec.text import parse

ROOT = Path(__file__).parents[2]

KERNEL = """
func @kernel(%x: f64[9], %w: f64[9]) {
  %2: f64[9] = multiply %x, %w
  %3: f64[] = const value=-0.5
  %4: f64[9] = add %2, %3
  %5: f64[] = sum %4 axis=(0,)
  return %5, %4
}
"""


# --- keys -------------------------------------------------------------------


def test_names_and_numbers_are_no_part_of_a_key():
    other = KERNEL.replace("%x", "%a").replace("%w", "%b").replace("@kernel", "@k")
    for n in (5, 4, 3, 2):
        other = re.sub(rf"%{n}\b", f"%{10 * n}", other)
    assert objects.text_of(parse(KERNEL)) == objects.text_of(parse(other))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("f64", "f32"),
        ("[9]", "[8]"),
        ("-0.5", "0.5"),
        ("%x, %w", "%w, %x"),
        ("multiply", "subtract"),
        ("return %5, %4", "return %4, %5"),
    ],
)
def test_all_else_is(old, new):
    changed = parse(KERNEL.replace(old, new))
    assert objects.text_of(parse(KERNEL)) != objects.text_of(changed)


def test_constants_are_told_apart_bit_by_bit():
    values = [0.0, -0.0, np.nan, 0, False, np.float32(0), [0.0], [[0.0]], 0j]
    texts = {objects.text_of(Constant(v)) for v in values}
    assert len(texts) == len(values)
    plain = [0.0, -0.0, 0, False, None, "0", b"0", (0,), (), slice(0), np.dtype("f8")]
    assert len({objects.text_of(v) for v in plain}) == len(plain)


def test_an_object_of_this_process_is_no_key(monkeypatch):
    monkeypatch.setattr(objects, "_surroundings", lambda: "here")
    with pytest.raises(objects.NoText):
        objects.text_of(("kernel", object()))
    made = [objects.object_code(object(), lambda: b"code") for _ in range(2)]
    assert made == [b"code"] * 2


# --- what else code depends on ------------------------------------------------


def test_sources_that_changed_after_the_start_are_not_trusted(tmp_path, monkeypatch):
    source = tmp_path / "module.py"
    source.write_text("")
    monkeypatch.setattr(objects, "ROOT", str(tmp_path))
    os.utime(source, ns=(0, 1000))
    first = objects._sources(1001)
    assert first is not None
    assert objects._sources(1000) is None
    os.utime(source, ns=(0, 999))
    assert objects._sources(1001) not in (None, first)
    source.unlink()
    assert objects._sources(1001) is None


# --- code -------------------------------------------------------------------


def test_code_made_after_an_edit_is_not_kept(cache, monkeypatch):
    monkeypatch.setattr(objects, "_sources", lambda before: None)
    assert run_kernel() == 31.5
    assert list(cache.iterdir()) == []


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TAPEC_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(objects, "_surroundings", lambda: "here")
    monkeypatch.setattr(objects, "_sources", lambda before: "unchanged")
    return tmp_path


def run_kernel() -> float:
    """Compile the kernel, or find it, and run it."""
    import ctypes

    body = parse(KERNEL)

    def emit(module):
        loops.emit_kernel(module, body, "kernel0")

    library = engine.compiled(("kernels", body), emit, ["kernel0"])
    arrays = [np.arange(9.0), np.ones(9), np.empty(()), np.empty(9)]
    slots = (ctypes.c_int64 * 4)(*[a.ctypes.data for a in arrays])
    indices = (ctypes.c_int64 * 4)(0, 1, 2, 3)
    call = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)
    status = call(library.address("kernel0"))(
        ctypes.addressof(slots), ctypes.addressof(indices)
    )
    assert status == 0
    return float(arrays[2])


def test_code_is_compiled_once(cache, monkeypatch):
    assert run_kernel() == 31.5
    monkeypatch.setattr(engine, "_compiled", None)
    assert run_kernel() == 31.5


def test_damaged_code_is_compiled_again(cache):
    assert run_kernel() == 31.5
    (file,) = cache.iterdir()
    data = file.read_bytes()
    file.write_bytes(data[:-100] + bytes(100))
    assert run_kernel() == 31.5
    assert file.read_bytes() == data


def test_without_a_cache(cache, monkeypatch):
    monkeypatch.setenv("TAPEC_CACHE_DIR", "0")
    assert run_kernel() == 31.5
    assert list(cache.iterdir()) == []


def test_code_depends_on_the_generator(cache, monkeypatch):
    assert run_kernel() == 31.5
    monkeypatch.setattr(objects, "_surroundings", lambda: "elsewhere")
    assert run_kernel() == 31.5
    assert len(list(cache.iterdir())) == 2


# --- processes --------------------------------------------------------------

PROGRAM = """
import sys
import numpy as np
import tapec
from tapec.native import engine

compiled, compile_one = [], engine._compiled
engine._compiled = lambda text, *a: (compiled.append(text), compile_one(text, *a))[1]

f = tapec.value_and_grad(lambda w, x: np.sum(np.tanh(x @ w) ** 2))
w, x = np.arange(3.0), np.ones((4, 3)) / 7
for _ in range(3):
    value, gradient = f(w, x)
print(len(compiled), value, *gradient)
"""


def run_program(package: Path, cache: Path) -> tuple[int, str]:
    """How often LLVM compiled something, and what was computed."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(package), "TAPEC_CACHE_DIR": str(cache)},
        cwd=package,
        capture_output=True,
        text=True,
        check=True,
    )
    count, _, numbers = done.stdout.partition(" ")
    return int(count), numbers


def test_a_second_process_compiles_nothing(tmp_path):
    package = tmp_path / "package"
    ignored = shutil.ignore_patterns("__pycache__", "viz", "demo")
    shutil.copytree(ROOT / "tapec", package / "tapec", ignore=ignored)
    for source in package.rglob("*.py"):
        os.utime(source, (1e9, 1e9))
    caches = tmp_path / "one", tmp_path / "two"
    count, numbers = run_program(package, caches[0])
    assert count > 0
    assert run_program(package, caches[0]) == (0, numbers)

    # Nothing in the code depends on where things are in this process.
    assert run_program(package, caches[1]) == (count, numbers)
    contents = [{f.name: f.read_bytes() for f in c.iterdir()} for c in caches]
    assert contents[0] == contents[1]

    os.utime(package / "tapec" / "passes" / "fold.py", (1e9 + 1, 1e9 + 1))
    assert run_program(package, caches[0]) == (count, numbers)


def test_emitted_code_has_no_address():
    module = engine.new_module("kernels")
    loops.emit_kernel(module, parse(KERNEL), "kernel0")
    assert "inttoptr" not in str(module)


def test_files_have_names_that_tell_what_they_are(cache):
    run_kernel()
    assert kept.folder() == str(cache)
    assert all(f.name.startswith("code-") for f in cache.iterdir())
