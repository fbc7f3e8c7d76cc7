"""A network as every library is told of it: what is compared, in nobody's words.

`ours.py`, `torch_peer.py`, `keras_peer.py` and `onnx_peer.py` each build it; `products.py` counts what a step of it
must multiply.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Mlp:
    """Dense layers with relu between them; ``widths`` are the inputs, the hidden layers and the outputs."""

    widths: tuple[int, ...]


@dataclass(frozen=True)
class Cnn:
    """conv3x3 1-32, relu, maxpool2, conv3x3 32-64, relu, maxpool2, dense 128, relu, dense 10 on 28x28x1.

    ``normed``: with batch norm after each convolution and dropout 0.5 before the head.
    """

    normed: bool = False


@dataclass(frozen=True)
class ResNet:
    """A stem of the first channels, so many basic blocks a stage, each stage after the first halving; mean, dense 10.

    On 32x32x3. A block is conv3x3, batch norm, relu, conv3x3, batch norm, plus the input (through a 1x1 convolution
    where the shape changes), relu.
    """

    channels: tuple[int, ...] = (16, 32, 64)
    blocks: int = 1

    def plan(self) -> list[tuple[int, int, int]]:
        """Each block's channels in, channels out and stride."""
        found, before = [], self.channels[0]
        for stage, wide in enumerate(self.channels):
            for block in range(self.blocks):
                found.append((before, wide, 2 if stage and not block else 1))
                before = wide
        return found


@dataclass(frozen=True)
class Recurrent:
    """Recurrent layers over ``steps`` of ``features``, the last state to dense 10.

    ``live``: the mean share of the steps that is there, where sequences have lengths of their own.
    """

    kind: Literal["lstm", "gru", "rnn"]
    steps: int = 28
    features: int = 28
    hidden: int = 128
    layers: int = 1
    both_ways: bool = False
    live: float = 1.0


Network = Mlp | Cnn | ResNet | Recurrent
