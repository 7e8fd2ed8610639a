"""All that is known of a program, as plain JSON: what the explorer shows.

A document holds the graph (`tapec-graph/1`) and the text of every stage, the reasons of
the passes, the native code, the memory plan and the user's source. Nothing in it needs
the arrays or the tracer.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tapec.ir import Function
from tapec.ops.fused import fused
from tapec.text import module_lines

if TYPE_CHECKING:
    from tapec.inspect import Stage

__all__ = ["Columns", "document"]

Columns = Mapping[str, Mapping[str, Mapping[int, float]]]
"""Numbers per op: name of the column -> stage -> uid -> number."""

LONGEST = 4000
"""Lines of a source file; of a longer one only what lies around the ops."""
AROUND = 40


def document(
    log: Sequence[Stage],
    graphs: Sequence[Any],
    program: Any = None,
    columns: Columns | None = None,
) -> dict[str, Any]:
    """The document of a program.

    graphs: one `tapec-graph/1` per stage, the same object where nothing changed.
    program: the native one, for its code, steps and memory. columns: further numbers
    per op, such as measured times.
    """
    stages: list[dict[str, Any]] = []
    for stage, graph in zip(log, graphs, strict=True):
        same = bool(stages) and graph is stages[-1]["graph"]
        stages.append(
            {
                "name": stage.name,
                "graph": graph,
                "text": stages[-1]["text"] if same else _text(stage.function),
                "replaced": [list(line) for line in stage.replaced],
            }
        )
    native = None if program is None else _native(program, log[-1].function)
    return {
        "name": log[0].function.name,
        "stages": stages,
        "native": native,
        "columns": columns or {},
        "sources": _sources(graphs),
    }


def kernels_by_stage(log: Iterable[Stage]) -> Iterator[dict[int, dict[int, int]]]:
    """For each stage: kernel -> number of an op in its body -> uid that the op had.

    Holds as long as the body is the one that was told of.
    """
    told: dict[int, tuple[Function, dict[int, int]]] = {}
    for stage in log:
        bodies = {
            op.uid: value
            for op in stage.function.ops
            for _, value in op.attrs
            if isinstance(value, Function)
        }
        told = {uid: row for uid, row in told.items() if bodies.get(uid) is row[0]}
        for old, kernel, line in stage.placed:
            row = told.setdefault(kernel, (bodies[kernel], {}))
            row[1][line] = old
        yield {uid: lines for uid, (_, lines) in told.items()}


# --- text -------------------------------------------------------------------


def _text(fn: Function) -> list[dict[str, Any]]:
    """The functions of a stage as text; of: the ops (function, uid) that have it as
    body."""
    parts = module_lines(fn, elide=True)
    titles = {part: title for part, title, _ in parts}
    owners: dict[Function, list[Any]] = {part: [] for part in titles}
    for part, title in titles.items():
        for op in part.ops:
            for key, body in op.attrs:
                if isinstance(body, Function):
                    owners[body].append([title, op.uid, key])
    return [
        {
            "name": title,
            "lines": lines,
            "uids": [op.uid for op in part.ops],
            "of": owners[part],
        }
        for part, title, lines in parts
    ]


# --- native code ------------------------------------------------------------


def _native(program: Any, fn: Function) -> dict[str, Any]:
    from tapec.native.cache import kernels_for
    from tapec.native.debug import numbered

    parts = module_lines(fn, elide=True)
    names = {part: title for part, title, _ in parts}
    fusions = {op.attr("body") for part in names for op in part.ops if op.prim is fused}
    codes = {code.body: code for code in program.codes if code.body in fusions}
    other = [(part, False) for part in names if part in fusions and part not in codes]
    codes |= {body: code for (body, _), code in kernels_for(other).items()}
    number = {body: i for i, body in enumerate(codes)}
    plan = program.plan
    owners = {slot: owner for owner, slot in plan.slots.items()}
    results = program.function.results
    buffers = []
    for slot, buffer in enumerate(plan.buffers):
        owner, index = owners.get(slot, (None, 0))
        if owner is None:
            owner = results[slot - len(program.function.params)]
        buffers.append(
            {
                "kind": buffer.kind,
                "nbytes": int(buffer.nbytes),
                "first": buffer.first,
                "last": buffer.last,
                "offset": buffer.offset,
                "uid": owner.uid,
                "index": index,
            }
        )
    return {
        "kernels": [
            {
                "name": names[body],
                "ops": [
                    [names[part], part.ops.index(op)] for part, op in numbered(body)
                ],
                "llvm": code.llvm,
                "assembly": code.assembly,
            }
            for body, code in codes.items()
        ],
        "steps": [
            {
                "kind": step.kind,
                "uid": step.op.uid,
                "kernel": number[step.op.attr("body")]
                if step.kind == "kernel"
                else None,
                "reads": [v.uid for v in step.reads],
                "work": int(step.work),
            }
            for step in program.steps
        ],
        "buffers": buffers,
        "arena": int(plan.nbytes),
        "live": int(plan.live_bytes),
    }


# --- source -----------------------------------------------------------------


def _sources(graphs: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """The lines of the files that ops come from, that of most ops first.

    first: the number of the first line.
    """
    used: dict[str, list[int]] = {}
    places = (node["loc"] for node in {id(n): n for n in _nodes(graphs)}.values())
    for place in places:
        if place is not None and place["line"] is not None:
            used.setdefault(place["file"], []).append(place["line"])
    used = {file: numbers for file, numbers in used.items() if _is_users(file)}
    found = {}
    for file, numbers in sorted(used.items(), key=lambda row: (-len(row[1]), row[0])):
        lines = [line.rstrip("\r\n") for line in linecache.getlines(file)]
        first = 1
        if len(lines) > LONGEST:
            first = max(1, min(numbers) - AROUND)
            lines = lines[first - 1 : max(numbers) + AROUND]
        if lines:
            found[file] = {"first": first, "lines": lines}
    return found


def _is_users(file: str) -> bool:
    """Whether a file is no part of tapec; its demo is a program like any other."""
    here = Path(__file__).parent
    path = Path(file)
    return not path.is_relative_to(here) or path.is_relative_to(here / "demo")


def _nodes(graphs: Iterable[Any]) -> Iterator[Any]:
    seen: set[int] = set()
    pending = list(graphs)
    while pending:
        graph = pending.pop()
        if id(graph) in seen:
            continue
        seen.add(id(graph))
        for node in graph["nodes"]:
            yield node
            pending.extend(node.get("bodies", {}).values())
