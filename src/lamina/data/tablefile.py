"""The files that hold tables: found by path, in a zip, or among the samples; unpacked, and told apart by kind."""

from __future__ import annotations

import difflib
import gzip
import hashlib
import importlib.resources
import io
import re
import shlex
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from lamina.data.examples import Source
from lamina.errors import DataError

TEXT_FILES = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat")
"""Extensions that are read as delimited text."""

_KINDS = {
    **dict.fromkeys(TEXT_FILES, "text"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".feather", ".arrow", ".arrows", ".ipc"), "arrow"),
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    ".arff": "arff",
}
EXPECTED = (
    "A table: .csv .tsv .txt .data .parquet .feather .arrow .jsonl .ndjson .arff, .gz of each, or a .zip holding one."
)
"""What a path to a table must be, for the messages."""
_LARGEST = 8 << 30
_SMALL = 1 << 26  # below this much unpacked, the ratio doesn't matter
_MOST_SHRUNK = 200  # unpacked to packed: more than tables reach, less than the 1,000 of a bomb of zeros
_PIECE = 1 << 24


@dataclass(frozen=True)
class TableFile:
    """A file's name, its kind's extension, and its content; ``path`` if DuckDB may read it from the disk as it is."""

    name: str
    suffix: str
    data: bytes
    path: Path | None = None

    @property
    def source(self) -> Source:
        """Where examples read from here come from."""
        return Source(self.name, hashlib.sha256(self.data).hexdigest(), len(self.data))

    @property
    def kind(self) -> str:
        """The kind of table: text, parquet, arrow, jsonl or arff; by the extension, or the content if it has none."""
        return _KINDS.get(self.suffix) or _kind_of(self.data)

    def unpacked(self) -> TableFile:
        """The file without its gzip, if it has one."""
        if self.suffix != ".gz" and (self.suffix or self.data[:2] != b"\x1f\x8b"):
            return self
        suffix = Path(self.name.removesuffix(".gz")).suffix.lower()
        return TableFile(self.name, suffix, _unzipped(self))


def open_table_file(text: str) -> TableFile:
    """The file of a table by its path, with FILE.zip:MEMBER and "sample:penguins"; DataError if there is none to read.

    >>> open_table_file("sample:penguins").suffix
    '.csv'
    """
    if text.startswith("sample:"):
        return _sample(text)
    path, _, member = text.partition(".zip:")
    if member and not Path(text).exists():
        return _in_zip(Path(path + ".zip"), member)
    place = existing_file(text)
    suffix = place.suffix.lower()
    if suffix == ".zip":
        return _in_zip(place, None)
    kind = Path(place.stem).suffix.lower() if suffix == ".gz" else suffix
    if kind not in _KINDS and not (suffix == ".gz" and kind == ""):
        raise _unsupported(text, place)
    return TableFile(text, suffix, _content(place), place)


def _unsupported(text: str, place: Path) -> DataError:
    mend = {
        ".xlsx": "Save the sheet as CSV in the spreadsheet program.",
        ".xls": "Save the sheet as CSV in the spreadsheet program.",
        ".json": "Write one JSON object a line and name the file .jsonl.",
    }.get(place.suffix.lower(), f"If it is a table of text, rename it: mv {shlex.quote(text)} {shlex.quote(text)}.csv")
    ending = f'the extension "{place.suffix}"' if place.suffix else "no extension"
    return DataError(f"{text} has {ending}, which says nothing of a table.", expected=EXPECTED, mend=mend)


def existing_file(text: str) -> Path:
    """The path of a file that is there; DataError with the nearest names otherwise.

    >>> existing_file("no-such-folder/penguins.csv")
    Traceback (most recent call last):
    ...
    lamina.errors.DataError: There is no file no-such-folder/penguins.csv.
      Expected: The path of a table, or sample:penguins.
      To mend it: Check the path; sample:penguins is always there.
    """
    path = Path(text).expanduser()
    if path.is_dir():
        raise DataError(
            f"{text} is a folder without images in class folders.", expected=EXPECTED, mend=_tables_in(path, "")
        )
    if not path.is_file():
        raise DataError(
            f"There is no file {text}.",
            expected="The path of a table, or sample:penguins.",
            mend=_tables_in(path.parent, path.name),
        )
    return path


def _tables_in(folder: Path, wanted: str) -> str:
    """The names of tables in a folder, the nearest to the wanted one first, as a mend."""
    try:
        there = sorted(p.name for p in folder.iterdir() if p.is_file())
    except OSError:
        there = []
    near = difflib.get_close_matches(wanted, there, n=3, cutoff=0.5) if wanted else []
    near = near or [n for n in there if Path(n.removesuffix(".gz")).suffix.lower() in (*_KINDS, ".zip")][:3]
    if not near:
        return "Check the path; sample:penguins is always there."
    return "There is " + ", ".join(str(folder / name) for name in near) + "."


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "reading failed").lower()
        raise DataError(
            f"{path} can't be read: {reason}.",
            expected="A file you may read.",
            mend=f"chmod u+r {shlex.quote(str(path))}",
        ) from error


def _sample(text: str) -> TableFile:
    name = text.removeprefix("sample:")
    folder = importlib.resources.files("lamina.samples")
    there = sorted(p.name.removesuffix(".csv") for p in folder.iterdir() if p.name.endswith(".csv"))
    if name not in there:
        raise DataError(
            f"There is no sample {name}.", expected="sample:" + " or sample:".join(there), mend="sample:penguins"
        )
    return TableFile(text, ".csv", (folder / f"{name}.csv").read_bytes())


def _in_zip(path: Path, member: str | None) -> TableFile:
    path = existing_file(str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            info = _member(archive, path, member)
            return TableFile(f"{path}:{info.filename}", Path(info.filename).suffix.lower(), archive.read(info))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(
            f"{path} is no readable zip file ({str(error).rstrip('.')}).", expected="A zip.", mend="Fetch it again."
        ) from error


def _member(archive: zipfile.ZipFile, path: Path, wanted: str | None) -> zipfile.ZipInfo:
    """The one table in a zip; DataError if there are several, none, or a hostile one."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    for info in infos:
        _refuse_hostile(info, path)
    names = {info.filename: info for info in infos}
    if wanted is not None:
        if wanted not in names:
            near = (difflib.get_close_matches(wanted, names, n=1) or sorted(names) or [""])[0]
            raise DataError(f"{path} holds no {wanted}.", expected=", ".join(names), mend=f"{path}:{near}")
        return names[wanted]
    tables = [n for n in names if Path(n.removesuffix(".gz")).suffix.lower() in _KINDS]
    tables = [n for n in tables if Path(n).suffix.lower() != ".txt"] or tables
    if len(tables) != 1:
        mend = "\n".join(f"lamina train {shlex.quote(f'{path}:{n}')}" for n in tables) or "Unpack it and name the file."
        raise DataError(f"{path} holds {len(tables)} tables.", expected="A zip of one table.", mend=mend)
    return names[tables[0]]


def _refuse_hostile(info: zipfile.ZipInfo, path: Path) -> None:
    parts = info.filename.replace("\\", "/").split("/")
    if ".." in parts or info.filename.startswith(("/", "\\")):
        raise DataError(
            f"{path} holds {info.filename}, which points outside of it.",
            expected="Names of files inside the zip.",
            mend="Don't trust this file; make a new zip of the table.",
        )
    if info.file_size > _room(info.compress_size):
        raise _bomb(f"{info.filename} in {path}", f"{info.file_size:,} bytes", info.compress_size)


def _room(packed: int) -> int:
    """To how many bytes so many packed ones may unpack."""
    return min(_LARGEST, max(_SMALL, _MOST_SHRUNK * packed))


def _bomb(what: str, size: str, packed: int) -> DataError:
    return DataError(
        f"{what} would unpack to {size}.",
        expected=f"At most {_MOST_SHRUNK} times the packed size, {_room(packed):,} bytes here.",
        mend="If you trust it, unpack it yourself and name the unpacked file.",
    )


def _unzipped(file: TableFile) -> bytes:
    content, room = io.BytesIO(), _room(len(file.data))
    try:
        with gzip.open(io.BytesIO(file.data)) as stream:
            while part := stream.read(_PIECE):
                content.write(part)
                if content.tell() > room:
                    raise _bomb(file.name, f"more than {room:,} bytes", len(file.data))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{file.name} can't be unpacked: it is cut off or no gzip file.",
            expected="A whole .gz file.",
            mend="Fetch the file again.",
        ) from error
    return content.getvalue()


def _kind_of(data: bytes) -> str:
    """What content without a telling name is, by its first bytes."""
    head = data[:65536].lstrip()
    if data[:4] == b"PAR1":
        return "parquet"
    if data[:6] == b"ARROW1" or data[:4] == b"\xff\xff\xff\xff":
        return "arrow"
    if head[:1] == b"{":
        return "jsonl"
    return "arff" if re.search(rb"^\s*@relation\b", head, re.IGNORECASE | re.MULTILINE) else "text"
