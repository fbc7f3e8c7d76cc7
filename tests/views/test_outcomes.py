"""Outcomes by hand arithmetic: four or ten rows whose every number can be counted."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from lamina.views.outcomes import calibration_view, confusion_view, wilson
from lamina.views.record import Answers, Record, read

CLASSES = {"kind": "classification", "target": "y", "classes": ["a", "b"]}


def classified(probabilities: list[list[float]], targets: list[int], **more) -> Record:
    names = np.array([f"line {i + 2}" for i in range(len(targets))])
    return Record({"task": CLASSES}, (), Answers(names, np.array(targets), np.array(probabilities)), **more)


FOUR = classified([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]], [0, 0, 1, 1])


def test_a_confusion_matrix_by_hand():
    view = confusion_view(FOUR)
    assert view["counts"] == [[1, 1], [0, 2]]
    assert view["shares"] == [[0.5, 0.5], [0.0, 1.0]]
    assert (view["right"], view["rows"], view["left_out"]) == (3, 4, 0)
    assert view["pairs"] == [{"true": "a", "predicted": "b", "count": 1}]
    assert view["per_class"][1] == {"name": "b", "rows": 2, "precision": 0.6667, "recall": 1.0, "f1": 0.8}


def test_precision_and_recall_agree_with_scikit_learn(made_run):
    record = read(made_run("pictures"))
    assert record.answers is not None
    predicted = record.answers.predictions.argmax(axis=1)
    precision, recall, f1, rows = precision_recall_fscore_support(record.answers.targets, predicted)
    ours = confusion_view(record)["per_class"]
    for key, reference in (("precision", precision), ("recall", recall), ("f1", f1), ("rows", rows)):
        np.testing.assert_allclose([float(c[key] or 0) for c in ours], np.asarray(reference), atol=5e-5)


def test_a_class_without_rows_has_no_recall():
    view = confusion_view(classified([[0.9, 0.1]], [0]))
    assert view["per_class"][1] == {"name": "b", "rows": 0, "precision": None, "recall": None, "f1": None}


def test_of_very_many_classes_the_most_mistaken_are_shown():
    targets = list(range(100))
    predicted = [*range(90), *reversed(range(90, 100))]
    record = classified(np.eye(100)[predicted].tolist(), targets)
    view = confusion_view(record)
    assert len(view["classes"]) == 40
    assert view["left_out"] == 60
    assert {f"class {i}" for i in range(90, 100)} <= set(view["classes"])
    assert len(view["per_class"]) == 100


def test_calibration_by_hand():
    # 0.9 right; 0.8 wrong; 0.7 right; 0.6 right: four bins of one row each.
    view = calibration_view(FOUR)
    assert [(b["from"], b["rows"], b["accuracy"]) for b in view["bins"]] == [
        (0.6, 1, 1.0),
        (0.7, 1, 1.0),
        (0.8, 1, 0.0),
        (0.9, 1, 1.0),
    ]
    assert view["error"] == pytest.approx((0.4 + 0.3 + 0.8 + 0.1) / 4)


def test_a_sure_network_that_is_often_wrong_is_overconfident():
    view = calibration_view(classified([[0.99, 0.01]] * 40, [0, 1] * 20))
    assert "overconfident" in view["reading"]
    assert "50.0 %" in view["reading"]


def test_wilson_agrees_with_the_formula_solved_as_a_quadratic():
    # The interval's ends p solve (right/rows - p)^2 = z^2 p (1 - p) / rows.
    for right, rows in ((0, 5), (3, 7), (98, 100), (12, 12)):
        share, z2 = right / rows, 1.959964**2 / rows
        roots = np.sort(np.roots([1 + z2, -(2 * share + z2), share**2]).real)
        np.testing.assert_allclose(wilson(right, rows), roots, atol=1e-9)


def regressed(targets: list[float], predictions: list[float]) -> Record:
    names = np.array([f"row {i}" for i in range(len(targets))])
    return Record(
        {"task": {"kind": "regression", "target": "price"}},
        (),
        Answers(names, np.array(targets), np.array(predictions)),
    )


def test_a_regression_by_hand():
    # Errors 1, -1, 2, -2: squares sum to 10, the actual values 1..4 have squares about their mean of 5.
    record = regressed([1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 5.0, 2.0])
    view = confusion_view(record)
    assert view["rmse"] == pytest.approx(np.sqrt(2.5), abs=1e-3)
    assert view["mae"] == 1.5
    assert view["r2"] == -1.0
    assert view["bias"] == 0.0
    assert view["points"] == [[1.0, 2.0], [2.0, 1.0], [3.0, 5.0], [4.0, 2.0]]
    assert sum(view["residuals"]["counts"]) == 4
    assert calibration_view(record) == {"absent": "A regression gives no probabilities."}


def test_a_large_regression_is_thinned_and_keeps_both_ends(made_run):
    record = read(made_run("prices"))
    assert record.answers is not None
    view = confusion_view(record)
    actual = [p[0] for p in view["points"]]
    assert len(actual) == 1500
    assert actual == sorted(actual)
    assert (actual[0], actual[-1]) == pytest.approx(
        (record.answers.targets.min(), record.answers.targets.max()), rel=1e-3
    )


def test_predictions_that_are_not_finite_are_left_out():
    view = confusion_view(regressed([1.0, 2.0], [np.nan, 2.0]))
    assert view["rows"] == 1
    assert view["points"] == [[2.0, 2.0]]
    assert confusion_view(regressed([1.0], [np.inf]))["absent"]
