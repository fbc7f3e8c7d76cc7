"""Lamina in scikit-learn's manner: estimators with fit, predict, predict_proba and score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from lamina import choices, metrics
from lamina.data.examples import Examples, Reading
from lamina.data.split import Part, Split, split
from lamina.errors import DivergedError
from lamina.judgement.selection import select
from lamina.model import Model
from lamina.settings import Settings
from lamina.work import Work

TARGET = "target"


class _NetworkEstimator(BaseEstimator):
    """What both estimators share: a population is trained on a part of the rows, the rest choose the winner and its
    best epoch.

    ``network``: in the notation or as layers; ``learning_rate``: one or several, trained as one population;
    ``repeats``: seeds, averaged; ``random_state``: the first seed; ``precision``: "auto", "float32" or "bfloat16", what
    products are made of in ``fit``. None leaves the choice to Lamina. Fitted:
    ``model_`` (a :class:`~lamina.model.Model`), ``results_`` (where each member ended), ``n_features_in_``.
    """

    _kind = "number"

    def __init__(
        self,
        network: Any = None,
        *,
        learning_rate: float | Sequence[float] | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        weight_decay: float | None = None,
        repeats: int | None = None,
        validation_fraction: float = 0.2,
        class_weight: str | None = None,
        precision: str = "auto",
        random_state: int = 0,
    ) -> None:
        self.network = network
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.repeats = repeats
        self.validation_fraction = validation_fraction
        self.class_weight = class_weight
        self.precision = precision
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on X [n, features] (an array, or a frame with categories, dates and gaps) and y [n]; gives itself."""
        examples = self._examples(X, y)
        work = self._work(examples, sample_weight)
        populations = []
        for group in work.groups(work.plans()):
            population = group.populate()
            while population.running:
                population.advance()
            populations.append(population.ended())
        self.results_ = [result for population in populations for result in population.results]
        costs = [np.inf if r["validation_loss"] is None else r["validation_loss"] for r in self.results_]
        members = work.members()
        winners = select(
            [0] * len(costs), [candidate for candidate, _, _ in members], [who[1:] for who in members], costs
        )
        if not winners:
            raise DivergedError("Every member went to NaN or infinity.", mend="use a smaller learning_rate")
        parts = tuple(work.network_part(populations, member) for member in winners)
        self.model_ = Model(examples.task, examples.kind, parts, {})
        self.n_features_in_ = len(examples.inputs.columns)  # pyright: ignore[reportAttributeAccessIssue]
        return self

    def _settings(self) -> Settings:
        rates = self.learning_rate
        return Settings(
            networks=() if self.network is None else (self.network,),
            learning_rates=() if rates is None else (rates,) if isinstance(rates, (int, float)) else tuple(rates),
            repeats=self.repeats,
            epochs=self.epochs,
            batch_size=self.batch_size,
            weight_decay=self.weight_decay,
            class_weight=self.class_weight,
            precision=self.precision,
            seed=self.random_state,
        )

    def _examples(self, X: Any, y: Any) -> Examples:
        from lamina.data.labelled import table_examples

        frame = {**_columns(X), TARGET: np.asarray(y)}
        return table_examples(frame, Reading(target=TARGET, types={TARGET: self._kind}))

    def _work(self, examples: Examples, sample_weight: Any) -> Work:
        from lamina.answer import inputs_of
        from lamina.training.cache import keep_compiled_programs
        from lamina.training.device import prepare

        device = prepare()
        keep_compiled_programs()
        settings = self._settings()
        shape, columns = inputs_of(examples)
        choice = choices.choose(examples, settings, shape, columns)
        metric = metrics.default_metric(examples.task)
        weights = None if sample_weight is None else np.asarray(sample_weight, np.float64)
        rows = _all_to_train(split(examples, test=self.validation_fraction, validation=0.5))
        return Work(examples, settings, Reading(), metric, device, shape, choice, rows, weights=weights)

    def _answers(self, X: Any) -> np.ndarray:
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        inputs, _, _ = self.model_.read(_columns(X))
        return self.model_.outputs(inputs)[0]


def _all_to_train(made: Split) -> Split:
    """The split without a test part, which scikit-learn's user holds out: its rows choose, the others train."""
    part = made.parts[0]
    rest = np.sort(np.concatenate([part.train, part.validation]))
    return Split(made.kind, (Part(rest, part.test, part.test),), "A share of the rows chooses the best epoch.", None)


def _columns(X: Any) -> Any:
    """A frame's columns by name as arrays, an array's by place."""
    if hasattr(X, "columns"):
        return {str(name): np.asarray(X[name]) for name in X.columns}
    array = np.asarray(X)
    return {f"x{at}": array[:, at] for at in range(array.shape[1])}


class NetworkClassifier(ClassifierMixin, _NetworkEstimator):
    """A neural network as a scikit-learn classifier.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = np.where(X[:, 0] + X[:, 1] > 0, "above", "below")
    >>> NetworkClassifier("dense 8", epochs=60, learning_rate=0.03).fit(X, y).score(X, y) > 0.9
    True
    """

    _kind = "category"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on X and the labels y; ``classes_`` are the labels in order."""
        super().fit(X, y, sample_weight)
        known = {str(label): label for label in np.unique(np.asarray(y)).tolist()}
        self.classes_ = np.array([known[name] for name in self.model_.task.classes])
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Class probabilities [n, classes], in the order of ``classes_``."""
        return self._answers(X)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable labels [n]."""
        answers = self._answers(X)
        return self.classes_[answers.argmax(axis=1)]


class NetworkRegressor(RegressorMixin, _NetworkEstimator):
    """A neural network as a scikit-learn regressor.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> NetworkRegressor("dense 16", epochs=60, learning_rate=0.03).fit(X, X[:, 0] ** 2).score(X, X[:, 0] ** 2) > 0.8
    True
    """

    def predict(self, X: Any) -> np.ndarray:
        """Values [n] in y's units."""
        return self._answers(X)
