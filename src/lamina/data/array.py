"""Examples that are arrays: idx files (MNIST), .npz files, scikit-learn's digits, arrays in memory."""

from __future__ import annotations

import gzip
import hashlib
import math
import re
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from lamina.data.examples import Examples, Note, Reading, Source
from lamina.data.image import choose_size, image_examples, whole_batch
from lamina.data.media_files import check_members, file_source
from lamina.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
IDX_NAME = re.compile(r"(?P<before>.*?)images?[-._]idx(?P<kind>\d)[-._]ubyte(?P<gz>\.gz)?$", re.IGNORECASE)
MOST_BYTES = 1 << 34  # of one array
INPUT_NAMES = ("x", "images", "data", "features", "inputs")
TARGET_NAMES = ("y", "labels", "targets", "label", "target")


# --- idx -------------------------------------------------------------------------------------------------------------


def read_idx(path: Path) -> np.ndarray:
    """The array in an idx file (or .gz of one): the format of MNIST, described on its page (LeCun et al. 1998).

    Two zero bytes, a type, the number of axes, the length of each (big-endian), the numbers. Raises DataError where the
    file is none, is truncated, or goes on after the array.
    """
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
            return _idx_array(path, file)  # pyright: ignore[reportArgumentType]
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise _broken_idx(path, f"its compression is damaged ({error})") from error


def _idx_array(path: Path, file: BinaryIO) -> np.ndarray:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in IDX_TYPES or not 1 <= head[3] <= 4:
        raise _broken_idx(path, f"it begins with the bytes {head.hex(' ') or '(none)'}")
    lengths = file.read(4 * head[3])
    shape = tuple(np.frombuffer(lengths[: len(lengths) // 4 * 4], ">u4").astype(int).tolist())
    number = np.dtype(IDX_TYPES[head[2]])
    size = math.prod(shape) * number.itemsize
    if len(shape) < head[3] or size > MOST_BYTES:
        raise _broken_idx(path, f"its header says the shape {shape}")
    content = file.read(size + 1)  # never more than the header says, whatever the compressed file holds
    if len(content) != size:
        what = "longer" if len(content) > size else f"shorter ({len(content):,} bytes)"
        raise _broken_idx(path, f"it is {what} than its header says ({size:,} bytes)")
    return np.frombuffer(content, number).reshape(shape)


def _broken_idx(path: Path, why: str) -> DataError:
    return DataError(
        f"{path} is no whole idx file: {why}.",
        expected="An idx file as MNIST has them: a header, then as many numbers as it says.",
        mend="Download it again.",
    )


def is_idx(path: Path) -> bool:
    """Whether a file's name is that of images in an idx file.

    >>> is_idx(Path("train-images-idx3-ubyte.gz")), is_idx(Path("train-labels-idx1-ubyte.gz"))
    (True, False)
    """
    return IDX_NAME.match(path.name) is not None


def read_idx_images(place: Path, reading: Reading) -> Examples:
    """Images and their labels from idx files: a folder of them, or one file of images with its labels beside it.

    In a folder that has both, the images of t10k-... (or test-...) are the test part.
    """
    if place.is_file():
        images, labels = _idx_pair(place)
        names = _numbered("image", len(images))
        return _arranged(images, labels, names=names, source=file_source(place), reading=reading)
    files = sorted(file for file in place.iterdir() if is_idx(file))
    held = [file for file in files if re.match(r"(.*[-._])?(t10k|test)[-._]", file.name, re.IGNORECASE)]
    train = [file for file in files if file not in held] or held
    if len(train) != 1 or len(held) > 1:
        raise DataError(
            f"{place} holds {len(files)} idx files of images: {', '.join(file.name for file in files)}.",
            expected="One file of images to train on, and at most one to test on.",
            mend=f"Name one of them: lamina train {files[0]}",
        )
    images, labels = _idx_pair(train[0])
    source = _joined_source(place, [train[0], *held])
    if held == train or not held:
        return _arranged(images, labels, names=_numbered("image", len(images)), source=source, reading=reading)
    return _with_test(images, labels, _idx_pair(held[0]), source, reading)


def _idx_pair(path: Path) -> tuple[np.ndarray, np.ndarray]:
    beside = re.sub(r"images?([-._])idx\d", r"labels\1idx1", path.name)
    names = [beside, beside.removesuffix(".gz"), beside + ".gz"]
    found = [path.with_name(name) for name in names if path.with_name(name).is_file()]
    if not found:
        raise DataError(
            f"There are no labels beside {path}.", expected=f"The file {beside}.", mend=f"Put {beside} into its folder."
        )
    images, labels = read_idx(path), read_idx(found[0])
    _check_lengths(images, labels, str(path))
    return images, labels


def _joined_source(place: Path, files: list[Path]) -> Source:
    parts = [file_source(file) for file in files]
    joined = hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest()
    return Source(str(place), joined, sum(part.bytes for part in parts))


# --- .npz ------------------------------------------------------------------------------------------------------------


def read_npz(path: Path, reading: Reading) -> Examples:
    """Examples from a .npz file: arrays X (or images, data) and y (or labels, targets), or x_train, ... y_test.

    Nothing in it is unpickled. Raises DataError where arrays are absent, don't fit, or hold Python objects.
    """
    arrays = _npz_arrays(path)
    source = file_source(path)
    (x, y), test = _chosen(arrays, str(path))
    if test is not None:
        return _with_test(x, y, test, source, reading)
    return _arranged(x, y, names=_numbered("row", len(x)), source=source, reading=reading)


def _npz_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            check_members(path, archive.infolist(), most=MOST_BYTES)
        with np.load(path, allow_pickle=False) as loaded:
            return {name.lower(): loaded[name] for name in loaded.files}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError) as error:
        pickled = "allow_pickle" in str(error) or "Object arrays" in str(error)
        raise DataError(
            f"{path} {'holds Python objects, which are not opened' if pickled else f'can not be read: {error}'}.",
            expected="A whole .npz file of plain arrays.",
            mend="Save it again: numpy.savez(path, X=images, y=labels.astype(str)), labels as text or numbers.",
        ) from error


def read_array(path: Path) -> np.ndarray:
    """The inputs alone, from an idx or .npz file: what is to be predicted."""
    if path.suffix.lower() != ".npz":
        return read_idx(path)
    arrays = _npz_arrays(path)
    found = [arrays[name] for name in (*INPUT_NAMES, "x_test", "x_train") if name in arrays]
    if not found and len(arrays) != 1:
        raise _no_arrays(arrays, str(path))
    return found[0] if found else next(iter(arrays.values()))


def _chosen(arrays: Mapping[str, np.ndarray], where: str) -> tuple[Any, Any]:
    """The pair of inputs and targets, and the pair for the test or None."""
    x = next((arrays[name] for name in ("x_train", *INPUT_NAMES) if name in arrays), None)
    y = next((arrays[name] for name in ("y_train", *TARGET_NAMES) if name in arrays), None)
    if x is None or y is None:
        raise _no_arrays(arrays, where)
    _check_lengths(x, y, where)
    test = (arrays["x_test"], arrays["y_test"]) if {"x_test", "y_test"} <= set(arrays) else None
    if test is not None:
        _check_lengths(*test, where)
    return (x, y), test


def _no_arrays(arrays: Mapping[str, np.ndarray], where: str) -> DataError:
    return DataError(
        f"{where} holds the arrays {', '.join(sorted(arrays)) or '(none)'}.",
        expected="X (or images, data) and y (or labels, targets); or x_train, y_train, x_test, y_test.",
        mend="Save it again under these names: numpy.savez(path, X=X, y=y)",
    )


# --- In memory, and scikit-learn's digits ----------------------------------------------------------------------------


def array_examples(x: Any, y: Any, *, reading: Reading) -> Examples:
    """Examples from arrays in memory: images [n, h, w] or [n, h, w, c], or numbers [n, features]; a target each."""
    x, y = np.asarray(x), np.asarray(y)
    _check_lengths(x, y, "The pair of arrays")
    digest = hashlib.sha256(np.ascontiguousarray(x).tobytes() if x.dtype != object else str(x.tolist()).encode())
    digest.update(str(y.tolist()).encode())
    source = Source("arrays in memory", digest.hexdigest(), x.nbytes + y.nbytes)
    return _arranged(x, y, names=_numbered("row", len(x)), source=source, reading=reading)


def digits_examples(reading: Reading) -> Examples:
    """scikit-learn's 1,797 handwritten digits as 8 x 8 grey images, its levels 0..16 as 0..255."""
    from sklearn.datasets import load_digits

    images, labels = (np.asarray(part) for part in load_digits(return_X_y=True))
    levels = np.rint(images.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    source = Source("sample:digits", hashlib.sha256(levels.tobytes()).hexdigest(), levels.nbytes)
    return _arranged(levels, labels, names=_numbered("digit", len(labels)), source=source, reading=reading)


# --- One way for all -------------------------------------------------------------------------------------------------


def _arranged(
    x: np.ndarray,
    y: np.ndarray,
    *,
    names: np.ndarray,
    source: Source,
    reading: Reading,
    test: np.ndarray | None = None,
    notes: tuple[Note, ...] = (),
) -> Examples:
    """Examples from inputs and targets: a table where inputs are [n, features], else images."""
    if x.ndim == 2:
        return _table_examples(x, y, source, reading)
    labels, more = _labels(y)
    pixels = whole_batch(x)
    preprocessing = choose_size([pixels.shape[1:3]], pixels.shape[3], asked=reading.image_size)
    made = image_examples(
        preprocessing.transform(pixels),
        labels,
        names=names,
        source=source,
        reading=reading,
        rule=preprocessing.rule,
        notes=(*notes, *more),
    )
    return made if test is None else replace(made, fixed_test=test)


def _with_test(x: np.ndarray, y: np.ndarray, test: tuple[Any, Any], source: Source, reading: Reading) -> Examples:
    """Examples whose test part is a pair of arrays of its own."""
    if x.shape[1:] != test[0].shape[1:]:
        raise DataError(
            f"{source.path}: examples to train on have the shape {x.shape[1:]}, those to test on {test[0].shape[1:]}.",
            expected="The same shape.",
            mend="Bring the test part to the shape of the training part.",
        )
    if x.ndim == 2:
        return _table_examples(x, y, source, reading, test)
    text = f"The {len(test[0]):,} examples that {source.path} keeps for the test are the test part."
    names = np.concatenate([_numbered("training", len(x)), _numbered("test", len(test[0]))])
    return _arranged(
        np.concatenate([x, test[0]]),
        np.concatenate([y, test[1]]),
        names=names,
        source=source,
        reading=reading,
        test=np.arange(len(names)) >= len(x),
        notes=(Note("official-split", text),),
    )


def _table_examples(
    x: np.ndarray, y: np.ndarray, source: Source, reading: Reading, test: tuple[Any, Any] | None = None
) -> Examples:
    from lamina.data.labelled import table_examples

    held = None if test is None else _columns(*test, source.path)
    made = table_examples(_columns(x, y, source.path), replace(reading, target=reading.target or "y"), test_source=held)
    return replace(made, source=source)


def _columns(x: np.ndarray, y: np.ndarray, where: str) -> dict[str, np.ndarray]:
    """A table of numbers and a target."""
    if x.dtype.kind not in "buif":
        raise DataError(
            f"{where}: inputs of type {x.dtype}.", expected="Numbers.", mend="Give words in a CSV or a frame."
        )
    return {**{f"x{i + 1}": x[:, i].astype(np.float64) for i in range(x.shape[1])}, "y": _labels(y)[0]}


def read_pair(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets (text for classes) from an idx or .npz file; of a .npz the test part if it has one."""
    if path.suffix.lower() != ".npz":
        x, y = _idx_pair(path)
    else:
        train, test = _chosen(_npz_arrays(path), str(path))
        x, y = test or train
    return x, _labels(y)[0]


def text_labels(y: Any) -> np.ndarray:
    """Targets of any type as text for classes, or float64 where they are values."""
    return _labels(np.asarray(y))[0]


def _labels(y: np.ndarray) -> tuple[np.ndarray, tuple[Note, ...]]:
    """Targets as text for classes, or float64 where numbers have fractions; one-hot columns are classes too."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and y.dtype.kind in "buif" and np.isin(y, (0, 1)).all() and (y.sum(1) == 1).all():
        note = Note("one-hot", f"Targets in {y.shape[1]} columns, one of them 1: its number is the class.")
        return y.argmax(1).astype(str), (note,)
    if y.ndim != 1:
        raise DataError(
            f"Targets of shape {y.shape}.", expected="One for each example: [n].", mend="Give one column of targets."
        )
    if y.dtype.kind == "f":
        if not np.isfinite(y).all():
            raise DataError(
                f"{np.sum(~np.isfinite(y)):,} targets are NaN or infinite.",
                expected="A number for each example.",
                mend="Leave those examples out.",
            )
        return (y.astype(np.int64).astype(str), ()) if (y == np.rint(y)).all() else (y.astype(np.float64), ())
    if y.dtype.kind == "S":
        return np.char.decode(y, "utf-8", "replace"), ()
    return y.astype(str), ()


def _check_lengths(x: np.ndarray, y: np.ndarray, where: str) -> None:
    if x.ndim < 2 or y.ndim < 1 or len(x) != len(y) or not len(x):
        raise DataError(
            f"{where}: inputs of shape {x.shape} and targets of shape {y.shape}.",
            expected="At least one example, and a target for each.",
            mend="Give as many targets as examples: X [n, ...] and y [n].",
        )


def _numbered(word: str, count: int) -> np.ndarray:
    return np.array([f"{word} {i + 1}" for i in range(count)], dtype=object)
