"""Functions that ops run are drawn beside the picture, each once."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tapec
from tapec.viz.bodies import MOST, bodies_of
from tapec.viz.graph import from_function
from tapec.viz.svg import render

SVG = "{http://www.w3.org/2000/svg}"


def recurrence(x, r):
    for _ in range(20):
        x = r * x * (1 - x) + 0.1 * np.sin(x)
    return x


def branches(x, k):
    x = tapec.switch(k, [np.sin, np.cos, np.sin], x)
    return tapec.while_loop(lambda c: c < 100.0, lambda c: 2.0 * c, x)


def nested(x):
    def outer(c, _):
        return tapec.scan(lambda d, _: (np.sin(d), None), c, None, 7)

    return tapec.scan(outer, x, None, 5)[0]


def seen(fun, *args, stage="dce"):
    return tapec.inspect(fun, *args).graph(stage)


def titles(graph):
    return [body.title for body in bodies_of(graph)[1]]


def test_loops():
    graph = seen(tapec.grad(recurrence), 0.3, 2.5)
    marks, bodies = bodies_of(graph)
    assert [body.letter for body in bodies] == ["A", "B"]
    assert titles(graph) == ["body of scan, 20 rounds"] * 2
    assert sorted(marks.values()) == ["A", "B"]
    names = [n["name"] for n in bodies[0].graph["nodes"] if n["kind"] == "param"]
    assert names == ["carry 0", "invariant 0"]
    assert bodies[0].graph["result_names"] == ["carry 0", "output 0"]


def test_branches_that_are_equal_are_one():
    graph = seen(branches, 1.0, 1)
    marks, _ = bodies_of(graph)
    assert titles(graph) == [
        "branch0 of switch",
        "branch1 of switch",
        "cond of while_loop",
        "body of while_loop",
    ]
    assert sorted(marks.values()) == ["A B", "C D"]


def test_nested():
    graph = seen(nested, 0.5)
    marks, bodies = bodies_of(graph)
    assert titles(graph) == ["body of scan, 5 rounds", "body of scan, 7 rounds"]
    assert list(marks.values()) == ["A"]
    assert list(bodies[0].marks.values()) == ["B"]
    assert not bodies[1].marks


@pytest.mark.parametrize("engine", ["mirror", "graphviz"])
def test_the_picture_has_all_of_them(engine):
    graph = seen(tapec.grad(recurrence), 0.3, 2.5)
    root = ET.fromstring(render(graph, engine, prefix="p"))
    ids = [g.get("id") for g in root.iter(f"{SVG}g") if g.get("id")]
    assert len(ids) == len(set(ids))
    for begin in ("p-n", "p-A-n", "p-B-n"):
        assert any(i.startswith(begin) for i in ids)
    texts = [t.text for t in root.iter(f"{SVG}text")]
    assert "A: body of scan, 20 rounds" in texts
    assert texts.count("A") == 2  # at the op, in the legend


def test_pictures_do_not_overlap():
    root = ET.fromstring(render(seen(nested, 0.5), "mirror", prefix="p"))
    lefts = [
        float(t.get("x")) for t in root.iter(f"{SVG}text") if t.get("class") == "name"
    ]
    assert lefts == sorted(lefts)
    assert len(set(lefts)) >= 2


def test_too_many():
    def f(x):
        for k in range(MOST + 3):
            x = tapec.while_loop(lambda c, k=k: c < k, lambda c: c * 2.0, x)
        return x

    _, bodies = bodies_of(from_function(tapec.inspect(f, 1.0).recorded))
    assert len(bodies) == MOST
