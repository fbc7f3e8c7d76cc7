"""A baseline: a simple model judged on the very rows that the network is judged on.

Each is fitted once for every test fold, on the training and validation rows of that fold, with the preprocessing that
suits it; its settings are tuned on the validation rows, and are printed. What would take minutes is fitted on fewer
rows or fewer numbers, and says so. A model that can't run says why in its settings, and its predictions are NaN.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.data.examples import Task

if TYPE_CHECKING:
    from lamina.data.examples import Examples
    from lamina.data.schema import Schema
    from lamina.data.split import Split
    from lamina.data.table import Table

TRIVIAL = ("majority class", "mean", "median")
"""The baselines that answer the same whatever a row holds."""

SEED = 0
VALIDATION_SHARE = 0.2  # of the training rows, where a split has no validation rows
ONE_HOT = 200  # the most frequent categories of a column that linear models see
SIDE = 32  # larger images are averaged down to at most so many pixels a side
TREE_PIXELS = 256  # and for trees, which take a column at a time, to so many numbers
TUNING_ROWS = 5_000  # of the validation rows
COMPONENTS = 64
PCA_ROWS = 10_000

CELLS_FOR_THREADS = 5e6  # fewer are done by one thread
PENALTIES = (0.01, 0.1, 1.0, 10.0)
LOGISTIC_WORK = 3e8  # rows x columns x classes: more rows are left out
NEIGHBOURS = (1, 3, 5, 9, 15)
DOUBTS = (0.01, 0.03, 0.1, 0.3, 1.0)  # votes that go to the classes by their frequencies
SVM_ROWS = 20_000
SVM_TUNING_ROWS = 3_000
TREE_WORK = 3e7


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


SMALL = 1_500  # rows up to which few, small trees are tried
FEW_TREES = (Trees(0.1, 16, 0.0, 400, 10, 128), Trees(0.1, 4, 1.0, 400, 10, 128))
CLASS_TREES = (Trees(0.2, 31, 1.0, 150, 8, 128), Trees(0.2, 8, 1.0, 150, 8, 128))  # every round a tree for each class
IMAGE_TREES = (Trees(0.2, 16, 1.0, 80, 5, 32, 0.2),)  # slow, with as many trees a round as classes: one setting
MANY_TREES = (Trees(0.1, 31, 0.0), Trees(0.05, 31, 1.0), Trees(0.1, 8, 1.0), Trees(0.1, 31, 10.0))

Matrix = Callable[[np.ndarray], np.ndarray]
"""Row numbers -> what a model sees of them [rows, columns]."""
Chosen = Mapping[str, float | str]
Model = Callable[["Fold"], tuple[np.ndarray, Chosen]]
"""Fits on a fold and gives the predictions for its test rows, and what was chosen for it by name."""


@dataclass(frozen=True)
class Baseline:
    """A simple model's predictions for the judged rows: probabilities [rows, classes] or values [rows].

    The rows are those of ``judged_rows``. ``settings`` is plain text to print, ``seconds`` the time it took in all.
    """

    name: str
    predictions: np.ndarray
    settings: str
    seconds: float


@cache
def import_ahead() -> None:
    """Import scikit-learn beside a training that computes: it takes a second or two, which nobody need wait for."""
    Thread(target=import_module, args=("sklearn.ensemble",), daemon=True).start()


def judge_baselines(
    examples: Examples, split: Split, *, threads: int = 2, observer: Callable[[str], object] | None = None
) -> dict[str, Baseline]:
    """Fit every baseline that suits the examples; ``observer`` is told before each what comes.

    Always a constant answer, a linear model and gradient boosting; for images to classify also nearest neighbours and
    an SVM. No model sees a test row before it predicts it. ``threads``: how many a model may use.
    """
    from threadpoolctl import threadpool_limits

    inputs = _Pixels.of(examples.inputs) if isinstance(examples.inputs, np.ndarray) else _columns(examples)
    folds = [Fold(examples.task, inputs, np.asarray(examples.targets), *rows) for rows in _distinct(split)]
    models = VALUE_MODELS if examples.task.kind == "regression" else CLASS_MODELS
    found = {}
    for name, model in models.items():
        if name in ("nearest neighbours", "SVM") and examples.kind != "image":
            continue
        if observer is not None:
            observer(f"{name} on {len(judged_rows(split)):,} rows")
        with threadpool_limits(threads if _is_large(name, folds[0]) else 1):
            found[name] = _run(name, model, folds)
    return found


def constant_baselines(task: Task, targets: np.ndarray) -> dict[str, Baseline]:
    """The best constant answers to rows that come without training rows: what a model must beat on a labelled file.

    >>> task = Task("classification", "kind", ("a", "b"))
    >>> constant_baselines(task, np.array([1, 1, 0, 1]))["majority class"].predictions[0].tolist()
    [0.25, 0.75]
    """
    n = len(targets)
    if task.kind == "classification":
        shares = np.bincount(targets, minlength=len(task.classes)) / n
        settings = f"always {task.classes[int(shares.argmax())]}"
        return {"majority class": Baseline("majority class", np.tile(shares, (n, 1)), settings, 0.0)}
    values = {"mean": float(np.mean(targets)), "median": float(np.median(targets))}
    return {name: Baseline(name, np.full(n, value), f"always {value:g}", 0.0) for name, value in values.items()}


def judged_rows(split: Split) -> np.ndarray:
    """The row numbers that baselines predict, in their order: each distinct test part after the other.

    >>> from lamina.data.split import Part, Split
    >>> a, b, c = np.array([0, 1]), np.array([2, 3]), np.array([4])
    >>> judged_rows(Split("folds", (Part(a, b, c), Part(b, a, c), Part(a, c, b)), "")).tolist()
    [4, 2, 3]
    """
    return np.concatenate([test for _, _, test in _distinct(split)])


def _distinct(split: Split) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Training, validation and test rows of each distinct test part.

    Training rows are all that the parts with these test rows train or choose with, less the first's validation rows.
    """
    parts: dict[bytes, list[Any]] = {}
    for part in split.parts:
        parts.setdefault(np.ascontiguousarray(part.test).tobytes(), []).append(part)
    for same in parts.values():
        known = np.unique(np.concatenate([rows for part in same for rows in (part.train, part.validation)]))
        validation = np.sort(same[0].validation)
        if not len(validation):
            shuffled = np.random.default_rng(SEED).permutation(known)
            validation = np.sort(shuffled[: max(1, round(VALIDATION_SHARE * len(known)))])
        yield np.setdiff1d(known, validation), validation, same[0].test


# ---- running -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fold:
    """What a model gets: the inputs and targets of all rows, and which rows train it, tune it and judge it."""

    task: Task
    inputs: _Columns | _Pixels
    targets: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @cached_property
    def known(self) -> np.ndarray:
        """Training and validation rows: what the tuned model is fitted on in the end."""
        return np.sort(np.concatenate([self.train, self.validation]))

    @cached_property
    def scaled(self) -> Matrix:
        """For linear models."""
        return self.inputs.scaled(self.known)

    @cached_property
    def compact(self) -> Matrix:
        """For models that suffer from many columns."""
        return self.inputs.compact(self.known)

    def tuning(self, most: float = np.inf) -> tuple[np.ndarray, np.ndarray]:
        """Training rows (so many at most) and validation rows; these without classes that the former lack."""
        train, validation = _some(self.train, most), _some(self.validation, TUNING_ROWS)
        if self.task.kind == "regression":
            return train, validation
        return train, validation[np.isin(self.targets[validation], self.targets[train])]


class CannotRun(Exception):
    """Why a model can't be fitted to a fold."""


def _run(name: str, model: Model, folds: Sequence[Fold]) -> Baseline:
    """The model on every fold; what goes wrong in one is said, and then there are no predictions at all."""
    started = time.perf_counter()
    try:
        with _unconverged() as said:
            answers = [_one(name, model, fold) for fold in folds]
        predictions = np.concatenate([p for p, _ in answers])
        settings = "; ".join([_settings([c for _, c in answers]), *said]).strip("; ")
    except (CannotRun, ValueError, ArithmeticError, np.linalg.LinAlgError, MemoryError) as reason:
        rows, classes = sum(len(fold.test) for fold in folds), len(folds[0].task.classes)
        predictions = np.full((rows, classes) if classes else rows, np.nan)
        settings = f"could not run: {str(reason).partition(chr(10))[0]}"
    return Baseline(name, predictions, settings, time.perf_counter() - started)


def _is_large(name: str, fold: Fold) -> bool:
    """Whether threads are worth it: those that meet every millisecond bring little, and cost ten times as much as one
    thread once anything else is running. Trees on images meet most often.
    """
    few = name == "gradient boosting" and isinstance(fold.inputs, _Pixels)
    return not few and len(fold.known) * fold.inputs.width >= CELLS_FOR_THREADS


def _one(name: str, model: Model, fold: Fold) -> tuple[np.ndarray, Chosen]:
    if fold.task.kind == "classification" and name not in TRIVIAL and len(np.unique(fold.targets[fold.train])) < 2:
        raise CannotRun("the training rows of a fold are all of one class")
    return model(fold)


@contextmanager
def _unconverged() -> Iterator[list[str]]:
    """Turn scikit-learn's warnings of an unfinished fit into a phrase for the settings; pass others on."""
    from sklearn.exceptions import ConvergenceWarning

    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        yield said
    if any(issubclass(w.category, ConvergenceWarning) for w in caught):
        said.append("stopped before it converged")
    for other in (w for w in caught if not issubclass(w.category, ConvergenceWarning)):
        warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)


def _settings(chosen: Sequence[Chosen]) -> str:
    """What was chosen in all folds as text: "C 0.1 to 1, on 8x8 pixels"."""
    texts = []
    for name in chosen[0]:
        values = [c[name] for c in chosen if name in c]
        if isinstance(values[0], str):
            shown = dict.fromkeys(map(str, values))
            texts.append(f"{name} {' or '.join(shown)}")
        else:
            shown = dict.fromkeys(f"{v:g}" for v in (min(map(float, values)), max(map(float, values))))
            texts.append(f"{name} {' to '.join(shown)}")
    return ", ".join(texts)


def _some(rows: np.ndarray, most: float) -> np.ndarray:
    """At most so many of the rows, drawn at random, in their order."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(SEED).choice(rows, int(most), replace=False))


def _of(used: np.ndarray, known: np.ndarray) -> dict[str, str]:
    """A phrase where not all rows were used."""
    return {"fitted on": f"{len(used):,} of {len(known):,} rows"} if len(used) < len(known) else {}


def _spread(given: np.ndarray, classes: np.ndarray, task: Task) -> np.ndarray:
    """Probabilities of the classes that the training rows have as those of all classes."""
    out = np.zeros((len(given), len(task.classes)))
    out[:, np.asarray(classes, int)] = given
    return out


def _log_loss(given: np.ndarray, targets: np.ndarray) -> float:
    return float(-np.log(np.maximum(given[np.arange(len(targets)), targets], 1e-15)).mean())


# ---- models --------------------------------------------------------------------------------------------------------


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
        return _log_loss(_spread(model.predict_proba(seen), model.classes_, fold.task), fold.targets[validation])

    train, validation = fold.tuning(LOGISTIC_WORK / 6 / width)
    seen = fold.scaled(validation)
    best = min(PENALTIES, key=loss)
    used = _some(fold.known, LOGISTIC_WORK / width)
    model = fitted(best, used)
    given = _spread(model.predict_proba(fold.scaled(fold.test)), model.classes_, fold.task)
    return given, {"C": best, "on": fold.inputs.about_scaled, **_of(used, fold.known)}


def _ridge(fold: Fold) -> tuple[np.ndarray, Chosen]:
    """Ridge regression; the penalty by leave-one-out errors, which have a closed form."""
    from sklearn.linear_model import RidgeCV

    used = _some(fold.known, LOGISTIC_WORK / 10 / fold.scaled(fold.test[:1]).shape[1])
    model: Any = RidgeCV(np.logspace(-2, 5, 15)).fit(fold.scaled(used), fold.targets[used])
    chosen = {"alpha": float(model.alpha_), "on": fold.inputs.about_scaled}
    return model.predict(fold.scaled(fold.test)), {**chosen, **_of(used, fold.known)}


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
    used = _some(fold.known, most)
    model = _trees(fold.task, settings, categorical, count=count).fit(matrix(used), fold.targets[used])
    about = {"rate": settings.rate, "leaves": settings.leaves, "L2": settings.l2, "rounds": count}
    about |= {"on": fold.inputs.about_binned, **_of(used, fold.known)}
    if fold.task.kind == "regression":
        return model.predict(matrix(fold.test)), about
    return _spread(model.predict_proba(matrix(fold.test)), model.classes_, fold.task), about


def _tree_settings(fold: Fold) -> Sequence[Trees]:
    """Small trees for few rows; fewer settings to try for images and for many classes, which take long."""
    if isinstance(fold.inputs, _Pixels):
        return IMAGE_TREES
    if len(fold.known) >= SMALL and len(fold.task.classes) > 5:
        return CLASS_TREES[:1] if len(fold.task.classes) > 10 else CLASS_TREES
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
    doubt = min(DOUBTS, key=lambda d: _log_loss(shares(tuned, k, d), truth))
    return shares(near(fold.known, fold.test, k), k, doubt), {"k": k, "on": fold.inputs.about_compact}


def _svm(fold: Fold) -> tuple[np.ndarray, Chosen]:
    """A support vector machine with a Gaussian kernel; its margins become probabilities by one slope, tuned."""
    from sklearn.svm import SVC

    def fitted(rows: np.ndarray) -> Any:
        return SVC(C=10.0, gamma="scale", cache_size=500).fit(fold.compact(rows), fold.targets[rows])

    def chances(model: Any, rows: np.ndarray, slope: float) -> np.ndarray:
        margins = model.decision_function(fold.compact(rows))
        margins = slope * (np.stack([-margins, margins], axis=1) if margins.ndim == 1 else margins)
        powers = np.exp(margins - margins.max(axis=1, keepdims=True))
        return _spread(powers / powers.sum(axis=1, keepdims=True), model.classes_, fold.task)

    train, validation = fold.tuning(SVM_TUNING_ROWS)
    tuned, validation = fitted(train), _some(validation, SVM_TUNING_ROWS)
    slopes = np.logspace(-1, 1.5, 11).tolist()
    slope = min(slopes, key=lambda s: _log_loss(chances(tuned, validation, s), fold.targets[validation]))
    used = _some(fold.known, SVM_ROWS)
    chosen = {"kernel": "Gaussian", "C": 10.0, "on": fold.inputs.about_compact}
    return chances(fitted(used), fold.test, slope), {**chosen, **_of(used, fold.known)}


CLASS_MODELS: dict[str, Model] = {
    "majority class": _majority,
    "logistic regression": _logistic,
    "gradient boosting": _boosting,
    "nearest neighbours": _neighbours,
    "SVM": _svm,
}
VALUE_MODELS: dict[str, Model] = {
    "mean": _mean,
    "median": _median,
    "ridge regression": _ridge,
    "gradient boosting": _boosting,
}
"""The simplest first: of equally good models the first is called the best."""


# ---- what they see -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Columns:
    """A table as numbers [rows, numbers] (NaN missing) and category codes [rows, categories] (-1 missing)."""

    numbers: np.ndarray
    codes: np.ndarray

    @property
    def width(self) -> int:
        """How many columns."""
        return self.numbers.shape[1] + self.codes.shape[1]

    about_scaled = "standardised numbers and one-hot categories"
    about_binned = "numbers and categories as they are"
    about_compact = about_scaled

    def scaled(self, known: np.ndarray) -> Matrix:
        """Standardised numbers (missing: the mean, and an indicator), and a column for each frequent category."""
        blocks = [self._standardised(known)]
        for codes in self.codes.T:
            counts = np.bincount(codes[known] + 1)
            frequent = np.argsort(-counts, kind="stable")[:ONE_HOT]
            blocks.append((codes[:, None] + 1 == frequent[counts[frequent] > 0]).astype(np.float64))
        whole = np.concatenate(blocks, axis=1)
        return lambda rows: whole[rows]

    def compact(self, known: np.ndarray) -> Matrix:
        """The same: tables are narrow."""
        return self.scaled(known)

    def _standardised(self, known: np.ndarray) -> np.ndarray:
        missing = np.isnan(self.numbers)
        seen = ~missing[known]
        count = np.maximum(seen.sum(axis=0), 1)
        filled = np.where(missing, 0.0, self.numbers)
        mean = filled[known].sum(axis=0) / count
        centred = np.where(missing, 0.0, self.numbers - mean)
        spread = np.sqrt((centred[known] ** 2).sum(axis=0) / count)
        indicated = missing[:, missing[known].any(axis=0)].astype(np.float64)
        return np.concatenate([centred / np.where(spread > 0, spread, 1.0), indicated], axis=1)

    def binned(self, known: np.ndarray, most: int) -> tuple[Matrix, np.ndarray]:
        """Numbers and codes as they are (NaN: missing, or rarer than the ``most`` categories), and which are codes."""
        columns = [self.numbers]
        for codes in self.codes.T:
            frequent = np.argsort(-np.bincount(codes[known] + 1)[1:], kind="stable")[:most]
            place = np.full(max(int(codes.max(initial=-1)), len(frequent)) + 2, np.nan)
            place[frequent] = np.arange(len(frequent))
            columns.append(place[codes][:, None])  # -1, missing, is the last place, which no category has
        whole = np.concatenate(columns, axis=1)
        return lambda rows: whole[rows], np.arange(whole.shape[1]) >= self.numbers.shape[1]


def _columns(examples: Examples) -> _Columns:
    """The columns of the schema that are learnt from."""
    return _read_columns(examples.inputs, examples.schema)  # pyright: ignore[reportArgumentType]


def _read_columns(table: Table, schema: Schema) -> _Columns:
    from lamina.data.schema import cast

    numbers: list[np.ndarray] = []
    codes: list[np.ndarray] = []
    for column in schema.features:
        values = cast(table.columns[column.name], column.kind, name=column.name)
        if column.kind == "number":
            numbers.append(values)
        elif column.kind == "datetime":
            moments = _moments(values)
            numbers.append(moments[0])
            codes.extend(moments[1:])
        else:
            codes.append(_codes(values))
    rows = len(table)
    return _Columns(
        np.stack(numbers, axis=1) if numbers else np.zeros((rows, 0)),
        np.stack(codes, axis=1).astype(np.int64) if codes else np.zeros((rows, 0), np.int64),
    )


def _codes(words: np.ndarray) -> np.ndarray:
    """Words as numbers from 0; -1 for missing. Spellings of one number ("3", "3.0") are one."""
    from lamina.data.words import match_key

    keys = {word: match_key(word) for word in dict.fromkeys(words.tolist()) if word is not None}
    places = {key: i for i, key in enumerate(dict.fromkeys(keys.values()))}
    code_of = {None: -1} | {word: places[key] for word, key in keys.items()}
    return np.array([code_of[word] for word in words.tolist()], np.int64)


def _moments(moments: np.ndarray) -> list[np.ndarray]:
    """Days since 1970 (NaN missing), and month, weekday and hour as codes (-1 missing)."""
    missing = np.isnat(moments)
    hours = np.where(missing, np.datetime64(0, "us"), moments).astype("datetime64[h]").astype(np.int64)
    months = np.where(missing, np.datetime64(0, "us"), moments).astype("datetime64[M]").astype(np.int64)
    parts = [np.where(missing, -1, part) for part in (months % 12, (hours // 24) % 7, hours % 24)]
    return [np.where(missing, np.nan, hours / 24), *parts]


@dataclass(frozen=True)
class _Pixels:
    """Images as rows of numbers [rows, pixels x channels], averaged down if they are large."""

    values: np.ndarray
    size: str
    coarse: np.ndarray
    about_binned: str

    @staticmethod
    def of(images: np.ndarray) -> _Pixels:
        """Of images uint8 [rows, height, width, channels]."""
        fewer = int(np.sqrt(TREE_PIXELS / images.shape[3]))
        return _Pixels(*_averaged(images, SIDE), *_averaged(images, max(1, fewer)))

    @property
    def width(self) -> int:
        """How many numbers an image is."""
        return self.values.shape[1]

    @property
    def about_scaled(self) -> str:
        """What linear models see."""
        return self.size

    @property
    def about_compact(self) -> str:
        """What the others see."""
        few = self.width <= 4 * COMPONENTS
        return self.size if few else f"{COMPONENTS} principal components of {self.size}"

    def scaled(self, known: np.ndarray) -> Matrix:
        """Every pixel minus its mean, all divided by one number: a pixel that hardly varies stays so."""
        some = self.values[_some(known, PCA_ROWS)].astype(np.float32)
        mean = some.mean(axis=0)
        spread = max(float((some - mean).std()), 1e-6)
        return lambda rows: (self.values[rows].astype(np.float32) - mean) / spread

    def compact(self, known: np.ndarray) -> Matrix:
        """The same, or its principal components if there are many pixels."""
        from sklearn.decomposition import PCA

        scaled = self.scaled(known)
        if self.width <= 4 * COMPONENTS:
            return scaled
        some = _some(known, PCA_ROWS)
        model = PCA(min(COMPONENTS, len(some)), random_state=SEED).fit(scaled(some))
        return lambda rows: np.concatenate(
            [model.transform(scaled(r)) for r in np.array_split(rows, 1 + len(rows) // 20_000)]
        )

    def binned(self, known: np.ndarray, most: int) -> tuple[Matrix, np.ndarray]:
        """Fewer pixels, as they are; none is a category."""
        return lambda rows: self.coarse[rows], np.zeros(self.coarse.shape[1], bool)


def _averaged(images: np.ndarray, side: int) -> tuple[np.ndarray, str]:
    """Rows of pixels, both sides of an image at most ``side`` by averaging square blocks; and what to call them."""
    block = max(1, -(-max(images.shape[1:3]) // side))
    if block == 1:
        return images.reshape(len(images), -1), f"{images.shape[1]}x{images.shape[2]} pixels"
    tall, broad = (min(block, extent) for extent in images.shape[1:3])  # an image may be one pixel high
    high, wide = images.shape[1] // tall, images.shape[2] // broad
    blocks = images[:, : high * tall, : wide * broad].reshape(len(images), high, tall, wide, broad, -1)
    means = np.concatenate([some.mean(axis=(2, 4), dtype=np.float32) for some in np.array_split(blocks, 20)])
    return means.reshape(len(images), -1), f"pixels averaged to {high}x{wide}"
