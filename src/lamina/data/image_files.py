"""Which files are images, and where they lie."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath

from lamina.data.media_files import Listing, media_files
from lamina.data.medium import Medium

# Formats that Pillow hands to other programs, or can only identify.
UNREAD_FORMATS = frozenset({"EPS", "MPEG", "WMF", "GRIB", "HDF5", "BUFR"})


def image_files(place: Path) -> AbstractContextManager[Listing]:
    """The images in a folder, a zip, or one file, as ``media_files`` lists them."""
    return media_files(place, IMAGES)


def is_image_name(name: str) -> bool:
    """Whether a file's ending is that of a image that can be read.

    >>> is_image_name("cats/7.JPG"), is_image_name("notes.txt")
    (True, False)
    """
    return PurePosixPath(name).suffix.lower() in _endings()


@functools.cache
def image_formats() -> tuple[str, ...]:
    """The names of the formats that are read: Pillow's, less those it hands to other programs."""
    from PIL import Image

    Image.init()
    return tuple(name for name in Image.OPEN if name not in UNREAD_FORMATS)


@functools.cache
def _endings() -> frozenset[str]:
    from PIL import Image

    formats = set(image_formats())
    return frozenset(ending for ending, name in Image.registered_extensions().items() if name in formats)


IMAGES = Medium(
    one="image",
    many="images",
    alike="pixel by pixel",
    ending="png",
    holds=is_image_name,
    formats="Images in a format that Pillow reads.",
    anew="PNG or JPEG",
)
