"""Recurrent layers: torch's networks on their own weights, how weights begin, masks through a whole network."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from lamina.errors import OptionError, ShapeError
from lamina.network import (
    GRU,
    LSTM,
    RNN,
    Context,
    Layer,
    Sequential,
    apply,
    build,
    complete,
    leaves,
    summarize,
    trace,
    with_leaves,
)
from lamina.network.notation import parse
from lamina.network.recurrent import Recurrent

BATCH, STEPS, INPUTS, FEATURES = 4, 6, 3, 5
LENGTHS = np.array([6, 3, 1, 4])
MASK = jnp.asarray(np.arange(STEPS) < LENGTHS[:, None])


def drawn(*shape: int, seed: int = 0) -> Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def shaken(network: Sequential) -> Sequential:
    """Built, with no bias at zero."""
    built = build(network, (STEPS, INPUTS), 1)
    return with_leaves(built, {p: a + 0.1 * drawn(*a.shape) for p, a in leaves(built, "parameter").items()})


def masked(network: Layer, x: Array, mask: Array | None = MASK) -> Array:
    hasty = {"xla_backend_optimization_level": 0}
    return jax.jit(lambda n, x: n.apply(x, Context(mask=mask))[0], compiler_options=hasty)(network, x)


def as_torch_has_them(way: Any) -> list[np.ndarray]:
    second = np.zeros_like(np.asarray(way.bias))
    if isinstance(way, GRU):
        second[2 * FEATURES :] = way.recurrent_bias
    return [np.asarray(way.weight).T, np.asarray(way.recurrent).T, np.asarray(way.bias), second]


@pytest.mark.parametrize(
    ("make", "word", "options"),
    [
        (LSTM, "LSTM", {}),
        (GRU, "GRU", {}),
        (RNN, "RNN", {}),
        (lambda n, **more: RNN(n, "relu", **more), "RNN", {"nonlinearity": "relu"}),
    ],
)
def test_two_layers_both_ways_are_those_of_torch(make, word: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    network, x = shaken(Sequential([make(FEATURES, bidirectional=True) for _ in range(2)])), drawn(BATCH, STEPS, INPUTS)
    theirs = getattr(torch.nn, word)(INPUTS, FEATURES, 2, batch_first=True, bidirectional=True, **options)
    ours = [a for layer in network.layers for way in (layer, layer.backward) for a in as_torch_has_them(way)]
    with torch.no_grad():
        for parameter, array in zip(theirs.parameters(), ours, strict=True):
            parameter.copy_(torch.tensor(array))
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            torch.tensor(np.asarray(x)), torch.tensor(LENGTHS), True, False
        )
        y = torch.nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], True, total_length=STEPS)[0]
    np.testing.assert_allclose(masked(network, x), y, atol=1e-5)


def test_weights_begin_as_they_should() -> None:
    layer = build(LSTM(16, bidirectional=True), (STEPS, 8))
    limit = (6 / (8 + 16)) ** 0.5
    for way in (layer, layer.backward):
        assert way is not None
        assert 0.9 * limit < np.abs(way.weight).max() <= limit
        for gate in np.split(np.asarray(way.recurrent), 4, axis=1):
            np.testing.assert_allclose(gate @ gate.T, np.eye(16), atol=1e-5)
        np.testing.assert_array_equal(way.bias, np.repeat([0, 1, 0, 0], 16))
    assert not np.array_equal(layer.weight, layer.backward.weight)
    assert not leaves(build(GRU(4), (STEPS, 8)), "parameter")["bias"].any()
    assert not build(RNN(4, initialiser="zeros"), (STEPS, 8)).weight.any()


NETWORK = "lstm 5 bidirectional, dropout 0.2, gru 4, rnn 3 relu bidirectional"


@pytest.mark.parametrize("end", ["last bidirectional", "mean, dense 2", "max"])
def test_what_stands_behind_the_end_of_a_sequence_changes_nothing(end: str) -> None:
    network, x = shaken(parse(f"{NETWORK}, {end}")), drawn(BATCH, STEPS, INPUTS)
    wild = jnp.where(MASK[:, :, None], x, 1e9)
    np.testing.assert_array_equal(masked(network, wild), masked(network, x))
    for row in (1, 3):
        alone = masked(network, x[row : row + 1, : LENGTHS[row]], None)
        np.testing.assert_allclose(masked(network, wild)[row], alone[0], atol=2e-6)


def test_outputs_are_traced_and_silent_where_a_step_is_padding() -> None:
    network, records = shaken(parse(NETWORK)), {}
    apply(network, drawn(BATCH, STEPS, INPUTS), Context(mask=MASK, records=records))
    assert list(records) == list(trace(network, drawn(1, STEPS, INPUTS)))
    for path in ("0.lstm", "2.gru", "3.rnn"):
        assert not np.asarray(records[path])[~np.asarray(MASK)].any()


def test_the_table_of_layers_by_hand() -> None:
    network = complete(parse("lstm 128, gru 64 bidirectional, rnn 8"), (28, 3), 10, kind="sequence")
    rows = {r.path: (r.description, r.output_shape, r.parameters, r.multiply_adds) for r in summarize(network, (28, 3))}
    assert rows == {
        "0.lstm": ("lstm 128", (28, 128), 4 * 128 * (3 + 128 + 1), 28 * 4 * 128 * (3 + 128)),
        "1.gru": ("gru 64 bidirectional", (28, 128), 2 * 64 * (3 * (128 + 64 + 1) + 1), 28 * 2 * 3 * 64 * (128 + 64)),
        "2.rnn": ("rnn 8 tanh", (28, 8), 8 * (128 + 8 + 1), 28 * 8 * (128 + 8)),
        "3.mean": ("mean", (8,), 0, 0),
        "4.dense": ("dense 10 linear", (10,), 90, 80),
    }


@pytest.mark.parametrize("make", [LSTM, GRU, RNN])
def test_what_is_no_size_or_no_sequence_is_refused(make: type[Recurrent]) -> None:
    with pytest.raises(OptionError):
        make(0)
    with pytest.raises(OptionError):
        make(3, bidirectional="yes")  # type: ignore[arg-type]
    with pytest.raises(OptionError):
        make(3, initialiser="xavier")
    for shape in ((7,), (4, 4, 1)):
        with pytest.raises(ShapeError, match="reads sequences"):
            build(make(3), shape)


def test_rnn_knows_two_activations() -> None:
    with pytest.raises(OptionError, match="gelu"):
        RNN(3, "gelu")


def test_a_mask_of_another_length_is_refused() -> None:
    with pytest.raises(ShapeError, match="mask"):
        masked(build(LSTM(3), (STEPS, INPUTS)), drawn(BATCH, STEPS, INPUTS), MASK[:, 1:])
