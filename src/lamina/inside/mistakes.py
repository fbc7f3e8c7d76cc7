"""Mistakes: what a run keeps of the examples that it was wrong about, and of right ones to set beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.data.examples import Kind
from lamina.inside.memory import columns
from lamina.inside.spectrogram import greys, spectrograms
from lamina.model import NetworkPart

STEPS, CHANNELS = 400, 6  # of a series that is drawn
FRAMES = 400  # of a spectrogram


def mistakes_of(
    networks: Sequence[NetworkPart],
    kind: Kind,
    *,
    inputs: np.ndarray,
    rows: np.ndarray,
    targets: np.ndarray,
    predictions: np.ndarray,
    worst: np.ndarray,
) -> dict[str, Any]:
    """Arrays for mistakes.npz: how the ``worst`` of some judged examples look, beside right ones; empty for tables.

    ``inputs`` [all, ...] as they were read, of which ``rows`` [n] were judged: ``targets`` [n], ``predictions`` [n,
    classes] or [n]. ``worst`` [m] are places among these n, as are all that is kept:

    - ``rows`` [m]: ``worst``; ``right`` [classes]: where the surest right answer of each class is, -1 where there is
      none (empty for a regression);
    - images: ``pictures`` [m, height, width, channels];
    - series: ``series`` and ``right_series`` [m or classes, steps, channels], NaN behind a shorter one's end;
    - sounds: ``pictures`` and ``right_pictures`` uint8 [m or classes, mels, frames, 1], spectrograms of which the first
      ``widths`` and ``right_widths`` frames are there.
    """
    if kind == "table":
        return {}
    right = surest_right(targets, predictions)
    if kind == "image":
        return {"rows": worst, "pictures": inputs[rows[worst]]}
    shown = inputs[rows[np.concatenate([worst, np.maximum(right, 0)]).astype(int)]]
    drawn = _series(shown) if kind == "series" else _sounds(networks[0], shown)
    count = len(worst)
    beside = {f"right_{name}": of[count:] for name, of in drawn.items()}
    return {"rows": worst, "right": right, **{name: of[:count] for name, of in drawn.items()}, **beside}


def surest_right(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """The row with the surest right answer for each class, -1 where there is none; of a regression nothing.

    >>> surest_right(np.array([0, 0, 1]), np.array([[0.6, 0.4], [0.9, 0.1], [0.8, 0.2]])).tolist()
    [1, -1]
    """
    if predictions.ndim == 1:
        return np.zeros(0, int)
    classes = np.arange(predictions.shape[1])
    is_right = (predictions.argmax(axis=1) == targets)[:, None] & (targets[:, None] == classes)
    sure = np.where(is_right, predictions, -1.0)
    return np.where(is_right.any(axis=0), sure.argmax(axis=0), -1)


def _series(shown: np.ndarray) -> dict[str, np.ndarray]:
    each = [columns(of[~np.isnan(of).all(axis=1)][:, :CHANNELS], STEPS) for of in shown]
    lengths = [int((~np.isnan(of).all(axis=1)).sum()) for of in shown]
    drawn = np.full((len(shown), max(map(len, each), default=0), min(shown.shape[2], CHANNELS)), np.nan, np.float32)
    for row, of in zip(drawn, each, strict=True):
        row[: len(of)] = of
    return {"series": drawn, "lengths": np.array(lengths)}


def _sounds(part: NetworkPart, shown: np.ndarray) -> dict[str, np.ndarray]:
    each = greys([columns(of, FRAMES) for of in spectrograms(part, shown)])
    widths = np.array([of.shape[1] for of in each])
    drawn = np.zeros((len(each), each[0].shape[0] if each else 0, max(widths, default=0), 1), np.uint8)
    for row, of in zip(drawn, each, strict=True):
        row[:, : of.shape[1]] = of
    return {"pictures": drawn, "widths": widths}
