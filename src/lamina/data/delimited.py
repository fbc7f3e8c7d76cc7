"""Delimited text (CSV, TSV and their like): read by DuckDB under the dialect that was found, each row with its line."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lamina.data import dialect as dialects
from lamina.data.examples import Note
from lamina.data.relation import BLANKS, connected, numbered, on_disk, quoted, typed_columns
from lamina.errors import DataError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def read_delimited(
    data: bytes, path: Path | None, header: bool | None
) -> tuple[dict[str, np.ndarray], np.ndarray | None, list[Note]]:
    """The columns of a text file, the lines its rows begin on (None if they can't be told), and what to say of it.

    ``path``: where the data stands on the disk as it is, so that DuckDB can read it there.

    >>> columns, lines, _ = read_delimited(b"a;b\\n1;x\\n2;y\\n", None, None)
    >>> columns["a"].tolist(), lines.tolist()
    ([1.0, 2.0], [2, 3])
    """
    text, encoding = dialects.decode(data)
    notes = [] if encoding == "UTF-8" else [Note("encoding", f"The file is written in {encoding}.")]
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    found = dialects.sniff(text, header=header)
    names, name_notes = _column_names(found)
    content = _from_first_row(text, found)
    before = len(data) - len(content)
    in_place = path is not None and found.begin == data.count(b"\n", 0, before) <= 1 and data.endswith(content)
    with on_disk(content, path if in_place else None) as place, connected() as connection:
        _load(connection, place, found, len(names), found.begin if in_place else 0)
        columns, column_notes = typed_columns(connection, names, found.delimiter)
        rejected = _rejected_lines(connection, content, before if in_place else 0) + found.begin
    lines, line_notes = _kept_lines(content, found, rejected, len(next(iter(columns.values()))))
    return columns, lines, [*notes, *_dialect_notes(found), *name_notes, *line_notes, *column_notes]


def _from_first_row(text: str, found: dialects.Dialect) -> bytes:
    """The text from its first data row on, as UTF-8, with cells that blanks align one blank apart."""
    start = 0
    for _ in range(found.begin):
        start = text.find("\n", start) + 1 or len(text)
    body = text[start:]
    return (_single_blanks(body) if found.delimiter == " " else body).encode()


def _single_blanks(text: str) -> str:
    """Each line with its cells one blank apart, for files that align their columns with several."""
    return "\n".join(" ".join(line.split()) for line in text.split("\n"))


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


def _dialect_notes(found: dialects.Dialect) -> list[Note]:
    called = {"\t": "a tab", ";": "a semicolon", "|": "a bar", " ": "blanks"}
    notes = []
    if found.delimiter in called and found.width > 1:
        notes.append(Note("delimiter", f"The cells are separated by {called[found.delimiter]}."))
    if found.comments:
        notes.append(Note("comment-lines", f"{found.comments} lines before the table begin with # and are left out."))
    return notes


def _load(connection: DuckDBPyConnection, place: str, found: dialects.Dialect, width: int, skip: int) -> None:
    """Loads the trimmed cells as columns c0, c1 ... of a table "cells", and the rejected rows as "reject_errors"."""
    types = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(width))
    trimmed = ", ".join(f"trim(c{i}, {BLANKS}) AS c{i}" for i in range(width))
    quote = quoted(found.quote)
    connection.execute(
        f"CREATE TABLE cells AS SELECT {trimmed} FROM read_csv({quoted(place)}, auto_detect=false, "
        f"delim={quoted(found.delimiter)}, quote={quote}, escape={quote}, header=false, skip={skip}, "
        f"columns={{{types}}}, compression='none', strict_mode=true, store_rejects=true, max_line_size=16777216)"
    )


def _rejected_lines(connection: DuckDBPyConnection, content: bytes, before: int) -> np.ndarray:
    """The content's lines on which rejected rows begin; DuckDB counts bytes from 1, with those before the content."""
    query = "SELECT DISTINCT line_byte_position FROM reject_errors ORDER BY 1"
    positions = [row[0] - 1 - before for row in connection.execute(query).fetchall()]
    ends = np.flatnonzero(np.frombuffer(content, dtype=np.uint8) == ord("\n"))
    return np.searchsorted(ends, positions) + 1


def _record_lines(content: bytes, quotes: bool) -> np.ndarray:
    """The line, from 1, that each record (a row with its quoted line ends) begins on; without blank ones."""
    raw = np.frombuffer(content, dtype=np.uint8)
    ends = np.flatnonzero(raw == ord("\n"))
    if not len(raw) or raw[-1] != ord("\n"):
        ends = np.append(ends, len(raw))
    closed = np.ones(len(ends), dtype=bool)
    if quotes and b'"' in content:  # a line end inside quotes has an odd number of them before it
        closed = np.searchsorted(np.flatnonzero(raw == ord('"')), ends) % 2 == 0
    numbers = np.flatnonzero(closed)
    if not len(raw) or not len(numbers):
        return np.empty(0, dtype=np.int64)
    starts = np.concatenate([[0], ends[numbers[:-1]] + 1])
    lengths = ends[numbers] - starts - (raw[np.maximum(ends[numbers] - 1, 0)] == ord("\r"))
    return (np.concatenate([[0], numbers[:-1] + 1]) + 1)[lengths > 0]


def _parsed_lines(content: bytes, found: dialects.Dialect) -> np.ndarray:
    """The same, by parsing: slower, but right where a quote stands inside an unquoted cell."""
    reader = csv.reader(io.StringIO(content.decode(), newline="\n"), delimiter=found.delimiter)
    lines, before = [], 0
    try:
        for record in reader:
            lines += [before + 1] if record else []
            before = reader.line_num
    except csv.Error:
        return np.empty(0, dtype=np.int64)
    return np.array(lines, dtype=np.int64)


def _kept_lines(
    content: bytes, found: dialects.Dialect, rejected: np.ndarray, rows: int
) -> tuple[np.ndarray | None, list[Note]]:
    """The line of each row that was read, and what to say of those that were not. The content begins with data."""
    if len(rejected) > max(rows, 1):
        raise DataError(
            f"{len(rejected)} of {len(rejected) + rows} rows don't have {found.width} cells.",
            expected="Rows of the same number of cells.",
            mend="Check the delimiter, and put cells that hold it in double quotes.",
        )
    notes = _ragged_notes(rejected, found) if len(rejected) else []
    lines = _record_lines(content, bool(found.quote)) + found.begin
    if len(lines) != rows + len(rejected) and found.quote:
        lines = _parsed_lines(content, found) + found.begin
    kept = lines[~np.isin(lines, rejected)]
    if len(kept) != rows:
        text = "The lines that the rows stand on can't be told; they are named by their number."
        return None, [*notes, Note("lines-unknown", text)]
    end = found.begin + content.rstrip(b"\n").count(b"\n") + 2
    several = int(np.sum(np.diff(lines, append=end) > 1)) if found.quote else 0
    if several:
        text = f"{several:,} rows stand over several lines (quoted line ends, blank lines)."
        notes.append(Note("quoted-newlines", text))
    return kept.astype(np.int64), notes


def _ragged_notes(lines: np.ndarray, found: dialects.Dialect) -> list[Note]:
    shown = ", ".join(str(line) for line in lines[:10]) + (" ..." if len(lines) > 10 else "")
    which = f"line {shown} doesn't" if len(lines) == 1 else f"{len(lines)} lines don't"
    text = f"Left out: {which} have {found.width} cells" + (f" (lines {shown})." if len(lines) > 1 else ".")
    return [Note("ragged-rows", text, matters=True)]
