"""A table: columns of numbers, dates and words, read from whatever file or frame holds them.

Text files are read by DuckDB (which names the lines it rejects) under a dialect that `lamina.data.dialect` finds;
Parquet and JSON lines by DuckDB alone; ARFF by liac-arff; Arrow and Feather files by arro3 or pyarrow; frames through
the Arrow PyCapsule interface.
"""

from __future__ import annotations

import difflib
import gzip
import hashlib
import importlib.resources
import io
import os
import re
import shlex
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.data import dialect as dialects
from lamina.data import words as meanings
from lamina.data.examples import Note, Source
from lamina.errors import DataError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TEXT_FILES = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat")
"""Extensions that are read as delimited text."""

_KINDS = {
    **dict.fromkeys(TEXT_FILES, "text"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".feather", ".arrow", ".arrows", ".ipc"), "arrow"),
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    ".arff": "arff",
}
_EXPECTED = (
    "A table: .csv .tsv .txt .data .parquet .feather .arrow .jsonl .ndjson .arff, .gz of each, or a .zip holding one."
)
_LARGEST_MEMBER = 8 << 30
_MOST_SHRUNK = 1100  # deflate can't shrink further than 1032 : 1


@dataclass(frozen=True)
class Table:
    """Columns by name, all of one length.

    A number column is float64 (NaN missing), a date-time column datetime64[us] (NaT missing), any other an object
    array of str, None missing, with truth as "true" and "false". ``lines`` are the lines of the file (from 1) that
    the rows begin on, if there is a file with lines.

    >>> table = read_table({"height": [1.8, None], "name": ["Ann", "Bo"]})
    >>> len(table), table.names, table.take([1]).columns["name"].tolist()
    (2, ('height', 'name'), ['Bo'])
    """

    columns: dict[str, np.ndarray]
    lines: np.ndarray | None = None
    source: Source | None = None
    notes: tuple[Note, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in their order."""
        return tuple(self.columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def take(self, rows: Sequence[int] | np.ndarray) -> Table:
        """The table of these rows only: row numbers, or a bool for each row."""
        rows = np.asarray(rows)
        lines = None if self.lines is None else self.lines[rows]
        return Table({name: values[rows] for name, values in self.columns.items()}, lines, self.source, self.notes)

    def without(self, *names: str) -> Table:
        """The table without these columns."""
        kept = {name: values for name, values in self.columns.items() if name not in names}
        return Table(kept, self.lines, self.source, self.notes)

    def row_name(self, row: int) -> str:
        """How a person finds a row again: "line 12", or "row 3" (from 1) where there are no lines."""
        return f"row {row + 1}" if self.lines is None else f"line {self.lines[row]}"


def read_table(source: Any, *, header: bool | None = None) -> Table:
    """Reads a table from a file, a frame in memory, a file object of bytes, or "sample:penguins".

    source: a path (.csv .tsv .txt .data .parquet .feather .arrow .jsonl .ndjson .arff, .gz of each, FILE.zip or
    FILE.zip:MEMBER), or a pandas, polars or Arrow table, or a dict of arrays. ``header`` says whether a text file's
    first row holds the columns' names; None finds out. What had to be understood or left out is in the table's notes.
    DataError says what is wrong with a file that can't be read.

    >>> read_table("sample:penguins").names[:3]
    ('species', 'island', 'bill_length_mm')
    """
    if isinstance(source, (str, os.PathLike)):
        return _checked(_read_path(os.fspath(source), header))
    if isinstance(source, (bytes, bytearray)) or hasattr(source, "read"):
        data = bytes(source) if isinstance(source, (bytes, bytearray)) else source.read()
        data = data.encode() if isinstance(data, str) else data
        return _checked(_read_bytes(_File("standard input", "", data), header))
    return _checked(_read_frame(source))


def _checked(table: Table) -> Table:
    where = table.source.path if table.source else "The table"
    if not len(table):
        raise DataError(
            f"{where} has names of columns and no rows.",
            expected="A row for each example below the names.",
            mend="Add rows to the file.",
        )
    return table


# ---- files -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _File:
    """A file's name, its kind's extension, and its content; ``path`` if DuckDB may read it from the disk as it is."""

    name: str
    suffix: str
    data: bytes
    path: Path | None = None

    @property
    def source(self) -> Source:
        return Source(self.name, hashlib.sha256(self.data).hexdigest(), len(self.data))


def _read_path(text: str, header: bool | None) -> Table:
    if text.startswith("sample:"):
        return _read_sample(text)
    path, _, member = text.partition(".zip:")
    if member and not Path(text).exists():
        return _read_zip(Path(path + ".zip"), member, header)
    place = existing_file(text)
    suffix = place.suffix.lower()
    if suffix == ".zip":
        return _read_zip(place, None, header)
    kind = Path(place.stem).suffix.lower() if suffix == ".gz" else suffix
    if kind not in _KINDS and not (suffix == ".gz" and kind == ""):
        raise _unsupported(text, place)
    return _read_bytes(_File(text, suffix, _content(place), place), header)


def _unsupported(text: str, place: Path) -> DataError:
    mend = {
        ".xlsx": "Save the sheet as CSV in the spreadsheet program.",
        ".xls": "Save the sheet as CSV in the spreadsheet program.",
        ".json": "Write one JSON object a line and name the file .jsonl.",
    }.get(place.suffix.lower(), f"If it is a table of text, rename it: mv {shlex.quote(text)} {shlex.quote(text)}.csv")
    ending = f'the extension "{place.suffix}"' if place.suffix else "no extension"
    return DataError(f"{text} has {ending}, which says nothing of a table.", expected=_EXPECTED, mend=mend)


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
            f"{text} is a folder without images in class folders.", expected=_EXPECTED, mend=_tables_in(path, "")
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


def _read_sample(text: str) -> Table:
    name = text.removeprefix("sample:")
    folder = importlib.resources.files("lamina.samples")
    there = sorted(p.name.removesuffix(".csv") for p in folder.iterdir() if p.name.endswith(".csv"))
    if name not in there:
        raise DataError(
            f"There is no sample {name}.", expected="sample:" + " or sample:".join(there), mend="sample:penguins"
        )
    return _read_bytes(_File(text, ".csv", (folder / f"{name}.csv").read_bytes()), None)


def _read_zip(path: Path, member: str | None, header: bool | None) -> Table:
    path = existing_file(str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            info = _member(archive, path, member)
            file = _File(f"{path}:{info.filename}", Path(info.filename).suffix.lower(), archive.read(info))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(
            f"{path} is no readable zip file ({str(error).rstrip('.')}).", expected="A zip.", mend="Fetch it again."
        ) from error
    return _read_bytes(file, header)


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
    shrunk = info.file_size / max(info.compress_size, 1)
    if info.file_size > _LARGEST_MEMBER or shrunk > _MOST_SHRUNK or (shrunk > 200 and info.file_size > 1 << 30):
        raise DataError(
            f"{info.filename} in {path} would unpack to {info.file_size:,} bytes.",
            expected="A table that fits in memory.",
            mend="Unpack the table yourself and name the file.",
        )


def _read_bytes(file: _File, header: bool | None) -> Table:
    data, suffix, path = file.data, file.suffix, file.path
    if suffix == ".gz" or (suffix in ("", ".gz") and data[:2] == b"\x1f\x8b"):
        data, suffix, path = _unzipped(file), Path(file.name.removesuffix(".gz")).suffix.lower(), None
    if not data.strip():
        raise DataError(f"{file.name} is empty.", expected="A table with names of columns and rows.", mend=_EXPECTED)
    kind = _KINDS.get(suffix) or _kind_of(data)
    readers: dict[str, Callable[[], _Parts]] = {
        "text": lambda: _read_text(data, path, header),
        "parquet": lambda: _read_parquet(data, path),
        "jsonl": lambda: _read_json_lines(data),
        "arff": lambda: _read_arff(data),
        "arrow": lambda: _read_arrow(data),
    }
    try:
        columns, lines, notes = readers[kind]()
    except DataError as error:
        raise DataError(f"{file.name}: {error.given}", expected=error.expected, mend=error.mend) from error
    return Table(columns, lines, file.source, tuple(notes))


_Parts = tuple[dict[str, np.ndarray], np.ndarray | None, list[Note]]


def _unzipped(file: _File) -> bytes:
    try:
        with gzip.open(io.BytesIO(file.data)) as stream:
            return stream.read()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{file.name} can't be unpacked: it is cut off or no gzip file.",
            expected="A whole .gz file.",
            mend="Fetch the file again.",
        ) from error


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


# ---- one reader a kind --------------------------------------------------------------------------------------------


def _read_text(data: bytes, path: Path | None, header: bool | None) -> _Parts:
    text, encoding = dialects.decode(data)
    found = dialects.sniff(text, header=header)
    notes = [] if encoding == "UTF-8" else [Note("encoding", f"The file is written in {encoding}.")]
    plain = encoding == "UTF-8" and not data.startswith(b"\xef\xbb\xbf") and b"\r" not in data.replace(b"\r\n", b"")
    if found.delimiter == " ":
        text, plain = _single_blanks(text), False
    elif not plain:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    content = data if plain else text.encode()
    names, name_notes = _column_names(found)
    with _on_disk(content, path if plain else None) as place, _connection() as connection:
        rejected = _load_text(connection, place, found, len(names))
        columns, column_notes = _typed(connection, names, found.delimiter)
        starts = _record_lines(content, bool(found.quote))
    lines, line_notes = _kept_lines(starts, found, rejected, len(next(iter(columns.values()))))
    return columns, lines, [*notes, *_dialect_notes(found), *name_notes, *line_notes, *column_notes]


def _single_blanks(text: str) -> str:
    """Each line with its cells one blank apart, for files that align their columns with several."""
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


def _column_names(found: dialects.Dialect) -> tuple[list[str], list[Note]]:
    """A name for each cell of a row: the file's, the row names' that R leaves unnamed, or "column 1"."""
    given = list(found.names)
    if given and len(given) == found.width - 1:
        given = ["", *given]
    given = (given + [""] * found.width)[: found.width]
    notes = (
        [] if found.names else [Note("no-header", "The file doesn't name its columns: they are called by position.")]
    )
    return numbered([name or f"column {i + 1}" for i, name in enumerate(given)], notes), notes


def numbered(names: Sequence[str], notes: list[Note]) -> list[str]:
    """The names with duplicates numbered ("a", "a 2"), which is noted.

    >>> numbered(["a", "b", "a"], [])
    ['a', 'b', 'a 2']
    """
    out: list[str] = []
    for name in names:
        number, fresh = 1, name
        while fresh in out or (number > 1 and fresh in names):
            number += 1
            fresh = f"{name} {number}"
        out.append(fresh)
    changed = [f'"{new}"' for old, new in zip(names, out, strict=True) if old != new]
    if changed:
        notes.append(Note("duplicate-names", f"Columns with the same name are numbered: {', '.join(changed)}."))
    return out


def _dialect_notes(found: dialects.Dialect) -> list[Note]:
    called = {"\t": "a tab", ";": "a semicolon", "|": "a bar", " ": "blanks"}
    notes = []
    if found.delimiter in called and found.width > 1:
        notes.append(Note("delimiter", f"The cells are separated by {called[found.delimiter]}."))
    if found.comments:
        notes.append(Note("comment-lines", f"{found.comments} lines before the table begin with # and are left out."))
    return notes


@contextmanager
def _on_disk(content: bytes, path: Path | None) -> Iterator[str]:
    """The content as a file that DuckDB can read: the file itself, or a copy that is gone afterwards."""
    if path is not None:
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="lamina-") as folder:
        copy = Path(folder) / "table"
        copy.write_bytes(content)
        yield str(copy)


@contextmanager
def _connection() -> Iterator[DuckDBPyConnection]:
    import duckdb

    offline: dict[str, str | bool | int | float | list[str]] = {"autoinstall_known_extensions": "false"}
    with duckdb.connect(":memory:", config=offline) as connection:
        try:
            yield connection
        except duckdb.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise DataError(
                f"The content can't be read as a table ({reason}).",
                expected=_EXPECTED,
                mend="Check that the extension says what the file is.",
            ) from error


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _load_text(
    connection: DuckDBPyConnection, place: str, found: dialects.Dialect, width: int
) -> list[tuple[int, str]]:
    """Loads the trimmed cells as columns c0, c1 ... of a table "cells"; where the rejected rows begin, and why."""
    types = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(width))
    trimmed = ", ".join(f"trim(c{i}, {_BLANKS}) AS c{i}" for i in range(width))
    quote, skip = _quoted(found.quote), found.skip + found.blank
    connection.execute(
        f"CREATE TABLE cells AS SELECT {trimmed} FROM read_csv({_quoted(place)}, auto_detect=false, "
        f"delim={_quoted(found.delimiter)}, quote={quote}, escape={quote}, header=false, skip={skip}, "
        f"columns={{{types}}}, compression='none', strict_mode=true, store_rejects=true, max_line_size=16777216)"
    )
    query = "SELECT line_byte_position, any_value(error_type::VARCHAR) FROM reject_errors GROUP BY 1 ORDER BY 1"
    return connection.execute(query).fetchall()


def _record_lines(content: bytes, quotes: bool) -> tuple[np.ndarray, np.ndarray]:
    """The byte that each record (a row with its quoted line ends) begins at, and its line from 1; no blank ones."""
    raw = np.frombuffer(content, dtype=np.uint8)
    ends = np.flatnonzero(raw == ord("\n"))
    if not len(raw) or raw[-1] != ord("\n"):
        ends = np.append(ends, len(raw))
    closed = np.ones(len(ends), dtype=bool)
    if quotes and b'"' in content:
        closed = np.searchsorted(np.flatnonzero(raw == ord('"')), ends) % 2 == 0
    numbers = np.flatnonzero(closed)  # the lines (from 0) that end a record
    starts = np.concatenate([[0], ends[numbers[:-1]] + 1])
    lines = np.concatenate([[0], numbers[:-1] + 1]) + 1
    last = np.maximum(ends[numbers] - 1, 0)
    length = ends[numbers] - starts - (raw[last] == ord("\r"))
    return starts[length > 0], lines[length > 0]


def _kept_lines(
    records: tuple[np.ndarray, np.ndarray], found: dialects.Dialect, rejected: list[tuple[int, str]], rows: int
) -> tuple[np.ndarray | None, list[Note]]:
    """The line of each row that was read, and what to say of those that were not."""
    starts, lines = records[0][found.skip :], records[1][found.skip :]
    ragged = np.isin(starts, [position - 1 for position, _ in rejected])  # DuckDB counts bytes from 1
    notes = _ragged_notes(lines[ragged], found) if rejected else []
    if len(rejected) > max(rows, 1):
        raise DataError(
            f"{len(rejected)} of {len(rejected) + rows} rows don't have {found.width} cells.",
            expected="Rows of the same number of cells.",
            mend="Check the delimiter, and put cells that hold it in double quotes.",
        )
    kept = lines[~ragged]
    if len(kept) != rows:
        return None, notes
    several = int(np.sum(np.diff(lines) > 1)) if found.quote else 0
    if several:
        notes.append(
            Note("quoted-newlines", f"{several} rows stand over several lines (quoted line ends, blank lines).")
        )
    return kept.astype(np.int64), notes


def _ragged_notes(lines: np.ndarray, found: dialects.Dialect) -> list[Note]:
    shown = ", ".join(str(line) for line in lines[:10]) + (" ..." if len(lines) > 10 else "")
    which = f"line {shown} doesn't" if len(lines) == 1 else f"{len(lines)} lines don't"
    text = f"Left out: {which} have {found.width} cells" + (f" (lines {shown})." if len(lines) > 1 else ".")
    return [Note("ragged-rows", text, matters=True)]


def _read_parquet(data: bytes, path: Path | None) -> _Parts:
    with _on_disk(data, path) as place, _connection() as connection:
        columns, notes = _relation(connection, f"read_parquet({_quoted(place)})")
    return columns, None, notes


def _read_json_lines(data: bytes) -> _Parts:
    text, encoding = dialects.decode(data)
    notes = [] if encoding == "UTF-8" else [Note("encoding", f"The file is written in {encoding}.")]
    lines = np.array([i + 1 for i, line in enumerate(text.split("\n")) if line.strip()], dtype=np.int64)
    options = "format='newline_delimited', ignore_errors=true, sample_size=-1, maximum_depth=1"
    with _on_disk(text.encode(), None) as place, _connection() as connection:
        columns, column_notes = _relation(connection, f"read_json({_quoted(place)}, {options})")
    table = Table(columns, lines if len(lines) == len(next(iter(columns.values()))) else None)
    broken = np.all([_is_missing(values) for values in columns.values()], axis=0)
    if broken.any() and table.lines is not None:
        shown = ", ".join(str(line) for line in table.lines[broken][:10])
        notes.append(
            Note("ragged-rows", f"Left out: {broken.sum()} lines hold no JSON object (lines {shown}).", matters=True)
        )
        table = table.take(~broken)
    return table.columns, table.lines, [*notes, *column_notes]


def _is_missing(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        return np.array([value is None for value in values.tolist()], dtype=bool)
    return np.isnat(values) if values.dtype.kind == "M" else np.isnan(values)


def _read_arff(data: bytes) -> _Parts:
    import arff

    text, _ = dialects.decode(data)
    try:
        content = arff.load(io.StringIO(text), return_type=arff.DENSE_GEN)
        names = [str(name) for name, _ in content["attributes"]]
        rows = list(content["data"])
    except arff.ArffException as error:
        raise DataError(
            f"the ARFF can't be read: {error}",
            expected="ARFF with one row a line.",
            mend="Correct or remove that line.",
        ) from error
    cells = zip(*rows, strict=True) if rows else ([] for _ in names)
    notes: list[Note] = []
    columns = dict(zip(numbered(names, notes), map(_column_array, cells), strict=True))
    columns, column_notes = _meant(columns)
    return columns, _arff_lines(text, len(rows)), [*notes, *column_notes]


def _arff_lines(text: str, rows: int) -> np.ndarray | None:
    lines = text.split("\n")
    begin = next(i for i, line in enumerate(lines) if line.strip().lower().startswith("@data"))
    kept = [i + 1 for i, line in enumerate(lines) if i > begin and line.strip() and not line.lstrip().startswith("%")]
    return np.array(kept, dtype=np.int64) if len(kept) == rows else None


def _read_arrow(data: bytes) -> _Parts:
    stream = _arrow_stream(data)
    with _connection() as connection:
        connection.register("frame", stream)
        columns, notes = _relation(connection, "frame")
    return columns, None, notes


def _arrow_stream(data: bytes) -> Any:
    """An Arrow or Feather file's content as an object that DuckDB can scan, by whichever Arrow library is installed."""
    is_file = data[:6] == b"ARROW1"
    try:
        import arro3.io as arro3
    except ImportError:
        return _pyarrow_table(data, is_file)
    try:
        read = arro3.read_ipc if is_file else arro3.read_ipc_stream
        return _Capsule(read(io.BytesIO(data)).read_all())
    except Exception as error:  # arro3 raises plain Exception
        raise _broken_arrow(error) from error


def _pyarrow_table(data: bytes, is_file: bool) -> Any:
    try:
        import pyarrow as pa
    except ImportError:
        raise DataError(
            "reading Arrow and Feather files needs an Arrow library.",
            expected="arro3 (33 MB) or pyarrow in this environment.",
            mend="pip install arro3-core arro3-io",
        ) from None
    try:
        return (pa.ipc.open_file if is_file else pa.ipc.open_stream)(pa.BufferReader(data)).read_all()
    except pa.ArrowException as error:
        raise _broken_arrow(error) from error


def _broken_arrow(error: Exception) -> DataError:
    return DataError(
        f"the content is no Arrow or Feather file ({str(error).splitlines()[0]}).",
        expected="An Arrow IPC file or stream, or Feather of version 2.",
        mend="Write it again, or save it as Parquet.",
    )


@dataclass(frozen=True)
class _Capsule:
    """Only the Arrow PyCapsule side of a frame, so that DuckDB scans it without asking for pyarrow."""

    frame: Any

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)


# ---- from DuckDB to arrays ----------------------------------------------------------------------------------------

_BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"
_NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*|BIGNUM")
_MISSING_LIST = ", ".join(_quoted(word) for word in meanings.MISSING)
_ISO = r"\d{4}-\d{1,2}-\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?"
_NUMBER_COUNT = "count(try_cast({word} AS DOUBLE)) FILTER (NOT contains({word}, '_'))"
_MOMENT_COUNT = "count(try_cast({word} AS TIMESTAMP)) FILTER (regexp_full_match({word}, '" + _ISO + "'))"


def _relation(connection: DuckDBPyConnection, relation: str) -> tuple[dict[str, np.ndarray], list[Note]]:
    """The columns of anything DuckDB can select from, each by the type it has there."""
    described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    selected = [_as_known(row[0], row[1], i) for i, row in enumerate(described)]
    connection.execute(f"CREATE TABLE cells AS SELECT {', '.join(selected)} FROM {relation}")
    notes: list[Note] = []
    names = numbered([row[0] for row in described], notes)
    columns, more = _typed(connection, names, ",")
    return columns, [*notes, *more]


def _as_known(name: str, kind: str, position: int) -> str:
    """The SQL that turns a column of some type into DOUBLE, TIMESTAMP or trimmed VARCHAR."""
    column = '"' + name.replace('"', '""') + '"'
    if _NUMBERS.fullmatch(kind):
        column = f"{column}::DOUBLE"
    elif kind == "DATE" or kind.startswith("TIMESTAMP"):
        column = f"{column}::TIMESTAMP"
    else:
        column = f"{column} ->> '$'" if kind == "JSON" else f"{column}::VARCHAR"
        column = f"trim({column}, {_BLANKS})"
    return f"{column} AS c{position}"


def _typed(
    connection: DuckDBPyConnection, names: Sequence[str], delimiter: str
) -> tuple[dict[str, np.ndarray], list[Note]]:
    """The columns of the table "cells" as arrays: words become numbers or dates where every word of a column is one."""
    kinds = {row[0]: row[1] for row in connection.execute("DESCRIBE cells").fetchall()}
    wordy = [column for column, kind in kinds.items() if kind == "VARCHAR"]
    whole = _whole_numbers(connection, wordy)
    mixed = [column for column in wordy if column not in whole]
    found = {**dict.fromkeys(whole, "DOUBLE"), **_word_kinds(connection, mixed)}
    found |= dict.fromkeys(_codes(connection, [c for c, kind in found.items() if kind == "DOUBLE"]), "VARCHAR")
    selected = ", ".join(_fetched(column, found.get(column)) for column in kinds)
    arrays: Any = connection.execute(f"SELECT {selected} FROM cells").fetchnumpy()
    columns = {name: _plain_array(arrays[f"c{i}"]) for i, name in enumerate(names)}
    columns, notes = _meant(columns, decimal_comma=delimiter != ",")
    return columns, [*_missing_notes(connection, mixed), *notes]


def _whole_numbers(connection: DuckDBPyConnection, columns: Sequence[str]) -> list[str]:
    """The word columns in which every cell is a number or empty: the quick way for most columns of most tables."""
    present = _counted(connection, columns, "count({cell})")
    numbers = _counted(connection, columns, _NUMBER_COUNT.replace("{word}", "{cell}"))
    return [column for column in columns if present[column] and present[column] == numbers[column]]


def _word_kinds(connection: DuckDBPyConnection, columns: Sequence[str]) -> dict[str, str]:
    """Which word columns DuckDB can turn into DOUBLE or TIMESTAMP once their words for "missing" are taken out."""
    present = _counted(connection, columns, "count({word})")
    numbers = _counted(connection, columns, _NUMBER_COUNT)
    rest = [c for c in columns if present[c] and present[c] != numbers[c]]
    moments = _counted(connection, rest, _MOMENT_COUNT)
    kinds = {c: "DOUBLE" if present[c] and present[c] == numbers[c] else "VARCHAR" for c in columns}
    return kinds | {c: "TIMESTAMP" for c in rest if moments[c] == present[c]}


def _codes(connection: DuckDBPyConnection, columns: Sequence[str]) -> list[str]:
    """The columns of digits of one length with leading zeros, which are codes and stay words."""
    one_length = "min(length({word})) = max(length({word})) AND max(length({word})) > 1 AND bool_or({word}[1] = '0')"
    zeros = [c for c, found in _counted(connection, columns, one_length).items() if found]
    digits = _counted(connection, zeros, "bool_and(regexp_full_match({word}, '[0-9]+'))")
    return [c for c in zeros if digits[c]]


def _counted(connection: DuckDBPyConnection, columns: Sequence[str], measure: str) -> dict[str, int]:
    """A measure of each column of "cells", over its {cell} as it stands or its {word} that doesn't mean "missing"."""
    if not columns:
        return {}
    parts = [measure.replace("{word}", _word(column)).replace("{cell}", column) for column in columns]
    row = connection.execute(f"SELECT {', '.join(parts)} FROM cells").fetchone() or ()
    return dict(zip(columns, row, strict=True))


def _word(column: str) -> str:
    return f"CASE WHEN lower({column}) NOT IN ({_MISSING_LIST}) THEN {column} END"


def _fetched(column: str, kind: str | None) -> str:
    if kind is None:
        return column
    word = _word(column)
    return f"{word if kind == 'VARCHAR' else f'try_cast({word} AS {kind})'} AS {column}"


def _plain_array(values: np.ndarray) -> np.ndarray:
    """DuckDB's masked array as one with NaN, NaT or None where it is missing."""
    missing = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    data = np.ma.getdata(values)
    if data.dtype.kind == "M":
        data, nothing = data.astype("datetime64[us]", copy=False), np.datetime64("NaT")
    elif data.dtype.kind == "f":
        data, nothing = data.astype(np.float64, copy=False), np.nan
    else:
        data, nothing = data.astype(object, copy=False), None
    if missing is not None and missing.any():
        data[missing] = nothing
    return data


def _missing_notes(connection: DuckDBPyConnection, columns: Sequence[str]) -> list[Note]:
    """Which words were taken for "missing", and how often."""
    if not columns:
        return []
    query = (
        f"SELECT word, count(*) FROM (SELECT unnest([{', '.join(columns)}]) AS word FROM cells) "
        f"WHERE lower(word) IN ({_MISSING_LIST}) AND word <> '' GROUP BY word ORDER BY 2 DESC, 1"
    )
    counts = connection.execute(query).fetchall()
    text = ", ".join(f'"{word}" ({count:,})' for word, count in counts)
    return [Note("missing-words", f"Read as missing: {text}.")] if counts else []


def _meant(columns: dict[str, np.ndarray], *, decimal_comma: bool = False) -> tuple[dict[str, np.ndarray], list[Note]]:
    """The columns with words read for what they mean and infinities taken out, and what to say of it."""
    out, notes, infinite = {}, [], {}
    for name, values in columns.items():
        if values.dtype == object:
            values, more = meanings.meaning(values, name=name, decimal_comma=decimal_comma)
            notes += more
        if values.dtype.kind == "f" and (count := int(np.isinf(values).sum())):
            values = np.where(np.isinf(values), np.nan, values)
            infinite[name] = count
        out[name] = values
    if infinite:
        text = ", ".join(f'"{name}" ({count})' for name, count in infinite.items())
        notes.append(Note("infinities", f"Infinite numbers are taken for missing: {text}."))
    return out, notes


# ---- frames in memory ---------------------------------------------------------------------------------------------


def _read_frame(frame: Any) -> Table:
    """The table of a dict of arrays, a pandas frame, or anything with Arrow's PyCapsules (polars, pyarrow)."""
    if isinstance(frame, Mapping) or (hasattr(frame, "iloc") and hasattr(frame, "columns")):
        columns, notes = _from_arrays(frame)
    elif hasattr(frame, "__arrow_c_stream__"):
        with _connection() as connection:
            connection.register("frame", _Capsule(frame))
            columns, notes = _relation(connection, "frame")
    else:
        raise DataError(
            f"A {type(frame).__name__} is no table.",
            expected="A path, a pandas, polars or Arrow table, or a dict of columns by name.",
            mend='lamina.train({"height": [1.8, 1.6], "label": ["a", "b"]}, "label")',
        )
    if not columns:
        raise DataError("The frame has no columns.", expected="Columns by name.", mend="Put columns into it.")
    digest = hashlib.sha256()
    for name, values in columns.items():
        digest.update(name.encode())
        digest.update("\0".join(map(str, values.tolist())).encode() if values.dtype == object else values.tobytes())
    size = sum(values.nbytes for values in columns.values())
    return Table(columns, None, Source("a frame in memory", digest.hexdigest(), size), tuple(notes))


def _from_arrays(frame: Any) -> tuple[dict[str, np.ndarray], list[Note]]:
    notes: list[Note] = []
    given = list(frame.items())
    arrays = [_column_array(values) for _, values in given]
    lengths = sorted({len(values) for values in arrays})
    if len(lengths) > 1:
        raise DataError(
            f"The columns have different lengths ({lengths[0]} to {lengths[-1]}).",
            expected="One value for each row in each column.",
            mend="Give all columns the same length.",
        )
    names = numbered([str(name) for name, _ in given], notes)
    columns, more = _meant(dict(zip(names, arrays, strict=True)))
    return columns, [*notes, *more]


def _column_array(values: Any) -> np.ndarray:
    """A column of any kind as float64, datetime64[us] or words."""
    kind = getattr(getattr(values, "dtype", None), "kind", "O")
    if kind in "iuf" and hasattr(values, "to_numpy"):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    array = np.asarray(values) if kind in "iufbM" and not hasattr(values, "tz_localize") else None
    if kind == "M":
        naive = values.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(values.dtype, "tz", None) else values
        return np.asarray(naive).astype("datetime64[us]")
    if array is not None and kind in "iuf":
        return array.astype(np.float64)
    return _from_objects(values.tolist() if hasattr(values, "tolist") else list(values))


def _is_nothing(value: Any) -> bool:
    """Whether a Python value is None, NaN, or what pandas puts in their place (which can't be compared)."""
    return (
        value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)
    )


def _from_objects(values: list[Any]) -> np.ndarray:
    """Python values as numbers or moments if all of them are, as words otherwise."""
    import datetime
    import numbers

    present = [v for v in values if not _is_nothing(v)]
    if present and all(isinstance(v, numbers.Real) and not isinstance(v, (bool, np.bool_)) for v in present):
        return np.array([np.nan if _is_nothing(v) else float(v) for v in values])
    if present and all(isinstance(v, datetime.date) for v in present):
        return np.array([None if _is_nothing(v) else v for v in values], dtype="datetime64[us]")
    return meanings.tidy(values)
