"""The named peer of every table: scikit-learn's MLPClassifier and MLPRegressor, as a person would set them up.

Default settings but for max_iter=300; numbers standardised, missing ones filled with the mean and indicated, categories
one-hot, a regression's target standardised. Fitted once for each test fold on all its training and validation rows.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from lamina.data.examples import Examples
from lamina.data.schema import cast
from lamina.data.split import Split


@dataclass(frozen=True)
class Answers:
    """What one seed's fits answer on the judged rows, in their order, and how long all of them took."""

    predictions: np.ndarray
    seconds: float


def folds(split: Split) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Known rows (training and validation) and test rows of each distinct test part, in the order of the judged
    rows.
    """
    known: dict[bytes, list[np.ndarray]] = {}
    tests = {part.test.tobytes(): part.test for part in split.parts}
    for part in split.parts:
        known.setdefault(part.test.tobytes(), []).extend((part.train, part.validation))
    for key, test in tests.items():
        yield np.unique(np.concatenate(known[key])), test


def judged_rows(split: Split) -> np.ndarray:
    """The rows that are judged, in their order."""
    return np.concatenate([test for _, test in folds(split)])


def answers(examples: Examples, split: Split, seed: int) -> Answers:
    """Fit one network for each test fold and answer its rows: probabilities [rows, classes] or values [rows]."""
    started = time.perf_counter()
    # One thread: its products are so small that more only wait for each other.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = [_fitted(examples, known, test, seed) for known, test in folds(split)]
    return Answers(np.concatenate(found), time.perf_counter() - started)


def _fitted(examples: Examples, known: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    inputs, targets = _matrix(examples, known), examples.targets
    if examples.task.kind == "regression":
        network = MLPRegressor(max_iter=300, early_stopping=False, random_state=seed)
        model: Any = TransformedTargetRegressor(network, transformer=StandardScaler())
        return np.asarray(model.fit(inputs[known], targets[known]).predict(inputs[test]))
    model = MLPClassifier(max_iter=300, early_stopping=False, random_state=seed)
    model.fit(inputs[known], targets[known])
    out = np.zeros((len(test), len(examples.task.classes)))
    out[:, model.classes_] = model.predict_proba(inputs[test])
    return out


def _matrix(examples: Examples, known: np.ndarray) -> np.ndarray:
    """All rows as the peer sees them [rows, columns], what is fitted being fitted on the known ones."""
    if examples.kind == "image":
        pixels = np.asarray(examples.inputs, np.float64).reshape(len(examples), -1)
        return np.asarray(StandardScaler().fit(pixels[known]).transform(pixels))
    numbers, words = _columns(examples)
    blocks = []
    if numbers.shape[1]:
        scale = make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler())
        blocks.append(scale.fit(numbers[known]).transform(numbers))
    if words.shape[1]:
        one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        blocks.append(one_hot.fit(words[known]).transform(words))
    return np.concatenate(blocks, axis=1)


def _columns(examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """The columns that are learnt from: numbers, dates among them as days, and words ("" where missing)."""
    rows, numbers, words = len(examples), [], []
    for column in examples.schema.features:
        values = cast(examples.inputs.columns[column.name], column.kind, name=column.name)  # type: ignore[union-attr]
        if column.kind == "number":
            numbers.append(values)
        elif column.kind == "datetime":
            days = (values - values[~np.isnat(values)].min()) / np.timedelta64(1, "D")
            numbers.append(days)
        else:
            words.append(np.array(["" if word is None else word for word in values.tolist()], dtype=object))
    stacked = np.stack(numbers, axis=1) if numbers else np.zeros((rows, 0))
    return stacked, np.stack(words, axis=1) if words else np.zeros((rows, 0), dtype=object)
