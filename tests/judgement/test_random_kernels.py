"""Random kernels: the same numbers as plain loops give, on series of any length, whatever stands behind their ends."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lamina.judgement import random_kernels
from lamina.judgement.random_kernels import Kernels, draw_kernels, live_steps


def ragged(*lengths: int, channels: int = 2, seed: int = 0) -> np.ndarray:
    """Random walks of these lengths, NaN behind their ends."""
    rng = np.random.default_rng(seed)
    series = np.full((len(lengths), max(lengths), channels), np.nan, np.float32)
    for one, length in zip(series, lengths, strict=True):
        one[:length] = 3 + rng.normal(size=(length, channels)).cumsum(axis=0)
    return series


def looped(kernels: Kernels, series: np.ndarray) -> np.ndarray:
    """What one kernel after the other finds in a series [time, channels]: the largest values, then the shares."""
    reach = (kernels.length - 1) // 2 * kernels.dilation
    padded = kernels.padded or len(series) < 2 * reach + 1
    places = range(len(series)) if padded else range(reach, len(series) - reach)
    weights = kernels.weights.reshape(kernels.length, len(kernels.channels), -1)
    values = np.zeros((len(places), weights.shape[2]))
    for (i, place), k, (c, channel) in itertools.product(
        enumerate(places), range(kernels.length), enumerate(kernels.channels)
    ):
        step = place - reach + k * kernels.dilation
        if 0 <= step < len(series):
            values[i] += weights[k, c] * series[step, channel]
    return np.concatenate([values.max(axis=0), (values > kernels.biases).mean(axis=0)])


def test_two_kernels_by_hand() -> None:
    weights = np.array([[-1, 1], [0, 0], [1, 0]], np.float32)  # a change over two steps, and what was a step before
    kernels = Kernels(3, 1, np.array([1]), False, weights, np.array([2.5, 1.5], np.float32))
    series = np.array([[[9, 0], [9, 1], [9, 3], [9, 2], [9, 7]]], np.float32)
    # Values 3, 1, 4 and 0, 1, 3: above the biases two of three and one of three.
    assert kernels.features(series).ravel().tolist() == pytest.approx([4, 3, 2 / 3, 1 / 3])
    around = Kernels(3, 1, np.array([1]), True, weights, np.array([2.5, 1.5], np.float32))
    # With zeros around it 1, 3, 1, 4, -2 and 0, 0, 1, 3, 2.
    assert around.features(series).ravel().tolist() == pytest.approx([4, 3, 2 / 5, 2 / 5])


def test_drawn_kernels_are_what_loops_give_for_any_length() -> None:
    """Series of which some are shorter than some kernels, of unequal lengths, three channels."""
    series = ragged(40, 37, 12, 40, 3, 1, channels=3)
    drawn = draw_kernels(series, 60, seed=3)
    groups = drawn.groups
    assert {group.padded for group in groups} == {True, False}
    assert {group.length for group in groups} == {9}
    assert len({group.dilation for group in groups}) > 1
    assert len({len(group.channels) for group in groups}) > 1
    found = drawn.features(series)
    for row, one, length in zip(found, series, live_steps(series), strict=True):
        live = (one[:length] - drawn.mean) / drawn.deviation
        expected = np.concatenate([looped(group, live) for group in groups])
        assert row == pytest.approx(expected, abs=2e-4)


def test_statistics_are_those_of_live_steps() -> None:
    series = ragged(30, 12, 5)
    drawn = draw_kernels(series, 8)
    steps = np.concatenate([one[:length] for one, length in zip(series, (30, 12, 5), strict=True)])
    assert drawn.mean == pytest.approx(steps.mean(axis=0), rel=1e-5)
    assert drawn.deviation == pytest.approx(steps.std(axis=0), rel=1e-5)


def test_padding_and_the_other_series_change_nothing() -> None:
    series = ragged(30, 12, 30)
    longer = np.pad(series, ((0, 0), (0, 50), (0, 0)), constant_values=np.nan)
    drawn, again = draw_kernels(series, 40), draw_kernels(longer, 40)
    found = drawn.features(series)
    assert np.array_equal(found, again.features(longer))
    alone = np.concatenate([drawn.features(series[i : i + 1]) for i in range(3)])
    assert alone == pytest.approx(found, abs=1e-5)


def test_a_seed_says_everything_and_threads_nothing() -> None:
    series = ragged(50, 20, 50, 50)
    found = draw_kernels(series, 100, seed=1).features(series)
    assert np.array_equal(found, draw_kernels(series, 100, seed=1).features(series, threads=3))
    assert not np.allclose(found, draw_kernels(series, 100, seed=2).features(series))


def test_pieces_of_long_series_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    series = ragged(300, 300, 17)
    drawn = draw_kernels(series, 24)
    whole = drawn.features(series)
    monkeypatch.setattr(random_kernels, "PLACES", 7)
    monkeypatch.setattr(random_kernels, "VALUES", 50)
    assert drawn.features(series) == pytest.approx(whole, abs=1e-5)


def test_kernels_are_no_longer_than_series_and_see_no_level() -> None:
    for length in (1, 2, 3, 4, 6, 9, 31):
        drawn = draw_kernels(ragged(length, length, length), 200, seed=length)
        spans = [(group.length - 1) * group.dilation + 1 for group in drawn.groups]
        assert max(spans) <= length
        assert max(spans) >= length / 2
        for group in drawn.groups:
            sums = group.weights.reshape(group.length, len(group.channels), -1).sum(axis=0)
            assert length < 3 or np.abs(sums).max() < 1e-5
        assert np.isfinite(drawn.features(ragged(length, length, length))).all()


def test_biases_lie_among_the_values_of_training_series() -> None:
    """Shares of training series are 0.5 on average, and neither 0 nor 1 for most kernels."""
    series = ragged(*[60] * 30, channels=1)
    shares = np.split(draw_kernels(series, 400).features(series), 800 // 16, axis=1)
    shares = np.concatenate([part[:, 8:] for part in shares], axis=1)
    assert shares.mean() == pytest.approx(0.5, abs=0.05)
    assert ((shares.mean(axis=0) > 0.02) & (shares.mean(axis=0) < 0.98)).mean() > 0.9


def test_constant_and_empty_series_break_nothing() -> None:
    constant = np.full((3, 20, 2), 7.0, np.float32)
    constant[1, 10:] = np.nan
    found = draw_kernels(constant, 16).features(constant)
    assert np.isfinite(found).all()
    empty = np.full((2, 20, 1), np.nan, np.float32)
    assert (draw_kernels(empty, 16).features(empty) == 0).all()
    some = np.concatenate([ragged(20, 20, channels=1), empty])
    drawn = draw_kernels(some, 16)
    assert (drawn.features(some)[2:] == 0).all()
    assert np.array_equal(drawn.features(some)[:2], drawn.features(some[:2]))


def test_shapes_that_differ_in_time_alone_are_told_apart() -> None:
    """Equal values in another order: a jump up or down, whose mean, least and largest are the same."""
    rng = np.random.default_rng(0)
    up = rng.integers(0, 2, 60).astype(bool)
    series = np.where(np.arange(50) < 25, -1.0, 1.0) * np.where(up, 1, -1)[:, None] + rng.normal(size=(60, 50))
    found = draw_kernels(series[:, :, None].astype(np.float32), 200).features(series[:, :, None].astype(np.float32))
    gap = np.abs(found[up].mean(axis=0) - found[~up].mean(axis=0)) / (found.std(axis=0) + 1e-6)
    assert gap.max() > 1.5
