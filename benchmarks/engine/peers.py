"""Making a contender from what a row says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.engine import examples
from benchmarks.engine.contender import Contender
from benchmarks.engine.cores import available
from benchmarks.engine.network import Mlp
from benchmarks.engine.remote import Team
from benchmarks.engine.row import Peer, Row


def contender(row: Row, peer: Peer, data: Path) -> Contender:
    """The contender, in this process or in its own."""
    return Team(row, peer, data) if peer.processes else here(row, peer, data)


def here(row: Row, peer: Peer, data: Path, *, at: int = 0) -> Contender:
    """The contender in this process; ``at``: which of several processes that is.

    Libraries are imported only where they are used: each has its own threads.
    """
    if peer.kind == "errand":
        from benchmarks.engine.errand import Errand

        return Errand(peer, data)
    found = examples.load(row.examples, data)
    family, _, form = peer.kind.partition(" ")
    if family == "predict":
        return _predicting(row, peer, found, form)
    makers = {"ours": _ours, "torch": _torch, "keras": _keras, "sklearn": _sklearn}
    return makers[family](row, peer, found, at * peer.members)


def _ours(row: Row, peer: Peer, found: examples.Examples, seed: int) -> Contender:
    from benchmarks.engine.ours import Alone, Ours

    del seed
    make = Alone if peer.kind == "ours alone" else Ours
    return make(row.network, found, row.batch, members=peer.members if peer.processes else row.members, **peer.options)


def _torch(row: Row, peer: Peer, found: examples.Examples, seed: int) -> Contender:
    from benchmarks.engine import torch_peer, torch_population

    setting = torch_peer.Setting(**{"threads": available(), **peer.options})
    one: Any = (row.network, found, row.batch, setting)
    match peer.kind:
        case "torch stacked":
            return torch_population.Stacked(*one, members=peer.members)
        case "torch mapped":
            return torch_population.Mapped(*one, members=peer.members)
        case "torch one by one":
            return torch_population.OneByOne(*one, members=peer.members, seed=seed)
    return torch_peer.Torch(*one)


def _keras(row: Row, peer: Peer, found: examples.Examples, seed: int) -> Contender:
    from benchmarks.engine.keras_peer import Keras

    options = {name: value for name, value in peer.options.items() if name != "backend"}
    return Keras(row.network, found, row.batch, members=peer.members, seed=seed, **options)


def _sklearn(row: Row, peer: Peer, found: examples.Examples, seed: int) -> Contender:
    from benchmarks.engine.sklearn_peer import Sklearn

    assert isinstance(row.network, Mlp), "scikit-learn has dense layers only"
    return Sklearn(row.network, found, row.batch, members=peer.members, seed=seed)


def _predicting(row: Row, peer: Peer, found: examples.Examples, library: str) -> Contender:
    from benchmarks.engine import predicting

    match library:
        case "ours":
            return predicting.ours(found, row.batch, **peer.options)
        case "torch":
            return predicting.torch(found, row.batch, **peer.options)
        case "onnx":
            return predicting.onnx(found, row.batch, **peer.options)
    return predicting.keras(found, row.batch)
