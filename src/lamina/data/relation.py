"""Relations: whatever DuckDB can select from, as columns of numbers, dates and words."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.data import words as meanings
from lamina.data.examples import Note
from lamina.data.tablefile import EXPECTED
from lamina.errors import DataError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"
"""What is trimmed from cells, as SQL."""
_NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*|BIGNUM")
_MISSING_LIST = ", ".join(f"'{word}'" for word in meanings.MISSING)
_ISO = r"\d{4}-\d{1,2}-\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?"
_NUMBER_COUNT = "count(try_cast({word} AS DOUBLE)) FILTER (NOT contains({word}, '_'))"
_MOMENT_COUNT = "count(try_cast({word} AS TIMESTAMP)) FILTER (regexp_full_match({word}, '" + _ISO + "'))"


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


@contextmanager
def on_disk(content: bytes, path: Path | None) -> Iterator[str]:
    """The content as a file that DuckDB can read: the file itself, or a copy that is gone afterwards."""
    if path is not None:
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="lamina-") as folder:
        copy = Path(folder) / "table"
        copy.write_bytes(content)
        yield str(copy)


@contextmanager
def connected() -> Iterator[DuckDBPyConnection]:
    """A database in memory; what DuckDB can't read in the block is a DataError."""
    import duckdb

    offline: dict[str, str | bool | int | float | list[str]] = {"autoinstall_known_extensions": "false"}
    with duckdb.connect(":memory:", config=offline) as connection:
        try:
            yield connection
        except duckdb.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise DataError(
                f"The content can't be read as a table ({reason}).",
                expected=EXPECTED,
                mend="Check that the extension says what the file is.",
            ) from error


def quoted(text: str) -> str:
    """A text as SQL writes it.

    >>> print(quoted("it's"))
    'it''s'
    """
    return "'" + text.replace("'", "''") + "'"


def relation_columns(connection: DuckDBPyConnection, relation: str) -> tuple[dict[str, np.ndarray], list[Note]]:
    """The columns of anything DuckDB can select from, each by the type it has there."""
    described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    selected = [_as_known(row[0], row[1], i) for i, row in enumerate(described)]
    connection.execute(f"CREATE TABLE cells AS SELECT {', '.join(selected)} FROM {relation}")
    notes: list[Note] = []
    names = numbered([row[0] for row in described], notes)
    columns, more = typed_columns(connection, names, ",")
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
        column = f"trim({column}, {BLANKS})"
    return f"{column} AS c{position}"


def typed_columns(
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
    columns, notes = meant(columns, decimal_comma=delimiter != ",")
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


def meant(columns: dict[str, np.ndarray], *, decimal_comma: bool = False) -> tuple[dict[str, np.ndarray], list[Note]]:
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
