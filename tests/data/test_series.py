"""Series from end to end: what examples hold, what is left out and said, and new ones brought to the same shape."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lamina.data.examples import Examples, Note, Reading, Source
from lamina.data.schema import Schema
from lamina.data.series import (
    SeriesPreprocessing,
    preprocessing_of,
    read_labelled,
    read_series,
    read_unlabelled,
    series_examples,
)
from lamina.data.split import split
from lamina.errors import DataError, LaminaError, OptionError, SchemaError, TargetError

GONE = np.nan


def waves(rows: int = 8, lengths: Sequence[int] = (5, 7), channels: int = 2, seed: int = 0) -> list[np.ndarray]:
    draw = np.random.default_rng(seed)
    return [draw.normal(size=(lengths[row % len(lengths)], channels)).astype(np.float32) for row in range(rows)]


def made(series: Any = None, labels: Any = None, **reading: Any) -> Examples:
    series = waves() if series is None else series
    labels = ["up", "down"] * (len(series) // 2) if labels is None else labels
    return series_examples(series, labels, reading=Reading(**reading))


def note(notes: Sequence[Note], kind: str) -> Note:
    return next(note for note in notes if note.kind == kind)


def ts(series: Sequence[np.ndarray], labels: Sequence[str] | None = None, known: str = "up down") -> str:
    """The text of a .ts file."""
    head = f"@classLabel {'false' if labels is None else 'true ' + known}\n@data\n"
    lines = [":".join(",".join(map(repr, one[:, c].tolist())) for c in range(one.shape[1])) for one in series]
    ends = [""] * len(lines) if labels is None else [f":{label}" for label in labels]
    return head + "\n".join(line + end for line, end in zip(lines, ends, strict=True)) + "\n"


# --- Examples --------------------------------------------------------------------------------------------------------


def test_series_stand_in_one_array_with_nothing_behind_their_ends() -> None:
    series = waves()
    examples = made(series)
    assert isinstance(examples.inputs, np.ndarray)
    assert (examples.kind, examples.inputs.shape, examples.inputs.dtype) == ("series", (8, 7, 2), np.float32)
    for row, one in zip(examples.inputs, series, strict=True):
        np.testing.assert_array_equal(row[: len(one)], one)
        assert np.isnan(row[len(one) :]).all()
    assert examples.task.classes == ("down", "up")
    assert examples.targets.tolist() == [1, 0] * 4
    assert note(examples.notes, "unequal-lengths").text.startswith("The series have 5 to 7 steps, median 6")


def test_arrays_of_one_and_of_several_channels_and_lists_give_the_same() -> None:
    series = waves(lengths=(6,), channels=1)
    given = [np.stack(series), np.stack(series)[:, :, 0], series, [one[:, 0].tolist() for one in series]]
    for other in given:
        np.testing.assert_array_equal(made(other).inputs, made(series).inputs)
    padding = np.full((8, 2, 1), GONE, np.float32)
    np.testing.assert_array_equal(made(np.concatenate([np.stack(series), padding], axis=1)).inputs, made(series).inputs)


def test_missing_values_are_filled_by_rule_and_counted() -> None:
    series = waves(4, (4,))
    series[0][:, 0] = [GONE, 2, GONE, 6]
    series[1][:, 1] = GONE
    mean = np.mean([one[:, 1] for row, one in enumerate(series) if row != 1])
    examples = made(series)
    inputs = np.asarray(examples.inputs)
    assert inputs[0, :, 0].tolist() == [2, 2, 4, 6]
    assert inputs[1, :, 1] == pytest.approx([mean] * 4, rel=1e-6)
    text = note(examples.notes, "missing-steps").text
    assert text.startswith("6 missing values in 2 series are filled")
    assert "1 times a channel is missing throughout" in text
    assert [column.missing for column in examples.schema.columns] == [1, 1]


def test_series_without_any_value_are_left_out_and_named() -> None:
    series: list[Any] = [*waves(6)]
    series[1][:] = GONE
    series[4] = []
    examples = made(series)
    assert examples.names.tolist() == ["series 1", "series 3", "series 4", "series 6"]
    found = note(examples.notes, "empty-series")
    assert found.matters
    assert found.text == "Left out: 2 series without any value (series 2, series 5)."
    with pytest.raises(DataError, match="None of the 2 series of arrays in memory has a value"):
        made([np.full((3, 1), GONE)] * 2)


def test_series_without_a_label_are_left_out_and_named() -> None:
    examples = made(labels=["up", "down", None, "up", "down", None, "up", "down"])
    assert len(examples) == 6
    assert note(examples.notes, "missing-target").text == "Left out: 2 series without a label (series 3, series 6)."
    with pytest.raises(TargetError, match="All labels"):
        made(labels=[None] * 8)


def test_numbers_as_targets() -> None:
    examples = made(labels=[0.5, 1, 2, 3, 4, 5, 6, 7])
    assert (examples.task.kind, examples.targets.dtype) == ("regression", np.float64)
    assert made(labels=[1, 2, 1, 2, 1, 2, 1, 2]).task.classes == ("1", "2")
    chosen = made(labels=[1.0, 2, 3, 1, 2, 3, 1, 2], types={"target": "category"})
    assert chosen.task.classes == ("1", "2", "3")


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (["up"] * 8, DataError, "only one class, 'up'"),
        ([3.0] * 8, DataError, "only one class, '3'"),
        (["up"] * 7 + ["down"], DataError, "Class down of arrays in memory: one series only"),
        ([1.0] * 7 + [2.0], DataError, "Class 2 of arrays in memory: one series only"),
        (["up"] * 5, DataError, r"8 series and labels of the shape \(5,\)"),
    ],
)
def test_targets_that_nothing_can_be_learnt_from(labels: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        made(labels=labels)


@pytest.mark.parametrize(
    ("series", "message"),
    [
        (np.zeros(5), r"An array of shape \(5,\)"),
        (np.zeros((5, 4, 3, 2)), r"An array of shape \(5, 4, 3, 2\)"),
        ([], "no series"),
        ([["a", "b"], ["c", "d"]], "Series 1 holds something that is no number"),
        ([np.zeros((3, 2)), np.zeros((3, 1))], "1 to 2 channels"),
        ([np.zeros((3, 2, 1))], r"Series 1 has the shape \(3, 2, 1\)"),
    ],
)
def test_what_is_no_batch_of_series_is_refused(series: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        made(series, ["up"] * len(series))


def test_hashes_are_of_the_content_alone() -> None:
    series = waves()
    examples = made(series)
    order = np.random.default_rng(1).permutation(8)
    mixed = made(
        [*(series[i] for i in order), *waves(2, (30,), seed=9)], [*(("up", "down")[i % 2] for i in order), "up", "down"]
    )
    assert mixed.hashes[:8].tolist() == examples.hashes[order].tolist()  # another order, another longest
    assert len(set(examples.hashes.tolist())) == 8
    other = made(series, ["down", "up"] * 4)
    assert not set(other.hashes.tolist()) & set(examples.hashes.tolist())
    negative = [np.where(one == one, -0.0, one) for one in series[:4]]
    assert made(negative).hashes.tolist() == made([np.zeros_like(one) for one in series[:4]]).hashes.tolist()


def test_equal_series_are_said_and_those_of_different_labels_matter() -> None:
    series = waves()
    series[2], series[5] = series[0], series[0]
    examples = made(series)
    assert note(examples.notes, "duplicate-series").text == "2 series repeat another, value by value."
    assert note(examples.notes, "contrary-labels").text == "1 series has copies under another label."
    assert note(examples.notes, "contrary-labels").matters


def test_the_schema_has_a_column_a_channel_and_survives_json() -> None:
    series = waves(channels=3)
    examples = made(series)
    first, _, last = examples.schema.columns
    values = np.concatenate([one[:, 2] for one in series])
    assert (last.name, last.kind, last.role) == ("channel 3", "series", "feature")
    assert last.statistics["mean"] == pytest.approx(values.mean(), rel=1e-5)
    assert last.statistics["maximum"] == values.max()
    assert first.note == "5 to 7 steps, median 6"
    assert (first.statistics["steps"], first.statistics["shortest"]) == (7, 5)
    assert Schema.from_json(json.loads(json.dumps(examples.schema.to_json()))) == examples.schema


def test_statistics_of_long_series_are_taken_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamina.data.series_examples._DESCRIBED", 10)
    series = [np.arange(50.0) + 50 * row for row in range(4)]  # every 20th of 0 .. 199
    statistics = made(series).schema.columns[0].statistics
    assert (statistics["minimum"], statistics["maximum"], statistics["mean"]) == (0, 180, 90)


def test_more_than_memory_holds_is_refused_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamina.data.room.free_memory", lambda: 1_000_000)
    series = [*waves(3), np.zeros((100_000, 2))]
    with pytest.raises(DataError, match=r"take 3.2 MB \(4 x 100,000 x 2 numbers\)") as caught:
        made(series)
    assert "the longest is series 4" in str(caught.value)
    assert caught.value.mend


def test_names_sources_and_notes_that_are_given() -> None:
    names = np.array([f"day {n}" for n in range(8)], object)
    source, said = Source("store", "ab", 3), Note("a", "b")
    examples = series_examples(waves(), ["up", "down"] * 4, names=names, source=source, notes=(said,))
    assert (examples.names.tolist(), examples.source, examples.notes[0]) == (names.tolist(), source, said)


# --- Files -----------------------------------------------------------------------------------------------------------


def pair(folder: Path, *, test_lengths: Sequence[int] = (6, 9)) -> tuple[Path, list[np.ndarray], list[np.ndarray]]:
    train, test = waves(8), waves(4, test_lengths, seed=1)
    (folder / "Waves_TRAIN.ts").write_text(ts(train, ["up", "down"] * 4))
    (folder / "Waves_TEST.ts").write_text(ts(test, ["up", "down"] * 2))
    return folder / "Waves_TRAIN.ts", train, test


def test_a_training_file_brings_its_test_part(tmp_path: Path) -> None:
    path, train, test = pair(tmp_path)
    examples = read_series(path, Reading())
    inputs = np.asarray(examples.inputs)
    assert inputs.shape == (12, 9, 2)
    for row, one in zip(inputs, [*train, *test], strict=True):
        np.testing.assert_array_equal(row[: len(one)], one)
    assert examples.fixed_test is not None
    assert examples.fixed_test.tolist() == [False] * 8 + [True] * 4
    assert examples.names[[0, 8]].tolist() == ["line 3", "Waves_TEST.ts line 3"]
    assert "is the test part" in note(examples.notes, "official-split").text
    assert split(examples).parts[0].test.tolist() == [8, 9, 10, 11]
    folder = read_series(str(tmp_path), Reading())
    np.testing.assert_array_equal(folder.inputs, inputs)


def test_what_is_filled_and_described_comes_from_the_training_part(tmp_path: Path) -> None:
    path, train, test = pair(tmp_path)
    test[0][:, 1] = GONE
    (tmp_path / "Waves_TEST.ts").write_text(ts(test, ["up", "down"] * 2))
    examples = read_series(path, Reading())
    mean = np.concatenate(train)[:, 1].mean(dtype=np.float64)
    assert np.asarray(examples.inputs)[8, 0, 1] == pytest.approx(mean, rel=1e-5)
    assert examples.schema.columns[1].statistics["mean"] == pytest.approx(mean, rel=1e-5)


def test_a_share_or_another_place_instead_of_the_official_test_part(tmp_path: Path) -> None:
    path, _, test = pair(tmp_path)
    assert read_series(path, Reading(test="0.2")).fixed_test is None
    (tmp_path / "other.ts").write_text(ts(test[:2], ["up", "down"]))
    examples = read_series(path, Reading(test="other.ts"), test=tmp_path / "other.ts")
    assert len(examples) == 10
    assert "other.ts is the test part" in note(examples.notes, "test-given").text


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (ts(waves(2), ["up", "left"], "up left"), TargetError, "the label left, of which there was no series"),
        (ts(waves(2, channels=1), ["up", "down"]), DataError, "have 1 channel.\n"),
        (ts(waves(2)), TargetError, "no labels"),
        (ts(waves(2), ["?", "?"]), TargetError, "All labels"),
    ],
)
def test_a_test_part_of_another_kind_is_refused(
    tmp_path: Path, text: str, error: type[LaminaError], message: str
) -> None:
    path, _, _ = pair(tmp_path)
    (tmp_path / "Waves_TEST.ts").write_text(text)
    with pytest.raises(error, match=message):
        read_series(path, Reading())


def test_a_test_part_says_what_is_left_out_of_it(tmp_path: Path) -> None:
    path, _, test = pair(tmp_path)
    test[3][:] = GONE
    (tmp_path / "Waves_TEST.ts").write_text(ts(test, ["up", "?", "up", "down"]))
    examples = read_series(path, Reading())
    assert len(examples) == 10
    assert note(examples.notes, "empty-series").text.startswith("Test part: Left out: 1 series without any value")
    assert note(examples.notes, "missing-target").text.startswith("Test part: Left out: 1 series without a label")


def test_channels_are_dropped_by_name_or_place(tmp_path: Path) -> None:
    path, train, _ = pair(tmp_path)
    for name, kept in (("channel 1", 1), ("1", 1), ("-1", 0)):
        examples = read_series(path, Reading(drop=(name,)))
        np.testing.assert_array_equal(np.asarray(examples.inputs)[0, :5, 0], train[0][:, kept])
        found = read_unlabelled(path, preprocessing_of(examples))[0]
        np.testing.assert_array_equal(found, np.asarray(examples.inputs)[:8])
    with pytest.raises(DataError, match="No channel is left of 2"):
        read_series(path, Reading(drop=("1", "2")))


@pytest.mark.parametrize("reading", [{"group": "who"}, {"order": "when"}, {"types": {"other": "number"}}])
def test_options_that_ask_for_columns_are_refused_where_there_are_none(tmp_path: Path, reading: dict[str, Any]) -> None:
    path, _, _ = pair(tmp_path)
    with pytest.raises(OptionError, match="has no columns"):
        read_series(path, Reading(**reading))


def test_arff_of_one_channel_has_its_label_last(tmp_path: Path) -> None:
    head = "@relation a\n@attribute t0 numeric\n@attribute t1 numeric\n@attribute kind {1,2,3}\n@data\n"
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"A_{part}.arff").write_text(head + "1,2,1\n3,?,2\n5,6,3\n" * 2)
    examples = read_series(tmp_path / "A_TRAIN.arff", Reading())
    assert examples.task.classes == ("1", "2", "3")  # six rows of three numbers would be values in a table
    assert (np.asarray(examples.inputs).shape, int(np.isnan(np.asarray(examples.inputs)).sum())) == ((12, 2, 1), 4)


def test_text_of_numbers_is_read_label_first_or_by_a_column(tmp_path: Path) -> None:
    path = tmp_path / "waves.txt"
    path.write_text("1 5 6 0\n2 7 8 1\n1 3 4 0\n2 3 9 1\n")
    first = read_series(path, Reading(kind="series"))
    assert first.task.classes == ("1", "2")
    assert np.asarray(first.inputs)[0, :, 0].tolist() == [5, 6, 0]
    last = read_series(path, Reading(kind="series", target="-1"))
    assert np.asarray(last.inputs)[0, :, 0].tolist() == [1, 5, 6]
    third = read_series(path, Reading(kind="series", target="4", drop=("1",)))
    assert np.asarray(third.inputs)[0, :, 0].tolist() == [5, 6]


# --- Tables ----------------------------------------------------------------------------------------------------------


def wide_frame(rows: int = 8, seed: int = 0) -> pd.DataFrame:
    frame = pd.DataFrame(np.random.default_rng(seed).normal(size=(rows, 4)), columns=list("abcd"))
    return frame.assign(label=["up", "down"] * (rows // 2), who=[f"p{row // 2}" for row in range(rows)])


def long_frame(rows: int = 8, seed: int = 0, steps: int = 5) -> pd.DataFrame:
    wide = wide_frame(rows, seed)
    draw = np.random.default_rng(seed)
    parts = [
        pd.DataFrame(
            {"id": f"s{row}", "t": range(steps), "x": draw.normal(size=steps), "y": draw.normal(size=steps)}
        ).assign(label=wide.label[row], who=wide.who[row])
        for row in range(rows)
    ]
    return pd.concat(parts)


WIDE = Reading(kind="series", target="label", group="who")
LONG = Reading(target="label", series="id", order="t", group="who")


@pytest.mark.parametrize(("frame", "reading"), [(wide_frame, WIDE), (long_frame, LONG)], ids=["wide", "long"])
def test_tables_with_a_test_file_and_groups(tmp_path: Path, frame: Any, reading: Reading) -> None:
    frame().to_csv(tmp_path / "a.csv", index=False)
    frame(4, seed=1).to_parquet(tmp_path / "b.parquet")
    examples = read_series(tmp_path / "a.csv", reading, test=tmp_path / "b.parquet")
    assert examples.fixed_test is not None
    assert examples.fixed_test.tolist() == [False] * 8 + [True] * 4
    assert examples.groups is not None
    assert examples.groups.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 0, 0, 1, 1]
    alone = read_series(frame(4, seed=1), dataclasses.replace(reading, test=None))
    np.testing.assert_array_equal(np.asarray(examples.inputs)[8:], alone.inputs)
    assert examples.hashes[8:].tolist() == alone.hashes.tolist()


@pytest.mark.parametrize(("frame", "reading"), [(wide_frame, WIDE), (long_frame, LONG)], ids=["wide", "long"])
def test_tables_to_predict_and_to_judge_need_no_more_than_their_columns(frame: Any, reading: Reading) -> None:
    examples = read_series(frame(), reading)
    preprocessing = preprocessing_of(examples)
    new = frame(4, seed=1)
    expected = np.asarray(read_series(new, reading).inputs)
    for given in (new, new.drop(columns=["label", "who"]), new[new.columns[::-1]]):
        found, names, _ = read_unlabelled(given, preprocessing)
        np.testing.assert_array_equal(found, expected)
        assert len(names) == 4
    inputs, targets, _ = read_labelled(new, preprocessing, examples.task)
    np.testing.assert_array_equal(inputs, expected)
    assert targets.tolist() == [1, 0, 1, 0]
    with pytest.raises(TargetError, match=r"no labels \(label\)"):
        read_labelled(new.drop(columns="label"), preprocessing, examples.task)
    with pytest.raises(SchemaError, match="no column"):
        read_unlabelled(new.drop(columns=["a"] if reading is WIDE else ["id"]), preprocessing)


def test_a_table_without_names_of_columns(tmp_path: Path) -> None:
    frame = wide_frame().drop(columns="who")
    frame.to_csv(tmp_path / "a.csv", index=False, header=False)
    examples = read_series(tmp_path / "a.csv", Reading(kind="series", target="-1"))
    assert np.asarray(examples.inputs).shape == (8, 4, 1)
    frame.drop(columns="label").to_csv(tmp_path / "b.csv", index=False, header=False)
    found = read_unlabelled(tmp_path / "b.csv", preprocessing_of(examples))[0]
    np.testing.assert_array_equal(found, examples.inputs)


def test_an_array_with_the_target_among_its_columns() -> None:
    array = np.column_stack([wide_frame()[list("abcd")], [0, 1] * 4])
    examples = read_series(array, Reading(kind="series", target="-1"))
    np.testing.assert_array_equal(np.asarray(examples.inputs)[:, :, 0], array[:, :4].astype(np.float32))


# --- New series ------------------------------------------------------------------------------------------------------


def test_preprocessing_survives_json() -> None:
    preprocessing = preprocessing_of(read_series(long_frame(), LONG))
    assert SeriesPreprocessing.from_json(json.loads(json.dumps(preprocessing.to_json()))) == preprocessing
    assert preprocessing.shape == (5, 2)
    assert preprocessing.layout.step == 1


def test_new_series_are_cut_padded_and_filled_as_those_of_the_training() -> None:
    preprocessing = preprocessing_of(made(waves(channels=1)))
    longer, shorter, absent = np.arange(9.0), [1, GONE, 3], [[GONE]] * 2
    inputs, names, notes = read_unlabelled([longer, shorter, [5.0]], preprocessing)
    assert inputs[0, :, 0].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert inputs[1, :4, 0].tolist() == pytest.approx([1, 2, 3, GONE], nan_ok=True)
    assert names.tolist() == ["series 1", "series 2", "series 3"]
    assert (
        note(notes, "longer-series").text == "1 series of more than 7 steps, the most in training: the rest is cut off."
    )
    assert note(notes, "missing-steps").text.startswith("1 missing values in 1 series")
    np.testing.assert_array_equal(preprocessing.transform([longer, shorter, [5.0]]), inputs)
    with pytest.raises(SchemaError, match="No step of series 2 has a value"):
        preprocessing.transform([longer, absent])
    _, names, notes = read_unlabelled([longer, absent], preprocessing)
    assert names.tolist() == ["series 1"]
    assert "without any value (series 2)" in note(notes, "empty-series").text


def test_a_channel_that_is_missing_throughout_a_new_series_gets_its_mean_of_the_training() -> None:
    series = waves()
    new = waves(1, seed=5)[0]
    new[:, 0] = GONE
    mean = np.concatenate(series)[:, 0].mean(dtype=np.float64)
    assert preprocessing_of(made(series)).transform([new])[0, :5, 0] == pytest.approx([mean] * 5, rel=1e-5)


def test_gaps_before_the_cut_are_filled_from_behind_it() -> None:
    preprocessing = preprocessing_of(made(waves(channels=1)))
    series = np.arange(9.0)
    series[6] = GONE
    assert preprocessing.transform([series])[0, :, 0].tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_new_series_of_other_channels_are_refused() -> None:
    preprocessing = preprocessing_of(made())
    for other in (np.zeros((2, 5)), np.zeros((2, 5, 3))):
        with pytest.raises(SchemaError, match="channel"):
            preprocessing.transform(other)


def test_pairs_of_arrays_to_judge_on() -> None:
    examples = made()
    preprocessing = preprocessing_of(examples)
    inputs, targets, _ = read_labelled((waves(), ["up", "down"] * 4), preprocessing, examples.task)
    np.testing.assert_array_equal(inputs, examples.inputs)
    assert targets.tolist() == examples.targets.tolist()
    with pytest.raises(TargetError, match="label left"):
        read_labelled((waves(2), ["up", "left"]), preprocessing, examples.task)


def test_values_to_judge_on_must_be_numbers() -> None:
    examples = made(labels=[0.5, 1, 2, 3, 4, 5, 6, 7])
    preprocessing = preprocessing_of(examples)
    assert read_labelled((waves(2), [1, 2]), preprocessing, examples.task)[1].tolist() == [1, 2]
    with pytest.raises(TargetError, match='the label "high"'):
        read_labelled((waves(2), ["1.5", "high"]), preprocessing, examples.task)


def test_files_to_predict_and_to_judge_on(tmp_path: Path) -> None:
    path, _, test = pair(tmp_path, test_lengths=(6, 7))
    examples = read_series(path, Reading())
    preprocessing = preprocessing_of(examples)
    expected = np.asarray(examples.inputs)[8:]
    for place in (tmp_path, tmp_path / "Waves_TEST.ts", str(tmp_path / "Waves_TEST.ts")):
        inputs, targets, _ = read_labelled(place, preprocessing, examples.task)
        np.testing.assert_array_equal(inputs, expected)
        assert targets.tolist() == [1, 0, 1, 0]
    (tmp_path / "new.ts").write_text(ts(test))
    inputs, names, _ = read_unlabelled(tmp_path / "new.ts", preprocessing)
    np.testing.assert_array_equal(inputs, expected)
    assert names.tolist() == ["line 3", "line 4", "line 5", "line 6"]
    with pytest.raises(DataError, match="no file"):
        read_unlabelled(tmp_path / "nowhere.ts", preprocessing)


def test_text_to_predict_with_and_without_labels(tmp_path: Path) -> None:
    (tmp_path / "A_TRAIN").write_text("1 5 6 0\n2 7 8 1\n1 3 4 0\n2 3 9 1\n")
    examples = read_series(tmp_path / "A_TRAIN", Reading())
    (tmp_path / "new.txt").write_text("5 6 0\n7 8 1\n")
    inputs, _, notes = read_unlabelled(tmp_path / "new.txt", preprocessing_of(examples))
    np.testing.assert_array_equal(inputs, np.asarray(examples.inputs)[:2])
    assert "No line has a label" in note(notes, "label-place").text
    again = read_unlabelled(tmp_path / "A_TRAIN", preprocessing_of(examples))[0]
    np.testing.assert_array_equal(again, examples.inputs)
