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
    part = next((p for p in parts if p["name"] == code["name"]), None)
    ops: list[list[int]] = []
    if part is not None:
        behind = texts.behind(len(texts.union.frames) - 1, part, parts)
        ops = [behind(uid) for uid in part["uids"]]
    llvm, assembly = llvm_listing(code["llvm"]), assembly_listing(code["assembly"])
    return {
        "name": code["name"],
        "ops": ops,
        "llvm": columns(llvm, len(ops)),
        "assembly": columns(assembly, len(ops)),
    }


def columns(listing: Listing, ops: int) -> list[Any]:
    """The lines, and for each the number of its op, 0 for none."""
    return [
        [text for text, _ in listing],
        [op if op <= ops else 0 for _, op in listing],
    ]
