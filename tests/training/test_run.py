"""Runs on disk: whole or not at all, found by name, and never silently overwritten."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from lamina.errors import OutputError, RunError
from lamina.files import write_whole
from lamina.training import run as runs
from lamina.training.checkpoint import load_arrays, save_arrays
from lamina.training.run import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = runs.create(tmp_path / "runs", "first", "data")
    made.write({"format": 1, "name": "first", "created": "2026-01-01", "state": "training"})
    return made


def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    before = (folder.path / "run.json").read_text()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        folder.update({"state": "judged"})
    assert caught.value.exit_code == 1
    assert (folder.path / "run.json").read_text() == before
    assert {file.name for file in folder.path.iterdir()} == {"run.json", "checkpoints", "snapshots"}


def test_a_name_is_taken_once(folder: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="There is a run first"):
        runs.create(tmp_path / "runs", "first", "data")
    assert folder.read()["state"] == "training"


@pytest.mark.parametrize("name", ["../out", "a/b", "", ".hidden", "x" * 101, "nul\0"])
def test_a_name_stays_in_its_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="can't be a run's name"):
        runs.create(tmp_path / "runs", name, "data")
    assert not (tmp_path / "runs").exists()


def test_names_of_one_moment_differ(tmp_path: Path) -> None:
    made = [runs.create(tmp_path, None, "Some Data.v2").name for _ in range(3)]
    assert len(set(made)) == 3
    assert all(name.startswith("some-data-v2-") for name in made)


def test_another_format_version_is_refused(folder: RunFolder) -> None:
    (folder.path / "run.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(RunError, match="format version 99"):
        folder.read()
    (folder.path / "run.json").write_text("[1")
    with pytest.raises(RunError, match="not a run"):
        folder.read()


def test_history_only_grows_and_survives_a_torn_line(folder: RunFolder) -> None:
    folder.append([{"group": 0, "epoch": 1, "loss": [float("nan"), 2.0]}])
    folder.append([{"group": 0, "epoch": 2, "loss": [1.0, 2.0]}, {"group": 1, "epoch": 1, "loss": []}])
    with (folder.path / "history.jsonl").open("a") as file:
        file.write('{"group": 1, "ep')
    assert [line["epoch"] for line in folder.history()] == [1, 2, 1]
    assert folder.history()[0]["loss"] == [None, 2.0]
    folder.forget_after(0, 1)
    assert [(line["group"], line["epoch"]) for line in folder.history()] == [(0, 1), (1, 1)]
    folder.forget_after(1, 0)
    assert [(line["group"], line["epoch"]) for line in folder.history()] == [(0, 1)]


def test_asking_to_stop_is_heard_once(folder: RunFolder) -> None:
    assert not folder.asked_to_stop()
    folder.ask_to_stop()
    assert folder.asked_to_stop()
    assert not folder.asked_to_stop()
    (folder.path / "control.json").write_text("not json")
    assert not folder.asked_to_stop()


def test_snapshots_of_the_winner_are_kept(folder: RunFolder) -> None:
    for group in (0, 1):
        for epoch in (1, 2):
            folder.save_snapshot(
                group, epoch, np.full((3, 2), 10 * group + epoch, np.float32) + np.arange(3)[:, None] / 10
            )
    folder.keep_snapshots_of(1, 2, 7)
    kept = folder.snapshots()
    assert [epoch for epoch, _ in kept] == [1, 2]
    np.testing.assert_allclose(kept[0][1], [11.2, 11.2])
    assert len(list((folder.path / "snapshots").iterdir())) == 2


def test_snapshots_are_spaced_by_ratio() -> None:
    for epochs in (1, 20, 21, 150, 10_000):
        at = runs.snapshot_epochs(epochs)
        assert at[0] == 1
        assert at[-1] == epochs
        assert len(at) <= 12
        assert at == sorted(set(at))


def test_finding(folder: RunFolder, tmp_path: Path) -> None:
    place = tmp_path / "runs"
    later = runs.create(place, "second", "data")
    later.write({"format": 1, "created": "2026-02-01"})
    assert runs.find(None, place) == later
    assert runs.find("first", place) == folder
    assert runs.find(folder.path, place) == folder
    assert runs.find(folder.path / "model.lamina", place) == folder
    with pytest.raises(RunError, match="There is no run frist") as caught:
        runs.find("frist", place)
    assert "first" in caught.value.expected
    with pytest.raises(RunError, match="There are no runs"):
        runs.find(None, tmp_path / "nowhere")


def test_openings_are_counted_by_content(tmp_path: Path) -> None:
    assert [runs.count_opening(tmp_path, "a", "1"), runs.count_opening(tmp_path, "b", "1")] == [1, 1]
    assert runs.count_opening(tmp_path, "a", "2") == 2
    (tmp_path / "openings.json").write_text("torn")
    assert runs.count_opening(tmp_path, "a", "3") == 1


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "b": np.array([True, False]),
        "c": np.int32(3).reshape(()),
    }
    save_arrays(tmp_path / "x.safetensors", arrays, {"epoch": 3})
    back, about = load_arrays(tmp_path / "x.safetensors")
    assert about == {"epoch": 3}
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == array.dtype


@pytest.mark.parametrize("size", [0, 5, 20, 60])
def test_a_broken_checkpoint_is_refused(tmp_path: Path, size: int) -> None:
    save_arrays(tmp_path / "x.safetensors", {"a": np.arange(9.0)})
    (tmp_path / "x.safetensors").write_bytes((tmp_path / "x.safetensors").read_bytes()[:size])
    with pytest.raises(RunError, match="can't be read"):
        load_arrays(tmp_path / "x.safetensors")


def test_an_unwritable_folder_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="can't be written"):
        runs.create(tmp_path / "file", "x", "data")
    with pytest.raises(OutputError, match="can't be written"):
        write_whole(tmp_path / "file" / "y.json", b"")
