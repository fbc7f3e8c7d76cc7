"""What a run keeps of its examples: which, how many, read back to the bit, from a training to its folder."""

from __future__ import annotations

import importlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.answer import Run, worst_rows
from lamina.data.examples import Examples, Source, Task
from lamina.data.read import read
from lamina.data.schema import infer_schema
from lamina.data.table import Table, read_table
from lamina.inside import kept
from lamina.inside.kept import FILE, choose, keep
from lamina.settings import Place, Settings

ROWS = 80


def of_arrays(inputs: np.ndarray, targets: np.ndarray, task: Task) -> Examples:
    names = np.array([f"example {row}" for row in range(len(targets))], object)
    schema = infer_schema(read_table({"a": [1.0, 2.0, 4.0]}))
    hashes = np.arange(len(targets), dtype=np.uint64)
    kind = "image" if inputs.ndim == 4 else "series"
    return Examples(kind, task, inputs, targets, names, hashes, schema, Source("a frame in memory", "", 0))


TASK = Task("classification", "y", ("a", "b", "c"))


# --- which -----------------------------------------------------------------------------------------------------------


def test_half_are_judged_each_class_has_its_share_and_the_worst_are_there() -> None:
    targets = np.repeat([0, 1, 2], [8000, 900, 100])
    rows = np.arange(0, 9000, 3)
    worst = np.arange(0, 48)
    places, others = choose(targets, rows, worst, 2000, task=TASK)
    assert len(places) == len(others) == 1000
    assert set(worst) <= set(places)
    assert not set(others) & set(rows)
    assert np.bincount(targets[others]).tolist() == [467, 466, 67]  # all of the rarest, the rest shared out
    assert np.bincount(targets[rows[places]]).tolist() == [667, 300, 33]  # of which there are no more


@pytest.mark.parametrize(
    ("judged", "most", "expected"), [(10, 40, (10, 30)), (95, 40, (35, 5)), (100, 40, (40, 0)), (30, 400, (30, 70))]
)
def test_what_one_half_lacks_the_other_gives(judged: int, most: int, expected: tuple[int, int]) -> None:
    targets, rows = np.arange(100) % 3, np.arange(judged)[::-1]
    places, others = choose(targets, rows, np.zeros(0, int), most, task=TASK)
    assert (len(places), len(others)) == expected
    assert (np.diff(places) > 0).all()
    assert (np.diff(others) > 0).all()


def test_where_few_have_room_they_are_the_worst() -> None:
    places, others = choose(np.zeros(99, int), np.arange(50), np.array([7, 3, 40, 1]), 3, task=TASK)
    assert (places.tolist(), others.tolist()) == ([3, 7, 40], [])


def test_values_are_shared_out_over_their_range() -> None:
    values = np.random.default_rng(0).exponential(size=5000)
    _, others = choose(values, np.arange(10), np.zeros(0, int), 110, task=Task("regression", "y"))
    assert len(others) == 100
    counts = np.histogram(values[others], np.quantile(values, np.linspace(0, 1, 11)))[0]
    assert counts.min() >= 8


@pytest.fixture
def one_megabyte(monkeypatch: pytest.MonkeyPatch) -> int:
    """For the tests' sake there is room for 1 MB instead of 16."""
    monkeypatch.setattr(importlib.import_module("lamina.inside.kept"), "MOST_BYTES", 1 << 20)
    return 1 << 20


def test_no_more_than_there_is_room_for_the_same_each_time(tmp_path: Path, one_megabyte: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 25, 25, 3)).astype(np.uint8)
    examples = of_arrays(noise, np.arange(900) % 3, TASK)
    keep(tmp_path, examples, np.arange(400), np.arange(48))
    first = (tmp_path / FILE).read_bytes()
    found = kept(tmp_path)
    assert found is not None
    assert found.inputs is not None
    assert one_megabyte - noise[0].nbytes < found.inputs.nbytes <= one_megabyte
    keep(tmp_path, examples, np.arange(400), np.arange(48))
    assert (tmp_path / FILE).read_bytes() == first
    assert set(range(48)) <= set(found.rows.tolist())
    rows = np.array([int(name.split()[1]) for name in found.names])
    np.testing.assert_array_equal(found.inputs, noise[rows])
    np.testing.assert_array_equal(found.targets, rows % 3)
    np.testing.assert_array_equal(rows[found.parts == "judged"], found.rows[found.rows >= 0])


def test_of_a_wide_table_as_many_rows_as_fit(tmp_path: Path, one_megabyte: int) -> None:
    random = np.random.default_rng(0)
    table = Table({f"c{at}": random.normal(size=900) for at in range(80)})
    names = np.array([table.row_name(row) for row in range(900)], object)
    targets = np.arange(900) % 3
    schema, source = infer_schema(table), Source("a frame in memory", "", 0)
    keep(tmp_path, Examples("table", TASK, table, targets, names, targets, schema, source), np.arange(400), targets[:0])
    found = kept(tmp_path)
    assert found is not None
    assert found.cells is not None
    assert 0.9 * one_megabyte < len(json.dumps(found.cells, separators=(",", ":"))) <= one_megabyte
    assert 400 < len(found) < 800


# --- from a training -------------------------------------------------------------------------------------------------

QUICK = Settings(epochs=2, learning_rates=(0.02,), networks=("dense 4",))


@pytest.fixture(scope="module")
def table_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, dict[str, Any]]:
    """A run on a table of every kind of column, some of it missing, judged fold by fold."""
    random, folder = np.random.default_rng(0), tmp_path_factory.mktemp("table")
    kind = np.arange(ROWS) % 2
    data = {
        "length": np.where(np.arange(ROWS) % 9 == 4, np.nan, random.normal(kind * 3, 1)),
        "colour": np.array(
            [None if row % 11 == 3 else ("red", "green")[row * 7 // 10 % 2] for row in range(ROWS)], object
        ),
        "code": np.array(["007", "008", "010"], object)[np.arange(ROWS) % 3],
        "when": np.datetime64("2024-03-01T12:30:00.000001", "us") + np.arange(ROWS) * np.timedelta64(7, "h"),
        "fresh": np.array(["true", "false"], object)[np.arange(ROWS) // 3 % 2],
        "id": np.array([f"row-{row}" for row in range(ROWS)], object),
        "kind": np.array(["small", "large"], object)[kind],
    }
    run = lamina.train(data, "kind", settings=QUICK, place=Place(runs=folder))
    return run, data


def test_a_table_is_kept_as_it_was_read(table_run: tuple[Run, dict[str, Any]]) -> None:
    run, data = table_run
    found = kept(run.folder)
    assert found is not None
    assert (found.kind, len(found), found.inputs) == ("table", ROWS, None)
    assert found.cells is not None
    assert list(found.cells) == ["length", "colour", "code", "when", "fresh"]
    rows = np.array([int(name.split()[1]) - 1 for name in found.names])
    assert sorted(rows) == list(range(ROWS))
    lengths = [None if np.isnan(data["length"][row]) else data["length"][row] for row in rows]
    assert found.cells["length"] == lengths
    for name in ("colour", "code", "fresh"):
        assert found.cells[name] == [data[name][row] for row in rows]
    assert found.cells["when"] == [str(data["when"][row]) for row in rows]
    assert set(found.parts) == {"judged"}  # fold by fold every row is


def test_each_network_takes_them_as_it_took_the_data(table_run: tuple[Run, dict[str, Any]]) -> None:
    run, data = table_run
    found, model = kept(run.folder), run.model
    assert found is not None
    table, names, _ = model.read(data)
    where = {str(name): row for row, name in enumerate(names)}
    rows = np.array([where[name] for name in found.names])
    for part in model.parts[:3]:
        np.testing.assert_array_equal(found.inputs_for(part), part.preprocessing.transform(table)[rows])
        np.testing.assert_array_equal(found.inputs_for(part, [5, 2]), found.inputs_for(part)[[5, 2]])


def test_names_rows_and_targets_are_those_of_the_answers(table_run: tuple[Run, dict[str, Any]]) -> None:
    run, _ = table_run
    found = kept(run.folder)
    assert found is not None
    with np.load(run.folder / "predictions.npz") as answers:
        np.testing.assert_array_equal(found.names, answers["names"][found.rows])
        np.testing.assert_array_equal(found.targets, answers["targets"][found.rows])
    assert found.ids.tolist() == list(range(ROWS))


@pytest.mark.slow
def test_series_beside_a_test_part_are_half_trained_with(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    lines = [f"{row % 2} " + " ".join(f"{value:.3f}" for value in random.normal(row % 2, 1, 8)) for row in range(60)]
    (tmp_path / "W_TRAIN.txt").write_text("\n".join(lines[:40]) + "\n")
    (tmp_path / "W_TEST.txt").write_text("\n".join(lines[40:]) + "\n")
    place = Place(runs=tmp_path / "runs")
    run = lamina.train(
        tmp_path / "W_TRAIN.txt", settings=Settings(epochs=2, learning_rates=(0.02,), networks=("mean",)), place=place
    )
    found, examples = kept(run.folder), read(tmp_path / "W_TRAIN.txt")
    assert found is not None
    assert found.parts.tolist() == ["judged"] * 20 + ["training"] * 40
    assert found.rows.tolist() == [*range(20), *[-1] * 40]
    by_name = {str(name): row for row, name in enumerate(examples.names)}
    rows = [by_name[name] for name in found.names]
    np.testing.assert_array_equal(found.inputs_for(run.model.parts[0]), np.asarray(examples.inputs)[rows])
    np.testing.assert_array_equal(found.targets, examples.targets[rows])
    with np.load(run.folder / "predictions.npz") as answers:
        task = run.model.task
        assert set(worst_rows(task, answers["targets"], answers["predictions"])) <= set(found.rows)


# --- damaged ---------------------------------------------------------------------------------------------------------


def packed(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def whole(**changed: Any) -> dict[str, Any]:
    columns = {"names": ["a", "b"], "parts": ["judged", "judged"], "rows": [0, 1], "targets": [0, 1]}
    return {"kind": "image", **columns, "inputs": np.zeros((2, 1, 1, 1), np.uint8), **changed}


def cells(text: str) -> dict[str, Any]:
    facts = {name: of for name, of in whole(kind="table").items() if name != "inputs"}
    return {**facts, "cells": np.frombuffer(text.encode(), np.uint8)}


def test_what_is_whole_is_read(tmp_path: Path) -> None:
    for arrays in (whole(), cells('{"x": [1, null]}')):
        (tmp_path / FILE).write_bytes(packed(**arrays))
        assert kept(tmp_path) is not None


def test_what_is_missing_or_damaged_is_none(tmp_path: Path) -> None:
    assert kept(tmp_path) is None
    good = packed(**whole())
    pickled = packed(**whole(names=np.array([object(), "b"], object)))
    short = [packed(**whole(names=["a"])), packed(**whole(inputs=np.zeros((3, 1, 1, 1)))), packed(**whole(targets=3))]
    words = [packed(**cells(text)) for text in ("[", "[]", "{}", '{"x": [1]}', '{"x": [1, {}]}', '{"x": 3}', "3")]
    lacking = packed(**{name: of for name, of in whole().items() if name != "rows"})
    (tmp_path / "folder" / FILE).mkdir(parents=True)
    assert kept(tmp_path / "folder") is None
    for content in (b"", b"PK", good[:-30], good[: len(good) // 2], pickled, *short, *words, lacking, b"\x00" * 500):
        (tmp_path / FILE).write_bytes(content)
        assert kept(tmp_path) is None
    for at in range(0, len(good), 7):  # whatever byte is lost: what it was, or nothing
        (tmp_path / FILE).write_bytes(good[:at] + bytes([good[at] ^ 255]) + good[at + 1 :])
        found = kept(tmp_path)
        assert found is None or len(found) == 2


def test_what_unpacks_to_more_than_any_of_ours_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / FILE, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as file:
        for _ in range(300):
            file.write(bytes(1 << 20))
    assert kept(tmp_path) is None
