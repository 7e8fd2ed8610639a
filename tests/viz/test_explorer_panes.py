"""The explorer in a browser: all panes show the same; passes; finding; groups."""

from __future__ import annotations

import pytest
from looking import SELECTED, STAGE, lit, number_of, number_of_stage, point_of

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
