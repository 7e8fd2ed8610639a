"""Parts computed by other engines than Dask: the bits of a serial run."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from tapec.distributed import value_and_grad

ROOT = Path(__file__).parents[2]
W = np.array([0.1, -0.4, 0.7])
SHARDS = [np.random.default_rng(i).normal(size=(20, 3)) for i in range(5)]


def loss(w, x):
    return np.mean(np.tanh(x @ w) ** 2)


def bits(result):
    value, gradient = result
    return value.hex(), gradient.tobytes().hex()


VG = value_and_grad(loss, reduce="mean")
SERIAL = bits(VG(W, SHARDS))


def test_executor():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        parts = pool.map(VG.part, [W] * 5, SHARDS)
        assert bits(VG.combine(parts)) == SERIAL


def test_joblib():
    joblib = pytest.importorskip("joblib")
    scale = 1.0
    vg = value_and_grad(lambda w, x: loss(w, x) * scale, reduce="mean")
    parallel = joblib.Parallel(n_jobs=2, return_as="generator")
    parts = parallel(joblib.delayed(vg.part)(W, x) for x in SHARDS)
    assert bits(vg.combine(parts)) == bits(vg(W, SHARDS))


RAY = """
import ray
from tests_engines import VG, W, SHARDS, SERIAL, bits, value_and_grad, loss

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False,
         object_store_memory=80 * 2**20)
scale = 1.0
for vg in VG, value_and_grad(lambda w, x: loss(w, x) * scale, reduce="mean"):
    part = ray.remote(lambda *args: vg.part(*args))
    w = ray.put(W)
    parts = [part.remote(w, x) for x in SHARDS]
    assert bits(vg.combine(map(ray.get, parts))) == SERIAL
"""

MPI = """
from mpi4py import MPI
from tests_engines import VG, W, SHARDS, SERIAL, bits

comm = MPI.COMM_WORLD
mine = {i: VG.part(W, SHARDS[i]) for i in range(comm.rank, 5, comm.size)}
parts = {}
for some in comm.allgather(mine):
    parts |= some
assert comm.size == 2
assert bits(VG.combine(parts[i] for i in range(5))) == SERIAL
"""


def run(program, tmp_path, *launcher):
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    shutil.copy(__file__, tmp_path / "tests_engines.py")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [*launcher, sys.executable, tmp_path / "program.py"],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_ray(tmp_path):
    pytest.importorskip("ray")
    run(RAY, tmp_path)


def test_mpi(tmp_path):
    pytest.importorskip("mpi4py")
    folder = os.path.dirname(sys.executable)
    launcher = shutil.which("mpiexec", path=folder) or shutil.which("mpiexec")
    if not launcher:
        pytest.skip("there is no mpiexec")
    run(MPI, tmp_path, launcher, "-n", "2")
