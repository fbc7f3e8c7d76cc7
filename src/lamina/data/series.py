"""Time series: the one door to files, tables and arrays of them, to train on, to judge on and to predict."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lamina.data.examples import Examples, Note, Reading, Task
from lamina.data.long_series import read_long, read_long_like
from lamina.data.ragged import Layout, Ragged, from_arrays
from lamina.data.schema import find_column
from lamina.data.series_examples import examples_of, labelled, series_examples, targets_of, with_values
from lamina.data.series_files import archive_pair, is_listed, is_series, read_listed, wide_arff
from lamina.data.series_preprocessing import SeriesPreprocessing
from lamina.data.table import read_table
from lamina.data.wide_series import read_wide, read_wide_like
from lamina.errors import DataError, OptionError

__all__ = [
    "SeriesPreprocessing",
    "is_series",
    "preprocessing_of",
    "read_labelled",
    "read_series",
    "read_unlabelled",
    "series_examples",
]


def preprocessing_of(examples: Examples) -> SeriesPreprocessing:
    """The preprocessing that made the series of these examples."""
    return SeriesPreprocessing.from_json(examples.schema.columns[0].statistics["preprocessing"])


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
        return examples_of(found, None, reading)
    header = False if _unnamed(found.layout) and reading.header is None else reading.header
    made = examples_of(found, _read_like(held, found.layout, reading, header=header), reading)
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
    found = with_values(_read_like(data, preprocessing.layout, unlabelled=preprocessing.steps))
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
    found = labelled(with_values(from_arrays(*data) if pair else _read_like(data, preprocessing.layout)))
    targets, notes = targets_of(found, task)
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
