"""Own examples: whatever is sent becomes what the network takes, says what was done to it, or is refused in words."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lamina.data.examples import SILENCE, Task
from lamina.data.sound import SoundPreprocessing
from lamina.errors import DataError, LaminaError, SchemaError
from lamina.model import Model, NetworkPart, load
from lamina.studio.brought import brought


def _model(runs: Path, name: str) -> Model:
    return load(runs / name / "model.lamina")


def _png(pixels: np.ndarray, **how: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, **{"format": "PNG", **how})
    return file.getvalue()


# --- images ----------------------------------------------------------------------------------------------------------


def test_an_image_of_the_right_size_comes_as_it_is(runs: Path) -> None:
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    kept, said = brought(_model(runs, "pictures"), _png(pixels))
    assert kept.inputs is not None
    np.testing.assert_array_equal(kept.inputs[0, ..., 0], pixels)
    assert said == ()


def test_a_larger_image_is_resized_and_that_is_said(runs: Path) -> None:
    model = _model(runs, "pictures")
    colours = np.zeros((100, 80, 3), np.uint8)
    colours[20:60] = 200, 0, 0
    kept, said = brought(model, _png(colours))
    assert kept.inputs is not None
    assert kept.inputs.shape == (1, 8, 8, 1)
    assert said[0].startswith("The image was 100 x 80 and is now 8 x 8")
    assert "greys" in said[1]
    np.testing.assert_array_equal(kept.inputs, model.parts[0].preprocessing.transform([_png(colours)]))  # type: ignore


def test_a_jpeg_is_an_image_too(runs: Path) -> None:
    kept, said = brought(_model(runs, "pictures"), _png(np.full((16, 16), 99, np.uint8), format="JPEG"))
    assert kept.inputs is not None
    assert abs(kept.inputs.astype(int) - 99).max() <= 2
    assert said == ("The image was 16 x 16 and is now 8 x 8.",)


@pytest.mark.parametrize("flat", [True, False])
def test_pixels_come_as_json(runs: Path, flat: bool) -> None:
    pixels = np.arange(64).reshape(8, 8)
    body = {"pixels": pixels.ravel().tolist(), "shape": [8, 8, 1]} if flat else {"pixels": pixels.tolist()}
    kept, said = brought(_model(runs, "pictures"), json.dumps(body).encode())
    assert kept.inputs is not None
    np.testing.assert_array_equal(kept.inputs[0, ..., 0], pixels)
    assert said == ()


def test_pixels_of_another_shape_are_resized_and_that_is_said(runs: Path) -> None:
    kept, said = brought(_model(runs, "pictures"), json.dumps({"pixels": np.zeros((4, 6)).tolist()}).encode())
    assert kept.inputs is not None
    assert kept.inputs.shape == (1, 8, 8, 1)
    assert said[0].startswith("The image was 4 x 6 and is now 8 x 8, scaled")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing",
        b"{",
        b"{}",
        b"[]",
        b'{"pixels": []}',
        b'{"pixels": 5}',
        b'{"pixels": [[1], [1, 2]]}',
        b'{"pixels": [["a"]]}',
        b'{"pixels": [[NaN]]}',
        b'{"pixels": [[1e400]]}',
        b'{"pixels": [[256]]}',
        b'{"pixels": [[-1]]}',
        b'{"pixels": [[[1, 2]]]}',
        b'{"pixels": [1, 2], "shape": [2, 2]}',
        b'{"pixels": [1, 2], "shape": [-1, -2]}',
        b'{"pixels": [1, 2], "shape": ["a"]}',
        b'{"pixels": ' + b"[" * 100_000,
        b'{"pixels": [[' + b"9" * 5000 + b"]]}",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
        _png(np.zeros((9, 9), np.uint8))[:-30],
    ],
)
def test_what_is_no_image_is_refused_in_words(runs: Path, body: bytes) -> None:
    with pytest.raises(DataError) as error:
        brought(_model(runs, "pictures"), body)
    assert error.value.expected
    assert error.value.mend


def test_an_image_of_too_many_pixels_is_not_decoded(runs: Path) -> None:
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    import zlib

    chunk = b"IHDR" + head
    body = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    with pytest.raises(DataError, match="pixels"):
        brought(_model(runs, "pictures"), body)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.one_of(st.binary(max_size=60), st.recursive(st.none() | st.floats() | st.text(max_size=3), st.lists)))
@pytest.mark.parametrize("name", ["pictures", "steps", "penguins"])
def test_anything_is_taken_or_refused(runs: Path, name: str, body: Any) -> None:
    key = {"pictures": "pixels", "steps": "values", "penguins": "cells"}[name]
    content = body if isinstance(body, bytes) else json.dumps({key: body}).encode()
    try:
        kept, _ = brought(_model(runs, name), content)
    except LaminaError:
        return
    assert len(kept) == 1


# --- series, rows, sounds --------------------------------------------------------------------------------------------


def test_a_series_is_filled_cut_and_padded_as_training_did(runs: Path) -> None:
    model = _model(runs, "steps")
    kept, said = brought(model, json.dumps({"values": [[1], [None], [3], *[[4]] * 12]}).encode())
    assert kept.inputs is not None
    assert kept.inputs.shape == (1, 10, 1)
    assert kept.inputs[0, :4, 0].tolist() == [1, 2, 3, 4]
    assert "straight line" in " ".join(said)
    assert "10 steps" in " ".join(said)
    short, _ = brought(model, b'{"values": [1, 2]}')
    assert short.inputs is not None
    assert np.isnan(short.inputs[0, 2:]).all()


@pytest.mark.parametrize(
    "values", ["[]", "[[1, 2]]", "[null]", '["a"]', "[[[1]]]", "[1e999]", "3", "{}", "[[1],[1,2]]"]
)
def test_what_is_no_series_is_refused(runs: Path, values: str) -> None:
    with pytest.raises(DataError):
        brought(_model(runs, "steps"), b'{"values": ' + values.encode() + b"}")


def test_a_row_is_a_value_for_each_column(runs: Path) -> None:
    cells = {
        "island": "Biscoe",
        "bill_length_mm": 45,
        "sex": None,
        "year": "2008",
        "colour": "red",
        "species": "Gentoo",
    }
    kept, said = brought(_model(runs, "penguins"), json.dumps({"cells": cells}).encode())
    assert kept.cells is not None
    assert {name: column[0] for name, column in kept.cells.items()} == {
        "island": "Biscoe",
        "bill_length_mm": 45.0,
        "bill_depth_mm": None,
        "flipper_length_mm": None,
        "body_mass_g": None,
        "sex": None,
        "year": "2008",
    }
    assert "colour" in said[0]
    assert said[1] == "Taken as missing: bill_depth_mm, flipper_length_mm, body_mass_g."


def test_a_word_that_training_did_not_see_is_said(runs: Path) -> None:
    kept, said = brought(_model(runs, "penguins"), b'{"cells": {"island": "Atlantis"}}')
    assert kept.cells is not None
    assert kept.cells["island"] == ["Atlantis"]
    assert "Atlantis" in said[0]


@pytest.mark.parametrize(
    "cells", ["[]", "5", '{"year": "soon"}', '{"year": [1]}', '{"year": {"a": 1}}', '{"bill_length_mm": "wide"}']
)
def test_a_row_that_does_not_fit_is_refused(runs: Path, cells: str) -> None:
    with pytest.raises(SchemaError):
        brought(_model(runs, "penguins"), b'{"cells": ' + cells.encode() + b"}")


def _hearing() -> Model:
    part = NetworkPart(None, (800,), "cross-entropy", SoundPreprocessing(8000, 800, "given"), np.zeros(0), {})
    return Model(Task("classification", "word", ("yes", "no")), "sound", (part,), {})


def _wav(samples: np.ndarray, rate: int) -> bytes:
    data = samples.astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(data))
        + b"WAVEfmt \x10\0\0\0"
        + form
        + b"data"
        + struct.pack("<I", len(data))
        + data
    )


def test_a_recording_is_brought_to_the_rate_and_the_length() -> None:
    wave = (8000 * np.sin(np.arange(400) / 5)).astype(np.int16)
    kept, said = brought(_hearing(), _wav(wave, 8000))
    assert kept.inputs is not None
    np.testing.assert_array_equal(kept.inputs[0, :400], wave)
    assert (kept.inputs[0, 400:] == SILENCE).all()
    assert said == ()
    kept, said = brought(_hearing(), _wav(wave, 4000))
    assert kept.inputs is not None
    assert (kept.inputs[0] != SILENCE).sum() == 800
    assert "resampled" in said[0]


@pytest.mark.parametrize(
    "body", [b"", b"RIFF", b"{}", _wav(np.zeros(90), 8000)[:-20], b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff"]
)
def test_what_is_no_recording_is_refused(body: bytes) -> None:
    with pytest.raises(DataError):
        brought(_hearing(), body)
