"""Mistakes: which they are, what they look like, and the right answers beside them."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lamina.views.mistakes import loudness, mistakes_view, png
from lamina.views.record import Answers, Record, read

CLASSES = {"kind": "classification", "target": "y", "classes": ["a", "b"]}


def classified(probabilities: list[list[float]], targets: list[int], kind: str = "table", **more: Any) -> Record:
    names = np.array([f"line {i + 2}" for i in range(len(targets))])
    answers = Answers(names, np.array(targets), np.array(probabilities))
    return Record({"task": CLASSES, "data": {"kind": kind}}, (), answers, **more)


def image_of(address: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/png;base64,"))))


def test_the_surest_mistake_comes_first():
    view = mistakes_view(classified([[0.6, 0.4], [0.9, 0.1], [0.9, 0.1]], [1, 1, 0]))
    assert [(i["name"], i["probability"], i["true_probability"]) for i in view["items"]] == [
        ("line 3", 0.9, 0.1),
        ("line 2", 0.6, 0.4),
    ]
    assert view["items"][0]["true"] == "b"
    assert view["items"][0]["predicted"] == "a"
    assert view["wrong"] == 2
    assert view["looks"] == ""


def test_no_mistakes_is_an_empty_list():
    view = mistakes_view(classified([[0.6, 0.4]], [0]))
    assert (view["items"], view["wrong"], view["rows"]) == ([], 0, 1)


def test_no_answers_are_said():
    assert "absent" in mistakes_view(Record({}))


def test_pictures_belong_to_their_rows():
    pictures = {1: np.full((2, 3, 3), 7, np.uint8)}
    view = mistakes_view(classified([[0.9, 0.1], [0.2, 0.8]], [0, 0], "image", pictures=pictures))
    image = image_of(view["items"][0]["picture"])
    assert view["looks"] == "pictures"
    assert image.size == (3, 2)
    assert image.getpixel((0, 0)) == (7, 7, 7)


def test_a_series_is_drawn_beside_right_ones():
    """Rows 0 and 1 are right, 2 is a mistake; the channel of all goes from -4 to 9."""
    series = {
        0: np.array([[0.0], [1.0]]),
        1: np.array([[-4.0], [9.0], [2.0]]),
        2: np.array([[5.0], [6.0], [7.0], [8.0]]),
    }
    record = classified([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]], [0, 1, 1], "series", series=series, right=(0, 1))
    view = mistakes_view(record)
    (item,) = view["items"]
    assert (view["looks"], item["lines"], item["picture"]) == ("series", [[5.0, 6.0, 7.0, 8.0]], None)
    assert view["ranges"] == [[-4.0, 9.0]]
    assert {label: (of["name"], of["lines"]) for label, of in view["right"].items()} == {
        "a": ("line 2", [[0.0, 1.0]]),
        "b": ("line 3", [[-4.0, 9.0, 2.0]]),
    }


def test_a_class_without_a_right_answer_has_nothing_beside_it():
    record = classified([[0.9, 0.1], [0.7, 0.3]], [0, 1], "series", series={1: np.ones((2, 1))}, right=(-1, -1))
    assert mistakes_view(record)["right"] == {}


def test_a_long_series_of_many_channels_is_thinned_and_keeps_both_ends():
    record = classified([[0.9, 0.1]], [1], "series", series={0: np.arange(5000.0).reshape(1000, 5)})
    lines = mistakes_view(record)["items"][0]["lines"]
    assert len(lines) == 3
    assert [len(line) for line in lines] == [100] * 3
    assert (lines[0][0], lines[0][-1]) == (0.0, 5000.0)  # 4995 in three digits


def test_a_sound_is_its_spectrogram_in_colours():
    pictures = {0: np.uint8([[[0], [255]], [[255], [0]]])}
    view = mistakes_view(classified([[0.9, 0.1]], [1], "sound", pictures=pictures))
    image = image_of(view["items"][0]["picture"])
    assert view["looks"] == "sounds"
    assert image.getpixel((0, 0)) == (14, 14, 40)
    assert image.getpixel((1, 0)) == (255, 238, 178)


def test_louder_is_always_lighter():
    ramp = loudness(np.arange(256, dtype=np.uint8).reshape(1, 256, 1))[0].astype(float)
    light = ramp @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) >= -1).all()  # each band is rounded by itself
    assert (np.diff(light[::8]) > 0).all()


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (4, "RGBA")])
def test_a_large_picture_is_made_small(channels, mode):
    image = image_of(png(np.zeros((300, 150, channels), np.uint8)))
    assert image.size == (48, 96)
    assert image.mode == mode


def test_the_largest_errors_come_first_with_what_they_look_like():
    names, targets = np.array(["row 0", "row 1", "row 2"]), np.array([1.0, 2.0, 3.0])
    answers = Answers(names, targets, np.array([2.0, 4.0, 0.0]))
    run = {"task": {"kind": "regression", "target": "price"}, "data": {"kind": "series"}}
    series = {1: np.ones((2, 1)), 2: np.zeros((3, 1))}
    view = mistakes_view(Record(run, (), answers, series=series))
    assert [(i["name"], i["error"], len(i["lines"][0])) for i in view["items"]] == [
        ("row 2", -3.0, 3),
        ("row 1", 2.0, 2),
    ]
    bare = mistakes_view(Record(run, (), answers))
    assert [i["name"] for i in bare["items"]] == ["row 2", "row 1", "row 0"]


@pytest.mark.parametrize("kind", ["series", "sounds"])
def test_a_made_run_shows_each_mistake_without_its_padding(made_run, kind):
    record = read(made_run(kind))
    view = mistakes_view(record)
    assert view["looks"] == kind
    assert set(view["right"]) == {"slow", "middling"}
    assert len(view["items"]) == view["wrong"] > 3
    sizes = {len(i["lines"][0]) if i["lines"] else image_of(i["picture"]).size[0] for i in view["items"]}
    assert sizes == {40, 60}
