"""Small recurrent networks with random weights, opened as parts of a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from lamina.model import NetworkPart
from lamina.network import Layer, build, leaves
from lamina.training.vector import Layout


@pytest.fixture
def part() -> Callable[..., NetworkPart]:
    """A function that makes a part of a network: random weights and states, biases too; the same for the same seed."""

    def make(network: Layer, shape: tuple[int, ...], loss: str = "squared", **scaled: Any) -> NetworkPart:
        built, rng = build(network, shape, 3), np.random.default_rng(5)
        drawn = {path: of + 0.2 * rng.normal(size=of.shape) for path, of in leaves(built, "parameter").items()}
        packed = Layout.of(built).pack({path: jnp.asarray(of, jnp.float32) for path, of in drawn.items()})
        state = {path: np.asarray(of) for path, of in leaves(built, "state").items()}
        return NetworkPart(network, shape, loss, None, np.asarray(packed), state, **scaled)  # pyright: ignore[reportArgumentType]

    return make


@pytest.fixture
def series() -> np.ndarray:
    """Four series of two channels: of 7, 7, 4 and 1 steps, the rest NaN."""
    x = np.random.default_rng(8).normal(size=(4, 7, 2)).astype(np.float32)
    x[2, 4:], x[3, 1:] = np.nan, np.nan
    return x
