"""The simple models: each fits on a fold, tunes its settings on the validation rows, and answers to the test rows.

What would take minutes is fitted on fewer rows, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.data.examples import Task
from lamina.judgement.fold import SEED, Chosen, Fold, fitted_on, log_loss, over_all_classes, some_rows
from lamina.judgement.pixels import Pixels
from lamina.judgement.random_kernels import draw_kernels
from lamina.judgement.ridge import fit_ridge
from lamina.judgement.sequences import Sequences

PENALTIES = (0.01, 0.1, 1.0, 10.0)
LOGISTIC_WORK = 3e8  # rows x columns x classes: more rows are left out
NEIGHBOURS = (1, 3, 5, 9, 15)
DOUBTS = (0.01, 0.03, 0.1, 0.3, 1.0)  # votes that go to the classes by their frequencies
SVM_ROWS = 20_000
SVM_TUNING_ROWS = 3_000
SLOPES = np.logspace(-1, 1.5, 11).tolist()  # of the probabilities over a model's decisions
TREE_WORK = 3e7
KERNEL_FEATURES = (100, 10_000)  # the least and the most
KERNEL_WORK = 2e9  # kernels x steps
KERNEL_CELLS = 5e7  # rows x features
RIDGE_WORK = 6e10  # rows x features x the fewer of both
PIECE_CELLS = 20_000_000


Model = Callable[[Fold], tuple[np.ndarray, Chosen]]
"""Fits on a fold and gives the predictions for its test rows, and what was chosen for it by name."""


@dataclass(frozen=True)
class Trees:
    """Settings of gradient boosting; how many trees, early stopping says."""

    rate: float
    leaves: int
    l2: float
    most: int = 1_000
    patience: int = 15
    bins: int = 255
    features: float = 1.0
    least: int = 20


TINY = 150  # rows up to which a leaf of a tree may hold a few
TINY_TREES = (Trees(0.1, 16, 0.0, 400, 10, 128, least=5), Trees(0.1, 4, 1.0, 400, 10, 128, least=5))
SMALL = 1_500  # rows up to which few, small trees are tried
FEW_TREES = (Trees(0.1, 16, 0.0, 400, 10, 128), Trees(0.1, 4, 1.0, 400, 10, 128))
CLASS_TREES = (Trees(0.2, 31, 1.0, 150, 8, 128), Trees(0.2, 8, 1.0, 150, 8, 128))  # every round a tree for each class
IMAGE_TREES = (Trees(0.2, 16, 1.0, 80, 5, 32, 0.2),)  # slow, with as many trees a round as classes: one setting
SOUND_TREES = (Trees(0.2, 8, 1.0, 100, 5, 64, 0.3),)  # as many trees a round, and many columns
MANY_TREES = (Trees(0.1, 31, 0.0), Trees(0.05, 31, 1.0), Trees(0.1, 8, 1.0), Trees(0.1, 31, 10.0))


def _majority(fold: Fold) -> tuple[np.ndarray, Chosen]:
    counts = np.bincount(fold.targets[fold.known], minlength=len(fold.task.classes))
    return np.tile(counts / counts.sum(), (len(fold.test), 1)), {"always": fold.task.classes[int(counts.argmax())]}


def _mean(fold: Fold) -> tuple[np.ndarray, Chosen]:
    value = fold.targets[fold.known].mean()
    return np.full(len(fold.test), value), {"always": float(value)}


def _median(fold: Fold) -> tuple[np.ndarray, Chosen]:
    value = np.median(fold.targets[fold.known])
    return np.full(len(fold.test), value), {"always": float(value)}


def _logistic(fold: Fold) -> tuple[np.ndarray, Chosen]:
    """Multinomial logistic regression; the penalty by the log loss of the validation rows."""
    from sklearn.linear_model import LogisticRegression

    width = fold.scaled(fold.test[:1]).shape[1] * len(fold.task.classes)

    def fitted(penalty: float, rows: np.ndarray) -> LogisticRegression:
        model = LogisticRegression(C=penalty, max_iter=300, tol=1e-3)
        return model.fit(fold.scaled(rows), fold.targets[rows])

    def loss(penalty: float) -> float:
        model = fitted(penalty, train)
        return log_loss(
            over_all_classes(model.predict_proba(seen), model.classes_, fold.task), fold.targets[validation]
        )

    train, validation = fold.tuning(LOGISTIC_WORK / 6 / width)
    seen = fold.scaled(validation)
    best = min(PENALTIES, key=loss)
    used = some_rows(fold.known, LOGISTIC_WORK / width)
    model = fitted(best, used)
    given = over_all_classes(model.predict_proba(fold.scaled(fold.test)), model.classes_, fold.task)
    return given, {"C": best, "on": fold.inputs.about_scaled, **fitted_on(used, fold.known)}


def _ridge(fold: Fold) -> tuple[np.ndarray, Chosen]:
    """Ridge regression; the penalty by leave-one-out errors, which have a closed form."""
    from sklearn.linear_model import RidgeCV

    used = some_rows(fold.known, LOGISTIC_WORK / 10 / fold.scaled(fold.test[:1]).shape[1])
    model: Any = RidgeCV(np.logspace(-2, 5, 15)).fit(fold.scaled(used), fold.targets[used])
    chosen = {"alpha": float(model.alpha_), "on": fold.inputs.about_scaled}
    return model.predict(fold.scaled(fold.test)), {**chosen, **fitted_on(used, fold.known)}


def _boosting(fold: Fold) -> tuple[np.ndarray, Chosen]:
    """Histogram gradient boosting; settings and the number of trees by the loss of the validation rows."""
    grid = _tree_settings(fold)
    matrix, categorical = fold.inputs.binned(fold.known, grid[0].bins)
    outputs = len(fold.task.classes) if len(fold.task.classes) > 2 else 1
    most = TREE_WORK / outputs / matrix(fold.test[:1]).shape[1]
    train, validation = fold.tuning(most)
    tried = []
    for settings in grid:
        model = _trees(fold.task, settings, categorical, stopping=True)
        model.fit(matrix(train), fold.targets[train], X_val=matrix(validation), y_val=fold.targets[validation])
        best = int(np.argmax(model.validation_score_))
        tried.append((model.validation_score_[best], max(1, best), settings))
    _, count, settings = max(tried, key=lambda item: item[0])
    used = some_rows(fold.known, most)
    model = _trees(fold.task, settings, categorical, count=count).fit(matrix(used), fold.targets[used])
    about = {"rate": settings.rate, "leaves": settings.leaves, "L2": settings.l2, "rounds": count}
    about |= {"on": fold.inputs.about_binned, **fitted_on(used, fold.known)}
    if fold.task.kind == "regression":
        return model.predict(matrix(fold.test)), about
    return over_all_classes(model.predict_proba(matrix(fold.test)), model.classes_, fold.task), about


def _tree_settings(fold: Fold) -> Sequence[Trees]:
    """Small trees for few rows; fewer settings to try for images, sounds and many classes, which take long."""
    if isinstance(fold.inputs, Pixels):
        return IMAGE_TREES
    if len(fold.known) >= SMALL and len(fold.task.classes) > 5:
        if isinstance(fold.inputs, Sequences):
            return SOUND_TREES
        return CLASS_TREES[:1] if len(fold.task.classes) > 10 else CLASS_TREES
    if len(fold.known) < TINY:
        return TINY_TREES
    return FEW_TREES if len(fold.known) < SMALL else MANY_TREES


def _trees(task: Task, settings: Trees, categorical: np.ndarray, *, count: int = 0, stopping: bool = False) -> Any:
    """An unfitted model: with early stopping, or of so many trees."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind: Any = HistGradientBoostingRegressor if task.kind == "regression" else HistGradientBoostingClassifier
    return kind(
        learning_rate=settings.rate,
        max_iter=settings.most if stopping else count,
        max_leaf_nodes=settings.leaves,
        l2_regularization=settings.l2,
        max_bins=settings.bins,
        max_features=settings.features,
        min_samples_leaf=settings.least,
        categorical_features=categorical,
        early_stopping=stopping,
        n_iter_no_change=settings.patience,
        random_state=SEED,
    )


def _neighbours(fold: Fold) -> tuple[np.ndarray, Chosen]:
    """The votes of the nearest rows; how many of them, and how little they are doubted, by the validation rows."""
    from sklearn.neighbors import NearestNeighbors

    train, validation = fold.tuning()
    counts = np.bincount(fold.targets[fold.known], minlength=len(fold.task.classes))

    def near(known: np.ndarray, asked: np.ndarray, most: int) -> np.ndarray:
        model = NearestNeighbors(n_neighbors=min(most, len(known)), algorithm="brute").fit(fold.compact(known))
        return fold.targets[known][model.kneighbors(fold.compact(asked), return_distance=False)]

    def shares(classes: np.ndarray, k: int, doubt: float = 0.1) -> np.ndarray:
        votes = (classes[:, :k, None] == np.arange(len(counts))).sum(axis=1)
        return (votes + doubt * counts / counts.sum()) / (min(k, classes.shape[1]) + doubt)

    tuned, truth = near(train, validation, max(NEIGHBOURS)), fold.targets[validation]
    k = max(NEIGHBOURS, key=lambda k: (shares(tuned, k).argmax(axis=1) == truth).mean())
    doubt = min(DOUBTS, key=lambda d: log_loss(shares(tuned, k, d), truth))
    return shares(near(fold.known, fold.test, k), k, doubt), {"k": k, "on": fold.inputs.about_compact}


def _svm(fold: Fold) -> tuple[np.ndarray, Chosen]:
    """A support vector machine with a Gaussian kernel; its margins become probabilities by one slope, tuned."""
    from sklearn.svm import SVC

    def fitted(rows: np.ndarray) -> Any:
        return SVC(C=10.0, gamma="scale", cache_size=500).fit(fold.compact(rows), fold.targets[rows])

    def chances(model: Any, rows: np.ndarray, slope: float) -> np.ndarray:
        margins = model.decision_function(fold.compact(rows))
        margins = np.stack([-margins, margins], axis=1) if margins.ndim == 1 else margins
        return over_all_classes(_softmax(slope * margins), model.classes_, fold.task)

    train, validation = fold.tuning(SVM_TUNING_ROWS)
    tuned, validation = fitted(train), some_rows(validation, SVM_TUNING_ROWS)
    slope = min(SLOPES, key=lambda s: log_loss(chances(tuned, validation, s), fold.targets[validation]))
    used = some_rows(fold.known, SVM_ROWS)
    chosen = {"kernel": "Gaussian", "C": 10.0, "on": fold.inputs.about_compact}
    return chances(fitted(used), fold.test, slope), {**chosen, **fitted_on(used, fold.known)}


def _kernels(fold: Fold) -> tuple[np.ndarray, Chosen]:
    """Ridge regression on what random kernels find; its penalty and the slope of probabilities by left-out errors."""
    seen = fold.inputs
    assert isinstance(seen, Sequences)
    used = some_rows(fold.known, KERNEL_CELLS / KERNEL_FEATURES[0])
    count = _kernel_features(seen.lengths, used, fold.test)
    known = seen.steps[used]
    kernels = draw_kernels(known, count // 2, seed=SEED)
    targets, classes = fold.targets[used], np.unique(fold.targets[used])
    values = fold.task.kind == "regression"
    model = fit_ridge(
        kernels.features(known, threads=fold.threads),
        targets[:, None] if values else 2.0 * (targets[:, None] == classes) - 1,
    )
    pieces = np.array_split(fold.test, 1 + len(fold.test) * count // PIECE_CELLS)
    answers = np.concatenate(
        [model.predict(kernels.features(seen.steps[rows], threads=fold.threads)) for rows in pieces]
    )
    fewer = {"fewer than": f"{KERNEL_FEATURES[1]:,}, which would take long"} if count < KERNEL_FEATURES[1] else {}
    about = {"alpha": model.penalty, "on": f"{count:,} numbers from {count // 2:,} kernels", **fewer}
    about |= fitted_on(used, fold.known)
    if values:
        return answers[:, 0], about
    places = np.searchsorted(classes, targets)
    slope = min(SLOPES, key=lambda slope: log_loss(_softmax(slope * model.left_out), places))
    return over_all_classes(_softmax(slope * answers), classes, fold.task), about


def _kernel_features(lengths: np.ndarray, used: np.ndarray, test: np.ndarray) -> int:
    """How many numbers there is time for: kernels go over all steps, and ridge regression over all rows."""
    steps = int(lengths[used].sum() + lengths[test].sum())
    least, most = KERNEL_FEATURES
    solving = max(RIDGE_WORK / len(used) ** 2, (RIDGE_WORK / len(used)) ** 0.5)
    affordable = min(most, solving, 2 * KERNEL_WORK / max(1, steps))
    return max(least, 2 * int(affordable / 2))


def _softmax(decisions: np.ndarray) -> np.ndarray:
    """Probabilities [rows, classes] that grow with the decisions."""
    powers = np.exp(decisions - decisions.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


CLASS_MODELS: dict[str, Model] = {
    "majority class": _majority,
    "logistic regression": _logistic,
    "gradient boosting": _boosting,
    "nearest neighbours": _neighbours,
    "SVM": _svm,
    "random kernels": _kernels,
}
VALUE_MODELS: dict[str, Model] = {
    "mean": _mean,
    "median": _median,
    "ridge regression": _ridge,
    "gradient boosting": _boosting,
    "random kernels": _kernels,
}
"""The simplest first: of equally good models the first is called the best."""

KINDS: dict[str, tuple[str, ...]] = {
    "nearest neighbours": ("image",),
    "SVM": ("image",),
    "random kernels": ("series", "sound"),
}
"""What a model is for, if it isn't for every kind of examples."""
