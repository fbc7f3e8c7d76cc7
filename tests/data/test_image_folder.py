"""Class folders: layouts that are understood, and those that are refused."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lamina.data.examples import Examples, Reading
from lamina.data.image import ImagePreprocessing
from lamina.data.image_folder import read_filed_images, read_image_folder
from lamina.errors import DataError


def fill(place: Path, count: int = 3, *, size: tuple[int, int] = (4, 4), mode: str = "L") -> None:
    place.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        seed = int.from_bytes(hashlib.sha256(f"{place} {i}".encode()).digest()[:4])
        pixels = np.random.default_rng(seed).integers(0, 256, (*size, len(mode))).astype(np.uint8)
        Image.fromarray(pixels[..., 0] if mode == "L" else pixels).save(place / f"{i}.png")


def png_header(width: int, height: int) -> bytes:
    """A small PNG whose header promises another size."""
    buffer = io.BytesIO()
    Image.new("L", (4, 4)).save(buffer, "PNG")
    content = bytearray(buffer.getvalue())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def kinds(made: Examples) -> list[str]:
    return [note.kind for note in made.notes]


def test_class_folders(tmp_path: Path) -> None:
    fill(tmp_path / "cats")
    fill(tmp_path / "dogs" / "small", 2)
    made = read_image_folder(tmp_path, Reading())
    assert made.task.classes == ("cats", "dogs")
    assert made.names.tolist() == ["cats/0.png", "cats/1.png", "cats/2.png", "dogs/small/0.png", "dogs/small/1.png"]
    assert made.targets.tolist() == [0, 0, 0, 1, 1]
    assert isinstance(made.inputs, np.ndarray)
    assert (made.inputs.shape, made.inputs.dtype) == ((5, 4, 4, 1), np.uint8)
    assert np.array_equal(made.inputs[3, ..., 0], np.asarray(Image.open(tmp_path / "dogs/small/0.png")))
    assert (made.fixed_test, made.notes) == (None, ())
    assert len(made.source.sha256) == 64
    assert made.source.bytes == sum(file.stat().st_size for file in tmp_path.rglob("*.png"))


def test_class_folders_in_a_wrapping_folder(tmp_path: Path) -> None:
    for name in ("cats", "dogs"):
        fill(tmp_path / "download" / "set" / name)
    assert read_image_folder(tmp_path, Reading()).task.classes == ("cats", "dogs")


def test_the_digest_changes_with_a_byte(tmp_path: Path) -> None:
    fill(tmp_path / "cats")
    fill(tmp_path / "dogs")
    first = read_image_folder(tmp_path, Reading()).source.sha256
    assert read_image_folder(tmp_path, Reading()).source.sha256 == first
    with (tmp_path / "cats" / "0.png").open("ab") as file:
        file.write(b"\0")
    assert read_image_folder(tmp_path, Reading()).source.sha256 != first


@pytest.mark.parametrize(("other", "said"), [("test", "test/"), ("val", "val/"), ("Testing", "test/")])
def test_an_official_split_is_honoured(tmp_path: Path, other: str, said: str) -> None:
    for part, count in (("train", 4), (other, 2)):
        for name in ("cats", "dogs"):
            fill(tmp_path / part / name, count)
    made = read_image_folder(tmp_path, Reading())
    assert made.task.classes == ("cats", "dogs")
    assert made.fixed_test is not None
    assert {name.split("/")[0] for name in made.names[made.fixed_test]} == {other}
    assert made.fixed_test.sum() == 4
    assert said in made.notes[0].text


def test_a_validation_folder_beside_a_test_folder_joins_the_training(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        for name in ("cats", "dogs"):
            fill(tmp_path / part / name)
    made = read_image_folder(tmp_path, Reading())
    assert made.fixed_test is not None
    assert made.fixed_test.sum() == 6
    assert kinds(made) == ["official-split", "validation-folder"]


def test_an_unlabelled_test_folder_is_left_out_and_said(tmp_path: Path) -> None:
    for name in ("cats", "dogs"):
        fill(tmp_path / "train" / name)
    fill(tmp_path / "test", 5)
    made = read_image_folder(tmp_path, Reading())
    assert (len(made), made.fixed_test) == (6, None)
    assert made.notes[0].text == "5 images outside of class folders: without a class, left out."


def test_a_test_folder_with_another_class_is_refused(tmp_path: Path) -> None:
    for name in ("cats", "dogs"):
        fill(tmp_path / "train" / name)
        fill(tmp_path / "test" / name)
    fill(tmp_path / "test" / "mice")
    with pytest.raises(DataError, match="'mice'"):
        read_image_folder(tmp_path, Reading())


def test_a_test_folder_elsewhere(tmp_path: Path) -> None:
    for name in ("cats", "dogs"):
        fill(tmp_path / "a" / name)
    fill(tmp_path / "held" / "cats", 1, size=(40, 40))
    made = read_image_folder(tmp_path / "a", Reading(), test=tmp_path / "held")
    assert isinstance(made.inputs, np.ndarray)
    assert made.inputs.shape[1:] == (4, 4, 1)  # the size comes from the training part alone
    assert made.fixed_test is not None
    assert made.names[made.fixed_test].tolist() == ["held/cats/0.png"]
    assert kinds(made) == ["test-given"]


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ({"cats": 3, "dogs": 0}, "Class folder 'dogs'.*no images"),
        ({"cats": 3, "dogs": 1}, "Class 'dogs'.*one image only"),
        ({"cats": 3}, "only one class folder, 'cats'"),
        ({".": 3}, "no class folders"),
        ({"cats": 0}, "holds no images"),
        ({}, "holds no images"),
    ],
)
def test_layouts_that_are_refused(tmp_path: Path, folders: dict[str, int], message: str) -> None:
    (tmp_path / "set").mkdir()
    for name, count in folders.items():
        fill(tmp_path / "set" / name, count)
    with pytest.raises(DataError, match=message) as caught:
        read_image_folder(tmp_path / "set", Reading())
    assert caught.value.exit_code == 2
    assert caught.value.expected
    assert caught.value.mend


def test_the_mend_for_an_empty_class_folder_works(tmp_path: Path) -> None:
    for name, count in (("cats", 3), ("dogs", 3), ("mice", 0)):
        fill(tmp_path / name, count)
    with pytest.raises(DataError, match="'mice'") as caught:
        read_image_folder(tmp_path, Reading())
    assert "remove it" in caught.value.mend
    (tmp_path / "mice").rmdir()
    assert len(read_image_folder(tmp_path, Reading())) == 6


def test_a_corrupt_image_is_skipped_named_and_counted(tmp_path: Path) -> None:
    fill(tmp_path / "cats", size=(40, 40))
    fill(tmp_path / "dogs", size=(40, 40))
    whole = (tmp_path / "cats" / "1.png").read_bytes()
    (tmp_path / "cats" / "1.png").write_bytes(whole[: len(whole) // 2])  # a good header, then an end
    (tmp_path / "dogs" / "9.png").write_bytes(b"not an image at all")
    (tmp_path / "dogs" / "8.jpg").write_bytes(b"")
    made = read_image_folder(tmp_path, Reading())
    assert made.names.tolist() == ["cats/0.png", "cats/2.png", "dogs/0.png", "dogs/1.png", "dogs/2.png"]
    (note,) = made.notes
    assert note.matters
    assert note.text.startswith("3 images that can't be read are skipped: cats/1.png (")
    assert "dogs/8.jpg" in note.text
    assert "dogs/9.png (no image in a known format)" in note.text


def test_a_class_of_corrupt_images_only_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "cats")
    fill(tmp_path / "dogs", 0)
    for i in range(3):
        (tmp_path / "dogs" / f"{i}.png").write_bytes(b"broken")
    with pytest.raises(DataError, match="None of the images of 'dogs'"):
        read_image_folder(tmp_path, Reading())


def test_a_billion_pixels_among_good_ones_are_refused(tmp_path: Path) -> None:
    fill(tmp_path / "cats")
    fill(tmp_path / "dogs")
    (tmp_path / "dogs" / "huge.png").write_bytes(png_header(40_000, 25_000))
    with pytest.raises(DataError, match="dogs/huge.png has 1,000,000,000 pixels") as caught:
        read_image_folder(tmp_path, Reading())
    assert caught.value.exit_code == 2
    (tmp_path / "dogs" / "huge.png").unlink()  # the mend
    assert len(read_image_folder(tmp_path, Reading())) == 6


def test_grey_among_colour_and_odd_kinds_are_said(tmp_path: Path) -> None:
    fill(tmp_path / "cats", mode="RGB")
    fill(tmp_path / "dogs", 2)
    Image.new("CMYK", (4, 4)).save(tmp_path / "dogs" / "ink.jpg")
    Image.new("L", (1, 1)).save(tmp_path / "dogs" / "one.png")
    Image.fromarray(np.full((4, 4), 65535, np.uint16)).save(tmp_path / "dogs" / "deep.png")
    Image.new("RGBA", (4, 4)).save(tmp_path / "dogs" / "glass.png")
    made = read_image_folder(tmp_path, Reading())
    assert isinstance(made.inputs, np.ndarray)
    assert made.inputs.shape == (9, 4, 4, 3)
    assert kinds(made) == [
        "cmyk-images",
        "deep-images",
        "transparent-images",
        "grey-images",
        "one-pixel-images",
        "duplicate-images",
    ]
    assert "4 images in grey among colour" in made.notes[3].text
    assert made.inputs[made.names.tolist().index("dogs/deep.png")].min() == 255


def test_other_files_and_stray_images_are_counted(tmp_path: Path) -> None:
    fill(tmp_path / "cats")
    fill(tmp_path / "dogs")
    fill(tmp_path, 1)
    (tmp_path / "labels.txt").write_text("x")
    (tmp_path / "cats" / "thumbs.xml").write_text("x")
    (tmp_path / "cats" / ".hidden.png").write_text("x")
    made = read_image_folder(tmp_path, Reading())
    assert len(made) == 6
    assert [note.text[:2] for note in made.notes] == ["2 ", "1 "]
    assert ".txt" in made.notes[0].text


def test_a_size_as_asked(tmp_path: Path) -> None:
    fill(tmp_path / "cats", size=(30, 20))
    fill(tmp_path / "dogs", size=(20, 30))
    made = read_image_folder(tmp_path, Reading(image_size=(16, 12)))
    assert isinstance(made.inputs, np.ndarray)
    assert made.inputs.shape == (6, 16, 12, 1)
    assert "as asked" in made.schema.columns[0].statistics["rule"]


def test_images_to_judge_a_model_on(tmp_path: Path) -> None:
    fill(tmp_path / "cats", 1)
    pixels, labels, notes = read_filed_images(tmp_path, ImagePreprocessing(8, 8, 3, "given"))
    assert (pixels.shape, labels.tolist()) == ((1, 8, 8, 3), ["cats"])
    assert [note.kind for note in notes] == ["grey-images"]
