"""The versioned form: fields, literals, bodies, validation, networkx."""

import json

import numpy as np
import pytest
from samples import Builder, f64, here, mlp, prim, small

from tapec.ir import ArrayType, Constant, Dim, Function, Meta, TupleType, Value
from tapec.viz.graph import SCHEMA, from_function, validate
from tapec.viz.kernels import opened
from tapec.viz.networkx import from_networkx, to_networkx
from tapec.viz.nodes import attr_text


def by_uid(graph):
    return {node["uid"]: node for node in graph["nodes"]}


def test_fields():
    b = Builder("f")
    x = b.param("x", 3)
    b.meta = Meta(scope="inner", loc=here())
    y = b.op("sum", x, type=f64(), axis=(0,))
    b.of(y)
    g = b.op("broadcast_to", 1.0, type=f64(3), shape=(3,))
    graph = from_function(b.function(y, g), ["loss", "dx"])
    assert graph["schema"] == SCHEMA
    assert graph["results"] == [y.uid, g.uid]
    assert graph["result_names"] == ["loss", "dx"]
    nodes = by_uid(graph)
    assert nodes[x.uid]["kind"] == "param" and nodes[x.uid]["name"] == "x"
    node = nodes[y.uid]
    assert (node["dtype"], node["shape"], node["bytes"]) == ("f64", [], 8)
    assert node["attrs"] == {"axis": "(0,)"}
    assert node["half"] == "forward" and node["scope"] == "inner"
    assert node["loc"]["text"].strip() == 'b.meta = Meta(scope="inner", loc=here())'
    assert node["loc"]["function"] == "test_fields"
    gradient = nodes[g.uid]
    assert gradient["half"] == "gradient" and gradient["primal"] == y.uid
    assert gradient["args"] == [{"literal": "1.0"}]
    assert len(nodes) == 3


def test_json_keeps_it():
    graph = from_function(mlp())
    assert json.loads(json.dumps(graph)) == graph


def test_a_constant_that_is_a_result_or_an_array_is_a_node():
    b = Builder()
    two = b.const(2.0)
    table = b.op("const", type=f64(40), value=Constant(np.arange(40.0)))
    graph = from_function(b.function(two, table))
    assert [n["kind"] for n in graph["nodes"]] == ["const", "const"]
    assert "..." in graph["nodes"][1]["attrs"]["value"]


def test_symbolic_shapes_and_tuples():
    n = ArrayType("f8", (Dim("n"), 2))
    x = Value(None, (), (), n, 0, "x")
    pair = Value(prim("eigh"), (x,), (), TupleType((f64(2), f64(2, 2))), 1)
    nodes = from_function(Function("f", [x], [pair], [pair]))["nodes"]
    assert nodes[0]["shape"] == ["n", 2] and nodes[0]["bytes"] is None
    assert nodes[1]["dtype"] == "tuple" and nodes[1]["bytes"] == 48


@pytest.mark.parametrize(
    ("attr", "text"),
    [
        ((0,), "(0,)"),
        ((1, 2), "(1, 2)"),
        (slice(None, 3), ":3"),
        (slice(1, None, 2), "1::2"),
        (None, "None"),
        (np.dtype("f4"), "f32"),
        (float("nan"), "nan"),
        ("abc", "abc"),
        (Constant(np.arange(3)), "[0, 1, 2]"),
    ],
)
def test_attribute_texts(attr, text):
    assert attr_text(attr) == text


def test_validation():
    graph = from_function(small())
    assert validate(graph) is graph
    with pytest.raises(
        ValueError, match="not a tapec-graph/1 graph: its schema is 'x'"
    ):
        validate({"schema": "x"})
    with pytest.raises(ValueError, match="schema is None"):
        validate([])
    broken = json.loads(json.dumps(graph))
    broken["nodes"].reverse()
    with pytest.raises(ValueError, match="which does not precede it"):
        validate(broken)


def fused(shared):
    """A kernel with two results; `shared`: its uids are those of outer values too."""
    start = 0 if shared else 50
    p = [Value(None, (), (), f64(3), start + i, n) for i, n in enumerate("ab")]
    m = Value(prim("multiply"), tuple(p), (), f64(3), start + 2)
    t = Value(prim("tanh"), (m,), (), f64(3), start + 3, meta=Meta(primal=m.uid))
    body = Function("k", p, [m, t], [m, t])
    b = Builder("f")
    x, y = b.param("x", 3), b.param("y", 3)
    pair = b.op("fused", x, y, type=TupleType((f64(3), f64(3))), body=body)
    first = b.op("item", pair, type=f64(3), index=0)
    second = b.op("item", pair, type=f64(3), index=1)
    last = b.op("add", first, second)
    return b.function(last, second)


@pytest.mark.parametrize("shared", [True, False])
def test_kernels_open(shared):
    graph = from_function(fused(shared))
    node = graph["nodes"][2]
    assert node["kernel"] == "k0" and node["bodies"]["body"]["name"] == "k"
    flat = validate(opened(graph))
    ops = {n["op"]: n for n in flat["nodes"]}
    assert list(ops) == ["", "multiply", "tanh", "add"]
    assert ops["multiply"]["kernel"] == ops["tanh"]["kernel"] == "k0"
    assert ops["multiply"]["args"] == [{"uid": 0}, {"uid": 1}]
    assert (ops["tanh"]["primal"] == ops["multiply"]["uid"]) is not shared
    assert flat["results"] == [ops["add"]["uid"], ops["tanh"]["uid"]]
    assert (ops["multiply"]["uid"] == 52) is not shared


def test_kernels_that_share_a_body():
    x = Value(None, (), (), f64(3), 0)
    body = Function("k", [x], [op := Value(prim("exp"), (x,), (), f64(3), 1)], [op])
    b = Builder("f")
    y = b.op("fused", b.param("x", 3), body=body)
    b.of(y)
    flat = opened(from_function(b.function(b.op("fused", y, body=body))))
    assert [n["half"] for n in flat["nodes"][1:]] == ["forward", "gradient"]
    assert [n["kernel"] for n in flat["nodes"][1:]] == ["k0", "k1"]
    assert len({n["uid"] for n in flat["nodes"]}) == 3


def test_networkx_round_trip():
    graph = from_function(mlp(), ["loss", "w0", "b0", "w1", "b1"])
    made = to_networkx(graph)
    assert from_networkx(made) == graph
    assert made.number_of_nodes() == len(graph["nodes"])
    nodes = by_uid(graph)
    for src, dst, facts in made.edges(data=True):
        places = [i for i, a in enumerate(nodes[dst]["args"]) if a.get("uid") == src]
        assert facts["operands"] == places
        assert facts["shape"] == nodes[src]["shape"]
    assert any(facts["saved"] for *_, facts in made.edges(data=True))
