"""Native code, steps and memory, each part with the values that it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tapec.viz.explorer.code import Listing, assembly_listing, llvm_listing
from tapec.viz.explorer.texts import Texts
from tapec.viz.explorer.union import Union

__all__ = ["machine_of"]


def machine_of(
    native: Mapping[str, Any], union: Union, texts: Texts, parts: Sequence[Any]
) -> dict[str, Any]:
    """What the panes about native code show; parts: the text of the last stage."""
    frame = union.frames[-1]
    return {
        "kernels": [kernel(k, texts, parts) for k in native["kernels"]],
        "steps": [
            {
                "kind": step["kind"],
                "uid": step["uid"],
                "kernel": step["kernel"],
                "work": step["work"],
                "values": frame.values_of(step["uid"]),
            }
            for step in native["steps"]
        ],
        "buffers": [
            [
                buffer["kind"],
                buffer["nbytes"],
                buffer["first"],
                buffer["last"],
                buffer["offset"],
                frame.result_of(buffer["uid"], buffer["index"]),
            ]
            for buffer in native["buffers"]
        ],
        "arena": native["arena"],
        "live": native["live"],
    }


def kernel(code: Mapping[str, Any], texts: Texts, parts: Sequence[Any]) -> Any:
    """A kernel; ops: for each line of its body the values, in all places of use."""
    last = len(texts.union.frames) - 1
    named = {part["name"]: part for part in parts}
    behind = {
        title: texts.behind(last, named[title], parts) for title, _ in code["ops"]
    }
    uids = [(title, named[title]["uids"][place]) for title, place in code["ops"]]
    ops = [behind[title](uid) for title, uid in uids]
    main = heaviest(ops, texts.union)
    return {
        "name": code["name"],
        "ops": ops,
        "llvm": columns(llvm_listing(code["llvm"]), main),
        "assembly": columns(assembly_listing(code["assembly"]), main),
    }


def heaviest(ops: Sequence[Sequence[int]], union: Union) -> int:
    """The number of the op that a kernel without debug information is about."""
    names = [union.values[values[0]].node["op"] if values else "" for values in ops]
    return names.index("matmul") + 1 if "matmul" in names else min(len(ops), 1)


def columns(listing: Listing, main: int) -> list[Any]:
    """The lines, and for each the number of its op, 0 for none."""
    numbers = [op for _, op in listing]
    if not any(numbers):
        numbers = [main * text.startswith(" ") for text, _ in listing]
    return [[text for text, _ in listing], numbers]
