"""A row measured: its contenders in turn, round by round, in one run; medians of the ratios of each round.

    python -m benchmarks.engine.contest ROW DATA ROUNDS SECONDS [quick]

prints the outcome as a line of JSON, after what libraries print.
"""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.engine.contender import Contender
from benchmarks.engine.cores import allowed, available, pin
from benchmarks.engine.row import Peer, Row


@dataclass
class Entry:
    """A contender in the contest: its costs a member-step, one a round; why it left, if it did."""

    peer: Peer
    contender: Contender | None = None
    costs: list[float] = field(default_factory=list)
    accuracy: float | None = None
    failed: str = ""

    def attempt(self, what: Any) -> Any:
        """``what(contender)``; a peer's failure is its own, and is told in the table."""
        if self.failed or self.contender is None:
            return None
        try:
            return what(self.contender)
        except Exception as problem:  # whatever a library throws is the outcome
            traceback.print_exc()
            self.failed = f"{type(problem).__name__}: {problem}".strip().split("\n", 1)[0][:300]
            return None

    def run(self, steps: int) -> float | None:
        cost = self.attempt(lambda one: one.run(steps) / (steps * one.members))
        return cost


def measure(row: Row, data: Path, *, rounds: int, seconds: float, quick: bool) -> dict[str, Any]:
    """The outcome of a row."""
    from benchmarks.engine.peers import contender

    entries = [Entry(row.ours), *(Entry(peer) for peer in row.peers if not (quick and peer.slow))]
    for entry in entries:
        try:
            entry.contender = contender(row, entry.peer, data)
        except Exception as problem:  # told in the table
            traceback.print_exc()
            entry.failed = f"{type(problem).__name__}: {problem}".strip().split("\n", 1)[0][:300]
    ours = entries[0]
    if ours.contender is None:
        return {"name": row.name, "failed": ours.failed}
    limit = _limit(row)
    steps = warm(entries, seconds)
    for turn in range(rounds):
        steps = _next(ours.contender, steps)
        for entry in entries[turn % len(entries) :] + entries[: turn % len(entries)]:
            if (cost := entry.run(steps)) is not None:
                entry.costs.append(cost)
        if limit:
            limit.measure()
    for entry in entries:
        entry.accuracy = entry.attempt(lambda one: one.accuracy())
        if hasattr(entry.contender, "close"):
            entry.contender.close()  # type: ignore[union-attr]
    return outcome(row, entries, limit, steps)


def warm(entries: list[Entry], seconds: float) -> int:
    """Everybody does the first steps (compiling, filling caches); gives how many steps of ours take ``seconds``."""
    ours = entries[0].contender
    first = _next(ours, 1)
    entries[0].run(first)
    second = _next(ours, 1)
    cost = entries[0].run(second)
    for entry in entries[1:]:
        entry.run(first + second)
    members = ours.members if ours else 1
    return max(1, round(seconds / (cost * members))) if cost else 1


def _next(ours: Any, steps: int) -> int:
    """How many steps the next round takes: Lamina goes by chunks."""
    return ours.reachable(steps) if hasattr(ours, "reachable") else steps


def _limit(row: Row) -> Any:
    if not row.measures_limit:
        return None
    from benchmarks.engine.limit import Limit
    from benchmarks.engine.products import forward, products

    of = forward if row.predicts else products
    return Limit(of(row.network, row.batch), available(), 1 if row.members > 1 else 0)


def outcome(row: Row, entries: list[Entry], limit: Any, steps: int) -> dict[str, Any]:
    """What is kept of a row: JSON-ready values."""
    ours = entries[0]
    found = {
        "name": row.name,
        "ours": told(ours, ours),
        "peers": {entry.peer.name: told(entry, ours) for entry in entries[1:]},
        "rounds": len(ours.costs),
        "steps_a_round": steps,
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
