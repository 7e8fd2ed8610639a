"""The explorer's page: what is in it, and that nothing else is."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import programs
import pytest

import tapec
from tapec.documents import document
from tapec.viz.explorer import SCRIPTS, asset, page, script_text
from tapec.viz.graph import Memo, from_function

ROOT = Path(__file__).parents[2]


def data_of(text):
    found = re.search(r'<script type="text/plain" id="data">([^<]*)</script>', text)
    return json.loads(zlib.decompress(base64.b64decode(found[1])))


@pytest.fixture(scope="module", params=programs.PAGES)
def seen(request):
    return getattr(programs, request.param)()


# --- the page ---------------------------------------------------------------


def test_nothing_is_loaded(seen):
    text = seen.html(native=False)
    assert "http:" not in text
    assert "https:" not in text
    markup = re.sub(r"<script.*?</script>|<style.*?</style>", "", text, flags=re.S)
    assert not re.search(r"\b(src|href|action|srcset|on\w+|style)=", markup)
    script, style = script_text(), re.search(r"<style>(.*?)</style>", text, re.S)[1]
    assert not re.search(
        r"\bimport\(|^import|\bfetch\(|XMLHttp|\beval\(|innerHTML", script
    )
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_allows_these_texts_only():
    text = programs.softmax().html(native=False)
    policy = html.unescape(re.search(r'Security-Policy" content="([^"]*)"', text)[1])
    assert policy.startswith("default-src 'none'; ")
    for kind, tag in (("script", r"<script>"), ("style", r"<style>")):
        inside = re.search(rf"{tag}(.*?)</{kind}>", text, re.S)[1]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert re.search(rf"{kind}-src '([^']*)'", policy)[1] == f"sha256-{digest}"
    assert "unsafe" not in policy


def test_the_same_bytes_for_the_same_program():
    program = (
        "import sys; sys.path.insert(0, 'tests/viz'); import programs, hashlib\n"
        "text = programs.softmax().html(native=False)\n"
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"'`{title}{data}\\",
    "\u202eevil\u2066",
    "😀👩‍👩‍👧 ﷽",
    "]]>--><!--",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name):
    def f(x):
        with tapec.scope(name.replace("/", "-")):
            return np.sum(np.sin(x["a"])) + np.sum(x[name])

    f.__name__ = name
    seen = tapec.grad(f).inspect({"a": np.ones(2), name: np.ones(2)})
    text = seen.html(native=False)
    assert text.count("<script") == 2
    assert text.count("</script>") == 2
    assert "<img" not in text
    found = data_of(text)
    assert found["name"] == seen.recorded.name
    assert any(name.replace("/", "-") in each for each in found["strings"])


def test_scripts_are_all_there_once_and_share_a_scope():
    listed = sorted(f"{name}.js" for name in SCRIPTS)
    folder = ROOT / "viz" / "explorer"
    assert listed == sorted(path.name for path in folder.glob("*.js"))
    names = []
    for place, name in enumerate(SCRIPTS):
        text = asset(f"{name}.js")
        pattern = r"^(?:export )?(?:async )?(?:function|class|const|let) (\w+)"
        names += re.findall(pattern, text, re.MULTILINE)
        for needed in re.findall(
            r'^import .*? from "\./(\w+)\.js";', text, re.M | re.S
        ):
            assert needed in SCRIPTS[:place], f"{name} imports {needed}"
        assert len(text.splitlines()) <= 300, name
    assert len(names) == len(set(names))


def test_the_file_is_what_is_returned(tmp_path):
    path = tmp_path / "page.html"
    text = programs.branched().html(path)
    assert path.read_text(encoding="utf-8") == text


# --- columns ----------------------------------------------------------------


def test_ranges_and_nan_of_the_values():
    data = data_of(programs.with_nan().html(native=False, values=True))
    columns = {c["name"]: c for c in data["columns"]}
    names = [data["strings"][op] for op in data["values"]["op"]]
    log = names.index("log")
    nan = dict(zip(columns["nan"]["values"], columns["nan"]["numbers"], strict=True))
    inf = dict(zip(columns["inf"]["values"], columns["inf"]["numbers"], strict=True))
    assert (nan[log], inf[log]) == (1, 1)
    least = dict(zip(columns["min"]["values"], columns["min"]["numbers"], strict=True))
    assert least[0] == -1.0


@pytest.mark.parametrize("maker", [programs.softmax, programs.tiled])
def test_times_are_those_of_the_steps(maker):
    seen = maker()
    data = data_of(seen.html(time=True))
    (seconds,) = data["columns"]
    assert seconds["name"] == "seconds"
    assert all(x > 0.0 for x in seconds["numbers"])
    computed = {v for step in data["machine"]["steps"] for v in step["values"]}
    assert set(seconds["values"]) == computed


def test_further_columns_are_taken_in():
    seen = programs.branched()
    uid = seen.recorded.ops[0].uid
    columns = {"cost": {"recorded": {uid: 2.5}}, "odd": {"recorded": {uid: np.inf}}}
    data = data_of(seen.html(native=False, columns=columns))
    cost, odd = data["columns"]
    assert cost == {"name": "cost", "values": cost["values"], "numbers": [2.5]}
    assert odd["numbers"] == ["Infinity"]
    assert data["values"]["uid"][cost["values"][0]] == uid


# --- size -------------------------------------------------------------------


def test_ten_thousand_values_in_four_stages_stay_under_a_megabyte():
    r = np.random.default_rng(0)
    kinds = r.integers(0, 4, 900)

    def f(x, w):
        ops = [np.sin, np.exp, np.tanh, np.square]
        for i, kind in enumerate(kinds):
            with tapec.scope(f"layer{i // 50}"):
                x = ops[kind](x) * w + np.sin(x)
        return np.sum(x * x)

    seen = tapec.value_and_grad(f, argnums=(0, 1)).inspect(np.ones(8), np.ones(8))
    log = [s for s in seen.log if s.name in ("recorded", "simplify", "cse", "dce")]
    assert len(log[0].function.ops) >= 10_000
    memo = Memo()
    graphs = [from_function(stage.function, memo=memo) for stage in log]
    assert len(page(document(log, graphs))) <= 1_000_000


# --- the page about it ------------------------------------------------------


def test_the_page_about_it_is_true(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "explorer.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    path = tmp_path / "fit.py"
    path.write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(path), "exec"), {"__name__": "fit"})
    assert (tmp_path / "loss.html").stat().st_size > 100_000
    table = text[text.index("| keys") : text.index("The address")]
    signs = dict(zip("↑↓←→", ("Up", "Down", "Left", "Right"), strict=True))
    for key in re.findall(r"`([^`]+)`", table):
        name = f"Arrow{signs[key]}" if key in signs else key
        assert f'"{name}"' in asset("keys.js"), key
    found = text[text.index("Words that") :]
    for field in re.findall(r"`(\w+):", found.split("A minus")[0]):
        known = re.search(rf"\b{field}:|=== \"{field}\"", asset("search.js"))
        assert known, field
