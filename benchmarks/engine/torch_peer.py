"""torch as a contender, written as well as one would: batches gathered from a tensor in memory, fused Adam."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from benchmarks.engine.contender import timed
from benchmarks.engine.examples import Examples
from benchmarks.engine.network import Cnn, Mlp, Network, Recurrent, ResNet
from torch import Tensor, nn
from torch.nn import functional as F

GRAPHS = {"cuda": "reduce-overhead"}  # torch.compile's mode where launching costs more than computing


@dataclass(frozen=True)
class Setting:
    """How torch is set: its threads, the layout of pictures, whether they stay bytes in memory and become numbers
    batch by batch, bf16 autocast, torch.compile, and the device ("cpu", "cuda").
    """

    threads: int = 1
    channels_last: bool = False
    as_bytes: bool = False
    autocast: bool = False
    compiled: bool = False
    device: str = "cpu"


def module(network: Network) -> nn.Module:
    """The network in torch."""
    match network:
        case Mlp(widths):
            pairs = list(pairwise(widths))
            layers = [part for k, n in pairs for part in (nn.Linear(k, n), nn.ReLU())]
            return nn.Sequential(nn.Flatten(), *layers[:-1])
        case Cnn(normed):
            blocks = [*_convolution(1, 32, normed), *_convolution(32, 64, normed)]
            dropout = [nn.Dropout(0.5)] if normed else []
            return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), *dropout, nn.Linear(128, 10))
        case ResNet(channels):
            stem = [nn.Conv2d(3, channels[0], 3, padding=1, bias=False), nn.BatchNorm2d(channels[0]), nn.ReLU()]
            blocks = [Block(*block) for block in network.plan()]
            return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels[-1], 10))
        case Recurrent():
            return Reader(network)


def _convolution(channels: int, wide: int, normed: bool) -> list[nn.Module]:
    norm = [nn.BatchNorm2d(wide)] if normed else []
    return [nn.Conv2d(channels, wide, 3, padding=1, bias=not normed), *norm, nn.ReLU(), nn.MaxPool2d(2)]


class Block(nn.Module):
    """A basic block: two convolutions with batch norm, around them the input, projected where its shape changes."""

    def __init__(self, channels: int, wide: int, stride: int) -> None:
        super().__init__()
        first = [nn.Conv2d(channels, wide, 3, stride, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU()]
        self.body = nn.Sequential(*first, nn.Conv2d(wide, wide, 3, 1, 1, bias=False), nn.BatchNorm2d(wide))
        self.around = nn.Identity() if channels == wide else nn.Conv2d(channels, wide, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.around(x))


class Reader(nn.Module):
    """Recurrent layers, the last state of the last one to the head; sequences of lengths of their own are packed."""

    def __init__(self, network: Recurrent) -> None:
        super().__init__()
        kinds: dict[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
        self.layers = kinds[network.kind](
            network.features, network.hidden, network.layers, batch_first=True, bidirectional=network.both_ways
        )
        self.ways = 2 if network.both_ways else 1
        self.head = nn.Linear(network.hidden * self.ways, 10)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        given: Any = x
        if lengths is not None:
            given = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, last = self.layers(given)
        hidden = last[0] if isinstance(last, tuple) else last
        return self.head(hidden[-self.ways :].transpose(0, 1).flatten(1))


class Memory:
    """The examples as tensors: pictures [n, channels, height, width], in the memory order of the layout asked for."""

    def __init__(self, examples: Examples, setting: Setting) -> None:
        as_bytes, channels_last = setting.as_bytes, setting.channels_last
        inputs = torch.from_numpy(np.ascontiguousarray(examples.inputs if as_bytes else examples.floats))
        inputs = inputs.to(setting.device)
        self.statistics = (
            tuple(torch.from_numpy(of).to(setting.device) for of in examples.statistics) if as_bytes else ()
        )
        self.pictures, self.channels_last = inputs.ndim == 4, channels_last
        self.inputs = inputs if channels_last or not self.pictures else inputs.permute(0, 3, 1, 2).contiguous()
        self.targets = torch.from_numpy(examples.targets.astype(np.int64)).to(setting.device)
        self.lengths = None if examples.lengths is None else torch.from_numpy(examples.lengths.astype(np.int64))

    def batch(self, rows: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """What the network takes of these rows, and their classes."""
        inputs = self.inputs[rows]
        if self.pictures and self.channels_last:
            inputs = inputs.permute(0, 3, 1, 2)  # a view: the channels lie last in memory
        if self.statistics:
            mean, deviation = (of[:, None, None] for of in self.statistics)
            inputs = (inputs - mean) / deviation
        given = (inputs,) if self.lengths is None else (inputs, self.lengths[rows])
        return given, self.targets[rows]


class Torch:
    """One network in eager torch, or compiled."""

    members = 1

    def __init__(self, network: Network, examples: Examples, batch: int, setting: Setting, *, seed: int = 0) -> None:
        torch.set_flush_denormal(True)  # as XLA does
        torch.manual_seed(seed)
        self.setting, self.examples, self.size = setting, examples, batch
        self.memory = Memory(examples, setting)
        self.network = module(network).to(setting.device)
        if setting.channels_last:
            self.network = self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-3, fused=True)
        self.call: Any = (
            torch.compile(self.network, mode=GRAPHS.get(setting.device)) if setting.compiled else self.network
        )
        self.train = torch.from_numpy(examples.train).to(setting.device)
        self.order = self.train[:0]
        self.notes, self.validation = "", 0.0

    def run(self, steps: int) -> float:
        with threads(self.setting.threads):
            return timed(lambda: self._steps(steps))

    def _steps(self, steps: int) -> None:
        self._each_step(steps)
        if self.setting.device == "cuda":
            torch.cuda.synchronize()

    def _each_step(self, steps: int) -> None:
        for _ in range(steps):
            if not len(self.order):
                self.order = self.train[torch.randperm(len(self.train), device=self.train.device)]
            rows, self.order = self.order[: self.size], self.order[self.size :]
            self._step(rows)
            if not len(self.order):
                self.validation = self._right(self.examples.validation)

    def _step(self, rows: Tensor) -> None:
        given, classes = self.memory.batch(rows)
        self.optimizer.zero_grad(set_to_none=True)
        with self._precision():
            loss = F.cross_entropy(self.call(*given), classes)
        loss.backward()
        self.optimizer.step()

    def _precision(self) -> contextlib.AbstractContextManager[Any]:
        return (
            torch.autocast(self.setting.device, dtype=torch.bfloat16)
            if self.setting.autocast
            else contextlib.nullcontext()
        )

    def answers(self, rows: np.ndarray) -> np.ndarray:
        """The scores of the classes of these rows; what is measured at the end of an epoch."""
        self.network.eval()
        with torch.inference_mode(), self._precision():
            pieces = [self.network(*self.memory.batch(part)[0]) for part in self._rows(rows).split(256)]
        self.network.train()
        return torch.cat(pieces).float().cpu().numpy()

    def _rows(self, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(rows).to(self.setting.device)

    def accuracy(self) -> float:
        return self._right(self.examples.held)

    def _right(self, rows: np.ndarray) -> float:
        return float((self.answers(rows).argmax(1) == self.examples.targets[rows]).mean())


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads for torch's operations, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
