"""A run opened: its model, its networks, its examples and their answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lamina.errors import ModelFileError, OptionError, RunError
from lamina.studio.brought import alone
from lamina.studio.session import Studio
from lamina.views.opened import Opened, answers_of, stamp


def test_a_run_without_a_model_says_so(copied: Path) -> None:
    (copied / "pictures" / "model.lamina").unlink()
    with pytest.raises(RunError, match="no model yet"):
        _ = Studio(copied).opened("pictures").model


def test_a_damaged_model_says_so(copied: Path) -> None:
    model = copied / "pictures" / "model.lamina"
    model.write_bytes(model.read_bytes()[:-100])
    with pytest.raises(ModelFileError):
        _ = Studio(copied).opened("pictures").model


def test_a_member_that_is_none_is_refused(runs: Path) -> None:
    opened = Opened("pictures", runs / "pictures")
    with pytest.raises(OptionError, match="no member 99"):
        opened.network(99)


def test_the_stamp_changes_with_the_files(copied: Path) -> None:
    path = copied / "pictures"
    before = stamp(path)
    assert stamp(path) == before
    (path / "history.jsonl").write_text("")
    assert stamp(path) != before
    assert stamp(path / "model.lamina") != stamp(path / "nothing")


def test_judged_examples_have_the_answers_that_were_judged(runs: Path) -> None:
    opened = Opened("pictures", runs / "pictures")
    kept, judged = opened.kept, opened.judged
    assert kept is not None
    assert judged is not None
    there = kept.rows >= 0
    np.testing.assert_array_equal(opened.answers[there], judged.predictions[kept.rows[there]])
    assert list(kept.names[there]) == list(judged.names[kept.rows[there]])
    np.testing.assert_array_equal(kept.targets[there], judged.targets[kept.rows[there]])


@pytest.mark.parametrize("name", ["penguins", "pictures", "steps"])
def test_other_examples_have_the_models_answers(runs: Path, name: str) -> None:
    """Those that Model.predict gives, which reads them by another way."""
    opened = Opened(name, runs / name)
    kept, model = opened.kept, opened.model
    assert kept is not None
    inputs = kept.table() if model.kind == "table" else kept.inputs
    expected = model.outputs(inputs)[0]
    np.testing.assert_allclose(answers_of(model, kept, np.arange(len(kept))), expected, atol=1e-6)
    others = kept.rows < 0
    assert others.any()
    np.testing.assert_allclose(opened.answers[others], expected[others], atol=1e-6)


def test_an_example_is_found_by_its_number(runs: Path) -> None:
    opened = Opened("pictures", runs / "pictures")
    kept = opened.kept
    assert kept is not None
    assert kept.inputs is not None
    example = opened.example("7")
    assert (example.id, example.row, example.name) == ("7", 7, str(kept.names[7]))
    np.testing.assert_array_equal(opened.inputs(example), kept.inputs[7])


@pytest.mark.parametrize("text", ["", "-1", "60", "1e1", "½", "١", "own-00000000", "9" * 40])
def test_what_is_no_example_is_said(runs: Path, text: str) -> None:
    with pytest.raises(RunError, match="no example"):
        Opened("pictures", runs / "pictures").example(text)


def test_only_the_latest_own_examples_are_remembered(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamina.views.opened.OWN", 3)
    opened = Opened("pictures", runs / "pictures")
    own = [opened.bring(alone(opened.model, np.full((8, 8, 1), at, np.uint8))) for at in range(5)]
    assert [example.id for example in own if opened.own.find(example.id)] == [example.id for example in own[2:]]
    assert own[4].is_own
    np.testing.assert_allclose(opened.answer(own[4]), opened.model.outputs(np.full((1, 8, 8, 1), 4, np.uint8))[0][0])


def test_a_table_row_goes_through_each_networks_own_preprocessing(runs: Path) -> None:
    opened = Opened("penguins", runs / "penguins")
    cells = {"island": "Biscoe", "bill_length_mm": 50.0, "bill_depth_mm": 15.0, "flipper_length_mm": 220.0}
    row = {**cells, "body_mass_g": None, "sex": "male", "year": 2008.0}
    example = opened.bring(alone(opened.model, row))
    text = "\n".join([",".join(row), ",".join("" if v is None else str(v) for v in row.values())]) + "\n"
    expected = opened.model.predict(text.encode()).probabilities
    assert expected is not None
    np.testing.assert_allclose(opened.answer(example), expected[0], atol=1e-6)


def test_run_json_is_not_needed_to_have_been_finished(copied: Path) -> None:
    """A run that is being written: half a run.json, then one without a verdict."""
    studio, run = Studio(copied), copied / "pictures" / "run.json"
    whole = run.read_text()
    run.write_text(whole[: len(whole) // 2])
    assert studio.opened("pictures").model.kind == "image"
    run.write_text(json.dumps({**json.loads(whole), "verdict": None, "state": "training"}))
    assert studio.opened("pictures").model.kind == "image"
