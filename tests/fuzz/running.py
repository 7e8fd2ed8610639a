"""Cases run one after the other, what they cover counted, failures made small."""

from __future__ import annotations

import contextlib
import traceback
from collections import Counter
from dataclasses import dataclass, field
from unittest import mock
from weakref import WeakValueDictionary

from tapec.native import accumulate, cache, split
from tapec.passes import enclose, tile_batches, tile_plan, tile_size
from tests.fuzz.bodies import used
from tests.fuzz.checks import CHECKS
from tests.fuzz.comparing import SKIP, Wrong
from tests.fuzz.grow import Case, grow
from tests.fuzz.shrink import shrunk

__all__ = ["Failure", "Tally", "eager", "failure", "run"]


@dataclass
class Failure:
    """What a check said of a case."""

    case: Case
    check: str
    kind: str
    reason: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What a smaller program must have in common."""
        head = self.reason.split("\n", 1)[0].split(": ", 1)[0]
        return self.check, self.kind, "".join(c for c in head if not c.isdigit())[:60]

    def same(self, other: Failure) -> bool:
        """Whether it is probably the same one, both being small."""
        ops, others = set(used(self.case.fn)), set(used(other.case.fn))
        return self.key == other.key and ops == others


@dataclass
class Tally:
    """programs: how many were grown. ops: how often each op stood in one. checks: how
    often each check held, was skipped or failed."""

    programs: int = 0
    ops: Counter = field(default_factory=Counter)
    checks: Counter = field(default_factory=Counter)
    failures: list = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.programs} programs, {sum(self.ops.values())} ops, "
                 f"{len(self.ops)} different ones"]  # fmt: skip
        for (check, state), count in sorted(self.checks.items()):
            lines.append(f"  {check:<10} {state:<8} {count}")
        return "\n".join(lines)


def failure(check: str, case: Case) -> Failure | str | None:
    """What is wrong; `SKIP` if the check says nothing about this case."""
    try:
        return CHECKS[check](case)
    except Wrong as error:
        return Failure(case, check, "Wrong", str(error))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}\n{traceback.format_exc(limit=-6)}"
        return Failure(case, check, type(error).__name__, reason)


@contextlib.contextmanager
def eager(active: bool = True):
    """Small programs are tiled, and split into parts for threads, as large ones are."""
    if not active:
        yield
        return
    forget()
    with contextlib.ExitStack() as stack:
        for module, numbers in (
            (tile_plan, {"SAVED": -(1 << 60), "LEAST": 2, "LARGE": -1}),
            (tile_size, {"FEWEST": 2, "MOST": 2}),
            (tile_batches, {"FULL": -1, "LEAST": 0}),
            (split, {"WORTH": 0, "LEAST": 1e-9, "SMALLER": 1e-9, "BLOCK": 2}),
            (accumulate, {"BLOCK": 2}),
            (cache, {"_known": WeakValueDictionary()}),
        ):  # fmt: skip
            stack.enter_context(mock.patch.multiple(module, **numbers))
        stack.enter_context(mock.patch.dict("os.environ", {"TAPEC_CACHE_DIR": "0"}))
        yield
    forget()


def forget():
    """What was decided with other thresholds."""
    split.split_of.cache_clear()
    enclose._prepared_tile.cache_clear()


def run(seed: int, tally: Tally, checks=tuple(CHECKS), seconds: float = 60.0):
    """Grow the case of a seed and check it; each failure is made small for so long."""
    with eager(seed % 4 == 3):
        case = grow(seed)
        tally.programs += 1
        tally.ops.update(used(case.fn))
        for check in checks:
            found = failure(check, case)
            if not isinstance(found, Failure):
                tally.checks[check, found or "held"] += 1
                continue
            tally.checks[check, "failed"] += 1
            if seconds:
                found = smallest(found, seconds)
            known = any(f.same(found) for f in tally.failures)
            tally.failures.append(found)
            yield found, known


def smallest(found: Failure, seconds: float) -> Failure:
    """The failure, of a smaller program."""

    def fails(case: Case) -> bool:
        again = failure(found.check, case)
        return isinstance(again, Failure) and again.key == found.key

    case = shrunk(found.case, fails, seconds)
    again = failure(found.check, case)
    return again if isinstance(again, Failure) else found


assert SKIP != "held"
