"""Arrays: idx files written by hand, .npz files, digits, pairs in memory."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina.data.array import array_examples, digits_examples, is_idx, read_idx, read_idx_images, read_npz
from lamina.data.examples import Examples, Reading
from lamina.data.table import Table
from lamina.errors import DataError


def idx(array: np.ndarray) -> bytes:
    """An idx file of bytes, as its description says."""
    return struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 5, 6)).astype(np.uint8)


def labels(count: int) -> np.ndarray:
    return (np.arange(count) % 3).astype(np.uint8)


def pixels(made: Examples) -> np.ndarray:
    assert isinstance(made.inputs, np.ndarray)
    return made.inputs


def write_set(place: Path, part: str, count: int, *, packed: bool) -> None:
    for kind, array in (("images-idx3", images(count, count)), ("labels-idx1", labels(count))):
        content = idx(array)
        name = f"{part}-{kind}-ubyte" + (".gz" if packed else "")
        (place / name).write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("packed", [True, False])
def test_a_folder_of_idx_files_keeps_its_official_test_part(tmp_path: Path, packed: bool) -> None:
    write_set(tmp_path, "train", 12, packed=packed)
    write_set(tmp_path, "t10k", 6, packed=packed)
    made = read_idx_images(tmp_path, Reading())
    assert np.array_equal(pixels(made)[..., 0], np.concatenate([images(12, 12), images(6, 6)]))
    assert made.targets.tolist() == [*labels(12), *labels(6)]
    assert made.fixed_test is not None
    assert np.flatnonzero(made.fixed_test).tolist() == list(range(12, 18))
    assert [made.names[0], made.names[17]] == ["training 1", "test 6"]
    assert [note.kind for note in made.notes] == ["official-split"]


def test_one_idx_file_finds_its_labels(tmp_path: Path) -> None:
    write_set(tmp_path, "t10k", 6, packed=True)
    made = read_idx_images(tmp_path / "t10k-images-idx3-ubyte.gz", Reading())
    assert (len(made), made.fixed_test) == (6, None)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="no labels beside") as caught:
        read_idx_images(tmp_path / "t10k-images-idx3-ubyte.gz", Reading())
    assert "t10k-labels-idx1-ubyte.gz" in caught.value.mend


def test_an_idx_file_cut_or_altered_is_refused(tmp_path: Path) -> None:
    path, whole = tmp_path / "train-images-idx3-ubyte", idx(images(3))
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match="no whole idx file"):
            read_idx(path)
    for content in (whole + b"\0", b"\1" + whole[1:], whole[:4] + b"\xff" * 8 + whole[12:]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="no whole idx file"):
            read_idx(path)
    path.write_bytes(whole)
    assert np.array_equal(read_idx(path), images(3))


def test_a_gz_cut_or_swollen_is_refused(tmp_path: Path) -> None:
    path, whole = tmp_path / "train-images-idx3-ubyte.gz", gzip.compress(idx(images(3)))
    for content in (whole[:-9], whole[:20], b"none", gzip.compress(idx(images(3)) + b"\0" * (1 << 20))):
        path.write_bytes(content)
        with pytest.raises(DataError, match="no whole idx file"):
            read_idx(path)


def test_big_endian_numbers(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(struct.pack(">HBBI", 0, 0x0D, 1, 2) + struct.pack(">2f", 0.5, -2))
    assert read_idx(tmp_path / "a").tolist() == [0.5, -2.0]


def test_names_of_idx_files() -> None:
    names = ["train-images-idx3-ubyte.gz", "t10k-images.idx3-ubyte", "emnist-letters-train-images-idx3-ubyte.gz"]
    assert all(is_idx(Path(name)) for name in names)
    assert not is_idx(Path("images.csv"))


@pytest.mark.parametrize("names", [("X", "y"), ("images", "labels"), ("data", "targets"), ("x_train", "y_train")])
def test_npz_of_images(tmp_path: Path, names: tuple[str, str]) -> None:
    arrays: Any = dict(zip(names, (images(6), labels(6)), strict=True))
    np.savez(tmp_path / "a.npz", **arrays)
    made = read_npz(tmp_path / "a.npz", Reading())
    assert (made.kind, made.task.classes, made.names[0]) == ("image", ("0", "1", "2"), "row 1")
    assert np.array_equal(pixels(made)[..., 0], images(6))


def test_npz_with_a_test_part(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x_train=images(6), y_train=labels(6), x_test=images(3, 9), y_test=labels(3))
    made = read_npz(tmp_path / "a.npz", Reading())
    assert made.fixed_test is not None
    assert made.fixed_test.tolist() == [False] * 6 + [True] * 3
    assert np.array_equal(pixels(made)[6:, ..., 0], images(3, 9))


def test_npz_of_numbers_is_a_table(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(30, 4))
    arrays: Any = {"X": x, "y": labels(30), "x_test": x[:6] + 1, "y_test": labels(6)}
    np.savez(tmp_path / "a.npz", **arrays)
    made = read_npz(tmp_path / "a.npz", Reading())
    assert isinstance(made.inputs, Table)
    assert made.kind == "table"
    assert np.array_equal(made.inputs.columns["x3"][:30], x[:, 2])
    assert made.task.classes == ("0", "1", "2")
    assert made.fixed_test is not None
    assert made.fixed_test.sum() == 6
    assert made.source.path == str(tmp_path / "a.npz")


def test_npz_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, X=np.array([{"a": 1}, None], dtype=object), y=np.arange(2), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects"):
        read_npz(path, Reading())
    np.savez(path, a=images(3), b=labels(3))
    with pytest.raises(DataError, match="holds the arrays a, b") as caught:
        read_npz(path, Reading())
    assert "X=X, y=y" in caught.value.mend
    np.savez(path, X=images(3), y=labels(2))
    with pytest.raises(DataError, match="shape"):
        read_npz(path, Reading())
    np.savez(path, x_train=images(6), y_train=labels(6), x_test=images(3)[:, :4], y_test=labels(3))
    with pytest.raises(DataError, match="shape"):
        read_npz(path, Reading())
    np.savez(path, X=images(6), y=labels(6))
    whole = path.read_bytes()
    for size in range(0, len(whole), len(whole) // 10):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match="can not be read"):
            read_npz(path, Reading())


def test_digits_are_scaled_to_255() -> None:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    made = digits_examples(Reading())
    assert pixels(made).shape == (1797, 8, 8, 1)
    assert pixels(made).dtype == np.uint8
    assert np.abs(pixels(made).reshape(1797, 64) / 255 * 16 - x).max() < 16 / 255
    assert pixels(made).max() == 255
    assert np.array_equal(made.targets, y)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (["b", "a", "b", "a"], ("a", "b")),
        ([[0, 1], [1, 0], [0, 1], [1, 0]], ("0", "1")),
        ([[1.0], [2.0], [1.0], [2.0]], ("1", "2")),
        ([True, False, True, False], ("False", "True")),
        (np.array([b"x", b"y", b"x", b"y"]), ("x", "y")),
    ],
)
def test_targets_of_many_types(y: Any, classes: tuple[str, ...]) -> None:
    made = array_examples(images(4), y, reading=Reading())
    assert made.task.classes == classes
    assert made.targets.tolist() == [1, 0, 1, 0] if classes[0] in ("a", "0") else [0, 1, 0, 1]


def test_fractions_are_a_regression() -> None:
    made = array_examples(images(4), [0.5, 1.0, 2.0, 3.0], reading=Reading())
    assert made.task.kind == "regression"
    assert made.targets.tolist() == [0.5, 1.0, 2.0, 3.0]


@pytest.mark.parametrize("y", [[1.0, np.nan, 2.0, 2.0], [[0.5, 1.0]] * 4, [1, 2, 3], []])
def test_targets_that_can_not_be_used_are_refused(y: Any) -> None:
    with pytest.raises(DataError):
        array_examples(images(4), y, reading=Reading())
