"""The gradient back in time: torch's, that of a network unrolled by hand, and what forgets or explodes by design."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina.errors import ShapeError
from lamina.inside import back_in_time
from lamina.inside.opened import opened
from lamina.model import NetworkPart
from lamina.network import GRU, LSTM, RNN, Dense, Dropout, Last, Layer, Mean, Residual, Sequential
from lamina.network.series_input import SeriesInput

Part = Callable[..., NetworkPart]


def network(*layers: Layer, outputs: int = 1) -> Sequential:
    return Sequential([SeriesInput(), *layers, Dense(outputs, "linear")])


def cell_with(torch: Any, layer: Any, inputs: int) -> Any:
    make = {"rnn": torch.nn.RNNCell, "lstm": torch.nn.LSTMCell, "gru": torch.nn.GRUCell}[layer.kind]
    options = {"nonlinearity": layer.activation} if isinstance(layer, RNN) else {}
    cell, second = make(inputs, layer.features, **options), np.zeros_like(np.asarray(layer.bias))
    if isinstance(layer, GRU):
        second[-layer.features :] = layer.recurrent_bias
    own = (np.asarray(layer.weight).T, np.asarray(layer.recurrent).T, np.asarray(layer.bias), second)
    for mine, theirs in zip((cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh), own, strict=True):
        mine.data = torch.tensor(np.array(theirs))
    return cell


def torch_norms(torch: Any, of: NetworkPart, x: np.ndarray, y: float) -> list[tuple[float, float | None]]:
    """The norms of torch's gradients at h, and at c, of each step of one series; the loss is of its last step."""
    _, layer, _, head = opened(of).layers
    cell, features = cell_with(torch, layer, x.shape[1]), layer.features
    state: Any = (torch.zeros(1, features),) * (2 if layer.kind == "lstm" else 1)
    kept = []
    for row in x:
        after = cell(torch.tensor(row[None]), state if layer.kind == "lstm" else state[0])
        state = after if layer.kind == "lstm" else (after,)
        for one in state:
            one.retain_grad()
        kept.append(state)
    out = state[0] @ torch.tensor(np.array(head.weight)) + torch.tensor(np.array(head.bias))
    ((out[0, 0] - (y - of.shift) / of.scale) ** 2).backward()
    return [(float(h.grad.norm()), float(c[0].grad.norm()) if c else None) for h, *c in kept]


@pytest.mark.slow
@pytest.mark.parametrize("layer", [RNN(5), RNN(5, "relu"), LSTM(5), GRU(5)], ids=lambda layer: layer.describe())
def test_norms_are_torchs_for_each_example(layer: Layer, part: Part, series: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    of = part(network(layer, Last()), (7, 2), shift=2.0, scale=3.0)
    y = np.array([1.0, -1.0, 4.0, 0.5])
    (seen,) = back_in_time(of, series, y)
    for at, steps in enumerate((7, 7, 4, 1)):
        expected = torch_norms(torch, of, series[at, :steps], y[at])
        np.testing.assert_allclose(seen.hidden[at, :steps], [h for h, _ in expected], rtol=1e-4, atol=1e-7)
        assert np.isnan(seen.hidden[at, steps:]).all()
        if seen.cell is not None:
            # What the last step's cell state is worth comes by way of the hidden state alone.
            np.testing.assert_allclose(seen.cell[at, :steps], [c for _, c in expected], rtol=1e-4, atol=1e-7)
    assert (seen.cell is not None) == (layer.kind == "lstm")


@pytest.mark.slow
def test_gradients_are_those_of_a_network_unrolled_by_hand(part: Part, series: np.ndarray) -> None:
    """A bidirectional RNN read out by its mean, with classes: JAX's gradient at each state of a loop in Python."""
    of = part(network(RNN(3, bidirectional=True), Mean(), outputs=4), (7, 2), "cross entropy")
    _, layer, _, head = opened(of).layers
    x, y = series[:2], np.array([2, 0])

    def loss(nudges: dict[str, Any], x: jax.Array, y: int) -> jax.Array:
        states: dict[str, list[Any]] = {"forward": [None] * 7, "backward": [None] * 7}
        for way, one, order in (("forward", layer, range(7)), ("backward", layer.backward, range(6, -1, -1))):
            h = jnp.zeros(3)
            for t in order:
                h = jnp.tanh(x[t] @ one.weight + h @ one.recurrent + one.bias) + nudges[way][t]
                states[way][t] = h
        mean = jnp.concatenate([jnp.stack(states[way]).mean(axis=0) for way in states])
        return -jax.nn.log_softmax(mean @ head.weight + head.bias)[y]

    still = {"forward": jnp.zeros((7, 3)), "backward": jnp.zeros((7, 3))}
    seen = back_in_time(of, x, y)
    assert [(one.path, one.direction) for one in seen] == [("1.rnn", "forward"), ("1.rnn", "backward")]
    for at in range(2):
        expected = jax.jit(jax.grad(loss))(still, x[at], y[at])
        for one in seen:
            norms = np.linalg.norm(expected[one.direction], axis=1)
            np.testing.assert_allclose(one.hidden[at], norms, rtol=1e-4)


def turning(of: NetworkPart, by: float) -> NetworkPart:
    """An RNN whose recurrent weights are a rotation times a number, without biases.

    Given zeros its states are zero, where tanh has the slope 1: a step back multiplies the gradient by the number.
    """
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    parameters = of.parameters.copy()
    parameters[8:24], parameters[24:28] = by * rotation.ravel(), 0.0
    return dataclasses.replace(of, parameters=parameters)


@pytest.mark.slow
@pytest.mark.parametrize("by", [0.5, 1.0, 2.0])
def test_the_curve_falls_or_grows_as_the_weights_say(by: float, part: Part) -> None:
    of = turning(part(network(RNN(4), Last()), (60, 2)), by)
    (seen,) = back_in_time(of, np.zeros((2, 60, 2), np.float32), np.zeros(2))
    curve = seen.curve()
    assert len(curve) == 60
    np.testing.assert_allclose(curve[1:] / curve[:-1], by, rtol=1e-3)


@pytest.mark.slow
def test_the_curve_counts_back_from_each_examples_own_end(part: Part, series: np.ndarray) -> None:
    of = part(network(GRU(3, bidirectional=True), Last(bidirectional=True)), (7, 2))
    y = np.zeros(4)
    together = back_in_time(of, series, y)
    alone = [back_in_time(of, series[at : at + 1, :steps], y[:1]) for at, steps in enumerate((7, 7, 4, 1))]
    for way in (0, 1):
        curves = [one[way].curve() for one in alone]
        means = [np.mean([curve[k] for curve in curves if len(curve) > k]) for k in range(7)]
        np.testing.assert_allclose(together[way].curve(), means, rtol=1e-4, atol=1e-9)


def test_a_gradient_that_float32_can_not_square_is_no_zero(part: Part) -> None:
    of = turning(part(network(RNN(4), Last()), (60, 2)), 0.4)
    (seen,) = back_in_time(of, np.zeros((1, 60, 2), np.float32), np.zeros(1))
    assert 0 < seen.curve()[-1] < 1e-23


@pytest.mark.slow
def test_layers_are_found_everywhere_and_examples_taken_in_pieces(
    part: Part, series: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = part(network(LSTM(4), Dropout(0.5), Residual([RNN(4)]), Last()), (7, 2))
    whole = back_in_time(of, series, np.zeros(4))
    assert [(one.path, one.kind) for one in whole] == [("1.lstm", "lstm"), ("3.residual.body.0.rnn", "rnn")]
    monkeypatch.setattr("lamina.inside.gradient.AT_ONCE", 3 * 7 * 12)
    for one, of_all in zip(back_in_time(of, series, np.zeros(4)), whole, strict=True):
        np.testing.assert_allclose(one.hidden, of_all.hidden, rtol=1e-5)


def test_what_does_not_fit_is_refused(part: Part, series: np.ndarray) -> None:
    of = part(network(RNN(4), Last()), (7, 2))
    for x, y in ((series[0], np.zeros(7)), (series, np.zeros(3)), (series[:0], np.zeros(0))):
        with pytest.raises(ShapeError):
            back_in_time(of, x, y)


def test_a_network_without_recurrence_has_no_curve(part: Part, series: np.ndarray) -> None:
    assert back_in_time(part(network(Mean()), (7, 2)), series, np.zeros(4)) == ()
