"""Examples: which fit, what was answered to each, how they look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina.errors import OptionError
from lamina.studio.brought import alone
from lamina.views.examples import Asked, answered, asked, example, examples, look, losses
from lamina.views.opened import Opened
from small_runs import RUNS, array_of


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


@pytest.mark.parametrize("name", RUNS)
def test_examples_are_filtered_as_numpy_would(runs: Path, name: str) -> None:
    opened = Opened(name, runs / name)
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
    found = examples(Opened("pictures", runs / "pictures"), Asked(offset=58, limit=10))
    assert (found["total"], len(found["items"])) == (60, 2)
    assert len(examples(Opened("pictures", runs / "pictures"), Asked(limit=0))["items"]) == 0


def test_an_item_says_what_was_answered(runs: Path) -> None:
    opened = Opened("pictures", runs / "pictures")
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
    opened = Opened("penguins", runs / "penguins")
    for words in ({"target": "Emperor"}, {"predicted": "7"}, {"sort": "size"}):
        with pytest.raises(OptionError):
            examples(opened, Asked(**words))  # type: ignore[arg-type]


def test_values_have_errors() -> None:
    np.testing.assert_array_equal(losses(np.array([3.0, -1.0]), np.array([1.0, -1.0])), [2, 0])
    assert answered(np.float64(3.0), 1.0, ()) == {"target": 1.0, "predicted": 3.0, "value": 3.0, "error": 2.0}
    assert answered(np.float64(3.0), np.nan, ())["error"] is None
    assert answered(np.array([0.25, 0.75]), -1, ("a", "b"))["right"] is None


def test_how_examples_look(runs: Path) -> None:
    opened = Opened("pictures", runs / "pictures")
    assert opened.kept is not None
    assert opened.kept.inputs is not None
    found = example(opened, opened.example("5"))
    np.testing.assert_array_equal(array_of(found["look"]["pixels"]), opened.kept.inputs[5])
    assert found["probabilities"] == pytest.approx(opened.answers[5].tolist())
    steps = Opened("steps", runs / "steps")
    assert steps.kept is not None
    assert steps.kept.inputs is not None
    np.testing.assert_array_equal(
        array_of(example(steps, steps.example("2"))["look"]["values"]), steps.kept.inputs[2].astype(np.float32)
    )
    rows = Opened("penguins", runs / "penguins")
    cells = example(rows, rows.example("0"))["look"]["cells"]
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
    found = look(opened, opened.bring(alone(model, samples)))
    assert (found["rate"], found["seconds"]) == (8000, 0.25)
    np.testing.assert_allclose(array_of(found["spectrogram"]), spectrograms(part, samples[None])[0], rtol=1e-6)
