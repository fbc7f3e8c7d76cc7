"""Importance: what a model of tables makes of each column, over many rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.data.examples import Task
from lamina.data.schema import cast
from lamina.data.table import Table
from lamina.errors import ShapeError
from lamina.inside.anatomy import task_of
from lamina.inside.prepared import Rows, checked_column, rows_of, slots, table_kind, table_of
from lamina.metrics import Metric, default_metric, metric, score
from lamina.model import Model, NetworkPart

REPEATS = 5
WORDS, POINTS, CURVES = 20, 40, 50  # of a dependence: categories, numbers, rows
EDGES = (0.01, 0.99)  # of a column's values lie between these quantiles those that are looked at


@dataclass(frozen=True)
class ColumnImportance:
    """How much worse the metric gets when a column's cells are shuffled: the mean and the deviation of the repeats."""

    name: str
    mean: float
    spread: float


@dataclass(frozen=True)
class Importance:
    """The columns by their permutation importance, the most important first.

    ``score`` is the metric of the rows as they are; a column's drop is in its ``unit``, above 0 where shuffling hurts.
    """

    metric: str
    unit: str
    score: float
    rows: int
    columns: tuple[ColumnImportance, ...]


def permutation(
    of: Model | NetworkPart,
    table: Table | Mapping[str, Any],
    targets: np.ndarray,
    *,
    by: str | None = None,
    repeats: int = REPEATS,
    seed: int = 0,
) -> Importance:
    """How much a model depends on each column: what its score loses when the column's cells are shuffled.

    ``table`` are rows that it never learned from, ``targets`` [n] their class numbers or values, ``by`` a metric's name
    (accuracy or RMSE unless said). An ensemble is asked as a whole. Columns that say the same share their importance:
    shuffling one leaves the other. Source: Breiman 2001, "Random forests", sec. 10; Fisher et al. 2019 (arXiv
    1801.01489), sec. 3. scikit-learn's ``permutation_importance`` does the same for an estimator of one array; here the
    rows are prepared once, and shuffled behind that, for every network of the model.

    >>> from lamina.inside.importance import ColumnImportance
    >>> ColumnImportance("age", 0.25, 0.01).mean
    0.25
    """
    rows, targets = rows_of(of, table), np.asarray(targets)
    if targets.shape != (len(rows),):
        given = f"The targets have the shape {list(targets.shape)} where there are {len(rows):,} rows."
        raise ShapeError(given, expected=f"[{len(rows)}], a target for each row.")
    task = _task(of, rows)
    measure = default_metric(task) if by is None else metric(by, task)
    sign = 1 if measure.greater_is_better else -1
    before = _score(measure, task, targets, rows)
    found = []
    for at, name in enumerate(slots(table_kind(of))):
        rng = np.random.default_rng((seed, at))
        orders = (rng.permutation(len(rows)) for _ in range(repeats))
        drops = [
            sign * (before - _score(measure, task, targets, rows.with_column(name, rows.take(order))))
            for order in orders
        ]
        found.append(ColumnImportance(name, float(np.mean(drops)), float(np.std(drops))))
    return Importance(
        measure.name, measure.unit, before, len(rows), tuple(sorted(found, key=lambda column: -column.mean))
    )


def _task(of: Model | NetworkPart, rows: Rows) -> Task:
    """A model's task; that of a part alone has numbers for names."""
    if isinstance(of, Model):
        return of.task
    if task_of(of) == "regression":
        return Task("regression", "")
    return Task("classification", "", tuple(map(str, range(rows.take([0]).answers().shape[1]))))


def _score(measure: Metric, task: Task, targets: np.ndarray, rows: Rows) -> float:
    answers = rows.answers()
    return score(measure, task, targets, answers[:, 0] if task.kind == "regression" else answers)


@dataclass(frozen=True)
class Dependence:
    """What a model answers when one column takes each of some values, all else staying as it is in each row.

    ``at`` are numbers, or a category's words (None: a missing cell); ``mean`` [values, classes or 1] is the partial
    dependence, the mean over all rows, and ``curves`` [rows, values, classes or 1] are some of the rows alone
    (individual conditional expectation); ``here`` are the values that these rows have. ``often`` [values] says which
    share of the rows has that category, or a number nearest to that one: what few rows have, the model has hardly
    learned.
    """

    column: str
    kind: str
    at: tuple[Any, ...]
    mean: np.ndarray
    curves: np.ndarray
    here: tuple[Any, ...]
    often: np.ndarray


def dependence(
    of: Model | NetworkPart,
    table: Table | Mapping[str, Any],
    column: str,
    *,
    points: int = POINTS,
    curves: int = CURVES,
) -> Dependence:
    """How a model's answer depends on one column: partial dependence, and the curves of single rows.

    Numbers and dates are looked at between the 1 % and the 99 % quantile, of categories the 20 most frequent. Source:
    Friedman 2001, "Greedy function approximation", sec. 8.2; Goldstein et al. 2015 (arXiv 1309.6392).

    OptionError for a column that the model doesn't learn from.
    """
    checked_column(of, column)
    table = table if isinstance(table, Table) else table_of(table)
    rows, values = rows_of(of, table), _values(of, table, column)
    kind = checked_column(of, column).kind
    grid, often = _grid(values, points)
    answers = np.stack([rows.with_column(column, one).answers() for one in _rows_with(of, table, column, grid, rows)])
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(curves, len(rows))).round().astype(int))
    mean, single = answers.mean(axis=1), answers[:, chosen].swapaxes(0, 1)
    return Dependence(
        column,
        kind,
        _plainly(grid),
        mean.astype(np.float32),
        single.astype(np.float32),
        _plainly(values[chosen]),
        often.astype(np.float32),
    )


def _rows_with(of: Model | NetworkPart, table: Table, column: str, grid: np.ndarray, rows: Rows) -> Iterator[Rows]:
    """As many rows as there are, for each value of the grid, that have it in the column."""
    first = table.take(np.zeros(len(grid), np.int64))
    prepared = rows_of(of, Table({**first.columns, column: grid}))
    return (prepared.take(np.full(len(rows), at)) for at in range(len(grid)))


def _values(of: Model | NetworkPart, table: Table, column: str) -> np.ndarray:
    """A column's cells as its kind wants them."""
    feature = next(feature for feature in table_kind(of).features if feature.name == column)
    return cast(table.columns[column], feature.kind, name=column, table=table)


def _grid(values: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """The values to look at, and the share of the rows that has each."""
    if values.dtype == object:
        counts = Counter(values.tolist()).most_common(WORDS)
        return np.array([word for word, _ in counts], object), np.array([n for _, n in counts]) / len(values)
    there = values[~(np.isnat(values) if values.dtype.kind == "M" else np.isnan(values))]
    if not len(there):
        return values[:1], np.ones(1)
    as_numbers = there.astype(np.float64)
    distinct = np.unique(as_numbers)
    low, high = np.quantile(as_numbers, EDGES)
    inside = distinct[(distinct >= low) & (distinct <= high)]
    grid = inside if 0 < len(inside) <= points else np.linspace(low, high, points)
    nearest = np.abs(as_numbers[:, None] - grid[None]).argmin(axis=1)
    return grid.astype(values.dtype), np.bincount(nearest, minlength=len(grid)) / len(values)


def _plainly(values: np.ndarray) -> tuple[Any, ...]:
    """Values as Python has them; dates as text."""
    if values.dtype.kind == "M":
        return tuple(None if np.isnat(v) else str(v) for v in values.astype("datetime64[s]"))
    return tuple(None if isinstance(v, float) and np.isnan(v) else v for v in values.tolist())
