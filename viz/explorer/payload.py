"""The data of the page: columns with one entry per value, texts in one table.

All of it is JSON, compressed. Numbers of values run through all functions and stages.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tapec.viz.explorer.changes import changes_of
from tapec.viz.explorer.machine import machine_of
from tapec.viz.explorer.scenes import arranged
from tapec.viz.explorer.texts import Texts
from tapec.viz.explorer.union import Union
from tapec.viz.explorer.values import Value
from tapec.viz.graph import Node, Place
from tapec.viz.scene import Item

__all__ = ["compressed", "payload"]

VERSION = 1
KINDS = ("param", "op", "const", "effect")


def compressed(data: Any) -> str:
    """JSON, deflated, as base64; a lone surrogate in a name becomes a question mark."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(errors="replace"), 7)).decode()


def payload(document: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the page knows of a document."""
    entries = document["stages"]
    union = Union(entry["graph"] for entry in entries)
    strings = Strings()
    places = Places(strings, document["sources"])
    texts = Texts(union)
    stages = []
    for number, entry in enumerate(entries):
        changes = changes_of(union, number, entry) if number else []
        stages.append(
            {
                "name": entry["name"],
                "rows": texts.rows(number, entry["text"]),
                "results": union.frames[number].results,
                "changes": [[*c[:3], strings.index(c.reason)] for c in changes],
            }
        )
    native = document["native"]
    machine = None
    if native is not None:
        machine = machine_of(native, union, texts, entries[-1]["text"])
    return {
        "version": VERSION,
        "name": document["name"],
        "stages": stages,
        "values": values_of(union, strings, places),
        "functions": [
            {
                "name": f.name,
                "order": f.order,
                "results": f.frame.results,
                "first": f.first,
                "last": f.last,
            }
            for f in union.functions
        ],
        "places": places.rows,
        "lines": texts.lines,
        "behind": texts.values,
        "kernels": kernels_of(union, entries[-1]["text"]),
        "machine": machine,
        "columns": columns_of(document["columns"], entries, union),
        "sources": document["sources"],
        "strings": strings.texts,
    }


class Strings:
    """Each text once."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._known: dict[str, int] = {}

    def index(self, text: str) -> int:
        number = self._known.get(text)
        if number is None:
            number = self._known[text] = len(self.texts)
            self.texts.append(text)
        return number


class Places:
    """Each place in the source once: file, lines, columns in UTF-16 units, function."""

    def __init__(self, strings: Strings, sources: Mapping[str, Any]) -> None:
        self.rows: list[list[int]] = []
        self.strings = strings
        self.sources = sources
        self._known: dict[int, int] = {}

    def index(self, place: Place | None) -> int:
        if place is None or place["line"] is None:
            return -1
        number = self._known.get(id(place))
        if number is None:
            number = self._known[id(place)] = len(self.rows)
            self.rows.append(self.row(place))
        return number

    def row(self, place: Place) -> list[int]:
        first = place["line"] or 0
        last = place["end_line"] or first
        start = self.column(place, first, place["col"])
        end = self.column(place, last, place["end_col"])
        names = map(self.strings.index, (place["file"], place["function"]))
        file, function = names
        return [file, first, last, start, end, function]

    def column(self, place: Place, line: int, column: int | None) -> int:
        if column is None:
            return -1
        text = place["text"]
        source = self.sources.get(place["file"])
        if source is not None and 0 <= line - source["first"] < len(source["lines"]):
            text = source["lines"][line - source["first"]]
        before = text.encode()[:column].decode(errors="replace")
        return len(before.encode("utf-16-le")) // 2


COLUMNS = (
    ("uid", "op", "name", "kind", "type", "attrs", "bytes", "gradient", "scope")
    + ("place", "primal", "born", "died", "function", "bodies", "operands")
    + ("phase", "level", "width", "height", "title", "detail", "more", "tag")
)


def values_of(union: Union, strings: Strings, places: Places) -> dict[str, list[Any]]:
    """The columns. operands: what each value reads in the stage it is born in;
    changed: [value, stage, operands] where that changes."""
    arrangement: dict[int, Item] = {}
    for number in range(len(union.functions)):
        arrangement.update(arranged(union, number))
    rows = [
        row(union, value, arrangement[number], strings, places)
        for number, value in enumerate(union.values)
    ]
    found = dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
    found["changed"] = [
        [number, stage, refs]
        for number, value in enumerate(union.values)
        for stage, refs in value.operands[1:]
    ]
    return found


def row(
    union: Union, value: Value, item: Item, strings: Strings, places: Places
) -> tuple[Any, ...]:
    node, label = value.node, item.label
    index = strings.index
    died = value.died if value.died >= 0 else len(union.frames)
    if value.function:
        died = union.functions[value.function].last + 1
    return (
        -1 if value.uid is None else value.uid,
        index(node["op"]),
        index(node["name"]),
        KINDS.index(node["kind"]),
        index(node["type"]),
        index(attributes(node)),
        -1 if node["bytes"] is None else node["bytes"],
        int(node["half"] == "gradient"),
        index(node["scope"]),
        places.index(node["loc"]),
        -1 if item.node["primal"] is None else item.node["primal"],
        value.born,
        died,
        value.function,
        [[key, number] for key, number in value.bodies],
        value.operands[0][1],
        item.phase,
        item.level,
        label.width,
        label.height,
        index(label.title),
        index(label.detail),
        index(label.more),
        index(label.tag),
    )


def attributes(node: Node) -> str:
    return " ".join(f"{key}={text}" for key, text in node["attrs"].items())


def kernels_of(union: Union, parts: Sequence[Any]) -> list[dict[str, Any]]:
    """Each kernel: the stage it is made in, its uid and name in the last stage, its
    values. parts: the text of the last stage."""
    program = parts[-1]["name"]
    names = {
        uid: part["name"]
        for part in parts
        for title, uid, _ in part["of"]
        if title == program
    }
    found: dict[int, dict[str, Any]] = {}
    for stage, frame in enumerate(union.frames):
        for uid, members in frame.members.items():
            entry = found.setdefault(uid, {"stage": stage, "uid": uid})
            entry["name"] = names.get(uid, f"%{uid}")
            entry["values"] = members
    return list(found.values())


def plain(x: Any) -> Any:
    """A number that JSON has; infinities and NaN as JavaScript reads them."""
    if isinstance(x, float) and not math.isfinite(x):
        return "NaN" if x != x else "Infinity" if x > 0 else "-Infinity"
    return x


def columns_of(
    columns: Mapping[str, Any], entries: Iterable[Mapping[str, Any]], union: Union
) -> list[dict[str, Any]]:
    """Numbers per value. What is known of a kernel is known of each of its values."""
    frames = {entry["name"]: f for entry, f in zip(entries, union.frames, strict=True)}
    found = []
    for name, stages in columns.items():
        numbers: dict[int, float] = {}
        for stage, by_uid in stages.items():
            for uid, number in by_uid.items():
                for each in frames[stage].values_of(int(uid)):
                    numbers.setdefault(each, number)
        rows = sorted(numbers.items())
        found.append(
            {
                "name": name,
                "values": [number for number, _ in rows],
                "numbers": [plain(x) for _, x in rows],
            }
        )
    return found
