"""Images: digits out of fold, MNIST on its official split, colour photographs of hands beside simple models on pixels.

    python benchmarks/images.py DATA [digits | mnist | sign_language_digits ...]

On MNIST, where torch is installed, the same network is also trained in torch for an epoch, to compare the seconds.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from machine import described
from trial import Trial, attempt, keep, kept, remarks, row, table

from lamina.data.read import read
from lamina.settings import Progress, Settings

NOTATION = "conv 32, pool, conv 64, pool, dense 128, dropout 0.5"
EPOCHS = 10
MIXED = "One person gave several pictures, and a random split has the same persons on both sides."

TRIALS = (
    Trial("digits", "sample:digits"),
    Trial("mnist", "mnist", settings=Settings(networks=(NOTATION,), epochs=EPOCHS), mlp=False),
    Trial("sign_language_digits", "sign_language_digits", note=MIXED, mlp=False),
)


def main() -> None:
    options = asked()
    machine, found = described(), kept(options.results)
    print(machine, flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        runs = options.runs or Path(scratch) / "runs"
        for each in TRIALS:
            if options.names and each.name not in options.names:
                continue
            found[each.name] = one(located(each, options.data), runs)
            print(" | ".join(row(found[each.name])), flush=True)
            keep(options.results, machine, in_order(found))
    print("", table(in_order(found)), "", *remarks(in_order(found)), *more(found), sep="\n")


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with a folder a data set")
    parser.add_argument("names", nargs="*", choices=[[], *(t.name for t in TRIALS)], metavar="NAME")
    parser.add_argument("--results", type=Path, help="a JSON file to merge the outcomes into")
    parser.add_argument("--runs", type=Path, help="a folder to keep the runs and their reports in")
    return parser.parse_args()


def in_order(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [found[t.name] for t in TRIALS if t.name in found]


def located(each: Trial, data: Path) -> Trial:
    """The trial with its path: the only zip of a folder, or the folder."""
    if each.file.startswith("sample:"):
        return each
    zips = sorted((data / each.file).glob("*.zip"))
    return replace(each, file=str(zips[0] if zips else data / each.file))


def one(each: Trial, runs: Path) -> dict[str, Any]:
    """The outcome of a trial, and how long an epoch took; for MNIST also in torch."""
    watch = Watch()
    found = attempt(each, runs, observer=watch)
    found["training_seconds"] = watch.seconds
    if each.name == "mnist" and "failed" not in found and importlib.util.find_spec("torch"):
        found["torch_epoch_seconds"] = torch_epoch(each.file)
    return found


class Watch:
    """An observer that takes the time of the training alone, compilation included."""

    def __init__(self) -> None:
        self.started: float | None = None
        self.seconds = 0.0

    def __call__(self, progress: Progress) -> None:
        self.started = self.started or time.perf_counter()
        if progress.stage == "training":
            self.seconds = time.perf_counter() - self.started
        elif not self.seconds:
            self.started = time.perf_counter()


def torch_epoch(path: str) -> float:
    """Seconds of an epoch of the same network in torch, batch by batch as one would write it, all cores."""
    import torch

    examples = read(path)
    known = np.flatnonzero(~np.asarray(examples.fixed_test))
    pixels = torch.tensor(np.asarray(examples.inputs)[known], dtype=torch.float32).permute(0, 3, 1, 2) / 255
    classes = torch.tensor(examples.targets[known], dtype=torch.long)
    network = torch_network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01)
    started = time.perf_counter()
    for batch in torch.randperm(len(known)).split(64):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(pixels[batch]), classes[batch]).backward()
        optimizer.step()
    return time.perf_counter() - started


def torch_network() -> Any:
    from torch import nn

    convolutions = [nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    convolutions += [nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(
        *convolutions, nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)
    )


def more(found: dict[str, dict[str, Any]]) -> list[str]:
    """What only images have: the seconds, and how far the network is ahead of each simple model."""
    lines = []
    for name, each in found.items():
        if "failed" in each:
            continue
        ahead = ", ".join(f"{n} {100 * b['difference'][0]:+.1f}" for n, b in each["baselines"].items())
        lines.append(f"{name}: points ahead of: {ahead}; training alone {each['training_seconds']:.0f} s.")
        if peer := each.get("torch_epoch_seconds"):
            ours = each["training_seconds"] / EPOCHS
            lines.append(f"{name}: an epoch {ours:.1f} s with validation and compilation, in torch {peer:.1f} s "
                         f"without: ratio {ours / peer:.2f}.")  # fmt: skip
    return lines


if __name__ == "__main__":
    main()
