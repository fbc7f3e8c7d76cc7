"""Predictions on disk, read back by other readers."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina import predictions
from lamina.errors import OptionError, OutputError
from lamina.model import Predictions

MADE: dict[str, list[Any]] = {
    "row": ["line 2", "line 3"],
    "prediction": ['a "b", c', "1"],
    "probability_1": [1 / 3, 1e-9],
}


def test_columns_of_a_classification() -> None:
    names, labels = np.array(["line 2"], object), np.array(["b"], object)
    made = predictions.columns(Predictions(names, labels, np.array([[0.25, 0.75]]), None, ("a", "b")))
    assert made == {"row": ["line 2"], "prediction": ["b"], "probability_a": [0.25], "probability_b": [0.75]}


def test_columns_of_a_regression() -> None:
    found = Predictions(np.array(["line 2"], object), None, None, np.array([1.5]))
    assert predictions.columns(found) == {"row": ["line 2"], "prediction": [1.5]}


@pytest.mark.parametrize(("ending", "delimiter"), [(".csv", ","), (".tsv", "\t")])
def test_csv_read_back_is_equal_to_the_last_bit(tmp_path: Path, ending: str, delimiter: str) -> None:
    predictions.write(MADE, tmp_path / f"out{ending}")
    with (tmp_path / f"out{ending}").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=delimiter))
    assert [row["prediction"] for row in rows] == MADE["prediction"]
    assert [float(row["probability_1"]) for row in rows] == MADE["probability_1"]


def test_json_lines_read_back_are_equal(tmp_path: Path) -> None:
    predictions.write(MADE, tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {name: [row[name] for row in rows] for name in MADE} == MADE


def test_parquet_read_back_is_equal_and_words_stay_words(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    predictions.write(MADE, tmp_path / "out.parquet")
    assert parquet.read_table(tmp_path / "out.parquet").to_pydict() == MADE


def test_nothing_else_is_left_beside_the_file(tmp_path: Path) -> None:
    for ending in predictions.ENDINGS:
        predictions.write(MADE, tmp_path / f"out{ending}")
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(f"out{ending}" for ending in predictions.ENDINGS)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_folder_that_is_not_there_is_the_machines_fault(tmp_path: Path, ending: str) -> None:
    with pytest.raises(OutputError, match="can't be written") as refused:
        predictions.write(MADE, tmp_path / "none" / f"out{ending}")
    assert refused.value.exit_code == 1


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out.csv").write_text("old")

    def full(path: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        predictions.write(MADE, tmp_path / "out.csv")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def test_the_input_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    (tmp_path / "link.csv").hardlink_to(tmp_path / "a.csv")
    for output in ("a.csv", "link.csv", "../" + tmp_path.name + "/a.csv"):
        with pytest.raises(OptionError, match="also the input") as refused:
            predictions.check(tmp_path / output, [tmp_path / "a.csv"])
        predictions.check(Path(refused.value.mend.removeprefix("-o ")), [tmp_path / "a.csv"])


def test_an_unknown_ending_is_refused_and_the_mend_works(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no form") as refused:
        predictions.check(tmp_path / "out.xlsx", [])
    predictions.check(Path(refused.value.mend.removeprefix("-o ")), [])
