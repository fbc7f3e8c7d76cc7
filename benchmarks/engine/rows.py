"""The rows of the table, with the numbers to reach."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.engine.network import Cnn, Mlp, Network
from benchmarks.engine.row import Goal, Peer, Row

SMALL = Mlp((64, 64, 10))


def torch_peers(*, pictures: bool = False, compiled: bool = True) -> tuple[Peer, ...]:
    """Eager torch at the settings that may be its best ones, and compiled."""
    best = {"channels_last": True} if pictures else {}
    layout = " channels-last" if pictures else ""
    found = [Peer("torch", "torch", "torch")] if pictures else []
    found += [
        Peer(f"torch{layout}", "torch", "torch", best),
        Peer(f"torch{layout}, 1 thread", "torch", "torch", {**best, "threads": 1}),
    ]
    if compiled:
        found.append(Peer(f"torch.compile{layout}", "torch", "torch", {**best, "compiled": True}, slow=True))
    return tuple(found)


def population_peers(members: int) -> tuple[Peer, ...]:
    """Many small networks at once, and one by one."""
    half = members // 2
    return (
        Peer("torch baddbmm", "torch", "torch stacked", members=members),
        Peer("torch baddbmm, 1 thread", "torch", "torch stacked", {"threads": 1}, members=members),
        Peer("torch.func.vmap", "torch", "torch mapped", members=members),
        Peer("torch baddbmm, 2 processes", "torch", "torch stacked", {"threads": 1}, processes=2, members=half),
        Peer("torch.compile baddbmm", "torch", "torch stacked", {"compiled": True}, members=members, slow=True),
        Peer("torch one by one, 2 processes", "torch one by one", "torch one by one", {"threads": 1}, 2, half),
    )


def training(name: str, title: str, network: Network, batch: int, *, examples: str = "mnist") -> Row:
    """A row that trains one network, on all cores."""
    return Row(name, title, network, examples, batch, torch_peers(pictures=not isinstance(network, Mlp)))


def reaching(row: Row, torch: float, keras: float | None = None, limit: float | None = None) -> Row:
    goals = [Goal("torch", torch)] + ([Goal("Keras", keras)] if keras else [])
    return replace(row, goals=tuple(goals), limit=limit)


CNN = training("cnn", "CNN, batch 64", Cnn(), 64)
CNN_BN = training("cnn-bn", "CNN with batch norm and dropout, batch 64", Cnn(normed=True), 64)

ROWS: tuple[Row, ...] = (
    reaching(training("mlp-784-128", "MLP 784-128-10, batch 128", Mlp((784, 128, 10)), 128), 2.0, 1.5, 0.40),
    reaching(training("mlp-784-512", "MLP 784-512-512-10, batch 256", Mlp((784, 512, 512, 10)), 256), 1.2, 1.2, 0.65),
    Row(
        "mlp-population",
        "MLP 64-64-10, batch 32, population of 64",
        SMALL,
        "digits",
        32,
        population_peers(64),
        (Goal("torch", 3), Goal("torch one by one", 30), Goal("scikit-learn", 15), Goal("Keras", 25)),
        0.40,
        members=64,
        per="member-step",
    ),
    reaching(CNN, 2.3, 6, 0.95),
    replace(CNN, name="cnn-1core", title="CNN, batch 64, one core", cores=1, peers=CNN.peers[:2]),
    reaching(CNN_BN, 2.0, 5, 0.60),
)


def row(name: str) -> Row:
    return next(each for each in ROWS if each.name == name)
