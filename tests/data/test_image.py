"""Decoding and sizing: each mode against hand arithmetic, each odd file in a small file of its own."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lamina.data.examples import Reading, Source
from lamina.data.image import (
    LONGEST_SIDE,
    ImagePreprocessing,
    choose_size,
    eight_bit,
    image_examples,
    preprocessing_of,
    read_unlabelled,
    whole_batch,
)
from lamina.data.labels import ordered_classes
from lamina.errors import DataError, OptionError, SchemaError, TargetError

GREY = ImagePreprocessing(4, 4, 1, "given")
COLOUR = ImagePreprocessing(4, 4, 3, "given")
SOURCE = Source("here", "", 0)


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is of this size and holds almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def only(preprocessing: ImagePreprocessing, picture: Any) -> np.ndarray:
    return preprocessing.transform([picture])[0]


def test_the_same_image_from_a_path_bytes_array_or_pillow(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 4, 3)).astype(np.uint8)
    image = Image.fromarray(pixels)
    image.save(tmp_path / "a.png")
    given = [tmp_path / "a.png", str(tmp_path / "a.png"), saved(image), pixels, image]
    assert np.array_equal(COLOUR.transform(given), np.stack([pixels] * 5))
    assert np.array_equal(COLOUR.transform(pixels[None]), pixels[None])


def test_grey_of_colour_is_luma() -> None:
    # ITU-R 601: 0.299 R + 0.587 G + 0.114 B
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]] * 4, np.uint8)
    assert only(GREY, colours)[0, :, 0].tolist() == pytest.approx([76, 150, 29, 255], abs=1)


def test_sixteen_bit_levels_are_scaled_and_not_cut() -> None:
    levels = np.array([[0, 257, 32768, 65535]] * 4, np.uint16)
    for content in (saved(Image.fromarray(levels)), saved(Image.fromarray(levels), "TIFF")):
        assert only(GREY, content)[0, :, 0].tolist() == [0, 1, 128, 255]
    wide = Image.fromarray(levels.astype(np.int32))
    assert wide.mode == "I"
    assert only(GREY, saved(wide, "TIFF"))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_floating_levels_from_0_to_1_or_255() -> None:
    fractions = np.array([[0, 0.25, 0.5, 1]] * 4, np.float32)
    assert only(GREY, saved(Image.fromarray(fractions), "TIFF"))[0, :, 0].tolist() == [0, 64, 128, 255]
    assert only(GREY, saved(Image.fromarray(fractions * 255), "TIFF"))[0, :, 0].tolist() == [0, 64, 128, 255]


def test_transparency_is_laid_on_white() -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:, 1] = [200, 0, 0, 255]
    pixels[:, 2] = [200, 0, 0, 128]
    expected = [[255, 255, 255], [200, 0, 0], [227, 127, 127], [255, 255, 255]]
    for given in (saved(Image.fromarray(pixels)), pixels):
        assert np.abs(only(COLOUR, given)[0].astype(int) - expected).max() <= 1


def test_a_palette_with_transparency() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.putpixel((1, 0), 1)
    content = saved(image, transparency=0)
    assert only(COLOUR, content)[0, :2].tolist() == [[255, 255, 255], [200, 100, 0]]


def test_cmyk_becomes_rgb() -> None:
    image = Image.new("CMYK", (4, 4), (0, 255, 255, 0))  # magenta and yellow ink: red
    red = only(COLOUR, saved(image, "TIFF"))[0, 0]
    assert red.tolist() == [255, 0, 0]


def test_black_and_white_of_one_bit() -> None:
    image = Image.new("1", (4, 4), 1)
    image.putpixel((0, 0), 0)
    assert only(GREY, saved(image))[0, :, 0].tolist() == [0, 255, 255, 255]


def test_exif_turns_the_image() -> None:
    pixels = np.zeros((4, 8), np.uint8)
    pixels[:, :4] = 255  # the left half is white
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right by a quarter: the left side becomes the top
    content = saved(Image.fromarray(pixels), "TIFF", exif=exif)
    turned = only(ImagePreprocessing(8, 4, 1, "given"), content)[..., 0]
    assert turned[:4].min() == 255
    assert turned[4:].max() == 0


def test_an_animation_counts_by_its_first_frame() -> None:
    frames = [Image.new("L", (4, 4), level) for level in (10, 200)]
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert only(GREY, content)[0, 0, 0] == 10


def test_an_image_of_one_pixel_becomes_one_plain_colour() -> None:
    assert np.array_equal(only(COLOUR, np.array([[[7, 8, 9]]], np.uint8)), np.full((4, 4, 3), [7, 8, 9]))


def test_scaling_keeps_the_aspect_and_cuts_around_the_centre() -> None:
    pixels = np.zeros((8, 24), np.uint8)
    pixels[:, 8:16] = 200  # the middle third
    for row in (only(GREY, pixels)[0, :, 0], only(GREY, pixels.T)[:, 0, 0]):
        assert row[1:3].tolist() == [200, 200]
        assert row[[0, 3]].min() > 150  # the filter reaches a little beyond the cut


def test_scaling_down_averages() -> None:
    board = (
        np.indices((64, 64)).sum(0) % 2 * 255
    )  # single pixels in turn: a scaling that picks pixels would keep black and white
    assert np.abs(only(GREY, board.astype(np.uint8)).astype(int) - 128).max() < 4


def test_a_large_jpeg_is_close_to_its_full_decoding() -> None:
    ramp = np.add.outer(np.arange(1024), np.arange(1024)) // 8
    image = Image.fromarray(ramp.astype(np.uint8))
    exact = np.asarray(image.resize((4, 4), Image.Resampling.BILINEAR), int)
    assert np.abs(only(GREY, saved(image, "JPEG", quality=95))[..., 0].astype(int) - exact).max() <= 2


def test_an_unreadable_image_is_named() -> None:
    with pytest.raises(SchemaError, match="image 2 can't be read"):
        GREY.transform([np.zeros((4, 4), np.uint8), b"no image"])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM"])
def test_a_damaged_file_decodes_or_is_refused_and_never_anything_else(kind: str) -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (9, 7, 3)).astype(np.uint8))
    whole = np.frombuffer(saved(image, kind), np.uint8)
    refused = 0
    for _ in range(60):
        content = whole[: rng.integers(1, len(whole) + 1)].copy()
        content[rng.integers(0, len(content), 4)] = rng.integers(0, 256, 4)
        try:
            assert only(COLOUR, content.tobytes()).shape == (4, 4, 3)
        except (SchemaError, DataError):
            refused += 1
    assert refused > 0


@pytest.mark.parametrize("side", [40_000, 10_000])  # Pillow refuses the first itself and only warns of the second
def test_a_billion_pixels_are_refused_undecoded(side: int) -> None:
    with pytest.raises(DataError, match="not decoded") as caught:
        GREY.transform([png_header(side, side)])
    assert caught.value.exit_code == 2
    assert "smaller" in caught.value.mend


def test_preprocessing_goes_through_json() -> None:
    assert ImagePreprocessing.from_json(COLOUR.to_json()) == COLOUR


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [
        ([(28, 28)] * 3, (28, 28)),
        ([(100, 100)] * 3, (64, 64)),
        ([(480, 640)] * 2, (48, 64)),
        ([(10, 20), (30, 20), (50, 20)], (30, 20)),
        ([(1, 1000)], (1, 64)),
        ([(1, 1)], (1, 1)),
    ],
)
def test_one_size(sizes: list[tuple[int, int]], shape: tuple[int, int]) -> None:
    made = choose_size(sizes, 1)
    assert made.shape == (*shape, 1)
    assert max(shape) <= LONGEST_SIDE
    assert f"{shape[0]} x {shape[1]}" in made.rule


def test_one_size_as_asked() -> None:
    made = choose_size([(100, 100)], 3, asked=(96, 48))
    assert made.shape == (96, 48, 3)
    assert "as asked" in made.rule
    with pytest.raises(OptionError):
        choose_size([(100, 100)], 3, asked=(0, 48))


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (np.array([0, 255], np.int64), [0, 255]),
        (np.array([0, 65535], np.uint16), [0, 255]),
        (np.array([0.0, 1.0]), [0, 255]),
        (np.array([0.0, 51.2]), [0, 51]),
        (np.array([False, True]), [0, 255]),
    ],
)
def test_levels(levels: np.ndarray, expected: list[int]) -> None:
    assert eight_bit(levels).tolist() == expected


@pytest.mark.parametrize(
    "array",
    [
        np.array([[[-1.0]]]),
        np.array([[[np.nan]]]),
        np.array([[[70_000]]]),
        np.array([[["a"]]]),
        np.zeros((3, 4, 4, 2)),
        np.zeros((3, 0, 4)),
        np.zeros(3),
    ],
)
def test_arrays_that_are_no_images_are_refused(array: np.ndarray) -> None:
    with pytest.raises(DataError):
        whole_batch(array)


def test_channels_first_are_put_last() -> None:
    array = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 6)).astype(np.uint8)
    assert np.array_equal(whole_batch(array), array.transpose(0, 2, 3, 1))


def make(pixels: np.ndarray, labels: list[Any], **options: Any) -> Any:
    names = np.array([f"{i}.png" for i in range(len(pixels))], dtype=object)
    kind = np.array(labels)
    return image_examples(pixels, kind, names=names, source=SOURCE, reading=Reading(**options), rule="given")


def random_images(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 3, 3, 1)).astype(np.uint8)


def test_examples_of_images() -> None:
    pixels = random_images(4)
    made = make(pixels, ["10", "9", "10", "9"])
    assert made.task.classes == ("9", "10")
    assert made.targets.tolist() == [1, 0, 1, 0]
    assert made.task.positive == "10"
    assert len(set(made.hashes.tolist())) == 4
    assert made.notes == ()
    assert preprocessing_of(made) == ImagePreprocessing(3, 3, 1, "given")
    values = make(pixels, [0.5, 1.5, 2.0, 3.0])
    assert values.task.kind == "regression"
    assert values.targets.tolist() == [0.5, 1.5, 2.0, 3.0]


def test_hashes_depend_on_pixels_and_label_only() -> None:
    pixels = random_images(6)
    labels = ["a", "b", "c", "a", "b", "c"]
    first = make(pixels, labels).hashes
    order = [5, 3, 1, 0, 2, 4]
    assert np.array_equal(make(pixels[order], [labels[i] for i in order]).hashes, first[order])
    assert first[0] != make(pixels, ["b", "b", "c", "a", "a", "c"]).hashes[0]


def test_equal_and_contrary_images_are_said() -> None:
    pixels = random_images(6)
    pixels[1] = pixels[0]
    pixels[3] = pixels[2]
    notes = make(pixels, ["a", "a", "a", "b", "b", "b"]).notes
    assert [note.kind for note in notes] == ["duplicate-images", "contrary-labels"]
    assert [note.text[:1] for note in notes] == ["2", "1"]


def test_classes_that_do_not_suffice_are_refused() -> None:
    with pytest.raises(DataError, match="only one class, 'a'"):
        make(random_images(3), ["a", "a", "a"])
    with pytest.raises(DataError, match="Class 'b'.*one image only"):
        make(random_images(3), ["a", "a", "b"])
    with pytest.raises(TargetError, match="no class 'dog'") as caught:
        make(random_images(4), ["dogs", "cats", "dogs", "cats"], positive="dog")
    assert "'dogs'" in caught.value.mend
    assert make(random_images(4), ["dogs", "cats", "dogs", "cats"], positive="cats").task.positive == "cats"


def test_classes_in_order() -> None:
    assert ordered_classes(np.array(["b", "a", "10"])) == ("10", "a", "b")
    assert ordered_classes(np.array(["10", "-1", "2"])) == ("-1", "2", "10")


def test_unlabelled_images_of_a_folder(tmp_path: Path) -> None:
    for name, level in (("b.png", 10), ("deep/a.png", 20)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (4, 4), level).save(tmp_path / name)
    (tmp_path / "c.png").write_bytes(b"broken")
    (tmp_path / "readme.txt").write_text("hello")
    pixels, names, notes = read_unlabelled(tmp_path, GREY)
    assert names.tolist() == ["b.png", "deep/a.png"]
    assert pixels[:, 0, 0, 0].tolist() == [10, 20]
    assert [note.kind for note in notes] == ["other-files", "corrupt-images"]
    one, name, _ = read_unlabelled(tmp_path / "b.png", GREY)
    assert (one.shape, name.tolist()) == ((1, 4, 4, 1), ["b.png"])
    with pytest.raises(DataError, match="There is no"):
        read_unlabelled(tmp_path / "none", GREY)
    with pytest.raises(DataError, match="can be read"):
        read_unlabelled(tmp_path / "c.png", GREY)


def test_unlabelled_arrays(tmp_path: Path) -> None:
    pixels = random_images(3)
    np.savez(tmp_path / "new.npz", X=pixels)
    preprocessing = ImagePreprocessing(3, 3, 1, "given")
    for data in (pixels, tmp_path / "new.npz"):
        found, names, _ = read_unlabelled(data, preprocessing)
        assert np.array_equal(found, pixels)
        assert names.tolist() == ["image 1", "image 2", "image 3"]
