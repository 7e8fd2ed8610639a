"""A short budget of everything that `python -m tests.fuzz` runs, with fixed seeds."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tapec
from tapec.errors import ParseError
from tapec.primitive import PRIMITIVES
from tapec.text import format_module
from tests.fuzz import abuse, report, running
from tests.fuzz.bodies import used
from tests.fuzz.checks import CHECKS
from tests.fuzz.comparing import Wrong
from tests.fuzz.disk import check_disk
from tests.fuzz.escaping import check_html, check_pictures, check_xml
from tests.fuzz.grow import Case, grow, names
from tests.fuzz.shrink import shrunk
from tests.fuzz.sourced import run_source
from tests.fuzz.texts import check_text, mutated

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("fuzz")


@pytest.fixture(autouse=True)
def threads_as_before():
    before = tapec.config.threads
    yield
    tapec.config.threads = before


def nothing_wrong(seed, checks=tuple(CHECKS)):
    for found, _ in running.run(seed, running.Tally(), checks, seconds=20.0):
        pytest.fail(report.text_of(found.case, found.check, found.reason))


# --- programs -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_programs(seed):
    nothing_wrong(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 400, 10))
def test_more_programs(seed):
    for k in range(seed, seed + 10):
        nothing_wrong(k)


@pytest.mark.parametrize("seed", range(3))
def test_functions_of_python(seed):
    assert run_source(seed) in ("held", "refused")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160, 10))
def test_more_functions_of_python(seed):
    for k in range(seed, seed + 10):
        run_source(k)


def test_every_primitive_is_grown():
    seen = set()
    for seed in range(600):
        seen.update(used(grow(seed).fn))
        if seen >= set(names()):
            return
    assert len(set(names()) - seen) < 8, set(names()) - seen


def test_a_seed_is_one_program():
    a, b = grow(5), grow(5)
    assert format_module(a.fn) == format_module(b.fn)
    assert all(
        x.tobytes() == y.tobytes() for x, y in zip(a.arrays, b.arrays, strict=True)
    )


# --- failures -----------------------------------------------------------------------


def without_maximum(case):
    """A check that fails for the programs with a maximum."""
    if any(op.prim.name == "maximum" for op in case.fn.ops):
        raise Wrong("a maximum: here")


def test_a_failure_becomes_small(monkeypatch, tmp_path):
    monkeypatch.setitem(CHECKS, "planted", without_maximum)
    tally, seed = running.Tally(), 0
    while not tally.failures:
        list(running.run(seed, tally, ["planted"]))
        seed += 1
    (found,) = tally.failures
    assert [op.prim.name for op in found.case.fn.ops if op.prim.name != "const"] == [
        "maximum"
    ]
    path = report.write(str(tmp_path), found.case, found.check, found.reason)
    again, check = report.read(path)
    assert check == "planted"
    assert format_module(again.fn) == format_module(found.case.fn)
    for a, b in zip(again.arrays, found.case.arrays, strict=True):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    assert isinstance(running.failure(check, again), running.Failure)


def test_a_wrong_derivative_is_found():
    """One part in a hundred thousand of one rule."""
    tanh = PRIMITIVES["tanh"]
    right, before = tanh.vjp, running.Tally()
    rules = right if isinstance(right, tuple) else (right,)

    def wrong(ct, out, x):
        return rules[0](ct, out, x) * 1.00001

    object.__setattr__(tanh, "vjp", (wrong,))
    try:
        for seed in range(40):
            for found, _ in running.run(seed, before, ["gradient"], seconds=10.0):
                assert "tanh" in set(used(found.case.fn))
                assert len(found.case.fn.ops) < 6
                return
    finally:
        object.__setattr__(tanh, "vjp", right)
    pytest.fail("nothing was found")


def test_what_is_left_still_fails():
    case = grow(3)

    def fails(case: Case) -> bool:
        return any(np.size(a) > 1 for a in case.arrays)

    assert fails(shrunk(case, fails, 5.0)) or not fails(case)


def test_a_file_without_a_check_says_so(tmp_path):
    path = tmp_path / "f.tir"
    path.write_text("func @f() {\n  return\n}\n")
    with pytest.raises(ParseError, match="no line `; check: NAME`"):
        report.read(str(path))


# --- texts, pictures, files ---------------------------------------------------------


def test_damaged_texts():
    states = [check_text(mutated(seed)) for seed in range(150)]
    assert set(states) == {"no text", "no function", "parsed"}


@pytest.mark.slow
def test_more_damaged_texts():
    for seed in range(1000, 6000):
        check_text(mutated(seed))


@pytest.mark.parametrize(
    "number", ["9" * 5000, "-" + "9" * 5000, "[1, " + "9" * 5000 + "]"]
)
def test_numbers_that_python_does_not_read(number):
    text = f"func @f() {{\n  %0: i64[2] = const value={number}\n  return %0\n}}"
    assert check_text(text) == "no text"


def test_names_of_values_that_python_does_not_read():
    assert check_text(f"func @f(%{'1' * 5000}: f64[]) {{\n  return\n}}") == "no text"


def test_constants_that_no_memory_holds():
    text = "func @f() {\n  %0: f64[900000000000000] = const value=1.0\n  return %0\n}"
    assert check_text(text) == "no text"


@pytest.mark.parametrize("seed", range(4))
def test_pictures_of_hostile_names(seed):
    check_pictures(seed)


@pytest.mark.slow
def test_more_pictures_of_hostile_names():
    for seed in range(100, 250):
        check_pictures(seed)


def test_the_checks_of_pictures_see_what_is_wrong():
    with pytest.raises(AssertionError, match="script"):
        check_xml("<svg><script>alert(1)</script></svg>", {"svg"})
    with pytest.raises(AssertionError, match="onload"):
        check_xml('<svg onload="x"/>', {"svg"})
    with pytest.raises(AssertionError):
        check_html("<html><script>alert(1)</script></html>")


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files(seed, tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("TAPEC_CACHE_DIR", str(folder))
    check_disk(seed, folder)


# --- calls, in processes of their own -----------------------------------------------


def run(*args):
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *args],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def test_odd_calls():
    done = run("calls", "120")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "right" in done.stdout and "raised" in done.stdout


@pytest.mark.slow
def test_more_odd_calls():
    done = run("calls", "1500", "--seed", "1000")
    assert done.returncode == 0, done.stdout + done.stderr


def test_abuse():
    done = run("abuse")
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(f"{name}: " in done.stdout for name in abuse.ABUSES)
