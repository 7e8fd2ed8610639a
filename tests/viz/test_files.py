"""A graph as PNG, PDF, Mermaid, GraphML and JSON."""

import builtins
import json
import re

import networkx as nx
import numpy as np
import pytest

import tapec
from tapec.viz import raster
from tapec.viz.graph import validate
from tapec.viz.mermaid import to_mermaid

HOSTILE = 'a"] --> b;\n<script>#quot;`x|y\\'


@pytest.fixture(scope="module")
def seen():
    def f(x, w):
        with tapec.scope("layer"):
            return np.sum(np.tanh(x @ w) * 2.0)

    return tapec.inspect(tapec.grad(f), np.ones((4, 3)), np.ones((3, 2)))


def test_png(seen, tmp_path):
    pytest.importorskip("resvg_py")
    data = seen.png(tmp_path / "f.png", scale=1.0)
    assert data.startswith(b"\x89PNG")
    assert (tmp_path / "f.png").read_bytes() == data
    width = float(re.search(r'width="([\d.]+)"', seen.svg())[1])
    assert abs(int.from_bytes(data[16:20], "big") - width) <= 1
    twice = int.from_bytes(seen.png(scale=2.0)[16:20], "big")
    assert abs(twice - 2 * width) <= 2


def test_pdf(seen, tmp_path):
    pytest.importorskip("typst")
    data = seen.pdf(tmp_path / "f.pdf")
    assert data.startswith(b"%PDF")
    assert data == (tmp_path / "f.pdf").read_bytes()


@pytest.mark.parametrize(("kind", "package"), [("png", "resvg_py"), ("pdf", "typst")])
def test_without_the_package(seen, kind, package, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kw):
        if name == package:
            raise ImportError(name)
        return real(name, *args, **kw)

    monkeypatch.setattr(builtins, "__import__", without)
    wanted = re.escape(f"pip install 'tapec[{kind}]'")
    with pytest.raises(ModuleNotFoundError, match=wanted):
        getattr(seen, kind)()


def test_png_without_fonts(monkeypatch):
    pytest.importorskip("resvg_py")
    monkeypatch.setattr(raster, "_has_font", lambda module: False)
    with pytest.raises(RuntimeError, match="has no font"):
        raster.png("<svg xmlns='http://www.w3.org/2000/svg'/>")


def test_mermaid(seen, tmp_path):
    text = seen.mermaid(tmp_path / "f.mmd")
    assert (tmp_path / "f.mmd").read_text(encoding="utf-8") == text
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == "flowchart TD"
    graph = seen.graph("dce")
    for node in graph["nodes"]:
        assert sum(bool(re.match(rf"n{node['uid']}[\[(]", s)) for s in lines) == 1
    reads = {
        (arg["uid"], node["uid"])
        for node in graph["nodes"]
        for arg in node["args"]
        if "uid" in arg
    }
    arrows = {tuple(map(int, re.findall(r"n(\d+)", s))) for s in lines if ">" in s}
    assert {pair for pair in arrows if len(pair) == 2} == reads
    assert any("-.->" in line for line in lines)  # tanh is saved
    assert 'subgraph s1["layer"]' in lines


def test_hostile_names_in_mermaid():
    def f(x):
        with tapec.scope(HOSTILE):
            return x * 2.0

    graph = tapec.inspect(f, 1.0).graph()
    graph["nodes"][0]["name"] = HOSTILE
    lines = to_mermaid(graph).splitlines()
    quoted = [line.split('"') for line in lines if '"' in line]
    assert len(quoted) == 3  # the scope, the parameter, the op
    assert all(len(parts) == 3 for parts in quoted)
    assert not any(
        set(parts[1]) & set("[]{}|;<>`\\") - set("<br/>;") for parts in quoted
    )


def test_graphml(seen, tmp_path):
    seen.graphml(tmp_path / "f.graphml")
    read = nx.read_graphml(tmp_path / "f.graphml", node_type=int)
    whole = seen.to_networkx("dce")
    assert set(read.edges) == set(whole.edges)
    for uid, facts in whole.nodes(data=True):
        assert read.nodes[uid]["op"] == facts["op"]
        assert json.loads(read.nodes[uid]["shape"]) == facts["shape"]


def test_graphml_of_hostile_names(tmp_path):
    inspected = tapec.inspect(lambda x: x * 2.0, 1.0)
    graph = inspected.graph()
    graph["nodes"][0]["name"] = "\x00\x1b<&\ud800"
    from tapec.viz.graphml import to_graphml

    path = tmp_path / "f.graphml"
    path.write_text(to_graphml(graph), encoding="utf-8")
    assert nx.read_graphml(path).number_of_nodes() == len(graph["nodes"])


def test_json(seen, tmp_path):
    text = seen.json(tmp_path / "f.json")
    assert validate(json.loads(text)) == seen.graph()
    assert (tmp_path / "f.json").read_text(encoding="utf-8") == text
