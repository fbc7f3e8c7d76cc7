"""Intervals against closed forms, scipy and their coverage in simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from lamina.data.examples import Task
from lamina.judgement.interval import Difference, compare, difference, interval, paired_shares, resampled, wilson
from lamina.metrics import METRICS, score

TWO = Task("classification", "sick", ("no", "yes"), positive="yes")
VALUE = Task("regression", "price")


def answered(right: int, wrong: int) -> tuple[np.ndarray, np.ndarray]:
    """Targets and one-hot answers, so many of them right."""
    targets = np.arange(right + wrong) % 2
    return targets, np.eye(2)[np.where(np.arange(right + wrong) < right, targets, 1 - targets)]


def scored(rows: int, seed: int, *, shift: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Targets and probabilities of two classes whose scores are normal, a shift apart."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 2, rows)
    chance = 1 / (1 + np.exp(-rng.normal(size=rows) - shift * targets))
    return targets, np.stack([1 - chance, chance], axis=1)


@pytest.mark.parametrize(("right", "rows"), [(0, 10), (8, 10), (10, 10), (339, 344), (13956, 16281)])
def test_wilson_is_scipys(right: int, rows: int) -> None:
    theirs = scipy.stats.binomtest(right, rows).proportion_ci(0.95, method="wilson")
    assert wilson(right, rows) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_solves_its_equation() -> None:
    for limit in wilson(81, 263):  # |p - share| = z sqrt(p (1 - p) / n) at both ends
        assert abs(limit - 81 / 263) == pytest.approx(1.959963984540054 * math.sqrt(limit * (1 - limit) / 263))


def test_accuracy_gets_wilson_and_other_metrics_a_bootstrap() -> None:
    targets, given = answered(95, 5)
    found = interval(METRICS["accuracy"], TWO, targets, given)
    assert (found.low, found.high) == wilson(95, 100)
    assert found.method == "Wilson"
    assert interval(METRICS["f1"], TWO, targets, given).method == "bootstrap, 2,000 resamples"


def test_bootstrap_of_a_mean_is_its_standard_error() -> None:
    targets = np.zeros(2000)
    given = np.random.default_rng(0).exponential(size=2000)
    found = interval(METRICS["mae"], VALUE, targets, given)
    half = 1.96 * given.std() / math.sqrt(2000)
    assert (found.low, found.high) == pytest.approx((given.mean() - half, given.mean() + half), abs=0.12 * half)


def test_resamples_are_plain_bootstrap_draws() -> None:
    """The mean and variance over resamples of a share are those of a binomial."""
    targets, given = answered(70, 30)
    sampled = resampled(METRICS["accuracy"], TWO, targets, [given])[0]
    assert sampled.shape == (2000,)
    assert sampled.mean() == pytest.approx(0.7, abs=0.004)
    assert sampled.std() == pytest.approx(math.sqrt(0.7 * 0.3 / 100), rel=0.06)
    assert np.array_equal(sampled, resampled(METRICS["accuracy"], TWO, targets, [given])[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "truth"), [("auc", scipy.stats.norm.cdf(math.sqrt(0.5))), ("rmse", 1.0), ("mae", math.sqrt(2 / math.pi))]
)
def test_coverage_of_the_bootstrap(name: str, truth: float) -> None:
    """About 95 of 100 intervals hold the true score: chance takes 500 of them out of 92 % to 98 % once in 500."""
    held = 0
    for seed in range(1000, 1500):
        task, (targets, given) = (TWO, scored(150, seed)) if name == "auc" else (VALUE, (np.zeros(150), _normal(seed)))
        found = interval(METRICS[name], task, targets, given)
        held += found.low <= truth <= found.high
    assert 0.92 * 500 <= held <= 0.98 * 500


def _normal(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=150)


def test_coverage_of_the_paired_difference_of_accuracies() -> None:
    """Two models, 96 % and 94 % right, on 300 rows; also equal ones with few rows that tell them apart."""
    rng = np.random.default_rng(5)
    for ours, theirs in ((0.04, 0.02), (0.008, 0.008)):  # how often only one of the two is right
        drawn = rng.multinomial(300, (ours, theirs, 1 - ours - theirs), size=2000)
        found = [paired_shares(int(a), int(b), 300) for a, b, _ in drawn]
        assert 0.935 <= np.mean([d.low <= ours - theirs <= d.high for d in found]) <= 0.995


@pytest.mark.parametrize("only_ours", range(1, 12))
def test_paired_shares_agree_with_the_exact_test_on_what_is_noise(only_ours: int) -> None:
    """McNemar's exact test, where only our model is right on some rows of 344."""
    chance = scipy.stats.binomtest(only_ours, only_ours, 0.5).pvalue
    assert paired_shares(only_ours, 0, 344).is_noise == (chance > 0.05)


@pytest.mark.parametrize("name", ["accuracy", "rmse", "auc", "log loss"])
def test_a_difference_is_positive_where_ours_is_better_and_turns_with_the_models(name: str) -> None:
    if METRICS[name].task_kind == "regression":
        task, targets = VALUE, np.zeros(400)
        good, bad = 0.5 * _normals(400), 1.5 * _normals(400)
    else:
        task, (targets, good), (_, bad) = TWO, scored(400, 1, shift=3.0), scored(400, 2, shift=0.0)
    better, worse = (
        difference(METRICS[name], task, targets, good, bad),
        difference(METRICS[name], task, targets, bad, good),
    )
    assert better.low > 0
    assert not better.is_noise
    assert (worse.value, worse.low, worse.high) == pytest.approx((-better.value, -better.high, -better.low), abs=1e-12)
    assert abs(better.value) == pytest.approx(
        abs(score(METRICS[name], task, targets, good) - score(METRICS[name], task, targets, bad))
    )


def _normals(rows: int) -> np.ndarray:
    return np.random.default_rng(8).normal(size=rows)


def test_a_difference_is_paired() -> None:
    """A constant 1 % more error is no noise, though each score alone is far less certain."""
    errors = np.random.default_rng(6).normal(size=200)
    found = difference(METRICS["rmse"], VALUE, np.zeros(200), errors, 1.01 * errors)
    alone = interval(METRICS["rmse"], VALUE, np.zeros(200), errors)
    assert found.low > 0
    assert found.high - found.low < 0.02 * (alone.high - alone.low)


def test_equal_models_differ_by_noise_only() -> None:
    targets, given = scored(100, 3)
    for name in ("accuracy", "auc", "log loss"):
        found = difference(METRICS[name], TWO, targets, given, given)
        assert found.value == 0
        assert found.is_noise


def test_groups_widen_the_interval_when_rows_repeat_each_other() -> None:
    """Every row ten times: the interval is that of the 40 distinct rows."""
    errors = np.random.default_rng(7).normal(size=40)
    tenfold, groups = np.repeat(errors, 10), np.repeat(np.arange(40), 10)
    distinct = interval(METRICS["rmse"], VALUE, np.zeros(40), errors)
    grouped = interval(METRICS["rmse"], VALUE, np.zeros(400), tenfold, groups=groups)
    assert (grouped.low, grouped.high) == pytest.approx((distinct.low, distinct.high), abs=1e-12)
    assert "whole groups" in grouped.method
    shares = interval(METRICS["accuracy"], TWO, *answered(30, 10), groups=np.arange(40) // 4)
    assert "whole groups" in shares.method


def test_a_faultless_score_keeps_doubt() -> None:
    targets = np.array([0] * 90 + [1] * 10)
    for name in ("auc", "f1", "balanced accuracy"):
        found = interval(METRICS[name], TWO, targets, np.eye(2)[targets])
        assert (found.low, found.high) == (wilson(10, 10)[0], 1.0)
    assert interval(METRICS["accuracy"], TWO, targets, np.eye(2)[targets]).low == wilson(100, 100)[0]


def test_a_model_that_answers_nan_has_no_interval_and_harms_no_other() -> None:
    targets, given = scored(60, 4)
    for name in ("accuracy", "auc"):
        intervals, gaps = compare(METRICS[name], TWO, targets, [given, np.full_like(given, math.nan)])
        assert intervals[0] == interval(METRICS[name], TWO, targets, given)
        assert math.isnan(intervals[1].low)
        assert math.isnan(gaps[0].value)
        assert gaps[0].is_noise
    assert Difference(math.nan, math.nan, math.nan).is_noise


def test_a_class_in_few_resamples_does_not_stop_it() -> None:
    """With 3 positive rows of 60, one resample in 20 has none and doesn't count; without any nothing can be told."""
    targets, given = scored(60, 9)
    few = np.where(np.cumsum(targets) <= 3, targets, 0)
    found = interval(METRICS["auc"], TWO, few, given)
    assert 0 <= found.low < found.high <= 1
    assert math.isnan(interval(METRICS["auc"], TWO, np.zeros(60, int), given).low)


def test_a_test_file_of_16_000_rows_is_resampled_whole() -> None:
    targets, given = scored(16_281, 10)
    intervals, gaps = compare(METRICS["auc"], TWO, targets, [given, given])
    assert 0 < intervals[0].high - intervals[0].low < 0.03
    assert (gaps[0].value, gaps[0].low, gaps[0].high) == (0, 0, 0)
