"""A schema: what each column of a table is, and whether a network learns from it."""

from __future__ import annotations

import dataclasses
import difflib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from lamina.data.examples import Note, plain
from lamina.data.table import Table
from lamina.data.words import match_key, meaning, number_text, texts
from lamina.errors import DataError, OptionError, SchemaError, TargetError

Kind = Literal["number", "category", "datetime", "boolean", "text", "identifier", "constant"]
Role = Literal["feature", "target", "left out", "group"]

KINDS: tuple[Kind, ...] = ("number", "category", "datetime", "boolean", "text", "identifier")
"""The kinds that ``--types COLUMN=KIND`` takes."""

_FEW = 10  # so many different words are categories even in a small table
_REPEATS = 3  # otherwise each word must occur this often on average
_MOST = 2000
_ID_NAME = re.compile(r"(^|[\W_])(ids?|index|idx|rownames?|row|key|uuid|guid|number|no|nr|instant)$", re.I)
_CAMEL_ID = re.compile(r"[a-z](Id|ID)$")
_TIME_NAME = re.compile(r"(^|[\W_])(year|yr|month|week|day|date|time|hour|age)s?($|[\W_])", re.I)
_BARS = 20


@dataclass(frozen=True)
class Column:
    """One column: its kind, whether it is learnt from, and what is known of its values.

    ``position`` counts the file's columns from 0. ``categories`` are the words of a category column in their stable
    order (numbers by size, words by alphabet). ``note`` says why a column is left out. ``statistics`` are JSON-ready
    values for the report: quantiles and a histogram of numbers, the top values of categories, the first and last
    moment of dates, examples of text.
    """

    name: str
    kind: Kind
    role: Role
    position: int
    categories: tuple[str, ...] = ()
    missing: int = 0
    distinct: int = 0
    note: str = ""
    statistics: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Schema:
    """The columns of a table, in the order of its file, the target's name (None: none named) and the number of rows."""

    columns: tuple[Column, ...]
    target: str | None
    rows: int

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that a network learns from."""
        return tuple(column for column in self.columns if column.role == "feature")

    @property
    def header(self) -> bool:
        """Whether the file named its columns; a file to predict must then do the same."""
        return not all(column.name == f"column {column.position + 1}" for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of this name; SchemaError with the nearest names otherwise."""
        for column in self.columns:
            if column.name == name:
                return column
        raise SchemaError(**_no_column(name, [column.name for column in self.columns]))

    def notes(self) -> tuple[Note, ...]:
        """What to say of columns that are left out."""
        left = [c for c in self.columns if c.role == "left out" and c.note]
        return tuple(Note(f"left-out-{c.kind}", f'Column "{c.name}" is left out: {c.note}.') for c in left)

    def to_json(self) -> dict[str, Any]:
        """The schema as JSON-ready values, from which `from_json` makes an equal one."""
        return plain(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Schema:
        """The schema that `to_json` wrote.

        >>> schema = Schema((Column("a", "number", "feature", 0),), None, 3)
        >>> Schema.from_json(schema.to_json()) == schema
        True
        """
        columns = (Column(**{**column, "categories": tuple(column["categories"])}) for column in data["columns"])
        return Schema(tuple(columns), data["target"], data["rows"])


def infer_schema(
    table: Table, *, target: str | None = None, types: Mapping[str, str] | None = None, drop: Sequence[str] = ()
) -> Schema:
    """What each column is. ``types`` overrides kinds by column name, ``drop`` names columns to leave out.

    Raises DataError if no column is left to learn from, OptionError for a type or column that doesn't exist.

    >>> from lamina.data.table import read_table
    >>> schema = infer_schema(read_table("sample:penguins"), target="species")
    >>> [(column.name, column.kind) for column in schema.features][:3]
    [('island', 'category'), ('bill_length_mm', 'number'), ('bill_depth_mm', 'number')]
    """
    types = dict(types or {})
    _check_types(table, types, drop)
    if target is not None and "target" in types and "target" not in table.columns:
        types[target] = types.pop("target")
    columns = []
    for position, (name, values) in enumerate(table.columns.items()):
        column = describe(name, values, position, kind=types.get(name), table=table)
        columns.append(_with_role(column, target, name in drop, name in types))
    schema = Schema(tuple(columns), target, len(table))
    if not schema.features:
        reasons = "; ".join(f"{c.name}: {c.note}" for c in columns if c.note)
        raise DataError(
            f"No column is left to learn from ({reasons}).",
            expected="At least one column of numbers, categories or dates that varies.",
            mend=_keeping(columns),
        )
    return schema


def _keeping(columns: Sequence[Column]) -> str:
    """How to learn from a table of which no column is learnt from: by one that is left out and could be used."""
    for column in columns:
        if column.role == "left out" and column.kind in ("identifier", "text"):
            return f"--types {_typed(column.name, 'number' if 'minimum' in column.statistics else 'category')}"
    return "Add a column whose values differ, or drop fewer columns."


def _check_types(table: Table, types: Mapping[str, str], drop: Sequence[str]) -> None:
    for name in (*types, *drop):
        if name not in table.columns and not (name == "target" and name in types):
            raise OptionError(**_no_column(name, table.names))
    for name, kind in types.items():
        if kind not in KINDS:
            near = (difflib.get_close_matches(kind, KINDS, n=1) or ["category"])[0]
            raise OptionError(
                f'"{kind}" is no type of column.', expected=", ".join(KINDS), mend=f"--types {name}={near}"
            )


def nearest(name: str, names: Sequence[str]) -> list[str]:
    """Up to three names that one mistyped could be, whatever their case, the likeliest first.

    >>> nearest("FARES", ["age", "Fare", "sex"])[:1]
    ['Fare']
    """
    folded = {each.lower(): each for each in names}
    return [folded[near] for near in difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.4)]


def _no_column(name: str, names: Sequence[str]) -> dict[str, str]:
    near = nearest(name, names)
    return {
        "given": f'There is no column "{name}".',
        "expected": "One of " + ", ".join(names[:30]) + (" ..." if len(names) > 30 else "."),
        "mend": f"Did you mean {' or '.join(near)}?" if near else "Choose one of these names.",
    }


def _with_role(column: Column, target: str | None, dropped: bool, chosen: bool) -> Column:
    if column.name == target:
        return dataclasses.replace(column, role="target", note="")
    if dropped:
        return dataclasses.replace(column, role="left out", note="dropped, as asked")
    if column.kind in ("text", "identifier", "constant"):
        note = "as asked" if chosen and column.kind != "constant" else column.note
        return dataclasses.replace(column, role="left out", note=note)
    return column


def describe(
    name: str, values: np.ndarray, position: int, *, kind: str | None = None, table: Table | None = None
) -> Column:
    """One column's kind and statistics. ``kind`` overrides what would be found; DataError if the values don't admit it.

    >>> describe("x", np.array([1.0, 2.5, np.nan]), 0).kind
    'number'
    """
    note = ""
    if kind is None:
        found, note = _kind(name, values, position)
    else:
        found = kind  # checked by the caller against KINDS
        values = cast(values, found, name=name, table=table)
    if found == "category":
        return _category_column(name, texts(values), position, note)
    counts = _counts(values)
    statistics = _statistics(values, counts)
    missing = len(values) - sum(counts.values()) if counts else len(values) - not_missing(values).size
    distinct = len(counts) if counts else len(np.unique(not_missing(values)))
    return Column(name, found, "feature", position, (), int(missing), int(distinct), note, statistics)  # pyright: ignore[reportArgumentType]


def _kind(name: str, values: np.ndarray, position: int) -> tuple[str, str]:
    """The kind of a column by its values, and why it is left out if it is."""
    present = not_missing(values)
    if not len(present):
        return "constant", "all its values are missing"
    first = present[0]
    if np.all(present == first) and len(present) == len(values):
        return "constant", f"all its values are {_shown(first)}"
    if values.dtype.kind == "M":
        return "datetime", ""
    if values.dtype.kind == "f":
        if is_row_number(name, values, position):
            return (
                "identifier",
                f"every row has another whole number, like a row number; --types {_typed(name, 'number')} keeps it",
            )
        return "number", ""
    return _word_kind(name, present, len(values))


def _word_kind(name: str, present: np.ndarray, rows: int) -> tuple[str, str]:
    distinct = set(present.tolist())
    if distinct <= {"true", "false"}:
        return "boolean", ""
    count = len(distinct)
    if count == rows and rows > 2:
        return "identifier", f"every row has another text; --types {_typed(name, 'category')} keeps it"
    enough = count <= len(present) / _REPEATS and count <= _MOST
    if enough or (count <= _FEW and count < len(present)):
        return "category", ""
    many = f"{count:,} different texts in {len(present):,} rows"
    return "text", f"{many}; text is not learnt from yet, --types {_typed(name, 'category')} tries"


def _typed(name: str, kind: str) -> str:
    return shlex.quote(f"{name}={kind}")


def is_row_number(name: str, values: np.ndarray, position: int) -> bool:
    """Whether whole numbers only number the rows: each occurs once, and they run on, rise in the first column, or are
    called an id.

    >>> is_row_number("n", np.arange(20.0), 3), is_row_number("weight", np.array([70.0, 82, 64]), 3)
    (True, False)
    """
    if values.dtype.kind != "f" or len(values) < 3 or np.isnan(values).any() or np.any(values != np.floor(values)):
        return False
    if len(np.unique(values)) != len(values):
        return False
    called = bool(_ID_NAME.search(name)) or bool(_CAMEL_ID.search(name))
    if called or _TIME_NAME.search(name):
        return called
    runs_on = values.max() - values.min() == len(values) - 1
    return bool(runs_on and len(values) >= 10) or bool(
        position == 0 and len(values) >= 10 and np.all(np.diff(values) > 0)
    )


def not_missing(values: np.ndarray) -> np.ndarray:
    """The values of a column that are there, in their order."""
    if values.dtype == object:
        return values[values != np.array(None)]
    return values[~np.isnat(values)] if values.dtype.kind == "M" else values[~np.isnan(values)]


def _shown(value: Any) -> str:
    return number_text(float(value)) if isinstance(value, (float, np.floating)) else str(value)


def cast(values: np.ndarray, kind: str, *, name: str, table: Table | None = None) -> np.ndarray:
    """A column as its kind wants it: float64 for numbers, datetime64[us] for dates, words for the rest, however it
    was read.

    SchemaError names the column, the line and the value if a word doesn't fit.

    >>> cast(np.array(["3", None], dtype=object), "number", name="a").tolist()
    [3.0, nan]
    """
    if kind == "number" and values.dtype.kind != "f":
        return _cast_words(texts(values), "f", ("a number", "number"), name, table)
    if kind == "datetime" and values.dtype.kind != "M":
        return _cast_words(texts(values), "M", ("a date or time, such as 2024-05-31", "datetime"), name, table)
    if kind == "boolean":
        return _truths(texts(values), name, table)
    return texts(values) if kind in ("category", "text", "identifier") else values


_TRUTHS = {"true": "true", "1": "true", "yes": "true", "y": "true", "t": "true"} | {
    "false": "false", "0": "false", "no": "false", "n": "false", "f": "false"
}  # fmt: skip


def _truths(words: np.ndarray, name: str, table: Table | None) -> np.ndarray:
    out = np.array([None if w is None else _TRUTHS.get(w.lower(), "") for w in words.tolist()], dtype=object)
    wrong = np.flatnonzero(out == "")
    if len(wrong):
        raise _misfit(words, int(wrong[0]), ("true or false", "boolean"), name, table)
    return out


def _cast_words(words: np.ndarray, wanted: str, called: tuple[str, str], name: str, table: Table | None) -> np.ndarray:
    """Words as numbers ("f") or moments ("M"): the whole column, or word by word to find the one that doesn't fit."""
    nothing = np.full(len(words), np.nan) if wanted == "f" else np.full(len(words), "NaT", dtype="datetime64[us]")
    present = np.flatnonzero(words != np.array(None))
    if not len(present):
        return nothing
    whole = meaning(words, name=name)[0]
    if whole.dtype.kind == wanted:
        return whole
    for row in present:
        alone = meaning(words[row : row + 1], name=name)[0]
        if wanted == "f" and alone.dtype == object:  # codes such as 007 are numbers where numbers are wanted
            alone = _number_or_word(words[row])
        if alone.dtype.kind != wanted:
            raise _misfit(words, int(row), called, name, table)
        nothing[row] = alone[0]
    return nothing


def _number_or_word(word: str) -> np.ndarray:
    key = match_key(word)
    return np.array([float(key)]) if key.lstrip("+-").isdigit() else np.array([word], dtype=object)


def _misfit(words: np.ndarray, row: int, called: tuple[str, str], name: str, table: Table | None) -> SchemaError:
    where = f"row {row + 1}" if table is None else table.row_name(row)
    return SchemaError(
        f'Column "{name}" holds "{words[row]}" in {where}.',
        expected=f"{called[0]}, as in the rest of the column ({called[1]}), or an empty cell.",
        mend=f"Correct this cell, or empty it if the value is unknown ({where}).",
    )


# ---- statistics ---------------------------------------------------------------------------------------------------


def _counts(values: np.ndarray) -> dict[str, int]:
    """How often each word occurs; empty for numbers and dates."""
    if values.dtype != object:
        return {}
    counts: dict[str, int] = {}
    for word in values.tolist():
        if word is not None:
            counts[word] = counts.get(word, 0) + 1
    return counts


def _category_column(name: str, words: np.ndarray, position: int, note: str) -> Column:
    """A category column; spellings that mean the same number ("3", "3.0") are one category."""
    counts = _counts(words)
    merged: dict[str, tuple[str, int]] = {}
    for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        key = match_key(word)
        first, before = merged.get(key, (word, 0))
        merged[key] = (first, before + count)
    categories = tuple(sorted((word for word, _ in merged.values()), key=category_order))
    statistics = _tops(dict(merged.values()))
    missing = len(words) - sum(counts.values())
    return Column(name, "category", "feature", position, categories, missing, len(categories), note, statistics)


def category_order(word: str) -> tuple[int, float, str]:
    """The sorting key of categories and classes: numbers by size, then words by alphabet.

    >>> sorted(["b", "10", "9", "a"], key=category_order)
    ['9', '10', 'a', 'b']
    """
    try:
        return 0, float(match_key(word)), word
    except ValueError:
        return 1, 0.0, word


def _statistics(values: np.ndarray, counts: Mapping[str, int]) -> dict[str, Any]:
    present = not_missing(values)
    if not len(present):
        return {}
    if values.dtype.kind == "f":
        return _number_statistics(present)
    if values.dtype.kind == "M":
        has_time = bool(np.any(present != present.astype("datetime64[D]").astype(present.dtype)))
        return {"first": str(present.min()), "last": str(present.max()), "has_time": has_time}
    return _tops(counts)


def _number_statistics(present: np.ndarray) -> dict[str, Any]:
    names = ("minimum", "q25", "median", "q75", "maximum")
    quantiles = np.quantile(present, (0.0, 0.25, 0.5, 0.75, 1.0)).tolist()
    with np.errstate(over="ignore"):
        spread = {"mean": float(present.mean()), "deviation": float(present.std())}
    return {**dict(zip(names, quantiles, strict=True)), **_finite(spread), "histogram": _histogram(present)}


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if np.isfinite(value) else None for name, value in values.items()}


def _histogram(present: np.ndarray) -> dict[str, list[float] | list[int]]:
    low, high = float(present.min()), float(present.max())
    if not np.isfinite(high - low) or low == high:
        return {"edges": [low, high], "counts": [len(present)]}
    counts, edges = np.histogram(present, bins=_BARS, range=(low, high))
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _tops(counts: Mapping[str, int]) -> dict[str, Any]:
    top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10]
    return {"top": [[word[:200], count] for word, count in top]}


def find_column(names: Sequence[str], wanted: str) -> str:
    """A column by its name or its position from 1 ("3"; "-1" is the last); TargetError with the nearest names
    otherwise.

    >>> find_column(["a", "b", "c"], "-1"), find_column(["a", "b", "c"], "2")
    ('c', 'b')
    """
    if wanted in names:
        return wanted
    if re.fullmatch(r"[+-]?\d+", wanted):
        position = int(wanted)
        if 0 < abs(position) <= len(names):
            return names[position - 1 if position > 0 else position]
        raise TargetError(
            f"There is no column {wanted}: the table has {len(names)}.",
            expected=f"1 to {len(names)}, or -1 to -{len(names)} from the end.",
            mend="--target -1",
        )
    folded = [name for name in names if name.strip().lower() == wanted.strip().lower()]
    if len(folded) == 1:
        return folded[0]
    raise TargetError(**_no_column(wanted, names))
