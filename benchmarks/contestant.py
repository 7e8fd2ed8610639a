"""A peer and a workload in a process of their own: nobody's threads disturb others.

A process imports the peer, prepares the call, makes the first one, sends its result to
be checked, and then runs rounds when it is told to. Between its rounds it waits for a
message, without using the machine.
"""

import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from benchmarks.timing import ROUND, first, once, per_call

REST = WARM = 0.02
"""Seconds of several threads, before a round and at its beginning: those of the one
before may still be looking for work, and one's own have been asleep."""


class Contestant:
    """The parent's end. `why_not` says why it does not take part, if it does not."""

    def __init__(
        self, peer: str, workload: str, patience: float, threads: int = 1
    ) -> None:
        """patience: seconds that importing, preparing and the first call may take."""
        spawn = multiprocessing.get_context("spawn")
        self.connection, other = spawn.Pipe()
        args = other, peer, workload, threads
        self.process = spawn.Process(target=serve, args=args)
        self.process.start()
        other.close()
        found = self.answer(patience)
        self.why_not = found if isinstance(found, str) else ""
        self.imported, self.first, self.result = (
            (None, None, None) if self.why_not else found
        )

    def answer(self, patience: float) -> Any:
        if not self.connection.poll(patience):
            self.process.kill()
            return f"over {patience:.0f} s"
        try:
            return self.connection.recv()
        except EOFError:
            self.process.join()
            return f"exit {self.process.exitcode}"

    def round(self) -> float:
        """Seconds of a call, in one round."""
        self.connection.send("round")
        return self.connection.recv()

    def leave(self) -> None:
        self.connection.close()
        self.process.join(10.0)
        if self.process.is_alive():
            self.process.kill()


def serve(
    connection: Connection, peer_name: str, workload_name: str, threads: int
) -> None:
    """The process: what it sends first is (import, first call, result) or a reason."""
    from benchmarks.peers import PEERS
    from benchmarks.workloads import WORKLOADS

    peer = next(p for p in PEERS if peer_name == p.NAME)
    workload = next(w for w in WORKLOADS if w.name == workload_name)
    try:
        imported, available = first(peer.available)
        if not available:
            return connection.send("-")
        args = workload.make()
        making, call = first(lambda: peer.prepare(workload, args))
        if call is None:
            return connection.send("-")
        took, result = first(call)
        connection.send((imported, making + took, copied(result)))
    except Exception as error:  # one peer's failure is a cell, not the end
        print(f"    {peer_name}: {type(error).__name__}: {error}", flush=True)
        return connection.send(type(error).__name__)
    alone = once(call)
    repeats = max(1, int(ROUND / alone))
    warming = max(1, int(WARM / alone)) if threads > 1 else 1
    while True:
        try:
            connection.recv()
        except EOFError:
            return None
        per_call(call, warming)
        connection.send(per_call(call, repeats))


def copied(result: Any) -> list[Any]:
    """The value and the gradients as arrays of their own."""
    value, gradients = result
    return [np.array(value, float), *(np.array(g, float) for g in gradients)]


def take_turns(
    contestants: dict[str, Contestant], budget: float, threads: int, least: int = 5
) -> dict[str, list[float]]:
    """Rounds in turns for `budget` seconds of measuring: seconds of a call, by name."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    spent = 0.0
    rounds = 0
    while contestants and (rounds < least or spent < budget):
        for name, contestant in contestants.items():
            if threads > 1:
                time.sleep(REST)
            begin = time.perf_counter()
            times[name].append(contestant.round())
            spent += time.perf_counter() - begin
        rounds += 1
    return times
