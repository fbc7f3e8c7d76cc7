"""What the page asks for as plain values, without HTTP."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina.errors import LaminaError, OptionError, RunError
from lamina.model import load
from lamina.studio import networks, views
from lamina.studio.brought import alone
from lamina.studio.session import Opened, Studio
from lamina.studio.views import Asked, asked, example, examples, losses

NAMES = ["penguins", "pictures", "steps"]


def _opened(runs: Path, name: str) -> Opened:
    return Opened(name, runs / name)


def _array(value: dict[str, Any]) -> np.ndarray:
    kind = "f32" if "f32" in value else "i32"
    return np.frombuffer(base64.b64decode(value[kind]), "<f4" if kind == "f32" else "<i4").reshape(value["shape"])


# --- runs ------------------------------------------------------------------------------------------------------------


def test_runs_are_listed_newest_first(runs: Path) -> None:
    found = views.runs(Studio(runs))
    assert [run["name"] for run in found] == ["steps", "pictures", "penguins"]
    assert [run["kind"] for run in found] == ["series", "image", "table"]
    assert found[2]["task"]["classes"] == ["Adelie", "Chinstrap", "Gentoo"]
    assert all(run["state"] == "judged" and run["sentence"] for run in found)


def test_a_run_that_cannot_be_read_is_listed_and_says_why(copied: Path) -> None:
    (copied / "pictures" / "run.json").write_text('{"format": 0}')
    found = views.runs(Studio(copied))
    assert found[0]["state"] == "unreadable"
    assert "format version 0" in found[0]["sentence"]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_has_the_reports_views(runs: Path, name: str) -> None:
    from lamina.report.views import view

    found, report = views.run(_opened(runs, name)), view(runs / name)
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


# --- examples --------------------------------------------------------------------------------------------------------


def test_what_a_query_asks() -> None:
    assert asked({}) == Asked()
    query = {
        "part": "judged",
        "target": "a",
        "predicted": "b",
        "wrong": "1",
        "sort": "loss",
        "offset": "3",
        "limit": "9",
    }
    assert asked(query) == Asked("judged", "a", "b", True, False, False, "loss", 3, 9)
    for bad in ("-1", "x", "1.5", "9" * 30):
        with pytest.raises(OptionError):
            asked({"offset": bad})


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_filtered_as_numpy_would(runs: Path, name: str) -> None:
    opened = _opened(runs, name)
    kept, answers, classes = opened.kept, opened.answers, opened.model.task.classes
    assert kept is not None
    predicted = answers.argmax(axis=1)

    def ids(**words: Any) -> list[int]:
        return [int(item["id"]) for item in examples(opened, Asked(limit=500, **words))["items"]]

    assert ids() == list(range(len(kept)))
    assert ids(part="training") == np.flatnonzero(kept.parts == "training").tolist()
    assert ids(target=classes[0]) == np.flatnonzero(kept.targets == 0).tolist()
    assert ids(predicted=classes[1]) == np.flatnonzero(predicted == 1).tolist()
    assert ids(wrong=True) == np.flatnonzero(predicted != kept.targets).tolist()
    assert ids(right=True) == np.flatnonzero(predicted == kept.targets).tolist()
    assert ids(sort="loss")[0] == answers[np.arange(len(kept)), kept.targets.astype(int)].argmin()
    assert ids(sort="sure")[0] == answers.max(axis=1).argmax()
    assert ids(offset=3)[:2] == [3, 4]


def test_a_page_of_examples_says_how_many_there_are(runs: Path) -> None:
    found = examples(_opened(runs, "pictures"), Asked(offset=58, limit=10))
    assert (found["total"], len(found["items"])) == (60, 2)
    assert len(examples(_opened(runs, "pictures"), Asked(limit=0))["items"]) == 0


def test_an_item_says_what_was_answered(runs: Path) -> None:
    opened = _opened(runs, "pictures")
    kept = opened.kept
    assert kept is not None
    item, answer = examples(opened, Asked(limit=1))["items"][0], opened.answers[0]
    classes = opened.model.task.classes
    assert item == {
        "id": "0",
        "name": str(kept.names[0]),
        "part": str(kept.parts[0]),
        "target": classes[int(kept.targets[0])],
        "predicted": classes[int(answer.argmax())],
        "sure": answer.max(),
        "truth_probability": answer[int(kept.targets[0])],
        "right": answer.argmax() == kept.targets[0],
    }


def test_a_class_that_is_none_is_refused(runs: Path) -> None:
    opened = _opened(runs, "penguins")
    for words in ({"target": "Emperor"}, {"predicted": "7"}, {"sort": "size"}):
        with pytest.raises(OptionError):
            examples(opened, Asked(**words))  # type: ignore[arg-type]


def test_values_have_errors() -> None:
    np.testing.assert_array_equal(losses(np.array([3.0, -1.0]), np.array([1.0, -1.0])), [2, 0])
    assert views.answered(np.float64(3.0), 1.0, ()) == {"target": 1.0, "predicted": 3.0, "value": 3.0, "error": 2.0}
    assert views.answered(np.float64(3.0), np.nan, ())["error"] is None
    assert views.answered(np.array([0.25, 0.75]), -1, ("a", "b"))["right"] is None


def test_how_examples_look(runs: Path) -> None:
    opened = _opened(runs, "pictures")
    assert opened.kept is not None
    assert opened.kept.inputs is not None
    found = example(opened, opened.example("5"))
    np.testing.assert_array_equal(_array(found["look"]["pixels"]), opened.kept.inputs[5])
    assert found["probabilities"] == pytest.approx(opened.answers[5].tolist())
    steps = _opened(runs, "steps")
    assert steps.kept is not None
    assert steps.kept.inputs is not None
    np.testing.assert_array_equal(
        _array(example(steps, steps.example("2"))["look"]["values"]), steps.kept.inputs[2].astype(np.float32)
    )
    cells = example(_opened(runs, "penguins"), _opened(runs, "penguins").example("0"))["look"]["cells"]
    assert list(cells)[:2] == ["island", "bill_length_mm"]
    with_looks = examples(opened, Asked(looks=True, limit=6))["items"]
    assert with_looks[5]["look"] == found["look"]


def test_a_sound_looks_like_its_spectrogram() -> None:
    from lamina.data.examples import SILENCE, Task
    from lamina.data.sound import SoundPreprocessing
    from lamina.inside.spectrogram import spectrograms
    from lamina.model import Model, NetworkPart
    from lamina.network import Dense, Flatten, Sequential, SoundInput, build, leaves
    from lamina.training.vector import Layout

    network = Sequential([SoundInput(rate=8000), Flatten(), Dense(2, "linear")])
    built = build(network, (4000,))
    layout = Layout.of(built)
    part = NetworkPart(
        network,
        (4000,),
        "cross-entropy",
        SoundPreprocessing(8000, 4000, "given"),
        np.zeros(layout.size, np.float32),
        {name: np.asarray(array) for name, array in leaves(built, "state").items()},
    )
    model = Model(Task("classification", "word", ("yes", "no")), "sound", (part,), {})
    opened = Opened("made", Path("nowhere"))
    opened.__dict__["_model"] = model
    samples = np.full(4000, SILENCE, np.int16)
    samples[:2000] = 9000 * np.sin(np.arange(2000) / 3)
    found = views.look(opened, opened.bring(alone(model, samples)))
    assert (found["rate"], found["seconds"]) == (8000, 0.25)
    np.testing.assert_allclose(_array(found["spectrogram"]), spectrograms(part, samples[None])[0], rtol=1e-6)


# --- the inside ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_trace_ends_in_the_models_answer(runs: Path, name: str) -> None:
    opened = _opened(runs, name)
    own = opened.example("1")
    found = networks.trace(opened, {"example": "1", "member": "1"})
    part = opened.model.parts[1]
    expected = part.answer(own.kept.inputs_for(part, [1]), opened.model.task)[0]
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-6)
    organs = networks.network(opened, {"member": "1"})["organs"]
    assert [step["path"] for step in found["steps"]] == [organ["path"] for organ in organs]


def test_the_network_says_what_goes_in(runs: Path) -> None:
    found = networks.network(_opened(runs, "penguins"), {})
    assert found["members"] == 2
    assert found["inputs"]["shape"] == [len(found["inputs"]["names"])]
    bill = next(column for column in found["inputs"]["columns"] if column["name"] == "bill_length_mm")
    assert bill["kind"] == "number"
    assert 30 < bill["range"][0] < bill["range"][1] < 70
    assert networks.network(_opened(runs, "steps"), {})["inputs"]["names"] == ["channel 1"]


def test_a_unit_is_worked_out(runs: Path) -> None:
    opened = _opened(runs, "pictures")
    trace = networks.trace(opened, {"example": "3"})["steps"]
    conv = next(step for step in trace if step["kind"] == "conv")
    found = networks.unit(opened, {"example": "3", "layer": conv["path"], "index": "2,3,1"})
    assert found["output"] == pytest.approx(_array(conv["output"])[2, 3, 1], abs=1e-5)
    assert found["parts"][0]["type"] == "Products"


def test_weights_are_those_of_the_layer(runs: Path) -> None:
    opened = _opened(runs, "pictures")
    found = networks.weights(opened, {"layer": "1.conv"})["arrays"]
    assert found["weight"]["shape"] == [3, 3, 1, 4]
    assert found["bias"]["shape"] == [4]
    assert networks.weights(opened, {"layer": "nowhere"})["arrays"] == {}


@pytest.mark.parametrize(
    ("what", "query"),
    [
        ("trace", {}),
        ("trace", {"example": "x"}),
        ("trace", {"example": "1", "member": "7"}),
        ("unit", {"example": "1", "layer": "1.conv"}),
        ("unit", {"example": "1", "layer": "1.conv", "index": "a"}),
        ("unit", {"example": "1", "layer": "1.conv", "index": "1,2,99"}),
        ("unit", {"example": "1", "layer": "1.conv", "index": "1,2"}),
        ("unit", {"example": "1", "layer": "9.conv", "index": "1,2,3"}),
        ("saliency", {"example": "1", "method": "magic"}),
        ("saliency", {"example": "1", "target": "nobody"}),
        ("backward", {"example": "1", "rate": "fast"}),
        ("surface", {"example": "1", "first": "a", "second": "b"}),
        ("importance", {}),
        ("features", {"layer": "1.conv"}),
    ],
)
def test_what_cannot_be_asked_is_said(runs: Path, what: str, query: dict[str, str]) -> None:
    with pytest.raises(LaminaError) as error:
        getattr(networks, what)(_opened(runs, "pictures"), query)
    assert error.value.given
    assert error.value.mend


def test_warming_does_all_that_a_first_click_waits_for(runs: Path) -> None:
    for name in NAMES:
        for work in networks.warming(_opened(runs, name)):
            work()


def test_a_saved_model_is_the_one_that_is_shown(runs: Path) -> None:
    opened = _opened(runs, "pictures")
    np.testing.assert_array_equal(
        opened.model.parts[0].parameters, load(runs / "pictures" / "model.lamina").parts[0].parameters
    )
