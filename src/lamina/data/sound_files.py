"""Which files are recordings, and where they lie."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from lamina.data.image_files import is_image_name
from lamina.data.media_files import Listing, media_files
from lamina.data.medium import Medium

ENDING = re.compile(r"\.(wav|wave|flac|ogg|oga|opus|aif|aiff|mp3)$", re.IGNORECASE)


def is_sound_name(name: str) -> bool:
    """Whether a file's ending is that of a recording that can be read.

    >>> is_sound_name("7_theo_12.WAV"), is_sound_name("notes.txt")
    (True, False)
    """
    return ENDING.search(name) is not None


SOUNDS = Medium(
    one="recording",
    many="recordings",
    alike="sample by sample",
    ending="wav",
    holds=is_sound_name,
    formats="Recordings as WAV, FLAC or Ogg, such as libsndfile reads.",
    anew="WAV or FLAC",
)


def sound_files(place: Path) -> AbstractContextManager[Listing]:
    """The recordings in a folder, a zip, or one file, as ``media_files`` lists them."""
    return media_files(place, SOUNDS)


def is_sound_place(place: Path) -> bool:
    """Whether a place is a recording, or a folder or zip of more recordings than images.

    Whether a zip is safe is for the reader to find out.
    """
    if place.is_dir():
        return _mostly_sounds(_names_below(place))
    if is_sound_name(place.name):
        return place.is_file()
    if place.suffix.lower() == ".npz" or not place.is_file() or not zipfile.is_zipfile(place):
        return False
    try:
        with zipfile.ZipFile(place) as archive:
            return _mostly_sounds(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def _names_below(folder: Path) -> Iterator[str]:
    for _, _, names in os.walk(folder):
        yield from names


def _mostly_sounds(names: Iterable[str]) -> bool:
    balance, sounds = 0, 0
    for name in names:
        if is_sound_name(name):
            balance, sounds = balance + 1, sounds + 1
        elif is_image_name(name):
            balance -= 1
    return sounds > 0 and balance >= 0
