"""Populations on a GPU beside torch one by one, and the share of the device's matrix peak that large networks reach.

    python -m benchmarks.gpu [--rows mlp-16,wide-mlp] [--rounds 5]
    python -m benchmarks.gpu --platform cpu --tiny      # the logic, where there is no GPU

Populations of 1, 16, 256 and 1,000 members (MLP, CNN, LSTM) against torch eager and torch.compile (with CUDA graphs),
which train a few members one by one: a member-step costs them the same however many there are. All data are made, so
the script needs no files. Both sides may use TF32, and the matrix peak is measured with it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if not __package__:  # python benchmarks/gpu.py
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.engine.contender import timed
from benchmarks.engine.contest import Entry, agree, outcome, warm
from benchmarks.engine.examples import Examples, load
from benchmarks.engine.network import Cnn, Mlp, Network, Recurrent, ResNet
from benchmarks.engine.products import operations, products
from benchmarks.engine.results import keep, kept, where
from benchmarks.engine.row import Peer, Row
from benchmarks.engine.table import amount, details, ratio

FILE = Path(__file__).parent / "results" / "gpu.json"
ONE_BY_ONE = 2  # members that torch trains, one after the other


@dataclass(frozen=True)
class Options:
    """Where and how large: the platform as JAX calls it, and whether all is made small enough for a test."""

    platform: str
    tiny: bool
    rounds: int
    seconds: float

    @property
    def device(self) -> str:
        """The platform as torch calls it."""
        return "cuda" if self.platform == "gpu" else "cpu"


def rows(tiny: bool) -> list[Row]:
    """Every row: the populations, then the two large networks."""
    networks: dict[str, tuple[Network, str, int]] = {
        "mlp": (Mlp((784, 128, 10)), "made numbers", 128),
        "cnn": (Cnn(), "made pictures", 64),
        "lstm": (Recurrent("lstm"), "made rows", 128),
    }
    large: dict[str, tuple[Network, str, int]] = {
        "wide-mlp": (Mlp((784, 8192, 8192, 10)), "made numbers", 5_120),
        "resnet18": (ResNet((64, 128, 256, 512), 2), "made colours", 512),
    }
    if tiny:
        networks["lstm"] = (Recurrent("lstm", hidden=8), "made rows", 128)
        large = {
            "wide-mlp": (Mlp((784, 64, 64, 10)), "made numbers", 512),
            "resnet18": (ResNet((4, 8), 2), "made colours", 512),
        }
    sizes = (1, 2) if tiny else (1, 16, 256, 1_000)
    found = [_row(f"{name}-{size}", *of, members=size) for name, of in networks.items() for size in sizes]
    return found + [_row(name, *of, members=1) for name, of in large.items()]


def _row(name: str, network: Network, examples: str, batch: int, *, members: int) -> Row:
    kind = type(network).__name__
    title = f"{kind}, batch {batch:,}, {members:,} members" if members > 1 else f"{kind}, batch {batch:,}"
    peers = (Peer("torch eager", "torch", "torch"), Peer("torch.compile", "torch.compile", "torch", {"compiled": True}))
    return Row(name, title, network, examples, batch, peers, members=members, per="member-step")


def main() -> None:
    options, chosen, results = asked()
    if reason := missing(options):
        print(reason, file=sys.stderr)
        sys.exit(2)
    # One process, two libraries, one device: none may take all of its memory beforehand.
    found, order = kept(results) if results else {}, [row.name for row in rows(options.tiny)]
    here = where() | {"device": device_name(options)}
    print(", ".join(f"{key} {value}" for key, value in here.items() if key != "versions"), flush=True)
    peak = matrix_peak(options)
    print(f"matrix peak, float32 inputs: {peak / 1e12:.3g} TFLOP/s", flush=True)
    for row in chosen:
        found[row.name] = {**measured(row, options, peak), "where": here}
        print(f"\n{row.title} ({row.name})", *details(row, found[row.name]), sep="\n", flush=True)
        if results:
            keep(results, found, order)
    print("", *(line(row, found[row.name]) for row in chosen), sep="\n")


def asked() -> tuple[Options, list[Row], Path | None]:
    """What the command line says; tiny results are kept nowhere unless a file is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--tiny", action="store_true", help="small networks and populations: tests the script")
    parser.add_argument("--rows", default="", help="some of the rows, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long our part of a round takes")
    parser.add_argument("--results", type=Path, help=f"the JSON file to merge the outcomes into ({FILE.name})")
    given = parser.parse_args()
    known = {row.name: row for row in rows(given.tiny)}
    names = given.rows.split(",") if given.rows else list(known)
    if strangers := [name for name in names if name not in known]:
        parser.error(f"no rows {', '.join(strangers)}; there are {', '.join(known)}")
    results = given.results or (None if given.tiny else FILE)
    return Options(given.platform, given.tiny, given.rounds, given.seconds), [known[n] for n in names], results


def missing(options: Options) -> str:
    """Why this can't run here; "" when it can."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    import jax
    import torch

    instead = "To try the script without one: python -m benchmarks.gpu --platform cpu --tiny"
    try:
        jax.devices(options.platform)
    except RuntimeError:
        return f"JAX finds no {options.platform} here (pip install 'lamina[cuda]' where there is one). {instead}"
    if options.platform == "gpu" and not torch.cuda.is_available():
        return f"torch finds no GPU here: install its CUDA build to compare with it. {instead}"
    torch.set_float32_matmul_precision("high")  # TF32, as JAX has it by default on a GPU
    return ""


def device_name(options: Options) -> str:
    import jax

    return jax.devices(options.platform)[0].device_kind


def matrix_peak(options: Options) -> float:
    """Operations a second at a large square of float32, the better of torch and JAX."""
    import jax
    import torch

    size, times = (512, 3) if options.tiny else (8192, 30)
    a = torch.randn(size, size, device=options.device)
    b = jax.device_put(jax.numpy.ones((size, size)), jax.devices(options.platform)[0])
    product = jax.jit(lambda x: x @ x)
    works: tuple[Callable[[], Any], ...] = (lambda: a @ a, lambda: product(b))

    def repeated(work: Callable[[], Any]) -> None:
        last = [work() for _ in range(times)][-1]
        jax.block_until_ready(last)
        if options.device == "cuda":
            torch.cuda.synchronize()

    for work in works:
        repeated(work)
    return max(2.0 * size**3 * times / min(timed(lambda: repeated(work)) for _ in range(3)) for work in works)  # noqa: B023


def measured(row: Row, options: Options, peak: float) -> dict[str, Any]:
    """The outcome of a row, as the engine's benchmark measures it."""
    found = load(row.examples, Path())
    entries = [Entry(row.ours), *(Entry(peer) for peer in row.peers)]
    for entry in entries:
        entry.contender = entry.attempt(lambda entry=entry: contender(row, entry.peer, found, options))
    wanted = warm(row, entries, options.seconds)
    for turn in range(options.rounds):
        agree(row, entries, wanted)
        at = turn % len(entries)
        for entry in entries[at:] + entries[:at]:
            if (cost := entry.run()) is not None:
                entry.costs.append(cost)
    for entry in entries:
        entry.leave()
    if entries[0].failed:
        return {"name": row.name, "failed": entries[0].failed}
    told, work = outcome(row, entries, None), operations(products(row.network, row.batch))
    share = work / told["ours"]["cost"] / peak
    told["limit"] = {
        "gflops": peak / 1e9, "by": "large square", "operations": work, "share": share, "share_at_real_shapes": share
    }  # fmt: skip
    return told


def contender(row: Row, peer: Peer, examples: Examples, options: Options) -> Any:
    """Lamina with the whole population, or torch with a few of its members one by one."""
    if peer.kind == "ours":
        from benchmarks.engine.ours import Ours

        return Ours(row.network, examples, row.batch, members=row.members, device=options.platform)
    from benchmarks.engine.torch_peer import Setting
    from benchmarks.engine.torch_population import OneByOne

    pictures = isinstance(row.network, Cnn | ResNet)
    setting = Setting(channels_last=pictures, device=options.device, **peer.options)
    return OneByOne(row.network, examples, row.batch, setting, members=min(row.members, ONE_BY_ONE))


def line(row: Row, found: dict[str, Any]) -> str:
    """A row in one line."""
    if "failed" in found:
        return f"{row.title}: {found['failed']}"
    against = ", ".join(f"{group} {ratio(row, found, group)}" for group in ("torch", "torch.compile"))
    return (
        f"{row.title}: {amount(found['ours']['cost'], row.per)}; against {against}; "
        f"{100 * found['limit']['share']:.0f} % of the matrix peak"
    )


if __name__ == "__main__":
    main()
