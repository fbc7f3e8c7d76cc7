"""Examples of series: what is left out of those that were read, their targets, hashes, schema, and what is said."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np

from lamina.data.examples import Examples, Note, Reading, Source, Task
from lamina.data.ragged import Ragged, from_arrays, shown
from lamina.data.schema import Column, Schema, describe
from lamina.data.series_preprocessing import (
    SeriesPreprocessing,
    channel_means,
    fill_missing,
    lengths_text,
    padded,
    with_channels,
)
from lamina.data.target import encode_labels, infer_task
from lamina.data.words import match_key, texts
from lamina.errors import DataError, OptionError, TargetError

_DESCRIBED = 1_000_000  # values of a channel, about, that its statistics are taken from


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
    return examples_of(found, None, reading or Reading())


def examples_of(found: Ragged, held: Ragged | None, reading: Reading) -> Examples:
    """Examples of series that were read; those of an official test part (``held``) follow, with ``fixed_test`` True.

    Series without any value or without a label are left out, and said. The task, the classes and what missing channels
    are filled with come from ``found`` alone. Raises DataError for a single class, a class of one series, and a test
    part with other channels or classes.
    """
    found = labelled(with_values(found))
    task, targets, notes = _task(found, reading)
    found = found.with_notes(*notes)
    if held is None:
        return _assembled(found, found, task, targets)
    held = with_channels(labelled(with_values(held)), found.layout, DataError)
    more, notes = targets_of(held, task)
    text_of = (dataclasses.replace(note, text=f"Test part: {note.text}") for note in (*held.notes, *notes))
    found = found.with_notes(*text_of)
    made = _assembled(found, _joined(found, held), task, np.concatenate([targets, more]))
    return dataclasses.replace(made, fixed_test=np.arange(len(made)) >= len(found))


def _assembled(found: Ragged, every: Ragged, task: Task, targets: np.ndarray) -> Examples:
    """Examples of ``every`` series; ``found`` are those that are not an official test part."""
    fills = channel_means(found)
    whole, fill_notes = fill_missing(every, fills)
    steps, rule = int(every.lengths.max()), lengths_text(every.lengths)
    preprocessing = SeriesPreprocessing(steps, len(fills), rule, tuple(fills.tolist()), found.layout)
    alone = _hashes(every)
    keys = _label_hashes(task.classes)[targets] if task.classes else (targets + 0.0).view(np.uint64)
    hashes = (alone ^ (alone >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15) + keys
    return Examples(
        kind="series",
        task=task,
        inputs=padded(whole, steps),
        targets=targets,
        names=every.names,
        hashes=hashes,
        schema=_schema(found, task, preprocessing, len(every)),
        source=found.source,
        notes=(*found.notes, *fill_notes, *_length_notes(every.lengths), *_equal_notes(alone, hashes)),
        groups=_groups(every.groups),
    )


def _joined(found: Ragged, held: Ragged) -> Ragged:
    """The series with those of the test part behind them, named after its file."""
    place = Path(held.source.path).name
    names = np.array([*found.names, *(f"{place} {name}" for name in held.names)], dtype=object)
    groups = None if found.groups is None or held.groups is None else np.concatenate([found.groups, held.groups])
    return dataclasses.replace(found, values=(*found.values, *held.values), labels=None, names=names, groups=groups)


def with_values(found: Ragged) -> Ragged:
    """The series without those that are empty or all missing; DataError where none is left."""
    there = found.there
    if there.all():
        return found
    if not there.any():
        raise DataError(
            f"None of the {len(found):,} series of {found.source.path} has a value.",
            expected="Series of at least one step.",
            mend="Fill the series, or name another file.",
        )
    text = f"Left out: {int((~there).sum()):,} series without any value ({shown(found.names[~there])})."
    return found.take(there).with_notes(Note("empty-series", text, matters=True))


def labelled(found: Ragged) -> Ragged:
    """The series that have a label; TargetError where none has."""
    labels = found.labels
    if labels is None:
        name = found.layout.target
        raise TargetError(
            f"{found.source.path} has no labels{f' ({name})' if name else ''}.",
            expected="A label for each series.",
            mend="Add them; lamina predict needs none.",
        )
    known = ~np.isnan(labels) if labels.dtype.kind == "f" else np.array([word is not None for word in labels.tolist()])
    if known.all():
        return found
    if not known.any():
        raise TargetError(
            f"All labels of {found.source.path} are missing.",
            expected="A label for each series.",
            mend="Fill them, or name another target.",
        )
    text = f"Left out: {int((~known).sum()):,} series without a label ({shown(found.names[~known])})."
    return found.take(known).with_notes(Note("missing-target", text, matters=True))


# --- Targets ---------------------------------------------------------------------------------------------------------


def _task(found: Ragged, reading: Reading) -> tuple[Task, np.ndarray, tuple[Note, ...]]:
    """The task that the labels make, as a table's target would; a file that says what its labels are is heard."""
    target, labels = found.layout.target or "class", found.labels
    assert labels is not None
    kind = reading.types.get(target, reading.types.get("target", found.kind))
    if kind not in (None, "number", "category", "boolean"):
        raise OptionError(
            f'The target "{target}" can\'t be of type {kind}.',
            expected="number or category",
            mend=f"--types {target}=category",
        )
    if kind is None and (labels.dtype == object or (labels.dtype.kind == "f" and len(np.unique(labels)) <= 2)):
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
            f"{'Class' if len(single) == 1 else 'Classes'} {shown(single)} of {where}: one series only.",
            expected="At least two series of each class: one to train on and one to judge on.",
            mend=f"Add series of {shown(single)}, or remove {'its' if len(single) == 1 else 'their'} series.",
        )


def targets_of(found: Ragged, task: Task) -> tuple[np.ndarray, tuple[Note, ...]]:
    """The labels as a task counts them; TargetError for one that it doesn't know."""
    labels = found.labels
    assert labels is not None
    if task.kind == "regression":
        if labels.dtype.kind != "f":
            word = next(word for word in labels.tolist() if not _is_number(word))
            raise TargetError(
                f'{found.source.path} has the label "{word}".',
                expected=f'Numbers, as "{task.target}" was in training.',
                mend="Correct the labels.",
            )
        return labels.astype(np.float64), ()
    words = texts(labels)
    encoded, notes = encode_labels(words, task)
    unknown = sorted(set(words[encoded < 0].tolist()))
    if unknown:
        raise TargetError(
            f"{found.source.path} has the label {shown(unknown)}, of which there was no series to train on.",
            expected=f"One of the classes {shown(task.classes, 20)}.",
            mend=f"Train with series of {shown(unknown)}, or remove them here.",
        )
    return encoded, notes


def _is_number(word: Any) -> bool:
    try:
        return float(word) is not None
    except (TypeError, ValueError):
        return False


def _groups(words: np.ndarray | None) -> np.ndarray | None:
    """A number for each series that its group shares; a series without a group is one of its own."""
    if words is None:
        return None
    numbers: dict[str | int, int] = {}
    keys = [row if word is None else match_key(word) for row, word in enumerate(words.tolist())]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


# --- Hashes ----------------------------------------------------------------------------------------------------------


def _hashes(found: Ragged) -> np.ndarray:
    """A uint64 for each series of its values as they were read, without what stands behind its end."""
    nothing, zero = np.float32(np.nan), np.float32(0)  # -0.0 + 0.0 is 0.0
    each = (np.where(np.isnan(series), nothing, series + zero).astype("<f4") for series in found.values)
    return _digests(str(series.shape).encode() + series.tobytes() for series in each)


def _label_hashes(classes: Iterable[str]) -> np.ndarray:
    return _digests(match_key(label).encode() for label in classes)


def _digests(contents: Iterable[bytes]) -> np.ndarray:
    digests = b"".join(hashlib.blake2b(content, digest_size=8).digest() for content in contents)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


# --- What is said ----------------------------------------------------------------------------------------------------


def _length_notes(lengths: np.ndarray) -> tuple[Note, ...]:
    if lengths.min() == lengths.max():
        return ()
    text = f"The series have {lengths_text(lengths)}: what is behind the end of a shorter one doesn't count."
    return (Note("unequal-lengths", text),)


def _equal_notes(alone: np.ndarray, hashes: np.ndarray) -> tuple[Note, ...]:
    """Series of equal values, and those among them with different labels."""
    notes = []
    repeated = len(alone) - len(np.unique(alone))
    if repeated:
        text = f"{repeated:,} series {'repeats' if repeated == 1 else 'repeat'} another, value by value."
        notes.append(Note("duplicate-series", text))
    pairs = np.unique(np.stack([alone, hashes]), axis=1)[0]
    contrary = int((np.unique(pairs, return_counts=True)[1] > 1).sum())
    if contrary:
        text = f"{contrary:,} series {'has' if contrary == 1 else 'have'} copies under another label."
        notes.append(Note("contrary-labels", text, matters=True))
    return tuple(notes)


def _schema(found: Ragged, task: Task, preprocessing: SeriesPreprocessing, rows: int) -> Schema:
    """One column a channel, with the statistics of its values; the first also tells of lengths and preprocessing."""
    columns = [_channel(found, channel) for channel in range(preprocessing.channels)]
    more = {
        "steps": preprocessing.steps,
        "shortest": int(found.lengths.min()),
        "median_steps": float(np.median(found.lengths)),
        "preprocessing": preprocessing.to_json(),
    }
    statistics = {**columns[0].statistics, **more}
    columns[0] = dataclasses.replace(columns[0], note=preprocessing.rule, statistics=statistics)
    return Schema(tuple(columns), task.target, rows)


def _channel(found: Ragged, channel: int) -> Column:
    """A channel as a column: the statistics of its values, evenly thinned, and in how many series some are missing."""
    ends = np.cumsum(found.lengths)
    stride = max(1, -(-int(ends[-1]) // _DESCRIBED))
    starts = (found.lengths - ends) % stride
    thinned = [series[start::stride, channel] for series, start in zip(found.values, starts.tolist(), strict=True)]
    column = describe(
        found.layout.channels[channel], np.concatenate(thinned).astype(np.float64), channel, kind="number"
    )
    missing = sum(bool(np.isnan(series[:, channel]).any()) for series in found.values)
    return dataclasses.replace(column, kind=cast("Any", "series"), missing=missing)
