"""Prediction: however many examples there are, each gets the answer that it gets alone."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.network import Conv, Dense, MaxPool, Sequential, build, complete, leaves
from lamina.training.predict import compiled, predict, weights_of
from lamina.training.vector import Layout

SHAPE = (6, 6, 1)


@pytest.mark.parametrize("count", [1, 31, 200, 256, 1030])
def test_batches_and_pieces_change_no_answer(count: int) -> None:
    network = complete(Sequential([Conv(3), MaxPool(2), Dense(4)]), SHAPE, 3, kind="image")
    built = build(network, SHAPE, 0)
    parameters = np.asarray(Layout.of(built).pack(leaves(built, "parameter")))
    weights = weights_of(network, SHAPE, parameters, leaves(built, "state"))
    program = compiled(network, SHAPE, "cross entropy", "classification")
    inputs = np.random.default_rng(0).integers(0, 256, (count, *SHAPE), np.uint8)
    found = predict(program, weights, inputs)
    some = sorted({0, count // 2, count - 1})
    alone = np.concatenate([predict(program, weights, inputs[at : at + 1]) for at in some])
    assert found.shape == (count, 3)
    np.testing.assert_allclose(found[some], alone, rtol=1e-5, atol=1e-6)
