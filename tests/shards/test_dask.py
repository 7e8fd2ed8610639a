"""Sums over shards on a Dask cluster of real processes: the bits of a serial run."""

import os
import signal
import textwrap
import time
from functools import partial

import numpy as np
import pytest

import tapec
from tapec.distributed import carrying, value_and_grad

distributed = pytest.importorskip("distributed")
dask = pytest.importorskip("dask")

# One cluster for all of them, also where the suite is spread.
pytestmark = pytest.mark.xdist_group("dask")

WORKERS = {
    "n_workers": 2, "threads_per_worker": 1, "processes": True,
    "dashboard_address": None, "scheduler_port": 0,
}  # fmt: skip
PATIENT = {
    "distributed.comm.timeouts.connect": "120s",
    "distributed.deploy.lost-worker-timeout": "120s",
}


@pytest.fixture(scope="module")
def client():
    with (
        dask.config.set(PATIENT),
        distributed.LocalCluster(**WORKERS) as cluster,
        distributed.Client(cluster, timeout="120s") as client,
    ):
        client.wait_for_workers(2, timeout=120)
        yield client


def loss(w, shard):
    x, y = shard
    return np.mean((np.tanh(x @ w["a"]) + w["b"] - y) ** 2)


def data(i):
    rng = np.random.default_rng(i)
    return rng.normal(size=(20 + i % 2, 3)), rng.normal(size=20 + i % 2)


W = {"a": np.array([0.1, -0.4, 0.7]), "b": 0.25}
LOADERS = [partial(data, i) for i in range(7)]
DATA = [load() for load in LOADERS]


def bits(result):
    value, gradient = result
    return [np.asarray(x).tobytes() for x in (value, *gradient.values())]


SERIAL = bits(value_and_grad(loss, reduce="mean")(W, DATA))


@pytest.fixture
def vg(client):
    return value_and_grad(loss, reduce="mean", client=client)


def forget():
    carrying._made.clear()


def programs():
    """How many versions each function that came to this process has."""
    return [len(vg._program.signatures) for vg in carrying._made.values()]


# --- the same bits ----------------------------------------------------------------


def test_loaders_on_two_workers_and_on_one(client, vg):
    assert bits(vg(W, LOADERS)) == SERIAL
    for address in client.scheduler_info(n_workers=-1)["workers"]:
        with dask.annotate(workers=[address]):
            assert bits(vg(W, LOADERS)) == SERIAL


def test_each_worker_compiles_once(client, vg):
    client.run(forget)
    for step in range(3):
        vg({"a": W["a"] + step, "b": 0.0}, LOADERS)
    for found in client.run(programs).values():
        assert len(found) == 1
        assert found[0] <= 2  # there are two sizes


def test_one_shard(client):
    serial = value_and_grad(loss)
    seen = []
    for progress in (False, lambda *counts: seen.append(counts)):
        vg = value_and_grad(loss, client=client, progress=progress)
        assert bits(vg(W, LOADERS[:1])) == bits(serial(W, LOADERS[:1]))
    assert seen == [(1, 1)]


@pytest.mark.parametrize("kind", ["arrays", "futures", "delayed", "blocks"])
def test_what_stands_for_a_shard(kind, client, vg):
    x, y = (np.concatenate(arrays) for arrays in zip(*DATA, strict=True))
    if kind == "arrays":
        shards = DATA
    elif kind == "futures":
        shards = client.scatter(DATA)
    elif kind == "delayed":
        shards = [dask.delayed(data)(i) for i in range(7)]
    else:
        da = pytest.importorskip("dask.array")
        chunks = (tuple(len(y) for _, y in DATA),)
        xs = da.from_array(x, (*chunks, 3)).to_delayed().ravel().tolist()
        ys = da.from_array(y, chunks).to_delayed().ravel().tolist()
        shards = list(zip(xs, ys, strict=True))
    assert bits(vg(W, shards)) == SERIAL


def test_closures_and_decorated_functions(client):
    scale = np.array(2.0)
    inner = tapec.jit(lambda w, x: np.tanh(x @ w["a"]) * scale)

    @tapec.jit
    def outer(w, shard):
        return np.sum(inner(w, shard[0])) + w["b"] ** 2

    vg = value_and_grad(outer, client=client)
    assert bits(vg(W, LOADERS)) == bits(value_and_grad(outer)(W, LOADERS))
    before = vg(W, LOADERS)[0]
    scale[...] = 3.0
    assert vg(W, LOADERS)[0] != before
    assert bits(vg(W, LOADERS)) == bits(value_and_grad(outer)(W, LOADERS))


# --- errors -----------------------------------------------------------------------


class Unusual(Exception):
    """Of arguments that pickle does not know."""

    def __init__(self, a, b):
        super().__init__(a + b)


def test_an_error_comes_back_as_it_is(client):
    def failing(w, shard):
        if len(shard[1]) == 21:
            raise KeyError("odd")
        return w["b"]

    vg = value_and_grad(failing, client=client)
    with pytest.raises(KeyError, match="odd") as caught:
        vg(W, [LOADERS[0], LOADERS[2], LOADERS[5]])
    assert "in shard 2 of failing" in caught.value.__notes__

    def unusual(w, shard):
        raise Unusual("a", "b")

    with pytest.raises(Exception, match="ab") as caught:
        value_and_grad(unusual, client=client)(W, LOADERS[:1])
    assert "in shard 0 of unusual" in caught.value.__notes__


def test_an_error_of_a_loader(client, vg):
    with pytest.raises(FileNotFoundError) as caught:
        vg(W, [LOADERS[0], partial(np.load, "/nowhere/x.npy")])
    assert "in shard 1 of loss" in caught.value.__notes__


def test_dask_objects_need_a_client(client):
    for shard in (client.scatter(DATA[0]), dask.delayed(data)(0)):
        with pytest.raises(TypeError, match=r"of Dask, not its data; .*client="):
            value_and_grad(loss)(W, [shard])
        with pytest.raises(TypeError, match="of Dask, not its data"):
            value_and_grad(loss)(W, [{"x": (shard, 1.0)}])


def test_progress_ends_where_a_shard_fails(client):
    seen = []

    def failing(w, shard):
        raise KeyError("all")

    vg = value_and_grad(failing, client=client, progress=lambda *n: seen.append(n))
    with pytest.raises(KeyError, match="all"):
        vg(W, LOADERS[:2])
    assert seen == []


def test_nothing_stays_on_the_cluster(client, vg):
    def ours(dask_scheduler):
        return [key for key in dask_scheduler.tasks if "loss-" in str(key)]

    vg(W, LOADERS)
    for _ in range(600):
        if not client.run_on_scheduler(ours):
            return
        time.sleep(0.1)
    raise AssertionError(client.run_on_scheduler(ours))


def test_a_notebooks_functions(client):
    """What is defined in `__main__` is not there on a worker."""
    source = textwrap.dedent(
        """
        @tapec.jit
        def model(w, x):
            return np.tanh(x @ w["a"]) * SCALE

        @tapec.jit
        def main_loss(w, shard):
            return np.sum(model(w, shard[0])) + w["b"]
        """
    )
    names = {"__name__": "__main__", "np": np, "tapec": tapec, "SCALE": 3.0}
    exec(source, names)
    vg = value_and_grad(names["main_loss"], client=client)
    assert bits(vg(W, DATA)) == bits(value_and_grad(names["main_loss"])(W, DATA))


# --- loss -------------------------------------------------------------------------


KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


def end_once(marker, i):
    """A shard whose first load ends the process, with what it has computed."""
    if not os.path.exists(marker):
        open(marker, "x").close()
        os.kill(os.getpid(), KILL)
    return data(i)


def test_a_lost_worker_changes_nothing(client, vg, tmp_path):
    marker, done = str(tmp_path / "ended"), []
    vg.progress = lambda *counts: done.append(counts)
    shards = LOADERS[:4] + [partial(end_once, marker, 4)] + LOADERS[5:]
    assert bits(vg(W, shards)) == SERIAL
    assert os.path.exists(marker)
    assert done == [(i, 7) for i in range(1, 8)]
    client.wait_for_workers(2, timeout=120)


def test_lost_scattered_data_is_named(client, vg, tmp_path):
    address = next(iter(client.scheduler_info(n_workers=-1)["workers"]))
    here = client.scatter(DATA[:2], workers=[address], hash=False)
    marker = str(tmp_path / "ended")
    where = {"workers": [address], "allow_other_workers": True}
    client.submit(end_once, marker, 0, **where).result()
    with pytest.raises(RuntimeError, match=r"data of shards \[1, 2\] was on a worker"):
        vg(W, [LOADERS[0], *here])
    client.wait_for_workers(2, timeout=120)


def end():
    os.kill(os.getpid(), KILL)


def allow(failures, dask_scheduler):
    before, dask_scheduler.allowed_failures = dask_scheduler.allowed_failures, failures
    return before


def test_a_shard_that_ends_its_workers_is_named(client, vg):
    before = client.run_on_scheduler(allow, 0)
    try:
        with pytest.raises(distributed.KilledWorker) as caught:
            vg(W, [end])
    finally:
        client.run_on_scheduler(allow, before)
    assert "in shard 0 of loss, or one beside it" in caught.value.__notes__[0]
    client.wait_for_workers(2, timeout=120)
