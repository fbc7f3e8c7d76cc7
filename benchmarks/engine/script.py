"""A training as a script of its own, with the CNN on 54,016 pictures of MNIST, batch 64.

    python -m benchmarks.engine.script race|memory ours|torch|keras DATA SEED

`race` trains until an epoch ends with 0.99 accuracy on 5,984 other pictures, says so in its first line, then reads the
test part once. Its learning rate falls along a cosine over 8 epochs: with one that stays, all hover between 0.985
and 0.991, and luck decides. `memory` trains an epoch and tells the largest resident memory, less what the imports took.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from benchmarks.engine.cores import available
from benchmarks.engine.examples import Examples, load, mnist_test
from benchmarks.engine.network import Cnn
from benchmarks.engine.worker import speaker

WANTED, MOST_EPOCHS, BATCH, RATE = 0.99, 8, 64, 1e-3


class Trainer(Protocol):
    """A library training: an epoch at a time, giving the validation accuracy; and the classes of other pictures."""

    def epoch(self) -> float: ...

    def classes(self, inputs: np.ndarray) -> np.ndarray: ...


def main() -> None:
    what, library, data, seed = sys.argv[1:]
    say = speaker()
    for found in {"race": race, "memory": memory}[what](library, Path(data), int(seed)):
        say(found)


def race(library: str, data: Path, seed: int) -> Iterator[dict[str, Any]]:
    runner, validation, epochs = trainer(library, load("mnist whole", data), seed), 0.0, 0
    while validation < WANTED:
        if epochs == MOST_EPOCHS:
            raise RuntimeError(f"{WANTED} was not reached in {epochs} epochs")
        validation, epochs = runner.epoch(), epochs + 1
    yield {"validation": validation}
    inputs, targets = mnist_test(data)
    yield {"epochs": epochs, "validation": validation, "test": float((runner.classes(inputs) == targets).mean())}


def memory(library: str, data: Path, seed: int) -> Iterator[dict[str, Any]]:
    imported(library)
    Path("/proc/self/clear_refs").write_text("5")  # the peak from now on
    before = resident("VmRSS")
    trainer(library, load("mnist whole", data), seed).epoch()
    yield {"megabytes": resident("VmHWM") - before}


def resident(field: str) -> float:
    """Megabytes, from what Linux says of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def imported(library: str) -> None:
    """Import all that the library needs here, without its first use."""
    if library == "ours":
        import benchmarks.engine.ours
    elif library.startswith("torch"):
        import benchmarks.engine.torch_peer
    else:
        import benchmarks.engine.keras_peer  # noqa: F401


def trainer(library: str, examples: Examples, seed: int) -> Trainer:
    if library == "ours":
        return OursTrainer(examples, seed)
    if library == "keras":
        return KerasTrainer(examples, seed)
    return TorchTrainer(examples, seed, as_bytes=library == "torch bytes")


def rate(done: int) -> float:
    """The learning rate of an epoch behind so many: the cosine's in its middle. Lamina's falls step by step."""
    return RATE * (1 + math.cos(math.pi * (done + 0.5) / MOST_EPOCHS)) / 2


class OursTrainer:
    """Lamina, as `lamina train` sets it up: programs are kept in the user's cache folder."""

    def __init__(self, examples: Examples, seed: int) -> None:
        from benchmarks.engine.ours import Ours

        from lamina.training.cache import keep_compiled_programs

        keep_compiled_programs()
        self.one = Ours(Cnn(), examples, BATCH, epochs=MOST_EPOCHS, seed=seed, schedule="cosine")

    def epoch(self) -> float:
        population, measures = self.one.population, {}
        before = population.position.epoch
        while population.position.epoch == before:
            measures = population.advance(before + 1)
        return float(measures["validation_correct"][-1, 0])

    def classes(self, inputs: np.ndarray) -> np.ndarray:
        return self.one.answers(0, inputs).argmax(1)


class TorchTrainer:
    """torch on all cores, channels-last; its pictures as numbers in memory, or as bytes."""

    def __init__(self, examples: Examples, seed: int, *, as_bytes: bool) -> None:
        from benchmarks.engine.torch_peer import Setting, Torch

        setting = Setting(available(), channels_last=True, as_bytes=as_bytes)
        self.one, self.examples, self.done = Torch(Cnn(), examples, BATCH, setting, seed=seed), examples, 0

    def epoch(self) -> float:
        for group in self.one.optimizer.param_groups:
            group["lr"] = rate(self.done)
        self.done += 1
        self.one.run(len(self.examples.train) // BATCH)
        return self.one.validation

    def classes(self, inputs: np.ndarray) -> np.ndarray:
        import torch

        self.one.network.eval()
        pictures = torch.from_numpy(self.examples.numbers(inputs)).permute(0, 3, 1, 2)
        with torch.inference_mode():
            return torch.cat([self.one.network(part).argmax(1) for part in pictures.split(256)]).numpy()


class KerasTrainer:
    """Keras on the backend that KERAS_BACKEND says."""

    def __init__(self, examples: Examples, seed: int) -> None:
        from benchmarks.engine.keras_peer import Keras

        self.one, self.examples, self.done = Keras(Cnn(), examples, BATCH, seed=seed, counts=True), examples, 0

    def epoch(self) -> float:
        self.one.models[0].optimizer.learning_rate = rate(self.done)
        self.done += 1
        self.one.run(len(self.examples.train) // BATCH)
        return self.one.validation

    def classes(self, inputs: np.ndarray) -> np.ndarray:
        return self.one.answers(0, self.examples.numbers(inputs)).argmax(1)


if __name__ == "__main__":
    main()
