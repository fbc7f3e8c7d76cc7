"""Images filed in class folders, read as examples."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from lamina.data.class_folders import Filed, by_folder, folder_source, readable_rows, with_test
from lamina.data.examples import Examples, Note, Reading
from lamina.data.image import (
    Head,
    ImagePreprocessing,
    choose_size,
    decode_all,
    examine_all,
    image_examples,
    special_notes,
)
from lamina.data.image_files import IMAGES, image_files


def read_image_folder(place: Path, reading: Reading, *, test: Path | None = None) -> Examples:
    """Labelled images from a folder of class folders, or from a zip of it; ``test``: another such place.

    The class folders may lie inside wrapping folders, and inside train/ and test/ (or val/) folders, which are
    honoured. Damaged images are skipped and named. Raises DataError for a class without images or with one, for a
    single class, for images without class folders, for unsafe zips and for an image too large to decode.
    """
    with contextlib.ExitStack() as stack:
        listing = stack.enter_context(image_files(place))
        found = by_folder(listing)
        if test is not None:
            held = stack.enter_context(image_files(test))
            found = with_test(found, by_folder(held, few=True), test, held)
        heads, failures = examine_all(found.files)
        if not heads:
            raise IMAGES.nothing_readable(listing.place, len(found.files), failures)
        preprocessing = _preprocessing(found, heads, reading)
        pixels, more, digests = decode_all(found.files, preprocessing, skip=set(failures))
    failures = {**failures, **more}
    good = readable_rows(found, failures, listing)
    said = (
        *IMAGES.skipped_notes(found.files, failures),
        *special_notes(heads, preprocessing.channels),
    )
    made = image_examples(
        pixels if good.all() else pixels[good],
        np.array(found.labels)[good],
        names=np.array([file.name for file in found.files], dtype=object)[good],
        source=listing.source or folder_source(place, found.files, digests),
        reading=reading,
        rule=preprocessing.rule,
        notes=(*listing.notes, *found.notes, *said),
    )
    held_out = np.array(found.test)[good]
    return replace(made, fixed_test=held_out) if held_out.any() else made


def read_filed_images(
    place: Path, preprocessing: ImagePreprocessing
) -> tuple[np.ndarray, np.ndarray, tuple[Note, ...]]:
    """Images of class folders to judge a model on: uint8 NHWC, the names of their classes, and notes.

    A class may have one image or none. DataError where no image can be read or the layout is another.
    """
    with image_files(place) as listing:
        found = by_folder(listing, few=True)
        heads, failures = examine_all(found.files)
        pixels, more, _ = decode_all(found.files, preprocessing, skip=set(failures))
    failures = {**failures, **more}
    if len(failures) == len(found.files):
        raise IMAGES.nothing_readable(listing.place, len(found.files), failures)
    good = np.array([i not in failures for i in range(len(found.files))])
    notes = (
        *IMAGES.skipped_notes(found.files, failures),
        *special_notes(heads, preprocessing.channels),
    )
    return pixels[good], np.array(found.labels)[good], (*listing.notes, *found.notes, *notes)


def _preprocessing(found: Filed, heads: dict[int, Head], reading: Reading) -> ImagePreprocessing:
    """The size and colour from the images that are not for the test."""
    train = [head for i, head in heads.items() if not found.test[i]] or list(heads.values())
    channels = 3 if any(head.colour for head in train) else 1
    return choose_size([(head.height, head.width) for head in train], channels, asked=reading.image_size)
