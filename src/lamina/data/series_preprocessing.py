"""How series of any length and with missing values become one array; saved with the model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.data.examples import Note, plain
from lamina.data.ragged import Layout, Ragged, from_arrays, shown
from lamina.data.room import check_room
from lamina.data.steps import filled
from lamina.errors import DataError, SchemaError


@dataclass(frozen=True)
class SeriesPreprocessing:
    """How any series becomes float32 [steps, channels]; saved with the model.

    Missing values are filled (between neighbours by a straight line, at the ends by the nearest, a channel that is
    missing throughout by ``fills``: its mean in training), longer series are cut at the end, shorter ones get NaN
    behind it. ``rule`` says what lengths there were; ``layout`` where series stand in a file.
    """

    steps: int
    channels: int
    rule: str
    fills: tuple[float, ...]
    layout: Layout

    @property
    def shape(self) -> tuple[int, int]:
        """Steps and channels of each series."""
        return self.steps, self.channels

    def transform(self, series: Any) -> np.ndarray:
        """Series in memory, [n, time], [n, time, channels] or a list of unequal ones, as float32 [n, steps, channels].

        Raises SchemaError for other channels or a series in which everything is missing.

        >>> p = SeriesPreprocessing(3, 1, "3 steps", (0.0,), Layout("listed", ("channel 1",)))
        >>> p.transform([[1, 2, 3, 4], [5]])[:, :, 0].tolist()
        [[1.0, 2.0, 3.0], [5.0, nan, nan]]
        """
        found = from_arrays(series)
        empty = found.names[~found.there]
        if len(empty):
            raise SchemaError(
                f"No step of {shown(empty)} has a value.", expected="At least one value.", mend="Leave it out."
            )
        return self.fit(found)[0]

    def fit(self, found: Ragged) -> tuple[np.ndarray, tuple[Note, ...]]:
        """Series as they were read as float32 [n, steps, channels], and what was done to them."""
        found = with_channels(found, self.layout, SchemaError)
        longer = int((found.lengths > self.steps).sum())
        # Filled before they are cut: what is behind the cut says what is missing before it.
        whole, notes = fill_missing(found, np.array(self.fills))
        if not longer:
            return padded(whole, self.steps), notes
        text = f"{longer:,} series of more than {self.steps:,} steps, the most in training: the rest is cut off."
        cut = dataclasses.replace(whole, values=tuple(series[: self.steps] for series in whole.values))
        return padded(cut, self.steps), (*notes, Note("longer-series", text, matters=True))

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return plain(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> SeriesPreprocessing:
        """What ``to_json`` wrote.

        >>> p = SeriesPreprocessing(3, 1, "3 steps", (0.0,), Layout("listed", ("channel 1",)))
        >>> SeriesPreprocessing.from_json(p.to_json()) == p
        True
        """
        fills, layout = tuple(map(float, values["fills"])), Layout.from_json(values["layout"])
        return cls(int(values["steps"]), int(values["channels"]), str(values["rule"]), fills, layout)


def with_channels(found: Ragged, layout: Layout, error: type[DataError]) -> Ragged:
    """The series with the channels of a layout only: without those that were dropped, where they are there.

    Raises ``error`` where there are others.
    """
    there, wanted = len(found.layout.channels), len(layout.channels)
    if layout.dropped and there == wanted + len(layout.dropped):
        return found.only(layout.channels)
    if there != wanted:
        raise error(
            f"The series of {found.source.path} have {there} channel{'s' * (there != 1)}.",
            expected=f"{wanted}, as those that were trained on: {shown(layout.channels)}.",
            mend="Bring them to the same channels.",
        )
    return found


def channel_means(found: Ragged) -> np.ndarray:
    """The mean of each channel over all values that are there, 0 where none is, float64 [channels]."""
    sums = sum(np.nansum(series, axis=0, dtype=np.float64) for series in found.values)
    counts = sum((~np.isnan(series)).sum(axis=0) for series in found.values)
    return np.asarray(sums / np.maximum(counts, 1))


def fill_missing(found: Ragged, otherwise: np.ndarray) -> tuple[Ragged, tuple[Note, ...]]:
    """The series without missing values, and how many were filled; ``otherwise`` [channels] as ``filled`` has it."""
    whole, counts = zip(*(filled(series, otherwise) for series in found.values), strict=True)
    if not sum(counts):
        return found, ()
    absent = sum(int(np.isnan(series).all(axis=0).sum()) for series in found.values)
    text = f"{sum(counts):,} missing values in {np.count_nonzero(counts):,} series are filled: between neighbours by a"
    text += " straight line, at the ends by the nearest value"
    text += f"; {absent:,} times a channel is missing throughout: by its mean over all series" if absent else ""
    return dataclasses.replace(found, values=whole), (Note("missing-steps", f"{text}."),)


def padded(found: Ragged, steps: int) -> np.ndarray:
    """Series as one array [n, steps, channels], NaN behind the end of the shorter ones.

    Raises DataError where memory doesn't hold it.
    """
    longest = int(found.lengths.argmax())
    told = f"the longest is {found.names[longest]}; they have {lengths_text(found.lengths)}"
    channels = found.values[0].shape[1]
    check_room((len(found), steps, channels), f"The series of {found.source.path}", told)
    out = np.full((len(found), steps, channels), np.nan, np.float32)
    for row, series in enumerate(found.values):
        out[row, : len(series)] = series
    return out


def lengths_text(lengths: np.ndarray) -> str:
    """How many steps series have, in words.

    >>> lengths_text(np.array([5, 5])), lengths_text(np.array([1, 2, 6])), lengths_text(np.array([1]))
    ('5 steps', '1 to 6 steps, median 2', '1 step')
    """
    shortest, longest = int(lengths.min()), int(lengths.max())
    if shortest == longest:
        return f"{longest:,} step{'s' * (longest != 1)}"
    return f"{shortest:,} to {longest:,} steps, median {int(np.median(lengths)):,}"
