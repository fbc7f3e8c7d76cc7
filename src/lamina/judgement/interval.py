"""An interval: between which two numbers a score, or the difference of two, lies with 95 % confidence.

It says how the score would vary over other rows of the same kind; that another training would give another network is
not in it. Shares of right answers have closed forms, every other metric a bootstrap over rows (or over groups of rows
that belong together). One set of resamples serves all models, so that their differences are paired.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lamina.data.examples import Task
from lamina.metrics import Z95, Metric, prepare, score, wilson

RESAMPLES = 2_000
SEED = 20_240_229
CHUNK = 1 << 20  # weights at once: they stay in the cache, and a bootstrap of any size in 8 MB
WORK = 1 << 27  # weights in all: beyond this, fewer resamples (never under 400), so that it takes seconds


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval and how it was found."""

    low: float
    high: float
    method: str


@dataclass(frozen=True)
class Difference:
    """How much better ours is than theirs (positive: ours is better), with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    @property
    def is_noise(self) -> bool:
        """Whether no difference at all is within the interval (or nothing can be said)."""
        return not (self.low > 0 or self.high < 0)


def paired_shares(only_ours: int, only_theirs: int, rows: int) -> Difference:
    """The difference of two shares of the same rows, from how many rows only one of the two has right.

    A bootstrap is too sure of itself when few rows tell the two apart: four against none would pass for a difference.

    Source: D. Bonett and R. Price, "Adjusted Wald confidence interval for a difference of binomial proportions based on
    paired data", Journal of Educational and Behavioral Statistics 37 (2012).

    >>> paired_shares(5, 0, 344).is_noise, paired_shares(6, 0, 344).is_noise
    (True, False)
    """
    ours, theirs = (only_ours + 1) / (rows + 2), (only_theirs + 1) / (rows + 2)
    half = Z95 * math.sqrt((ours + theirs - (ours - theirs) ** 2) / (rows + 2))
    low, high = max(-1.0, ours - theirs - half), min(1.0, ours - theirs + half)
    return Difference((only_ours - only_theirs) / rows, low, high)


def interval(
    metric: Metric, task: Task, targets: np.ndarray, predictions: np.ndarray, *, groups: np.ndarray | None = None
) -> Interval:
    """The 95 % interval of one model's score on these rows; ``groups`` [rows] says which rows belong together.

    >>> from lamina.metrics import METRICS
    >>> task = Task("classification", "species", ("a", "b"))
    >>> one_hot = np.eye(2)[[0, 1, 0, 1, 0, 1, 0, 1, 0, 0]]
    >>> interval(METRICS["accuracy"], task, np.array([0, 1, 0, 1, 0, 1, 0, 1, 1, 1]), one_hot).method
    'Wilson'
    """
    return compare(metric, task, targets, [predictions], groups=groups)[0][0]


def difference(
    metric: Metric,
    task: Task,
    targets: np.ndarray,
    ours: np.ndarray,
    theirs: np.ndarray,
    *,
    groups: np.ndarray | None = None,
) -> Difference:
    """How much better ours is than theirs on the same rows (positive: ours), with its 95 % interval.

    >>> from lamina.metrics import METRICS
    >>> task, targets = Task("regression", "price"), np.arange(50.0)
    >>> found = difference(METRICS["mae"], task, targets, targets + 1, targets + 3)
    >>> found.value, found.low, found.high
    (2.0, 2.0, 2.0)
    """
    return compare(metric, task, targets, [ours, theirs], groups=groups)[1][0]


def compare(
    metric: Metric,
    task: Task,
    targets: np.ndarray,
    predictions: Sequence[np.ndarray],
    *,
    groups: np.ndarray | None = None,
) -> tuple[list[Interval], list[Difference]]:
    """Each model's interval, and by how much the first is better than each of the others, from one set of resamples."""
    scores = np.array([score(metric, task, targets, p) for p in predictions])
    if metric.name == "accuracy" and groups is None and len(targets):
        return _closed(targets, predictions, scores)
    sampled = resampled(metric, task, targets, predictions, groups=groups)
    resamples = f"bootstrap, {sampled.shape[1]:,} resamples" + (" of whole groups" if groups is not None else "")
    intervals = [Interval(*_middle_95(row), resamples) for row in sampled]
    bounded = [_bounded(metric, targets, s, found) for s, found in zip(scores, intervals, strict=True)]
    sign = 1.0 if metric.greater_is_better else -1.0
    gaps = [
        Difference(float(sign * (scores[0] - other)), *_middle_95(sign * (sampled[0] - row)))
        for other, row in zip(scores[1:], sampled[1:], strict=True)
    ]
    return bounded, gaps


def resampled(
    metric: Metric,
    task: Task,
    targets: np.ndarray,
    predictions: Sequence[np.ndarray],
    *,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Scores [models, resamples] on rows (or whole groups) drawn with replacement, the same draws for every model.

    Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 6 and 13.
    """
    weighed = [prepare(metric, task, targets, p) for p in predictions]
    passes = 1 if metric.name != "auc" or len(task.classes) == 2 else len(task.classes)  # each class sorts all rows
    count = max(400, min(RESAMPLES, WORK // max(1, len(targets) * passes)))
    drawn = _draws(len(targets), count, groups)
    return np.concatenate([np.stack([w(weights) for w in weighed]) for weights in drawn], axis=1)


def _draws(rows: int, count: int, groups: np.ndarray | None) -> Iterator[np.ndarray]:
    """How often each row was drawn, float64 [some resamples, rows] at a time, ``count`` resamples in all."""
    rng = np.random.default_rng(SEED)
    of_row = None if groups is None else np.unique(groups, return_inverse=True)[1].reshape(-1)
    units = rows if of_row is None else int(of_row.max(initial=-1)) + 1
    at_once = max(1, CHUNK // max(1, rows))
    for start in range(0, count, at_once):
        some = min(at_once, count - start)
        drawn = rng.integers(0, max(1, units), size=(some, units), dtype=np.int32)
        flat = (drawn + (np.arange(some) * units)[:, None]).ravel()
        counts = np.bincount(flat, minlength=some * units).reshape(some, units).astype(np.float64)
        yield counts if of_row is None else counts[:, of_row]


def _middle_95(values: np.ndarray) -> tuple[float, float]:
    """The 2.5 % and 97.5 % quantiles of what is not NaN; unknown if more than a tenth is."""
    told = values[~np.isnan(values)]
    if len(told) < 0.9 * len(values) or len(told) == 0:
        return math.nan, math.nan
    low, high = np.quantile(told, (0.025, 0.975))
    return float(low), float(high)


def _bounded(metric: Metric, targets: np.ndarray, value: float, found: Interval) -> Interval:
    """A faultless score keeps doubt, though no resample shows a mistake that no row made: Wilson's for the rows of the
    smallest class bounds it.
    """
    faultless = metric.needs != "values" and metric.greater_is_better and value == 1.0
    if not faultless:
        return found
    smallest = int(np.unique(targets, return_counts=True)[1].min())
    return Interval(wilson(smallest, smallest)[0], 1.0, "Wilson, for the smallest class")


def _closed(
    targets: np.ndarray, predictions: Sequence[np.ndarray], scores: np.ndarray
) -> tuple[list[Interval], list[Difference]]:
    """Accuracy: Wilson's interval for each share, Bonett and Price's for their paired differences."""
    rows, nothing = len(targets), Difference(math.nan, math.nan, math.nan)
    right = [np.asarray(p).argmax(axis=1) == targets for p in predictions]
    limits = [wilson(s * rows, rows) if np.isfinite(s) else (math.nan, math.nan) for s in scores]
    gaps = [
        paired_shares(int((right[0] & ~other).sum()), int((~right[0] & other).sum()), rows)
        if np.isfinite(scores[0] + s)
        else nothing
        for s, other in zip(scores[1:], right[1:], strict=True)
    ]
    return [Interval(*limit, "Wilson") for limit in limits], gaps
