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
from tapec.documents import document, kernels_by_stage
from tapec.text import module_lines
from tapec.viz.explorer import SCRIPTS, asset, page, script_text
from tapec.viz.explorer.code import assembly_listing, llvm_listing
from tapec.viz.explorer.payload import payload
from tapec.viz.explorer.union import Union
from tapec.viz.graph import Memo, from_function

ROOT = Path(__file__).parents[2]
NAMES = ("softmax", "rolled", "tiled", "branched", "looping")
MAKERS = {name: getattr(programs, name) for name in NAMES}


def data_of(text):
    found = re.search(r'<script type="text/plain" id="data">([^<]*)</script>', text)
    return json.loads(zlib.decompress(base64.b64decode(found[1])))


def graphs_of(seen):
    memo = Memo()
    return [
        from_function(stage.function, placed=placed, memo=memo)
        for stage, placed in zip(seen.log, kernels_by_stage(seen.log), strict=True)
    ]


@pytest.fixture(scope="module", params=MAKERS)
def seen(request):
    return MAKERS[request.param]()


@pytest.fixture(scope="module")
def data(seen):
    return payload(document(seen.log, graphs_of(seen), seen.program))


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


# --- values through the stages ----------------------------------------------


def rows_of(data, number):
    runs = data["stages"][number]["rows"]
    pairs = zip(runs[::2], runs[1::2], strict=True)
    return [line for first, count in pairs for line in range(first, first + count)]


def test_the_text_of_each_stage_is_its_text(seen, data):
    for number, stage in enumerate(seen.log):
        parts = reversed(module_lines(stage.function, elide=True))
        wanted = "\n\n".join("\n".join(lines) for _, _, lines in parts)
        lines = [data["lines"][row] for row in rows_of(data, number)]
        assert "\n".join(lines) == wanted


def test_each_line_is_about_the_op_in_it(seen, data):
    values, strings = data["values"], data["strings"]
    known = 0
    for number in range(len(seen.log)):
        for row in rows_of(data, number):
            behind = data["behind"][row]
            op = re.search(r"= (\w+)", data["lines"][row])
            if op is None or op[1] in ("fused", "item", "tile") or not behind:
                continue
            known += 1
            if len(behind) == 1 and op[1] != "add":  # accumulations are what they add
                assert strings[values["op"][behind[0]]] == op[1]
    assert known > 20


def test_operands_live_as_long_as_they_are_read(data):
    values = data["values"]
    now = dict(enumerate(values["operands"]))
    changes = {}
    for value, stage, refs in values["changed"]:
        changes.setdefault(stage, []).append((value, refs))
    for stage in range(len(data["stages"])):
        now.update(changes.get(stage, ()))
        for value, refs in now.items():
            if values["function"][value] or not (
                values["born"][value] <= stage < values["died"][value]
            ):
                continue
            for ref in refs:
                if isinstance(ref, int):
                    assert values["born"][ref] <= stage < values["died"][ref]


def test_every_change_is_told_with_its_reason(data):
    values = data["values"]
    for number, stage in enumerate(data["stages"][1:], 1):
        own = [v for v, f in enumerate(values["function"]) if f == 0]
        died = {v for v in own if values["died"][v] == number}
        born = {v for v in own if values["born"][v] == number}
        gone = {v for kind, v, _, _ in stage["changes"] if kind != 1}
        made = {v for kind, v, _, _ in stage["changes"] if kind == 1}
        assert gone == died
        assert made == born
        assert all(data["strings"][reason] for _, _, _, reason in stage["changes"])


def test_what_goes_into_kernels_and_tiles_stays_the_same_value():
    for maker in (programs.softmax, programs.tiled):
        seen = maker()
        names = [stage.name for stage in seen.log]
        union = Union(graphs_of(seen))
        before = set(union.frames[names.index("dce")].order)
        after = set(union.frames[-1].order)
        new = {union.values[n].node["op"] for n in after - before}
        assert new <= {"reshape"}
        assert len(after) > 15


def test_a_uid_that_is_used_again_is_another_value():
    union = Union(graphs_of(programs.softmax()))
    uids = [value.uid for value in union.values if value.function == 0]
    assert len(uids) > len(set(uids)) or len(union.values) == len(uids)
    for stage, frame in enumerate(union.frames):
        for number in frame.order:
            value = union.values[number]
            assert value.born <= stage < (value.died if value.died >= 0 else 99)


def test_loops_and_branches_are_functions_of_their_own():
    data = payload(document(programs.rolled().log, graphs_of(programs.rolled())))
    assert {"rounds", "body", "reverse"} <= {f["name"] for f in data["functions"]}
    owners = [v for v, bodies in enumerate(data["values"]["bodies"]) if bodies]
    assert owners
    for owner in owners:
        for _, number in data["values"]["bodies"][owner]:
            order = data["functions"][number]["order"]
            assert {data["values"]["function"][v] for v in order} == {number}


# --- native code ------------------------------------------------------------


def test_code_lines_know_their_values():
    seen = programs.softmax()
    data = payload(document(seen.log, graphs_of(seen), seen.program))
    values, strings = data["values"], data["strings"]
    found = set()
    for kernel in data["machine"]["kernels"]:
        texts, ops = kernel["assembly"]
        for text, op in zip(texts, ops, strict=True):
            for value in kernel["ops"][op - 1] if op else ():
                found.add((text.split()[0], strings[values["op"][value]]))
    mnemonics = {m for m, op in found if op == "divide"}
    if os.uname().machine == "x86_64":
        assert any("div" in m for m in mnemonics)
    assert {"exp", "log", "max", "sum"} <= {op for _, op in found}


def test_code_of_loops_knows_the_ops_of_their_bodies():
    seen = programs.looping()
    data = payload(document(seen.log, graphs_of(seen), seen.program))
    values, strings = data["values"], data["strings"]
    loop = next(k for k in data["machine"]["kernels"] if k["name"].startswith("loop"))
    found = {
        strings[values["op"][value]]
        for op in loop["assembly"][1]
        if op
        for value in loop["ops"][op - 1]
        if values["function"][value]
    }
    assert {"sin", "subtract", "add"} <= found


def test_the_files_of_tapec_are_not_shown(seen, data):
    assert data["sources"]
    assert not any("/tapec/show" in file for file in data["sources"])
    assert next(iter(data["sources"])).endswith("programs.py")


def test_listings_keep_instructions_and_drop_tables():
    for kernel in programs.softmax().kernels:
        llvm = llvm_listing(kernel.llvm)
        assert any("define" in line for line, _ in llvm)
        assert not any("!dbg" in line or "DILocation" in line for line, _ in llvm)
        assert {op for _, op in llvm if op} <= set(range(1, len(kernel.body.ops) + 1))
        assembly = assembly_listing(kernel.assembly)
        assert any("ret" in line for line, _ in assembly)
        assert not any(line.startswith((".Ldebug", "\t.loc")) for line, _ in assembly)


def test_memory_and_steps_are_about_values(data):
    machine, values = data["machine"], data["values"]
    last = len(data["stages"]) - 1
    for step in machine["steps"]:
        assert all(values["died"][v] > last for v in step["values"])
    arena = [b for b in machine["buffers"] if b[0] == "arena"]
    assert all(offset + size <= machine["arena"] for _, size, _, _, offset, _ in arena)


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
