"""The plain recurrences: the layers' own states, and gradients that nudges have."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina.inside.recurrence import STATES, Watched, unrolled, watched
from lamina.network import (
    GRU,
    LSTM,
    RNN,
    Concatenate,
    Context,
    Dense,
    Last,
    Layer,
    Residual,
    Sequential,
    apply,
    build,
    trace,
    walk,
)

BATCH, STEPS, INPUTS, FEATURES = 3, 5, 2, 4
MASK = jnp.asarray(np.arange(STEPS) < np.array([5, 2, 1])[:, None])
LAYERS = [RNN(FEATURES), RNN(FEATURES, "relu"), LSTM(FEATURES), GRU(FEATURES)]


def drawn(*shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.describe())
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_the_states_are_the_layers(layer: Layer, reverse: bool, mask: jax.Array | None) -> None:
    built = build(layer, (STEPS, INPUTS), 1)
    x = drawn(BATCH, STEPS, INPUTS)
    found = unrolled(built, x, mask, reverse=reverse)
    np.testing.assert_allclose(found["hidden"], built.read(x, mask, reverse=reverse), atol=1e-6)
    assert {of.shape for of in found.values()} == {(BATCH, STEPS, FEATURES)}


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.describe())
def test_a_nudge_moves_its_state_and_what_is_behind_it(layer: Layer) -> None:
    built = build(layer, (STEPS, INPUTS), 1)
    x, still = drawn(BATCH, STEPS, INPUTS), np.zeros((len(STATES[layer.kind]), BATCH, STEPS, FEATURES), np.float32)
    nudged = still.copy()
    nudged[-1, :, 2] = 0.5  # of an LSTM the cell state
    before, after = (unrolled(built, x, None, jnp.asarray(of)) for of in (still, nudged))
    moved = [np.abs(after["hidden"][:, t] - before["hidden"][:, t]).max() for t in range(STEPS)]
    assert moved[0] == moved[1] == 0
    assert min(moved[2:]) > 0.01
    name = STATES[layer.kind][-1]
    np.testing.assert_allclose(after[name][:, 2] - before[name][:, 2], 0.5, atol=1e-6)


def nested() -> Sequential:
    inner = Residual([GRU(6, bidirectional=True), Dense(6, "linear")])
    return Sequential([LSTM(6), inner, Concatenate([Sequential([RNN(3)]), Sequential([LSTM(2)])]), Last()])


def test_recurrent_layers_are_watched_wherever_they_are() -> None:
    paths = [path for path, layer in walk(watched(nested())) if isinstance(layer, Watched)]
    assert paths == [
        "0.lstm",
        "1.residual.body.0.gru",
        "2.concatenate.0.sequential.0.rnn",
        "2.concatenate.1.sequential.0.lstm",
    ]


@pytest.mark.slow
def test_a_watched_network_answers_as_the_network() -> None:
    network = build(nested(), (STEPS, INPUTS), 2)
    x = drawn(BATCH, STEPS, INPUTS)
    for context in (Context(), Context(mask=MASK)):
        np.testing.assert_allclose(
            apply(watched(network), x, context)[0], apply(network, x, context)[0], rtol=1e-5, atol=1e-6
        )


def test_what_is_recorded_has_the_paths_of_the_network() -> None:
    network = build(nested(), (STEPS, INPUTS), 2)
    x = drawn(BATCH, STEPS, INPUTS)
    own, seen = trace(network, x), trace(watched(network), x)
    assert set(own) < set(seen)
    assert {name.rpartition(".")[2] for name in set(seen) - set(own) if name.startswith("0.lstm.forward")} == {
        "input",
        "forget",
        "output",
        "candidate",
        "cell",
        "hidden",
    }
