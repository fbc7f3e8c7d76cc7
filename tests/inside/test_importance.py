"""Importance against scikit-learn and against answers row by row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.inspection import permutation_importance

from lamina.data.examples import Examples
from lamina.data.table import Table
from lamina.errors import OptionError, ShapeError
from lamina.inside.importance import dependence, permutation
from lamina.inside.prepared import table_of
from lamina.model import Model

Penguins = tuple[Model, Examples]


class Whole(ClassifierMixin, BaseEstimator):
    """A model of tables as an estimator of arrays of cells, for scikit-learn."""

    def __init__(self, model: Model, names: tuple[str, ...]) -> None:
        self.model, self.names = model, names

    def fit(self, *_: object) -> Whole:
        return self

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        columns = {name: list(x[:, i]) for i, name in enumerate(self.names)}
        return self.model.outputs(table_of(columns))[0]

    def score(self, x: np.ndarray, y: np.ndarray) -> float:
        return float((self.predict_proba(x).argmax(axis=1) == y).mean())


def test_permutation_importance_is_that_of_scikit_learn(penguins: Penguins) -> None:
    model, examples = penguins
    table = examples.inputs
    assert isinstance(table, Table)
    names = tuple(column.name for column in examples.schema.features)
    table = Table({name: table.columns[name] for name in names})
    answer = model.outputs(table)[0].argmax(axis=1)  # of targets as it answers, shuffling must lose something
    found = permutation(model, table, answer, repeats=8)
    assert found.score == 1.0
    cells = np.stack([table.columns[name].astype(object) for name in names], axis=1)
    theirs = permutation_importance(Whole(model, names), cells, answer, n_repeats=8, random_state=0)  # type: ignore[arg-type]
    ours = {column.name: column for column in found.columns}
    for name, mean, spread in zip(names, theirs.importances_mean, theirs.importances_std, strict=True):
        assert ours[name].mean == pytest.approx(mean, abs=0.03)
        assert ours[name].spread == pytest.approx(spread, abs=0.02)
    assert [column.mean for column in found.columns] == sorted((c.mean for c in found.columns), reverse=True)


def test_it_is_the_same_each_time_and_in_the_units_of_its_metric(penguins: Penguins) -> None:
    model, examples = penguins
    again = [permutation(model, examples.inputs, examples.targets, by="log loss", repeats=2) for _ in "ab"]  # type: ignore[arg-type]
    assert again[0] == again[1]
    assert again[0].metric == "log loss"
    assert again[0].unit == "nats"
    assert again[0].score > 0


def test_a_column_that_nothing_depends_on_has_none(penguins: Penguins) -> None:
    model, examples = penguins
    part = model.parts[0]
    weights = part.parameters.reshape(-1, 3).copy()
    weights[:2] = 0  # bill length, and whether it is missing
    deaf = replace(part, parameters=weights.ravel())
    found = {c.name: c for c in permutation(deaf, examples.inputs, examples.targets).columns}  # type: ignore[arg-type]
    assert found["bill_length_mm"].mean == found["bill_length_mm"].spread == 0


@pytest.mark.parametrize("column", ["bill_length_mm", "island"])
def test_dependence_row_by_row(penguins: Penguins, column: str) -> None:
    model, examples = penguins
    table = examples.inputs
    assert isinstance(table, Table)
    found = dependence(model, table, column, points=5, curves=3)
    assert found.curves.shape == (3, len(found.at), 3)
    for place, value in enumerate(found.at):
        changed = np.full(len(table), value, table.columns[column].dtype)
        answers = model.outputs(Table({**table.columns, column: changed}))[0]
        np.testing.assert_allclose(found.mean[place], answers.mean(axis=0), atol=1e-6)
        np.testing.assert_allclose(found.curves[:, place], answers[[0, 172, -1]], atol=1e-6)
    assert found.often.sum() == pytest.approx(1.0 if column == "island" else 342 / 344, abs=1e-6)


def test_what_does_not_fit_is_refused(penguins: Penguins) -> None:
    model, examples = penguins
    with pytest.raises(ShapeError, match="344 rows"):
        permutation(model, examples.inputs, examples.targets[:5])  # type: ignore[arg-type]
    with pytest.raises(OptionError, match='"shoe size"'):
        dependence(model, examples.inputs, "shoe size")  # type: ignore[arg-type]
