"""Equal blocks are drawn once, and what is drawn is a part of the graph."""

import numpy as np
import pytest

import tapec
from tapec.viz.folding import LEAST, folded
from tapec.viz.graph import validate
from tapec.viz.svg import render


def layers(weights, x):
    for w, b in weights:
        x = np.tanh(x @ w + b)
    return np.sum(x * x)


def network(count, gradient):
    weights = [(np.ones((4, 4)), np.ones(4))] * count
    fun = tapec.grad(layers) if gradient else layers
    return tapec.inspect(fun, weights, np.ones((3, 4))).graph("recorded")


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("count", [6, 12, 30])
def test_layers(count, gradient):
    graph = network(count, gradient)
    small, times = folded(graph)
    assert validate(small)
    assert len(small["nodes"]) == len(folded(network(count + 1, gradient))[0]["nodes"])
    by_uid = {node["uid"]: node for node in small["nodes"]}
    tanh = [uid for uid in times if by_uid[uid]["op"] == "tanh"]
    (uid,) = tanh
    shown = sum(node["op"] == "tanh" for node in small["nodes"])
    assert times[uid] == count - shown + 1


@pytest.mark.parametrize("gradient", [False, True])
def test_edges_are_of_the_graph(gradient):
    """A visible op is one of the graph, and reads values of the same ops as there."""
    graph = network(8, gradient)
    whole = {node["uid"]: node for node in graph["nodes"]}
    small, _ = folded(graph)
    seen = {node["uid"]: node for node in small["nodes"]}
    for uid, node in seen.items():
        assert node["op"] == whole[uid]["op"]
        assert node["type"] == whole[uid]["type"]
        kinds = [whole[a["uid"]]["op"] for a in whole[uid]["args"] if "uid" in a]
        now = [seen[a["uid"]]["op"] for a in node["args"] if "uid" in a]
        assert len(now) <= len(kinds)
        assert {*now} <= {*(n["op"] for n in graph["nodes"])}
    assert all(node["primal"] in (None, *seen) for node in small["nodes"])


def test_too_few():
    graph = network(LEAST - 1, False)
    assert folded(graph) == (graph, {})


def test_different_blocks_stay():
    def f(x):
        for k in range(9):
            x = np.tanh(x) * float(k + 2)
        return x

    graph = tapec.inspect(f, np.ones(3)).graph("recorded")
    assert folded(graph)[1] == {}


def test_every_parameter_that_nothing_reads_stays():
    graph = tapec.inspect(lambda x, unused: x * 2.0, 1.0, 2.0).graph()
    assert folded(graph)[0] == graph


def test_results_of_all_blocks_are_one():
    small, _ = folded(network(12, True))
    names = small["result_names"]
    assert any("…" in name for name in names)
    assert len(names) == len(small["results"]) == len(set(small["results"]))


def test_picture():
    graph = network(30, True)
    text = render(graph)
    assert "×29" in text
    assert "as many equal blocks" in text
    assert len(text) < len(render(graph, fold=False)) / 3
    small = network(4, False)
    assert "×" not in render(small)
    assert "×4" in render(small, fold=True) or "×3" in render(small, fold=True)
