"""Brought: examples that a person brings to the page, as the network takes them, and what had to be done to them."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lamina.errors import SchemaError

if TYPE_CHECKING:
    from lamina.data.preprocess import TablePreprocessing
    from lamina.inside.kept import Kept
    from lamina.model import Model

EXPECTED = {
    "image": 'A PNG or JPEG file, or JSON {"pixels": [[0, 255, ...], ...]} with values from 0 to 255.',
    "series": 'JSON {"values": [[...], ...]}: a list of steps, each with a value for every channel.',
    "sound": "A recording as WAV.",
    "table": 'JSON {"cells": {"column": value, ...}}, null where a value is missing.',
}
MEND = {
    "image": "save it anew as PNG or JPEG",
    "series": "bring numbers, null where one is missing",
    "sound": "save it anew as WAV",
    "table": "bring a value, or null, for each column",
}


def brought(model: Model, body: bytes) -> tuple[Kept, tuple[str, ...]]:
    """What was sent as the only one of some kept examples, and sentences about what was done to it.

    SchemaError where it is nothing that the model can be asked.
    """
    values, said = {"image": _image, "series": _series, "sound": _sound, "table": _table}[model.kind](model, body)
    return alone(model, values), tuple(said)


def alone(model: Model, values: Any) -> Kept:
    """One example as kept ones are, its true answer unknown: an array, or the cells of a row by column."""
    from lamina.inside.kept import Kept

    unknown = -1 if model.task.kind == "classification" else np.nan
    table = model.kind == "table"
    return Kept(
        kind=model.kind,
        ids=np.zeros(1, int),
        names=np.array(["yours"]),
        parts=np.array(["own"]),
        rows=np.array([-1]),
        targets=np.array([unknown]),
        inputs=None if table else values[None],
        cells={name: [value] for name, value in values.items()} if table else None,
    )


def _json(model: Model, body: bytes, name: str) -> dict[str, Any]:
    """A JSON object that has that name."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise _refused(model, "What was sent can't be read") from None
    if not isinstance(found, dict) or name not in found:
        raise _refused(model, f"What was sent holds no {name!r}")
    return found


def _refused(model: Model, given: str) -> SchemaError:
    return SchemaError(f"{given}.", expected=EXPECTED[model.kind], mend=MEND[model.kind])


def _numbers(model: Model, values: Any, what: str) -> np.ndarray:
    """Nested lists as float64, null as NaN."""
    try:
        found = np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise _refused(model, f"The {what} are no numbers in rows of one length") from None
    if not found.size:
        raise _refused(model, f"There are no {what}")
    return found


# --- images ----------------------------------------------------------------------------------------------------------


def _image(model: Model, body: bytes) -> tuple[np.ndarray, list[str]]:
    if body[:1].isspace() or body[:1] in (b"{", b""):
        return _pixels(model, body)
    from lamina.data.image import examine_all, special_notes
    from lamina.data.media_files import MediaFile

    preprocessing: Any = model.parts[0].preprocessing
    heads, failures = examine_all([MediaFile("yours", functools.partial(io.BytesIO, body))])
    if failures:
        raise _refused(model, f"What was sent can't be read as an image: {failures[0]}")
    head = heads[0]
    said = [*_size_said(preprocessing, (head.height, head.width)), *_colour_said(preprocessing, head.colour)]
    notes = [note.text for note in special_notes(heads, preprocessing.channels)]
    return preprocessing.transform([body])[0], [*said, *notes]


def _pixels(model: Model, body: bytes) -> tuple[np.ndarray, list[str]]:
    sent = _json(model, body, "pixels")
    found, shape = _numbers(model, sent["pixels"], "pixels"), sent.get("shape")
    preprocessing: Any = model.parts[0].preprocessing
    if isinstance(shape, list):
        found = _shaped(model, found, shape)
    if found.ndim not in (2, 3) or (found.ndim == 3 and found.shape[2] not in (1, 3)):
        raise _refused(model, f"The pixels have the shape {list(found.shape)}")
    if not (np.isfinite(found).all() and found.min() >= 0 and found.max() <= 255):
        raise _refused(model, "Some pixels are not from 0 to 255")
    found = np.rint(found).astype(np.uint8).reshape(*found.shape[:2], -1)
    if found.shape == preprocessing.shape:
        return found, []
    said = [*_size_said(preprocessing, found.shape[:2]), *_colour_said(preprocessing, found.shape[2] == 3)]
    return preprocessing.transform([found])[0], said


def _shaped(model: Model, found: np.ndarray, shape: Sequence[Any]) -> np.ndarray:
    whole = all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in shape)
    if not whole or int(np.prod([int(side) for side in shape], dtype=object)) != found.size:
        raise _refused(model, f"{found.size:,} pixels can't have the shape {str(shape)[:60]}")
    return found.reshape(shape)


def _size_said(preprocessing: Any, size: Sequence[int]) -> list[str]:
    height, width = preprocessing.shape[:2]
    if tuple(size) == (height, width):
        return []
    cut = size[0] * width != size[1] * height
    how = ", scaled until it covers that and cut around its centre" if cut else ""
    return [f"The image was {size[0]} x {size[1]} and is now {height} x {width}{how}."]


def _colour_said(preprocessing: Any, colour: bool) -> list[str]:
    if colour == (preprocessing.channels == 3):
        return []
    return ["Its colours are now greys." if colour else "It is grey: red, green and blue are alike."]


# --- series, sounds, rows --------------------------------------------------------------------------------------------


def _series(model: Model, body: bytes) -> tuple[np.ndarray, list[str]]:
    from lamina.data.ragged import from_arrays

    values = _numbers(model, _json(model, body, "values")["values"], "values")
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2:
        raise _refused(model, f"The values have the shape {list(values.shape)}")
    if not np.isfinite(values).any() or np.isinf(values).any():
        raise _refused(model, "The values are missing, or beyond all numbers")
    preprocessing: Any = model.parts[0].preprocessing
    rows, notes = preprocessing.fit(from_arrays([values]))
    return rows[0], [note.text for note in notes]


def _sound(model: Model, body: bytes) -> tuple[np.ndarray, list[str]]:
    from lamina.data.media_files import MediaFile
    from lamina.data.recording import decode_all, examine_all
    from lamina.data.sound import said

    preprocessing: Any = model.parts[0].preprocessing
    files = [MediaFile("yours", functools.partial(io.BytesIO, body))]
    heads, failures = examine_all(files)
    rows, heard, more, _ = decode_all(files, preprocessing.rate, preprocessing.samples, skip=set(failures))
    if failures := {**failures, **more}:
        raise _refused(model, f"What was sent can't be read as a recording: {failures[0]}")
    return rows[0], [note.text for note in said(files, heads, heard, {}, preprocessing)]


def _table(model: Model, body: bytes) -> tuple[Mapping[str, Any], list[str]]:
    from lamina.inside.prepared import table_of

    cells = _json(model, body, "cells")["cells"]
    if not isinstance(cells, dict) or any(isinstance(value, (dict, list)) for value in cells.values()):
        raise _refused(model, "The cells are no values by column")
    preprocessing = cast("TablePreprocessing", model.parts[0].preprocessing)
    known = [feature.name for feature in preprocessing.features]
    missing = [name for name in known if name not in cells]
    row = {name: _cell(cells.get(name)) for name in known}
    table = table_of({name: [value] for name, value in row.items()})
    preprocessing.transform(table)  # says what doesn't fit before it is kept
    said = [note.text for note in preprocessing.notes(table)]
    extra = [name for name in cells if name not in preprocessing.columns]
    said += [f"Ignored, as training had no such column: {', '.join(extra)[:200]}."] if extra else []
    return row, [*said, *([f"Taken as missing: {', '.join(missing)}."] if missing else [])]


def _cell(value: Any) -> str | float | None:
    """A cell as kept ones are: words, a number, or None; truth is a word."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        return float(value) if isinstance(value, (int, float)) else str(value)
    except OverflowError:
        return None
