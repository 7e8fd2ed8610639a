"""`inspect`: stages, reasons, native code and pictures of one function."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest

import tapec
from tapec.demo import network
from tapec.demo.data import load
from tapec.inspect import Inspection
from tapec.primitive import Scalar
from tapec.text import parse


def loss(x: Any, w: Any) -> Any:
    y = np.tanh(x * w)
    return np.sum(y * y) + np.sum(np.tanh(x * w))


@pytest.fixture(scope="module")
def seen() -> Inspection:
    return tapec.value_and_grad(loss).inspect(np.ones(3), np.arange(3.0))


def test_stages_are_functions_in_order(seen: Inspection) -> None:
    names = list(seen.stages)
    assert names[0] == "recorded"
    assert names[-1] == "optimized"
    assert names.index("simplify") < names.index("cse") < names.index("fuse")
    for fn in seen.stages.values():
        assert parse(repr(fn)) == fn


def test_stages_mean_the_same(seen: Inspection) -> None:
    from tapec.interpret import evaluate

    wanted = evaluate(seen.recorded, *seen.inputs)
    for fn in seen.stages.values():
        for a, b in zip(wanted, evaluate(fn, *seen.inputs), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-14)


def test_unknown_stages_are_named(seen: Inspection) -> None:
    with pytest.raises(KeyError, match="no stage 'csee'; there are recorded, "):
        seen.text("csee")
    with pytest.raises(KeyError, match="no pass 'recorded'"):
        seen.diff("recorded")


def test_text_diff_and_table(seen: Inspection) -> None:
    assert seen.text().startswith("func @loss(%x: f64[3], %w: f64[3]) {")
    assert "test_inspect.py:" in seen.text(source=True)
    removed = [line for line in seen.diff("cse").splitlines() if line[:2] == "- "]
    assert any("tanh" in line for line in removed)
    assert [row.split()[0] for row in seen.passes().splitlines()][:2] == [
        "stage",
        "recorded",
    ]


def test_why_a_value_is_gone(seen: Inspection) -> None:
    first, second = [
        op
        for op in seen.recorded.ops
        if op.prim.name == "tanh" and op.meta.primal is None
    ]
    text = seen.why(second.uid)
    assert "return np.sum(y * y) + np.sum(np.tanh(x * w))" in text
    assert f"cse: %{second.uid} became %{first.uid}" in text
    assert "is computed in kernel" in text
    gradient = next(op for op in seen.recorded.ops if op.meta.primal is not None)
    assert "belongs to the gradient of" in seen.why(gradient.uid)
    with pytest.raises(KeyError, match="no value %9999"):
        seen.why(9999)


def test_native_code(seen: Inspection) -> None:
    assert seen.kernels[0].name == "kernel"
    assert "define" in seen.llvm("kernel")
    assert seen.asm(0)
    with pytest.raises(KeyError, match="no kernel 'k9'; there are kernel"):
        seen.llvm("k9")


def test_pictures(seen: Inspection, tmp_path: Path) -> None:
    text = seen.svg(tmp_path / "f.svg")
    assert (tmp_path / "f.svg").read_text(encoding="utf-8") == text
    assert ET.fromstring(text).tag.endswith("svg")
    assert seen.dot().startswith(("digraph", "//"))
    graph = seen.to_networkx()
    assert isinstance(graph, nx.DiGraph)
    assert nx.is_directed_acyclic_graph(graph)


def test_jupyter_shows_the_picture(seen: Inspection) -> None:
    bundle = seen._repr_mimebundle_()
    assert bundle["text/plain"] == repr(seen)
    assert bundle["text/html"].lstrip().startswith("<")


def test_plain_functions_tapes_and_captures() -> None:
    scale = np.array([2.0])
    seen = tapec.inspect(lambda x: x * scale, np.ones(1))
    assert seen.captures == ["ndarray float64[1]: read again from scale"]
    x = tapec.constant(np.ones(3))
    with tapec.GradientTape() as tape:
        y = np.sum(np.sin(x))
    recorded = tape.inspect(y, x).stages["recorded"]
    assert [op.prim.name for op in recorded.ops][-1] == "multiply"


def test_on_the_demo_the_pipeline_halves_the_ops_and_fuses_all() -> None:
    images, labels = load()
    weights, targets = network.initial(), network.one_hot(labels[:64])
    seen = network.loss_and_gradient.inspect(weights, images[:64], targets)
    before, after = seen.recorded, seen.stages["optimized"]
    assert 2 * len(after.ops) <= len(before.ops)
    assert not any(isinstance(op.prim.lower, Scalar) for op in after.ops)


def test_the_log_knows_what_each_kernel_computes(seen: Inspection) -> None:
    before = {op.uid: op for op in seen.stages["dce"].ops}
    fuse = next(stage for stage in seen.log if stage.name == "fuse")
    kernels = [op for op in fuse.function.ops if op.prim.name == "fused"]
    bodies = {op.uid: op.attr("body") for op in kernels}
    assert {p.kernel for p in fuse.placed} == set(bodies)
    for old, kernel, line in fuse.placed:
        inner = bodies[kernel].ops[line - 1]
        assert (inner.prim, inner.type) == (before[old].prim, before[old].type)


def test_every_merge_and_fold_has_a_reason(seen: Inspection) -> None:
    lines = [line for stage in seen.log for line in stage.replaced]
    assert lines
    assert all(line.reason for line in lines)


def test_bodies_have_logs_of_their_own() -> None:
    def f(x: Any) -> Any:
        for _ in range(30):
            x = np.tanh(x) * 1.0
        return np.sum(x)

    made = tapec.grad(f).inspect(np.ones(4))
    for before, stage in zip(made.log, made.log[1:], strict=False):
        own = {v.uid for v in (*before.function.params, *before.function.ops)}
        new = {v.uid for v in stage.function.ops}
        assert {line.old for line in stage.replaced} <= own | new, stage.name


def test_the_function_of_any_length() -> None:
    def f(x: Any) -> Any:
        total = 0.0
        for t in range(len(x) - 1):
            total = np.tanh(total + x[t]) * x[t + 1]
        return total

    assert tapec.inspect(np.sin, 0.5).general == ""
    text = tapec.inspect(tapec.grad(f), np.ones(30)).general
    assert text.startswith("; T = 30\n")
    assert "func @f(%x: f64[T])" in text
    assert "length=T-1" in text
    shorter = tapec.inspect(tapec.grad(f), np.ones(20)).general
    assert shorter.count("length=T-1") == text.count("length=T-1")
