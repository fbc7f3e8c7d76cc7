"""Whatever a person points at, read as labelled examples: the one door to tables, images and arrays."""

from __future__ import annotations

import os
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lamina.data.examples import Examples, Note, Reading, Task
from lamina.data.image import ImagePreprocessing, some
from lamina.errors import DataError, OptionError, TargetError

SAMPLES = {"sample:penguins": "species", "sample:digits": "class"}


def read(source: Any, reading: Reading | None = None) -> Examples:
    """Labelled examples from a path, a sample, a frame, or arrays.

    ``source``: a folder of class folders of images or a zip of it; idx files (MNIST) or their folder; a .npz file;
    "sample:penguins" or "sample:digits"; a pair (X, y) of arrays; or any table that ``read_table`` takes. With
    ``reading.test`` the name of a file or a folder, that is the test part; a fraction is for ``split`` (see
    ``test_fraction``). Raises DataError where the source can't be read.

    >>> read("sample:penguins").task.classes
    ('Adelie', 'Chinstrap', 'Gentoo')
    """
    reading = reading or Reading()
    examples = _read_any(source, reading)
    _check_options(examples, reading)
    return examples


def _read_any(source: Any, reading: Reading) -> Examples:
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


def _check_options(examples: Examples, reading: Reading) -> None:
    """No option is passed over in silence."""
    asked = {"--image-size": reading.image_size} if examples.kind == "table" else {}
    if examples.kind == "image":
        asked = {
            "--group": reading.group,
            "--split-by-time": reading.split_by_time,
            "--drop": reading.drop,
            "--types": reading.types,
            "--target": reading.target if reading.target != examples.task.target else None,
        }
    given = [option for option, value in asked.items() if value]
    if given:
        other = "images" if examples.kind == "table" else "tables"
        kind = "a table" if examples.kind == "table" else "images, whose folders or labels are the target"
        raise OptionError(
            f"{' and '.join(given)}: {examples.source.path} holds {kind}.",
            expected=f"{given[0]} with {other} only.",
            mend=f"Leave {' and '.join(given)} out.",
        )


def read_labelled_images(
    data: Any, preprocessing: ImagePreprocessing, task: Task
) -> tuple[np.ndarray, np.ndarray, tuple[Note, ...]]:
    """Images with labels to judge a model on: uint8 NHWC as its preprocessing makes them, its targets, and notes.

    ``data``: a folder of class folders or a zip of it, an idx or .npz file, or a pair (X, y) of arrays. Raises
    TargetError for classes that the model does not know.
    """
    from lamina.data.array import read_pair, text_labels

    notes: tuple[Note, ...] = ()
    if isinstance(data, tuple):
        inputs, labels = preprocessing.transform(np.asarray(data[0])), text_labels(data[1])
    elif (path := _existing(data)).suffix.lower() == ".npz" or (path.is_file() and "ubyte" in path.name):
        inputs, labels = read_pair(path)
        inputs = preprocessing.transform(inputs)
    else:
        from lamina.data.image_folder import read_filed_images

        inputs, labels, notes = read_filed_images(path, preprocessing)
    return inputs, _known_targets(labels, task), notes


def _existing(data: Any) -> Path:
    if isinstance(data, (str, os.PathLike)) and Path(data).expanduser().exists():
        return Path(data).expanduser()
    raise DataError(
        f"There is no {data if isinstance(data, (str, os.PathLike)) else 'file'}.",
        expected="A folder of class folders of images, a zip of it, an idx or .npz file, or (X, y).",
        mend="Check the path.",
    )


def _known_targets(labels: np.ndarray, task: Task) -> np.ndarray:
    if task.kind == "regression":
        return labels.astype(np.float64)
    number = {label: i for i, label in enumerate(task.classes)}
    unknown = sorted(set(labels.astype(str).tolist()) - set(number))
    if unknown:
        raise TargetError(
            f"The model does not know {some(unknown)}.",
            expected=f"Its classes: {some(task.classes, 20)}.",
            mend="Leave out or rename those examples, or train a model with them.",
        )
    return np.array([number[label] for label in labels.astype(str).tolist()], np.int32)


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
    """Examples from a file or folder of images or arrays, or None where it is a table's to read."""
    from lamina.data.array import is_idx, read_idx_images, read_npz
    from lamina.data.image_files import is_image_name
    from lamina.data.image_folder import LAYOUT, read_image_folder

    if (path.is_dir() and any(map(is_idx, path.iterdir()))) or (path.is_file() and is_idx(path)):
        return read_idx_images(path, _without_test_file(reading, "idx files"))
    if path.is_dir() and _only_other_files(path):
        return None  # its reader says which of them are tables
    if path.is_dir() or (path.is_file() and _zip_of_images(path)):
        place = test_place(reading)
        if place is not None and not Path(place).exists():
            raise DataError(
                f"There is no {place}.",
                expected="A fraction, or a folder or zip of test images.",
                mend="--test 0.2",
            )
        return read_image_folder(path, reading, test=None if place is None else Path(place))
    if path.suffix.lower() == ".npz" and path.is_file():
        return read_npz(path, _without_test_file(reading, "a .npz file"))
    if path.is_file() and is_image_name(path.name):
        raise DataError(
            f"{path} is one image.",
            expected=LAYOUT.format("FOLDER"),
            mend="Give the folder that holds the class folders.",
        )
    return None


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
