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
    steps: int = 1
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
        """What a step of a member costs."""
        return self.attempt(lambda one: one.run(steps) / (steps * one.members))


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
    (warm if row.same_steps else warm_each)(entries, seconds)
    for turn in range(rounds):
        if row.same_steps:
            _agree(entries)
        for entry in entries[turn % len(entries) :] + entries[: turn % len(entries)]:
            if (cost := entry.run(entry.steps)) is not None:
                entry.costs.append(cost)
        if limit:
            limit.measure()
    for entry in entries:
        entry.accuracy = entry.attempt(lambda one: one.accuracy())
        if hasattr(entry.contender, "close"):
            entry.contender.close()  # type: ignore[union-attr]
    return outcome(row, entries, limit)


def warm(entries: list[Entry], seconds: float) -> None:
    """Everybody does the same first steps (compiling, filling caches); ours tell how many take ``seconds``."""
    ours = entries[0]
    ours.steps = 1
    _agree(entries)
    for entry in entries:
        entry.run(entry.steps)
    _agree(entries)
    costs = [entry.run(entry.steps) for entry in entries]
    if costs[0] and ours.contender:
        ours.steps = max(1, round(seconds / (costs[0] * ours.contender.members)))


def _agree(entries: list[Entry]) -> None:
    """Everybody's next round has the steps after which a chunk of ours ends."""
    ours = entries[0]
    steps = ours.contender.reachable(ours.steps) if hasattr(ours.contender, "reachable") else ours.steps  # type: ignore[union-attr]
    for entry in entries[1:]:
        entry.steps = steps
    ours.steps = steps


def warm_each(entries: list[Entry], seconds: float) -> None:
    """Each finds out how many steps of its own take ``seconds``."""
    for entry in entries:
        entry.run(1)
        if cost := entry.run(3):
            entry.steps = max(1, round(seconds / cost))


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
