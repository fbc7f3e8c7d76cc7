"""Whatever a person points at, read as labelled examples: the one door to tables, images and arrays."""

from __future__ import annotations

import os
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lamina.data.examples import Examples, Kind, Reading
from lamina.errors import DataError, OptionError

SAMPLES = {"sample:penguins": "species", "sample:digits": "class"}


def read(source: Any, reading: Reading | None = None) -> Examples:
    """Labelled examples from a path, a sample, a frame, or arrays.

    ``source``: a folder of class folders of images or a zip of it; idx files (MNIST) or their folder; a .npz file;
    "sample:penguins" or "sample:digits"; a pair (X, y) of arrays; time series in a .ts file, a file of the UCR archive,
    a long table (``reading.series``) or any table or pair of arrays (``reading.kind`` "series"); a folder of class
    folders of recordings or a zip of it; or any table that ``read_table`` takes. With ``reading.test`` the name of a
    file or a folder, that is the test part; a fraction is for ``split`` (see ``test_fraction``). Raises DataError where
    the source can't be read.

    >>> read("sample:penguins").task.classes
    ('Adelie', 'Chinstrap', 'Gentoo')
    """
    reading = reading or Reading()
    examples = _read_any(source, reading)
    _check_options(examples, reading)
    return examples


def _read_any(source: Any, reading: Reading) -> Examples:
    if _asks_for_series(reading):
        return _read_series(source, reading)
    if isinstance(source, tuple) and len(source) == 2:
        from lamina.data.array import array_examples

        return array_examples(*source, reading=_without_test_file(reading, "arrays in memory"))
    if isinstance(source, str) and source.startswith("sample:"):
        return _read_sample(source, reading)
    if isinstance(source, (str, os.PathLike)):
        return _read_path(Path(source).expanduser(), reading) or _read_table(os.fspath(source), reading)
    if isinstance(source, np.ndarray):
        return _read_table(_columns(source), reading)
    return _read_table(source, reading)


def _asks_for_series(reading: Reading) -> bool:
    if reading.kind not in (None, "table", "series"):
        raise OptionError(
            f"--kind is {reading.kind}.",
            expected='"series" (each row of a table is one series) or "table"; all else is found out.',
            mend="--kind series",
        )
    return reading.kind == "series" or reading.series is not None


def _read_series(source: Any, reading: Reading) -> Examples:
    from lamina.data.series import read_series

    return read_series(source, reading, test=test_place(reading))


# Which kinds of examples an option is for, and what holds its value.
_MEANT_FOR: dict[str, tuple[str, tuple[Kind, ...]]] = {
    "--image-size": ("image_size", ("image",)),
    "--types": ("types", ("table", "series")),
    "--split-by-time": ("split_by_time", ("table",)),
    "--drop": ("drop", ("table", "series")),
    "--group": ("group", ("table", "series", "sound")),
    "--series": ("series", ("series",)),
    "--order": ("order", ("series",)),
    "--label-from-name": ("label_from_name", ("sound",)),
    "--sample-rate": ("rate", ("sound",)),
}
_HOLDS: dict[Kind, str] = {
    "table": "a table",
    "image": "images, whose folders or labels are the target",
    "series": "series",
    "sound": "recordings",
}
_PLURALS: dict[Kind, str] = {"table": "tables", "image": "images", "series": "series", "sound": "recordings"}


def _check_options(examples: Examples, reading: Reading) -> None:
    """No option is passed over in silence."""
    kind = examples.kind
    given = [o for o, (name, kinds) in _MEANT_FOR.items() if getattr(reading, name) and kind not in kinds]
    if kind == "image" and reading.target not in (None, examples.task.target):
        given.append("--target")
    if given:
        _, kinds = _MEANT_FOR.get(given[0], ("", ("table", "series", "sound")))
        raise OptionError(
            f"{' and '.join(given)}: {examples.source.path} holds {_HOLDS[kind]}.",
            expected=f"{given[0]} with {' or '.join(_PLURALS[of] for of in kinds)} only.",
            mend=f"Leave {' and '.join(given)} out.",
        )


def test_fraction(reading: Reading) -> float | None:
    """The share of test rows that ``reading.test`` says, or None where it says nothing or names a file.

    Raises OptionError for a number that is no share.

    >>> test_fraction(Reading(test="0.25"))
    0.25
    """
    try:
        share = float(reading.test) if reading.test is not None else None
    except ValueError:
        return None
    if share is None or 0 < share < 1:
        return share
    raise OptionError(
        f"--test is {reading.test}.", expected="A fraction between 0 and 1, or a file of test rows.", mend="--test 0.2"
    )


test_fraction.__test__ = False  # pyright: ignore[reportFunctionMemberAccess]  # a noun, not a test for pytest to collect


def test_place(reading: Reading) -> str | None:
    """The file or folder that ``reading.test`` names, or None.

    >>> test_place(Reading(test="held.csv")), test_place(Reading(test="0.2"))
    ('held.csv', None)
    """
    return reading.test if test_fraction(reading) is None else None


test_place.__test__ = False  # pyright: ignore[reportFunctionMemberAccess]


def _read_sample(name: str, reading: Reading) -> Examples:
    if name not in SAMPLES:
        expected = f"One of {', '.join(SAMPLES)}."
        raise DataError(f"There is no sample {name!r}.", expected=expected, mend="sample:penguins")
    if name == "sample:digits":
        from lamina.data.array import digits_examples

        return digits_examples(_without_test_file(reading, name))
    return _read_table(name, replace(reading, target=reading.target or SAMPLES[name]))


def _read_path(path: Path, reading: Reading) -> Examples | None:
    """Examples from a file or folder of images, arrays, series or sounds, or None where it is a table's to read."""
    from lamina.data.array import is_idx, read_idx_images, read_npz
    from lamina.data.image_files import IMAGES, is_image_name
    from lamina.data.image_folder import read_image_folder
    from lamina.data.series import is_series
    from lamina.data.sound import is_sound_place, read_sounds

    if reading.kind != "table" and is_series(path):
        return _read_series(path, reading)
    if is_sound_place(path):
        return read_sounds(path, reading, test=_existing_test(reading, "recordings"))
    if (path.is_dir() and any(map(is_idx, path.iterdir()))) or (path.is_file() and is_idx(path)):
        return read_idx_images(path, _without_test_file(reading, "idx files"))
    if path.is_dir() and _only_other_files(path):
        return None  # its reader says which of them are tables
    if path.is_dir() or (path.is_file() and _zip_of_images(path)):
        return read_image_folder(path, reading, test=_existing_test(reading, "images"))
    if path.suffix.lower() == ".npz" and path.is_file():
        return read_npz(path, _without_test_file(reading, "a .npz file"))
    if path.is_file() and is_image_name(path.name):
        raise DataError(
            f"{path} is one image.",
            expected=IMAGES.layout("FOLDER"),
            mend="Give the folder that holds the class folders.",
        )
    return None


def _existing_test(reading: Reading, what: str) -> Path | None:
    place = test_place(reading)
    if place is not None and not Path(place).exists():
        raise DataError(
            f"There is no {place}.", expected=f"A fraction, or a folder or zip of test {what}.", mend="--test 0.2"
        )
    return None if place is None else Path(place)


def _only_other_files(folder: Path) -> bool:
    from lamina.data.image_files import is_image_name

    inside = list(folder.iterdir())
    return bool(inside) and not any(path.is_dir() or is_image_name(path.name) for path in inside)


def _zip_of_images(path: Path) -> bool:
    """Whether a zip names an image among its members; whether it is safe is for the reader to find out."""
    from lamina.data.image_files import is_image_name

    if path.suffix.lower() == ".npz" or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(map(is_image_name, archive.namelist()))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def _read_table(source: Any, reading: Reading) -> Examples:
    from lamina.data.labelled import table_examples

    return table_examples(source, reading, test_source=test_place(reading))


def _columns(array: np.ndarray) -> dict[str, np.ndarray]:
    if array.ndim != 2:
        raise DataError(
            f"An array of shape {array.shape} without targets.",
            expected="A pair (X, y), or a table [rows, columns] with the target among its columns.",
            mend="Give (X, y).",
        )
    return {f"column {i + 1}": array[:, i] for i in range(array.shape[1])}


def _without_test_file(reading: Reading, what: str) -> Reading:
    place = test_place(reading)
    if place is not None:
        raise OptionError(
            f"--test names {place}, but the examples are {what}.",
            expected="A fraction for these.",
            mend="--test 0.2, or put the test part beside the training part (x_test and y_test, t10k-...).",
        )
    return reading
