"""Compiled functions and inspections in other processes, and their copies."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

import tapec
from tapec.compiled import Compiled
from tapec.containers import flatten
from tapec.ir import Function
from tapec.text import format_module

ROOT = Path(__file__).parents[2]
X = np.linspace(0.5, 1.0, 4)


def cube(x: Any) -> Any:
    return np.sum(x**3)


slope = tapec.grad(cube)


@tapec.grad
@tapec.jit
def decorated(x: Any) -> Any:
    return np.sum(x**3)


@tapec.sparse_jacobian
def products(x: Any) -> Any:
    return x[1:] * x[:-1]


class Model:
    def __init__(self) -> None:
        self.w = np.ones(2)
        self.step = tapec.jit(self.plain)

    def plain(self, x: Any) -> Any:
        return self.w * x

    @tapec.jit
    def call(self, x: Any) -> Any:
        return self.w + x

    def loss(self, x: Any) -> Any:
        return np.sum(x**3)

    slope = tapec.grad(loss, argnums=1)


# --- by name ----------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "f", [decorated, decorated.fun, products, Model.call], ids=lambda f: repr(f)
)
def test_what_has_a_name_is_found_by_it(f: Any, protocol: int) -> None:
    assert pickle.loads(pickle.dumps(f, protocol)) is f


def test_results_of_transformations_are_made_again_once() -> None:
    found = [pickle.loads(pickle.dumps(slope)) for _ in range(3)]
    assert found[0] is found[1] is found[2]
    assert isinstance(found[0], Compiled)
    np.testing.assert_array_equal(found[0](X), slope(X))
    assert repr(found[0]) == "<compiled cube, 1 versions>"


OPTIONS = [
    (tapec.jit(cube), (X,)),
    (tapec.value_and_grad(cube), (X,)),
    (tapec.grad(np.dot, argnums=(1, 0)), (X, X + 1.0)),
    (tapec.jit(np.sum, static_argnames=("axis",)), (X,)),
    (tapec.jit(cube, dynamic=True), (X,)),
    (tapec.jit(cube, specs=[tapec.spec(("n",), np.float64)]), (X,)),
    (tapec.vmap(cube, in_axes=1), (np.ones((2, 3)),)),
    (tapec.vmap(tapec.grad(cube)), (np.ones((2, 3)),)),
    (tapec.jacobian(np.cumsum), (X,)),
    (tapec.jacfwd(np.cumsum), (X,)),
    (tapec.jacrev(np.cumsum), (X,)),
    (tapec.hessian(cube), (X,)),
    (tapec.hvp(cube), (X, X)),
    (tapec.vjp(cube, X)[1], (2.0,)),
    (tapec.linearize(cube, X)[1], (X,)),
    (tapec.vjp(lambda x: x * x, X)[1], (X,)),
    (Model().call, (3.0,)),
    (Model().slope, (X,)),
]


@pytest.mark.parametrize(("f", "args"), OPTIONS)
def test_what_was_compiled_pickles(f: Any, args: Any) -> None:
    wanted = f(*args)
    loaded = pickle.loads(pickle.dumps(f))
    for found in (loaded(*args), copy.deepcopy(f)(*args)):
        pairs = zip(flatten(found)[0], flatten(wanted)[0], strict=True)
        for a, b in pairs:
            np.testing.assert_array_equal(a, b)


def test_the_inner_function_of_two_decorators() -> None:
    inner = decorated.fun
    assert isinstance(inner, Compiled)
    assert pickle.loads(pickle.dumps(inner)) is inner
    assert inner(X) == cube(X)


def test_a_function_without_a_name_says_what_to_do() -> None:
    with pytest.raises(pickle.PicklingError) as caught:
        pickle.dumps(tapec.grad(lambda x: x * x))
    assert "which no name in a module leads to: use cloudpickle" in str(caught.value)


# --- workers ----------------------------------------------------------------------


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_compiled_functions_are_what_workers_run(method: str) -> None:
    context = multiprocessing.get_context(method)
    with context.Pool(1) as pool:
        for f in (slope, decorated, Model().slope):
            found = pool.map_async(f, [X, 2 * X]).get(timeout=120)
            np.testing.assert_array_equal(found, [f(X), f(2 * X)])


MAIN = """
import multiprocessing, numpy as np, tapec

@tapec.grad
@tapec.jit
def slope(x):
    return np.sum(x**3)

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(slope, [np.ones(2), np.full(2, 2.0)]))
"""


def test_functions_of_the_main_program_in_spawned_workers(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(MAIN)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "program.py")], check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "[array([3., 3.]), array([12., 12.])]\n", done.stderr


# --- cloudpickle --------------------------------------------------------------------

SENDER = """
import sys, cloudpickle, numpy as np, tapec

@tapec.jit
def power(x, n=3):
    return x if n == 1 else x * power(x, n - 1)

v = tapec.Variable([2.0, 3.0])

@tapec.grad
@tapec.jit
def decorated(x):
    return np.sum(v * x**2)
decorated.note = "kept"

class Model:
    def __init__(self):
        self.w = np.ones(2)
        self.step = tapec.jit(self.plain)
    def plain(self, x):
        return self.w * x
    @tapec.jit
    def call(self, x):
        return self.w + x
    def loss(self, x):
        return np.sum(self.w * x**3)
    slope = tapec.grad(loss, argnums=1)

@tapec.custom_gradient
def ruled(x):
    return x * x, lambda ct: ct * 7.0

@tapec.custom_jvp
def pushed(x):
    return np.sin(x)

@pushed.defjvp
def rule(primals, tangents):
    return pushed(*primals), tangents[0] * 5.0

@tapec.custom_pass(after="dce")
def unchanged(fn):
    return fn

@tapec.checkpoint
def again(x):
    return np.sin(x)

def outer(k):
    @tapec.value_and_grad
    def inner(x):
        return np.sum(k * v * x)
    return inner

m, x = Model(), np.array([1.0, 2.0])
rows = [
    (power, (2.0,)), (decorated, (x,)), (m.step, (x,)), (m.call, (x,)), (m.slope, (x,)),
    (ruled, (2.0,)), (tapec.grad(ruled), (2.0,)), (tapec.grad(again), (2.0,)),
    (pushed, (2.0,)), (tapec.grad(pushed), (2.0,)),
    (tapec.jit(lambda x: x + 1, passes=[unchanged]), (2.0,)),
    (outer(5.0), (x,)), (tapec.vmap(lambda x: x * v), (x,)),
    (tapec.jit(lambda x, how: x if how else -x, static_argnums=1), (x, False)),
    (tapec.jit(lambda x: x * 2, dynamic=True), (x,)),
    (tapec.vjp(lambda x: x * x, x)[1], (x,)),
    (tapec.hvp(lambda x: np.sum(x**3)), (x, x)),
]
rows = [(f, args, f(*args)) for f, args in rows]
sys.stdout.buffer.write(cloudpickle.dumps((rows, m, v)))
"""

RECEIVER = """
import pickle, sys, numpy as np
from tapec.containers import flatten
def power(x):
    raise AssertionError("another program's function of the same name")
rows, m, v = pickle.load(sys.stdin.buffer)
for f, args, wanted in rows:
    for a, b in zip(flatten(f(*args))[0], flatten(wanted)[0], strict=True):
        np.testing.assert_array_equal(a, b)
by_name = {getattr(f, "__qualname__", ""): f for f, _, _ in rows}
assert by_name["power"](3.0) == 27.0 and by_name["power"].__name__ == "power"
assert by_name["decorated"].note == "kept"
m.w[:] = 5.0
assert m.call(1.0).tolist() == [6.0, 6.0] and m.step(1.0).tolist() == [5.0, 5.0]
v.assign([0.0, 1.0])
assert by_name["decorated"](np.ones(2)).tolist() == [0.0, 2.0]
print(len(rows))
"""


def test_functions_of_one_program_in_another() -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    sent = subprocess.run(
        [sys.executable, "-c", SENDER], check=False, env=env, capture_output=True
    )
    assert sent.returncode == 0, sent.stderr.decode()
    done = subprocess.run(
        [sys.executable, "-c", RECEIVER], check=False, env=env, input=sent.stdout,
        capture_output=True,
    )  # fmt: skip
    assert done.stdout == b"17\n", done.stderr.decode()


def test_a_module_registered_by_value() -> None:
    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    try:
        data = cloudpickle.dumps(decorated)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    found = pickle.loads(data)
    assert found is not decorated
    np.testing.assert_array_equal(found(X), decorated(X))


# --- copies -----------------------------------------------------------------------


def test_functions_are_their_own_copies() -> None:
    for f in (slope, decorated, tapec.jit(lambda x: x), products):
        assert copy.copy(f) is copy.deepcopy(f) is f


def test_a_copied_object_has_its_own_compiled_methods() -> None:
    a = Model()
    a.step.note = [1]
    assert a.step(1.0).tolist() == [1.0, 1.0]
    b = copy.deepcopy(a)
    b.w[:] = 7.0
    assert b.step(1.0).tolist() == [7.0, 7.0]
    assert a.step(1.0).tolist() == [1.0, 1.0]
    assert copy.deepcopy(b.call)(1.0).tolist() == [8.0, 8.0]
    assert (b.step.note, b.step.note is a.step.note) == ([1], False)


# --- functions of the IR, inspections ---------------------------------------------


def test_a_function_pickles_with_its_places() -> None:
    fn = slope.traced(X)
    found = pickle.loads(pickle.dumps(fn))
    assert found == fn
    assert format_module(found, locations=True) == format_module(fn, locations=True)
    assert "test_pickling.py" in format_module(found, locations=True)
    again = pickle.loads(pickle.dumps(found))
    assert format_module(again, locations=True) == format_module(fn, locations=True)
    assert copy.deepcopy(fn) is fn


LOOK = """
def look(i):
    uid = i.recorded.ops[-1].uid
    return {
        "text": {s: i.text(s, source=True) for s in i.stages},
        "rails": i.text(rails=True, source=True), "why": i.why(uid),
        "diff": [i.diff(stage.name) for stage in i.log[1:]], "svg": i.svg(),
        "passes": i.passes(), "tree": i.tree(uid), "captures": i.captures,
        "llvm": i.llvm(source=True), "memory": i.memory(),
        "compare": str(i.compare()), "values": str(i.values()),
    }
"""
READER = """
import pickle, sys
i, wanted = pickle.load(sys.stdin.buffer)
found = look(i)
assert found == wanted, [k for k in wanted if found[k] != wanted[k]]
print(repr(i))
"""


def test_an_inspection_is_read_in_another_process() -> None:
    w = tapec.Variable(np.ones(4))
    f = tapec.value_and_grad(lambda x: np.sum(np.tanh(x * w) ** 2))
    i, names = f.inspect(X), {}
    exec(LOOK, names)
    data = pickle.dumps((i, names["look"](i)))
    done = subprocess.run(
        [sys.executable, "-c", LOOK + READER], check=False, input=data,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
    )  # fmt: skip
    assert done.stdout.decode() == f"{i!r}\n", done.stderr.decode()


def test_an_inspection_of_a_tape_and_its_copies() -> None:
    x = tapec.constant(X)
    with tapec.GradientTape(persistent=True) as tape:
        y = np.sum(x * x)
    i = tape.inspect(y, x)
    for made in (pickle.loads(pickle.dumps(i)), copy.deepcopy(i), copy.copy(i)):
        assert made.text("optimized") == i.text("optimized")
        assert made.diff("optimized") == i.diff("optimized")
    assert copy.deepcopy(i).inputs[0] is not i.inputs[0]


def test_deep_functions_pickle() -> None:
    def deep(x: Any) -> Any:
        for k in range(20_000):
            x = np.sin(x) if k % 3 else x * x
        return x

    fn = tapec.jit(deep).traced(0.5)
    found: list[Function] = []
    small = threading.Thread(
        target=lambda: found.append(pickle.loads(pickle.dumps(fn)))
    )
    before = threading.stack_size(256 << 10)
    try:
        small.start()
    finally:
        threading.stack_size(before)
    small.join()
    assert len(fn.ops) == 20_000 and found[0] == fn
