"""Training on more data than a worker may hold: `pip install "tapec[distributed]"`.

The data is a file of 400 MB, and each of two workers may use 320 MB. A shard is a
function that reads a piece of the file where it is used, so a worker holds one at a
time. The parts are added as a tree: the result has the bits of a serial run.
"""

import os
import sys
import tempfile
from functools import partial

import numpy as np
from distributed import Client, LocalCluster

from tapec.distributed import value_and_grad

SHARDS, ROWS, COLUMNS = 25, 62_500, 64  # 16 MB each
LIMIT = 320


def write(path):
    """Rows of 63 numbers and a label, as float32."""
    rng = np.random.default_rng(0)
    true = np.cos(np.arange(COLUMNS - 1, dtype=np.float32))
    with open(path, "wb") as file:
        for _ in range(SHARDS):
            rows = rng.random((ROWS, COLUMNS), dtype=np.float32) - np.float32(0.5)
            rows[:, -1] = rows[:, :-1] @ true > 0
            rows.tofile(file)


def read(path, i):
    """Shard `i`, on the worker that computes with it."""
    count = ROWS * COLUMNS
    rows = np.fromfile(path, np.float32, count, offset=4 * count * i)
    rows = rows.reshape(ROWS, COLUMNS)
    return rows[:, :-1], rows[:, -1]


def loss(w, shard):
    x, y = shard
    z = x @ w
    return np.mean(np.logaddexp(0.0, z) - y * z)


def peak():
    """The most memory that this process had, in MB."""
    if sys.platform == "win32":
        import psutil

        return round(psutil.Process().memory_info().peak_wset / 1e6)
    import resource

    unit = 1e6 if sys.platform == "darwin" else 1e3
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)


def main(path, client):
    write(path)
    shards = [partial(read, path, i) for i in range(SHARDS)]
    print(f"data  {os.path.getsize(path) / 1e6:.0f} MB, a worker may use {LIMIT} MB")

    gradient_of = value_and_grad(loss, reduce="mean", client=client)
    w = np.zeros(COLUMNS - 1, np.float32)
    for step in range(4):
        value, gradient = gradient_of(w, shards)
        print(f"step {step}   loss {value:.4f}")
        serial_w, w = w, w - 20 * gradient

    peaks = client.run(peak).values()
    print("peak of each worker", *peaks, "MB; under its limit:", max(peaks) < LIMIT)
    serial = value_and_grad(loss, reduce="mean")(serial_w, shards)
    print("same bits as serial:", (serial[1] == gradient).all() and serial[0] == value)


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit=f"{LIMIT}MB",
            dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        main(os.path.join(folder, "data.f32"), client)
