"""The explorer in a browser: clicks, keys, panes, pictures."""

from __future__ import annotations

import json

import numpy as np
import programs
import pytest
from chromium import browser, executable
from samples import mlp, scattered

import tapec
from tapec.viz.graph import from_function
from tapec.viz.mirror import mirror
from tapec.viz.scene import scene_of

pytestmark = pytest.mark.skipif(executable() is None, reason="no Chromium here")

SELECTED = "tapec.state.sel.map((v) => tapec.program.text('op', v))"
STAGE = "tapec.program.stages[tapec.state.stage].name"


@pytest.fixture(scope="module")
def chromium():
    with browser() as page:
        yield page


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    made = {}
    for name in (
        "softmax",
        "rolled",
        "tiled",
        "branched",
        "with_nan",
        "layers",
        "looping",
    ):
        made[name] = folder / f"{name}.html"
        getattr(programs, name)().html(made[name], values=name == "with_nan")
    return made


@pytest.fixture
def opened(chromium, files):
    def go(name, address="", **options):
        chromium.open(f"{files[name].as_uri()}#{address}", **options)
        return chromium

    yield go
    assert not chromium.complaints, chromium.complaints


def number_of(page, op, stage=None):
    """The first value with this op, that of a stage if one is named."""
    alive = "true"
    if stage is not None:
        index = f"tapec.program.stages.findIndex((s) => s.name === '{stage}')"
        alive = f"tapec.program.isAlive(v, {index})"
    return page.run(
        "tapec.program.functions[0].order.find((v) => "
        f"tapec.program.text('op', v) === '{op}' && {alive})"
    )


def number_of_stage(name):
    """Of the softmax program."""
    return [stage.name for stage in programs.softmax().log].index(name)


def lit(page, pane):
    """The lines that are lit in a pane, of those in sight."""
    return page.run(
        f"[...document.querySelectorAll('#{pane} .row.lit')].map((r) => r.textContent)"
    )


def point_of(page, value):
    """Where a value is drawn in the window."""
    return page.run(
        "(() => { const v = tapec.view, c = v.camera;"
        f"const b = v.layout.boxes[v.itemOf.get({value})];"
        "const r = v.canvas.getBoundingClientRect();"
        "return [r.x + b.x * c.k + c.x, r.y + b.y * c.k + c.y]; })()"
    )


# --- the page as such -------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["softmax", "rolled", "tiled", "branched", "with_nan", "layers"]
)
def test_it_opens_without_a_complaint_and_asks_for_nothing(opened, files, name):
    page = opened(name)
    page.settled()
    assert [r for r in page.requests if not r.startswith("file:")] == []
    assert len(page.requests) == 1
    assert page.run("document.querySelectorAll('.step').length") > 5


def test_what_the_policy_forbids_does_not_happen(chromium, files):
    chromium.open(files["softmax"].as_uri())
    chromium.run(
        "document.body.insertAdjacentHTML('beforeend',"
        '\'<img src="https://example.invalid/x.png" onerror="window.hit=1">\')'
    )
    chromium.settled()
    assert chromium.run("window.hit") is None
    assert any("Content Security Policy" in c for c in chromium.complaints)
    chromium.complaints.clear()


def test_hostile_names_are_shown_as_they_are(chromium, tmp_path):
    names = [
        "</script><script>window.hit=1</script>",
        "<img src=x onerror=window.hit=1>",
        "\u202eevil",
        "😀'\"`${1}",
    ]

    def f(x):
        total = 0.0
        for name in names:
            with tapec.scope(name.replace("/", "-")):
                total = total + np.sum(np.sin(x[name]))
        return total

    f.__name__ = names[0]
    path = tmp_path / "hostile.html"
    tapec.grad(f).inspect({name: np.ones(2) for name in names}).html(path)
    chromium.open(f"{path.as_uri()}#stage=0&sel=1&q=%3Cimg%20src%3Dx")
    chromium.press("j", "j", "C", "ArrowDown", "c", "g", "f")
    chromium.settled()
    assert not chromium.complaints
    assert chromium.run("window.hit") is None
    assert names[0][:9] in chromium.run("document.querySelector('h1').textContent")
    assert chromium.run("document.images.length") == 0


# --- all panes show the same ------------------------------------------------


def test_a_click_in_the_graph_lights_every_pane(opened):
    page = opened("softmax", f"stage={number_of_stage('fuse')}")
    exp = number_of(page, "exp")
    page.run(f"tapec.view.reveal([{exp}])")
    page.settled()
    page.click(*point_of(page, exp))
    page.settled()
    assert page.run(SELECTED) == ["exp"]
    assert any("e = np.exp(z" in line for line in lit(page, "source"))
    assert page.run("document.querySelector('#source mark').textContent").startswith(
        "np.exp("
    )
    assert any("fused" in line or "exp" in line for line in lit(page, "ir"))
    assert any("exp" in line for line in lit(page, "assembly"))
    assert any("kernel" in line for line in lit(page, "changes"))
    assert page.run("document.querySelector('#details h3').textContent").startswith("%")
    for tab, pane in (("2", "llvm"), ("3", "steps-pane")):
        page.press(tab)
        page.settled()
        assert lit(page, pane), tab


def test_an_instruction_leads_to_the_expression(opened):
    page = opened("softmax", f"stage={number_of_stage('fuse')}")
    labelled = (
        "[...document.querySelectorAll('#assembly .row .gutter')]"
        ".filter((g) => g.textContent)"
    )
    page.run(f"{labelled}[0].scrollIntoView({{block: 'start'}})")
    page.settled()
    row = page.run(
        "(() => { const pane = document.getElementById('assembly')"
        f".getBoundingClientRect(); const own = {labelled}.find("
        "(g) => g.getBoundingClientRect().y > pane.y);"
        "own.id = 'own'; return own.textContent; })()"
    )
    page.click(*page.centre("#own"))
    page.settled()
    op = row.split()[-1]
    assert op in page.run(SELECTED)
    assert lit(page, "source")
    assert page.run("document.querySelector('#source mark') !== null")


def test_an_expression_leads_to_its_ops(opened):
    page = opened("softmax", "stage=0")
    place = page.run(
        "(() => { const row = [...document.querySelectorAll('#source .row')].find("
        "(r) => r.textContent.includes('e = np.exp(z'));"
        "const walk = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);"
        "let node; while ((node = walk.nextNode())) {"
        "const at = node.data.indexOf('np.max'); if (at < 0) continue;"
        "const range = document.createRange(); range.setStart(node, at + 3);"
        "range.setEnd(node, at + 4); const b = range.getBoundingClientRect();"
        "return [b.x + 2, b.y + b.height / 2]; } })()"
    )
    page.click(*place)
    page.settled()
    ops = page.run(SELECTED)
    assert "max" in ops
    assert "exp" not in ops
    marked = page.run("document.querySelector('#source mark').textContent")
    assert marked == "np.max(z, axis=1, keepdims=True)"


def test_lines_of_ir_passes_steps_and_memory_can_be_chosen(opened):
    page = opened("softmax", f"stage={number_of_stage('fuse')}&tab=steps")
    page.run("document.querySelector('#ir .row:nth-child(2)').click()")
    assert page.run(SELECTED) == ["matmul"]
    page.run("document.querySelectorAll('#changes .row')[0].click()")
    kernel = page.run(SELECTED)
    assert len(kernel) > 1
    page.run("document.querySelectorAll('#steps-pane .row')[0].click()")
    assert page.run(SELECTED) == ["matmul"]
    page.press("4")
    page.run("document.querySelector('#memory canvas').focus()")
    page.press("ArrowRight")
    first = page.run("tapec.state.sel")
    page.press("ArrowRight")
    assert page.run("tapec.state.sel") != first
    assert page.run("tapec.state.sel.length") == 1


# --- passes -----------------------------------------------------------------


def test_j_and_k_step_through_the_passes_that_did_something(opened):
    page = opened("softmax", "stage=0")
    seen = [page.run(STAGE)]
    for _ in range(20):
        page.press("j")
        seen.append(page.run(STAGE))
    names = page.run("tapec.program.stages.map((s) => s.name)")
    assert seen[-1] == names[-1]
    assert "simplify" in seen
    assert "expand" not in seen
    page.press("K")
    assert page.run(STAGE) == names[-2]
    page.press("k")
    assert page.run(STAGE) in seen


def test_the_selection_stays_and_nothing_jumps(opened):
    page = opened("softmax", "stage=0")
    value = number_of(page, "exp", "fuse")
    page.run(f"tapec.state.select([{value}])")
    places = set()
    for _ in range(12):
        assert page.run("tapec.state.sel") == [value]
        box = page.run(
            "(() => { const { layout, itemOf } = tapec.view;"
            f"const b = layout.boxes[itemOf.get({value})];"
            "return [b.x, b.y]; })()"
        )
        places.add(tuple(box))
        page.press("J")
    assert len(places) == 1


def test_changes_are_marked_and_explained(opened):
    page = opened("softmax")
    page.run(
        "tapec.state.set({stage: tapec.program.stages.findIndex("
        "(s) => s.name === 'simplify')})"
    )
    marks = page.run("[...tapec.view.looking.marks().values()]")
    assert {"merged", "rewritten", "added"} <= set(marks)
    lines = page.run(
        "[...document.querySelectorAll('#changes .row')].map((r) => r.textContent)"
    )
    assert any("copy(x) = x" in line for line in lines)
    before = page.screenshot()
    page.press("d")
    assert page.run("tapec.state.diff") == 0
    assert page.screenshot() != before


# --- finding ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "ops"),
    [
        ("op:exp", {"exp"}),
        ("op:log -grad", {"log"}),
        ("scope:softmax op:divide forward", {"divide"}),
        ("type:f64[128,10] op:matmul", {"matmul"}),
    ],
)
def test_search(opened, query, ops):
    page = opened("softmax")
    page.press("/")
    page.call("Input.insertText", text=query)
    page.press("Enter")
    page.settled()
    assert set(page.run(SELECTED)) == ops
    found = page.run("[...tapec.view.found].map((v) => tapec.program.text('op', v))")
    assert set(found) == ops
    assert page.run("document.querySelector('#hits').textContent").endswith("found")


def test_n_goes_from_nan_to_nan(opened):
    page = opened("with_nan", "stage=0")
    page.press("n")
    first = page.run("tapec.state.sel")
    assert page.run(SELECTED) == ["log"]
    page.press("n")
    assert page.run("tapec.state.sel") != first
    assert "nan" in page.run("document.querySelector('#details').textContent")


def test_focus_shows_the_neighbours_only(opened):
    page = opened("softmax", "stage=0")
    everything = page.run("tapec.view.items.length")
    value = number_of(page, "log")
    page.run(f"tapec.state.select([{value}])")
    page.press("f", "<")
    near = page.run("tapec.view.values")
    wanted = page.run(
        f"[{value}, ...tapec.program.operands({value}, 0),"
        f"...tapec.program.readers({value}, 0)].filter((v) => typeof v === 'number')"
    )
    assert sorted(near) == sorted(set(wanted))
    page.press(">")
    assert page.run("tapec.view.items.length") > len(near)
    page.press("f")
    assert page.run("tapec.view.items.length") == everything


def test_arrows_walk_along_the_edges(opened):
    page = opened("softmax", "stage=0")
    value = number_of(page, "exp")
    page.run(f"tapec.state.select([{value}])")
    page.run("document.getElementById('graph').focus()")
    page.press("ArrowUp")
    assert page.run(SELECTED) == ["subtract"]
    page.press("ArrowDown")
    assert page.run("tapec.state.sel") == [value]
    page.press("p")
    assert page.run("tapec.program.v.gradient[tapec.state.sel[0]]") == 1
    page.press("p")
    assert page.run("tapec.state.sel") == [value]
    page.press("[")
    assert page.run("tapec.program.v.gradient[tapec.state.sel[0]]") == 1


# --- groups, bodies ---------------------------------------------------------


def test_groups_fold_and_unfold(opened):
    page = opened("layers", "stage=0")
    everything = page.run("tapec.view.items.length")
    page.press("C")
    assert page.run("tapec.state.fold") == [f"layer{i}" for i in range(4)]
    folded = page.run("tapec.view.items.filter((i) => i.folded).length")
    assert folded == 8  # forward and gradient
    assert page.run("tapec.view.items.length") < everything
    item = page.run("tapec.view.items.findIndex((i) => i.folded === 'layer1')")
    title = page.run(f"tapec.view.foldedTitle(tapec.view.items[{item}])")
    assert title == "layer1  (×4 alike)"
    value = page.run(f"tapec.view.items[{item}].values[0]")
    page.run(f"tapec.state.select([{value}])")
    page.press("e")
    assert page.run("tapec.state.fold") == ["layer0", "layer2", "layer3"]
    page.press("c")
    assert len(page.run("tapec.state.fold")) == 4
    page.press("E")
    assert page.run("tapec.view.items.length") == everything


def test_no_boxes_overlap(opened):
    overlapping = (
        "(() => { const b = tapec.view.layout.boxes; let n = 0;"
        "for (let i = 0; i < b.length; i++) for (let j = 0; j < i; j++)"
        "n += Math.abs(b[i].x - b[j].x) < (b[i].w + b[j].w) / 2 &&"
        "Math.abs(b[i].y - b[j].y) < (b[i].h + b[j].h) / 2; return n; })()"
    )
    for name in ("softmax", "layers", "rolled"):
        page = opened(name, "stage=0")
        assert page.run(overlapping) == 0
        page.press("C")
        assert page.run(overlapping) == 0


def test_bodies_of_loops_are_entered_and_left(opened):
    page = opened("rolled")
    scan = number_of(page, "scan", "dce")
    page.run(f"tapec.state.select([{scan}])")
    page.press("Enter")
    inside = page.run("tapec.view.values.map((v) => tapec.program.text('op', v))")
    assert "tanh" in inside
    assert page.run("document.getElementById('crumbs').hidden") is False
    page.press("Backspace")
    assert page.run("tapec.state.fn") == 0
    assert page.run("tapec.state.sel") == [scan]


def test_what_is_in_a_body_lights_its_op(opened):
    page = opened("looping")
    sine = page.run(
        "tapec.program.v.op.findIndex((op, v) => tapec.program.strings[op] === 'sin'"
        "&& tapec.program.v.function[v] > 0"
        "&& tapec.program.v.died[v] > tapec.program.last)"
    )
    page.run(f"tapec.state.set({{stage: tapec.program.last, sel: [{sine}]}})")
    page.settled()
    item = page.run(f"tapec.view.items[tapec.view.itemFor({sine})].values[0]")
    assert page.run(f"tapec.program.text('op', {item})") == "scan"
    assert any("sin" in line for line in lit(page, "assembly"))
    assert any("sin" in line for line in lit(page, "ir"))


# --- address, themes, help --------------------------------------------------


def test_the_address_leads_to_the_same_picture(opened, files):
    page = opened("softmax", "stage=0")
    page.press("j", "j", "o", "3")
    value = number_of(page, "log")
    page.run(f"tapec.state.select([{value}])")
    page.run("tapec.view.camera.move(7, -9)")
    page.settled()
    address = page.run("location.hash")
    assert f"sel={value}" in address
    assert "over=bytes" in address
    shown = (
        "(document.getElementById('toast').textContent = '',"
        "document.getElementById('page').innerText)"
    )
    first = page.run(shown)
    again = opened("softmax", address[1:])
    again.settled()
    assert again.run("location.hash") == address
    assert again.run(shown) == first


def test_an_address_that_makes_no_sense_is_plain(opened):
    page = opened(
        "softmax", "stage=999&sel=-1.x.99999&fn=77&tab=&over=no&fold=%ZZ&q=%E0"
    )
    assert page.run("tapec.state.sel") == []
    assert page.run("tapec.state.fn") == 0
    page.press("j", "C", "o")


def test_the_same_picture_twice_and_another_in_the_dark(opened):
    light = opened("softmax", "stage=5&sel=14").screenshot()
    assert opened("softmax", "stage=5&sel=14").screenshot() == light
    page = opened("softmax", "stage=5&sel=14", dark=True)
    dark = page.screenshot()
    assert dark != light
    assert page.run("getComputedStyle(document.body).backgroundColor") == (
        "rgb(16, 21, 28)"
    )
    page.press("t")
    assert page.run("document.documentElement.dataset.theme") == "light"
    assert page.run("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )


def test_help_lists_every_key(opened):
    page = opened("softmax")
    page.press("?")
    assert page.run("document.getElementById('help').open")
    listed = page.run("document.querySelectorAll('#help kbd').length")
    assert listed > 30
    page.press("Escape")
    assert not page.run("document.getElementById('help').open")


def test_all_that_can_be_used_has_a_name(opened):
    page = opened("softmax", "stage=3&sel=14")
    unnamed = page.run(
        "[...document.querySelectorAll('button, select, input, canvas, [tabindex]')]"
        ".filter((e) => !e.closest('[hidden], dialog') && !e.ariaHidden &&"
        "!(e.ariaLabel || e.textContent.trim() || e.title || e.labels?.length))"
        ".map((e) => e.outerHTML)"
    )
    assert unnamed == []
    page.run("document.getElementById('graph').focus()")
    page.press("ArrowDown")
    assert page.run("document.getElementById('said').textContent").startswith("%")
    reached = set()
    for _ in range(12):
        page.press("w")
        reached.add(page.run("document.activeElement.id"))
    assert {"graph", "source", "ir", "changes", "assembly"} <= reached


CONTRAST = """
(() => {
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement("canvas").getContext("2d");
  const light = (name) => {
    probe.fillStyle = style.getPropertyValue("--" + name).trim();
    const n = parseInt(probe.fillStyle.slice(1), 16);
    const [r, g, b] = [n >> 16, (n >> 8) & 255, n & 255].map((c) =>
      (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return %s.map(([a, b]) => {
    const [x, y] = [light(a), light(b)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
  });
})()
"""
PAIRS = [
    ["text", "ground"],
    ["quiet", "ground"],
    ["quiet", "scope-fill"],
    ["text", "lit"],
    ["quiet", "lit"],
    ["forward", "ground"],
    ["forward", "lit"],
    ["typed", "ground"],
    ["typed", "lit"],
    ["gradient", "ground"],
    ["forward-text", "forward-fill"],
    ["gradient-text", "gradient-fill"],
    ["result-text", "forward"],
    ["removed", "ground"],
    ["added", "ground"],
    ["merged", "ground"],
    ["rewritten", "ground"],
]


@pytest.mark.parametrize("dark", [False, True])
def test_contrast(opened, dark):
    page = opened("branched", dark=dark)
    found = page.run(CONTRAST % json.dumps(PAIRS))
    for pair, ratio in zip(PAIRS, found, strict=True):
        assert ratio >= 4.5, (pair, ratio)


@pytest.mark.parametrize("size", [(1920, 1080), (1100, 700), (700, 900)])
def test_nothing_leaves_the_window(opened, size):
    page = opened("softmax", "stage=3&sel=14", width=size[0], height=size[1])
    page.settled()
    assert page.run("document.documentElement.scrollWidth") <= size[0]
    assert page.run("document.getElementById('graph').clientHeight") > 200


# --- the layout is that of the pictures ------------------------------------


@pytest.mark.parametrize("fn", [mlp(), mlp(layers=4), scattered(60), scattered(150, 3)])
def test_the_layout_is_that_of_the_pictures(chromium, files, fn):
    scene = scene_of(from_function(fn))
    wanted = mirror(scene)
    index = {uid: i for i, uid in enumerate(scene.items)}
    items = [
        {
            "phase": item.phase,
            "level": item.level,
            "width": item.label.width,
            "height": item.label.height,
            "weak": item.node["kind"] in ("param", "const"),
        }
        for item in scene.items.values()
    ]
    edges = [{"src": index[e.src], "dst": index[e.dst]} for e in scene.edges]
    chromium.open(files["branched"].as_uri())
    found = chromium.run(
        "(() => { const layout = new tapec.view.layout.constructor("
        f"{json.dumps(items)}, {json.dumps(edges)});"
        "const places = layout.boxes.map((b) => [b.x, b.y]);"
        "return [layout.width, layout.height, places]; })()"
    )
    assert found[0] == pytest.approx(wanted.width)
    assert found[1] == pytest.approx(wanted.height)
    for (x, y), box in zip(found[2], wanted.boxes.values(), strict=True):
        assert (x, y) == pytest.approx((box.x, box.y), abs=1e-6)
