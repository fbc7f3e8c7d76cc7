"""A metric: one number that says how good predictions are.

Predictions are class probabilities [rows, classes] or values [rows]. Every metric is written over row weights, many
sets of them at once, so that a bootstrap of thousands of resamples is a few matrix products and not thousands of calls.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from lamina.errors import OptionError

if TYPE_CHECKING:
    from lamina.data.examples import Task

Weighed = Callable[[np.ndarray], np.ndarray]
"""What preparing a metric gives: row weights [sets, rows] -> scores [sets]."""

SMALLEST_PROBABILITY = 1e-15
"""Log loss treats a smaller probability as this one, so that one sure mistake costs 34.5 nats and not infinity."""


@dataclass(frozen=True)
class Metric:
    """One number for how good predictions are.

    ``needs``: "labels" looks at the most probable class only, "probabilities" at all of them, "values" at the values of
    a regression. ``unit``: "%" (a share of 1, shown as per cent), "target" (the target's unit), "nats", or "" for a
    bare number. ``compute(task, targets, predictions)`` prepares what does not depend on the weights and returns
    weights -> scores.
    """

    name: str
    greater_is_better: bool
    needs: Literal["labels", "probabilities", "values"]
    unit: Literal["%", "target", "nats", ""]
    compute: Callable[[Task, np.ndarray, np.ndarray], Weighed]

    @property
    def task_kind(self) -> str:
        """The kind of task it is for: "regression" or "classification"."""
        return "regression" if self.needs == "values" else "classification"


def metric(name: str, task: Task) -> Metric:
    """The metric of this name; "-" and "_" stand for a space, and case does not matter.

    Raises OptionError if the name is unknown or the metric does not fit the task.

    >>> from lamina.data.examples import Task
    >>> metric("log-loss", Task("classification", "species", ("a", "b"))).name
    'log loss'
    """
    wanted = " ".join(name.casefold().replace("-", " ").replace("_", " ").split())
    fitting = [m.name for m in METRICS.values() if m.task_kind == task.kind]
    if wanted in fitting:
        return METRICS[wanted]
    nearest = difflib.get_close_matches(wanted, fitting, n=3, cutoff=0.4) if wanted not in METRICS else []
    if wanted in METRICS:
        given = f"The metric {wanted} is for a {METRICS[wanted].task_kind}, and {task.target} is a {task.kind}."
    else:
        given = f'There is no metric "{name}".' + (f" The nearest: {', '.join(nearest)}." if nearest else "")
    mend = f"--metric {(nearest[0] if nearest else default_metric(task).name).replace(' ', '-')}"
    raise OptionError(given, expected=f"For a {task.kind}, one of {', '.join(fitting)}.", mend=mend)


def default_metric(task: Task) -> Metric:
    """What a task is scored by unless somebody says otherwise: accuracy, or RMSE for a regression.

    >>> from lamina.data.examples import Task
    >>> default_metric(Task("regression", "price")).name
    'rmse'
    """
    return METRICS["accuracy" if task.kind == "classification" else "rmse"]


def score(metric: Metric, task: Task, targets: np.ndarray, predictions: np.ndarray) -> float:
    """One number for predictions: probabilities [rows, classes] or values [rows].

    NaN if a prediction is NaN or infinite, and where the rows can't tell: no rows, an AUC without both classes, an R2
    of targets that are all the same.

    >>> from lamina.data.examples import Task
    >>> task = Task("regression", "price")
    >>> score(METRICS["rmse"], task, np.array([1.0, 2.0]), np.array([1.0, 4.0])) ** 2
    2.0000000000000004
    """
    return float(prepare(metric, task, targets, predictions)(np.ones((1, len(targets))))[0])


def prepare(metric: Metric, task: Task, targets: np.ndarray, predictions: np.ndarray) -> Weighed:
    """The metric of these predictions as a function of row weights [sets, rows] -> scores [sets]."""
    predictions = np.asarray(predictions, np.float64)
    expected = (len(targets),) if metric.needs == "values" else (len(targets), len(task.classes))
    if predictions.shape != expected:
        raise ValueError(f"{metric.name} of {len(targets)} rows takes predictions {expected}, not {predictions.shape}")
    if not np.isfinite(predictions).all() or len(targets) == 0:
        return lambda weights: np.full(len(weights), np.nan)
    return metric.compute(task, np.asarray(targets), predictions)


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient, and NaN without a warning where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=denominator != 0)


def _mean_of(per_row: np.ndarray) -> Weighed:
    return lambda weights: _divide(weights @ per_row, weights.sum(axis=1))


def _mean_of_present(values: np.ndarray) -> np.ndarray:
    """The mean [sets] of what is not NaN in values [sets, classes]: classes without a row don't count."""
    present = ~np.isnan(values)
    return _divide(np.where(present, values, 0.0).sum(axis=1), present.sum(axis=1).astype(float))


def _one_hot(classes: np.ndarray, count: int) -> np.ndarray:
    return (classes[:, None] == np.arange(count)).astype(np.float64)


def _positive(task: Task) -> int:
    """The column that two-class metrics look at: the positive label's, or the last."""
    return task.classes.index(task.positive) if task.positive in task.classes else len(task.classes) - 1


def _accuracy(task: Task, targets: np.ndarray, probabilities: np.ndarray) -> Weighed:
    return _mean_of((probabilities.argmax(axis=1) == targets).astype(np.float64))


def _balanced_accuracy(task: Task, targets: np.ndarray, probabilities: np.ndarray) -> Weighed:
    """The mean over the classes of the share found of each."""
    of_class = _one_hot(targets, len(task.classes))
    found = of_class * (probabilities.argmax(axis=1) == targets)[:, None]
    return lambda weights: _mean_of_present(_divide(weights @ found, weights @ of_class))


def _f1(task: Task, targets: np.ndarray, probabilities: np.ndarray) -> Weighed:
    """2 hits / (named + true): of the positive class if there are two, else the mean over the classes."""
    true, named = _one_hot(targets, len(task.classes)), _one_hot(probabilities.argmax(axis=1), len(task.classes))
    if len(task.classes) == 2:
        true, named = true[:, [_positive(task)]], named[:, [_positive(task)]]
    hits, either = true * named, true + named

    def mean(weights: np.ndarray) -> np.ndarray:
        return _mean_of_present(_divide(2 * (weights @ hits), weights @ either))

    return mean


def _log_loss(task: Task, targets: np.ndarray, probabilities: np.ndarray) -> Weighed:
    """Minus the log of the probability that the true class was given, in nats."""
    given = probabilities[np.arange(len(targets)), targets.astype(int)]
    return _mean_of(-np.log(np.clip(given, SMALLEST_PROBABILITY, 1.0)))


def _auc(task: Task, targets: np.ndarray, probabilities: np.ndarray) -> Weighed:
    """The area under the ROC curve: of the positive class, or the mean over the classes of each against the rest."""
    columns = [_positive(task)] if len(task.classes) == 2 else list(range(len(task.classes)))
    per_class = [_ranking(targets == column, probabilities[:, column]) for column in columns]
    return lambda weights: _mean_of_present(np.stack([area(weights) for area in per_class], axis=1))


def _ranking(positive: np.ndarray, scores: np.ndarray) -> Weighed:
    """The probability that a positive row's score is above a negative one's, ties counting half.

    Source: J. Hanley and B. McNeil, "The meaning and use of the area under a receiver operating characteristic (ROC)
    curve", Radiology 143 (1982).
    """
    (ours,), (others,) = np.nonzero(positive), np.nonzero(~positive)
    others = others[np.argsort(scores[others], kind="stable")]
    beaten = [np.searchsorted(scores[others], scores[ours], side) for side in ("left", "right")]
    tied = bool((beaten[0] != beaten[1]).any())

    def area(weights: np.ndarray) -> np.ndarray:
        below = np.zeros((len(weights), len(others) + 1))  # the weight of the first k negative rows
        np.cumsum(np.take(weights, others, axis=1), axis=1, out=below[:, 1:])
        above = np.take(weights, ours, axis=1)
        pairs = [np.einsum("sr,sr->s", above, np.take(below, places, axis=1)) for places in beaten[: 1 + tied]]
        return _divide(np.mean(pairs, axis=0), above.sum(axis=1) * below[:, -1])

    return area


def _rmse(task: Task, targets: np.ndarray, values: np.ndarray) -> Weighed:
    squared = _mean_of((values - targets) ** 2)
    return lambda weights: np.sqrt(squared(weights))


def _mae(task: Task, targets: np.ndarray, values: np.ndarray) -> Weighed:
    return _mean_of(np.abs(values - targets))


def _r2(task: Task, targets: np.ndarray, values: np.ndarray) -> Weighed:
    """1 - squared error / variance, the variance around each weighted mean."""
    centred = targets - targets.mean()  # before squaring, or a target far from 0 loses its digits
    error, square, mean = _mean_of((values - targets) ** 2), _mean_of(centred**2), _mean_of(centred)

    def explained(weights: np.ndarray) -> np.ndarray:
        about_zero = square(weights)
        variance = about_zero - mean(weights) ** 2
        return 1.0 - _divide(
            error(weights), np.where(variance > 1e-12 * about_zero, variance, 0.0)
        )  # else rounding only

    return explained


METRICS: dict[str, Metric] = {
    m.name: m
    for m in (
        Metric("accuracy", True, "labels", "%", _accuracy),
        Metric("balanced accuracy", True, "labels", "%", _balanced_accuracy),
        Metric("auc", True, "probabilities", "", _auc),
        Metric("log loss", False, "probabilities", "nats", _log_loss),
        Metric("f1", True, "labels", "", _f1),
        Metric("rmse", False, "values", "target", _rmse),
        Metric("mae", False, "values", "target", _mae),
        Metric("r2", True, "values", "", _r2),
    )
}
"""Every metric by its name: a closed table."""


Z95 = 1.959963984540054
"""The standard normal's 97.5 % point: 95 % lie within it on both sides."""


def wilson(right: float, rows: float) -> tuple[float, float]:
    """The score interval of a share: right of rows.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).

    >>> [round(limit, 4) for limit in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    share, spread = right / rows, Z95**2 / rows
    middle = share + spread / 2
    half = math.sqrt(spread * share * (1 - share) + spread**2 / 4)
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))
