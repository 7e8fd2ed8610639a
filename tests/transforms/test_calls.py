"""Calls of decorated functions: the emitted way and the way through Python agree."""

from __future__ import annotations

import copy
import functools
import gc
import inspect
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import tapec
from tapec.compiled import Compiled
from tapec.native.abi import AVAILABLE

ROOT = Path(__file__).parents[2]


def through_python(f: Any, *args: Any, **kw: Any) -> Any:
    return Compiled.__call__(f, *args, **kw)


def settled(f: Any, *args: Any) -> Any:
    """`f` after the calls that it takes until emitted code answers."""
    for _ in range(3):
        f(*args)
    return f


def answers(f: Any, *args: Any) -> Any:
    """The result of a call that runs no Python function of ours."""
    names: list[str] = []

    def note(frame: Any, event: str, arg: Any) -> None:
        if event == "call":
            names.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        out = f(*args)
    finally:
        sys.setprofile(None)
    if AVAILABLE:
        assert set(names) <= {"<lambda>"}  # the constructor of a named tuple
    return out


def same(a: Any, b: Any) -> bool:
    """Equal in value, type and structure, all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return (
            a.dtype == b.dtype
            and a.shape == b.shape
            and a.flags.writeable == b.flags.writeable
            and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
        )
    return bool(a == b)


class Pair(NamedTuple):
    left: Any
    right: Any


# --- the two ways agree -----------------------------------------------------------

FORMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "float": (lambda x: x * x, (1.5,)),
    "negative zero": (lambda x: -x, (0.0,)),
    "int": (lambda x: x * 3 - 1, (-7,)),
    "large int": (lambda x: x, (2**62,)),
    "int to float": (lambda x: x / 3, (7,)),
    "complex": (lambda x: x * 1j, (1 + 2j,)),
    "three floats": (lambda x, y, z: (x * y, y + z, x), (1.0, 2.0, 3.0)),
    "no argument": (lambda: np.sin(1.0), ()),
    "numpy scalar": (lambda x: x * 2, (np.float64(3.0),)),
    "float32 scalar": (lambda x: x * 2, (np.float32(3.0),)),
    "int16 scalar": (lambda x: x * 2, (np.int16(3),)),
    "bool scalar": (lambda x: ~x, (np.True_,)),
    "0-d array": (lambda x: x * 2, (np.array(3.0),)),
    "vector": (lambda x: x * 2, (np.arange(5.0),)),
    "sum": (lambda x: np.sum(x), (np.arange(5.0),)),
    "matrix": (lambda x: x @ x.T, (np.arange(6.0).reshape(2, 3),)),
    "five axes": (lambda x: x + 1, (np.ones((2, 1, 3, 1, 2)),)),
    "empty": (lambda x: x * 2, (np.zeros((0, 3)),)),
    "sum of empty": (lambda x: np.sum(x, axis=0), (np.zeros((0, 3)),)),
    "float32": (lambda x: x * 2, (np.arange(5, dtype=np.float32),)),
    "float16": (lambda x: x * 2, (np.arange(5, dtype=np.float16),)),
    "int8": (lambda x: x * 2, (np.arange(5, dtype=np.int8),)),
    "uint64": (lambda x: x * 2, (np.arange(5, dtype=np.uint64),)),
    "bool array": (lambda x: ~x, (np.array([True, False]),)),
    "complex array": (lambda x: x * 1j, (np.arange(3) * (1 + 1j),)),
    "mixed": (lambda x, n, a: (a * x, n + 1), (2.0, 3, np.ones(3))),
    "argument returned": (lambda x, y: (y, x, x), (np.ones(3), 2.0)),
    "constant returned": (lambda x: (x, np.arange(3.0), 1.5, 2), (1.0,)),
    "tuple argument": (lambda t: t[0] * t[1], ((2.0, np.ones(2)),)),
    "list argument": (lambda t: t[0] * t[1], ([2.0, np.ones(2)],)),
    "dict argument": (lambda d: d["a"] - d["b"], ({"a": 2.0, "b": np.ones(2)},)),
    "nested": (
        lambda p, x: {"y": [p["w"][0] * x, (p["w"][1], None)], "z": "name"},
        ({"w": [2.0, np.ones(2)], "none": None}, 3.0),
    ),
    "named tuple": (lambda p: Pair(p.right, (p.left,)), (Pair(1.0, np.ones(2)),)),
    "empty containers": (lambda a, b, c: ((), [], {}, a), ((), [], {})),
    "flags": (lambda x, flag, how: x if flag else -x, (2.0, True, "fast")),
    "none": (lambda x, y: None, (2.0, None)),
    "list of results": (lambda x: [x, [x, {1: x, (2, 3): x + 1}]], (2.0,)),
    "matrix product": (lambda a, b: a @ b, (np.ones((3, 4)), np.ones((4, 5)))),
    "long": (lambda x: np.sum(np.sin(x)), (np.arange(100_000.0),)),
    "long in a list": (lambda t: np.sin(t[0]), ([np.arange(100_000.0)],)),
}


@pytest.mark.parametrize("form", FORMS)
def test_both_ways_agree(form: str) -> None:
    fun, args = FORMS[form]
    f = settled(tapec.jit(fun), *args)
    out = answers(f, *args)
    assert same(out, through_python(f, *args))
    assert len(f.signatures) == 1


def test_gradients() -> None:
    def f(x: float, y: float) -> float:
        return 100 * (y - x**2) ** 2 + (1 - x) ** 2

    g = settled(tapec.value_and_grad(f, argnums=(0, 1)), 1.0, 2.0)
    out = answers(g, 1.0, 2.0)
    assert same(out, (100.0, (-400.0, 200.0)))


def test_results_are_fresh() -> None:
    f = settled(tapec.jit(lambda x: (x, x + 1)), np.ones(3))
    x = np.ones(3)
    (a, b), (c, d) = f(x), f(x)
    a[:] = b[:] = 5
    assert x.tolist() == [1, 1, 1]
    assert c.tolist() == [1, 1, 1]
    assert d.tolist() == [2, 2, 2]


def test_the_same_object_twice() -> None:
    f = settled(tapec.jit(lambda x, y: x - 2 * y), np.ones(3), np.ones(3))
    x = np.arange(3.0)
    assert answers(f, x, x).tolist() == [0, -1, -2]


# --- what is not expected ---------------------------------------------------------


class Float(float):
    pass


class Array(np.ndarray):
    pass


class Liar(np.ndarray):
    """Says that it is larger than it is."""

    @property
    def shape(self) -> Any:
        return (1000,)


def odd_arrays() -> Iterator[Any]:
    x = np.arange(1.0, 5.0)
    locked = x.copy()
    locked.flags.writeable = False
    shifted = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float64)
    yield x[::-1][::-1]
    yield np.arange(1.0, 9.0)[::2][[0, 0, 1, 1]] * 0 + x
    yield np.repeat(x, 2)[::2]
    yield x[::-1].copy()[::-1]
    yield x.astype(">f8")
    yield locked
    yield shifted
    yield pickle.loads(pickle.dumps(x))
    yield x.view(Array)
    yield np.ma.masked_array(x)
    yield tapec.constant(x)
    yield np.broadcast_to(x, (2, 4))[1]


@pytest.mark.parametrize("odd", list(odd_arrays()), ids=lambda a: type(a).__name__)
def test_odd_arrays(odd: Any) -> None:
    f = settled(tapec.jit(lambda x: np.cumsum(x * 2)), np.ones(4))
    out = f(odd)
    numbers = out.numpy() if isinstance(odd, tapec.Tensor) else out
    assert numbers.tolist() == [2.0, 6.0, 12.0, 20.0]


def test_unpickled_arrays_are_answered() -> None:
    f = settled(tapec.jit(lambda x: x * 2), np.ones(4))
    loaded = pickle.loads(pickle.dumps(np.arange(4.0)))
    assert answers(f, loaded).tolist() == [0, 2, 4, 6]


def test_an_array_that_lies_about_its_shape() -> None:
    f = settled(tapec.jit(lambda x: x * 2), np.ones(4))
    liar = np.ones(4).view(Liar)
    assert np.asarray(f(liar)).tolist() == [2, 2, 2, 2]


def test_every_other_signature_is_told_apart() -> None:
    f = tapec.jit(lambda x: x + x)
    many = [
        2.0, 3, 1j, Float(2.0), np.float64(2), np.float32(2), np.int64(2),
        np.array(2.0), np.ones(3), np.ones((3, 1)), np.ones((1, 3)), np.ones(0),
        np.ones(3, np.int32), np.ones(3, ">f4"), np.ones(4)[::2], np.ones((2, 3)).T,
    ]  # fmt: skip
    expected = [x + x for x in many]
    for _ in range(4):
        for x, wanted in zip(many, expected, strict=True):
            out = f(x)
            assert np.array_equal(out, wanted)
            assert np.asarray(out).dtype == np.asarray(wanted).dtype
    assert same(f(2), 4)
    assert same(f(2.0), 4.0)


def test_wrong_numbers_of_arguments() -> None:
    def scaled(x: Any, y: Any = 2.0) -> Any:
        return x * y

    f = settled(settled(tapec.jit(scaled), 1.0), 1.0, 3.0)
    with pytest.raises(TypeError, match=r"scaled\(\) missing 1 required positional"):
        f()
    with pytest.raises(
        TypeError, match=r"takes from 1 to 2 positional arguments but 3"
    ):
        f(1.0, 2.0, 3.0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        f(1.0, z=2.0)
    assert (f(2.0), f(2.0, 3.0), f(2.0, y=4.0), f(y=5.0, x=2.0)) == (4, 6, 8, 10)
    assert f(*[2.0], **{}) == 4.0


def test_keywords() -> None:
    f = tapec.jit(lambda x, *, a=1.0, b=2.0: x * a - b)
    for _ in range(3):
        assert f(1.0) == -1.0
        assert f(1.0, a=3.0) == 1.0
        assert f(1.0, b=3.0) == -2.0
        assert f(1.0, a=3.0, b=5.0) == -2.0
        assert f(1.0, b=3.0, a=5.0) == 2.0
        assert f(x=1.0, a=5.0) == 3.0
    keywords = {"".join(["a"]): 3.0, "b": 5.0}
    assert f(1.0, **keywords) == -2.0
    assert same(answers(functools.partial(f, a=3.0, b=5.0), 1.0), -2.0)


def test_strange_arguments() -> None:
    f = settled(tapec.jit(lambda x: x * 2.0), 1.0)
    for strange in (None, "text", object(), [None], {}, f, type):
        with pytest.raises(TypeError):
            f(strange)
    assert f(2**70 * 1.0) == 2.0**71
    g = settled(tapec.jit(lambda x: x * 2), 1)
    assert g(2**62 - 1) == 2**63 - 2
    for huge in (2**64, -(2**63) - 1):
        with pytest.raises((TypeError, OverflowError)):
            g(huge)


def test_containers_of_another_kind() -> None:
    f = settled(tapec.jit(lambda p: p["a"] - p["b"]), {"a": 1.0, "b": 2.0})
    assert f({"b": 5.0, "a": 1.0}) == -4.0
    assert f(OrderedDict(a=3.0, b=1.0)) == 2.0
    assert f({"".join(["a"]): 3.0, "b": 2.0}) == 1.0
    with pytest.raises(KeyError):
        f({"a": 1.0})
    g = settled(tapec.jit(lambda t: t[0] - t[1]), [1.0, 2.0])
    assert [g((3.0, 1.0)), g([3.0, 1.0]), g(Pair(3.0, 1.0))] == [2.0] * 3
    with pytest.raises(IndexError):
        g([1.0])


def test_branches_and_their_checks() -> None:
    def f(x: Any) -> Any:
        return np.sqrt(x) if x > 0 else -x

    g = tapec.jit(f)
    for _ in range(3):
        assert [g(4.0), g(-4.0), g(9.0)] == [2.0, 4.0, 3.0]
    assert same(answers(g, 4.0), 2.0)
    assert same(answers(g, -5.0), 5.0)
    assert len(g.signatures) == 2


# --- as an object -----------------------------------------------------------------


@tapec.jit
def module_level(x: Any, /, y: Any = 1.0) -> Any:
    """Adds."""
    return x + y


def test_what_a_function_is_asked_for() -> None:
    f = settled(module_level, 1.0)
    assert callable(f)
    assert isinstance(f, Compiled)
    assert (f.__name__, f.__qualname__, f.__doc__) == ("module_level",) * 2 + ("Adds.",)
    assert f.__module__ == __name__
    assert str(inspect.signature(f)).startswith("(x: 'Any', /, y: 'Any' = 1.0)")
    assert f.__wrapped__(1.0, 2.0) == 3.0
    assert "compiled module_level" in repr(f)
    assert hash(f) == hash(f)
    f.note = "kept"
    assert f.note == "kept"
    del f.note
    assert f.__call__(1.0) == 2.0
    assert list(map(f, [1.0, 2.0])) == [2.0, 3.0]
    assert functools.partial(f, y=3.0)(1.0) == 4.0
    assert functools.partial(f, 2.0)() == 3.0


def test_pickled_by_name() -> None:
    assert pickle.loads(pickle.dumps(module_level)) is module_level
    assert copy.copy(module_level) is copy.deepcopy(module_level) is module_level
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(tapec.jit(lambda x: x))


def test_wraps() -> None:
    f = settled(tapec.jit(lambda x: x * 2), 1.0)

    @functools.wraps(f)
    def g(x: Any) -> Any:
        return f(x)

    assert g(2.0) == 4.0
    assert g.__wrapped__ is f


class Holder:
    scale = 2.0

    def __init__(self, w: Any) -> None:
        self.w = w
        self.v = tapec.Variable(1.0)

    @tapec.jit
    def f(self, x: Any) -> Any:
        return self.w * x * self.v

    @staticmethod
    @tapec.jit
    def plain(x: Any) -> Any:
        return x + 1

    @classmethod
    def of_class(cls, x: Any) -> Any:
        return x * cls.scale


def test_methods() -> None:
    a, b = Holder(np.ones(3)), Holder(2.0)
    for _ in range(4):
        assert a.f(2.0).tolist() == [2, 2, 2]
        assert b.f(2.0) == 4.0
        assert Holder.f(b, 3.0) == 6.0
        assert a.plain(1.0) == 2.0
    a.w = np.zeros(3)
    b.w = 3.0
    b.v.assign(2.0)
    assert a.f(2.0).tolist() == [0, 0, 0]
    assert b.f(2.0) == 12.0
    assert b.f == b.f
    assert b.f != a.f
    assert "array" in b.f.inspect(2.0).text() or b.f.inspect(2.0).text()


def test_subclasses_are_called_by_their_own_call() -> None:
    class Doubling(Compiled):
        def __call__(self, *args: Any, **kw: Any) -> Any:
            return 2 * super().__call__(*args, **kw)

    f = settled(Doubling(lambda x: x + 1, lambda x: x + 1), 1.0)
    assert f(1.0) == 4.0


# --- captures ---------------------------------------------------------------------


def test_captures_are_looked_up_again() -> None:
    scale, shift, v = 2.0, np.ones(2), tapec.Variable([1.0, 2.0])

    def rebind(a: Any, b: Any) -> None:
        nonlocal scale, shift
        scale, shift = a, b

    @tapec.jit
    def f(x: Any) -> Any:
        return x * scale * v + shift

    settled(f, 1.0)
    assert answers(f, 1.0).tolist() == [3, 5]
    shift[0] = 5.0
    v.assign([0.0, 1.0])
    assert answers(f, 1.0).tolist() == [5, 3]
    rebind(float("2"), np.zeros(2))
    assert f(1.0).tolist() == [0, 2]
    assert answers(f, 1.0).tolist() == [0, 2]
    rebind(3.0, np.zeros(2))
    assert f(1.0).tolist() == [0, 3]
    rebind(3.0, np.zeros((2, 2)))
    assert f(1.0).shape == (2, 2)
    rebind(3.0, 1.0)
    assert f(1.0).tolist() == [1, 4]
    rebind(None, 1.0)
    with pytest.raises(TypeError):
        f(1.0)


def test_variables_are_assigned() -> None:
    v, total = tapec.Variable([1.0, 2.0]), tapec.Variable(0.0)

    @tapec.jit
    def step(x: Any, rate: Any = 1.0) -> Any:
        v.assign_sub(rate * x)
        total.assign_add(1.0)
        return v + 0.0, total + 0.0

    settled(step, np.ones(2))
    out, count = step(np.ones(2))
    assert v.numpy().tolist() == out.tolist() == [-3, -2]
    assert not v.numpy().flags.writeable
    assert (float(count), total.item()) == (4.0, 4.0)
    assert type(total.numpy()) is np.ndarray
    out[:] = 7
    assert v.numpy().tolist() == [-3, -2]
    before = allocated()
    for _ in range(2_000):
        step(np.ones(2))
    assert allocated() - before < 1000


# --- recordings -------------------------------------------------------------------


def test_within_a_tape_it_is_recorded() -> None:
    f = settled(tapec.jit(lambda x: x * x), np.ones(2))
    x = tapec.constant([2.0, 3.0])
    with tapec.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert isinstance(y, tapec.Tensor)
    assert tape.gradient(y, x).numpy().tolist() == [4, 6]
    assert answers(f, np.ones(2)).tolist() == [1, 1]


def test_a_tape_of_another_thread() -> None:
    f = settled(tapec.jit(lambda x: x * x), np.ones(2))
    opened, done = threading.Event(), threading.Event()

    def record() -> None:
        with tapec.GradientTape():
            opened.set()
            done.wait()

    thread = threading.Thread(target=record)
    thread.start()
    opened.wait()
    out = f(np.ones(2))
    done.set()
    thread.join()
    assert type(out) is np.ndarray
    assert answers(f, np.ones(2)).tolist() == [1, 1]


# --- threads and processes --------------------------------------------------------


@pytest.mark.parametrize("n", [10, 50_000])
def test_threads_call_one_object(n: int) -> None:
    f = settled(tapec.jit(lambda x: (np.sin(x) * 2, np.sum(x))), np.ones(n))
    wrong: list[Any] = []

    def work(seed: int) -> None:
        x = np.random.default_rng(seed).random(n)
        wanted = np.sin(x) * 2
        for _ in range(50):
            y, total = f(x)
            if not np.allclose(y, wanted) or not np.isclose(total, x.sum()):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_after_a_fork() -> None:
    f = settled(tapec.jit(lambda x: x * 2), np.ones(3))
    child = os.fork()
    if child == 0:
        right = f(np.ones(3)).tolist() == [2, 2, 2] and f(np.ones(2)).tolist() == [2, 2]
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


LATE = """
import threading, sys
import numpy as np, tapec
class Late:
    def __init__(self, f):
        self.f, self.x = f, np.ones(3)
    def __del__(self):
        self.f(self.x)
        try:
            self.f(1.0)
        except BaseException:
            pass
f = tapec.jit(lambda x: (x * 2, np.sum(x)))
for _ in range(4):
    f(np.ones(3))
sys.late, np.late, threading.late = Late(f), Late(f), Late(f)
del f
"""


def test_called_while_the_interpreter_goes() -> None:
    done = subprocess.run([sys.executable, "-c", LATE], cwd=ROOT, check=False)
    assert done.returncode == 0


# --- references -------------------------------------------------------------------


def allocated() -> int:
    gc.collect()
    return sys.getallocatedblocks()


@pytest.mark.parametrize("form", FORMS)
def test_no_reference_is_lost(form: str) -> None:
    fun, args = FORMS[form]
    calls = 300 if "long" in form else 20_000
    f = settled(tapec.jit(fun), *args)
    watched = [*args, None, np.dtype(float), np.ndarray, float, tuple]
    blocks, before = allocated(), list(map(sys.getrefcount, watched))
    for _ in range(calls):
        f(*args)
    more, after = allocated() - blocks, list(map(sys.getrefcount, watched))
    assert max(abs(a - b) for a, b in zip(after, before, strict=True)) < calls / 2
    assert more < calls / 2


def test_no_reference_is_lost_when_a_check_fails() -> None:
    def f(x: Any, a: Any) -> Any:
        return a * 2 if x > 0 else (a, [a, {"x": x}])

    g, a = tapec.jit(f), np.ones(5)
    for x in (1.0, -1.0) * 3:
        g(x, a)
    before, blocks = sys.getrefcount(a), allocated()
    for _ in range(20_000):
        g(1.0, a)
        g(-1.0, a)
    assert sys.getrefcount(a) - before < 10
    assert allocated() - blocks < 1000


def test_it_is_collected() -> None:
    def make() -> weakref.ref[Any]:
        f = settled(tapec.jit(lambda x: x * 2), np.ones(3))
        return weakref.ref(f)

    reference = make()
    assert reference() is None
    f = settled(tapec.jit(lambda x: x * 2), np.ones(3))
    f.ring = f
    reference = weakref.ref(f)
    del f
    gc.collect()
    assert reference() is None


@pytest.mark.skipif(not AVAILABLE, reason="for emitted calls")
def test_no_memory_for_results() -> None:
    testing = pytest.importorskip("_testcapi")
    args = (2.0, np.ones(300), {"a": [1.0]})
    fun = lambda x, a, d: {"r": [x, (a, a * x), Pair(x, d["a"][0])], "n": None}  # noqa: E731
    f = settled(tapec.jit(fun), *args)
    wanted, a = f(*args), args[1]
    before = sys.getrefcount(a)
    failures = 0
    for start in range(1, 30):
        try:
            testing.set_nomemory(start, start + 1)
            out = f(*args)
        except MemoryError:
            failures += 1
            continue
        finally:
            testing.remove_mem_hooks()
        assert same(out, wanted)
    assert failures > 1
    assert sys.getrefcount(a) == before
    assert same(answers(f, *args), wanted)


# --- without emitted entries ------------------------------------------------------


@pytest.mark.skipif(not AVAILABLE, reason="this is that run")
def test_the_portable_way() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    command += ["-k", "not lost"]
    environment = {**os.environ, "TAPEC_PORTABLE": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
