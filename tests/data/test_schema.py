"""Schemas: the kind of each column, against what a person would say of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lamina.data.schema import Schema, cast, describe, find_column, infer_schema, is_row_number
from lamina.data.table import Table, read_table
from lamina.errors import DataError, OptionError, SchemaError, TargetError

RANDOM = np.random.default_rng(0)


def words(values: list[str | None]) -> np.ndarray:
    return np.array(values, dtype=object)


def mixed(rows: int = 60) -> Table:
    letters = RANDOM.choice(list("abc"), rows).astype(object)
    letters[3] = None
    return Table(
        {
            "id": RANDOM.permutation(rows).astype(float),
            "height": RANDOM.normal(size=rows),
            "weight": np.floor(RANDOM.uniform(0, 1e6, rows)),
            "grade": RANDOM.integers(0, 5, rows).astype(float),
            "letter": letters,
            "name": words([f"name {i}" for i in range(rows)]),
            "remark": words([f"remark {i // 2}" for i in range(rows)]),
            "when": np.datetime64("2024-01-01", "us") + np.arange(rows) * np.timedelta64(1, "D"),
            "good": words(["true", "false"] * (rows // 2)),
            "same": np.full(rows, 7.0),
            "nothing": np.full(rows, np.nan),
            "label": words(["x", "y", "z"] * (rows // 3)),
        }
    )


def test_kinds_and_roles() -> None:
    schema = infer_schema(mixed(), target="label")
    assert {c.name: c.kind for c in schema.columns} == {
        "id": "identifier", "height": "number", "weight": "number", "grade": "number", "letter": "category",
        "name": "identifier", "remark": "text", "when": "datetime", "good": "boolean", "same": "constant",
        "nothing": "constant", "label": "category",
    }  # fmt: skip
    assert [c.name for c in schema.columns if c.role == "left out"] == ["id", "name", "remark", "same", "nothing"]
    assert schema.column("label").role == "target"
    assert schema.column("letter").missing == 1
    assert {note.kind for note in schema.notes()} == {"left-out-identifier", "left-out-text", "left-out-constant"}
    assert len(schema.notes()) == 5


def test_json_round_trip() -> None:
    schema = infer_schema(mixed(), target="label", drop=("weight",))
    assert Schema.from_json(json.loads(json.dumps(schema.to_json(), allow_nan=False))) == schema


def test_types_and_drop_override() -> None:
    schema = infer_schema(
        mixed(), target="label", types={"id": "number", "grade": "category", "remark": "category"}, drop=("height",)
    )
    assert [schema.column(n).kind for n in ("id", "grade", "remark")] == ["number", "category", "category"]
    assert schema.column("grade").categories == ("0", "1", "2", "3", "4")
    assert schema.column("height").role == "left out"
    assert schema.column("id").role == "feature"


@pytest.mark.parametrize(
    ("name", "values", "position", "expected"),
    [
        ("rownames", np.arange(1.0, 40), 0, True),
        ("measured", np.arange(1.0, 40)[::-1], 3, True),
        ("PassengerId", np.array([12.0, 5, 99]), 4, True),
        ("first", np.cumsum(np.arange(1.0, 20)), 0, True),
        ("second", np.cumsum(np.arange(1.0, 20)), 1, False),
        ("year", np.arange(1900.0, 1950), 0, False),
        ("paid", np.array([12.0, 5, 99]), 4, False),
        ("id", np.array([1.0, 1, 2]), 0, False),
        ("id", np.array([1.5, 2.5, 3.5]), 0, False),
        ("id", np.array([1.0, np.nan, 3]), 0, False),
    ],
)
def test_row_numbers(name: str, values: np.ndarray, position: int, expected: bool) -> None:
    assert is_row_number(name, values, position) is expected


def test_statistics_against_numpy() -> None:
    values = RANDOM.lognormal(size=500)
    found = describe("x", np.append(values, np.nan), 0)
    assert found.missing == 1
    assert found.distinct == 500
    assert found.statistics["median"] == pytest.approx(np.median(values))
    assert found.statistics["q25"] == pytest.approx(np.percentile(values, 25))
    assert sum(found.statistics["histogram"]["counts"]) == 500
    tops = describe("w", words(["b", "a", "b", None, "c", "b", "a"]), 0).statistics["top"]
    assert tops == [["b", 3], ["a", 2], ["c", 1]]


def test_spellings_of_one_number_are_one_category() -> None:
    column = describe("w", words(["3", "3.0", "x", "3", "x", "10", "10"]), 0)
    assert column.categories == ("3", "10", "x")
    assert column.distinct == 3


def test_categories_do_not_depend_on_the_order_of_rows() -> None:
    values = RANDOM.choice(["1", "02", "b", "a", "10.0", "10"], 300).astype(object)
    assert describe("w", values, 0).categories == describe("w", values[::-1], 0).categories


def test_cast_names_the_cell_that_does_not_fit() -> None:
    table = Table({"n": words(["1", None, "many", "4"])}, lines=np.array([2, 3, 4, 5]))
    with pytest.raises(SchemaError, match='Column "n" holds "many" in line 4'):
        cast(table.columns["n"], "number", name="n", table=table)
    with pytest.raises(SchemaError, match="line 2"):
        cast(table.columns["n"], "datetime", name="n", table=table)
    assert cast(words(["yes", "0", None]), "boolean", name="b").tolist() == ["true", "false", None]
    assert cast(words(["007", "010"]), "number", name="b").tolist() == [7, 10]
    with pytest.raises(SchemaError, match="maybe"):
        cast(words(["yes", "maybe"]), "boolean", name="b")


def test_nothing_left_to_learn_from() -> None:
    with pytest.raises(DataError, match="No column is left") as refused:
        infer_schema(Table({"a": np.ones(5), "y": np.arange(5.0)}), target="y")
    assert "a: all its values are 1" in refused.value.given


def test_types_and_columns_that_do_not_exist() -> None:
    with pytest.raises(OptionError, match='no column "heigth"') as refused:
        infer_schema(mixed(), drop=("heigth",))
    assert "height" in refused.value.mend
    with pytest.raises(OptionError, match="no type") as refused:
        infer_schema(mixed(), types={"height": "nubmer"})
    assert refused.value.mend == "--types height=number"


def test_find_column() -> None:
    names = ["age", "Sex", "3", "last"]
    assert [find_column(names, n) for n in ("age", "sex", "3", "-1", "1")] == ["age", "Sex", "3", "last", "age"]
    for wrong in ("9", "0", "agge"):
        with pytest.raises(TargetError):
            find_column(names, wrong)


def test_header_is_known_from_the_names() -> None:
    assert infer_schema(read_table("sample:penguins")).header
    unnamed = Table({"column 1": RANDOM.normal(size=9), "column 2": RANDOM.normal(size=9)})
    assert not infer_schema(unnamed).header
