"""Every metric against scikit-learn, plain and weighted, and against hand arithmetic where that says more."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.metrics as reference

from lamina.data.examples import Task
from lamina.errors import OptionError
from lamina.metrics import METRICS, default_metric, metric, prepare, score

TWO = Task("classification", "sick", ("no", "yes"), positive="yes")
FIRST = Task("classification", "sick", ("yes", "no"), positive="yes")
FOUR = Task("classification", "kind", ("a", "b", "c", "d"))
VALUE = Task("regression", "price")


def probabilities(task: Task, *, rows: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Targets, and probabilities with many ties (two decimals) that know something about them."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, len(task.classes), rows)
    given = rng.dirichlet(np.ones(len(task.classes)), rows) + 0.4 * np.eye(len(task.classes))[targets] * rng.random(
        (rows, 1)
    )
    given = np.round(given / given.sum(axis=1, keepdims=True), 2) + 1e-3
    return targets, given / given.sum(axis=1, keepdims=True)


def expected(name: str, task: Task, targets: np.ndarray, given: np.ndarray, weights: np.ndarray | None = None) -> float:
    labels = given.argmax(axis=1)
    two = len(task.classes) == 2
    positive = task.classes.index(task.positive) if task.positive else 1
    over = {"sample_weight": weights}
    if name == "accuracy":
        return reference.accuracy_score(targets, labels, **over)
    if name == "balanced accuracy":
        return reference.balanced_accuracy_score(targets, labels, **over)
    if name == "f1":
        return reference.f1_score(targets, labels, pos_label=positive, average="binary" if two else "macro", **over)
    if name == "log loss":
        return reference.log_loss(targets, given, labels=range(len(task.classes)), **over)
    ranks = [
        reference.roc_auc_score(targets == k, given[:, k], **over)
        for k in ([positive] if two else range(given.shape[1]))
    ]
    return float(np.mean(ranks))


@pytest.mark.parametrize("task", [TWO, FIRST, FOUR], ids=["two", "positive first", "four"])
@pytest.mark.parametrize("name", ["accuracy", "balanced accuracy", "f1", "log loss", "auc"])
def test_of_classes_as_scikit_learn(name: str, task: Task) -> None:
    targets, given = probabilities(task)
    assert score(METRICS[name], task, targets, given) == pytest.approx(expected(name, task, targets, given), abs=1e-12)
    weights = np.random.default_rng(1).integers(0, 4, (3, len(targets))).astype(float)
    ours = prepare(METRICS[name], task, targets, given)(weights)
    assert ours == pytest.approx([expected(name, task, targets, given, w) for w in weights], abs=1e-12)


def test_macro_auc_is_scikit_learns_one_against_the_rest() -> None:
    targets, given = probabilities(FOUR)
    theirs = reference.roc_auc_score(targets, given, multi_class="ovr", average="macro")
    assert score(METRICS["auc"], FOUR, targets, given) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("rmse", reference.root_mean_squared_error),
        ("mae", reference.mean_absolute_error),
        ("r2", reference.r2_score),
    ],
)
def test_of_values_as_scikit_learn(name: str, theirs) -> None:
    rng = np.random.default_rng(2)
    targets = 1e6 + rng.normal(size=200)
    given = targets + rng.normal(size=200)
    assert score(METRICS[name], VALUE, targets, given) == pytest.approx(theirs(targets, given), rel=1e-9)
    weights = rng.integers(0, 3, (2, 200)).astype(float)
    ours = prepare(METRICS[name], VALUE, targets, given)(weights)
    assert ours == pytest.approx([theirs(targets, given, sample_weight=w) for w in weights], rel=1e-9)


def test_weights_of_a_resample_are_its_rows() -> None:
    targets, given = probabilities(FOUR, rows=50)
    drawn = np.random.default_rng(3).integers(0, 50, 50)
    for each in (m for m in METRICS.values() if m.task_kind == "classification"):
        weighed = prepare(each, FOUR, targets, given)(np.bincount(drawn, minlength=50)[None].astype(float))[0]
        assert weighed == pytest.approx(score(each, FOUR, targets[drawn], given[drawn]), abs=1e-12)


def test_auc_counts_ties_half() -> None:
    given = np.array([0.5, 0.5, 0.2, 0.9])  # pairs: (0.5, 0.5) half, (0.5, 0.2) one, (0.9, 0.5) one, (0.9, 0.2) one
    assert score(METRICS["auc"], TWO, np.array([0, 1, 0, 1]), np.stack([1 - given, given], axis=1)) == 3.5 / 4


def test_log_loss_of_a_sure_mistake_is_finite() -> None:
    given = np.array([[1.0, 0.0], [0.5, 0.5]])
    expected = (15 * math.log(10) + math.log(2)) / 2
    assert score(METRICS["log loss"], TWO, np.array([1, 0]), given) == pytest.approx(expected)


@pytest.mark.parametrize("each", METRICS.values(), ids=lambda m: m.name)
def test_nan_infinite_or_no_predictions_have_no_score(each) -> None:
    task = VALUE if each.task_kind == "regression" else TWO
    targets = np.array([0, 1, 0, 1])
    for bad in (math.nan, math.inf):
        given = np.array([0.0, 1.0, 0.5, bad]) if task is VALUE else np.array([[0, 1], [1, 0], [0.5, 0.5], [bad, 0]])
        assert math.isnan(score(each, task, targets, given))
    assert math.isnan(score(each, task, targets[:0], given[:0]))


def test_rows_that_cannot_tell_have_no_score() -> None:
    given = np.array([[0.2, 0.8], [0.6, 0.4]])
    assert math.isnan(score(METRICS["auc"], TWO, np.array([1, 1]), given))
    assert math.isnan(score(METRICS["r2"], VALUE, np.array([0.1, 0.1, 0.1]), np.array([0.1, 0.2, 0.3])))
    assert score(METRICS["balanced accuracy"], TWO, np.array([1, 1]), given) == 0.5


def test_predictions_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"takes predictions \(2, 2\), not \(2,\)"):
        score(METRICS["accuracy"], TWO, np.array([0, 1]), np.array([0.1, 0.9]))


@pytest.mark.parametrize("name", ["Log Loss", "log-loss", "log_loss", " log  loss"])
def test_names_forgive_case_and_hyphens(name: str) -> None:
    assert metric(name, TWO) is METRICS["log loss"]


@pytest.mark.parametrize(
    ("name", "task", "says"),
    [
        ("acuracy", TWO, "accuracy"),
        ("ballanced", FOUR, "balanced accuracy"),
        ("mse", VALUE, "rmse"),
        ("accuracy", VALUE, "for a classification, and price is a regression"),
        ("rmse", TWO, "for a regression, and sick is a classification"),
        ("xyzzy", TWO, "accuracy, balanced accuracy, auc, log loss, f1"),
    ],
)
def test_an_unknown_or_unfitting_name_is_mended_by_what_it_says(name: str, task: Task, says: str) -> None:
    with pytest.raises(OptionError) as refused:
        metric(name, task)
    assert says in str(refused.value)
    assert refused.value.mend.startswith("--metric ")
    assert metric(refused.value.mend.removeprefix("--metric "), task).task_kind == task.kind


def test_defaults() -> None:
    assert default_metric(TWO).name == "accuracy"
    assert default_metric(VALUE).name == "rmse"
