"""The matrix products that a step of a network must do, and no more: the arithmetic behind the share of the limit.

A convolution counts as the product of its patches; the gradient of the first layer's input is wanted by nobody and not
counted; what a smarter form may leave out (the zeros behind a max pool) is counted, so a share can pass 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from benchmarks.engine.network import Cnn, Mlp, Network, Recurrent, ResNet

GATES = {"lstm": 4, "gru": 3, "rnn": 1}


@dataclass(frozen=True)
class Product:
    """[m, k] times [k, n], ``times`` a step."""

    m: int
    k: int
    n: int
    times: float = 1.0

    @property
    def operations(self) -> float:
        return 2.0 * self.m * self.k * self.n * self.times


def products(network: Network, batch: int) -> tuple[Product, ...]:
    """What one training step multiplies: forward, weight gradients, input gradients."""
    match network:
        case Mlp(widths):
            layers = [(batch, k, n) for k, n in pairwise(widths)]
            return _trained(layers)
        case Cnn():
            return _trained(_cnn(batch))
        case ResNet():
            return _trained(_resnet(network, batch))
        case Recurrent():
            return _recurrent(network, batch)


def operations(of: tuple[Product, ...]) -> float:
    return sum(product.operations for product in of)


def _trained(layers: list[tuple[int, int, int]]) -> tuple[Product, ...]:
    """Forward and both gradients of these products, the first layer's input gradient left out."""
    found = []
    for at, (m, k, n) in enumerate(layers):
        found += [Product(m, k, n), Product(k, m, n)]
        found += [Product(m, n, k)] if at else []
    return tuple(found)


def _cnn(batch: int) -> list[tuple[int, int, int]]:
    return [(batch * 784, 9, 32), (batch * 196, 288, 64), (batch, 3136, 128), (batch, 128, 10)]


def _resnet(network: ResNet, batch: int) -> list[tuple[int, int, int]]:
    """(places, kernel x channels in, channels out) of every convolution and of the head."""
    places, last = batch * 32 * 32, network.channels[-1]
    layers = [(places, 27, network.channels[0])]
    for before, wide, stride in network.plan():
        places //= stride * stride
        layers += [(places, 9 * before, wide), (places, 9 * wide, wide)]
        layers += [(places, before, wide)] if before != wide else []
    return [*layers, (batch, last, 10)]


def _recurrent(network: Recurrent, batch: int) -> tuple[Product, ...]:
    """Every layer and direction, step by step forward and back; the weight gradients in one product each."""
    wide, ways = GATES[network.kind] * network.hidden, 2 if network.both_ways else 1
    live, times = network.steps * network.live, 0.0
    found: list[Product] = []
    features = network.features
    for layer in range(network.layers):
        times = live * ways
        found.append(Product(batch, features + network.hidden, wide, times))
        found.append(Product(features + network.hidden, round(batch * live), wide, ways))
        found.append(Product(batch, wide, network.hidden + (features if layer else 0), times))
        features = network.hidden * ways
    return (*found, *_trained([(batch, features, 10)]), Product(batch, 10, features))
