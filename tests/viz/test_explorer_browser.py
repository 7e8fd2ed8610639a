"""The explorer in a browser: what it asks for, addresses, themes, names, layout."""

from __future__ import annotations

import json

import numpy as np
import programs
import pytest
from looking import number_of
from samples import mlp, scattered

import tapec
from tapec.viz.graph import from_function
from tapec.viz.mirror import mirror
from tapec.viz.scene import scene_of

# --- the page as such -------------------------------------------------------


@pytest.mark.parametrize("name", programs.PAGES)
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
