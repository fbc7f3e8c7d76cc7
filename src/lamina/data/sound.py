"""Recordings as arrays: read from folders or zips, at one rate, of one length, labelled by folder or by name."""

from __future__ import annotations

import contextlib
import functools
import io
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from lamina.data.class_folders import Filed, by_folder, by_name, folder_source, lies_in_class_folders, readable_rows
from lamina.data.class_folders import with_test as with_held
from lamina.data.examples import SILENCE, Examples, Note, Reading, Task
from lamina.data.labels import encoded, hashed, known_targets
from lamina.data.media_files import Listing, MediaFile, open_path
from lamina.data.medium import some
from lamina.data.name_pattern import EXAMPLE, NamePattern, name_pattern
from lamina.data.recording import RATES, Head, Heard, decode_all, examine_all, fitted
from lamina.data.sound_files import ENDING, SOUNDS, sound_files
from lamina.data.sound_files import is_sound_place as is_sound_place
from lamina.errors import DataError, OptionError, SchemaError

__all__ = [
    "SoundPreprocessing",
    "is_sound_place",
    "preprocessing_of",
    "read_labelled",
    "read_sounds",
    "read_unlabelled",
]

HIGHEST_RATE = 16_000  # samples a second where nobody asked for more: speech has little above 8 kHz
LONGEST = 10.0  # seconds
MOST = 0.95  # of the training recordings are not cut


@dataclass(frozen=True)
class SoundPreprocessing:
    """How any recording becomes int16 samples of one rate and one length; saved with the model.

    Channels are averaged, the ``rate`` becomes that of all, what is longer than ``samples`` is cut to its loudest
    stretch, what is shorter is followed by SILENCE. ``rule`` says how rate and length were found. ``label_from_name``
    and ``target`` say how labels were found in names, for other recordings to judge the model on.
    """

    rate: int
    samples: int
    rule: str
    label_from_name: str | None = None
    target: str | None = None

    @property
    def shape(self) -> tuple[int]:
        """How many samples each recording has."""
        return (self.samples,)

    def transform(self, sounds: Iterable[Any] | np.ndarray) -> np.ndarray:
        """Recordings (paths, bytes of files, arrays [n] or [n, channels] at this rate) as int16 [recordings, samples].

        In an array whole numbers are 16-bit samples, fractions go from -1 to 1. Raises SchemaError, with the
        recording's name, for one that can't be read.

        >>> SoundPreprocessing(8000, 4, "given").transform([np.array([0.5, -0.5])]).tolist()
        [[16384, -16384, -32768, -32768]]
        """
        if isinstance(sounds, np.ndarray) and sounds.dtype == np.int16 and sounds.shape[1:] == self.shape:
            return sounds
        rows = np.full((0, self.samples), SILENCE, np.int16)
        return np.concatenate([rows, *(self._one(sound, i)[None] for i, sound in enumerate(sounds))])

    def _one(self, sound: Any, row: int) -> np.ndarray:
        made = np.full(self.samples, SILENCE, np.int16)
        if isinstance(sound, (str, bytes, os.PathLike)):
            file = _named(sound, row)
            heads, failures = examine_all([file])
            if heads:
                rows, _, failures, _ = decode_all([file], self.rate, self.samples)
                made = rows[0]
            if failures:
                raise _unreadable(file.name, failures[0])
            return made
        heard = _array_samples(np.asarray(sound), row, self)
        made[: len(heard)] = heard
        return made

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        found = {"label_from_name": self.label_from_name, "target": self.target}
        return {"rate": self.rate, "samples": self.samples, "rule": self.rule, **found}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> SoundPreprocessing:
        """What ``to_json`` wrote.

        >>> p = SoundPreprocessing(8000, 6000, "given", "{digit}_{speaker}", "digit")
        >>> SoundPreprocessing.from_json(p.to_json()) == p
        True
        """
        names = (values.get("label_from_name"), values.get("target"))
        return cls(int(values["rate"]), int(values["samples"]), str(values["rule"]), *names)


def _named(sound: str | bytes | os.PathLike[str], row: int) -> MediaFile:
    if isinstance(sound, bytes):
        return MediaFile(f"recording {row + 1}", functools.partial(io.BytesIO, sound))
    return MediaFile(str(sound), functools.partial(open_path, Path(sound)))


def _array_samples(sound: np.ndarray, row: int, preprocessing: SoundPreprocessing) -> np.ndarray:
    if sound.ndim not in (1, 2) or not sound.size or sound.dtype.kind not in "iuf":
        raise _unreadable(f"recording {row + 1}", f"it is an array of {sound.dtype} of shape {sound.shape}")
    if sound.dtype.kind in "iu":
        sound = sound[sound != SILENCE] if sound.ndim == 1 else sound
        sound = sound / np.float32(32768)
    samples = sound.astype(np.float32).reshape(len(sound), -1)
    try:
        return fitted(samples, preprocessing.rate, preprocessing.rate, length=preprocessing.samples).samples
    except ValueError as error:
        raise _unreadable(f"recording {row + 1}", str(error)) from error


def _unreadable(name: str, why: str) -> SchemaError:
    return SchemaError(
        f"{name} can't be read as a recording: {why}.",
        expected="A recording as WAV, FLAC or Ogg, or an array of its samples.",
        mend="Leave it out, or save it anew as WAV.",
    )


# --- One rate and one length -----------------------------------------------------------------------------------------


def choose(heads: Sequence[Head], *, rate: int | None = None) -> SoundPreprocessing:
    """One rate and one length for recordings with these headers.

    The rate is the one asked for, else their most common one, at most 16,000 samples a second; the length is what 95 %
    of them don't exceed, at most 10 seconds.

    >>> choose([Head(8000, 1, 4000)] * 10).rule
    '8,000 samples a second, the rate of all recordings; 0.5 seconds, the length of all'
    """
    rates = Counter(head.rate for head in heads)
    common = max(rates, key=lambda found: (rates[found], found))
    wanted = _asked_rate(rate) if rate is not None else min(common, HIGHEST_RATE)
    lengths = [-(-head.frames * wanted // head.rate) for head in heads]
    usual = int(np.quantile(lengths, MOST, method="higher"))
    length = min(usual, int(LONGEST * wanted))
    how = f"{wanted:,} samples a second, {_rate_rule(wanted, rates, rate)}"
    return SoundPreprocessing(wanted, length, f"{how}; {length / wanted:.3g} seconds, {_length_rule(length, lengths)}")


def _asked_rate(rate: int) -> int:
    if not RATES[0] <= rate <= RATES[1]:
        raise OptionError(
            f"The rate is {rate:,} samples a second.",
            expected=f"From {RATES[0]:,} to {RATES[1]:,}.",
            mend="--sample-rate 16000",
        )
    return rate


def _rate_rule(wanted: int, rates: Counter[int], asked: int | None) -> str:
    if asked is not None:
        return "as asked"
    if set(rates) == {wanted}:
        return "the rate of all recordings"
    return "the most common rate" if wanted in rates else f"as many as there need be ({_rates_text(rates)})"


def _rates_text(rates: Counter[int]) -> str:
    return ", ".join(f"{count:,} at {rate:,}" for rate, count in rates.most_common(5))


def _length_rule(length: int, lengths: Sequence[int]) -> str:
    if max(lengths) == length:
        return "the length of all" if min(lengths) == length else "the length of the longest"
    longer = sum(of > length for of in lengths)
    return f"which {longer / len(lengths):.0%} of the recordings exceed; they are cut to their loudest stretch"


# --- Labelled recordings ---------------------------------------------------------------------------------------------


def read_sounds(place: Path, reading: Reading, *, test: Path | None = None) -> Examples:
    """Labelled recordings from a folder or a zip; ``test``: another such place.

    The label is the class folder's name (in train/ and test/ folders, which are honoured), or what the name says:
    with ``reading.label_from_name`` "{digit}_{speaker}" the part ``reading.target``, else the first one. The part
    ``reading.group`` keeps recordings together when they are split. Damaged recordings are left out and named. Raises
    DataError for a single class, a class of one recording, for unsafe zips and for more than memory holds.
    """
    pattern = name_pattern(reading, ENDING)
    with contextlib.ExitStack() as stack:
        listing = stack.enter_context(sound_files(place))
        found, target = filed(listing, pattern)
        if test is not None:
            held = stack.enter_context(sound_files(test))
            found = with_held(found, filed(held, pattern, few=True)[0], test, held)
        heads, failures = examine_all(found.files)
        if not heads:
            raise SOUNDS.nothing_readable(listing.place, len(found.files), failures)
        train = [head for i, head in heads.items() if not found.test[i]] or list(heads.values())
        made = replace(choose(train, rate=reading.rate), label_from_name=reading.label_from_name, target=reading.target)
        check_memory(len(found.files), made)
        rows, heard, more, digests = decode_all(found.files, made.rate, made.samples, skip=set(failures))
    failures |= more
    good = readable_rows(found, failures, listing)
    source = listing.source or folder_source(place, found.files, digests)
    notes = (*listing.notes, *found.notes, *said(found.files, heads, heard, failures, made))
    task, targets = encoded(np.array(found.labels)[good], target, positive=reading.positive)
    SOUNDS.check_counts(Counter(np.array(found.labels)[good].tolist()), source.path)
    rows = rows if good.all() else rows[good]
    hashes, equal = hashed(rows, targets, task, SOUNDS)
    names = np.array([file.name for file in found.files], object)[good]
    held_out = np.array(found.test)[good]
    return Examples(
        kind="sound",
        task=task,
        inputs=rows,
        targets=targets,
        names=names,
        hashes=hashes,
        schema=_schema(len(rows), task, made),
        source=source,
        notes=(*notes, *equal),
        fixed_test=held_out if held_out.any() else None,
        groups=_groups(names, pattern),
    )


def filed(listing: Listing, pattern: NamePattern | None, *, few: bool = False) -> tuple[Filed, str]:
    """Each recording with its class, by folder or by name, and what the target is called."""
    if pattern is None:
        return by_folder(listing, few=few), "class"
    fitting = tuple(file for file in listing.files if _parts(file.name, pattern) is not None)
    left = len(listing.files) - len(fitting)
    if left and not fitting:
        raise DataError(
            f"None of the names in {listing.place} fits {pattern.pattern!r}, such as {listing.files[0].name!r}.",
            expected="A pattern of the names without their ending, its parts in braces.",
            mend=EXAMPLE,
        )
    notes = _unfitting_notes([file.name for file in listing.files if file not in fitting], pattern) if left else ()
    listing = replace(listing, files=fitting)
    if pattern.label is None and lies_in_class_folders(listing):
        found, target = by_folder(listing, few=few), "class"
    else:
        target = pattern.label or pattern.parts[0]
        found = by_name(listing, lambda file: (_parts(file.name, pattern) or {})[target], few=few)
    return replace(found, notes=(*found.notes, *notes)), target


def _parts(name: str, pattern: NamePattern) -> dict[str, str] | None:
    return pattern.parts_of(ENDING.sub("", PurePosixPath(name).name))


def _unfitting_notes(names: Sequence[str], pattern: NamePattern) -> tuple[Note, ...]:
    text = f"{SOUNDS.counted(len(names))} left out, whose name does not fit {pattern.pattern!r}: {some(names)}."
    return (Note("unfitting-names", text, matters=True),)


def _groups(names: np.ndarray, pattern: NamePattern | None) -> np.ndarray | None:
    """A number for each recording that its group shares."""
    if pattern is None or pattern.group is None:
        return None
    numbers: dict[str, int] = {}
    words = [(_parts(name, pattern) or {})[pattern.group] for name in names.tolist()]
    return np.array([numbers.setdefault(word, len(numbers)) for word in words], np.int64)


def check_memory(count: int, preprocessing: SoundPreprocessing) -> None:
    """DataError where so many recordings of that length are more than memory holds."""
    from lamina.allowance import free_memory

    size, free = 2 * count * preprocessing.samples, free_memory()
    if free is not None and size > free:
        raise DataError(
            f"{SOUNDS.counted(count)} of {preprocessing.samples:,} samples need {size >> 20:,} MB of memory, and "
            f"{free >> 20:,} MB are free.",
            expected="All recordings, at their common rate and length, in memory.",
            mend=f"--sample-rate {max(RATES[0], preprocessing.rate // 2)}, fewer recordings, or shorter ones.",
        )


def _schema(count: int, task: Task, made: SoundPreprocessing) -> Any:
    from lamina.data.schema import Column, Schema

    kind: Any = "sound"
    column = Column(name="sound", kind=kind, role="feature", position=0, statistics=made.to_json())
    return Schema(columns=(column,), target=task.target, rows=count)


def preprocessing_of(examples: Examples) -> SoundPreprocessing:
    """The preprocessing that made the recordings of these examples."""
    return SoundPreprocessing.from_json(examples.schema.columns[0].statistics)


# --- For a model -----------------------------------------------------------------------------------------------------


def read_unlabelled(data: Any, preprocessing: SoundPreprocessing) -> tuple[np.ndarray, np.ndarray, tuple[Note, ...]]:
    """Recordings to predict, whatever they are in: int16 [n, samples], a name each, and notes.

    ``data``: a folder (of folders), a zip, a recording, or what ``transform`` takes. In a folder or a zip the
    unreadable are left out and named; DataError where none can be read.
    """
    if not isinstance(data, (str, os.PathLike)):
        rows = preprocessing.transform(data)
        return rows, np.array([f"recording {i + 1}" for i in range(len(rows))], object), ()
    with sound_files(_existing(data)) as listing:
        rows, good, notes = _read(listing, listing.files, preprocessing)
    names = np.array([file.name for file in listing.files], object)[good]
    return rows, names, (*listing.notes, *notes)


def read_labelled(
    data: Any, preprocessing: SoundPreprocessing, task: Task
) -> tuple[np.ndarray, np.ndarray, tuple[Note, ...]]:
    """Recordings with labels to judge a model on: int16 [n, samples], targets as ``task`` counts them, and notes.

    ``data``: a folder or zip, labelled as the training recordings were, or a pair (recordings, labels). Raises
    TargetError for classes that the model does not know.
    """
    if isinstance(data, tuple):
        from lamina.data.array import text_labels

        return preprocessing.transform(data[0]), known_targets(text_labels(data[1]), task), ()
    reading = Reading(label_from_name=preprocessing.label_from_name, target=preprocessing.target)
    with sound_files(_existing(data)) as listing:
        found, _ = filed(listing, name_pattern(reading, ENDING), few=True)
        rows, good, notes = _read(listing, found.files, preprocessing)
    return rows, known_targets(np.array(found.labels)[good], task), (*listing.notes, *found.notes, *notes)


def _existing(data: str | os.PathLike[str]) -> Path:
    place = Path(data).expanduser()
    if place.exists():
        return place
    raise DataError(f"There is no {place}.", expected="Recordings: a folder, a zip or a file.", mend="Check the path.")


def _read(
    listing: Listing, files: Sequence[MediaFile], preprocessing: SoundPreprocessing
) -> tuple[np.ndarray, np.ndarray, tuple[Note, ...]]:
    """What can be read of some files, which of them that is, and notes."""
    heads, failures = examine_all(files)
    if not heads:
        raise SOUNDS.nothing_readable(listing.place, len(files), failures)
    check_memory(len(files), preprocessing)
    rows, heard, more, _ = decode_all(files, preprocessing.rate, preprocessing.samples, skip=set(failures))
    failures |= more
    if len(failures) == len(files):
        raise SOUNDS.nothing_readable(listing.place, len(files), failures)
    good = np.array([i not in failures for i in range(len(files))])
    return rows[good], good, said(files, heads, heard, failures, preprocessing)


# --- What is said ----------------------------------------------------------------------------------------------------


def said(
    files: Sequence[MediaFile],
    heads: dict[int, Head],
    heard: dict[int, Heard],
    failures: dict[int, str],
    made: SoundPreprocessing,
) -> tuple[Note, ...]:
    """What was left out, and what was done to recordings of unusual kinds."""
    rates = Counter(heads[i].rate for i in heard)
    notes = [*SOUNDS.skipped_notes(files, failures)]
    if set(rates) != {made.rate}:
        text = f"Recordings of other rates ({_rates_text(rates)}): resampled to {made.rate:,} samples a second."
        notes.append(Note("resampled-recordings", text))
    longer = f"longer than {made.samples / made.rate:.3g} seconds: cut to the loudest stretch"
    for kind, rows, text in (
        ("stereo", [i for i in heard if heads[i].channels > 1], "of several channels: their mean is heard"),
        ("silent", [i for i, of in heard.items() if of.silent], "of silence: kept, but nothing can be heard"),
        ("clipped", [i for i, of in heard.items() if of.clipped], "clipped at full scale: kept as they are"),
        ("cut", [i for i, of in heard.items() if of.cut], longer),
    ):
        if rows:
            text = f"{SOUNDS.counted(len(rows))} {text} ({some([files[i].name for i in rows], 3)})."
            notes.append(Note(f"{kind}-recordings", text, matters=kind == "silent"))
    return tuple(notes)
