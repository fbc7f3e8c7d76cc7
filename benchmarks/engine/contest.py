"""A row measured: its contenders in turn, round by round, in one run; medians of the ratios of each round.

    python -m benchmarks.engine.contest ROW DATA ROUNDS SECONDS [quick]

prints the outcome as a line of JSON, after what libraries print.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.engine.contender import Contender
from benchmarks.engine.cores import allowed, available, pin
from benchmarks.engine.row import Peer, Row

REST = 0.3  # seconds between contenders: threads of the one before may look out for work for a while (OpenMP's for 0.2)


@dataclass
class Entry:
    """A contender in the contest: its costs a member-step, one a round; why it left, if it did."""

    peer: Peer
    contender: Contender | None = None
    steps: int = 1
    costs: list[float] = field(default_factory=list)
    accuracy: float | None = None
    failed: str = ""

    def attempt(self, what: Callable[[], Any]) -> Any:
        """``what()``, unless it has left; a peer's failure is its own, and is told in the table."""
        if self.failed:
            return None
        try:
            return what()
        except Exception as problem:  # whatever a library throws is the outcome
            traceback.print_exc()
            self.failed = f"{type(problem).__name__}: {problem}".strip().split("\n", 1)[0][:300]
            return None

    def enter(self, row: Row, data: Path) -> None:
        """Make the contender."""
        from benchmarks.engine.peers import contender

        self.contender = self.attempt(lambda: contender(row, self.peer, data))

    @property
    def members(self) -> int:
        return self.contender.members if self.contender else 1

    def run(self) -> float | None:
        """What a step of a member costs."""
        one, many = self.contender, self.steps * self.members
        return self.attempt(lambda: one.run(self.steps) / many) if one else None

    def leave(self) -> None:
        """The last that is asked of it."""
        one: Any = self.contender
        self.accuracy = self.attempt(lambda: one.accuracy())
        if hasattr(one, "close"):
            one.close()


def measure(row: Row, data: Path, *, rounds: int, seconds: float, quick: bool) -> dict[str, Any]:
    """The outcome of a row."""
    entries = [Entry(row.ours), *(Entry(peer) for peer in row.peers if not (quick and peer.slow))]
    for entry in entries:
        entry.enter(row, data)
    if entries[0].failed:
        return {"name": row.name, "failed": entries[0].failed}
    limit = _limit(row)
    wanted = warm(row, entries, seconds)
    for turn in range(rounds):
        agree(row, entries, wanted)
        at = turn % len(entries)  # nobody is always first
        for entry in entries[at:] + entries[:at]:
            time.sleep(REST)
            if (cost := entry.run()) is not None:
                entry.costs.append(cost)
        if entries[0].failed:  # nothing to compare with
            return {"name": row.name, "failed": entries[0].failed}
        if limit:
            limit.measure()
    for entry in entries:
        entry.leave()
    return outcome(row, entries, limit)


def warm(row: Row, entries: list[Entry], seconds: float) -> int:
    """Everybody does first steps (compiling, filling caches); gives how many steps of ours take ``seconds``."""
    if row.ours.kind == "errand":
        return 1
    costs: list[float | None] = []
    for first in (1, 3):
        agree(row, entries, 1)
        for entry in entries:
            entry.steps = first if not row.same_steps else entry.steps
        costs = [entry.run() for entry in entries]
    for entry, cost in zip(entries, costs, strict=True):
        entry.steps = max(1, round(seconds / cost / entry.members)) if cost else 1
    return entries[0].steps


def agree(row: Row, entries: list[Entry], wanted: int) -> None:
    """How many steps the next round has: for everybody as many as ours to the end of a chunk, or each its own."""
    if not row.same_steps:
        return
    ours: Any = entries[0].contender
    steps = ours.reachable(wanted) if hasattr(ours, "reachable") else wanted
    for entry in entries:
        entry.steps = steps


def _limit(row: Row) -> Any:
    if not row.measures_limit:
        return None
    from benchmarks.engine.limit import Limit
    from benchmarks.engine.products import products

    return Limit(products(row.network, row.batch), available(), 1 if row.members > 1 else 0)


def outcome(row: Row, entries: list[Entry], limit: Any) -> dict[str, Any]:
    """What is kept of a row: JSON-ready values."""
    ours = entries[0]
    found = {
        "name": row.name,
        "ours": told(ours, ours),
        "peers": {entry.peer.name: told(entry, ours) for entry in entries[1:]},
        "rounds": len(ours.costs),
        "steps_a_round": ours.steps,
        "cores": available(),
    }
    if limit:
        from benchmarks.engine.products import operations

        cost = float(np.median(ours.costs))
        work = operations(limit.products)
        found["limit"] = {
            "gflops": limit.rate / 1e9,
            "by": limit.by,
            "operations": work,
            "share": work / cost / limit.rate,
            "share_at_real_shapes": limit.seconds / cost,
        }
    return found


def told(entry: Entry, ours: Entry) -> dict[str, Any]:
    """A contender's cost, its accuracy and its ratio to ours (peer / ours): median, least and largest of the rounds."""
    if entry.failed or not entry.costs:
        return {"group": entry.peer.group, "failed": entry.failed or "no round"}
    ratios = [theirs / mine for theirs, mine in zip(entry.costs, ours.costs, strict=True)]
    return {
        "group": entry.peer.group,
        "cost": float(np.median(entry.costs)),
        "costs": entry.costs,
        "ratio": [float(np.median(ratios)), min(ratios), max(ratios)],
        "accuracy": entry.accuracy,
        "notes": entry.contender.notes if entry.contender else "",
    }


def main() -> None:
    name, data, rounds, seconds, *quick = sys.argv[1:]
    from benchmarks.engine.rows import row
    from benchmarks.engine.worker import speaker

    say, chosen = speaker(), row(name)
    if chosen.cores:
        pin(allowed()[-chosen.cores :])
    say(measure(chosen, Path(data), rounds=int(rounds), seconds=float(seconds), quick=bool(quick)))


if __name__ == "__main__":
    main()
