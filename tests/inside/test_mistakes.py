"""What a run keeps of its mistakes, from arrays to the report's views, and from a training to its page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import lamina
from lamina.data.examples import SILENCE, Reading
from lamina.inside import mistakes_of
from lamina.model import NetworkPart
from lamina.network import Dense, GlobalPool, Sequential
from lamina.network.sound_input import SoundInput
from lamina.settings import Place, Settings
from lamina.views.run import view

Part = Callable[..., NetworkPart]
PREDICTIONS = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])
TARGETS = np.array([0, 0, 0, 1])  # right, wrong, right, wrong


def test_series_of_mistakes_stand_beside_the_surest_right_ones(series: np.ndarray) -> None:
    rows = np.array([3, 2, 1, 0])
    kept = mistakes_of(
        [], "series", inputs=series, rows=rows, targets=TARGETS, predictions=PREDICTIONS, worst=np.array([1, 3])
    )
    assert (kept["rows"].tolist(), kept["right"].tolist()) == ([1, 3], [0, -1])
    np.testing.assert_array_equal(kept["series"], series[[2, 0]])
    np.testing.assert_array_equal(kept["right_series"][0, :1], series[3, :1])


def test_a_long_series_is_kept_short() -> None:
    x = np.arange(8000, dtype=np.float32).reshape(1, 1000, 8)
    kept = mistakes_of(
        [],
        "series",
        inputs=x,
        rows=np.zeros(1, int),
        targets=np.ones(1),
        predictions=np.ones(1),
        worst=np.zeros(1, int),
    )
    assert kept["series"].shape == (1, 400, 6)
    assert kept["right"].size == 0  # of a regression


def test_pictures_of_sounds_end_with_them(part: Part) -> None:
    of = part(Sequential([SoundInput(8000), GlobalPool(), Dense(2, "linear")]), (1600,), "cross entropy")
    x = np.random.default_rng(0).integers(-9000, 9000, (4, 1600)).astype(np.int16)
    x[1, 800:] = SILENCE
    kept = mistakes_of(
        [of], "sound", inputs=x, rows=np.arange(4), targets=TARGETS, predictions=PREDICTIONS, worst=np.array([1, 3])
    )
    assert kept["pictures"].shape == (2, 40, 20, 1)
    assert (kept["widths"].tolist(), kept["right_widths"].tolist()) == ([10, 20], [20, 20])


def test_images_are_kept_as_they_are_and_tables_not_at_all() -> None:
    x = np.random.default_rng(0).integers(0, 256, (4, 3, 3, 1)).astype(np.uint8)
    answered = {"rows": np.array([2, 0, 1, 3]), "targets": TARGETS, "predictions": PREDICTIONS, "worst": np.array([1])}
    kept = mistakes_of([], "image", inputs=x, **answered)
    assert set(kept) == {"rows", "pictures"}
    np.testing.assert_array_equal(kept["pictures"][0], x[0])
    assert mistakes_of([], "table", inputs=x, **answered) == {}


@pytest.mark.slow
def test_a_run_keeps_what_its_page_shows(tmp_path: Path) -> None:
    """From arrays to a report: which of two waves it is, read by a GRU, of unequal lengths."""
    random = np.random.default_rng(0)
    y = np.array(["slow", "fast"] * 30)
    x = np.sin(np.arange(24) * np.where(y == "slow", 0.2, 0.9)[:, None] + random.uniform(0, 6, (60, 1)))[..., None]
    x = (x + random.normal(0, 1.0, x.shape)).astype(np.float32)
    x[::3, 16:] = np.nan
    settings = Settings(networks=("gru 6, last",), epochs=2, learning_rates=(0.01,))
    reading, place = Reading(kind="series"), Place(runs=tmp_path / "runs")
    run = lamina.train((x, y), settings=settings, reading=reading, place=place)
    shown = view(run.folder)
    (layer,), (gate,) = shown["memory"]["layers"], shown["memory"]["gates"]
    assert (layer["label"], layer["kind"], layer["steps"]) == ("1.gru", "gru", list(range(24)))
    assert gate["steps"] in (16, 24)
    assert shown["memory"]["example"]["true"] in ("slow", "fast")
    assert shown["mistakes"]["looks"] == "series"
    assert {len(item["lines"][0]) for item in shown["mistakes"]["items"]} <= {16, 24}
    # The example whose gates are shown is one that the first network never trained on or was chosen by.
    assert shown["memory"]["examples"] <= shown["mistakes"]["rows"]
