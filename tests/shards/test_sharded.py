"""Sums over shards in one process: what every engine must give, bit by bit."""

import copy
import io
import pickle
import sys
from collections import namedtuple
from functools import partial

import numpy as np
import pytest

import tapec
from tapec.distributed import tree_sum, value_and_grad
from tapec.distributed.limits import limited
from tapec.distributed.tree import tree

Params = namedtuple("Params", "w b")


def loss(params, shard):
    x, y = shard
    return np.mean((np.tanh(x @ params.w) + params.b - y) ** 2)


def data(i):
    rng = np.random.default_rng(i)
    n = 5 + i
    return rng.normal(size=(n, 3)), rng.normal(size=n)


PARAMS = Params(np.array([0.1, -0.4, 0.7]), 0.25)
SHARDS = [data(i) for i in range(5)]
ALL = tuple(np.concatenate(arrays) for arrays in zip(*SHARDS, strict=True))


def bits(result):
    value, gradient = result
    return [np.asarray(x).tobytes() for x in (value, *gradient)]


# --- the tree ---------------------------------------------------------------------


@pytest.mark.parametrize("n", range(1, 40))
def test_tree_joins_neighbours_level_by_level(n):
    level = [str(i) for i in range(n)]
    while len(level) > 1:
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        level = ["".join(["(", *p, ")"]) if len(p) == 2 else p[0] for p in pairs]
    assert tree(map(str, range(n)), lambda a, b: f"({a}{b})") == level[0]


def test_tree_holds_few_terms():
    alive = most = 0

    def terms():
        nonlocal alive, most
        for _ in range(1000):
            alive += 1
            most = max(most, alive)
            yield 1

    def join(a, b):
        nonlocal alive
        alive -= 1
        return a + b

    assert tree(terms(), join) == 1000
    assert most <= 11


def test_tree_sum_is_that_of_floats():
    a, b, c, d, e = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    expected = ((a + b) + (c + d)) + e
    assert tree_sum([a, b, c, d, e]).tobytes() == expected.tobytes()
    assert tree_sum(iter([a])) is a


def test_tree_sum_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="no terms"):
        tree_sum([])
    with pytest.raises(ValueError, match=r"terms\['w'\] of shapes \(3,\) and \(1,\)"):
        tree_sum([{"w": np.ones(3)}, {"w": np.ones(1)}])
    with pytest.raises(ValueError, match="structures list"):
        tree_sum([[1.0], (1.0,)])


# --- values -----------------------------------------------------------------------


def test_a_sum_is_that_of_the_parts():
    each = [tapec.value_and_grad(loss)(PARAMS, s) for s in SHARDS]
    (v0, g0), (v1, g1), (v2, g2), (v3, g3), (v4, g4) = each
    value, gradient = value_and_grad(loss)(PARAMS, SHARDS)
    assert value == ((v0 + v1) + (v2 + v3)) + v4
    assert type(gradient) is Params
    expected = ((g0.w + g1.w) + (g2.w + g3.w)) + g4.w
    assert gradient.w.tobytes() == expected.tobytes()
    assert gradient.b == ((g0.b + g1.b) + (g2.b + g3.b)) + g4.b
    assert type(gradient.b) is float


def test_a_mean_is_that_of_all_examples():
    found = value_and_grad(loss, reduce="mean")(PARAMS, SHARDS)
    whole = tapec.value_and_grad(loss)(PARAMS, ALL)
    np.testing.assert_allclose(found[0], whole[0], rtol=1e-14)
    np.testing.assert_allclose(found[1].w, whole[1].w, rtol=1e-13)
    np.testing.assert_allclose(found[1].b, whole[1].b, rtol=1e-13)


def test_weights_of_ones_own():
    def masked(w, shard):
        return np.sum(shard["mask"] * (w - shard["x"]) ** 2) / np.sum(shard["mask"])

    rng = np.random.default_rng(1)
    shards = [
        {"x": rng.normal(size=9), "mask": (np.arange(9) < k).astype(float)}
        for k in (2, 9, 5)
    ]
    vg = value_and_grad(masked, reduce="mean", weight=lambda s: s["mask"].sum())
    value, gradient = vg(0.5, shards)
    x = np.concatenate([s["x"][s["mask"] > 0] for s in shards])
    np.testing.assert_allclose(value, np.mean((0.5 - x) ** 2), rtol=1e-14)
    np.testing.assert_allclose(gradient, np.mean(2 * (0.5 - x)), rtol=1e-14)


def test_a_shard_without_examples_is_left_out():
    empty = (np.ones((0, 3)), np.ones(0))
    vg = value_and_grad(loss, reduce="mean")
    with_empty = vg(PARAMS, [empty, *SHARDS[:2], empty])
    np.testing.assert_allclose(with_empty[0], vg(PARAMS, SHARDS[:2])[0], rtol=1e-15)
    np.testing.assert_allclose(with_empty[1].w, vg(PARAMS, SHARDS[:2])[1].w, rtol=1e-15)
    with pytest.raises(ValueError, match="mean of no examples"):
        vg(PARAMS, [empty])


@pytest.mark.parametrize("reduce", ["sum", "mean"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex128])
def test_dtypes_are_those_of_the_parameters(dtype, reduce):
    def f(w, x):
        return np.mean(np.abs(w * x) ** 2)

    shards = [np.ones((n, 1), dtype) for n in (40_000, 2, 0 if reduce == "mean" else 1)]
    w = np.arange(1, 3).astype(dtype)
    value, gradient = value_and_grad(f, reduce=reduce)(w, shards)
    assert gradient.dtype == dtype
    assert gradient.shape == w.shape
    times = 1 if reduce == "mean" else 3
    np.testing.assert_allclose(value, 2.5 * times, rtol=2e-3)
    np.testing.assert_allclose(gradient, w * times, rtol=2e-3)


def test_argnums_and_several_parameters():
    def f(a, b, x):
        return np.sum(a * x + b * b)

    shards = [np.arange(3.0), np.arange(4.0)]
    assert value_and_grad(f, argnums=(1, 0))(2.0, 3.0, shards)[1] == (42.0, 9.0)
    assert value_and_grad(f, argnums=1)(2.0, 3.0, shards)[1] == 42.0


def test_variables_and_tensors_are_read():
    v, x = tapec.Variable([1.0, 2.0]), [tapec.constant([3.0, 4.0])]
    value, gradient = value_and_grad(lambda w, x: np.sum(w * x))(v, x)
    assert value == 11.0
    assert type(gradient) is np.ndarray
    v.assign([0.0, 1.0])
    assert value_and_grad(lambda w, x: np.sum(w * x))(v, x)[0] == 4.0


def test_functions_load_their_shard():
    vg = value_and_grad(loss)
    expected = vg(PARAMS, SHARDS)
    assert bits(vg(PARAMS, [partial(data, i) for i in range(5)])) == bits(expected)


def test_parts_are_combined_in_any_process():
    vg = value_and_grad(loss, reduce="mean")
    parts = [pickle.loads(pickle.dumps(vg)).part(PARAMS, s) for s in SHARDS]
    parts = pickle.loads(pickle.dumps(parts))
    assert bits(vg.combine(parts)) == bits(vg(PARAMS, SHARDS))
    assert bits(vg.combine(iter(parts))) == bits(vg(PARAMS, SHARDS))


def test_one_program_serves_every_size():
    vg = value_and_grad(loss, dynamic=True)
    vg(PARAMS, SHARDS)
    assert len(vg._program.signatures) == 1


# --- threads ----------------------------------------------------------------------


def test_threads_are_limited_while_a_part_runs():
    seen, before = [], tapec.config.threads

    def f(w, x):
        seen.append(tapec.config.threads)
        return np.sum(w * x)

    value_and_grad(f)(1.0, [np.ones(2)])
    value_and_grad(f, threads=3)(1.0, [np.ones(2)])
    assert seen == [1, 3]
    assert tapec.config.threads == before


def test_threads_that_overlap_leave_what_was_before():
    before = tapec.config.threads
    inner = limited(1)
    with limited(2):
        inner.__enter__()
    assert tapec.config.threads == 2
    inner.__exit__(None, None, None)
    assert tapec.config.threads == before


# --- errors -----------------------------------------------------------------------


@pytest.mark.parametrize("shards", [np.ones((3, 2)), "ab", iter([1.0]), None])
def test_shards_are_a_list(shards):
    with pytest.raises(TypeError, match=r"shards is a list or tuple.*array_split"):
        value_and_grad(lambda w, x: w * np.sum(x))(1.0, shards)


def test_no_shards():
    with pytest.raises(ValueError, match="there are no shards"):
        value_and_grad(loss)(PARAMS, [])


def test_unclear_weights():
    def f(w, shard):
        return w * 1.0

    vg = value_and_grad(f, reduce="mean")
    with pytest.raises(ValueError, match=r"shapes \[\(3, 2\), \(4,\)\]") as caught:
        vg(1.0, [np.ones(2), (np.ones((3, 2)), np.ones(4))])
    assert caught.value.__notes__ == ["in shard 1 of f"]
    with pytest.raises(ValueError, match="no array with an axis"):
        vg(1.0, [2.0])
    for wrong in (-1.0, np.nan, np.inf):
        vg = value_and_grad(f, reduce="mean", weight=lambda s, w=wrong: w)
        with pytest.raises(ValueError, match="finite and not negative"):
            vg(1.0, [2.0])
    with pytest.raises(TypeError, match="a number per shard, not list"):
        value_and_grad(f, reduce="mean", weight=lambda s: [1])(1.0, [2.0])


def test_options_that_make_no_sense():
    with pytest.raises(ValueError, match="'sum' or 'mean', not 'max'"):
        value_and_grad(loss, reduce="max")
    with pytest.raises(ValueError, match="weight is for reduce='mean'"):
        value_and_grad(loss, weight=len)
    for argnums in (1, -1, ()):
        with pytest.raises(ValueError, match="in front of the shards"):
            value_and_grad(loss, argnums=argnums)(PARAMS, SHARDS)
    with pytest.raises(ValueError, match="with 0 arguments"):
        value_and_grad(loss)(SHARDS)
    with pytest.raises(TypeError, match="parameters and shards"):
        value_and_grad(loss)()
    with pytest.raises(TypeError, match=r"client is a distributed\.Client.*not 3"):
        value_and_grad(loss, client=3)(PARAMS, SHARDS)


def test_an_error_names_its_shard():
    def f(w, x):
        if len(x) == 3:
            raise KeyError("three")
        return np.sum(w * x)

    with pytest.raises(KeyError, match="three") as caught:
        value_and_grad(f)(1.0, [np.ones(2), np.ones(2), np.ones(3)])
    assert caught.value.__notes__ == ["in shard 2 of f"]


def test_not_inside_a_tape_or_trace():
    vg = value_and_grad(lambda w, x: np.sum(w * x))
    with tapec.GradientTape(), pytest.raises(tapec.UnsupportedError, match="outside"):
        vg(1.0, [np.ones(2)])
    with pytest.raises(tapec.UnsupportedError, match="outside"):
        tapec.grad(lambda w: vg(w, [np.ones(2)])[0])(1.0)


@pytest.mark.parametrize("dynamic", [False, True])
def test_a_function_may_not_assign(dynamic):
    count = tapec.Variable(0.0)

    def f(w, x):
        count.assign_add(1.0)
        return np.sum(w * x)

    with pytest.raises(tapec.UnsupportedError, match="f assigns to a variable"):
        value_and_grad(f, dynamic=dynamic)(1.0, [np.ones(2)])


# --- progress ---------------------------------------------------------------------


def test_progress_is_told():
    seen = []
    vg = value_and_grad(loss, progress=lambda *counts: seen.append(counts))
    vg(PARAMS, SHARDS)
    assert seen == [(i, 5) for i in range(1, 6)]


def test_progress_in_a_pipe_and_on_a_terminal(monkeypatch, capsys):
    vg = value_and_grad(lambda w, x: w * x, progress=True)
    vg(1.0, [1.0] * 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"<lambda>: {n}/100 shards" for n in range(10, 101, 10)]

    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    vg(1.0, [1.0] * 3)
    assert terminal.getvalue() == "".join(
        f"\r<lambda>: {n}/3 shards" for n in (1, 2, 3)
    ) + ("\n")


def test_progress_takes_nothing_else():
    with pytest.raises(TypeError, match="progress is"):
        value_and_grad(loss, progress="yes")(PARAMS, SHARDS)


# --- carrying ---------------------------------------------------------------------


def test_pickled_once_compiled_once():
    vg = value_and_grad(loss)
    first, again = (pickle.loads(pickle.dumps(vg)) for _ in range(2))
    assert first is again
    assert first is not vg
    other = pickle.loads(pickle.dumps(value_and_grad(loss, reduce="mean")))
    assert other is not first
    assert copy.deepcopy(vg).client is None


def test_lambdas_closures_and_decorated_functions_travel():
    pytest.importorskip("cloudpickle")
    scale = np.array([2.0, 3.0])
    inner = tapec.jit(lambda w: w * scale)
    decorated = tapec.jit(lambda w, x: np.sum(inner(w) * x), dynamic=True)
    w, shards = np.ones(2), [np.ones(2), np.full((3, 2), 2.0)]
    vg = value_and_grad(decorated)
    there = pickle.loads(pickle.dumps(vg))
    assert bits(there(w, shards)) == bits(vg(w, shards))
    assert vg(w, shards)[0] == 35.0

    scale[:] = 1.0  # read at each call, so it is another function that is sent now
    assert pickle.loads(pickle.dumps(vg))(w, shards)[0] == vg(w, shards)[0] == 14.0
    assert there(w, shards)[0] == 35.0


def test_without_cloudpickle_only_names_travel(monkeypatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    assert pickle.loads(pickle.dumps(value_and_grad(loss)))(PARAMS, SHARDS)
    with pytest.raises((pickle.PicklingError, AttributeError)) as caught:
        pickle.dumps(value_and_grad(lambda w, x: w * x))
    assert "cloudpickle" in caught.value.__notes__[0]
