"""What simple models see of a table, by hand."""

from __future__ import annotations

import numpy as np

from lamina.data.schema import infer_schema
from lamina.data.table import Table
from lamina.judgement.columns import Columns, read_columns


def columns() -> Columns:
    """A number and a word, each missing once."""
    words = np.array(["a", "b", "a", None], dtype=object)
    table = Table({"n": np.array([1.0, 3.0, np.nan, 100.0]), "w": words})
    return read_columns(table, infer_schema(table))


def test_what_linear_models_see_by_hand() -> None:
    seen = columns().scaled(np.array([0, 1, 2]))(np.arange(4))
    # The number: mean 2 and deviation 1 of the known rows; missing is 0 with an indicator. Then "a" and "b".
    assert seen.tolist() == [[-1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [98, 0, 0, 0]]


def test_what_trees_see_by_hand() -> None:
    matrix, categorical = columns().binned(np.arange(4), 1)
    expected = [[1, 0], [3, np.nan], [np.nan, 0], [100, np.nan]]  # "b" is rarer than the one category there is room for
    assert np.array_equal(matrix(np.arange(4)), expected, equal_nan=True)
    assert categorical.tolist() == [False, True]
