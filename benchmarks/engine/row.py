"""A row of the table: which network, on what, against whom, and what is to be reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from benchmarks.engine.network import Network


@dataclass(frozen=True)
class Peer:
    """Who is measured beside Lamina.

    ``group`` is the column it stands in (of each group the fastest counts); ``kind`` says what makes it (`peers.py`)
    and ``options`` how; ``processes``: 0 in the row's own process, else so many processes of its own, each with
    ``members`` of the population, one core each where there are several; ``cores`` of a lone process: 0 for all.
    """

    name: str
    group: str
    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    processes: int = 0
    members: int = 1
    cores: int = 0
    slow: bool = False


@dataclass(frozen=True)
class Goal:
    """The ratio wanted against a group: the peer's time over ours at least, or ours over the peer's at most."""

    group: str
    wanted: float
    at_most: bool = False


@dataclass(frozen=True)
class Row:
    """One line of the table.

    ``limit``: the share of the GEMM limit wanted; ``cores``: 0 for all that there are; ``same_steps``: everybody does
    the same steps, so that accuracies compare, else each as many as a round has time for.
    """

    name: str
    title: str
    network: Network
    examples: str
    batch: int
    peers: tuple[Peer, ...]
    goals: tuple[Goal, ...] = ()
    limit: float | None = None
    ours: Peer = Peer("lamina", "lamina", "ours")
    members: int = 1
    cores: int = 0
    per: str = "step"
    same_steps: bool = True
    measures_limit: bool = True
    rounds: int | None = None

    def peer(self, name: str) -> Peer:
        return next(each for each in (self.ours, *self.peers) if each.name == name)
