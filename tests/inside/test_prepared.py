"""Prepared rows: a column exchanged behind the preprocessing is one exchanged before it."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.data.examples import Examples
from lamina.data.table import Table
from lamina.errors import OptionError
from lamina.inside.prepared import checked_column, rows_of, slots, table_of
from lamina.model import Model, NetworkPart

Penguins = tuple[Model, Examples]


def test_answers_are_those_of_the_whole_model(penguins: Penguins) -> None:
    model, examples = penguins
    expected, _ = model.outputs(examples.inputs)
    np.testing.assert_allclose(rows_of(model, examples.inputs).answers(), expected, rtol=1e-6)  # type: ignore[arg-type]


def test_a_column_exchanged_behind_the_preprocessing_is_exchanged_before_it(penguins: Penguins) -> None:
    model, examples = penguins
    table = examples.inputs
    assert isinstance(table, Table)
    order = np.random.default_rng(0).permutation(len(table))
    rows = rows_of(model, table)
    for name in ("island", "bill_length_mm", "sex"):
        changed = Table({**table.columns, name: table.columns[name][order]})
        expected, _ = model.outputs(changed)
        exchanged = rows.with_column(name, rows.take(order))
        np.testing.assert_allclose(exchanged.answers(), expected, rtol=1e-6)


def test_all_of_a_row_belongs_to_one_column(penguins: Penguins) -> None:
    preprocessing = penguins[0].parts[0].preprocessing
    places = sorted(place for of in slots(preprocessing).values() for place in of.all)  # type: ignore[arg-type]
    assert places == list(range(penguins[0].parts[0].shape[0]))


def test_cells_are_read_as_a_table() -> None:
    table = table_of({"a": [1, None], "b": ["x", None], "c": [True, False], "d": [None, None], "e": [1, "b"]})
    assert table.columns["a"].dtype == np.float64
    assert table.columns["c"].tolist() == ["true", "false"]
    assert table.columns["d"].tolist() == [None, None]
    assert table.columns["e"].tolist() == ["1", "b"]


def test_what_is_no_table_or_column_is_refused(penguins: Penguins) -> None:
    with pytest.raises(OptionError, match="shoe size"):
        checked_column(penguins[0], "shoe size")
    other = NetworkPart(None, (3,), "squared", None, np.zeros(1), {})  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="not trained on a table"):
        rows_of(other, {"a": [1]})
