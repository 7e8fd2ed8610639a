"""What a pass did to each value, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tapec.viz.explorer.union import Union
from tapec.viz.explorer.values import Frame

__all__ = ["Change", "changes_of"]

REMOVED, ADDED, MERGED, REWRITTEN = range(4)

DROPPED = {
    "dce": "nothing reads it any more",
    "forget": "only the gradient of an inner trace needed it",
    "roll": "a round of a loop now",
    "loops": "no round of the loop needs it",
    "fuse": "the kernels that read it compute it on their way",
    "fold": "it is known before the program runs",
}


class Change(NamedTuple):
    """kind: removed, added, merged into `other`, or rewritten to it (-1: nothing)."""

    kind: int
    value: int
    other: int
    reason: str


def changes_of(union: Union, stage: int, entry: Mapping[str, Any]) -> list[Change]:
    """The changes from the stage before to this one, in the order of the program."""
    before, after = union.frames[stage - 1], union.frames[stage]
    became = Replacements(before, after, entry["replaced"])
    name = str(entry["name"]).partition("(")[0]
    values = union.values
    left = set(after.order)
    changes: dict[int, Change] = {}
    targets: dict[int, str] = {}
    for number in before.order:
        if number in left:
            continue
        target, reason = became.find(values[number].uid)
        if target is None:
            reason = reason or DROPPED.get(
                name, f"the program after {name} does without it"
            )
            changes[number] = Change(REMOVED, number, -1, reason)
            continue
        new = values[target].born == stage
        targets.setdefault(target, reason)
        kind = REWRITTEN if new else MERGED
        changes[number] = Change(kind, number, target, reason or f"by {name}")
    added = [n for n in after.order if values[n].born == stage]
    for number in added:
        reason = targets.get(number) or f"made by {name}"
        changes[number] = Change(ADDED, number, -1, reason)
    position = {number: i for i, number in enumerate(union.functions[0].order)}
    return sorted(changes.values(), key=lambda c: position[c.value])


class Replacements:
    """The log of a pass: what each uid became in the end, and the first reason."""

    def __init__(
        self, before: Frame, after: Frame, lines: Sequence[tuple[int, int, str]]
    ) -> None:
        self.before = before
        self.after = after
        self.became = {old: (new, reason) for old, new, reason in lines}

    def find(self, uid: int | None) -> tuple[int | None, str]:
        if uid is None or uid not in self.became:
            return None, ""
        reasons: list[str] = []
        met = {uid}
        while uid in self.became:
            uid, reason = self.became[uid]
            if reason and reason not in reasons:
                reasons.append(reason)
            if uid in met:
                break
            met.add(uid)
        found = self.after.values_of(uid)
        return (found[0] if len(found) == 1 else None), "; ".join(reasons)
