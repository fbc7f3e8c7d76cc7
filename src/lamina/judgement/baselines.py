"""A baseline: a simple model judged on the very rows that the network is judged on.

Each is fitted once for every test fold, on the training and validation rows of that fold, with the preprocessing that
suits it; its settings are tuned on the validation rows, and are printed. What would take minutes is fitted on fewer
rows or fewer numbers, and says so. A model that can't run says why in its settings, and its predictions are NaN.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.data.examples import Task
from lamina.data.sound import preprocessing_of
from lamina.judgement.columns import read_columns
from lamina.judgement.fold import SEED, CannotRun, Chosen, Fold, Seen
from lamina.judgement.log_mel import log_mel_frames
from lamina.judgement.models import CLASS_MODELS, KINDS, VALUE_MODELS, Model
from lamina.judgement.pixels import Pixels
from lamina.judgement.sequences import Sequences

if TYPE_CHECKING:
    from lamina.data.examples import Examples
    from lamina.data.split import Split

TRIVIAL = ("majority class", "mean", "median")
"""The baselines that answer the same whatever a row holds."""

VALIDATION_SHARE = 0.2  # of the training rows, where a split has no validation rows
CELLS_FOR_THREADS = 5e6  # fewer are done by one thread


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
    an SVM, for series and sounds random kernels. The linear model and the trees see a few numbers about each series, or
    the mean (trees: and deviation) of each log-mel band of a sound. No model sees a test row before it predicts it.
    ``threads``: how many a model may use.
    """
    from threadpoolctl import threadpool_limits

    seen = _seen(examples)
    folds = [Fold(examples.task, seen, np.asarray(examples.targets), *rows, threads) for rows in _distinct(split)]
    models = VALUE_MODELS if examples.task.kind == "regression" else CLASS_MODELS
    found = {}
    for name, model in models.items():
        if examples.kind not in KINDS.get(name, (examples.kind,)):
            continue
        if observer is not None:
            observer(f"{name} on {len(judged_rows(split)):,} rows")
        with threadpool_limits(threads if _is_large(name, folds[0]) else 1):
            found[name] = _run(name, model, folds)
    return found


def _seen(examples: Examples) -> Seen:
    """The inputs as models see them."""
    if examples.kind == "series":
        return Sequences.of_series(np.asarray(examples.inputs))
    if examples.kind == "sound":
        rate = preprocessing_of(examples).rate
        return Sequences.of_frames(*log_mel_frames(np.asarray(examples.inputs), rate))
    if isinstance(examples.inputs, np.ndarray):
        return Pixels.of(examples.inputs)
    return read_columns(examples.inputs, examples.schema)


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
    few = name == "gradient boosting" and isinstance(fold.inputs, Pixels)
    few = few or name == "random kernels"  # which has threads of its own for what is worth it
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
