"""How a text file writes its table: encoding, delimiter, quotes, the lines before the table, and whether it names its
columns.

DuckDB's own sniffer is not asked: it takes a file with a few ragged rows for one column, knows no blanks as
delimiter, and takes the first row of a table that is all text for names. What is found here is handed to DuckDB,
which then reads.
"""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lamina.data.words import is_missing, match_key
from lamina.errors import DataError

_DELIMITERS = (",", "\t", ";", "|", " ")
_SAMPLE = 1 << 20
_RECORDS = 1000


@dataclass(frozen=True)
class Dialect:
    """What there is to know before a text file can be read.

    ``begin`` lines stand before the first data row: blank ones, comments, and the names of the columns (``names`` is
    empty if the file has none). ``width`` is the number of cells of most rows.
    """

    delimiter: str
    quote: str
    begin: int
    width: int
    names: tuple[str, ...]
    comments: int = 0


def decode(data: bytes) -> tuple[str, str]:
    """The text of a file and the name of its encoding; DataError if it is no text.

    >>> decode("né".encode("latin-1"))
    ('né', 'Latin-1')
    >>> decode("é".encode("utf-16"))
    ('é', 'UTF-16')
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _decoded(data, "utf-16"), "UTF-16"
    head = data[:4096]
    if head.count(0) > len(head) // 4:  # UTF-16 without its mark: every other byte of plain letters is 0
        return _decoded(data, "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"), "UTF-16"
    if 0 in head:
        raise _binary()
    try:
        return data.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if sum(not c.isprintable() and c not in "\r\n\t\x0c" and not "\x80" <= c < "\xa0" for c in text[:4096]) > 40:
        raise _binary()
    return text, "Latin-1"


def _decoded(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _binary() from error
    if "\0" in text[:4096]:
        raise _binary()
    return text


def _binary() -> DataError:
    return DataError(
        "The file is not text: it holds bytes that no table of text has.",
        expected="A table as CSV, TSV, JSON lines, ARFF, Parquet or Arrow, or one of these as .gz.",
        mend="Save the table as CSV, or give the file the extension that says what it is (.parquet, .feather).",
    )


def sniff(text: str, *, header: bool | None = None) -> Dialect:
    """The dialect of a text, found from its first megabyte. ``header`` True or False says whether names come first.

    >>> sniff("a;b\\n1,5;x\\n2;y\\n").delimiter, sniff("a b\\n1 2\\n").names, sniff("1,2\\n3,4\\n").names
    (';', ('a', 'b'), ())
    """
    sample = text if len(text) <= _SAMPLE else text[: text.rfind("\n", 0, _SAMPLE) + 1]
    lines = [line + "\n" for line in sample.rstrip("\n").split("\n")]
    blank = _leading(lines, lambda line: not line.strip())
    comments = _leading(lines[blank:], lambda line: line.startswith("#"))
    lines = lines[blank + comments :]
    delimiter, quote, records = _best(lines)
    widths = Counter(len(record) for record in records)
    width = max(widths, key=lambda w: (widths[w], w))
    named = _names_first(records, width) if header is None else header
    names = tuple(cell.strip() for cell in records[0]) if named else ()
    begin = blank + comments + (_lines_of_first(lines, delimiter, quote) if named else 0)
    return Dialect(delimiter, quote, begin, width, names, comments)


def _lines_of_first(lines: Sequence[str], delimiter: str, quote: str) -> int:
    """How many lines the first row takes, with the blank ones before it."""
    reader = csv.reader(lines, delimiter=delimiter, **_quoting(quote))
    next((record for record in reader if any(cell.strip() for cell in record)), None)
    return reader.line_num


def _leading(lines: Sequence[str], belongs: Callable[[str], bool]) -> int:
    return sum(1 for _ in itertools.takewhile(belongs, lines))


def _best(lines: Sequence[str]) -> tuple[str, str, list[list[str]]]:
    """The delimiter and quote under which most rows have the same number of cells, and the rows read so."""
    best, best_score = (",", '"', _read(lines, ",", '"') or _read(lines, ",", "") or [[""]]), (0.0, 0)
    quotes = ('"', "") if any('"' in line for line in lines) else ('"',)
    for delimiter, quote in itertools.product(_DELIMITERS, quotes):
        records = _read(lines if len(quotes) == 2 else lines[:_RECORDS], delimiter, quote)
        score = _evenness(records)
        if records and score > best_score and (delimiter != " " or best_score[0] < 0.8):
            best, best_score = (delimiter, quote, records), score
    return best


def _read(lines: Sequence[str], delimiter: str, quote: str) -> list[list[str]] | None:
    """The sample's rows, or None if the quotes don't close where this dialect says they must."""
    joined = [" ".join(line.split()) for line in lines] if delimiter == " " else lines
    reader = csv.reader(joined, delimiter=delimiter, strict=True, skipinitialspace=True, **_quoting(quote))
    try:
        return [record for record in reader if any(cell.strip() for cell in record)]
    except csv.Error:
        return None


def _quoting(quote: str) -> dict[str, Any]:
    return {"quotechar": quote} if quote else {"quotechar": None, "quoting": csv.QUOTE_NONE}


def _evenness(records: list[list[str]] | None) -> tuple[float, int]:
    """The share of rows that have the most frequent number of cells (at least two), to the percent, and this number."""
    widths = Counter(len(record) for record in records or [] if len(record) > 1)
    if not widths or not records:
        return 0.0, 0
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    return round(count / len(records), 2), min(width, 2)


def _names_first(records: Sequence[Sequence[str]], width: int) -> bool:
    """Whether the first row names the columns: no numbers in it, and unlike what stands below it."""
    first, rest = records[0], [record for record in records[1:200] if len(record) == width]
    cells = [cell.strip() for cell in first]
    if any(_is_number(cell) for cell in cells) or any(cell and is_missing(cell) for cell in cells):
        return False
    if sum(cell == "" for cell in cells) > 1 or not rest:
        return sum(cell == "" for cell in cells) <= 1
    below = [[record[i].strip() for record in rest] for i in range(min(width, len(cells)))]
    if any(_mostly_numbers(column) for column in below):
        return True
    return not any(cell and cell in set(column) for cell, column in zip(cells, below, strict=False))


def _mostly_numbers(cells: Sequence[str]) -> bool:
    present = [cell for cell in cells if not is_missing(cell)]
    return bool(present) and sum(_is_number(cell) for cell in present) > 0.8 * len(present)


def _is_number(cell: str) -> bool:
    bare = match_key(cell.replace(",", "").removesuffix("%"))
    return bare.lstrip("+-")[:1].isdigit() and _floats(bare)


def _floats(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
