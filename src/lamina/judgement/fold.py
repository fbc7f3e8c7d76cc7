"""A fold: the rows that train, tune and judge a simple model, and what the model sees of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from lamina.data.examples import Task

SEED = 0
TUNING_ROWS = 5_000  # of the validation rows

Matrix = Callable[[np.ndarray], np.ndarray]
"""Row numbers -> what a model sees of them [rows, columns]."""
Chosen = Mapping[str, float | str]


class Seen(Protocol):
    """The inputs of all rows as models see them; what is fitted for that knows the rows ``known`` alone.

    ``width`` is about how many numbers a row has; ``about_...`` say in words what each kind of model sees.
    """

    @property
    def width(self) -> int: ...  # noqa: D102

    @property
    def about_scaled(self) -> str: ...  # noqa: D102

    @property
    def about_compact(self) -> str: ...  # noqa: D102

    @property
    def about_binned(self) -> str: ...  # noqa: D102

    def scaled(self, known: np.ndarray) -> Matrix:
        """For linear models: standardised, nothing missing."""
        ...

    def compact(self, known: np.ndarray) -> Matrix:
        """For models that suffer from many columns."""
        ...

    def binned(self, known: np.ndarray, most: int) -> tuple[Matrix, np.ndarray]:
        """For trees, and which columns are categories, of at most ``most`` values each."""
        ...


@dataclass(frozen=True)
class Fold:
    """What a model gets: the inputs and targets of all rows, which rows train it, tune it and judge it, and how many
    threads it may use.
    """

    task: Task
    inputs: Seen
    targets: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    threads: int = 1

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
        train, validation = some_rows(self.train, most), some_rows(self.validation, TUNING_ROWS)
        if self.task.kind == "regression":
            return train, validation
        return train, validation[np.isin(self.targets[validation], self.targets[train])]


class CannotRun(Exception):
    """Why a model can't be fitted to a fold."""


def some_rows(rows: np.ndarray, most: float) -> np.ndarray:
    """At most so many of the rows, drawn at random, in their order.

    >>> some_rows(np.arange(3), 5).tolist(), len(some_rows(np.arange(9), 5))
    ([0, 1, 2], 5)
    """
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(SEED).choice(rows, int(most), replace=False))


def fitted_on(used: np.ndarray, known: np.ndarray) -> dict[str, str]:
    """A phrase where not all rows were used.

    >>> fitted_on(np.arange(1_000), np.arange(3_000))
    {'fitted on': '1,000 of 3,000 rows'}
    """
    return {"fitted on": f"{len(used):,} of {len(known):,} rows"} if len(used) < len(known) else {}


def over_all_classes(given: np.ndarray, classes: np.ndarray, task: Task) -> np.ndarray:
    """Probabilities [rows, classes] of the classes that the training rows have as those of all classes of the task.

    >>> over_all_classes(np.array([[0.25, 0.75]]), np.array([0, 2]), Task("classification", "y", ("a", "b", "c")))
    array([[0.25, 0.  , 0.75]])
    """
    out = np.zeros((len(given), len(task.classes)))
    out[:, np.asarray(classes, int)] = given
    return out


def log_loss(given: np.ndarray, targets: np.ndarray) -> float:
    """The mean negative logarithm of the probabilities [rows, classes] given to the targets [rows].

    >>> log_loss(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([0, 0]))
    0.34657359027997264
    """
    return float(-np.log(np.maximum(given[np.arange(len(targets)), targets], 1e-15)).mean())
