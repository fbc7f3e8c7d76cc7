"""Time series as examples: one array of them, their labels, what was filled, and how new ones are brought to it."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from lamina.data.examples import Examples, Note, Reading, Source, Task, plain
from lamina.data.long_series import read_long, read_long_like
from lamina.data.ragged import Layout, Ragged, from_arrays
from lamina.data.room import check_room
from lamina.data.schema import Column, Schema, describe, find_column
from lamina.data.series_files import archive_pair, is_listed, is_series, read_listed, wide_arff
from lamina.data.steps import filled
from lamina.data.table import read_table
from lamina.data.target import encode_labels, infer_task
from lamina.data.wide_series import read_wide, read_wide_like
from lamina.data.words import match_key, texts
from lamina.errors import DataError, OptionError, SchemaError, TargetError

__all__ = [
    "SeriesPreprocessing",
    "is_series",
    "preprocessing_of",
    "read_labelled",
    "read_series",
    "read_unlabelled",
    "series_examples",
]

_DESCRIBED = 1_000_000  # values of a channel, at most, that its statistics are taken from
_FILLING = "between neighbours by a straight line, at the ends by the nearest value"


# --- One shape -------------------------------------------------------------------------------------------------------


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
        empty = np.flatnonzero(~_there(found))
        if len(empty):
            raise SchemaError(
                f"{found.names[empty[0]]} has no value.", expected="At least one step.", mend="Leave it out."
            )
        return self.fit(found)[0]

    def fit(self, found: Ragged) -> tuple[np.ndarray, tuple[Note, ...]]:
        """Series as they were read as float32 [n, steps, channels], and what was done to them."""
        if set(self.layout.channels) < set(found.layout.channels):
            found = found.only(self.layout.channels)
        _check_channels(found, self.channels, SchemaError)
        longer = int((found.lengths > self.steps).sum())
        cut = dataclasses.replace(found, values=tuple(series[: self.steps] for series in found.values))
        whole, notes = _filled(cut, np.array(self.fills))
        if longer:
            text = f"{_counted(longer)} longer than {self.steps:,} steps: what is behind them is cut off."
            notes = (Note("longer-series", text, matters=True), *notes)
        return _padded(whole, self.steps), notes

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


def preprocessing_of(examples: Examples) -> SeriesPreprocessing:
    """The preprocessing that made the series of these examples."""
    return SeriesPreprocessing.from_json(examples.schema.columns[0].statistics["preprocessing"])


# --- Examples --------------------------------------------------------------------------------------------------------


def series_examples(
    series: Any,
    labels: Any,
    *,
    names: np.ndarray | None = None,
    source: Source | None = None,
    reading: Reading | None = None,
    notes: tuple[Note, ...] = (),
) -> Examples:
    """Examples of series in memory, an array [n, time] or [n, time, channels] or a list, with a label each.

    Labels are classes or values as a table's target would be. Steps that are missing (NaN) at the end are none.

    >>> made = series_examples([[1, 2, 3], [4, 5], [7, 8, 9], [6, 5]], ["up", "up", "down", "down"])
    >>> made.inputs.shape, made.task.classes
    ((4, 3, 1), ('down', 'up'))
    """
    found = from_arrays(series, labels, names=names).with_notes(*notes)
    found = found if source is None else dataclasses.replace(found, source=source)
    return _examples(found, None, reading or Reading())


def _examples(found: Ragged, held: Ragged | None, reading: Reading) -> Examples:
    """Examples of series that were read, those of an official test part (``held``) behind them."""
    found = _labelled(_some_values(found))
    task, targets, task_notes = _task(found, reading)
    notes = (*found.notes, *task_notes)
    fills = _means(found)
    test = None
    if held is not None:
        held, test_targets, test_notes = _held(held, found, task)
        test = np.arange(len(found) + len(held)) >= len(found)
        notes = (*notes, *(dataclasses.replace(note, text=f"Test part: {note.text}") for note in test_notes))
        targets = np.concatenate([targets, test_targets])
    every = found if held is None else _joined(found, held)
    alone = _hashes(every)
    whole, fill_notes = _filled(every, fills)
    inputs = _padded(whole, int(every.lengths.max()))
    preprocessing = SeriesPreprocessing(
        inputs.shape[1], inputs.shape[2], _rule(every.lengths), tuple(fills.tolist()), found.layout
    )
    keys = _label_hashes(task.classes)[targets] if task.classes else (targets + 0.0).view(np.uint64)
    hashes = (alone ^ (alone >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15) + keys
    return Examples(
        kind="series",
        task=task,
        inputs=inputs,
        targets=targets,
        names=every.names,
        hashes=hashes,
        schema=_schema(found, task, preprocessing, len(every)),
        source=found.source,
        notes=(*notes, *fill_notes, *_length_notes(every.lengths), *_equal_notes(alone, hashes)),
        fixed_test=test,
        groups=_groups(every.groups),
    )


def _there(found: Ragged) -> np.ndarray:
    """Which series have a value at all."""
    return np.array([bool(series.size) and not np.isnan(series).all() for series in found.values], bool)


def _some_values(found: Ragged) -> Ragged:
    """The series without those that are empty or all missing; DataError where none is left."""
    there = _there(found)
    if there.all():
        return found
    if not there.any():
        raise DataError(
            f"{found.source.path} has no value in any of its {_counted(len(found))}.",
            expected="Series of at least one step.",
            mend="Fill the series, or name another file.",
        )
    gone = _shown(found.names[~there])
    text = f"Left out: {_counted(int((~there).sum()))} without any value ({gone})."
    return found.take(there).with_notes(Note("empty-series", text, matters=True))


def _labelled(found: Ragged) -> Ragged:
    """The series that have a label; DataError where none has."""
    where = found.source.path
    if found.labels is None:
        raise TargetError(
            f"{where} has no labels.", expected="A label for each series.", mend="Name the target with --target."
        )
    labels = found.labels
    known = ~np.isnan(labels) if labels.dtype.kind == "f" else np.array([word is not None for word in labels.tolist()])
    if not known.any():
        raise TargetError(
            f"All labels of {where} are missing.", expected="A label for each series.", mend="Name another target."
        )
    if known.all():
        return found
    text = f"Left out: {_counted(int((~known).sum()))} without a label ({_shown(found.names[~known])})."
    return found.take(known).with_notes(Note("missing-target", text, matters=True))


def _task(found: Ragged, reading: Reading) -> tuple[Task, np.ndarray, tuple[Note, ...]]:
    target, labels = found.layout.target or "class", found.labels
    assert labels is not None
    kind = reading.types.get(target, reading.types.get("target", found.kind))
    if kind not in (None, "number", "category", "boolean"):
        raise OptionError(
            f'The target "{target}" can\'t be of type {kind}.',
            expected="number or category",
            mend=f"--types {target}=category",
        )
    if kind is None and (labels.dtype == object or len(np.unique(labels)) <= 2):
        kind = "category"
    if kind in ("category", "boolean"):
        _check_classes(Counter(map(match_key, texts(labels).tolist())), found.source.path)
    return infer_task(labels, target=target, positive=reading.positive, kind=kind)


def _check_classes(counts: Counter[str], where: str) -> None:
    """Raise DataError for a single class, and for classes of one series."""
    if len(counts) == 1:
        raise DataError(
            f"{where} holds only one class, {next(iter(counts))!r}.",
            expected="At least two classes to tell apart.",
            mend="Add series of at least one other class.",
        )
    single = [label for label, count in counts.items() if count < 2]
    if single:
        raise DataError(
            f"{'Class' if len(single) == 1 else 'Classes'} {_shown(single)} of {where}: one series only.",
            expected="At least two series of each class: one to train on and one to judge on.",
            mend=f"Add series of {_shown(single)}, or remove {'it' if len(single) == 1 else 'them'}.",
        )


def _held(held: Ragged, found: Ragged, task: Task) -> tuple[Ragged, np.ndarray, tuple[Note, ...]]:
    """An official test part: its series, its targets, and notes."""
    held = _labelled(_some_values(held))
    if set(found.layout.channels) < set(held.layout.channels):
        held = held.only(found.layout.channels)
    _check_channels(held, found.values[0].shape[1], DataError)
    targets, notes = _targets(held, task)
    place = Path(held.source.path).name
    names = np.array([f"{place} {name}" for name in held.names], dtype=object)
    return dataclasses.replace(held, names=names), targets, (*held.notes, *notes)


def _targets(found: Ragged, task: Task) -> tuple[np.ndarray, tuple[Note, ...]]:
    """The labels as a task counts them; TargetError for one that it doesn't know."""
    assert found.labels is not None
    if task.kind == "regression":
        if found.labels.dtype.kind != "f":
            raise TargetError(
                f'{found.source.path} holds the label "{found.labels[0]}".',
                expected=f"Numbers, as {task.target} is.",
                mend="Correct the labels.",
            )
        return found.labels.astype(np.float64), ()
    words = texts(found.labels)
    encoded, notes = encode_labels(words, task)
    unknown = sorted(set(words[encoded < 0].tolist()))
    if unknown:
        raise TargetError(
            f"{found.source.path} has {_shown(unknown)}, of which there was no series to train on.",
            expected=f"The classes {_shown(task.classes, 20)}.",
            mend=f"Add series of {_shown(unknown)} to the training part, or remove them here.",
        )
    return encoded, notes


def _check_channels(found: Ragged, channels: int, error: type[DataError]) -> None:
    there = found.values[0].shape[1]
    if there != channels:
        raise error(
            f"The series of {found.source.path} have {there} channels.",
            expected=f"{channels}, as those that were trained on.",
            mend="Bring them to the same channels.",
        )


def _joined(found: Ragged, held: Ragged) -> Ragged:
    groups = None
    if found.groups is not None and held.groups is not None:
        groups = np.concatenate([found.groups, held.groups])
    names = np.concatenate([found.names, held.names])
    return dataclasses.replace(found, values=(*found.values, *held.values), labels=None, names=names, groups=groups)


def _groups(words: np.ndarray | None) -> np.ndarray | None:
    """A number for each series that its group shares; a series without a group is one of its own."""
    if words is None:
        return None
    numbers: dict[str | int, int] = {}
    keys = [row if word is None else match_key(word) for row, word in enumerate(words.tolist())]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


# --- Filling and padding ---------------------------------------------------------------------------------------------


def _means(found: Ragged) -> np.ndarray:
    """The mean of each channel over all values that are there, 0 where none is, float64 [channels]."""
    sums = sum(np.nansum(series, axis=0, dtype=np.float64) for series in found.values)
    counts = sum((~np.isnan(series)).sum(axis=0) for series in found.values)
    return np.asarray(sums / np.maximum(counts, 1))


def _filled(found: Ragged, fills: np.ndarray) -> tuple[Ragged, tuple[Note, ...]]:
    """The series without missing values, and how many were filled."""
    whole, counts = zip(*(filled(series, fills) for series in found.values), strict=True)
    if not sum(counts):
        return found, ()
    absent = sum(int(np.isnan(series).all(axis=0).sum()) for series in found.values)
    text = f"{sum(counts):,} missing values in {_counted(int(np.count_nonzero(counts)))} are filled: {_FILLING}"
    text += f"; {absent:,} channels that are missing throughout a series by the channel's mean" if absent else ""
    return dataclasses.replace(found, values=whole), (Note("missing-steps", f"{text}."),)


def _padded(found: Ragged, steps: int) -> np.ndarray:
    """Series as one array [n, steps, channels], NaN behind the end of the shorter ones."""
    lengths, channels = found.lengths, found.values[0].shape[1]
    longest = int(lengths.argmax())
    told = f"{found.names[longest]} is the longest, {_rule(lengths)}"
    check_room((len(found), steps, channels), f"The series of {found.source.path}", told)
    out = np.full((len(found), steps, channels), np.nan, np.float32)
    for row, series in enumerate(found.values):
        out[row, : len(series)] = series
    return out


# --- What is said ----------------------------------------------------------------------------------------------------


def _counted(count: int) -> str:
    return f"{count:,} series"


def _shown(names: Sequence[Any] | np.ndarray, most: int = 5) -> str:
    shown = ", ".join(str(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def _rule(lengths: np.ndarray) -> str:
    shortest, longest = int(lengths.min()), int(lengths.max())
    if shortest == longest:
        return f"{longest:,} steps"
    return f"{shortest:,} to {longest:,} steps, median {int(np.median(lengths)):,}"


def _length_notes(lengths: np.ndarray) -> tuple[Note, ...]:
    if lengths.min() == lengths.max():
        return ()
    text = f"The series have {_rule(lengths)}: what is behind the end of a shorter one doesn't count."
    return (Note("unequal-lengths", text),)


def _equal_notes(alone: np.ndarray, hashes: np.ndarray) -> tuple[Note, ...]:
    """Series of equal values, and those among them with different labels."""
    notes = []
    repeated = len(alone) - len(np.unique(alone))
    if repeated:
        text = f"{_counted(repeated)} {'repeats' if repeated == 1 else 'repeat'} another, value by value."
        notes.append(Note("duplicate-series", text))
    pairs = np.unique(np.stack([alone, hashes]), axis=1)[0]
    contrary = int((np.unique(pairs, return_counts=True)[1] > 1).sum())
    if contrary:
        text = f"{_counted(contrary)} {'has' if contrary == 1 else 'have'} copies under another label."
        notes.append(Note("contrary-labels", text, matters=True))
    return tuple(notes)


def _hashes(found: Ragged) -> np.ndarray:
    """A uint64 for each series of its values as they were read, without what stands behind its end."""
    nothing = np.float32(np.nan)
    each = (np.where(np.isnan(series), nothing, series + np.float32(0)) for series in found.values)
    return _digests([str(series.shape).encode() + series.astype("<f4").tobytes() for series in each])


def _label_hashes(classes: Sequence[str]) -> np.ndarray:
    return _digests([match_key(label).encode() for label in classes])


def _digests(contents: Sequence[bytes]) -> np.ndarray:
    digests = b"".join(hashlib.blake2b(content, digest_size=8).digest() for content in contents)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def _schema(found: Ragged, task: Task, preprocessing: SeriesPreprocessing, rows: int) -> Schema:
    """One column a channel, with the statistics of its values; the first also has those of the lengths."""
    columns = [_channel(found, channel) for channel in range(preprocessing.channels)]
    lengths = {"shortest": int(found.lengths.min()), "median_steps": float(np.median(found.lengths))}
    more = {"steps": preprocessing.steps, **lengths, "preprocessing": preprocessing.to_json()}
    statistics = {**columns[0].statistics, **more}
    columns[0] = dataclasses.replace(columns[0], note=preprocessing.rule, statistics=statistics)
    return Schema(tuple(columns), task.target, rows)


def _channel(found: Ragged, channel: int) -> Column:
    """A channel as a column: the statistics of its values, and in how many series some are missing."""
    values = np.concatenate([series[:, channel] for series in found.values]).astype(np.float64)
    thinned = values[:: max(1, -(-len(values) // _DESCRIBED))]
    name, kind = found.layout.channels[channel], cast("Any", "series")
    column = describe(name, thinned, channel, kind="number")
    missing = sum(bool(np.isnan(series[:, channel]).any()) for series in found.values)
    return dataclasses.replace(column, kind=kind, missing=missing)


# --- Reading ---------------------------------------------------------------------------------------------------------


def read_series(source: Any, reading: Reading, *, test: Any = None) -> Examples:
    """Examples from whatever holds series: a file of the archive or a folder with a pair, a table, or (X, y) arrays.

    A table is long where ``reading.series`` names a column (a step a row), else wide (a series a row). A file whose
    name ends in _TRAIN has its official test part in that with _TEST, unless ``test`` names another place or
    ``reading.test`` a share.
    """
    if not isinstance(source, (str, os.PathLike)):
        found, held = _read(source, reading), test
    else:
        train, beside = archive_pair(Path(source).expanduser())
        found = _read(train if train.exists() else source, reading)
        held = test if test is not None or reading.test is not None else beside
    if held is None:
        return _examples(found, None, reading)
    header = False if _unnamed(found.layout) and reading.header is None else reading.header
    made = _examples(found, _read_like(held, found.layout, reading, header=header), reading)
    return made.with_notes(Note("test-given" if test is not None else "official-split", f"{held} is the test part."))


def _read(source: Any, reading: Reading) -> Ragged:
    """Labelled series from a place or from memory."""
    if isinstance(source, tuple) and len(source) == 2:
        return _checked(from_arrays(*source), reading)
    if isinstance(source, np.ndarray) and source.ndim == 2:
        source = {f"column {i + 1}": source[:, i] for i in range(source.shape[1])}
    if reading.series is not None:
        return read_long(read_table(source, header=reading.header), reading)
    path = Path(source).expanduser() if isinstance(source, (str, os.PathLike)) else None
    if path is not None and is_listed(path) and not _names_columns(path, reading):
        return _checked(read_listed(path, reading.target), reading)
    kind = wide_arff(path) if path is not None and reading.target is None else None
    if kind is not None:
        reading = dataclasses.replace(reading, target="-1")
    return dataclasses.replace(read_wide(read_table(source, header=reading.header), reading), kind=kind)


def _names_columns(path: Path, reading: Reading) -> bool:
    """Whether a person means a text file of numbers as a table: by a header, or a target that isn't first or last."""
    return not is_series(path) and (bool(reading.header) or reading.target not in (None, "1", "-1"))


def _checked(found: Ragged, reading: Reading) -> Ragged:
    """Series that have no columns, without the channels that a person drops; OptionError for what asks for columns."""
    target = found.layout.target or "target"
    types = [f"{name}={kind}" for name, kind in reading.types.items() if name not in (target, "target")]
    asked = {"--group": reading.group, "--order": reading.order, "--types": types[0] if types else None}
    for option, value in asked.items():
        if value:
            raise OptionError(
                f"{option} {value}: {found.source.path} has no columns.",
                expected=f"{option} with a table of series.",
                mend=f"Leave {option} out.",
            )
    return found.only(_kept_channels(found.layout.channels, reading.drop))


def _kept_channels(channels: tuple[str, ...], drop: Sequence[str]) -> tuple[str, ...]:
    gone = {find_column(channels, name) for name in drop}
    kept = tuple(name for name in channels if name not in gone)
    if not kept:
        raise DataError(
            f"No channel is left of {len(channels)}.", expected="At least one channel.", mend="Drop fewer channels."
        )
    return kept


def read_unlabelled(data: Any, preprocessing: SeriesPreprocessing) -> tuple[np.ndarray, np.ndarray, tuple[Note, ...]]:
    """Series to predict, whatever they are in: float32 [n, steps, channels], a name each, and notes.

    Those without any value are left out and named; labels that a file has are not looked at.
    """
    found = _some_values(_read_like(data, preprocessing.layout, unlabelled=preprocessing.steps))
    inputs, notes = preprocessing.fit(found)
    return inputs, found.names, (*found.notes, *notes)


def read_labelled(
    data: Any, preprocessing: SeriesPreprocessing, task: Task
) -> tuple[np.ndarray, np.ndarray, tuple[Note, ...]]:
    """Series with labels to judge a model on: float32 [n, steps, channels], its targets, and notes.

    ``data``: a file or a folder of the archive, a table, or a pair (X, y). Raises TargetError for classes that the
    model does not know, and where there are no labels.
    """
    pair = isinstance(data, tuple) and len(data) == 2
    found = _labelled(_some_values(from_arrays(*data) if pair else _read_like(data, preprocessing.layout)))
    targets, notes = _targets(found, task)
    inputs, more = preprocessing.fit(found)
    return inputs, targets, (*found.notes, *notes, *more)


def _read_like(
    data: Any,
    layout: Layout,
    reading: Reading | None = None,
    *,
    header: bool | None = None,
    unlabelled: int | None = None,
) -> Ragged:
    """Series from a place or memory, read as those of ``layout`` were; ``unlabelled`` is that of ``read_listed``."""
    if isinstance(data, (np.ndarray, list, tuple)):
        return from_arrays(data)
    if isinstance(data, (str, os.PathLike)):
        path = Path(data).expanduser()
        path = (archive_pair(path)[1] or path) if path.is_dir() else path
        if is_listed(path) and (layout.form == "listed" or is_series(path)):
            return read_listed(path, layout.label_place, unlabelled=unlabelled)
        data = path if path.exists() else data
    table = read_table(data, header=False if header is None and _unnamed(layout) else header)
    read = read_long_like if layout.form == "long" else read_wide_like
    return read(table, layout, reading)


def _unnamed(layout: Layout) -> bool:
    """Whether the table that was trained on named no columns, as another then doesn't."""
    return bool(layout.columns) and all(re.fullmatch(r"column \d+", name) for name in layout.columns)
