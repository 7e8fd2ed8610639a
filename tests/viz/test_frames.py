"""Frames hold the values of their cluster and no others."""

import numpy as np
import pytest

import tapec
from tapec.viz.frames import CLUSTERS, frames_of
from tapec.viz.mirror import mirror
from tapec.viz.scene import scene_of


def hidden(x, w):
    with tapec.scope("hidden"):
        return np.tanh(x @ w)


def loss(w, v, x):
    with tapec.scope("loss"):
        h = hidden(hidden(x, w), v)
        e = np.exp(h)
        return np.sum(e / np.sum(e))


@pytest.fixture(scope="module")
def seen():
    shapes = (4, 4), (4, 4), (3, 4)
    return tapec.inspect(tapec.grad(loss), *map(np.ones, shapes))


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_frames(seen, cluster):
    scene = scene_of(seen.graph("optimized"))
    layout = mirror(scene)
    of = CLUSTERS[cluster]
    frames = frames_of(scene, layout, cluster)
    assert frames
    for frame in frames:
        inside = [uid for uid, box in layout.boxes.items() if box.overlaps(frame.box)]
        nodes = [scene.items[uid].node for uid in inside]
        names = {of(node) for node in nodes if node["kind"] == "op"}
        assert all(name.startswith(frame.path) for name in names)
        assert len({scene.items[uid].phase for uid in inside}) == 1


def test_names(seen):
    assert ">hidden</text>" in seen.svg(cluster="function")
    assert ">k0</text>" in seen.svg(stage="optimized", cluster="kernel")


def test_unknown(seen):
    with pytest.raises(
        ValueError, match="no cluster 'file'; there are scope, function"
    ):
        seen.svg(cluster="file")
