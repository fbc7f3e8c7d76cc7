"""A verdict: how good the network is on rows it never saw, and whether a simpler model would have done.

Its first line is a plain sentence for people; the numbers behind it stand in rows below, and in ``run.json``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from lamina.data.examples import Task
from lamina.judgement.baselines import TRIVIAL, Baseline
from lamina.judgement.interval import Difference, compare
from lamina.metrics import METRICS, Metric, score

RowsKind = Literal["out of fold", "held out", "test file"]

SAYING = {
    "accuracy": ("gets {score} of {rows} right", "gets {score}"),
    "balanced accuracy": ("gets {score} right, averaged over the classes, of {rows}", "gets {score}"),
    "auc": ("reaches an AUC of {score} on {rows}", "reaches {score}"),
    "log loss": ("has a log loss of {score} on {rows}", "has {score}"),
    "f1": ("reaches an F1 of {score} on {rows}", "reaches {score}"),
    "rmse": ("is off by {score} (root mean square, in units of {target}) on {rows}", "is off by {score}"),
    "mae": ("is off by {score} on average (in units of {target}) on {rows}", "is off by {score}"),
    "r2": ("reaches an R2 of {score} on {rows}", "reaches {score}"),
}
"""What a metric says of the network, and, after that, of a simpler model."""

CALLED = {
    "majority class": "always naming the most frequent class",
    "mean": "always answering the mean",
    "median": "always answering the median",
    "nearest neighbours": "a nearest-neighbour model",
    "SVM": "an SVM",
}
"""How a sentence calls a simpler model, where its name alone does not read well."""


@dataclass(frozen=True)
class BaselineScore:
    """One simpler model on the same rows. ``difference``: how much better the network is (negative: how much worse)."""

    score: float
    interval: tuple[float, float]
    settings: str
    seconds: float
    difference: float
    difference_interval: tuple[float, float]


@dataclass(frozen=True)
class Verdict:
    """How good, with its 95 % interval, beside simpler models on the same rows.

    ``best_baseline`` is None if no simpler model was judged. A score that can't be told is NaN (null in JSON).
    """

    task: Task
    metric: str
    greater_is_better: bool
    score: float
    interval: tuple[float, float]
    interval_method: str
    rows: int
    rows_kind: RowsKind
    baselines: dict[str, BaselineScore]
    best_baseline: str | None
    sentence: str
    notes: tuple[str, ...] = ()

    def with_notes(self, *notes: str) -> Verdict:
        """The verdict with more for its reader to know, before what it says itself."""
        return replace(self, notes=(*notes, *self.notes))

    def to_json(self) -> dict[str, Any]:
        """The verdict as JSON-ready values: NaN is null, tuples are lists."""
        return _jsonable(self)

    @staticmethod
    def from_json(values: dict[str, Any]) -> Verdict:
        """The verdict that ``to_json`` wrote."""
        task = {**values["task"], "classes": tuple(values["task"]["classes"])}
        baselines = {name: BaselineScore(**_numbers(b)) for name, b in values["baselines"].items()}
        notes = tuple(values["notes"])
        return Verdict(**{**_numbers(values), "task": Task(**task), "baselines": baselines, "notes": notes})

    def lines(self) -> list[str]:
        """The verdict for a terminal: the sentence, a row a model, their settings, the notes."""
        measure = METRICS[self.metric]
        digits = _digits(measure, self.score, self.interval)
        rows = [["", self.metric, "95 % interval", "the network is better by", "seconds"]]
        rows.append(["network", _shown(measure, self.score, digits), _range(measure, self.interval, digits), "", ""])
        rows += [_row(measure, name, b, digits) for name, b in self.baselines.items()]
        settings = [f"{name}: {b.settings}" for name, b in self.baselines.items()]
        table = _aligned(rows) if self.baselines else []
        return [self.sentence, *table, *settings, *self.notes]


def judge(
    task: Task,
    metric: Metric,
    targets: np.ndarray,
    predictions: np.ndarray,
    baselines: Mapping[str, Baseline],
    *,
    rows_kind: RowsKind,
    groups: np.ndarray | None = None,
) -> Verdict:
    """The verdict on predictions for rows that neither training nor selection saw.

    ``targets`` [rows]; ``predictions`` and each baseline's: probabilities [rows, classes] or values [rows], of the same
    rows in the same order. ``groups`` [rows]: which rows belong together (the intervals then draw whole groups).

    >>> from lamina.metrics import METRICS
    >>> task, targets = Task("classification", "species", ("a", "b")), np.array([0, 1] * 20)
    >>> judge(task, METRICS["accuracy"], targets, np.eye(2)[targets], {}, rows_kind="held out").sentence
    'The network gets 100 % of 40 unseen rows right (95 % interval 91 to 100 %).'
    """
    models = [predictions, *(b.predictions for b in baselines.values())]
    intervals, gaps = compare(metric, task, targets, models, groups=groups)
    scores = [score(metric, task, targets, p) for p in models]
    simple = {
        name: BaselineScore(s, (i.low, i.high), b.settings, b.seconds, gap.value, (gap.low, gap.high))
        for (name, b), s, i, gap in zip(baselines.items(), scores[1:], intervals[1:], gaps, strict=True)
    }
    best = _best(metric, simple)
    ours, limits = scores[0], (intervals[0].low, intervals[0].high)
    sentence = _first(task, metric, ours, limits, _rows(len(targets), rows_kind)) + _second(metric, ours, limits, best)
    return Verdict(
        task=task,
        metric=metric.name,
        greater_is_better=metric.greater_is_better,
        score=ours,
        interval=limits,
        interval_method=intervals[0].method,
        rows=len(targets),
        rows_kind=rows_kind,
        baselines=simple,
        best_baseline=best[0] if best else None,
        sentence=sentence + ("; no simpler model could be judged beside it." if simple and not best else "."),
        notes=tuple(_own_notes(simple, best)),
    )


def _best(metric: Metric, simple: dict[str, BaselineScore]) -> tuple[str, BaselineScore] | None:
    """The simpler model with the best score; of equals the first, which is the simplest."""
    sign = 1.0 if metric.greater_is_better else -1.0
    judged = [(name, b) for name, b in simple.items() if math.isfinite(b.score)]
    return max(judged, key=lambda item: sign * item[1].score, default=None)


def _rows(count: int, kind: RowsKind) -> str:
    rows = "row" if count == 1 else "rows"
    return f"{count:,} {rows} of the test file" if kind == "test file" else f"{count:,} unseen {rows}"


def _first(task: Task, metric: Metric, value: float, limits: tuple[float, float], rows: str) -> str:
    """How good the network is, with its interval; no full stop."""
    if not math.isfinite(value):
        return f"The network can't be judged by {metric.name} on {rows}: the score is not a number"
    digits = _digits(metric, value, limits)
    said = SAYING[metric.name][0].format(score=_shown(metric, value, digits), rows=rows, target=task.target)
    return f"The network {said}" + (
        f" (95 % interval {_range(metric, limits, digits)})" if limits[0] <= limits[1] else ""
    )


def _second(metric: Metric, value: float, limits: tuple[float, float], best: tuple[str, BaselineScore] | None) -> str:
    """The best simpler model, and whether the difference is larger than noise; no full stop."""
    if best is None:
        return ""
    name, simple = best
    digits = _digits(metric, value, limits) if math.isfinite(value) else _digits(metric, simple.score, simple.interval)
    said = SAYING[metric.name][1].format(score=_shown(metric, simple.score, digits))
    gap = Difference(simple.difference, *simple.difference_interval)
    return f"; {CALLED.get(name, name)} {said}" + (
        f": {_conclusion(metric, name, gap)}" if math.isfinite(value) else ""
    )


def _conclusion(metric: Metric, name: str, gap: Difference) -> str:
    """What follows from the difference to the best simpler model."""
    if gap.is_noise and name in TRIVIAL:
        return "no difference larger than noise, so nothing useful was learned"
    if gap.is_noise:
        as_good = "is as good" if gap.value <= 0 else "may well be as good"
        return f"no difference larger than noise, so the simpler model {as_good}"
    better, sign = ("the network", 1.0) if gap.low > 0 else ("the simpler model", -1.0)
    return f"{better} is better by {_gap(metric, gap, sign)}, more than noise"


def _own_notes(simple: dict[str, BaselineScore], best: tuple[str, BaselineScore] | None) -> list[str]:
    """What the verdict itself has to add: simpler models that failed, a network no better than a constant answer."""
    failed = [f"{name} could not be judged: {b.settings}" for name, b in simple.items() if not math.isfinite(b.score)]
    constant = [
        f"The network is not better than {CALLED[name]} by more than noise."
        for name, b in simple.items()
        if name in TRIVIAL and math.isfinite(b.difference) and not b.difference_interval[0] > 0
    ]
    return failed + ([] if best and best[0] in TRIVIAL else constant[:1])


def _digits(metric: Metric, value: float, limits: tuple[float, float]) -> int:
    """Decimals to show: those that the interval's half width supports (negative: tens, hundreds ...).

    The half width keeps two digits up to 3.54..., one from there on. Source: Particle Data Group, "Review of Particle
    Physics" (2022), Introduction, section 5.3 "Rounding".
    """
    scale = 100.0 if metric.unit == "%" else 1.0
    half = scale * (limits[1] - limits[0]) / 2
    if not (math.isfinite(half) and half > 0):
        if metric.unit == "%" or not math.isfinite(value) or value == 0:
            return 1
        return 2 - math.floor(math.log10(abs(value)))
    power = math.floor(math.log10(half))
    digits = (1 if half / 10**power < 3.55 else 0) - power
    return min(digits, 12) if metric.unit != "%" else max(0, min(digits, 4))


def _number(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return "not a number"
    shown = f"{round(value, digits):,.{max(0, digits)}f}"
    return shown.removeprefix("-") if not shown.strip("-0.,") else shown  # no "-0.0"


def _shown(metric: Metric, value: float, digits: int) -> str:
    if metric.unit != "%" or not math.isfinite(value):
        return _number(value, digits)
    return f"{_number(100 * value, digits)} %"


def _range(metric: Metric, limits: tuple[float, float], digits: int) -> str:
    if not all(math.isfinite(limit) for limit in limits):
        return "unknown"
    scale, unit = (100.0, " %") if metric.unit == "%" else (1.0, "")
    return f"{_number(scale * limits[0], digits)} to {_number(scale * limits[1], digits)}{unit}"


def _gap(metric: Metric, gap: Difference, sign: float) -> str:
    """A difference with its interval: "2.1 points (1.2 to 3.0)"."""
    if not math.isfinite(gap.value):
        return "unknown"
    scale, unit = (100.0, " points") if metric.unit == "%" else (1.0, "")
    digits = _digits(metric, gap.value, (gap.low, gap.high))
    low, high = sorted((sign * gap.low, sign * gap.high))
    value = _number(scale * sign * gap.value, digits)
    return f"{value}{unit} ({_number(scale * low, digits)} to {_number(scale * high, digits)})"


def _row(metric: Metric, name: str, simple: BaselineScore, digits: int) -> list[str]:
    gap = Difference(simple.difference, *simple.difference_interval)
    score, limits = _shown(metric, simple.score, digits), _range(metric, simple.interval, digits)
    return [name, score, limits, _gap(metric, gap, 1.0), f"{simple.seconds:.1f}"]


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _jsonable(value: Any) -> Any:
    """Plain JSON values; a number that JSON has no word for is None."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: _jsonable(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, dict):
        return {name: _jsonable(v) for name, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(values: dict[str, Any]) -> dict[str, Any]:
    """The scores and intervals of a JSON object as numbers again: null is NaN."""
    number = lambda v: math.nan if v is None else v  # noqa: E731
    single = {k: number(values[k]) for k in ("score", "difference", "seconds") if k in values}
    pairs = {k: tuple(map(number, values[k])) for k in ("interval", "difference_interval") if k in values}
    return {**values, **single, **pairs}
