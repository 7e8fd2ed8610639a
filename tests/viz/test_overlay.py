"""Facts over pictures, and the questions to graphs behind some of them."""

import itertools
import xml.etree.ElementTree as ET

import networkx as nx
import numpy as np
import pytest
from samples import mlp, small_gradient

import tapec
from tapec.debugging.values import bars
from tapec.viz.analyses import critical_path, dominators, downstream, upstream
from tapec.viz.graph import from_function
from tapec.viz.networkx import to_networkx
from tapec.viz.overlay import AROUND, OVERLAYS, overlay_of
from tapec.viz.svg import render
from tapec.viz.theme import STEPS

SVG = "{http://www.w3.org/2000/svg}"


def shades(svg):
    """Per node of the picture its shade, if it has one."""
    found = {}
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        classes = group.get("class", "").split()
        if "node" in classes and group.get("id"):
            marks = [int(c.removeprefix("shade-")) for c in classes if "shade-" in c]
            found[int(group.get("id").rpartition("-n")[2])] = (
                marks[0] if marks else None
            )
    return found


def measured(**measures):
    graph = from_function(small_gradient())
    for uid, values in measures.items():
        (node,) = (n for n in graph["nodes"] if n["uid"] == int(uid.lstrip("v")))
        node["measures"] = values
    return graph


def test_bytes():
    graph = from_function(mlp())
    found = shades(render(graph, "mirror", overlay="bytes"))
    sizes = {n["uid"]: n["bytes"] for n in graph["nodes"]}
    assert found[max(sizes, key=sizes.get)] == STEPS - 1
    for a in found:
        for b in found:
            assert sizes[a] > sizes[b] or found[a] <= found[b]


def test_time():
    def f(x):
        return np.sum(np.exp(x @ x))

    seen = tapec.inspect(f, np.ones((20, 20)))
    svg = seen.svg(overlay="time")
    assert "time: 0 ns to" in svg
    graph = {n["uid"]: n for n in seen.graph("optimized")["nodes"]}
    shaded = [uid for uid, shade in shades(svg).items() if shade is not None]
    assert shaded
    assert not any(graph[u]["kind"] == "param" for u in shaded if u in graph)


def test_range_and_nan():
    graph = measured(
        v0={"min": 0.0, "max": 1.0, "nan": 0, "inf": 0},
        v1={"min": -1e6, "max": 1.0, "nan": 3, "inf": 0},
        v2={"min": 0.0, "max": 5.0, "nan": 1, "inf": 2},
    )
    overlay = overlay_of("range", graph)
    assert overlay.shade == {0: 0, 1: STEPS - 1, 2: STEPS - 1}
    assert overlay.text[1] == "-1e+06 … 1"
    reads = {n["uid"]: [a.get("uid") for a in n["args"]] for n in graph["nodes"]}
    nan = overlay_of("nan", graph)
    assert 0 not in nan.shade
    assert nan.text[2] == "1 nan, 2 inf"
    assert (nan.shade[2] == STEPS - 1) == (1 not in reads[2])
    assert nan.shade[1] == STEPS - 1


def test_of_numbers():
    def f(x):
        return np.sum(np.log(x) * 2.0)

    seen = tapec.inspect(f, np.array([1.0, 0.0, -1.0]))
    marks = {n["uid"]: n["op"] for n in seen.graph("dce")["nodes"]}
    nan = {marks[uid]: s for uid, s in shades(seen.svg(overlay="nan")).items()}
    assert nan == {
        "": None,
        "log": STEPS - 1,
        "multiply": STEPS // 2,
        "sum": STEPS // 2,
    }
    assert "1 nan, 1 inf" in seen.svg(overlay="nan")
    assert "-1 … 1" in seen.svg(overlay="range")


def test_path():
    graph = from_function(mlp())
    found = overlay_of("path", graph)
    assert list(found.shade) == critical_path(to_networkx(graph))


@pytest.mark.parametrize("name", ["time", "range", "nan"])
def test_without_measures(name):
    with pytest.raises(ValueError, match="nothing in this graph has the measure"):
        render(from_function(mlp()), overlay=name)


def test_unknown():
    with pytest.raises(
        ValueError, match=f"no overlay 'heat'; .* {', '.join(OVERLAYS)}"
    ):
        render(from_function(mlp()), overlay="heat")


@pytest.mark.parametrize("kind", AROUND)
def test_around_a_value(kind):
    graph = from_function(mlp())
    uid = graph["nodes"][len(graph["nodes"]) // 2]["uid"]
    found = overlay_of(f"{kind}:{uid}", graph).shade
    assert set(found) == set(AROUND[kind](to_networkx(graph), uid))
    assert found[uid] == STEPS - 1
    assert f"{kind} of %{uid}: {len(found)} values" in render(
        graph, "mirror", overlay=f"{kind}:{uid}"
    )


def test_around_no_value():
    with pytest.raises(ValueError, match="no value %9999"):
        overlay_of("upstream:9999", from_function(mlp()))


# --- analyses -----------------------------------------------------------------------


def test_critical_path():
    graph = to_networkx(from_function(mlp()))
    path = critical_path(graph)
    assert all(graph.has_edge(a, b) for a, b in itertools.pairwise(path))
    assert len(path) == 1 + nx.dag_longest_path_length(graph)
    heavy = next(uid for uid in graph if graph.nodes[uid]["kind"] == "op")
    weighed = critical_path(graph, lambda node: 1e6 * (node["uid"] == heavy) + 1.0)
    assert heavy in weighed
    assert critical_path(nx.DiGraph()) == []


def test_dominators():
    """Without a dominator there is no path to the value."""
    graph = to_networkx(from_function(mlp()))
    sources = [n for n in graph if graph.in_degree(n) == 0]
    uid = max(graph)
    chain = dominators(graph, uid)
    assert chain[-1] == uid
    for other in set(graph) - {uid}:
        rest = graph.subgraph(set(graph) - {other})
        cut = not any(s in rest and nx.has_path(rest, s, uid) for s in sources)
        assert cut == (other in chain)


def test_reachability():
    graph = to_networkx(from_function(mlp()))
    uid = sorted(graph)[len(graph) // 2]
    assert upstream(graph, uid) & downstream(graph, uid) == {uid}
    for other in graph:
        assert (other in upstream(graph, uid)) == nx.has_path(graph, other, uid)
        assert (other in downstream(graph, uid)) == nx.has_path(graph, uid, other)


@pytest.mark.parametrize(
    "x", [[1.0, 1.0 + 1e-16], [0.0, 5e-324], [-1e308, 1e308, 1.7e308], [1.0, 2.0]]
)
def test_spread_of_any_numbers(x):
    text = bars(np.array(x))
    assert text == "" or len(text) == 12
    assert bool(text) == (x == [1.0, 2.0])
