"""Where images or recordings lie: a folder, a zip or one file, listed and opened safely. Nothing of a zip is written to
disk.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lamina.data.examples import Note, Source
from lamina.data.medium import Medium
from lamina.errors import DataError

MOST_BYTES = 1 << 29  # of one file
MOST_ZIP_BYTES = 1 << 34  # of a whole zip, unpacked
MOST_ZIP_RATIO = 100  # unpacked to packed; photographs and scans stay below ten
SMALL_ZIP_BYTES = 1 << 25  # below this much unpacked, the ratio does not matter


@dataclass(frozen=True)
class MediaFile:
    """A file somewhere: its name for people, and how to get at its bytes."""

    name: str
    open: Callable[[], Any]  # a binary file, or what stands for one


@dataclass(frozen=True)
class Listing:
    """What a folder or a zip holds: files of a medium, folders (as tuples of names), and the names of other files."""

    medium: Medium
    place: str
    files: tuple[MediaFile, ...]
    folders: frozenset[tuple[str, ...]]
    ignored: tuple[str, ...]
    source: Source | None  # known without reading the files for a zip only

    @property
    def notes(self) -> tuple[Note, ...]:
        """How many files are of no use."""
        if not self.ignored:
            return ()
        endings = ", ".join(sorted({PurePosixPath(name).suffix or name for name in self.ignored})[:5])
        one = len(self.ignored) == 1
        one_of, many = self.medium.one, self.medium.many
        count = f"1 file that is no {one_of}" if one else f"{len(self.ignored):,} files that are no {many}"
        return (Note("other-files", f"{count} ({endings}) {'is' if one else 'are'} ignored."),)


@contextlib.contextmanager
def media_files(place: Path, medium: Medium) -> Iterator[Listing]:
    """A medium's files in a folder, a zip, or one file, in order of their names; open as long as the context lasts.

    Raises DataError for a zip with members outside of it, a zip that unpacks to too much, or one that can't be read.
    """
    if place.is_dir():
        yield _listed_folder(place, medium)
    elif zipfile.is_zipfile(place) or place.suffix.lower() == ".zip":
        with _opened_zip(place) as archive:
            yield _listed_zip(place, archive, medium)
    else:
        file = MediaFile(place.name, functools.partial(open_path, place))
        yield Listing(medium, str(place), (file,), frozenset(), (), None)


def _listed_folder(place: Path, medium: Medium) -> Listing:
    folders, files, ignored, seen = set(), [], [], set()
    for parent, below, names in os.walk(place, followlinks=True):
        real = os.path.realpath(parent)
        below[:] = [] if real in seen else [name for name in sorted(below) if not _hidden(name)]
        names = [] if real in seen else names
        seen.add(real)
        inside = Path(parent).relative_to(place).parts
        folders.update((*inside, name) for name in below)
        for name in sorted(name for name in names if not _hidden(name)):
            path = "/".join((*inside, name))
            if medium.holds(name):
                files.append(MediaFile(path, functools.partial(open_path, Path(parent, name))))
            else:
                ignored.append(path)
    return Listing(medium, str(place), tuple(sorted(files, key=_by_name)), frozenset(folders), tuple(ignored), None)


def _by_name(file: MediaFile) -> str:
    return file.name


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def open_path(path: Path) -> Any:
    """The file, open for reading; ValueError where it is too large to be one image or recording."""
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES >> 20} MB")
    return path.open("rb")


def _opened_zip(place: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(place)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{place} can't be opened as a zip: {error}.", expected="A whole zip.", mend="Copy or download it again."
        ) from error
    try:
        check_members(place, archive.infolist())
    except DataError:
        archive.close()
        raise
    return archive


def _listed_zip(place: Path, archive: zipfile.ZipFile, medium: Medium) -> Listing:
    folders, files, ignored = set(), [], []
    for member in archive.infolist():
        parts = PurePosixPath(member.filename).parts
        if any(map(_hidden, parts)):
            continue
        folders.update(parts[:i] for i in range(1, len(parts) + member.is_dir()))
        if member.is_dir():
            continue
        if medium.holds(member.filename):
            files.append(MediaFile("/".join(parts), functools.partial(_open_member, archive, member)))
        else:
            ignored.append(member.filename)
    ordered = tuple(sorted(files, key=_by_name))
    return Listing(medium, str(place), ordered, frozenset(folders), tuple(ignored), file_source(place))


def _open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> io.BytesIO:
    # zipfile stops at the declared size, which check_members has seen, and then compares the checksum.
    with archive.open(member) as file:
        return io.BytesIO(file.read(MOST_BYTES))


def check_members(place: Path, members: list[zipfile.ZipInfo], *, most: int = MOST_BYTES) -> None:
    """Refuse a zip that would write outside its folder, is locked, or unpacks to too much."""
    for member in members:
        for name in (member.filename, member.orig_filename):
            parts = re.split(r"[/\\]", name)
            if ".." in parts or parts[0] == "" or re.match(r"[A-Za-z]:", name) or "\0" in name:
                raise _refused_zip(place, f"has a member outside of itself: {name!r}", "Members below its own top.")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise _refused_zip(place, f"has a link among its members: {member.filename!r}", "Plain files and folders.")
        if member.flag_bits & 1:
            raise _refused_zip(place, f"is locked with a password: {member.filename!r}", "A zip without a password.")
        if member.file_size > most or _inflated(member.file_size, member.compress_size):
            raise _refused_zip(place, f"unpacks {member.filename!r} to {member.file_size:,} bytes", _room(most))
    total = sum(member.file_size for member in members)
    if total > MOST_ZIP_BYTES or _inflated(total, place.stat().st_size):
        raise _refused_zip(place, f"unpacks {place.stat().st_size:,} bytes to {total:,}", _room(most))


def _inflated(unpacked: int, packed: int) -> bool:
    return unpacked > SMALL_ZIP_BYTES and unpacked > MOST_ZIP_RATIO * packed


def _room(most: int) -> str:
    return (
        f"At most {most >> 20:,} MB a file, {MOST_ZIP_BYTES >> 20:,} MB in all, and {MOST_ZIP_RATIO} times "
        "the packed size."
    )


def _refused_zip(place: Path, why: str, expected: str) -> DataError:
    return DataError(
        f"{place} {why}.", expected=expected, mend="If you trust it, unpack it yourself and give the folder instead."
    )


def file_source(path: Path) -> Source:
    """The path, SHA-256 and size of one file, read in pieces."""
    with path.open("rb") as file:
        return Source(str(path), hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)
