"""A table: columns of numbers, dates and words, read from whatever file or frame holds them.

Text files are read by DuckDB (which names the lines it rejects) under a dialect that `lamina.data.dialect` finds;
Parquet and JSON lines by DuckDB alone; ARFF by liac-arff; Arrow and Feather files by arro3 or pyarrow; frames through
the Arrow PyCapsule interface.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import numbers
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lamina.data import dialect as dialects
from lamina.data import words as meanings
from lamina.data.delimited import read_delimited
from lamina.data.examples import Note, Source
from lamina.data.relation import connected, meant, numbered, on_disk, quoted, relation_columns
from lamina.data.tablefile import TableFile, open_table_file
from lamina.errors import DataError

_ARFF_DATA = re.compile(r"(?im)^([ \t]*@data\b)")
_FILL = "Write names and rows into it, or name another file; sample:penguins is always there."


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
        return _checked(_read_bytes(open_table_file(os.fspath(source)), header))
    if isinstance(source, (bytes, bytearray)) or hasattr(source, "read"):
        data = bytes(source) if isinstance(source, (bytes, bytearray)) else source.read()
        data = data.encode() if isinstance(data, str) else data
        return _checked(_read_bytes(TableFile("standard input", "", data), header))
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


def _read_bytes(file: TableFile, header: bool | None) -> Table:
    inner = file.unpacked()
    data = inner.data
    if not data.strip():
        raise DataError(f"{file.name} is empty.", expected="A table with names of columns and rows.", mend=_FILL)
    readers: dict[str, Callable[[], _Parts]] = {
        "text": lambda: read_delimited(data, inner.path, header),
        "parquet": lambda: _read_parquet(data, inner.path),
        "jsonl": lambda: _read_json_lines(data),
        "arff": lambda: _read_arff(data),
        "arrow": lambda: _read_arrow(data),
    }
    try:
        columns, lines, notes = readers[inner.kind]()
    except DataError as error:
        raise DataError(f"{file.name}: {error.given}", expected=error.expected, mend=error.mend) from error
    return Table(columns, lines, file.source, tuple(notes))


_Parts = tuple[dict[str, np.ndarray], np.ndarray | None, list[Note]]


# ---- one reader a kind --------------------------------------------------------------------------------------------


def _read_parquet(data: bytes, path: Path | None) -> _Parts:
    with on_disk(data, path) as place, connected() as connection:
        columns, notes = relation_columns(connection, f"read_parquet({quoted(place)})")
    return columns, None, notes


def _read_json_lines(data: bytes) -> _Parts:
    text, encoding = dialects.decode(data)
    notes = [] if encoding == "UTF-8" else [Note("encoding", f"The file is written in {encoding}.")]
    lines = np.array([i + 1 for i, line in enumerate(text.split("\n")) if line.strip()], dtype=np.int64)
    options = "format='newline_delimited', ignore_errors=true, sample_size=-1, maximum_depth=1"
    with on_disk(text.encode(), None) as place, connected() as connection:
        columns, column_notes = relation_columns(connection, f"read_json({quoted(place)}, {options})")
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
    head, mark, body = _ARFF_DATA.split(text, maxsplit=1) if _ARFF_DATA.search(text) else (text, "", "")
    try:
        content = arff.load(io.StringIO(head.replace("\t", " ") + mark + body), return_type=arff.DENSE_GEN)
        names = [str(name) for name, _ in content["attributes"]]
        rows = list(content["data"])
    except (arff.ArffException, ValueError) as error:  # ValueError: @relation or @attribute without a name
        raise DataError(
            f"the ARFF can't be read: {_said_by(error)}",
            expected="ARFF with one row a line.",
            mend="Correct or remove that line.",
        ) from error
    cells = zip(*rows, strict=True) if rows else ([] for _ in names)
    notes: list[Note] = []
    columns = dict(zip(numbered(names, notes), map(_column_array, cells), strict=True))
    columns, column_notes = meant(columns)
    return columns, _arff_lines(text, len(rows)), [*notes, *column_notes]


def _said_by(error: Exception) -> str:
    """What an error of the ARFF reader says: one that holds "%" can't be turned into text by it."""
    try:
        return str(error)
    except (ValueError, TypeError):
        return f"{type(error).__name__}: {getattr(error, 'message', '')}".rstrip(": ")


def _arff_lines(text: str, rows: int) -> np.ndarray | None:
    lines = text.split("\n")
    begin = next(i for i, line in enumerate(lines) if line.strip().lower().startswith("@data"))
    kept = [i + 1 for i, line in enumerate(lines) if i > begin and line.strip() and not line.lstrip().startswith("%")]
    return np.array(kept, dtype=np.int64) if len(kept) == rows else None


def _read_arrow(data: bytes) -> _Parts:
    stream = _arrow_stream(data)
    with connected() as connection:
        connection.register("frame", stream)
        columns, notes = relation_columns(connection, "frame")
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


# ---- frames in memory ---------------------------------------------------------------------------------------------


def _read_frame(frame: Any) -> Table:
    """The table of a dict of arrays, a pandas frame, or anything with Arrow's PyCapsules (polars, pyarrow)."""
    if isinstance(frame, Mapping) or (hasattr(frame, "iloc") and hasattr(frame, "columns")):
        columns, notes = _from_arrays(frame)
    elif hasattr(frame, "__arrow_c_stream__"):
        with connected() as connection:
            connection.register("frame", _Capsule(frame))
            columns, notes = relation_columns(connection, "frame")
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
    columns, more = meant(dict(zip(names, arrays, strict=True)))
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
    present = [v for v in values if not _is_nothing(v)]
    if present and all(isinstance(v, numbers.Real) and not isinstance(v, (bool, np.bool_)) for v in present):
        return np.array([np.nan if _is_nothing(v) else float(v) for v in values])
    if present and all(isinstance(v, datetime.date) for v in present):
        return np.array([None if _is_nothing(v) else v for v in values], dtype="datetime64[us]")
    return meanings.tidy(values)
