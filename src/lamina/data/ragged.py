"""Series of unequal lengths as they are read, before they become one array; and where they stood."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from lamina.data.examples import Note, Source
from lamina.data.words import tidy
from lamina.errors import DataError


@dataclass(frozen=True)
class Layout:
    """Where series and labels stand, kept with a model so that another file is read in the same way.

    ``form``: "listed" (each series is written as such: a file of the archive, arrays), "wide" (a table, a series a
    row) or "long" (a table, a step a row). ``channels`` are their names, without those ``dropped``; ``columns`` those
    of a wide table that are the steps; ``series`` and ``order`` the columns of a long one that say whose step a row is,
    and when; ``step`` the regular one between times there (in seconds where they are dates), None where there is none.
    ``label_place`` is that of the label in a text file: "1" (None says the same) or "-1".
    """

    form: Literal["listed", "wide", "long"]
    channels: tuple[str, ...]
    dropped: tuple[str, ...] = ()
    target: str | None = None
    columns: tuple[str, ...] = ()
    series: str | None = None
    order: str | None = None
    step: float | None = None
    label_place: str | None = None

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Layout:
        """The layout that ``plain`` made JSON-ready."""
        tuples = {name: tuple(map(str, values[name])) for name in ("channels", "dropped", "columns")}
        return cls(**{**values, **tuples})


@dataclass(frozen=True)
class Ragged:
    """Series as they were read: float32 [time, channels] each, NaN where a value is missing.

    ``labels`` are a column as tables have them (float64, or words with None where missing), or None where the file
    says none; ``kind`` says how they count ("category" or "number") where the file does. ``groups`` are words.
    """

    values: tuple[np.ndarray, ...]
    labels: np.ndarray | None
    names: np.ndarray
    layout: Layout
    source: Source
    kind: str | None = None
    groups: np.ndarray | None = None
    notes: tuple[Note, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.values)

    @property
    def lengths(self) -> np.ndarray:
        """How many steps each series has."""
        return np.array([len(series) for series in self.values], np.int64)

    @property
    def there(self) -> np.ndarray:
        """Which series have a value at all, bool [n]."""
        return np.array([bool(series.size) and not np.isnan(series).all() for series in self.values], bool)

    def take(self, rows: np.ndarray) -> Ragged:
        """These series only: a bool for each."""
        labels = None if self.labels is None else self.labels[rows]
        groups = None if self.groups is None else self.groups[rows]
        values = tuple(series for series, kept in zip(self.values, rows.tolist(), strict=True) if kept)
        return dataclasses.replace(self, values=values, labels=labels, names=self.names[rows], groups=groups)

    def only(self, channels: tuple[str, ...]) -> Ragged:
        """The same series of these channels only."""
        if channels == self.layout.channels:
            return self
        places = [self.layout.channels.index(name) for name in channels]
        dropped = tuple(name for name in self.layout.channels if name not in channels)
        layout = dataclasses.replace(self.layout, channels=channels, dropped=dropped)
        return dataclasses.replace(self, values=tuple(one[:, places] for one in self.values), layout=layout)

    def with_notes(self, *notes: Note) -> Ragged:
        """The same series with more notes."""
        return dataclasses.replace(self, notes=(*self.notes, *notes))


def from_arrays(series: Any, labels: Any = None, *, names: np.ndarray | None = None) -> Ragged:
    """Series in memory: an array [n, time] or [n, time, channels], or a list of [time] or [time, channels].

    Steps missing (NaN) at the end in all channels are none: a shorter series. Raises DataError for what is no numbers,
    for other shapes and for another number of labels.

    >>> from_arrays([[1, 2, 3], [4, 5]]).lengths.tolist()
    [3, 2]
    """
    values = [_as_steps(one, row) for row, one in enumerate(series)] if _has_rows(series) else []
    if not values:
        raise DataError("There are no series.", expected="At least one series.", mend="Give [n, time, channels].")
    widths = sorted({one.shape[1] for one in values if len(one)}) or [1]
    if len(widths) > 1:
        raise DataError(
            f"The series have {widths[0]} to {widths[-1]} channels.",
            expected="The same channels in every series: [time, channels].",
            mend="Fill channels that were not measured with NaN.",
        )
    values = [one if len(one) else np.zeros((0, widths[0]), np.float32) for one in values]
    column = None if labels is None else as_column(labels, len(values))
    names = np.array([f"series {row + 1}" for row in range(len(values))], object) if names is None else names
    layout = Layout("listed", channel_names(widths[0]), target="class")
    return Ragged(tuple(trimmed(one) for one in values), column, names, layout, _memory_source(values, column))


def _has_rows(series: Any) -> bool:
    if isinstance(series, np.ndarray) and series.ndim not in (2, 3) and series.dtype != object:
        raise DataError(
            f"An array of shape {series.shape} is no batch of series.",
            expected="[n, time] or [n, time, channels].",
            mend="Give one series as x[None].",
        )
    return hasattr(series, "__len__") and len(series) > 0


def _as_steps(series: Any, row: int) -> np.ndarray:
    try:
        array = np.asarray(series)
        if array.dtype.kind not in "buif":
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"Series {row + 1} holds something that is no number.", expected="Numbers.", mend="Encode it as numbers."
        ) from None
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] == 0):
        raise DataError(
            f"Series {row + 1} has the shape {array.shape}.",
            expected="[time] or [time, channels].",
            mend="Give each series as one such array.",
        )
    return as_float32(array[:, None] if array.ndim == 1 else array)


def as_float32(values: np.ndarray) -> np.ndarray:
    """Numbers as float32, NaN where they are infinite or too large for it.

    >>> as_float32(np.array([1.5, np.inf, 1e300])).tolist()
    [1.5, nan, nan]
    """
    with np.errstate(over="ignore"):
        return finite(np.ascontiguousarray(values, np.float32))


def finite(values: np.ndarray) -> np.ndarray:
    """Numbers, NaN where they are infinite."""
    infinite = np.isinf(values)
    return np.where(infinite, np.array(np.nan, values.dtype), values) if infinite.any() else values


def trimmed(series: np.ndarray) -> np.ndarray:
    """A series without the steps at its end that are missing in all channels.

    >>> trimmed(np.array([[np.nan], [1.0], [np.nan]])).ravel().tolist()
    [nan, 1.0]
    """
    there = np.flatnonzero(~np.isnan(series).all(axis=1))
    return series[: there[-1] + 1] if len(there) else series[:0]


def as_column(labels: Any, count: int) -> np.ndarray:
    """Labels in memory as a column: float64 where all are numbers, else words, None where missing."""
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or len(array) != count:
        raise DataError(
            f"{count:,} series and labels of the shape {array.shape}.",
            expected="One label for each series.",
            mend="Give as many labels as series: y [n].",
        )
    return finite(array.astype(np.float64)) if array.dtype.kind in "iuf" else tidy(array.tolist())


def channel_names(count: int) -> tuple[str, ...]:
    """Names for channels that have none.

    >>> channel_names(2)
    ('channel 1', 'channel 2')
    """
    return tuple(f"channel {number + 1}" for number in range(count))


def shown(names: Sequence[Any] | np.ndarray, most: int = 5) -> str:
    """The first names, and how many more.

    >>> shown(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    first = ", ".join(str(name) for name in names[:most])
    return first if len(names) <= most else f"{first} and {len(names) - most:,} more"


def _memory_source(values: Sequence[np.ndarray], labels: np.ndarray | None) -> Source:
    digest = hashlib.sha256()
    for series in values:
        digest.update(str(series.shape).encode() + series.tobytes())
    digest.update(str([] if labels is None else labels.tolist()).encode())
    return Source("arrays in memory", digest.hexdigest(), sum(series.nbytes for series in values))
