"""Reading a run's folder: what is there, what is missing, what is torn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lamina.errors import RunError
from lamina.views.record import read, read_run


def test_a_whole_run_is_read(made_run):
    record = read(made_run("pictures"))
    assert record.run["name"] == "digits"
    assert [line["epoch"] for line in record.history] == list(range(1, 41))
    assert record.answers is not None
    assert record.answers.predictions.shape == (1797, 10)
    assert all(picture.shape == (8, 8, 1) for picture in record.pictures.values())


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="no readable run.json"):
        read(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2}', "{}", "7"])
def test_a_run_that_is_torn_or_of_another_version_is_refused(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError):
        read_run(tmp_path / "run.json")


def test_another_version_names_the_lamina_that_wrote_it(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"format": 9, "versions": {"lamina": "3.1"}}))
    with pytest.raises(RunError) as caught:
        read_run(tmp_path / "run.json")
    assert "version 9" in str(caught.value)
    assert "lamina 3.1" in caught.value.mend


def test_a_history_line_that_is_being_written_is_left_out(made_run):
    folder = made_run("diverged")
    with (folder / "history.jsonl").open("a") as file:
        file.write('{"group": 0, "epoch": 7, "training_lo')
    assert [line["epoch"] for line in read(folder).history] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"\x93NUMPY"])
def test_damaged_answers_are_no_answers(made_run, content):
    folder = made_run("penguins")
    (folder / "predictions.npz").write_bytes(content)
    assert read(folder).answers is None


def test_answers_of_unequal_length_are_no_answers(made_run):
    folder = made_run("penguins")
    np.savez(folder / "predictions.npz", names=np.array(["a"]), targets=np.zeros(2, int), predictions=np.ones((2, 3)))
    assert read(folder).answers is None


class _Planted:
    def __reduce__(self):
        return Path.touch, (Path("planted"),)


def test_pickled_objects_are_never_loaded(made_run, monkeypatch, tmp_path):
    folder = made_run("penguins")
    monkeypatch.chdir(tmp_path)
    planted = np.array([_Planted()], dtype=object)
    np.savez(folder / "predictions.npz", names=planted, targets=np.zeros(1, int), predictions=np.ones((1, 3)))
    assert read(folder).answers is None
    assert not (tmp_path / "planted").exists()


def test_series_and_spectrograms_end_where_they_do(made_run):
    series, sounds = read(made_run("series")), read(made_run("sounds"))
    assert {len(of) for of in series.series.values()} == {40, 60}
    assert {of.shape[1] for of in sounds.pictures.values()} == {40, 60}
    assert series.right[2] == -1
    assert {row for row in series.right if row >= 0} <= set(series.series) == set(sounds.pictures)
    assert series.memory["directions"].shape == (3, 3)


@pytest.mark.parametrize("name", ["mistakes", "memory"])
def test_a_damaged_file_shows_nothing(made_run, name):
    folder = made_run("series")
    (folder / f"{name}.npz").write_bytes(b"PK\x03\x04 torn")
    record = read(folder)
    assert (record.series, record.right) == ({}, ()) if name == "mistakes" else record.memory == {}
