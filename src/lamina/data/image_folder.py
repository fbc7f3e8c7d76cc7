"""Images filed in class folders: which folder is the label, what is a test part, what is skipped and said."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lamina.data.examples import Examples, Note, Reading, Source
from lamina.data.image import (
    Head,
    ImagePreprocessing,
    check_counts,
    choose_size,
    counted,
    decode_all,
    examine_all,
    image_examples,
    nothing_readable,
    skipped_notes,
    some,
    special_notes,
)
from lamina.data.image_files import ImageFile, Listing, image_files
from lamina.errors import DataError

LAYOUT = "One folder for each class, with its images inside: {0}/cats/1.png, {0}/dogs/2.png, ..."
TRAIN_FOLDERS = frozenset({"train", "training"})
TEST_FOLDERS = frozenset({"test", "testing"})
VALIDATION_FOLDERS = frozenset({"val", "valid", "validation"})


@dataclass(frozen=True)
class _Labelled:
    """Images with the class each is filed under, which of them an official split keeps for the test, and notes."""

    files: tuple[ImageFile, ...]
    labels: tuple[str, ...]
    test: tuple[bool, ...]
    notes: tuple[Note, ...] = ()


def read_image_folder(place: Path, reading: Reading, *, test: Path | None = None) -> Examples:
    """Labelled images from a folder of class folders, or from a zip of it; ``test``: another such place.

    The class folders may lie inside wrapping folders, and inside train/ and test/ (or val/) folders, which are
    honoured. Damaged images are skipped and named. Raises DataError for a class without images or with one, for a
    single class, for images without class folders, for unsafe zips and for an image too large to decode.
    """
    with contextlib.ExitStack() as stack:
        listing = stack.enter_context(image_files(place))
        found = _labelled(listing)
        if test is not None:
            found = _with_test(found, _labelled(stack.enter_context(image_files(test)), few=True), test)
        heads, failures = examine_all(found.files)
        if not heads:
            raise nothing_readable(listing, failures)
        preprocessing = _preprocessing(found, heads, reading)
        pixels, more, digests = decode_all(found.files, preprocessing, skip=set(failures))
    failures = {**failures, **more}
    said = (*skipped_notes(found.files, failures), *special_notes(heads, preprocessing.channels))
    source = listing.source or _folder_source(place, found.files, digests)
    notes = (*listing.notes, *found.notes, *said)
    return _assembled(found, pixels, failures, source, reading, preprocessing.rule, notes)


def read_filed_images(
    place: Path, preprocessing: ImagePreprocessing
) -> tuple[np.ndarray, np.ndarray, tuple[Note, ...]]:
    """Images of class folders to judge a model on: uint8 NHWC, the names of their classes, and notes.

    A class may have one image or none. DataError where no image can be read or the layout is another.
    """
    with image_files(place) as listing:
        found = _labelled(listing, few=True)
        heads, failures = examine_all(found.files)
        pixels, more, _ = decode_all(found.files, preprocessing, skip=set(failures))
    failures = {**failures, **more}
    if len(failures) == len(found.files):
        raise nothing_readable(listing, failures)
    good = np.array([i not in failures for i in range(len(found.files))])
    notes = (*skipped_notes(found.files, failures), *special_notes(heads, preprocessing.channels))
    return pixels[good], np.array(found.labels)[good], (*listing.notes, *found.notes, *notes)


def _assembled(
    found: _Labelled,
    pixels: np.ndarray,
    failures: dict[int, str],
    source: Source,
    reading: Reading,
    rule: str,
    notes: tuple[Note, ...],
) -> Examples:
    good = np.array([i not in failures for i in range(len(found.files))])
    labels = np.array(found.labels)[good]
    lost = set(found.labels) - set(labels.tolist())
    if lost:
        raise DataError(
            f"None of the images of {some(sorted(lost))} in {source.path} can be read.",
            expected="At least two readable images of each class.",
            mend=f"Replace the damaged images of {some(sorted(lost))}, or remove the folder.",
        )
    names = np.array([file.name for file in found.files], dtype=object)[good]
    made = image_examples(
        pixels if good.all() else pixels[good],
        labels,
        names=names,
        source=source,
        reading=reading,
        rule=rule,
        notes=notes,
    )
    test = np.array(found.test)[good]
    return replace(made, fixed_test=test) if test.any() else made


def _preprocessing(found: _Labelled, heads: dict[int, Head], reading: Reading) -> ImagePreprocessing:
    """The size and colour from the images that are not for the test."""
    train = [head for i, head in heads.items() if not found.test[i]] or list(heads.values())
    channels = 3 if any(head.colour for head in train) else 1
    return choose_size([(head.height, head.width) for head in train], channels, asked=reading.image_size)


def _labelled(listing: Listing, *, few: bool = False) -> _Labelled:
    """Each image with its class: the first folder below the place where folders begin to differ."""
    root = _root(listing)
    depth = len(root)
    children = sorted({folder[depth] for folder in listing.folders if folder[:depth] == root and len(folder) > depth})
    if not listing.files:
        raise _no_layout(listing, "holds no images")
    if not children or (len(children) == 1 and not few):
        only = (*root, *children)[-1:]
        raise _no_layout(listing, f"holds only one class folder, {only[0]!r}" if only else "holds no class folders")
    parts = {name: kind for name in children if (kind := _part_kind(name))}
    if len(parts) == len(children) and {"train"} < set(parts.values()):
        return _labelled_parts(listing, root, parts)
    below = [file for file in listing.files if len(_parts(file)) > depth + 1]
    stray = len(listing.files) - len(below)
    labels = tuple(_parts(file)[depth] for file in below)
    _check_folders(listing, children, Counter(labels), few)
    text = f"{counted(stray)} beside the class folders: without a class, left out."
    return _Labelled(tuple(below), labels, (False,) * len(below), (Note("stray-images", text),) if stray else ())


def _parts(file: ImageFile) -> tuple[str, ...]:
    return tuple(file.name.split("/"))


def _root(listing: Listing) -> tuple[str, ...]:
    """Down through folders that hold nothing but one folder."""
    root: tuple[str, ...] = ()
    paths = [_parts(file) for file in listing.files]
    while True:
        depth = len(root)
        below = {folder[depth] for folder in listing.folders if folder[:depth] == root and len(folder) > depth}
        deeper = {folder for folder in listing.folders if len(folder) > depth + 1}
        if len(below) != 1 or not deeper or any(len(path) == depth + 1 for path in paths):
            return root
        root = (*root, below.pop())


def _part_kind(name: str) -> str:
    name = name.lower()
    if name in TRAIN_FOLDERS:
        return "train"
    return "test" if name in TEST_FOLDERS else "validation" if name in VALIDATION_FOLDERS else ""


def _labelled_parts(listing: Listing, root: tuple[str, ...], parts: dict[str, str]) -> _Labelled:
    """Class folders inside train/ and test/ or val/: the test part is kept, a validation part joins the training."""
    depth = len(root) + 1
    filed = [(file, _parts(file)) for file in listing.files]
    unlabelled = [path for _, path in filed if len(path) == depth + 1]
    filed = [(file, path) for file, path in filed if len(path) > depth + 1]
    kinds = {parts[path[depth - 1]] for _, path in filed}
    if "train" not in kinds:
        raise _no_layout(listing, "has a folder for training without class folders in it")
    held = "test" if "test" in kinds else "validation" if "validation" in kinds else ""
    test = tuple(parts[path[depth - 1]] == held for _, path in filed)
    labels = tuple(path[depth] for _, path in filed)
    learnt = Counter(label for label, put in zip(labels, test, strict=True) if not put)
    train_folders = {
        folder[depth]
        for folder in listing.folders
        if folder[: depth - 1] == root and len(folder) > depth and parts[folder[depth - 1]] != held
    }
    _check_folders(listing, sorted(train_folders), learnt, False)
    _check_known(set(labels) - set(learnt), listing.place)
    found = _Labelled(tuple(file for file, _ in filed), labels, test)
    return replace(found, notes=_parts_notes(found, held, kinds, len(unlabelled)))


def _parts_notes(found: _Labelled, held: str, kinds: set[str], unlabelled: int) -> tuple[Note, ...]:
    notes = []
    if held:
        word = "test" if held == "test" else "val"
        text = f"The folder {word}/ ({counted(sum(found.test))}) is the test part; the others train and choose."
        notes.append(Note("official-split", text))
    if held == "test" and "validation" in kinds:
        notes.append(Note("validation-folder", "The images of the validation folder joined the training part."))
    if unlabelled:
        text = f"{counted(unlabelled)} outside of class folders: without a class, left out."
        notes.append(Note("stray-images", text))
    return tuple(notes)


def _with_test(found: _Labelled, held: _Labelled, place: Path) -> _Labelled:
    """Images of another place as the test part."""
    _check_known(set(held.labels) - set(found.labels), str(place))
    files = tuple(replace(file, name=f"{place.name}/{file.name}") for file in held.files)
    kept = [i for i, put in enumerate(found.test) if not put]
    text = f"{place} ({counted(len(files))}) is the test part."
    return _Labelled(
        (*(found.files[i] for i in kept), *files),
        (*(found.labels[i] for i in kept), *held.labels),
        (*(False for _ in kept), *(True for _ in files)),
        (*found.notes, Note("test-given", text)),
    )


def _check_folders(listing: Listing, folders: Sequence[str], counts: Counter[str], few: bool) -> None:
    empty = [name for name in folders if not counts[name]]
    if empty and not few:
        raise DataError(
            f"{'Class folder' if len(empty) == 1 else 'Class folders'} {some(empty)} in {listing.place}: no images.",
            expected="At least two images in each class folder.",
            mend=f"Add images to {some(empty)}, or remove {'it' if len(empty) == 1 else 'them'}.",
        )
    if not few:
        check_counts(counts, listing.place)


def _check_known(unknown: set[str], place: str) -> None:
    if unknown:
        raise DataError(
            f"The test part in {place} has {some(sorted(unknown))}, of which there is no image to train on.",
            expected="The class folders of the training part.",
            mend=f"Add images of {some(sorted(unknown))} to the training part, or remove them from the test part.",
        )


def _no_layout(listing: Listing, why: str) -> DataError:
    name = Path(listing.place).stem
    return DataError(
        f"{listing.place} {why} (found {counted(len(listing.files))}, {len(listing.ignored):,} other files).",
        expected=LAYOUT.format(name),
        mend="Put the images of each class into a folder of its own, at least two classes.",
    )


def _folder_source(place: Path, files: Sequence[ImageFile], digests: list[bytes]) -> Source:
    """A digest of the names and contents of all images, whatever the order they were found in."""
    whole = hashlib.sha256()
    for file, digest in sorted(zip(files, digests, strict=True), key=lambda pair: pair[0].name):
        whole.update(file.name.encode(errors="surrogateescape") + b"\0" + digest)
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    return Source(str(place), whole.hexdigest(), size)
