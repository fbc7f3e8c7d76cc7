"""What one file holds of a network's inside: the studio's own answers, as many as there is room for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pytest

from lamina.inside.anatomy import anatomy
from lamina.views import networks
from lamina.views.examples import example
from lamina.views.opened import Opened
from lamina.views.within import EXAMPLES, MOST_BYTES, UNITS, Answers, address, asked_of, chosen, places, within
from small_runs import RUNS


def _asked(held: dict[str, Any], what: str) -> list[dict[str, str]]:
    """The queries that a path is held for."""
    return [dict(parse_qsl(at.partition("?")[2], keep_blank_values=True)) for at in held if at.startswith(f"{what}?")]


@pytest.mark.parametrize("name", RUNS)
def test_what_is_held_is_what_the_studio_answers(runs: Path, name: str) -> None:
    opened = Opened(name, runs / name)
    found = within(opened)
    held, other = found["answers"], Opened(name, runs / name)
    for what in ("trace", "gates", "weights", "unit"):
        for query in _asked(held, what):
            assert held[address(what, query)] == getattr(networks, what)(other, query)
    assert held["network?member=0"] == networks.network(other, {})
    items = held["examples"]["items"]
    assert held["examples"]["total"] == len(items) <= EXAMPLES
    for item in items:
        assert held[f"examples/{item['id']}"] == example(other, other.example(item["id"]))
    ids = {item["id"] for item in items}
    assert {query["example"] for query in _asked(held, "trace")} == ids
    assert bool(_asked(held, "gates")) == (name == "steps")
    assert found["command"] == f"lamina studio {name}"
    assert len(json.dumps(held, separators=(",", ":"))) < 1.05 * MOST_BYTES


@pytest.mark.parametrize("name", RUNS)
def test_of_a_small_network_every_number_that_the_page_asks_for_is_held(runs: Path, name: str) -> None:
    opened = Opened(name, runs / name)
    found = within(opened, most=20_000_000)
    organs = asked_of(anatomy(opened.network()))
    small = [organ for organ in organs if np.prod(organ.output_shape) <= UNITS]
    held = _asked(found["answers"], "unit")
    for item in found["answers"]["examples"]["items"]:
        for organ in small:
            units = {q["index"] for q in held if q["layer"] == organ.path and q["example"] == item["id"]}
            assert len(units) == organ.output_shape[-1]
    assert found["whole"] == (len(small) == len(organs))


def test_mistakes_come_first_and_then_each_class(runs: Path) -> None:
    opened = Opened("penguins", runs / "penguins")
    items = chosen(opened)
    wrong = [item for item in items if not item["right"]]
    assert items[: len(wrong)] == wrong
    assert len(items) == EXAMPLES
    assert all(item["part"] == "judged" for item in items)
    right = [item["target"] for item in items[len(wrong) :]]
    assert right[: len(set(right))] == sorted(set(right))


def test_where_there_is_little_room_the_classes_come_first(runs: Path) -> None:
    opened = Opened("penguins", runs / "penguins")
    full = within(opened)
    units = sum(len(json.dumps(answer)) for at, answer in full["answers"].items() if at.startswith("unit?"))
    rest = sum(len(json.dumps(answer)) for at, answer in full["answers"].items() if not at.startswith("unit?"))
    found = within(Opened("penguins", runs / "penguins"), most=rest + units // 3)
    assert not found["whole"]
    held = _asked(found["answers"], "unit")
    classes = len(opened.model.task.classes)
    last = [organ.path for organ in anatomy(opened.network())][-2:]
    for item in found["answers"]["examples"]["items"]:
        own = [query for query in held if query["example"] == item["id"]]
        assert len([query for query in own if query["layer"] in last]) == 2 * classes


def test_too_large_a_network_is_not_held_and_that_is_said(runs: Path) -> None:
    assert "more than one file should hold" in within(Opened("pictures", runs / "pictures"), most=2000)["absent"]


def test_why_nothing_is_held(copied: Path, runs: Path) -> None:
    assert "model file without its run" in within(Opened("m", runs / "pictures" / "model.lamina"))["absent"]
    (copied / "pictures" / "examples.npz").unlink()
    assert "kept no examples" in within(Opened("pictures", copied / "pictures"))["absent"]
    (copied / "pictures" / "model.lamina").unlink()
    assert "no model yet" in within(Opened("pictures", copied / "pictures"))["absent"]


def test_a_damaged_model_leaves_a_report_without_its_inside(copied: Path) -> None:
    (copied / "pictures" / "model.lamina").write_bytes(b"nothing")
    assert "model.lamina" in within(Opened("pictures", copied / "pictures"))["absent"]


def test_answers_are_taken_whole_or_not_at_all() -> None:
    answers = Answers(20)
    assert answers.hold({"a": "123"})
    assert not answers.hold({"b": "123", "c": "x" * 20})
    assert not answers.hold({"d": "123"}, leaving=12)
    assert answers.hold({"d": "123"}, leaving=8)
    assert set(answers.held) == {"a", "d"}
    assert answers.room == 8


def test_the_place_that_is_opened_first() -> None:
    maps = np.zeros((2, 3, 2))
    maps[1, 2, 0], maps[0, 1, 1] = -5, 2
    assert places(maps) == [(1, 2, 0), (0, 1, 1)]
    steps = np.array([[9.0, 1.0], [0.5, -3.0]])
    assert places(steps, last=True) == [(1, 1), (1, 0)]
    assert places(steps) == [(0, 0), (1, 1)]
