"""One step of a gated recurrent unit by hand; everything else is in test_recurrence.py and test_sequence.py."""

from __future__ import annotations

import math

import jax.numpy as jnp
import pytest

from lamina.kernels.gru import GRUWeights, gru


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_one_step_by_hand() -> None:
    weights = GRUWeights(
        jnp.asarray([[0.5, -1.0, 2.0]]),
        jnp.asarray([[1.0, 0.25, -0.5]]),
        jnp.asarray([0.1, 0.2, 0.3]),
        jnp.asarray([0.7]),
    )
    reset, update = sigmoid(0.5 * 3 + 0.4 + 0.1), sigmoid(-3 + 0.25 * 0.4 + 0.2)
    new = math.tanh(2.0 * 3 + 0.3 + reset * (-0.5 * 0.4 + 0.7))
    y, last = gru(jnp.asarray([[[3.0]]]), jnp.asarray([[0.4]]), weights)
    assert float(y[0, 0, 0]) == float(last[0, 0]) == pytest.approx((1 - update) * new + update * 0.4, rel=1e-6)
