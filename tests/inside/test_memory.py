"""What a run keeps of recurrent layers: curves, gates and half-lives against what they are made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lamina.data.examples import Task
from lamina.inside import back_in_time, gates
from lamina.inside.memory import clearest, columns, half_lives, memory_of
from lamina.model import NetworkPart
from lamina.network import GRU, LSTM, RNN, Dense, Last, Mean, Sequential
from lamina.network.series_input import SeriesInput

Part = Callable[..., NetworkPart]
VALUE = Task("regression", "y", ())


def network(*layers: object) -> Sequential:
    return Sequential([SeriesInput(), *layers, Dense(1, "linear")])  # pyright: ignore[reportArgumentType]


@pytest.mark.slow
def test_curves_and_gates_are_those_of_inside(part: Part, series: np.ndarray) -> None:
    of, y = part(network(LSTM(4), RNN(3), Last()), (7, 2)), np.array([0.1, 0.2, 0.3, 0.4])
    kept = memory_of([of], series, y, VALUE)
    assert kept["directions"].tolist() == [["1.lstm", "lstm", "forward"], ["2.rnn", "rnn", "forward"]]
    assert kept["gated"].tolist() == [["1.lstm", "lstm", "forward"]]
    for at, one in enumerate(back_in_time(of, series, y)):
        np.testing.assert_allclose(kept[f"{at}/hidden"][0], one.curve(), rtol=1e-5)
        last = one.hidden[[0, 1, 2, 3], [6, 6, 3, 0]]  # of series of 7, 7, 4 steps and 1
        np.testing.assert_allclose(kept[f"{at}/hidden"][1:, 0], np.quantile(last, [0.1, 0.9]), rtol=1e-5)
        assert (f"{at}/cell" in kept) == (one.kind == "lstm")
    best = int(np.abs(of.answer(series, VALUE) - y).argmin())
    (seen,) = gates(of, series[best])
    order = np.argsort(-half_lives(seen.forget), kind="stable")
    assert (kept["row"], kept["0/units"].tolist(), kept["0/time"]) == (best, order.tolist(), len(seen.hidden))
    np.testing.assert_allclose(kept["0/gate/input"], seen.input[:, order], atol=1e-3)
    np.testing.assert_array_equal(kept["input"], series[best][~np.isnan(series[best, :, 0])])


@pytest.mark.slow
def test_both_ways_of_every_layer_are_kept(part: Part, series: np.ndarray) -> None:
    kept = memory_of([part(network(GRU(3, bidirectional=True), Mean()), (7, 2))], series, np.zeros(4), VALUE)
    assert kept["directions"][:, 2].tolist() == kept["gated"][:, 2].tolist() == ["forward", "backward"]
    assert {name for name in kept if name.startswith("1/gate/")} == {
        f"1/gate/{name}" for name in ("reset", "update", "candidate", "hidden")
    }


@pytest.mark.slow
def test_a_long_wide_layer_is_kept_small(part: Part) -> None:
    x = np.random.default_rng(0).normal(size=(2, 1000, 2)).astype(np.float32)
    kept = memory_of([part(network(LSTM(70), Last()), (1000, 2))], x, np.zeros(2), VALUE)
    assert kept["0/hidden"].shape == (3, 400)
    assert (kept["0/steps"][0], kept["0/steps"][-1]) == (0, 999)
    assert kept["0/gate/forget"].shape == (200, 32)
    assert (kept["0/time"], kept["0/half_lives"].shape, kept["input"].shape) == (1000, (70,), (200, 2))


def test_nothing_is_kept_where_nothing_recurs(part: Part, series: np.ndarray) -> None:
    assert memory_of([part(network(Mean()), (7, 2))], series, np.zeros(4), VALUE) == {}


def test_a_column_is_the_mean_of_its_steps() -> None:
    values = np.random.default_rng(1).normal(size=(1000, 3))
    found = columns(values, 200)
    np.testing.assert_allclose(found, values.reshape(200, 5, 3).mean(axis=1))
    assert columns(values[:150], 200) is not None
    np.testing.assert_array_equal(columns(values[:150], 200), values[:150])
    assert columns(values[:333], 200).shape == (200, 3)


def test_half_a_state_is_gone_after_its_half_life() -> None:
    gate = np.full((50, 1), 0.9)
    (life,) = half_lives(gate)
    assert 0.9**life == pytest.approx(0.5)
    assert half_lives(np.zeros((3, 1)))[0] < 0.02
    assert half_lives(np.zeros((0, 2))).tolist() == [0.0, 0.0]


def test_the_clearest_of_a_regression_is_the_nearest() -> None:
    assert clearest(np.array([1.0, 5.0, -2.0]), np.array([3.0, 4.5, 0.0]), VALUE) == 1
