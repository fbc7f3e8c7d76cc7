"""What simple models see of series: numbers about each, against plain loops and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.judgement.sequences import ABOUT, Sequences, about_series


def walks(*lengths: int, channels: int = 2, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    series = np.full((len(lengths), max(lengths), channels), np.nan, np.float32)
    for one, length in zip(series, lengths, strict=True):
        one[:length] = 100 + rng.normal(size=(length, channels)).cumsum(axis=0)
    return series


def looped(values: np.ndarray) -> list[float]:
    """The numbers about one channel of one series, by NumPy's own functions."""
    slope = np.polyfit(np.arange(len(values)), values, 1)[0] if len(values) > 1 else 0.0
    change = np.abs(values[1:] - values[:-1]).mean() if len(values) > 1 else 0.0
    return [values.mean(), values.std(), values.min(), values.max(), slope * (len(values) - 1), change]


def test_numbers_are_those_of_loops_over_live_steps() -> None:
    series = walks(30, 12, 2, 1, 30)
    found = about_series(series, ABOUT)
    for one, length, numbers in zip(series, (30, 12, 2, 1, 30), found, strict=True):
        for channel in range(2):
            expected = looped(one[:length, channel].astype(np.float64))
            assert numbers[:, channel] == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_an_empty_series_has_zeros_and_pieces_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    from lamina.judgement import sequences

    series = np.concatenate([walks(9, 5, 9), np.full((1, 9, 2), np.nan, np.float32)])
    whole = about_series(series, ABOUT)
    assert (whole[3] == 0).all()
    monkeypatch.setattr(sequences, "PIECE", 20)
    assert np.array_equal(about_series(series, ABOUT), whole)


def test_padding_changes_nothing() -> None:
    series = walks(9, 5, 9)
    longer = np.pad(series, ((0, 0), (0, 40), (0, 0)), constant_values=np.nan)
    assert about_series(longer, ABOUT) == pytest.approx(about_series(series, ABOUT))


def test_the_length_counts_where_lengths_differ() -> None:
    known = np.arange(3)
    equal, uneven = Sequences.of_series(walks(9, 9, 9)), Sequences.of_series(walks(9, 5, 9))
    assert equal.scaled(known)(known).shape == (3, 12)
    assert not equal.about_scaled.endswith("length")
    matrix, categorical = uneven.binned(known, 128)
    assert matrix(known)[:, -1].tolist() == [9, 5, 9]
    assert uneven.about_binned.endswith("and length")
    assert not categorical.any()


def test_linear_models_see_standardised_numbers() -> None:
    known = np.arange(4)
    seen = Sequences.of_series(walks(30, 30, 30, 30, 30)).scaled(known)
    assert seen(known).mean(axis=0) == pytest.approx(0, abs=1e-9)
    assert seen(known).std(axis=0) == pytest.approx(1)
    assert seen(np.array([4])).shape == (1, 12)


def test_numbers_that_hardly_differ_tell_nothing() -> None:
    """Series standardised one by one, half of them with rounding: their mean and deviation say only which half."""
    series = walks(*[50] * 20, channels=1)
    series = (series - series.mean(axis=1, keepdims=True)) / series.std(axis=1, keepdims=True)
    series[::2] = np.round(series[::2] * 100) / 100
    known = np.arange(20)
    seen = Sequences.of_series(series).scaled(known)(known)
    assert (seen[:, :2] == 0).all()
    assert (seen[:, 2:].std(axis=0) > 0.99).all()
    far = Sequences.of_series(series + np.where(known % 2, 0, 0.2).astype(np.float32)[:, None, None])
    assert np.abs(far.scaled(known)(known)[:, 0]) == pytest.approx(1, abs=0.05)


def test_frames_are_means_for_linear_models_and_deviations_too_for_trees() -> None:
    frames, known = walks(20, 10, 20, 15, channels=3), np.arange(4)
    seen = Sequences.of_frames(frames, "log-mel")
    assert seen.scaled(known)(known).shape == (4, 3)
    matrix, _ = seen.binned(known, 128)
    live = [one[:length].astype(np.float64) for one, length in zip(frames, (20, 10, 20, 15), strict=True)]
    assert matrix(known)[:, :3] == pytest.approx(np.stack([one.mean(axis=0) for one in live]), rel=1e-6)
    assert matrix(known)[:, 3:] == pytest.approx(np.stack([one.std(axis=0) for one in live]), rel=1e-6)
    assert (seen.about_scaled, seen.about_binned) == ("mean log-mel", "mean and deviation of log-mel")
