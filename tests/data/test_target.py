"""Targets: which column, which task, which labels; and every way a target can be unusable, with a mend that works."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from lamina.data.examples import Reading, Task
from lamina.data.labelled import table_examples
from lamina.data.table import Table, read_table
from lamina.data.target import encode_labels, encode_targets, infer_task, likely_targets, resolve_target
from lamina.errors import DataError, OptionError, SchemaError, TargetError

RANDOM = np.random.default_rng(2)


def words(values: list[str | None]) -> np.ndarray:
    return np.array(values, dtype=object)


def test_a_target_is_named_or_called_like_one() -> None:
    table = read_table("sample:penguins")
    assert resolve_target(table, "-2")[0] == "sex"
    assert resolve_target(table, "2")[0] == "island"
    name, notes = resolve_target(table, None)
    assert name == "species"
    assert notes[0].kind == "target-taken"
    with pytest.raises(TargetError, match='no column "spcies"') as refused:
        resolve_target(table, "spcies")
    assert "species" in refused.value.mend


def test_likely_targets_come_as_commands_that_work(tmp_path: Path) -> None:
    path = tmp_path / "my table.csv"
    path.write_text("height,colour,weight\n" + "".join(f"{i * 0.5},{'rgb'[i % 3]},{i * 7 % 11}\n" for i in range(40)))
    with pytest.raises(TargetError) as refused:
        resolve_target(read_table(path), None)
    commands = [line.strip() for line in refused.value.mend.splitlines() if line.strip()]
    assert len(commands) == 3
    for command in commands:
        import shlex

        verb, file, target = shlex.split(command)[1:3] + shlex.split(command)[-1:]
        assert verb == "train"
        assert len(table_examples(file, Reading(target=target))) == 40
    with pytest.raises(TargetError, match="several columns"):
        resolve_target(Table({"label": np.arange(3.0), "class": np.arange(3.0), "x": np.arange(3.0)}), None)


def test_likely_targets_prefer_the_last_column_and_few_values() -> None:
    table = Table({"a": RANDOM.normal(size=50), "b": words(["x", "y"] * 25), "c": RANDOM.normal(size=50)})
    assert set(likely_targets(table)) == {"a", "b", "c"}
    assert likely_targets(table)[0] == "c"


def test_one_column() -> None:
    with pytest.raises(DataError, match="one column"):
        resolve_target(Table({"a": np.arange(3.0)}), "a")


@pytest.mark.parametrize(
    ("values", "kind", "classes"),
    [
        (RANDOM.normal(size=100), "regression", ()),
        (np.arange(100.0), "regression", ()),
        (np.repeat([3.0, 10, 9], 40), "classification", ("3", "9", "10")),
        (np.array([0.0, 1] * 3), "classification", ("0", "1")),
        (np.append(np.repeat(np.arange(5.0), 40), 99), "regression", ()),
        (np.repeat(np.arange(20.0), 2), "regression", ()),
        (words(["10", "9", "b", "a"] * 2), "classification", ("9", "10", "a", "b")),
        (words(["true", "false"] * 2), "classification", ("false", "true")),
    ],
)
def test_the_task(values: np.ndarray, kind: str, classes: tuple[str, ...]) -> None:
    task, encoded, _ = infer_task(values, target="t")
    assert (task.kind, task.classes) == (kind, classes)
    if kind == "regression":
        assert encoded.dtype == np.float64
        assert encoded.tolist() == values.tolist()
    else:
        expected = [str(int(v)) if isinstance(v, float) else v for v in values.tolist()]
        assert encoded.dtype == np.int32
        assert [classes[i] for i in encoded] == expected


def test_a_note_says_how_to_ask_for_the_other_task(tmp_path: Path) -> None:
    path = tmp_path / "wine.csv"
    path.write_text("acid,quality\n" + "".join(f"{i * 0.5},{3 + i % 6}\n" for i in range(120)))
    examples = table_examples(path, Reading(target="quality"))
    note = next(note for note in examples.notes if note.kind == "numbers-as-classes")
    assert examples.task.kind == "classification"
    assert "--types quality=number" in note.text
    assert table_examples(path, Reading(target="quality", types={"quality": "number"})).task.kind == "regression"
    assert table_examples(path, Reading(target="acid", types={"target": "number"})).task.kind == "regression"
    few = table_examples(path, Reading(target="quality", types={"target": "category"}))
    assert few.task.classes == ("3", "4", "5", "6", "7", "8")


@pytest.mark.parametrize(
    ("labels", "positive"),
    [
        (["No", "Yes", "No", "Yes"], "Yes"),
        (["0", "1", "1", "1", "0"], "1"),
        (["ham", "spam", "spam", "spam", "ham"], "spam"),
        (["good", "bad", "good", "good", "bad"], "bad"),
        (["a", "b", "c", "a", "b", "c"], None),
    ],
)
def test_the_positive_label(labels: list[str], positive: str | None) -> None:
    assert infer_task(words(list(labels)), target="t")[0].positive == positive


def test_a_positive_label_that_is_asked_for() -> None:
    labels = words(["No", "Yes", "No", "Yes"])
    assert infer_task(labels, target="t", positive="No")[0].positive == "No"
    with pytest.raises(OptionError, match="no class"):
        infer_task(labels, target="t", positive="Maybe")
    with pytest.raises(OptionError, match="is a number"):
        infer_task(RANDOM.normal(size=9), target="t", positive="1")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (words([]), "All values .* are missing"),
        (words(["a", "a"]), "constant: every row has a"),
        (np.array([2.0, 2.0]), "constant: every row has 2"),
        (np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[us]"), "date or time"),
        (words([f"text {i}" for i in range(40)]), "most occur once"),
        (words(["a", "b", "a"]), 'class "b" .* has one row, row 2'),
    ],
)
def test_unusable_targets(values: np.ndarray, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        infer_task(values, target="t")


def test_the_mend_for_a_class_with_one_row_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("x,label\n1,a\n2,lonely\n3,b\n4,a\n5,b\n")
    with pytest.raises(TargetError, match='"lonely" of the target "label" has one row, line 3') as refused:
        table_examples("t.csv", Reading(target="label"))
    subprocess.run(refused.value.mend, shell=True, check=True)
    assert table_examples("without.csv", Reading(target="label")).task.classes == ("a", "b")


def test_labels_that_differ_by_a_dot() -> None:
    task = Task("classification", "t", ("<=50K", ">50K"), ">50K")
    encoded, notes = encode_labels(words([">50K.", " <=50K ", "<=50K", None, "other"]), task)
    assert encoded.tolist() == [1, 0, 0, -1, -1]
    assert [note.kind for note in notes] == ["labels-matched"]
    dotted = Task("classification", "t", ("a", "a."))
    assert encode_labels(words(["a", "a.", "a. "]), dotted)[0].tolist() == [0, 1, 1]


def test_targets_to_judge_with() -> None:
    task = Task("classification", "t", ("0", "1"), "1")
    assert encode_targets(np.array([1.0, 0, np.nan]), task)[0].tolist() == [1, 0, -1]
    with pytest.raises(TargetError, match='label "2" in row 2'):
        encode_targets(np.array([1.0, 2]), task)
    amount = Task("regression", "t")
    np.testing.assert_array_equal(encode_targets(words(["1.5", None]), amount)[0], [1.5, np.nan])
    with pytest.raises(SchemaError, match='"many" in row 2'):
        encode_targets(words(["1", "many"]), amount)
