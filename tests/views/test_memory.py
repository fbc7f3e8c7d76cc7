"""Memory: what a curve is said to show, and what the page gets to draw."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import pytest

from lamina.views.memory import half_life_sentence, memory_view, reading
from lamina.views.record import Record, read


def test_a_run_without_recurrent_layers_has_no_memory():
    assert set(memory_view(Record({}))) == {"absent"}


def test_curves_are_those_that_were_kept(made_run):
    view = memory_view(read(made_run("series")))
    assert [layer["label"] for layer in view["layers"]] == ["1.lstm forward", "1.lstm backward", "2.gru"]
    assert [[c["name"] for c in layer["curves"]] for layer in view["layers"]] == [
        ["hidden state", "cell state"],
        ["hidden state", "cell state"],
        ["hidden state"],
    ]
    first = view["layers"][0]
    assert first["steps"] == list(range(60))
    np.testing.assert_allclose(first["curves"][0]["mean"], 0.3 * 0.7 ** np.arange(60), rtol=1e-3)
    assert view["examples"] == 64


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (0.7, "fades: from 13 steps back on"),  # 0.7^13 is the first power below 0.01
        (0.99, "reaches the beginning, 59 steps back, where it is 55 % of its largest"),
        (1.2, "grows: 59 steps back it is 46,956 times what it is at the end"),
    ],
)
def test_what_a_curve_shows_is_said(factor, said):
    assert said in reading("1.rnn", range(60), factor ** np.arange(60))


@pytest.mark.parametrize("mean", [np.zeros(5), np.array([np.nan] * 5), np.ones(1)])
def test_of_a_curve_that_shows_nothing_nothing_is_said(mean):
    assert reading("1.rnn", range(len(mean)), mean) == ""


def test_a_gradient_that_comes_back_has_not_faded_before_that():
    assert "from 4 steps back" in reading("1.rnn", range(6), np.array([1.0, 0.001, 0.001, 0.5, 0.001, 0.001]))


def test_gates_are_bytes_between_their_ends(made_run):
    record = read(made_run("series"))
    shown = memory_view(record)["gates"][0]
    assert (shown["label"], shown["steps"], shown["units"], shown["features"]) == (
        "1.lstm forward",
        60,
        [3, 0, 1, 2],
        4,
    )
    for picture in shown["pictures"]:
        values = record.memory[f"0/gate/{picture['name']}"].astype(float).T
        content = np.frombuffer(base64.b64decode(picture["bytes"]), np.uint8).reshape(4, 60)
        back = picture["low"] + content / 255 * (picture["high"] - picture["low"])
        np.testing.assert_allclose(back, values, atol=0.006)
    ends = {p["name"]: (p["low"], p["high"]) for p in shown["pictures"]}
    assert ends["forget"] == (0, 1)
    assert ends["hidden"] == (-1, 1)
    assert ends["cell"][0] == -ends["cell"][1]


def test_the_example_is_named_and_drawn(made_run):
    example = memory_view(read(made_run("series")))["example"]
    assert example["name"] == "wave 5"
    assert example["true"] in ("slow", "middling", "fast")
    assert [len(line) for line in example["lines"]] == [60, 60]
    heard = memory_view(read(made_run("sounds")))["example"]
    assert heard["lines"] == []
    assert (heard["picture"]["rows"], heard["picture"]["columns"]) == (20, 60)


def test_an_example_of_a_regression_is_named_by_its_value(made_run):
    record = read(made_run("series"))
    assert record.answers is not None
    answers = replace(record.answers, targets=np.linspace(0, 1, 90))
    run = {"task": {"kind": "regression", "target": "pace", "classes": []}}
    example = memory_view(replace(record, run=run, answers=answers))["example"]
    assert example["true"] == f"{5 / 89:.4g}"


def test_half_lives_are_said_in_steps():
    said = half_life_sentence("1.lstm", "lstm", np.array([np.inf, 12.0, 4.0, 1.0, 0.5]))
    assert "after 4 steps (the middle unit; from 0.5 to never)" in said
    assert "after 1 step (" in half_life_sentence("1.gru", "gru", np.array([1.0]))
