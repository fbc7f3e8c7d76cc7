"""Runs as the page opens them: finished, being written, of another version, or a model file alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from lamina.errors import OptionError, RunError
from lamina.studio.brought import alone
from lamina.studio.session import Studio
from lamina.views import networks
from lamina.views import runs as views
from lamina.views.examples import Asked, examples
from lamina.views.opened import Opened
from small_runs import RUNS


def test_runs_are_listed_newest_first(runs: Path) -> None:
    found = views.runs(Studio(runs).places())
    assert [run["name"] for run in found] == ["steps", "pictures", "penguins"]
    assert [run["kind"] for run in found] == ["series", "image", "table"]
    assert found[2]["task"]["classes"] == ["Adelie", "Chinstrap", "Gentoo"]
    assert all(run["state"] == "judged" and run["sentence"] for run in found)


def test_a_run_that_cannot_be_read_is_listed_and_says_why(copied: Path) -> None:
    (copied / "pictures" / "run.json").write_text('{"format": 0}')
    found = views.runs(Studio(copied).places())
    assert found[0]["state"] == "unreadable"
    assert "format version 0" in found[0]["sentence"]


@pytest.mark.parametrize("name", RUNS)
def test_a_run_has_the_reports_views(runs: Path, name: str) -> None:
    from lamina.views.run import view

    found, report = views.run(Opened(name, runs / name)), view(runs / name)
    assert found["can"] == {"inside": True, "examples": True, "snapshots": True, "why": {}}
    assert {key: found[key] for key in report if key != "curves"} == {k: v for k, v in report.items() if k != "curves"}
    json.dumps(found, allow_nan=False)


def test_a_run_that_is_being_written(copied: Path) -> None:
    """No model yet, no examples, no snapshots; half a line of history; then half a run.json."""
    folder = copied / "pictures"
    for name in ("model.lamina", "examples.npz", "predictions.npz", "mistakes.npz"):
        (folder / name).unlink()
    shutil.rmtree(folder / "snapshots")
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**facts, "state": "training", "verdict": None}))
    with (folder / "history.jsonl").open("a") as file:
        file.write('{"group": 0, "epo')
    opened = Opened("pictures", folder)
    found = views.run(opened)
    assert found["state"] == "training"
    assert [found["can"][key] for key in ("inside", "examples", "snapshots")] == [False] * 3
    assert set(found["can"]["why"]) == {"inside", "examples", "snapshots"}
    assert views.progress(opened) == {"state": "training", "epochs": 2}
    with pytest.raises(RunError, match="no model yet"):
        networks.network(opened, {})
    (folder / "run.json").write_text(json.dumps(facts)[:200])
    assert views.progress(opened)["state"] == "unreadable"
    with pytest.raises(RunError, match="not whole"):
        views.run(opened)
    (folder / "run.json").unlink()
    assert views.progress(opened)["state"] == "gone"


def test_a_run_of_another_version_says_so(copied: Path) -> None:
    (copied / "pictures" / "run.json").write_text('{"format": 0, "versions": {"lamina": "0.0.1"}}')
    with pytest.raises(RunError, match="format version 0") as error:
        views.run(Opened("pictures", copied / "pictures"))
    assert "lamina 0.0.1" in error.value.mend


def test_a_run_without_snapshots_or_examples_says_why(copied: Path) -> None:
    shutil.rmtree(copied / "pictures" / "snapshots")
    (copied / "pictures" / "examples.npz").unlink()
    opened = Opened("pictures", copied / "pictures")
    can = views.run(opened)["can"]
    assert can["inside"]
    assert not can["snapshots"]
    assert "older Lamina" in can["why"]["examples"]
    assert examples(opened, Asked())["items"] == []
    with pytest.raises(OptionError, match="kept no examples"):
        networks.features(opened, {"layer": "1.conv", "unit": "0"})


def test_a_model_without_its_run(runs: Path, tmp_path: Path) -> None:
    """Its inside works with own examples; curves say why not."""
    path = tmp_path / "found.lamina"
    shutil.copy(runs / "pictures" / "model.lamina", path)
    opened = Opened("found.lamina", path)
    found = views.run(opened)
    assert (found["state"], found["kind"]) == ("model", "image")
    assert "without its run" in found["curves"]["absent"]
    assert found["can"]["inside"]
    assert not found["can"]["examples"]
    own = opened.bring(alone(opened.model, np.zeros((8, 8, 1), np.uint8)))
    assert len(networks.trace(opened, {"example": own.id})["probabilities"]) == 2
    assert networks.network(opened, {})["organs"][0]["path"] == ""
    assert views.progress(opened)["state"] == "model"
    json.dumps(found, allow_nan=False)
