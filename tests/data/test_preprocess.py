"""Preprocessing: the array against hand arithmetic, and what holds for any table."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lamina.data.preprocess import TablePreprocessing
from lamina.data.schema import Schema, infer_schema
from lamina.data.table import Table, read_table
from lamina.errors import ModelFileError, SchemaError

RANDOM = np.random.default_rng(1)


def words(values: list[str | None]) -> np.ndarray:
    return np.array(values, dtype=object)


def fitted(columns: dict[str, np.ndarray], rows: np.ndarray | None = None, **types: str) -> TablePreprocessing:
    table = Table(columns)
    return TablePreprocessing.fit(infer_schema(table, types=types), table, rows)


def mixed(rows: int = 200) -> Table:
    when = np.datetime64("2023-02-01T06:00", "us") + RANDOM.integers(0, 10**6, rows) * np.timedelta64(1, "m")
    when[5] = np.datetime64("NaT")
    number = RANDOM.normal(size=rows)
    number[[1, 2]] = np.nan
    letters = RANDOM.choice(list("abcd"), rows).astype(object)
    letters[7] = None
    return Table(
        {
            "n": number,
            "whole": RANDOM.integers(0, 9, rows).astype(float),
            "w": letters,
            "when": when,
            "good": words([["true", "false", None][i % 3] for i in range(rows)]),
        }
    )


def test_numbers_by_hand() -> None:
    values = np.array([0.0, 1, 2, 3, 4, np.nan, 1000])
    prepare = fitted({"x": values, "y": np.arange(7.0) * 1.5})
    q25, median, q75 = np.percentile(values[~np.isnan(values)], (25, 50, 75))
    scaled = (values - median) / (q75 - q25)
    expected = np.nan_to_num(scaled / np.sqrt(1 + (scaled / 3) ** 2))
    out = prepare.transform(Table({"x": values, "y": np.arange(7.0)}))
    assert prepare.feature_names == ("x", "x is missing", "y")
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[:, 0], expected, rtol=1e-6)
    assert out[:, 1].tolist() == [0, 0, 0, 0, 0, 1, 0]


def test_equal_quartiles_fall_back_to_the_range_and_constants_to_nothing() -> None:
    values = np.array([0.0] * 9 + [4.0])
    prepare = fitted({"x": values, "y": np.arange(10.0) * 0.3}, rows=None)
    expected = 2.0 / np.sqrt(1 + (2 / 3) ** 2)
    np.testing.assert_allclose(
        prepare.transform(Table({"x": values, "y": values}))[[0, 9], 0], [0, expected], rtol=1e-6
    )
    constant_here = fitted({"x": values, "y": np.arange(10.0) * 0.3}, rows=np.arange(9))
    assert constant_here.transform(Table({"x": values, "y": values}))[:, 0].tolist() == [0] * 10


def test_outliers_neither_flatten_nor_leave_the_range() -> None:
    values = np.append(RANDOM.normal(size=500), [1e300, -1e300, 1e9])
    out = fitted({"x": values, "y": values * 0.5}).transform(Table({"x": values, "y": values}))
    assert np.abs(out).max() <= 3
    assert np.isfinite(out).all()
    assert out[:500, 0].std() > 0.5


def test_dates_by_hand() -> None:
    when = np.array(["2024-01-01T00:00", "2024-04-02T12:00", "2023-07-05T18:00"], dtype="datetime64[us]")
    prepare = fitted({"d": when, "y": np.array([0.5, 1.5, 2.5])})
    out = dict(zip(prepare.feature_names, prepare.transform(Table({"d": when, "y": np.zeros(3)})).T, strict=True))
    np.testing.assert_allclose(out["d month sin"], [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(out["d month cos"], [1, 0, -1], atol=1e-6)
    np.testing.assert_allclose(out["d weekday sin"], np.sin(2 * np.pi * np.array([0, 1, 2]) / 7), atol=1e-6)
    np.testing.assert_allclose(out["d hour sin"], [0, 0, -1], atol=1e-6)
    assert np.argsort(out["d days"]).tolist() == [2, 0, 1]
    assert out["d year"][0] == out["d year"][1] > out["d year"][2]


def test_category_codes() -> None:
    column = words(["a", "b", None, "c", "a", "b", "c", "a"])
    prepare = fitted({"w": column, "y": np.arange(8) * 0.5}, rows=np.array([0, 1, 2, 4]))
    out = prepare.transform(Table({"w": words(["a", "b", "c", None, "new"]), "y": np.zeros(5)}))
    assert out[:, -1].tolist() == [2, 3, 0, 1, 0]  # "c" is a category of the schema that these training rows lack
    assert prepare.cardinalities == (5,)


def test_truth() -> None:
    prepare = fitted({"t": words(["true", "false", None] * 3), "y": np.arange(9) * 0.5})
    out = prepare.transform(Table({"t": words(["True".lower(), "false", None]), "y": np.zeros(3)}))
    assert out[:, :2].tolist() == [[1, 0], [-1, 0], [0, 1]]


@pytest.mark.parametrize("seed", range(5))
def test_every_fold_has_the_same_shape_and_only_its_rows_count(seed: int) -> None:
    table = mixed()
    schema = infer_schema(table)
    rows = np.random.default_rng(seed).choice(len(table), 20, replace=False)
    part, whole = TablePreprocessing.fit(schema, table, rows), TablePreprocessing.fit(schema, table)
    assert (part.feature_names, part.cardinalities) == (whole.feature_names, whole.cardinalities)
    changed = Table({n: v.copy() for n, v in table.columns.items()})
    others = np.setdiff1d(np.arange(len(table)), rows)
    changed.columns["n"][others] = 1e6
    changed.columns["w"][others] = "a"
    assert TablePreprocessing.fit(schema, changed, rows) == part
    out = part.transform(table)
    assert out.shape == (200, part.numbers + len(part.cardinalities))
    assert np.isfinite(out).all()
    codes = out[:, part.numbers :]
    assert np.all(codes == codes.astype(int))
    assert np.all(codes < part.cardinalities)
    assert np.all(codes >= 0)


def test_json_round_trip_is_exact() -> None:
    table = mixed()
    prepare = TablePreprocessing.fit(infer_schema(table), table)
    again = TablePreprocessing.from_json(json.loads(json.dumps(prepare.to_json(), allow_nan=False)))
    assert again == prepare
    np.testing.assert_array_equal(again.transform(table), prepare.transform(table))
    with pytest.raises(ModelFileError, match="format 9"):
        TablePreprocessing.from_json({**prepare.to_json(), "format": 9})


def test_the_same_values_read_as_other_types() -> None:
    columns = {"code": words(["1", "2", "3.0", None] * 5), "n": np.arange(20.0) * 1.5}
    prepare = fitted(columns, code="category")
    expected = prepare.transform(Table(columns))
    as_numbers = {"code": np.array([1.0, 2, 3, np.nan] * 5), "n": words([str(v) for v in columns["n"]])}
    np.testing.assert_array_equal(prepare.transform(Table(as_numbers)), expected)


def test_rows_do_not_influence_each_other() -> None:
    table = mixed()
    prepare = TablePreprocessing.fit(infer_schema(table), table)
    whole = prepare.transform(table)
    for row in (0, 1, 5, 7):
        np.testing.assert_array_equal(prepare.transform(table.take([row])), whole[row : row + 1])


def test_tables_that_do_not_fit() -> None:
    table = read_table("sample:penguins")
    prepare = TablePreprocessing.fit(infer_schema(table, target="species"), table)
    with pytest.raises(SchemaError, match='no column "sex"'):
        prepare.transform(table.without("sex"))
    wrong = Table({**table.columns, "body_mass_g": words(["3750"] * 343 + ["heavy"])}, table.lines)
    with pytest.raises(SchemaError, match='"body_mass_g" holds "heavy" in line 345'):
        prepare.transform(wrong)
    prepare.transform(table.without("species"))


def test_notes_on_extra_columns_and_unseen_words() -> None:
    table = read_table("sample:penguins")
    prepare = TablePreprocessing.fit(infer_schema(table, target="species"), table)
    assert prepare.notes(table) == ()
    strange = Table({**table.columns, "island": words(["Atlantis"] * len(table)), "more": np.zeros(len(table))})
    assert {note.kind for note in prepare.notes(strange)} == {"extra-columns", "unseen-categories"}
    assert prepare.transform(strange).shape == (344, 11)


def test_a_table_without_names_needs_no_place_for_the_target() -> None:
    columns = {f"column {i + 1}": RANDOM.normal(size=30) for i in range(3)}
    table = Table(columns)
    schema: Schema = infer_schema(table, target="column 1")
    prepare = TablePreprocessing.fit(schema, table)
    without = Table({"column 1": columns["column 2"], "column 2": columns["column 3"]})
    np.testing.assert_array_equal(prepare.transform(without), prepare.transform(table))
