"""Parts computed by a Dask cluster, and added there.

Everything is a pure task of one graph, the parameters too, so the scheduler runs again
what was on a worker that is lost.
"""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tapec.distributed import carrying
from tapec.distributed.progress import Report
from tapec.distributed.shards import entries
from tapec.distributed.tree import added, tree

if TYPE_CHECKING:
    from tapec.distributed.parts import Part
    from tapec.distributed.sharded import ValueAndGrad

__all__ = ["total"]


def total(
    vg: ValueAndGrad,
    params: list[Any],
    shards: Sequence[Any],
    client: Any,
    report: Report | None,
) -> Part:
    """The sum of the parts of all shards."""
    if getattr(client, "asynchronous", True) or not hasattr(client, "compute"):
        raise TypeError(
            f"client is a distributed.Client that is not asynchronous, not {client!r}"
        )
    parts, root = _graph(vg, params, shards)
    wanted = [root] if report is None else [root, *parts]
    futures = client.compute(wanted)
    try:
        if report is not None:
            _follow(futures[1:], report)
        return _result(futures[0], vg.__name__, shards)
    finally:
        for future in futures:
            future.release()


def _graph(
    vg: ValueAndGrad, params: list[Any], shards: Sequence[Any]
) -> tuple[list[Any], Any]:
    """A delayed part per shard, and their delayed sum."""
    from dask import delayed

    name = f"{vg.__name__}-{{}}-{uuid.uuid4().hex}".format
    load, compute = delayed(pickle.loads, pure=False), delayed(_part, pure=False)
    join = delayed(added, pure=False)
    carried = carrying.dumps((carrying.dumps(vg), params))
    work = load(carried, dask_key_name=name("params"))
    parts = [
        compute(work, shard, i, dask_key_name=(name("part"), i))
        for i, shard in enumerate(shards)
    ]
    numbers = iter(range(len(parts)))
    root = tree(
        parts, lambda a, b: join(a, b, dask_key_name=(name("sum"), next(numbers)))
    )
    return parts, root


def _part(work: tuple[bytes, list[Any]], shard: Any, index: int) -> Part:
    blob, params = work
    vg: ValueAndGrad = pickle.loads(blob)
    return vg.part(*params, shard, index=index)


def _follow(parts: list[Any], report: Report) -> None:
    """Report parts as they are done; a failed one ends that."""
    from distributed import as_completed

    for done, future in enumerate(as_completed(parts), 1):
        if future.status != "finished":
            return
        if len(parts) > 1:
            future.release()  # the sum that it is in holds it as long as needed
        report(done, len(parts))


def _result(root: Any, name: str, shards: Sequence[Any]) -> Part:
    """The sum, or an error that says what can be done."""
    from distributed import CancelledError, KilledWorker

    try:
        found: Part = root.result()
    except KilledWorker as error:
        key = error.args[0]
        is_part = isinstance(key, tuple) and f"{name}-part-" in key[0]
        which = f"shard {key[1]}" if is_part else "a shard"
        error.add_note(
            f"in {which} of {name}, or one beside it on these workers, which may need "
            "more memory than they have (memory_limit)"
        )
        raise
    except CancelledError as error:
        lost = [i for i, shard in enumerate(shards) if _is_lost(shard)]
        if not lost:
            raise
        raise RuntimeError(
            f"{name}: the data of shards {lost} was on a worker that is lost; "
            "functions that load a shard are called again, and "
            "client.replicate(futures) or client.scatter(..., broadcast=True) keeps "
            "copies"
        ) from error
    return found


def _is_lost(shard: Any) -> bool:
    lost = ("cancelled", "lost")
    return any(getattr(x, "status", None) in lost for x in entries(shard))
