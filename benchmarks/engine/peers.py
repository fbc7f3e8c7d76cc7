"""Making a contender from what a row says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.engine import examples
from benchmarks.engine.contender import Contender
from benchmarks.engine.cores import available
from benchmarks.engine.remote import Team
from benchmarks.engine.row import Peer, Row


def contender(row: Row, peer: Peer, data: Path) -> Contender:
    """The contender, in this process or in its own."""
    return Team(row, peer, data) if peer.processes else here(row, peer, data)


def here(row: Row, peer: Peer, data: Path, *, at: int = 0) -> Contender:
    """The contender in this process. Libraries are imported only where they are used: each has its own threads."""
    found = examples.load(row.examples, data)
    if peer.kind == "ours":
        from benchmarks.engine.ours import Ours

        members = peer.members if peer.processes else row.members
        return Ours(row.network, found, row.batch, members=members, **peer.options)
    return _torch(row, peer, found)


def _torch(row: Row, peer: Peer, found: examples.Examples) -> Contender:
    from benchmarks.engine import torch_peer, torch_population

    setting = torch_peer.Setting(**{"threads": available(), **peer.options})
    one: Any = (row.network, found, row.batch, setting)
    match peer.kind:
        case "torch":
            return torch_peer.Torch(*one)
        case "torch stacked":
            return torch_population.Stacked(*one, members=peer.members)
        case "torch mapped":
            return torch_population.Mapped(*one, members=peer.members)
        case "torch one by one":
            return torch_population.OneByOne(*one, members=peer.members)
    raise ValueError(f"nothing makes {peer.kind!r}")
