"""Images as arrays: decoding any that Pillow reads, safely, and giving them all one size.

Sizes are taken from the headers before anything is decoded.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.data.examples import Examples, Note, Reading, Source, Task
from lamina.data.image_files import IMAGES, image_files, image_formats
from lamina.data.labels import encoded, hashed, known_targets
from lamina.data.media_files import MediaFile, open_path
from lamina.errors import DataError, OptionError, SchemaError

if TYPE_CHECKING:
    from PIL import Image

LONGEST_SIDE = 64  # pixels, where nobody asked for a size: what a small network learns from in minutes
MOST_PIXELS = 89_478_485  # of one image; Pillow's own limit: a quarter of a gigabyte as RGB
THREADS = 2


# --- One size --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ImagePreprocessing:
    """How any image becomes a uint8 array of one shape; saved with the model.

    A image is turned as its EXIF tag says, brought to 8 bits, laid on white where it is transparent, made grey
    (``channels`` 1) or colour (3), scaled (antialiased) until it covers ``height`` x ``width`` pixels, and cut to them
    around its centre. ``rule`` says how the size was found.
    """

    height: int
    width: int
    channels: int
    rule: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of each image."""
        return self.height, self.width, self.channels

    def transform(self, images: Iterable[Any] | np.ndarray) -> np.ndarray:
        """Images (paths, bytes, arrays, Pillow images, or one array [n, h, w] or [n, h, w, c]) as uint8 NHWC.

        Raises SchemaError, with the image's name, for one that can't be read.

        >>> ImagePreprocessing(2, 2, 1, "given").transform(np.zeros((3, 4, 4), np.uint8)).shape
        (3, 2, 2, 1)
        """
        if isinstance(images, np.ndarray):
            images = whole_batch(images)
            if images.shape[1:] == self.shape:
                return images
        listed = [_named(image, i) for i, image in enumerate(images)]
        pixels, failures, _ = decode_all(listed, self)
        if failures:
            row, why = next(iter(failures.items()))
            raise SchemaError(
                f"{listed[row].name} can't be read as a image: {why}.",
                expected="A image in a format that Pillow reads.",
                mend="Leave it out, or save it anew as PNG or JPEG.",
            )
        return pixels

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {"height": self.height, "width": self.width, "channels": self.channels, "rule": self.rule}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ImagePreprocessing:
        """What ``to_json`` wrote.

        >>> p = ImagePreprocessing(28, 28, 1, "given")
        >>> ImagePreprocessing.from_json(p.to_json()) == p
        True
        """
        return cls(int(values["height"]), int(values["width"]), int(values["channels"]), str(values["rule"]))


def choose_size(
    sizes: Sequence[tuple[int, int]], channels: int, *, asked: tuple[int, int] | None = None
) -> ImagePreprocessing:
    """One size for images of these (height, width): as asked, else their common or median size, at most 64 a side.

    >>> choose_size([(100, 50), (100, 50)], 3).shape
    (64, 32, 3)
    """
    if asked is not None:
        if min(asked) < 1 or max(asked) > 4096:
            raise OptionError(
                f"The image size is {asked[0]} x {asked[1]}.",
                expected="Height and width from 1 to 4096 pixels.",
                mend="--image-size 64",
            )
        return ImagePreprocessing(*asked, channels, f"{_size_text(*asked)}, as asked{_fitting(set(sizes) != {asked})}")
    common = len(set(sizes)) == 1
    height, width = sizes[0] if common else (int(side) for side in np.median(np.array(sizes), axis=0))
    found = f"the size of every image ({_size_text(height, width)})" if common else ""
    found = found or f"the median size of images of {len(set(sizes)):,} sizes ({_size_text(height, width)})"
    if max(height, width) <= LONGEST_SIDE:
        return ImagePreprocessing(height, width, channels, found + _fitting(not common))
    scale = LONGEST_SIDE / max(height, width)
    small = max(1, round(height * scale)), max(1, round(width * scale))
    rule = f"{_size_text(*small)}: {found}, its longer side cut to {LONGEST_SIDE}{_fitting(True)}"
    return ImagePreprocessing(*small, channels, rule)


def _size_text(height: int, width: int) -> str:
    return f"{height} x {width} pixels"


def _fitting(needed: bool) -> str:
    return "; each is scaled until it covers that and cut around its centre" if needed else ""


# --- Arrays of images ------------------------------------------------------------------------------------------------


def whole_batch(array: np.ndarray) -> np.ndarray:
    """Images [n, h, w], [n, h, w, c] or [n, c, h, w] of any number type as uint8 [n, h, w, 1 or 3].

    Whole numbers are 0..255 (or 0..65535 where one is larger than 255), fractions 0..1 (or 0..255 where one is larger
    than 1). A fourth channel is transparency, laid on white. Raises DataError for anything else.

    >>> whole_batch(np.ones((2, 3, 3)))[0, 0, 0].tolist()
    [255]
    """
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or 0 in array.shape:
        raise DataError(
            f"An array of shape {array.shape} is no batch of images.",
            expected="[n, height, width] or [n, height, width, channels], nothing empty.",
            mend="Give such an array.",
        )
    if array.shape[3] not in (1, 3, 4) and array.shape[1] in (1, 3):
        array = np.moveaxis(array, 1, 3)
    if array.shape[3] not in (1, 3, 4):
        raise DataError(
            f"Images of shape {array.shape[1:]} have {array.shape[3]} channels.",
            expected="1 (grey), 3 (colour) or 4 (colour and transparency) channels, last or first.",
            mend="Give [n, height, width] or [n, height, width, 3].",
        )
    pixels = eight_bit(array)
    return np.ascontiguousarray(_on_white(pixels) if pixels.shape[3] == 4 else pixels)


def eight_bit(array: np.ndarray) -> np.ndarray:
    """Numbers as uint8 levels, by the rule that ``whole_batch`` states.

    >>> eight_bit(np.array([0, 65535])).tolist()
    [0, 255]
    """
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in "buif":
        raise DataError(f"Images of type {array.dtype}.", expected="Numbers.", mend="Give uint8 levels from 0 to 255.")
    low, high = float(array.min()), float(array.max())
    whole = array.dtype.kind != "f"
    if not (low >= 0 and high <= (65535 if whole else 255)):  # also where something is NaN
        raise DataError(
            f"Images with levels from {low:g} to {high:g}.",
            expected="Whole numbers from 0 to 255 (or 65535), or fractions from 0 to 1 (or 255).",
            mend="Scale the images to 0..255 and save them as uint8.",
        )
    most = 1 if array.dtype.kind == "b" or (not whole and high <= 1) else 65535 if high > 255 else 255
    return np.rint(array * (255 / most)).astype(np.uint8)


def _on_white(pixels: np.ndarray) -> np.ndarray:
    cover = pixels[..., 3:].astype(np.float32) / 255
    return np.rint(pixels[..., :3] * cover + 255 * (1 - cover)).astype(np.uint8)


def image_examples(
    pixels: np.ndarray,
    labels: np.ndarray,
    *,
    names: np.ndarray,
    source: Source,
    reading: Reading,
    rule: str,
    notes: tuple[Note, ...] = (),
) -> Examples:
    """Examples of uint8 images [n, h, w, c] with a label each: text for classes, float64 for a regression.

    Class labels are ordered as numbers where all are, else as text. Raises DataError for a single class or a class of
    one image.
    """
    targets: np.ndarray
    if labels.dtype.kind == "f":
        task, targets = Task("regression", "value"), labels.astype(np.float64)
    else:
        texts = labels.astype(str)
        IMAGES.check_counts(Counter(texts.tolist()), source.path)
        task, targets = encoded(texts, "class", positive=reading.positive)
    hashes, equal = hashed(pixels, targets, task, IMAGES)
    return Examples(
        kind="image",
        task=task,
        inputs=pixels,
        targets=targets,
        names=names.astype(object),
        hashes=hashes,
        schema=_schema(pixels, task, rule),
        source=source,
        notes=(*notes, *equal),
    )


def preprocessing_of(examples: Examples) -> ImagePreprocessing:
    """The preprocessing that made the images of these examples."""
    height, width, channels = examples.inputs.shape[1:]  # pyright: ignore[reportAttributeAccessIssue]
    statistics = examples.schema.columns[0].statistics
    return ImagePreprocessing(height, width, channels, str(statistics["rule"]))


def _schema(pixels: np.ndarray, task: Task, rule: str) -> Any:
    from lamina.data.schema import Column, Schema

    height, width, channels = pixels.shape[1:]
    statistics = {"height": height, "width": width, "channels": channels, "rule": rule}
    kind: Any = "image"
    column = Column(name="image", kind=kind, role="feature", position=0, statistics=statistics)
    return Schema(columns=(column,), target=task.target, rows=len(pixels))


# --- Decoding --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Head:
    """What a image's header says: its size as it stands after turning, whether it has colour, and what is special."""

    height: int
    width: int
    colour: bool
    special: str


def _named(image: Any, row: int) -> MediaFile:
    """Anything that ``transform`` takes as a image with a name."""
    from PIL import Image

    if isinstance(image, (str, os.PathLike)):
        return MediaFile(str(image), functools.partial(open_path, Path(image)))
    name = f"image {row + 1}"
    if isinstance(image, bytes):
        return MediaFile(name, functools.partial(io.BytesIO, image))
    if isinstance(image, Image.Image):
        return MediaFile(name, image.copy)
    pixels = whole_batch(np.asarray(image)[None])[0]
    return MediaFile(name, functools.partial(Image.fromarray, pixels[..., 0] if pixels.shape[2] == 1 else pixels))


def examine_all(files: Sequence[MediaFile]) -> tuple[dict[int, Head], dict[int, str]]:
    """The header of each image, or why it can't be read, by its number; a image too large to decode is refused."""
    heads: dict[int, Head] = {}
    failures: dict[int, str] = {}
    for i, found in enumerate(_threaded(_examine, files)):
        if isinstance(found, Head):
            heads[i] = found
        else:
            failures[i] = found
    return heads, failures


def _threaded(work: Callable[[MediaFile], Any], files: Sequence[MediaFile]) -> Iterator[Any]:
    from PIL import Image

    # The filters hold for all threads. Between once and twice its limit Pillow only warns: that must be an error too.
    with warnings.catch_warnings(), ThreadPoolExecutor(THREADS) as pool:
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield from pool.map(work, files)


def _examine(file: MediaFile) -> Head | str:
    try:
        with _opened(file) as image:
            width, height = image.size
            turned = _orientation(image) >= 5
            return Head(*((width, height) if turned else (height, width)), _has_colour(image), _special(image))
    except DataError:
        raise
    except Exception as error:  # a damaged file can make a decoder raise anything
        return _why(error)


@contextlib.contextmanager
def _opened(file: MediaFile) -> Iterator[Image.Image]:
    """The image, its header read and its size checked, nothing decoded."""
    from PIL import Image

    found = file.open()
    if isinstance(found, Image.Image):
        yield found
        return
    with found:
        try:
            image = Image.open(found, formats=image_formats())
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise _too_large(file.name, str(error)) from error
        with image:
            if image.width * image.height > MOST_PIXELS:
                raise _too_large(file.name, f"{image.width:,} x {image.height:,} pixels")
            yield image


def _too_large(name: str, why: str) -> DataError:
    counted = re.search(r"\((\d+) pixels\)", why)
    size = f"{int(counted[1]):,} pixels" if counted else why
    return DataError(
        f"The image {name} has {size}; it was not decoded.",
        expected=f"At most {MOST_PIXELS:,} pixels a image.",
        mend=f"Make {name} smaller, or remove it.",
    )


def _why(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return "no image in a known format" if "cannot identify" in text else text[:120].rstrip(".")


def _orientation(image: Image.Image) -> int:
    if image.format == "PNG" and "exif" not in image.info:
        return 1  # asking would decode the whole file
    return int(image.getexif().get(0x0112, 1) or 1)


def _has_colour(image: Image.Image) -> bool:
    if image.mode in ("P", "PA"):
        palette = np.array(image.getpalette() or [], np.uint8).reshape(-1, 3)
        return bool((palette != palette[:, :1]).any())
    return not (image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;16"))


def _special(image: Image.Image) -> str:
    if getattr(image, "is_animated", False):
        return "frames"
    if image.mode == "CMYK":
        return "cmyk"
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return "deep"
    return "transparent" if image.has_transparency_data else ""


def decode_all(
    files: Sequence[MediaFile], preprocessing: ImagePreprocessing, *, skip: set[int] | None = None
) -> tuple[np.ndarray, dict[int, str], list[bytes]]:
    """Pixels [n, h, w, c] (zero where it failed), why it failed by number, and the SHA-256 of each file's bytes."""
    pixels = np.zeros((len(files), *preprocessing.shape), np.uint8)
    failures: dict[int, str] = {}
    digests = [b""] * len(files)
    rows = [i for i in range(len(files)) if i not in (skip or ())]
    work = functools.partial(_decode, preprocessing=preprocessing)
    for i, (found, digest) in zip(rows, _threaded(work, [files[i] for i in rows]), strict=True):
        digests[i] = digest
        if isinstance(found, str):
            failures[i] = found
        else:
            pixels[i] = found
    return pixels, failures, digests


def _decode(file: MediaFile, preprocessing: ImagePreprocessing) -> tuple[np.ndarray | str, bytes]:
    digest = b""
    try:
        found = file.open()
        if isinstance(found, io.IOBase):
            with found:
                content = found.read()
            digest = hashlib.sha256(content).digest()
            file = replace(file, open=functools.partial(io.BytesIO, content))
        with _opened(file) as image:
            return _pixels(image, preprocessing), digest
    except DataError:
        raise
    except Exception as error:  # a damaged file can make a decoder raise anything
        return _why(error), digest


def _pixels(image: Image.Image, preprocessing: ImagePreprocessing) -> np.ndarray:
    from PIL import Image, ImageOps

    height, width, channels = preprocessing.shape
    # A large JPEG is decoded at a half, a quarter or an eighth, as long as twice the wanted size remains.
    image.draft("RGB", (2 * max(height, width), 2 * max(height, width)))
    turned = _eight_bit_image(ImageOps.exif_transpose(image)).convert("L" if channels == 1 else "RGB")
    if turned.size != (width, height):
        turned = ImageOps.fit(turned, (width, height), Image.Resampling.BILINEAR)
    return np.asarray(turned).reshape(height, width, channels)


def _eight_bit_image(image: Image.Image) -> Image.Image:
    """A image of any mode as grey or RGB of 8 bits, laid on white where it is transparent."""
    from PIL import Image

    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        most = 65535 if image.mode != "F" else 1 if np.nanmax(np.asarray(image)) <= 1 else 255
        levels = np.clip(np.nan_to_num(np.asarray(image)), 0, most)
        return Image.fromarray(np.rint(levels * (255 / most)).astype(np.uint8))
    if image.has_transparency_data:
        cover = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", cover.size, "white"), cover).convert("RGB")
    return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB")


def read_unlabelled(data: Any, preprocessing: ImagePreprocessing) -> tuple[np.ndarray, np.ndarray, tuple[Note, ...]]:
    """Images to predict, whatever they are in: uint8 NHWC, a name each, and notes.

    ``data``: a folder (of folders), a zip, an image, an idx or .npz file, or what ``transform`` takes. In a folder or
    a zip the unreadable are skipped and named; DataError where none can be read.
    """
    if not isinstance(data, (str, os.PathLike)):
        pixels = preprocessing.transform(data)
        return pixels, np.array([f"image {i + 1}" for i in range(len(pixels))], dtype=object), ()
    place = Path(data).expanduser()
    if not place.exists():
        raise DataError(f"There is no {place}.", expected="Images: a folder, a zip or a file.", mend="Check the path.")
    if place.suffix.lower() == ".npz" or "ubyte" in place.name:
        from lamina.data.array import read_array

        pixels = preprocessing.transform(read_array(place))
        return pixels, np.array([f"image {i + 1}" for i in range(len(pixels))], dtype=object), ()
    with image_files(place) as listing:
        heads, failures = examine_all(listing.files)
        pixels, more, _ = decode_all(listing.files, preprocessing, skip=set(failures))
    failures = {**failures, **more}
    if len(failures) == len(listing.files):
        raise IMAGES.nothing_readable(listing.place, len(listing.files), failures)
    good = [i for i in range(len(listing.files)) if i not in failures]
    names = np.array([listing.files[i].name for i in good], dtype=object)
    notes = (
        *listing.notes,
        *IMAGES.skipped_notes(listing.files, failures),
        *special_notes(heads, preprocessing.channels),
    )
    return pixels[good], names, notes


def read_labelled(
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
    return inputs, known_targets(labels, task), notes


def _existing(data: Any) -> Path:
    if isinstance(data, (str, os.PathLike)) and Path(data).expanduser().exists():
        return Path(data).expanduser()
    raise DataError(
        f"There is no {data if isinstance(data, (str, os.PathLike)) else 'file'}.",
        expected="A folder of class folders of images, a zip of it, an idx or .npz file, or (X, y).",
        mend="Check the path.",
    )


# --- What is said ----------------------------------------------------------------------------------------------------


SPECIAL = {
    "frames": "{} with several frames: the first one counts.",
    "cmyk": "{} in CMYK: turned into RGB.",
    "deep": "{} of more than 8 bits: scaled to 8 (16 bits: 65535 is white).",
    "transparent": "{} with transparency: laid on white.",
}


def special_notes(heads: dict[int, Head], channels: int) -> tuple[Note, ...]:
    """What was done to images of unusual kinds."""
    counts, counted = Counter(head.special for head in heads.values() if head.special), IMAGES.counted
    notes = [Note(f"{kind}-images", SPECIAL[kind].format(counted(count))) for kind, count in sorted(counts.items())]
    grey = sum(not head.colour for head in heads.values())
    if channels == 3 and grey:
        notes.append(Note("grey-images", f"{counted(grey)} in grey among colour: made colour of three equal channels."))
    if channels == 1 and grey < len(heads):
        notes.append(Note("colour-images", f"{counted(len(heads) - grey)} in colour: made grey."))
    single = sum(head.height * head.width == 1 for head in heads.values())
    if single:
        notes.append(Note("one-pixel-images", f"{counted(single)} of one pixel: kept, as one plain colour.", True))
    return tuple(notes)
