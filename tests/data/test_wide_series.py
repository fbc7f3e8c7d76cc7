"""Wide tables: which columns are steps, and where a row ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lamina.data.examples import Reading
from lamina.data.ragged import Layout
from lamina.data.table import Table, read_table
from lamina.data.value_columns import known_columns
from lamina.data.wide_series import read_wide, read_wide_like
from lamina.errors import DataError, OptionError, SchemaError, TargetError


def waves(rows: int = 4) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(rows, 3)), columns=["first", "second", "third"])
    return frame.assign(label=["up", "down"] * (rows // 2))


def test_the_columns_of_numbers_are_the_steps_in_their_order() -> None:
    frame = waves()[["second", "label", "first", "third"]].assign(note="words", when=pd.Timestamp("2024-01-01"))
    found = read_wide(read_table(frame), Reading("label"))
    np.testing.assert_array_equal(
        np.stack(found.values)[:, :, 0], frame[["second", "first", "third"]].to_numpy(np.float32)
    )
    assert found.layout == Layout("wide", ("channel 1",), target="label", columns=("second", "first", "third"))
    texts = " ".join(note.text for note in found.notes)
    assert "3 columns second to third" in texts
    assert '"note" is left out: it holds words' in texts
    assert '"when" is left out: it holds dates' in texts
    assert found.names.tolist() == [f"row {n}" for n in (1, 2, 3, 4)]


def test_a_row_ends_where_nothing_follows_and_columns_without_values_are_missing_steps() -> None:
    frame = waves()
    frame.loc[1, "third"] = np.nan
    frame.loc[2, "second"] = np.nan
    frame.loc[3, ["first", "second", "third"]] = np.nan
    frame.insert(1, "never", [None] * 4)
    found = read_wide(read_table(frame), Reading("label"))
    assert found.lengths.tolist() == [4, 3, 4, 0]
    assert np.isnan(found.values[2]).ravel().tolist() == [False, True, True, False]


def test_drop_group_and_types() -> None:
    frame = waves(12).assign(who=["a", "b", "c"] * 4, count=[f"{n:02d}" for n in range(12)], id=range(12))
    reading = Reading("label", drop=("second",), group="who", types={"count": "number"})
    found = read_wide(read_table(frame), reading)
    assert found.layout.columns == ("first", "third", "count")
    assert found.groups is not None
    assert found.groups.tolist() == ["a", "b", "c"] * 4
    assert any(note.text == 'Column "id" is left out: it numbers the rows.' for note in found.notes)


def test_another_table_by_the_names_of_its_columns() -> None:
    layout = read_wide(read_table(waves()), Reading("label")).layout
    other = waves(2).assign(more=5.0, third=["1", "x"])[["more", "third", "first", "second"]]
    with pytest.raises(SchemaError, match='"third" holds "x" in row 2'):
        read_wide_like(read_table(other), layout)
    found = read_wide_like(read_table(other.assign(third=[1.0, 2.0])), layout)
    assert found.labels is None
    np.testing.assert_array_equal(found.values[1].ravel(), [*waves(2).iloc[1, :2].astype(np.float32), 2])
    with pytest.raises(SchemaError, match='no column "first" and 1 more'):
        read_wide_like(read_table(other[["third", "more"]]), layout)


def test_columns_without_names_are_in_order_where_there_are_as_many() -> None:
    columns = {f"column {i + 1}": np.array([float(i)]) for i in range(3)}
    names = ("column 2", "column 3", "column 4")
    assert {name: of.tolist() for name, of in known_columns(Table(columns), names).items()} == {
        name: [i] for i, name in enumerate(names)
    }
    with pytest.raises(SchemaError, match='no column "column 4"'):
        known_columns(Table({**columns, "column 5": np.array([5.0])}), names)


def test_a_table_for_a_model_of_files_without_columns_gives_its_numbers() -> None:
    found = read_wide_like(
        read_table(waves().rename(columns={"label": "class"})), Layout("listed", ("a",), target="class")
    )
    assert found.lengths.tolist() == [3] * 4
    assert found.labels is not None


@pytest.mark.parametrize(
    ("reading", "error", "message"),
    [
        ({"order": "first"}, OptionError, "--order names first"),
        ({"target": "nowhere"}, TargetError, 'no column "nowhere"'),
        ({"group": "label"}, OptionError, "--group and --target"),
        ({"drop": ("first", "second", "third")}, DataError, "No column of numbers is left"),
    ],
)
def test_columns_that_can_not_be_what_they_are_named_for(
    reading: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_wide(read_table(waves()), Reading(**{"target": "label", **reading}))
