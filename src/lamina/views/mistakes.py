"""Mistakes: the wrong answers that the network was surest of, and what these examples look like beside right ones."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from typing import Any

import numpy as np

from lamina.views.curves import short
from lamina.views.outcomes import NO_ANSWERS, classes_of, is_regression
from lamina.views.record import Answers, Record

MISTAKES = 24
PIXELS = 96  # longest side of a picture
FRAMES = 240  # longest side of a spectrogram
CHANNELS, POINTS = 3, 100  # of a series that is drawn
# From quiet to loud: night, violet, red, orange, pale yellow. Each is lighter than the one before.
LOUDNESS = ((14, 14, 40), (74, 26, 110), (176, 48, 92), (238, 128, 48), (255, 238, 178))


def mistakes_view(record: Record) -> dict[str, Any]:
    """The wrong answers that the network was surest of, of a regression the largest errors, and what they look like.

    ``kind``: "classification" or "regression"; ``looks``: "pictures", "sounds", "series" or "" where nothing is kept.
    An item has a ``picture`` (of a sound its spectrogram) or ``lines``, a series' channels, whose ``ranges`` are those
    of all that are drawn. ``right`` has the same, by class, of one right answer to set beside a mistake.
    """
    if record.answers is None:
        return {"absent": NO_ANSWERS}
    found = _largest_errors(record, record.answers) if is_regression(record) else _surest_wrong(record, record.answers)
    return found | {"looks": _looks(record), "right": _right(record, record.answers), "ranges": _ranges(record)}


def _surest_wrong(record: Record, answers: Answers) -> dict[str, Any]:
    classes = classes_of(record)
    predicted, rows = answers.predictions.argmax(axis=1), np.arange(len(answers.targets))
    confidence, targets = answers.predictions.max(axis=1), answers.targets.astype(int)
    wrong = rows[predicted != targets]
    order = sorted(_seen(record, wrong), key=lambda r: (-confidence[r], r))[:MISTAKES]
    items = [
        {
            "name": str(answers.names[r]),
            "true": classes[targets[r]],
            "predicted": classes[predicted[r]],
            "probability": short(confidence[r]),
            "true_probability": short(answers.predictions[r, targets[r]]),
            **_look(record, int(r)),
        }
        for r in order
    ]
    return {"kind": "classification", "items": items, "wrong": len(wrong), "rows": len(rows)}


def _largest_errors(record: Record, answers: Answers) -> dict[str, Any]:
    actual, predicted = answers.targets.astype(float), np.ravel(answers.predictions).astype(float)
    error = predicted - actual
    order = np.argsort(-np.nan_to_num(np.abs(error), nan=np.inf), kind="stable")
    names = ("actual", "predicted", "error")
    items = [
        {
            "name": str(answers.names[r]),
            **{n: short(v[r], 5) for n, v in zip(names, (actual, predicted, error), strict=True)},
            **_look(record, int(r)),
        }
        for r in _seen(record, order)[:MISTAKES]
    ]
    return {"kind": "regression", "items": items, "rows": len(actual)}


def _seen(record: Record, rows: Iterable[Any]) -> list[int]:
    """Of some rows those that something is kept of; all, where that is none."""
    every = [int(row) for row in rows]
    return [row for row in every if row in record.pictures or row in record.series] or every


# --- what they look like ---------------------------------------------------------------------------------------------


def _looks(record: Record) -> str:
    if record.series:
        return "series"
    return "" if not record.pictures else "sounds" if _is_sound(record) else "pictures"


def _is_sound(record: Record) -> bool:
    return (record.run.get("data") or {}).get("kind") == "sound"


def _look(record: Record, row: int) -> dict[str, Any]:
    """A row's picture, or its channels as lines; neither where nothing is kept of it."""
    picture, series = record.pictures.get(row), record.series.get(row)
    if picture is not None and picture.size:
        sound = _is_sound(record)
        return {"picture": png(loudness(picture) if sound else picture, FRAMES if sound else PIXELS), "lines": None}
    if series is not None and len(series):
        places = np.unique(np.linspace(0, len(series) - 1, min(POINTS, len(series))).round().astype(int))
        lines = [[short(v, 3) for v in channel] for channel in series[places, :CHANNELS].T]
        return {"picture": None, "lines": lines}
    return {"picture": None, "lines": None}


def _right(record: Record, answers: Answers) -> dict[str, Any]:
    """One right answer of each class that has one: its name and what it looks like."""
    classes = classes_of(record)
    there = [(classes[c], row) for c, row in enumerate(record.right[: len(classes)]) if 0 <= row < len(answers.names)]
    return {label: {"name": str(answers.names[row]), **_look(record, row)} for label, row in there}


def _ranges(record: Record) -> list[list[float | None]]:
    """From where to where each channel goes, over all series that are kept."""
    kept = [series[:, :CHANNELS] for series in record.series.values() if len(series)]
    if not kept:
        return []
    every = np.concatenate(kept)
    return [[short(low, 3), short(high, 3)] for low, high in zip(every.min(axis=0), every.max(axis=0), strict=True)]


def loudness(picture: np.ndarray) -> np.ndarray:
    """A grey picture [height, width, 1] in the colours of loudness, [height, width, 3].

    >>> loudness(np.array([[[0], [255]]], np.uint8)).tolist()
    [[[14, 14, 40], [255, 238, 178]]]
    """
    places = np.linspace(0, 255, len(LOUDNESS))
    bands = [np.interp(picture[:, :, 0], places, [colour[band] for colour in LOUDNESS]) for band in range(3)]
    return np.stack(bands, axis=2).round().astype(np.uint8)


def png(picture: np.ndarray, most: int = PIXELS) -> str:
    """A picture uint8 [height, width, channels] as a data: address of a PNG, at most ``most`` pixels wide or high.

    >>> png(np.zeros((2, 2, 1), np.uint8))[:22]
    'data:image/png;base64,'
    """
    from PIL import Image

    channels = picture.shape[2]
    image = Image.fromarray(np.ascontiguousarray(picture if channels in (3, 4) else picture[:, :, 0]))
    image.thumbnail((most, most))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
