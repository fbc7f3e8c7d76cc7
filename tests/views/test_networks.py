"""What the page asks of a network, as plain values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lamina.errors import LaminaError
from lamina.model import load
from lamina.views import networks
from lamina.views.opened import Opened
from small_runs import RUNS, array_of


@pytest.mark.parametrize("name", RUNS)
def test_the_trace_ends_in_the_models_answer(runs: Path, name: str) -> None:
    opened = Opened(name, runs / name)
    own = opened.example("1")
    found = networks.trace(opened, {"example": "1", "member": "1"})
    part = opened.model.parts[1]
    expected = part.answer(own.kept.inputs_for(part, [1]), opened.model.task)[0]
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-6)
    organs = networks.network(opened, {"member": "1"})["organs"]
    assert [step["path"] for step in found["steps"]] == [organ["path"] for organ in organs]


def test_the_network_says_what_goes_in(runs: Path) -> None:
    found = networks.network(Opened("penguins", runs / "penguins"), {})
    assert found["members"] == 2
    assert found["inputs"]["shape"] == [len(found["inputs"]["names"])]
    bill = next(column for column in found["inputs"]["columns"] if column["name"] == "bill_length_mm")
    assert bill["kind"] == "number"
    assert 30 < bill["range"][0] < bill["range"][1] < 70
    assert networks.network(Opened("steps", runs / "steps"), {})["inputs"]["names"] == ["channel 1"]


def test_a_unit_is_worked_out(runs: Path) -> None:
    opened = Opened("pictures", runs / "pictures")
    trace = networks.trace(opened, {"example": "3"})["steps"]
    conv = next(step for step in trace if step["kind"] == "conv")
    found = networks.unit(opened, {"example": "3", "layer": conv["path"], "index": "2,3,1"})
    assert found["output"] == pytest.approx(array_of(conv["output"])[2, 3, 1], abs=1e-5)
    assert found["parts"][0]["type"] == "Products"


def test_weights_are_those_of_the_layer(runs: Path) -> None:
    opened = Opened("pictures", runs / "pictures")
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
        getattr(networks, what)(Opened("pictures", runs / "pictures"), query)
    assert error.value.given
    assert error.value.mend


def test_warming_does_all_that_a_first_click_waits_for(runs: Path) -> None:
    for name in RUNS:
        for work in networks.warming(Opened(name, runs / name)):
            work()


def test_a_saved_model_is_the_one_that_is_shown(runs: Path) -> None:
    opened = Opened("pictures", runs / "pictures")
    np.testing.assert_array_equal(
        opened.model.parts[0].parameters, load(runs / "pictures" / "model.lamina").parts[0].parameters
    )
