"""Images or recordings filed in folders: which folder is the label, what is a test part, what is skipped and said."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lamina.data.examples import Note, Source
from lamina.data.media_files import Listing, MediaFile
from lamina.data.medium import some
from lamina.errors import DataError

TRAIN_FOLDERS = frozenset({"train", "training"})
TEST_FOLDERS = frozenset({"test", "testing"})
VALIDATION_FOLDERS = frozenset({"val", "valid", "validation"})


@dataclass(frozen=True)
class Filed:
    """Files with the class each is filed under, which of them an official split keeps for the test, and notes."""

    files: tuple[MediaFile, ...]
    labels: tuple[str, ...]
    test: tuple[bool, ...]
    notes: tuple[Note, ...] = ()


def by_folder(listing: Listing, *, few: bool = False) -> Filed:
    """Each file with its class: the first folder below the place where folders begin to differ.

    The class folders may lie inside wrapping folders, and inside train/ and test/ (or val/) folders, which are
    honoured. Raises DataError for another layout, and unless ``few`` for a class without files or with one.
    """
    root = _root(listing)
    depth = len(root)
    children = _children(listing, root)
    if not listing.files:
        raise no_layout(listing, f"holds no {listing.medium.many}")
    if not children or (len(children) == 1 and not few):
        only = (*root, *children)[-1:]
        raise no_layout(listing, f"holds only one class folder, {only[0]!r}" if only else "holds no class folders")
    parts = _parts(children)
    if parts:
        return _by_folder_in_parts(listing, root, parts)
    below = [file for file in listing.files if len(_path(file)) > depth + 1]
    stray = len(listing.files) - len(below)
    labels = tuple(_path(file)[depth] for file in below)
    _check_folders(listing, children, Counter(labels), few)
    text = f"{listing.medium.counted(stray)} beside the class folders: without a class, left out."
    notes = (Note(f"stray-{listing.medium.many}", text),) if stray else ()
    return Filed(tuple(below), labels, (False,) * len(below), notes)


def by_name(listing: Listing, label: Callable[[MediaFile], str], *, few: bool = False) -> Filed:
    """Each file with the class that its name says, whatever its folder; train/ and test/ (or val/) are honoured.

    Raises DataError, unless ``few``, for a single class and for a class of one file.
    """
    root = _root(listing)
    parts = _parts(_children(listing, root))
    labels = tuple(map(label, listing.files))
    if not parts:
        if not few:
            listing.medium.check_counts(Counter(labels), listing.place)
        return Filed(listing.files, labels, (False,) * len(labels))
    inside = [i for i, file in enumerate(listing.files) if len(_path(file)) > len(root) + 1]
    kinds = [parts[_path(listing.files[i])[len(root)]] for i in inside]
    filed = [(listing.files[i], labels[i]) for i in inside]
    return _in_parts(listing, filed, kinds, stray=len(labels) - len(inside))


def lies_in_class_folders(listing: Listing) -> bool:
    """Whether files lie in at least two folders, beside each other or inside train/ and test/, that may be classes."""
    root = _root(listing)
    depth = len(root) + (1 if _parts(_children(listing, root)) else 0)
    return len({_path(file)[depth] for file in listing.files if len(_path(file)) > depth + 1}) > 1


def with_test(filed: Filed, held: Filed, place: Path, listing: Listing) -> Filed:
    """The files of another place, listed in ``listing``, as the test part."""
    _check_known(set(held.labels) - set(filed.labels), str(place), listing)
    files = tuple(replace(file, name=f"{place.name}/{file.name}") for file in held.files)
    kept = [i for i, put in enumerate(filed.test) if not put]
    text = f"{place} ({listing.medium.counted(len(files))}) is the test part."
    return Filed(
        (*(filed.files[i] for i in kept), *files),
        (*(filed.labels[i] for i in kept), *held.labels),
        (*(False for _ in kept), *(True for _ in files)),
        (*filed.notes, *held.notes, Note("test-given", text)),
    )


def readable_rows(filed: Filed, failures: dict[int, str], listing: Listing) -> np.ndarray:
    """Which files could be read, [n] booleans; DataError where a whole class could not."""
    good = np.array([i not in failures for i in range(len(filed.files))])
    lost = set(filed.labels) - set(np.array(filed.labels)[good].tolist())
    if lost:
        many = listing.medium.many
        raise DataError(
            f"None of the {many} of {some(sorted(lost))} in {listing.place} can be read.",
            expected=f"At least two readable {many} of each class.",
            mend=f"Replace the damaged {many} of {some(sorted(lost))}, or remove them all.",
        )
    return good


def no_layout(listing: Listing, why: str) -> DataError:
    """The error for a place without class folders."""
    found = f"found {listing.medium.counted(len(listing.files))}, {len(listing.ignored):,} other files"
    return DataError(
        f"{listing.place} {why} ({found}).",
        expected=listing.medium.layout(Path(listing.place).stem),
        mend=f"Put the {listing.medium.many} of each class into a folder of its own, at least two classes.",
    )


def folder_source(place: Path, files: Sequence[MediaFile], digests: list[bytes]) -> Source:
    """A digest of the names and contents of all files, whatever the order they were found in."""
    whole = hashlib.sha256()
    for file, digest in sorted(zip(files, digests, strict=True), key=lambda pair: pair[0].name):
        whole.update(file.name.encode(errors="surrogateescape") + b"\0" + digest)
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    return Source(str(place), whole.hexdigest(), size)


# --- Folders ---------------------------------------------------------------------------------------------------------


def _path(file: MediaFile) -> tuple[str, ...]:
    return tuple(file.name.split("/"))


def _root(listing: Listing) -> tuple[str, ...]:
    """Down through folders that hold nothing but one folder."""
    root: tuple[str, ...] = ()
    paths = [_path(file) for file in listing.files]
    while True:
        depth = len(root)
        below = {folder[depth] for folder in listing.folders if folder[:depth] == root and len(folder) > depth}
        deeper = {folder for folder in listing.folders if len(folder) > depth + 1}
        if len(below) != 1 or not deeper or any(len(path) == depth + 1 for path in paths):
            return root
        root = (*root, below.pop())


def _children(listing: Listing, root: tuple[str, ...]) -> list[str]:
    depth = len(root)
    return sorted({folder[depth] for folder in listing.folders if folder[:depth] == root and len(folder) > depth})


def _parts(children: Sequence[str]) -> dict[str, str]:
    """What each folder is, "train", "test" or "validation", where all are one of these and there are two or more."""
    parts = {name: kind for name in children if (kind := _part_kind(name))}
    return parts if len(parts) == len(children) and {"train"} < set(parts.values()) else {}


def _part_kind(name: str) -> str:
    name = name.lower()
    if name in TRAIN_FOLDERS:
        return "train"
    return "test" if name in TEST_FOLDERS else "validation" if name in VALIDATION_FOLDERS else ""


def _by_folder_in_parts(listing: Listing, root: tuple[str, ...], parts: dict[str, str]) -> Filed:
    """Class folders inside train/ and test/ or val/."""
    depth = len(root) + 1
    paths = [(file, _path(file)) for file in listing.files]
    stray = sum(len(path) == depth + 1 for _, path in paths)
    paths = [(file, path) for file, path in paths if len(path) > depth + 1]
    kinds = [parts[path[depth - 1]] for _, path in paths]
    if "train" not in kinds:
        raise no_layout(listing, "has a folder for training without class folders in it")
    filed = [(file, path[depth]) for file, path in paths]
    held = _held(kinds)
    learnt = Counter(label for (_, label), kind in zip(filed, kinds, strict=True) if kind != held)
    train_folders = {
        folder[depth]
        for folder in listing.folders
        if folder[: depth - 1] == root and len(folder) > depth and parts[folder[depth - 1]] != held
    }
    _check_folders(listing, sorted(train_folders), learnt, False)
    return _in_parts(listing, filed, kinds, stray=stray)


def _held(kinds: Sequence[str]) -> str:
    return "test" if "test" in kinds else "validation" if "validation" in kinds else ""


def _in_parts(listing: Listing, filed: Sequence[tuple[MediaFile, str]], kinds: Sequence[str], *, stray: int) -> Filed:
    """The test part is kept, a validation part beside it joins the training."""
    held = _held(kinds)
    test = tuple(kind == held for kind in kinds)
    labels = tuple(label for _, label in filed)
    learnt = Counter(label for label, put in zip(labels, test, strict=True) if not put)
    if not learnt:
        raise no_layout(listing, f"has a folder for training without {listing.medium.many} in it")
    listing.medium.check_counts(learnt, listing.place)
    _check_known(set(labels) - set(learnt), listing.place, listing)
    notes = _parts_notes(listing, held, Counter(kinds), stray)
    return Filed(tuple(file for file, _ in filed), labels, test, notes)


def _parts_notes(listing: Listing, held: str, counts: Counter[str], stray: int) -> tuple[Note, ...]:
    medium, notes = listing.medium, []
    if held:
        word = "test" if held == "test" else "val"
        text = f"The folder {word}/ ({medium.counted(counts[held])}) is the test part; the others train and choose."
        notes.append(Note("official-split", text))
    if held == "test" and counts["validation"]:
        text = f"The {medium.many} of the validation folder joined the training part."
        notes.append(Note("validation-folder", text))
    if stray:
        text = f"{medium.counted(stray)} outside of class folders: without a class, left out."
        notes.append(Note(f"stray-{medium.many}", text))
    return tuple(notes)


def _check_folders(listing: Listing, folders: Sequence[str], counts: Counter[str], few: bool) -> None:
    many = listing.medium.many
    empty = [name for name in folders if not counts[name]]
    if empty and not few:
        raise DataError(
            f"{'Class folder' if len(empty) == 1 else 'Class folders'} {some(empty)} in {listing.place}: no {many}.",
            expected=f"At least two {many} in each class folder.",
            mend=f"Add {many} to {some(empty)}, or remove {'it' if len(empty) == 1 else 'them'}.",
        )
    if not few:
        listing.medium.check_counts(counts, listing.place)


def _check_known(unknown: set[str], place: str, listing: Listing) -> None:
    if unknown:
        one, many = listing.medium.one, listing.medium.many
        raise DataError(
            f"The test part in {place} has {some(sorted(unknown))}, of which there is no {one} to train on.",
            expected="The classes of the training part.",
            mend=f"Add {many} of {some(sorted(unknown))} to the training part, or remove them from the test part.",
        )
