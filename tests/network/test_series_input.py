"""Standardised series: against NumPy's statistics, padding that must not be seen, under jit, vmap and gradients."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina.errors import ShapeError
from lamina.network import Context, build
from lamina.network.series_input import SeriesInput


def some_series(seed: int = 0, lengths: tuple[int, ...] = (5, 9, 1, 7), channels: int = 3) -> np.ndarray:
    """Series of unequal lengths, NaN behind the end of the shorter."""
    series = np.random.default_rng(seed).normal(3, [2, 5, 0.1], (len(lengths), max(lengths), channels))
    for row, length in zip(series, lengths, strict=True):
        row[length:] = np.nan
    return series.astype(np.float32)


def fitted(rows: np.ndarray) -> SeriesInput:
    layer = build(SeriesInput(), rows.shape[1:])
    return dataclasses.replace(layer, **{name: jnp.asarray(of) for name, of in layer.statistics(rows).items()})


def test_each_channel_gets_mean_zero_and_deviation_one_over_the_steps_that_are_there() -> None:
    rows = some_series()
    y = np.asarray(fitted(rows).apply(jnp.asarray(rows), Context())[0])
    live = ~np.isnan(rows[..., 0])
    assert y.dtype == np.float32
    assert y[live].mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-5)
    assert y[live].std(axis=0) == pytest.approx(np.ones(3), rel=1e-5)
    assert np.array_equal(y[~live], np.zeros((int((~live).sum()), 3)))


def test_statistics_do_not_depend_on_the_padding_or_on_the_size_of_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = some_series()
    longer = np.concatenate([rows, np.full((4, 6, 3), np.nan, np.float32)], axis=1)
    expected = SeriesInput().statistics(rows)
    monkeypatch.setattr("lamina.network.series_input.COUNTED", 30)
    for found in (SeriesInput().statistics(longer), SeriesInput().statistics(rows)):
        assert found["mean"] == pytest.approx(expected["mean"], rel=1e-6)
        assert found["deviation"] == pytest.approx(expected["deviation"], rel=1e-6)


def test_a_constant_channel_keeps_its_scale_even_where_its_mean_is_rounded() -> None:
    rows = np.full((30, 7, 2), 0.1, np.float32)
    rows[:, :, 1] = np.float32(12345.678)
    found = SeriesInput().statistics(rows)
    assert found["deviation"].tolist() == [1, 1]
    assert np.abs(np.asarray(fitted(rows).apply(jnp.asarray(rows), Context())[0])).max() < 1e-3


def test_no_step_at_all_is_mean_zero_and_deviation_one() -> None:
    for rows in (np.full((2, 3, 1), np.nan, np.float32), np.zeros((0, 3, 1), np.float32)):
        found = SeriesInput().statistics(rows)
        assert {name: of.tolist() for name, of in found.items()} == {"mean": [0], "deviation": [1]}


def test_alive_says_which_steps_are_there_and_keeps_to_the_mask_before_it() -> None:
    rows = some_series(lengths=(2, 3))
    layer, x = fitted(rows), jnp.asarray(rows)
    assert layer.alive(None, x).tolist() == [[True, True, False], [True, True, True]]
    mask = jnp.array([[True, False, False], [True, True, True]])
    assert layer.alive(mask, x).tolist() == mask.tolist()


def test_gradients_are_finite_and_nothing_flows_through_padding() -> None:
    rows = some_series()
    layer = fitted(rows)
    gradient = jax.grad(lambda x: jnp.sum(layer.apply(x, Context())[0] ** 2))(jnp.asarray(rows))
    assert np.isfinite(gradient).all()
    live = ~np.isnan(rows)
    y = np.asarray(layer.apply(jnp.asarray(rows), Context())[0])
    assert np.asarray(gradient)[live] == pytest.approx((2 * y / np.asarray(layer.deviation))[live], rel=1e-5)
    assert not np.asarray(gradient)[~live].any()


def test_training_leaves_the_state_alone() -> None:
    rows = some_series()
    layer = fitted(rows)

    def loss(of: SeriesInput) -> jax.Array:
        return jnp.sum(of.apply(jnp.asarray(rows), Context(training=True))[0] ** 2)

    gradients = jax.grad(loss)(layer)
    assert not np.asarray(gradients.mean).any()
    assert not np.asarray(gradients.deviation).any()
    assert layer.apply(jnp.asarray(rows), Context(training=True))[1] == layer


def test_the_same_under_jit_and_as_members_of_a_population() -> None:
    rows = [some_series(seed) for seed in (1, 2)]
    layers = [fitted(of) for of in rows]
    alone = [layer.apply(jnp.asarray(of), Context())[0] for layer, of in zip(layers, rows, strict=True)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *layers)
    together = jax.jit(jax.vmap(lambda layer, x: layer.apply(x, Context())[0]))(stacked, jnp.stack(rows))
    np.testing.assert_allclose(together, jnp.stack(alone), rtol=1e-6, atol=1e-6)


def test_an_empty_batch_and_one_of_zeros() -> None:
    layer = build(SeriesInput(), (4, 2))
    assert layer.apply(jnp.zeros((0, 4, 2)), Context())[0].shape == (0, 4, 2)
    assert not np.asarray(layer.apply(jnp.zeros((3, 4, 2)), Context())[0]).any()
    assert np.asarray(layer.alive(None, jnp.zeros((3, 4, 2)))).all()


def test_what_is_no_series_is_refused() -> None:
    with pytest.raises(ShapeError, match="series' input layer"):
        build(SeriesInput(), (4,))
