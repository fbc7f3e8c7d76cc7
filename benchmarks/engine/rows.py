"""The rows of the table, with the numbers to reach."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.engine.network import Cnn, Mlp, Network, Recurrent, ResNet
from benchmarks.engine.row import Goal, Peer, Row

LAST = {"channels_last": True}


def torch_peers(*, pictures: bool = False) -> tuple[Peer, ...]:
    """Torch at the settings that may be its best ones: eager, the fewer threads, compiled."""
    best: dict[str, Any] = LAST if pictures else {}
    layout = " channels-last" if pictures else ""
    plain = (Peer("torch", "torch", "torch"),) if pictures else ()
    return (
        *plain,
        Peer(f"torch{layout}", "torch", "torch", best),
        Peer(f"torch{layout}, 1 thread", "torch", "torch", {**best, "threads": 1}),
        Peer(f"torch.compile{layout}", "torch", "torch", {**best, "compiled": True}, slow=True),
    )


def keras_peers(kind: str = "keras") -> tuple[Peer, ...]:
    """Keras on JAX is what the goals speak of; on torch it is told beside it."""
    return (
        Peer("Keras on JAX", "Keras", kind, {"backend": "jax"}, processes=1),
        Peer("Keras on torch", "Keras on torch", kind, {"backend": "torch"}, processes=1, slow=True),
    )


def training(name: str, title: str, network: Network, batch: int, *, examples: str = "mnist") -> Row:
    """A row that trains one network on all cores."""
    pictures = isinstance(network, Cnn | ResNet)
    return Row(name, title, network, examples, batch, (*torch_peers(pictures=pictures), *keras_peers()))


def reaching(row: Row, torch: float, keras: float | None = None, limit: float | None = None) -> Row:
    """The row with its goals."""
    goals = [Goal("torch", torch)] + ([Goal("Keras", keras)] if keras else [])
    return replace(row, goals=tuple(goals), limit=limit)


def in_bfloat16(row: Row, torch: float) -> Row:
    """The row in bfloat16, beside torch's autocast."""
    options = LAST if isinstance(row.network, Cnn) else {}
    cast = {**options, "autocast": True}
    peers = (
        Peer("torch autocast", "torch", "torch", cast),
        Peer("torch autocast, 1 thread", "torch", "torch", {**cast, "threads": 1}),
        Peer("torch.compile autocast", "torch", "torch", {**cast, "compiled": True}, slow=True),
        Peer("lamina float32", "lamina float32", "ours"),
    )
    ours = Peer("lamina", "lamina", "ours", {"precision": "bfloat16"})
    name, title = f"{row.name}-bf16", f"{row.title}, bf16"
    return replace(
        row, name=name, title=title, peers=peers, ours=ours, goals=(Goal("torch", torch),), limit=None,
        measures_limit=False,
    )  # fmt: skip


def population() -> Row:
    """Many small networks at once, against many at once and one by one."""
    one_thread = {"threads": 1}
    peers = (
        Peer("torch baddbmm", "torch", "torch stacked", members=64),
        Peer("torch baddbmm, 1 thread", "torch", "torch stacked", one_thread, members=64),
        Peer("torch.func.vmap", "torch", "torch mapped", members=64),
        Peer("torch.func.vmap, 1 thread", "torch", "torch mapped", one_thread, members=64),
        Peer("torch baddbmm, 2 processes", "torch", "torch stacked", one_thread, processes=2, members=32),
        Peer("torch.compile baddbmm", "torch", "torch stacked", {"compiled": True}, members=64, slow=True),
        Peer("torch, 2 processes", "torch one by one", "torch one by one", one_thread, processes=2, members=32),
        Peer("scikit-learn, 2 processes", "scikit-learn", "sklearn", processes=2, members=32),
        Peer("Keras on JAX", "Keras", "keras", {"backend": "jax"}, processes=1, members=2),
        Peer("Keras on JAX, 2 processes", "Keras", "keras", {"backend": "jax"}, processes=2, members=2),
    )
    goals = (Goal("torch", 3), Goal("torch one by one", 30), Goal("scikit-learn", 15), Goal("Keras", 25))
    title = "MLP 64-64-10, batch 32, population of 64"
    return Row(
        "mlp-population", title, Mlp((64, 64, 10)), "digits", 32, peers, goals, 0.40, members=64, per="member-step"
    )


def scaling() -> Row:
    """A member's time in a population of 64 on all cores, against a member alone on one core."""
    alone = Peer("lamina, N = 1 on one core", "N = 1", "ours alone", processes=1, cores=1)
    return replace(
        population(),
        name="scaling",
        title="population: time a member at N = 64 against N = 1 on one core",
        peers=(alone,),
        goals=(Goal("N = 1", 0.55, at_most=True),),
        limit=None,
        measures_limit=False,
    )


def inference(batch: int, torch: float, keras: float) -> Row:
    """The CNN answering."""
    peers = (
        Peer("lamina, its program alone", "lamina's program", "predict ours", {"bare": True}),
        Peer("torch", "torch", "predict torch"),
        Peer("torch, 1 thread", "torch", "predict torch", {"threads": 1}),
        Peer("torch.jit frozen", "torch", "predict torch", {"form": "frozen"}),
        Peer("torch.compile", "torch", "predict torch", {"form": "compiled"}, slow=True),
        Peer("ONNX Runtime", "ONNX Runtime", "predict onnx"),
        Peer("ONNX Runtime, 1 thread", "ONNX Runtime", "predict onnx", {"threads": 1}),
        *keras_peers("predict keras"),
    )
    ours = Peer("lamina", "lamina", "predict ours", {"bare": False})
    goals = (Goal("torch", torch), Goal("Keras", keras), Goal("ONNX Runtime", 1))
    title = f"inference, CNN, batch {batch:,}"
    return Row(
        f"predict-{batch}",
        title,
        Cnn(),
        "mnist",
        batch,
        peers,
        goals,
        ours=ours,
        per="call",
        same_steps=False,
        measures_limit=False,
    )


def race() -> Row:
    """From the start of the process to 0.99 on validation rows."""

    def peer(name: str, group: str, library: str, **options: Any) -> Peer:
        return Peer(name, group, "errand", {"what": "race", "library": library, **options})

    peers = (
        peer("lamina, compiled before", "lamina, compiled before", "ours", warm=True),
        peer("torch channels-last", "torch", "torch"),
        peer("Keras on JAX", "Keras", "keras", backend="jax"),
    )
    ours = peer("lamina", "lamina", "ours")
    goals = (Goal("torch", 2), Goal("Keras", 3))
    title = "MNIST to 0.99 validation accuracy, from the start of the process"
    return Row("race", title, Cnn(), "mnist", 64, peers, goals, ours=ours, per="run", measures_limit=False, rounds=3)


def memory() -> Row:
    """The largest resident memory of an epoch, less the imports."""

    def peer(name: str, group: str, library: str, **options: Any) -> Peer:
        return Peer(name, group, "errand", {"what": "memory", "library": library, **options})

    peers = (
        peer("lamina, compiled before", "lamina, compiled before", "ours", warm=True),
        peer("torch, float32 pictures", "torch", "torch"),
        peer("torch, pictures as bytes", "torch", "torch bytes"),
    )
    ours, goals = peer("lamina", "lamina", "ours"), (Goal("torch", 1.0, at_most=True),)
    title = "peak memory of the CNN run, less imports"
    return Row("memory", title, Cnn(), "mnist", 64, peers, goals, ours=ours, per="MB", measures_limit=False, rounds=3)


MLP_SMALL = training("mlp-784-128", "MLP 784-128-10, batch 128", Mlp((784, 128, 10)), 128)
MLP_LARGE = training("mlp-784-512", "MLP 784-512-512-10, batch 256", Mlp((784, 512, 512, 10)), 256)
CNN = training("cnn", "CNN, batch 64", Cnn(), 64)
ONE_CORE = replace(
    CNN, name="cnn-1core", title="CNN, batch 64, one core", cores=1, peers=(*CNN.peers[:2], *CNN.peers[3:])
)
CNN_BN = training("cnn-bn", "CNN with batch norm and dropout, batch 64", Cnn(normed=True), 64)
RESNET = training("resnet8", "ResNet-8 on 32x32x3, batch 64", ResNet(), 64, examples="signs")
LSTM, GRU, RNN = (
    training(kind, f"{kind.upper()} 28 x 28, hidden 128, batch 128", Recurrent(kind), 128, examples="mnist rows")
    for kind in ("lstm", "gru", "rnn")
)
BOTH_WAYS = training(
    "lstm-both-ways",
    "LSTM bidirectional, 2 layers, 100 steps, hidden 64, lengths varied, batch 64",
    Recurrent("lstm", steps=100, features=8, hidden=64, layers=2, both_ways=True, live=0.6),
    64,
    examples="waves",
)

ROWS: tuple[Row, ...] = (
    reaching(MLP_SMALL, 2.0, 1.5, 0.40),
    reaching(MLP_LARGE, 1.2, 1.2, 0.65),
    population(),
    reaching(CNN, 2.3, 6, 0.95),
    ONE_CORE,
    reaching(CNN_BN, 2.0, 5, 0.60),
    reaching(RESNET, 1.5, 4, 0.55),
    reaching(LSTM, 1.4, 2.5, 0.75),
    reaching(GRU, 1.4, 2),
    reaching(RNN, 1.8, 2),
    reaching(BOTH_WAYS, 1.5, 2),
    in_bfloat16(CNN, 1.8),
    in_bfloat16(LSTM, 1.4),
    inference(1, 2, 5),
    inference(1024, 1.5, 2),
    race(),
    memory(),
    scaling(),
)


def row(name: str) -> Row:
    return next(each for each in ROWS if each.name == name)
