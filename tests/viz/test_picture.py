"""What every picture must satisfy, by each layouter."""

import itertools
import os
import subprocess
import sys
import time
import warnings
import xml.etree.ElementTree as ET

import pytest
import samples
from samples import Builder, chain, mlp, scattered, small, small_gradient

from tapec.ir import Function
from tapec.viz import engine as engines
from tapec.viz.dot import to_dot
from tapec.viz.dotlayout import graphviz_layout
from tapec.viz.engine import EngineError, graphviz
from tapec.viz.graph import from_function
from tapec.viz.mirror import mirror
from tapec.viz.scene import scene_of
from tapec.viz.svg import render
from tapec.viz.theme import DARK, LIGHT, STEPS

SVG = "{http://www.w3.org/2000/svg}"
FUNCTIONS = {
    "empty": lambda: Function("empty", (), (), ()),
    "identity": lambda: Function("identity", *identity()),
    "small": small,
    "gradient": small_gradient,
    "mlp": mlp,
    "deep": lambda: mlp(6),
    "chain": chain,
    "scattered": lambda: scattered(60),
    "far": lambda: scattered(60, seed=1, far=60),
    "update": lambda: update(),
    "second": lambda: second(),
}
LAYOUTS = {
    "mirror": mirror,
    "graphviz": lambda scene: graphviz_layout(scene, "graphviz", 30.0),
}


def identity():
    b = Builder()
    x = b.param("x", 2)
    return [x], [], [x]


def update():
    """A forward op after the gradient: a third phase."""
    fn = small_gradient()
    b = Builder("step")
    b.params, b.ops = list(fn.params), list(fn.ops)
    step = b.op("multiply", fn.results[1], 0.1)
    return b.function(b.op("subtract", fn.params[1], step))


def second():
    """A gradient of gradient ops."""
    fn = small_gradient()
    b = Builder("second")
    b.params, b.ops = list(fn.params), list(fn.ops)
    g = fn.results[1]
    for op in reversed(fn.ops[3:]):
        if op.prim.name != "const":
            b.of(op)
            g = b.op("multiply", g, op)
    for op in reversed(fn.ops[:3]):
        b.of(op)
        g = b.op("multiply", g, op)
    return b.function(fn.results[0], g)


@pytest.fixture(params=FUNCTIONS)
def scene(request):
    return scene_of(from_function(FUNCTIONS[request.param]()))


@pytest.fixture(params=LAYOUTS)
def layout(request, scene):
    if not scene.items and request.param == "graphviz":
        pytest.skip("nothing to lay out")
    return LAYOUTS[request.param](scene)


def test_no_boxes_overlap(scene, layout):
    for a, b in itertools.combinations(layout.boxes.values(), 2):
        assert not a.overlaps(b)


def test_all_is_inside(scene, layout):
    for box in layout.boxes.values():
        assert box.left >= 0 and box.right <= layout.width
        assert box.top >= 0 and box.bottom <= layout.height


def test_forward_goes_down_and_gradient_up(scene, layout):
    for edge in scene.edges:
        if edge.within:
            source, target = layout.boxes[edge.src], layout.boxes[edge.dst]
            if scene.items[edge.dst].down:
                assert source.bottom < target.top
            else:
                assert source.top > target.bottom


def test_halves_stand_on_their_sides(scene, layout):
    for uid, item in scene.items.items():
        box = layout.boxes[uid]
        for k, axis in enumerate(layout.axes):
            if item.phase <= k:
                assert box.right < axis
            else:
                assert box.left > axis


def test_edges_meet_their_boxes(scene, layout):
    for edge, route in zip(scene.edges, layout.routes, strict=True):
        for uid, end in ((edge.src, route.start), (edge.dst, route.end)):
            box = layout.boxes[uid]
            assert box.left - 2 <= end.x <= box.right + 2
            assert box.top - 2 <= end.y <= box.bottom + 2


@pytest.mark.parametrize("name", ["gradient", "mlp", "deep"])
@pytest.mark.parametrize("layout_of", LAYOUTS.values(), ids=LAYOUTS)
def test_the_last_op_of_a_vjp_stands_beside_its_primal(name, layout_of):
    scene = scene_of(from_function(FUNCTIONS[name]()))
    layout = layout_of(scene)
    last = {}
    for uid, item in scene.items.items():
        if item.node["primal"] is not None:
            last[item.node["primal"]] = uid
    assert last
    for primal, uid in last.items():
        assert layout.boxes[primal].y == layout.boxes[uid].y


def test_phases():
    assert scene_of(from_function(mlp())).phases == 2
    assert scene_of(from_function(update())).phases == 3
    assert scene_of(from_function(second())).phases == 4


# --- the document -----------------------------------------------------------


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("engine", ["graphviz", "mirror"])
def test_each_value_once_and_valid_xml(name, engine):
    graph = from_function(FUNCTIONS[name]())
    root = ET.fromstring(render(graph, engine, fold=False))
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == graph["name"]
    assert "Computation graph" in root.find(f"{SVG}desc").text
    prefix = root.get("id")
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids)) and all(i.startswith(prefix) for i in ids)
    nodes = {i.removeprefix(f"{prefix}-n") for i in ids if i.startswith(f"{prefix}-n")}
    assert nodes == {str(n["uid"]) for n in graph["nodes"]}
    for group in root.iter(f"{SVG}g"):
        if "node" in group.get("class", "").split() and group.get("id"):
            assert group.find(f"{SVG}title").text.startswith("%")


def test_ids_differ_between_pictures():
    one, two = (render(from_function(f), "mirror") for f in (small(), mlp()))
    assert ET.fromstring(one).get("id") != ET.fromstring(two).get("id")
    assert 'id="mine-n0"' in render(from_function(small()), "mirror", prefix="mine")


def test_nothing_is_fetched():
    text = render(from_function(mlp()), "mirror")
    assert text.count("http") == 1 and "http://www.w3.org/2000/svg" in text


HOSTILE = [
    "<script>alert(1)</script>", "a&b", '"quoted" \\N \\', "]]>", "--><!--", "{a|b}",
    "\x00\x07\x1b", "\ud800", "日本語のとても長い名前です", "a\nb\tc", "</svg>",
    "x" * 999,
    "\u202e\u2066", "ﬀ\u0301\u0301", "%s %d {} {0}", "'", "<B>", "&#0;", "",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_escaped(text):
    b = Builder(text)
    x = b.param(text, 3)
    b.meta = samples.Meta(scope=text)
    y = b.op(text, x, x, **{"axis": text, "more": (text,)})
    b.of(y)
    fn = b.function(y, b.op(text, y, 1.0))
    graph = from_function(fn, [text, text])
    for engine in ("graphviz", "mirror"):
        picture = render(graph, engine)
        picture.encode()
        ids = [e.get("id") for e in ET.fromstring(picture).iter()]
        assert len([i for i in ids if i and "-n" in i]) == 3
    ET.fromstring(graphviz(to_dot(graph), "svg", timeout=30))


@pytest.mark.parametrize("engine", ["graphviz", "mirror"])
def test_same_bytes_under_any_hash_seed(engine):
    code = (
        "import samples; from tapec.viz.graph import from_function;"
        "from tapec.viz.svg import render; from tapec.viz.dot import to_dot;"
        "import hashlib; g = from_function(samples.scattered(40));"
        f"text = render(g, {engine!r}) + to_dot(g);"
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    path = os.pathsep.join([str(p) for p in sys.path if p])
    seen = set()
    for seed in ("0", "1"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        seen.add(done.stdout)
    assert len(seen) == 1


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ("text", "ground"),
        ("quiet", "ground"),
        ("quiet", "scope-fill"),
        ("quiet", "forward-fill"),
        ("quiet", "gradient-fill"),
        ("quiet", "param-fill"),
        ("text", "param-fill"),
        ("forward-text", "forward-fill"),
        ("gradient-text", "gradient-fill"),
        ("result-text", "forward"),
        ("result-text", "gradient"),
        *((f"shade-text-{k}", f"shade-{k}") for k in range(STEPS)),
    ],
)
def test_contrast(theme, ink, paper):
    a, b = sorted([luminance(theme[ink]), luminance(theme[paper])])
    assert (b + 0.05) / (a + 0.05) >= 4.5


# --- engines ----------------------------------------------------------------


def test_a_timeout_falls_back_and_says_so():
    graph = from_function(scattered(150))
    with pytest.warns(RuntimeWarning, match="Graphviz took longer than 0.001 s"):
        text = render(graph, timeout=0.001)
    assert text.startswith("<!-- drawn by the built-in layouter")
    assert len(ET.fromstring(text).findall(f".//{SVG}g")) > 300
    with pytest.raises(EngineError, match="longer than"):
        render(graph, "graphviz", timeout=0.001)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        render(graph)  # the next render is not harmed


def test_a_timeout_really_interrupts():
    edges = ";".join(f"n{i}->n{j}" for i in range(60) for j in range(i))
    start = time.perf_counter()
    with pytest.raises(EngineError, match=r"longer than 0\.2 s"):
        graphviz(f"digraph {{{edges}}}", "svg", timeout=0.2)
    assert time.perf_counter() - start < 5


def test_a_syntax_error_is_reported():
    with pytest.raises(EngineError, match="Failed to parse"):
        graphviz("digraph {", "svg")


def test_without_wasmtime(monkeypatch):
    monkeypatch.setitem(sys.modules, "wasmtime", None)
    with pytest.warns(RuntimeWarning, match="Graphviz is not installed"):
        assert "built-in layouter" in render(from_function(small()))


def test_unknown_engine():
    with pytest.raises(ValueError, match="no layout engine is called 'neato'"):
        render(from_function(small()), "neato")


@pytest.fixture
def fresh_machine():
    engines.machine.cache_clear()
    yield
    engines.machine.cache_clear()


def test_the_compiled_code_is_kept(tmp_path, monkeypatch, fresh_machine):
    monkeypatch.setenv("TAPEC_CACHE_DIR", str(tmp_path / "cache"))
    source = "digraph { a -> b }"
    first = graphviz(source, "plain")
    (kept,) = (tmp_path / "cache").iterdir()
    engines.machine.cache_clear()
    assert graphviz(source, "plain") == first
    kept.write_bytes(kept.read_bytes()[:-1])
    engines.machine.cache_clear()
    assert graphviz(source, "plain") == first
    assert engines.load(engines.machine()[0], kept.name) is not None


def test_a_cache_that_cannot_be_written_is_harmless(
    tmp_path, monkeypatch, fresh_machine
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TAPEC_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert graphviz("digraph { a }", "plain").startswith("graph")


def test_dot_text():
    text = to_dot(from_function(mlp()))
    assert "newrank=true" in text and "record" not in text
    assert "dir=back" in text and "style=dashed" in text and "cluster_" in text
    svg = ET.fromstring(graphviz(text, "svg", timeout=30))
    titles = [t.text for t in svg.iter(f"{SVG}title")]
    assert sum(t.startswith("n") and "->" not in t for t in titles) == 41


def test_twenty_thousand_values():
    scene = scene_of(from_function(scattered(8000)))
    assert len(scene.items) > 19_000
    layout = mirror(scene)
    assert len(layout.boxes) == len(scene.items)


def test_a_large_graph_is_drawn_without_graphviz(monkeypatch):
    monkeypatch.setattr(engines, "graphviz", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = render(from_function(chain(1001)))
    assert text.startswith("<svg")


def test_a_value_that_all_others_read():
    """The drawing stays linear in the graph."""
    sizes = []
    for count in (500, 1000):
        b = Builder("star")
        x, r = b.param("x"), b.param("r")
        for _ in range(count):
            x = b.op("multiply", x, r)
        graph = from_function(b.function(x))
        sizes.append(len(render(graph, "mirror", fold=False)))
    assert sizes[1] < 2.5 * sizes[0]
