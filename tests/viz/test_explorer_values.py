"""The data of the explorer: values through all stages, native code, memory."""

from __future__ import annotations

import os
import re

import programs
import pytest
from programs import graphs_of

from tapec.documents import document
from tapec.text import module_lines
from tapec.viz.explorer.code import assembly_listing, llvm_listing
from tapec.viz.explorer.payload import payload
from tapec.viz.explorer.union import Union

NAMES = ("softmax", "rolled", "tiled", "branched", "looping")


@pytest.fixture(scope="module", params=NAMES)
def seen(request):
    return getattr(programs, request.param)()


@pytest.fixture(scope="module")
def data(seen):
    return payload(document(seen.log, graphs_of(seen), seen.program))


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
