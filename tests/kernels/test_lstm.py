"""One step of an LSTM by hand; what all recurrent kernels share is in test_recurrence.py and test_sequence.py."""

from __future__ import annotations

import math

import jax.numpy as jnp
import pytest

from lamina.kernels.lstm import LSTMWeights, lstm


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_one_step_by_hand() -> None:
    weights = LSTMWeights(
        jnp.asarray([[0.5, -1.0, 2.0, 1.0]]), jnp.asarray([[1.0, 0.25, -0.5, 3.0]]), jnp.asarray([0.1, 0.2, 0.3, 0.4])
    )
    x, h, c = 3.0, 0.4, -0.6
    inward, forget = sigmoid(0.5 * x + h + 0.1), sigmoid(-x + 0.25 * h + 0.2)
    cell, outward = math.tanh(2 * x - 0.5 * h + 0.3), sigmoid(x + 3 * h + 0.4)
    after = forget * c + inward * cell
    y, last = lstm(jnp.asarray([[[x]]]), (jnp.asarray([[h]]), jnp.asarray([[c]])), weights)
    assert float(last[1][0, 0]) == pytest.approx(after, rel=1e-6)
    assert float(y[0, 0, 0]) == float(last[0][0, 0]) == pytest.approx(outward * math.tanh(after), rel=1e-6)
