"""Prepared rows of a table, as each network of a model takes them, and which of their numbers a column became."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.data.examples import Task
from lamina.data.preprocess import TablePreprocessing
from lamina.data.table import Table
from lamina.errors import OptionError, SchemaError
from lamina.inside.anatomy import task_of
from lamina.inside.opened import part_of, parts_of
from lamina.model import Model, NetworkPart


@dataclass(frozen=True)
class Slots:
    """Where a column lies in a prepared row: ``numbers`` and, of a category, the place of its ``code``.

    ``bent`` are those of the numbers that grow with the column, scaled and bent in; the others are the circular parts
    of a date, truth, and whether the cell is missing.
    """

    kind: str
    numbers: tuple[int, ...]
    code: int | None
    bent: tuple[int, ...]

    @property
    def all(self) -> list[int]:
        """All places of the column."""
        return [*self.numbers, *([] if self.code is None else [self.code])]


def slots(preprocessing: TablePreprocessing) -> dict[str, Slots]:
    """Where each column lies in a prepared row.

    >>> from lamina.data.preprocess import Feature
    >>> features = Feature("age", "number", indicator=True), Feature("town", "category", categories=("a", "b"))
    >>> blank = TablePreprocessing(features, ("age", "town"), None, (0.0, 0.0), (1.0, 1.0), ((True, True),))
    >>> {name: (of.all, of.bent) for name, of in slots(blank).items()}
    {'age': ([0, 1], (0,)), 'town': ([2], ())}
    """
    found, number, code = {}, 0, preprocessing.numbers
    for feature in preprocessing.features:
        if feature.kind == "category":
            found[feature.name] = Slots("category", (), code, ())
            code += 1
            continue
        places = tuple(range(number, number + len(feature.outputs)))
        growing = {"number": 1, "datetime": 2, "boolean": 0}[feature.kind]
        found[feature.name] = Slots(feature.kind, places, None, places[:growing])
        number += len(places)
    return found


def table_of(cells: Mapping[str, Sequence[Any]]) -> Table:
    """Columns of cells (words, numbers, None) as a table.

    >>> table_of({"a": [1.5, None], "b": ["x", None]}).columns["a"].tolist()
    [1.5, nan]
    """
    return Table({name: _column(values) for name, values in cells.items()})


def _column(values: Sequence[Any] | np.ndarray) -> np.ndarray:
    if isinstance(values, np.ndarray) and values.dtype.kind in "fM":
        return values
    each = [None if isinstance(v, float) and np.isnan(v) else v for v in np.asarray(values, object).tolist()]
    if all(v is None or (isinstance(v, (int, float)) and not isinstance(v, bool)) for v in each) and any(
        v is not None for v in each
    ):
        return np.array([np.nan if v is None else float(v) for v in each])
    return np.array([None if v is None else str(v).lower() if isinstance(v, bool) else str(v) for v in each], object)


def table_kind(of: Model | NetworkPart) -> TablePreprocessing:
    """The preprocessing of a model of tables (of an ensemble the first); OptionError for one of anything else."""
    part = part_of(of)
    if not isinstance(part.preprocessing, TablePreprocessing):
        raise OptionError(
            "The model was not trained on a table, so it has no columns.",
            expected="A model of a table.",
            mend="Ask for the saliency of one example instead.",
        )
    return part.preprocessing


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a table as the networks take them: ``inputs`` by their preprocessing's id. Make it with `rows_of`."""

    parts: tuple[NetworkPart, ...]
    inputs: Mapping[int, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def take(self, rows: Any) -> Rows:
        """These rows only, or as often as they are named."""
        return Rows(self.parts, {key: of[rows] for key, of in self.inputs.items()})

    def with_column(self, name: str, other: Rows) -> Rows:
        """These rows with one column as it is in as many other rows."""
        made = {}
        for part in self.parts:
            key = id(part.preprocessing)
            if key not in made:
                places = slots(part.preprocessing)[name].all  # type: ignore[arg-type]
                made[key] = self.inputs[key].copy()
                made[key][:, places] = other.inputs[key][:, places]
        return Rows(self.parts, made)

    def answers(self) -> np.ndarray:
        """The mean of the networks' answers, float64: class probabilities [n, classes], or values [n, 1]."""
        kind = task_of(self.parts[0])
        each = [part.answer(self.inputs[id(part.preprocessing)], Task(kind, "")) for part in self.parts]
        mean = np.mean([of.astype(np.float64) for of in each], axis=0)
        return mean.reshape(len(self), -1)


def rows_of(of: Model | NetworkPart, table: Table | Mapping[str, Any]) -> Rows:
    """Rows of a table, or of columns of cells, as every network of a model takes them.

    SchemaError where a column is missing or a cell doesn't fit; OptionError where the model isn't one of tables.
    """
    table_kind(of)
    parts = parts_of(of)
    table = table if isinstance(table, Table) else table_of(table)
    if not len(table):
        raise SchemaError("The table has no rows.", expected="A row or more.")
    inputs: dict[int, np.ndarray] = {}
    for part in parts:
        if id(part.preprocessing) not in inputs:
            inputs[id(part.preprocessing)] = part.preprocessing.transform(table)
    return Rows(parts, inputs)


def checked_column(of: Model | NetworkPart, name: str) -> Slots:
    """Where a column lies; OptionError with the columns there are if the network doesn't know it."""
    known = slots(table_kind(of))
    if name not in known:
        expected = f"One of {', '.join(list(known)[:30])}."
        raise OptionError(f'The network learns from no column "{name}".', expected=expected, mend=next(iter(known)))
    return known[name]
