"""Sequences: series, or sounds as log-mel frames, as simple models see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lamina.judgement.columns import Columns
from lamina.judgement.fold import Matrix
from lamina.judgement.random_kernels import live_steps

PIECE = 1 << 22  # values at a time
ABOUT = ("mean", "deviation", "least", "largest", "rise", "step")
DIFFERS = 0.01  # of a channel's deviation: means and deviations of series that differ less tell how they were made


@dataclass(frozen=True)
class Sequences:
    """Series [n, time, channels], NaN behind their ends, and numbers about each.

    ``numbers`` [n, names, channels], of which the mean and the deviation are the first two; linear models see so many
    names as ``few``, trees all of them, and both the ``lengths`` [n] if ``uneven``.
    """

    steps: np.ndarray
    numbers: np.ndarray
    few: int
    lengths: np.ndarray
    uneven: bool
    about_scaled: str
    about_binned: str

    @staticmethod
    def of_series(series: np.ndarray) -> Sequences:
        """Of series, with the same classical numbers for all models."""
        lengths = live_steps(series)
        uneven = bool((lengths != lengths[0]).any())
        said = "mean, deviation, least, largest, rise and mean step of each channel" + ", and length" * uneven
        return Sequences(series, about_series(series, ABOUT), len(ABOUT), lengths, uneven, said, said)

    @staticmethod
    def of_frames(frames: np.ndarray, said: str) -> Sequences:
        """Of frames [n, frames, bands], ``said`` to be log-mel: the means of bands, for trees deviations too."""
        numbers = about_series(frames, ABOUT[:2])
        about = f"mean {said}", f"mean and deviation of {said}"
        return Sequences(frames, numbers, 1, live_steps(frames), False, *about)

    @property
    def width(self) -> int:
        """How many numbers there are about each."""
        return self.numbers.shape[1] * self.numbers.shape[2]

    @property
    def about_compact(self) -> str:
        """The same as linear models see."""
        return self.about_scaled

    def scaled(self, known: np.ndarray) -> Matrix:
        """The numbers standardised."""
        return self._columns(known, self.few).scaled(known)

    def compact(self, known: np.ndarray) -> Matrix:
        """The same: they are few."""
        return self.scaled(known)

    def binned(self, known: np.ndarray, most: int) -> tuple[Matrix, np.ndarray]:
        """The numbers as they are; none is a category."""
        return self._columns(known, self.numbers.shape[1]).binned(known, most)

    def _columns(self, known: np.ndarray, names: int) -> Columns:
        """The numbers; 0 for a mean or deviation that doesn't differ, as of series standardised one by one."""
        some = self.numbers[known, :2]
        scale = np.sqrt((some[:, 1] ** 2).mean(axis=0) + some[:, 0].var(axis=0))
        told = self.numbers[:, :names].copy()
        told[:, :2] *= (some.std(axis=0) > DIFFERS * scale)[:names]
        told = told.reshape(len(told), -1)
        if self.uneven:
            told = np.concatenate([told, self.lengths[:, None]], axis=1)
        return Columns(told, np.zeros((len(told), 0), np.int64))


def about_series(series: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """These numbers about each channel of series [n, time, channels], NaN behind their ends: [n, names, channels].

    "mean", "deviation", "least", "largest"; "rise": how far the straight line fitted to it rises from the first step
    to the last; "step": the mean size of a change from one step to the next. An empty series has zeros.

    >>> series = np.array([[[1.0], [3.0], [2.0], [np.nan]]])
    >>> about_series(series, ("mean", "least", "largest", "rise", "step")).ravel().tolist()
    [2.0, 1.0, 3.0, 1.0, 1.5]
    """
    size = max(1, PIECE // max(1, series[0].size))
    pieces = [_about(series[start : start + size], names) for start in range(0, len(series), size)]
    return np.concatenate(pieces)


def _about(series: np.ndarray, names: Sequence[str]) -> np.ndarray:
    live = ~np.isnan(series[:, :, :1])
    count = live.sum(axis=1)
    some = np.maximum(count, 1)
    filled = np.where(live, series, 0.0).astype(np.float64)
    mean = filled.sum(axis=1) / some
    centred = np.where(live, filled - mean[:, None], 0.0)
    when = np.where(live, np.arange(series.shape[1])[:, None] - (count[:, None] - 1) / 2, 0.0)
    slope = (when * centred).sum(axis=1) / np.maximum((when**2).sum(axis=1), 1e-9)
    changes = np.abs(np.diff(filled, axis=1)) * live[:, 1:]
    found = {
        "mean": mean,
        "deviation": np.sqrt((centred**2).sum(axis=1) / some),
        "least": np.where(count, np.where(live, filled, np.inf).min(axis=1), 0.0),
        "largest": np.where(count, np.where(live, filled, -np.inf).max(axis=1), 0.0),
        "rise": slope * (some - 1),
        "step": changes.sum(axis=1) / np.maximum(count - 1, 1),
    }
    return np.stack([found[name] for name in names], axis=1)
