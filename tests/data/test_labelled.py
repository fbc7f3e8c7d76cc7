"""Labelled tables: rows, hashes, groups, times and an official test file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lamina.data.examples import Examples, Reading
from lamina.data.labelled import row_hashes, table_examples
from lamina.data.table import Table, read_table
from lamina.errors import DataError, OptionError, SchemaError, TargetError

RANDOM = np.random.default_rng(3)


def words(values: list[str | None]) -> np.ndarray:
    return np.array(values, dtype=object)


def frame(rows: int = 60) -> dict[str, np.ndarray]:
    return {
        "x": RANDOM.normal(size=rows),
        "w": RANDOM.choice(list("abc"), rows).astype(object),
        "who": words([f"p{i // 3}" for i in range(rows)]),
        "when": np.datetime64("2024-01-01", "us") + np.arange(rows)[::-1] * np.timedelta64(1, "h"),
        "label": words(["yes", "no"] * (rows // 2)),
    }


def table(examples: Examples) -> Table:
    assert isinstance(examples.inputs, Table)
    return examples.inputs


def test_penguins() -> None:
    examples = table_examples("sample:penguins", Reading())
    raw = read_table("sample:penguins")
    assert len(examples) == 344
    assert examples.task.classes == ("Adelie", "Chinstrap", "Gentoo")
    assert [examples.task.classes[i] for i in examples.targets] == raw.columns["species"].tolist()
    assert examples.names[[0, -1]].tolist() == ["line 2", "line 345"]
    assert "species" not in table(examples).names
    assert examples.fixed_test is None
    assert examples.source.sha256 == (raw.source.sha256 if raw.source else "")


def test_rows_without_a_target_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,label\n1,a\n2,\n3,b\n4,NA\n5,a\n6,b\n")
    examples = table_examples(path, Reading(target="label"))
    assert examples.names.tolist() == ["line 2", "line 4", "line 6", "line 7"]
    assert examples.targets.tolist() == [0, 1, 0, 1]
    assert len(examples.hashes) == len(table(examples)) == 4
    note = next(note for note in examples.notes if note.kind == "missing-target")
    assert "2 rows" in note.text
    assert note.matters
    with pytest.raises(TargetError, match="missing"):
        table_examples({"x": np.arange(4.0), "label": [None] * 4}, Reading(target="label"))


def test_hashes_do_not_depend_on_order_format_or_options(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    penguins = read_table("sample:penguins")
    expected = row_hashes(penguins)
    order = RANDOM.permutation(len(penguins))
    np.testing.assert_array_equal(row_hashes(penguins.take(order)), expected[order])
    turned = Table(dict(reversed(penguins.columns.items())))
    np.testing.assert_array_equal(row_hashes(turned), expected)
    data = polars.DataFrame({n: v.tolist() for n, v in penguins.columns.items()}, nan_to_null=True)
    data.write_parquet(tmp_path / "p.parquet")
    data.write_ndjson(tmp_path / "p.jsonl")
    data.write_csv(tmp_path / "p.csv", separator=";", quote_style="always", null_value="?")
    for name in ("p.parquet", "p.jsonl", "p.csv"):
        np.testing.assert_array_equal(row_hashes(read_table(tmp_path / name)), expected)
    options = Reading(target="sex", drop=("island",), types={"year": "category"})
    kept = np.array([word is not None for word in penguins.columns["sex"]])
    np.testing.assert_array_equal(table_examples("sample:penguins", options).hashes, expected[kept])


def test_hashes_are_these_numbers_in_every_session() -> None:
    made = Table({"n": np.array([1.5, np.nan]), "w": words(["a", None])})
    assert (
        row_hashes(made).tolist() == row_hashes(Table({"w": words(["a", None]), "n": words(["1.50", None])})).tolist()
    )
    assert row_hashes(made).tolist() == [18378449935241193496, 15289365959385592324]


def test_hashes_tell_rows_and_columns_apart() -> None:
    n = 2000
    grid = Table({"a": np.repeat(np.arange(50.0), 40), "b": np.tile(np.arange(40.0), 50)})
    assert len(set(row_hashes(grid).tolist())) == n
    swapped = Table({"a": grid.columns["b"], "b": grid.columns["a"]})
    assert np.sum(row_hashes(grid) == row_hashes(swapped)) == 40  # the rows in which both are equal
    assert np.mean(row_hashes(grid) / 2**64) == pytest.approx(0.5, abs=0.03)


def test_repeated_rows_are_one_beside_their_numbers() -> None:
    columns = {"rownames": np.arange(1.0, 21), "x": np.tile(np.arange(10.0) * 0.5, 2)}
    hashes = row_hashes(Table(columns))
    np.testing.assert_array_equal(hashes[:10], hashes[10:])
    rising = Table({"first": np.cumsum(np.arange(1.0, 21)), "x": columns["x"]})
    order = RANDOM.permutation(20)
    np.testing.assert_array_equal(row_hashes(rising.take(order)), row_hashes(rising)[order])


def test_groups_and_times() -> None:
    data = frame()
    data["who"][4] = None
    examples = table_examples(data, Reading(target="label", group="who", split_by_time="4"))
    assert examples.groups is not None
    assert examples.times is not None
    assert examples.groups[[0, 1, 2]].tolist() == [examples.groups[0]] * 3
    assert (examples.groups == examples.groups[4]).sum() == 1
    assert len(set(examples.groups.tolist())) == 21
    np.testing.assert_array_equal(examples.times, data["when"])
    assert examples.schema.column("who").role == "group"
    with pytest.raises(DataError, match="holds text"):
        table_examples(data, Reading(target="label", split_by_time="w"))
    with pytest.raises(OptionError, match="names the target"):
        table_examples(data, Reading(target="label", group="label"))


def test_rows_without_a_time_are_left_out() -> None:
    data = frame()
    data["when"][[3, 9]] = np.datetime64("NaT")
    examples = table_examples(data, Reading(target="label", split_by_time="when"))
    assert len(examples) == 58
    assert "missing-time" in {note.kind for note in examples.notes}


def test_columns_by_position_in_every_option() -> None:
    examples = table_examples(frame(), Reading(target="-1", drop=("1",), types={"2": "category"}, group="who"))
    assert [c.name for c in examples.schema.features] == ["w", "when"]


def test_an_official_test_file(tmp_path: Path) -> None:
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_text("".join(f"{i}, {'ab'[i % 2]}, {i * 0.5}, {'>50K' if i % 3 else '<=50K'}\n" for i in range(40)))
    test.write_text("".join(f"{i}, {'abc'[i % 3]}, {i * 0.5}, {'>50K.' if i % 3 else '<=50K.'}\n" for i in range(12)))
    examples = table_examples(train, Reading(target="-1"), test_source=test)
    assert examples.fixed_test is not None
    assert examples.fixed_test.tolist() == [False] * 40 + [True] * 12
    assert examples.task.classes == ("<=50K", ">50K")
    assert examples.targets[40:44].tolist() == [0, 1, 1, 0]
    assert examples.names[40] == "test.csv line 1"
    assert len(table(examples)) == len(examples.hashes) == 52
    assert examples.schema.column("column 2").categories == ("a", "b")
    assert examples.schema.rows == 40
    assert "labels-matched" in {note.kind for note in examples.notes}


def test_test_files_that_do_not_fit(tmp_path: Path) -> None:
    columns = frame()
    reading = Reading(target="label")
    without = {name: values for name, values in columns.items() if name != "x"}
    with pytest.raises(SchemaError, match='no column "x"'):
        table_examples(columns, reading, test_source=without)
    unlabelled = {name: values for name, values in columns.items() if name != "label"}
    with pytest.raises(TargetError, match='no target "label"'):
        table_examples(columns, reading, test_source=unlabelled)
    with pytest.raises(SchemaError, match='"x" holds "big"'):
        table_examples(columns, reading, test_source={**columns, "x": words(["big"] * 60)})
    with pytest.raises(TargetError, match='label "perhaps"'):
        table_examples(columns, reading, test_source={**columns, "label": words(["yes", "perhaps"] * 30)})


def test_groups_run_through_both_files() -> None:
    columns = frame()
    examples = table_examples(columns, Reading(target="label", group="who"), test_source=columns)
    assert examples.groups is not None
    assert examples.groups[:60].tolist() == examples.groups[60:].tolist()
