"""Gates: torch's cells by hand, the layer's own hidden states, padding cut off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lamina.data.examples import Task
from lamina.errors import ShapeError
from lamina.inside import GRUGates, LSTMGates, gates
from lamina.inside.opened import opened
from lamina.model import Model, NetworkPart
from lamina.network import GRU, LSTM, Conv, Dense, Last, Residual, Sequential, trace
from lamina.network.series_input import SeriesInput

Part = Callable[..., NetworkPart]


def network(layer: Any, *before: Any) -> Sequential:
    return Sequential([SeriesInput(), *before, layer, Last(), Dense(1, "linear")])


@pytest.mark.slow
@pytest.mark.parametrize("layer", [LSTM(5), GRU(5), LSTM(3, bidirectional=True), GRU(3, bidirectional=True)])
def test_hidden_states_are_what_the_layer_puts_out(layer: Any, part: Part, series: np.ndarray) -> None:
    of = part(network(layer), (7, 2))
    for x, steps in zip(series, (7, 7, 4, 1), strict=True):
        seen = gates(of, x)
        own = np.asarray(trace(opened(of), x[None])[f"1.{layer.kind}"][0])
        np.testing.assert_allclose(np.concatenate([one.hidden for one in seen], axis=1), own[:steps], atol=1e-5)
        assert {getattr(one, name).shape[0] for one in seen for name in vars(one) if name not in WORDS} == {steps}


WORDS = ("path", "direction")


def loaded(torch: Any, cell: Any, layer: Any) -> Any:
    """torch's cell with the layer's weights: the gates stand in the same order."""
    second = np.zeros_like(np.asarray(layer.bias))
    if isinstance(layer, GRU):
        second[-layer.features :] = layer.recurrent_bias
    own = (np.asarray(layer.weight).T, np.asarray(layer.recurrent).T, np.asarray(layer.bias), second)
    for mine, theirs in zip((cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh), own, strict=True):
        mine.data = torch.tensor(np.array(theirs))
    return cell


def test_an_lstms_states_are_torchs_cell_by_cell(part: Part, series: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    of = part(network(LSTM(5)), (7, 2))
    (seen,) = gates(of, series[0])
    cell = loaded(torch, torch.nn.LSTMCell(2, 5), opened(of).layers[1])
    h = c = torch.zeros(1, 5)
    assert isinstance(seen, LSTMGates)
    for t in range(7):
        h, c = cell(torch.tensor(series[0, t : t + 1]), (h, c))
        np.testing.assert_allclose(seen.hidden[t], h.detach().numpy()[0], atol=1e-5)
        np.testing.assert_allclose(seen.cell[t], c.detach().numpy()[0], atol=1e-5)
    # And the gates make these states as the paper's formulas say.
    before = np.concatenate([np.zeros((1, 5)), seen.cell[:-1]])
    np.testing.assert_allclose(seen.cell, seen.forget * before + seen.input * seen.candidate, atol=1e-6)
    np.testing.assert_allclose(seen.hidden, seen.output * np.tanh(seen.cell), atol=1e-6)
    assert all(((gate > 0) & (gate < 1)).all() for gate in (seen.input, seen.forget, seen.output))


def test_a_grus_states_are_torchs_cell_by_cell(part: Part, series: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    of = part(network(GRU(5)), (7, 2))
    (seen,) = gates(of, series[0])
    cell = loaded(torch, torch.nn.GRUCell(2, 5), opened(of).layers[1])
    h = torch.zeros(1, 5)
    assert isinstance(seen, GRUGates)
    for t in range(7):
        x = torch.tensor(series[0, t : t + 1])
        reset, update, new = (x @ cell.weight_ih.T + cell.bias_ih).chunk(3, dim=1)
        r, z, n = (h @ cell.weight_hh.T + cell.bias_hh).chunk(3, dim=1)
        reset = torch.sigmoid(reset + r)
        np.testing.assert_allclose(seen.reset[t], reset.detach().numpy()[0], atol=1e-5)
        np.testing.assert_allclose(seen.update[t], torch.sigmoid(update + z).detach().numpy()[0], atol=1e-5)
        np.testing.assert_allclose(seen.candidate[t], torch.tanh(new + reset * n).detach().numpy()[0], atol=1e-5)
        h = cell(x, h)
        np.testing.assert_allclose(seen.hidden[t], h.detach().numpy()[0], atol=1e-5)


def test_padding_says_nothing(part: Part, series: np.ndarray) -> None:
    of = part(network(LSTM(3, bidirectional=True)), (7, 2))
    for padded, whole in zip(gates(of, series[2]), gates(of, series[2, :4]), strict=True):
        np.testing.assert_allclose(padded.hidden, whole.hidden, atol=1e-6)
        np.testing.assert_allclose(padded.input, whole.input, atol=1e-6)


@pytest.mark.slow
def test_gates_of_a_layer_inside_a_layer_behind_one_that_strides(part: Part, series: np.ndarray) -> None:
    body = Residual([GRU(4), Dense(4, "linear")])
    of = part(network(LSTM(2), Conv(4, 2, stride=2), body), (7, 2))
    seen = gates(of, series[0])
    assert [(one.path, one.hidden.shape) for one in seen] == [("2.residual.body.0.gru", (4, 4)), ("3.lstm", (4, 2))]


def test_a_model_opens_its_first_network(part: Part, series: np.ndarray) -> None:
    first, second = part(network(LSTM(5)), (7, 2)), part(network(GRU(5)), (7, 2))
    model = Model(Task("regression", "y", ()), "series", (first, second), {})
    np.testing.assert_array_equal(gates(model, series[0])[0].hidden, gates(first, series[0])[0].hidden)


def test_a_network_without_gates_has_none(part: Part, series: np.ndarray) -> None:
    assert gates(part(Sequential([SeriesInput(), Last(), Dense(1, "linear")]), (7, 2)), series[0]) == ()


def test_several_examples_are_refused(part: Part, series: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="several"):
        gates(part(network(LSTM(2)), (7, 2)), series)
