"""Two steps of a plain recurrent network by hand; everything else is in test_recurrence.py and test_sequence.py."""

from __future__ import annotations

import math

import jax.numpy as jnp
import pytest

from lamina.kernels.rnn import RNNWeights, rnn

WEIGHTS = RNNWeights(jnp.asarray([[0.5]]), jnp.asarray([[-2.0]]), jnp.asarray([0.25]))


def test_two_steps_by_hand() -> None:
    first = math.tanh(0.5 * 1.0 - 2.0 * 0.1 + 0.25)
    second = math.tanh(0.5 * -3.0 - 2.0 * first + 0.25)
    y, last = rnn(jnp.asarray([[[1.0], [-3.0]]]), jnp.asarray([[0.1]]), WEIGHTS)
    assert y.ravel().tolist() == pytest.approx([first, second], rel=1e-6)
    assert float(last[0, 0]) == pytest.approx(second, rel=1e-6)


def test_relu_is_silent_below_zero() -> None:
    y, _ = rnn(jnp.asarray([[[1.0], [1.0]]]), jnp.asarray([[0.1]]), WEIGHTS, activation="relu")
    assert y.ravel().tolist() == pytest.approx([0.55, 0.0])
