"""Outcomes: the answers on the judged rows against the truth. Confusion and calibration."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamina.metrics import wilson
from lamina.views.curves import short
from lamina.views.record import Answers, Record

MATRIX = 40  # classes that a matrix shows
POINTS = 1_500  # points that a scatter plot shows
NO_ANSWERS = "No answers on judged rows are kept in this run, so there is nothing to compare yet."


def confusion_view(record: Record) -> dict[str, Any]:
    """The confusion matrix of a classification, or predicted against actual values of a regression."""
    if record.answers is None:
        return {"absent": NO_ANSWERS}
    if is_regression(record):
        return _scatter(record.answers, record.run["task"].get("target", ""))
    return _matrix(record.answers, classes_of(record))


def classes_of(record: Record) -> list[str]:
    """The labels in order; numbered where the run names too few."""
    answers = record.answers
    width = max(answers.predictions.shape[-1], int(answers.targets.max()) + 1) if answers is not None else 0
    named = [str(c) for c in (record.run.get("task") or {}).get("classes", [])]
    return named + [f"class {i}" for i in range(len(named), width)]


def is_regression(record: Record) -> bool:
    """Whether the run predicts a number."""
    return (record.run.get("task") or {}).get("kind") == "regression"


def _matrix(answers: Answers, classes: list[str]) -> dict[str, Any]:
    """Counts [true][predicted], the same as shares of each true class, and what each class reaches."""
    predicted = answers.predictions.argmax(axis=1)
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (answers.targets.astype(int), predicted), 1)
    shown = _most_mistaken(counts)
    part = counts[np.ix_(shown, shown)]
    shares = part / np.maximum(counts.sum(axis=1)[shown], 1)[:, None]
    return {
        "kind": "classification",
        "rows": len(predicted),
        "right": int(np.trace(counts)),
        "classes": [classes[i] for i in shown],
        "left_out": len(classes) - len(shown),
        "counts": part.tolist(),
        "shares": shares.round(4).tolist(),
        "per_class": _per_class(counts, classes),
        "pairs": _pairs(counts, classes),
    }


def _most_mistaken(counts: np.ndarray) -> np.ndarray:
    """The classes a matrix shows: all, or of very many those with the most mistakes, in their own order."""
    wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    return np.sort(np.argsort(-wrong, kind="stable")[:MATRIX])


def _per_class(counts: np.ndarray, classes: list[str]) -> list[dict[str, Any]]:
    """Rows, precision, recall and F1 of every class; None where nothing was there, or nothing predicted."""
    rows, predicted, right = counts.sum(axis=1), counts.sum(axis=0), np.diag(counts)
    return [
        {
            "name": name,
            "rows": int(rows[i]),
            "precision": _share(right[i], predicted[i]),
            "recall": _share(right[i], rows[i]),
            "f1": _share(2 * right[i], rows[i] + predicted[i]),
        }
        for i, name in enumerate(classes)
    ]


def _share(part: Any, whole: Any) -> float | None:
    return round(float(part) / float(whole), 4) if whole else None


def _pairs(counts: np.ndarray, classes: list[str]) -> list[dict[str, Any]]:
    """The most frequent confusions: (true, predicted, how often)."""
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    order = [divmod(int(i), len(counts)) for i in np.argsort(-wrong, axis=None, kind="stable")[:8]]
    return [{"true": classes[i], "predicted": classes[j], "count": int(wrong[i, j])} for i, j in order if wrong[i, j]]


def _scatter(answers: Answers, target: str) -> dict[str, Any]:
    """Points (actual, predicted), evenly thinned in the order of the actual value, and the residuals' histogram."""
    actual, predicted = answers.targets.astype(float), np.ravel(answers.predictions).astype(float)
    usable = np.isfinite(actual) & np.isfinite(predicted)
    actual, predicted = actual[usable], predicted[usable]
    if not len(actual):
        return {"absent": "No answer on the judged rows is a finite number."}
    order = np.argsort(actual, kind="stable")
    places = order[np.linspace(0, len(order) - 1, min(POINTS, len(order))).round().astype(int)]
    residuals = predicted - actual
    counts, edges = np.histogram(residuals, bins=_bins(len(residuals)))
    spread = float(((actual - actual.mean()) ** 2).sum())
    return {
        "kind": "regression",
        "target": target,
        "rows": len(actual),
        "points": [[short(actual[i]), short(predicted[i])] for i in places],
        "residuals": {"counts": counts.tolist(), "edges": [short(e) for e in edges]},
        "rmse": short(math.sqrt(float((residuals**2).mean()))),
        "mae": short(float(np.abs(residuals).mean())),
        "r2": short(1 - float((residuals**2).sum()) / spread) if spread else None,
        "bias": short(float(residuals.mean())),
    }


def _bins(rows: int) -> int:
    """Bins of a histogram: the root of the rows, from 5 to 41."""
    return int(np.clip(math.isqrt(rows), 5, 41))


def calibration_view(record: Record) -> dict[str, Any]:
    """Is a confidence of 80 % right 80 % of the time? Ten bins of confidence: rows, mean confidence, share right with a
    95 % Wilson interval, and the expected calibration error (Guo et al. 2017, section 2).
    """
    if record.answers is None or is_regression(record):
        return {"absent": NO_ANSWERS if record.answers is None else "A regression gives no probabilities."}
    confidence = record.answers.predictions.max(axis=1)
    right = record.answers.predictions.argmax(axis=1) == record.answers.targets
    place = np.clip((confidence * 10).astype(int), 0, 9)
    bins = [_bin(i, confidence[place == i], right[place == i]) for i in range(10) if (place == i).any()]
    gaps = sum(b["rows"] * abs(b["accuracy"] - b["confidence"]) for b in bins)
    return {
        "bins": bins,
        "rows": len(right),
        "error": round(gaps / len(right), 4),
        "reading": _leaning(confidence, right),
    }


def _bin(place: int, confidence: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    return {
        "from": place / 10,
        "to": (place + 1) / 10,
        "rows": len(right),
        "confidence": round(float(confidence.mean()), 4),
        "accuracy": round(float(right.mean()), 4),
        "interval": [round(v, 4) for v in wilson(int(right.sum()), len(right))],
    }


def _leaning(confidence: np.ndarray, right: np.ndarray) -> str:
    """Over- or underconfident, where the mean confidence lies outside the interval of the share right."""
    low, high = wilson(int(right.sum()), len(right))
    mean = float(confidence.mean())
    said = f"on average it is {100 * mean:.1f} % sure and {100 * float(right.mean()):.1f} % of its answers are right"
    if mean > high:
        return f"The network is overconfident: {said}."
    if mean < low:
        return f"The network is underconfident: {said}."
    return f"The network is about as sure as it should be: {said}."
