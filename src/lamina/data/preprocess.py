"""Preprocessing: a table as one float32 array, fitted on training rows, of one shape in every fold.

Numbers are scaled as in Holzmueller et al., "Better by default: strong pre-tuned MLPs and boosted trees on tabular
data" (2024, arXiv 2407.04491), section 3: the median to 0, the quartiles one apart, and what lies far out bent in
smoothly, so that no outlier flattens a column or leaves the range of -3 to 3.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lamina.data.examples import Note, plain
from lamina.data.schema import Column, Schema, cast
from lamina.data.table import Table
from lamina.data.words import match_key
from lamina.errors import ModelFileError, SchemaError

UNSEEN, MISSING, FIRST = 0, 1, 2
"""Category codes: a word that training did not see, no word, and the schema's first category."""

_FORMAT = 1
_DAY = np.timedelta64(1, "D")
_YEAR_PARTS = ("year", "days", "month sin", "month cos", "weekday sin", "weekday cos")
_TIME_PARTS = ("hour sin", "hour cos")
_PERIODIC = (" sin", " cos")


@dataclass(frozen=True)
class Feature:
    """What preprocessing needs to know of one column.

    ``indicator`` says that the training table had missing values, so that being missing is a number of its own;
    ``first`` is the day from which the days of a date column are counted; ``has_time`` whether its times differ from
    midnight.
    """

    name: str
    kind: Literal["number", "category", "datetime", "boolean"]
    indicator: bool = False
    categories: tuple[str, ...] = ()
    first: str = ""
    has_time: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the numbers that the column becomes; none for a category.

        >>> Feature("age", "number", indicator=True).outputs
        ('age', 'age is missing')
        """
        if self.kind == "category":
            return ()
        parts = (*_YEAR_PARTS, *(_TIME_PARTS if self.has_time else ())) if self.kind == "datetime" else ()
        names = tuple(f"{self.name} {part}" for part in parts) or (self.name,)
        return (*names, f"{self.name} is missing") if self.indicator else names


def _feature(column: Column) -> Feature:
    first, has_time = column.statistics.get("first", ""), column.statistics.get("has_time", False)
    kind: Any = column.kind
    return Feature(column.name, kind, column.missing > 0, column.categories, first[:10], has_time)


@dataclass(frozen=True)
class TablePreprocessing:
    """A table as float32 [rows, numbers + categories]: first the scaled numbers and indicators, then category codes.

    Fit it with `fit`. ``center`` and ``scale`` are per number (indicators and circular parts keep 0 and 1); ``seen``
    says for each category column which of the schema's categories the training rows had: the others get the code of
    unseen words. ``columns`` are all the columns of the training file and ``target`` is its target: at prediction
    neither is a surprise.

    >>> from lamina.data.schema import infer_schema
    >>> from lamina.data.table import read_table
    >>> table = read_table("sample:penguins")
    >>> prepare = TablePreprocessing.fit(infer_schema(table, target="species"), table)
    >>> prepare.transform(table).shape, prepare.numbers, prepare.cardinalities
    ((344, 11), 9, (5, 4))
    """

    features: tuple[Feature, ...]
    columns: tuple[str, ...]
    target: str | None
    center: tuple[float, ...]
    scale: tuple[float, ...]
    seen: tuple[tuple[bool, ...], ...]

    @staticmethod
    def fit(schema: Schema, table: Table, rows: Sequence[int] | np.ndarray | None = None) -> TablePreprocessing:
        """Preprocessing whose numbers come from these rows of the table only (None: all)."""
        features = tuple(_feature(column) for column in schema.features)
        names = tuple(column.name for column in schema.columns)
        blank = TablePreprocessing(features, names, schema.target, (), (), ())
        part = Table({f.name: table.columns[f.name] for f in features if f.name in table.columns}, table.lines)
        part = part if rows is None else part.take(rows)
        center, scale, seen = [], [], []
        for feature in features:
            values = cast(blank._values(part, feature.name), feature.kind, name=feature.name, table=part)
            if feature.kind == "category":
                seen.append(_seen(values, feature))
                continue
            for name, numbers in zip(feature.outputs, _numbers(values, feature), strict=True):
                middle, width = (0.0, 1.0) if _kept(name, feature) else _robust(numbers)
                center.append(middle)
                scale.append(width)
        return dataclasses.replace(blank, center=tuple(center), scale=tuple(scale), seen=tuple(seen))

    @property
    def numbers(self) -> int:
        """How many of the output's columns are numbers (they come first)."""
        return sum(len(feature.outputs) for feature in self.features)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """How many codes each category column can have: unseen, missing and the schema's categories."""
        return tuple(FIRST + len(feature.categories) for feature in self._categorical)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the output's columns."""
        numbers = (name for feature in self.features for name in feature.outputs)
        return (*numbers, *(feature.name for feature in self._categorical))

    @property
    def _categorical(self) -> tuple[Feature, ...]:
        return tuple(feature for feature in self.features if feature.kind == "category")

    def transform(self, table: Table) -> np.ndarray:
        """The table as float32 [rows, numbers + categories].

        Columns may have been read as another type than in training, as long as each value fits: SchemaError names the
        column, the line and the value of the first that doesn't, or the column that isn't there. Columns that
        training did not know are ignored.
        """
        table = self._aligned(table)
        out = np.empty((len(table), self.numbers + len(self._categorical)), dtype=np.float32)
        number, category = 0, self.numbers
        for feature in self.features:
            values = cast(self._values(table, feature.name), feature.kind, name=feature.name, table=table)
            if feature.kind == "category":
                out[:, category] = _codes(values, feature, self.seen[category - self.numbers])
                category += 1
                continue
            for name, numbers in zip(feature.outputs, _numbers(values, feature), strict=True):
                plainly = _kept(name, feature)
                out[:, number] = numbers if plainly else _bent(numbers, self.center[number], self.scale[number])
                number += 1
        return out

    def notes(self, table: Table) -> tuple[Note, ...]:
        """What to say of a table to predict: columns that are ignored, and words that training did not see."""
        table = self._aligned(table)
        extra = [name for name in table.names if name not in self.columns]
        notes = (
            [Note("extra-columns", f"Ignored, as training had no such column: {', '.join(extra)}.")] if extra else []
        )
        for feature, seen in zip(self._categorical, self.seen, strict=True):
            values = cast(self._values(table, feature.name), "category", name=feature.name)
            unseen = values[_codes(values, feature, seen) == UNSEEN]
            if len(unseen):
                words = ", ".join(f'"{word}"' for word in list(dict.fromkeys(unseen.tolist()))[:5])
                text = f'Column "{feature.name}" has {len(unseen):,} values that training did not see, such as {words}.'
                notes.append(Note("unseen-categories", text))
        return tuple(notes)

    def _aligned(self, table: Table) -> Table:
        """A table without names and without the target, its columns called by their positions in the training file."""
        unnamed = all(name == f"column {i + 1}" for i, name in enumerate(self.columns))
        others = [name for name in self.columns if name != self.target]
        if not unnamed or len(table.names) != len(others) or table.names != self.columns[: len(others)]:
            return table
        return dataclasses.replace(table, columns=dict(zip(others, table.columns.values(), strict=True)))

    def _values(self, table: Table, name: str) -> np.ndarray:
        if name not in table.columns:
            named = [column for column in self.columns if column != self.target]
            raise SchemaError(
                f'The table has no column "{name}", which the model was trained with.',
                expected=f"The columns {', '.join(named[:30])}{' ...' if len(named) > 30 else ''}.",
                mend=f'Add a column named "{name}"; its cells may be empty where the value is unknown.',
            )
        return table.columns[name]

    def to_json(self) -> dict[str, Any]:
        """The preprocessing as JSON-ready values; every number comes back exactly."""
        return {"format": _FORMAT, **plain(self)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> TablePreprocessing:
        """The preprocessing that `to_json` wrote; ModelFileError if it is of another format."""
        if data.get("format") != _FORMAT:
            raise ModelFileError(
                f"The preprocessing is of format {data.get('format')}.",
                expected=f"Format {_FORMAT}, which this version of Lamina writes.",
                mend="Open the model with the version of Lamina that wrote it.",
            )
        features = tuple(Feature(**{**f, "categories": tuple(f["categories"])}) for f in data["features"])
        seen = tuple(tuple(bool(s) for s in column) for column in data["seen"])
        center, scale = tuple(map(float, data["center"])), tuple(map(float, data["scale"]))
        return TablePreprocessing(features, tuple(data["columns"]), data["target"], center, scale, seen)


def _kept(name: str, feature: Feature) -> bool:
    """Whether a number is used as it is: indicators, truth and circular parts already are of size one."""
    circular = feature.kind == "datetime" and name.endswith(_PERIODIC)
    return feature.kind == "boolean" or circular or (feature.indicator and name == feature.outputs[-1])


def _numbers(values: np.ndarray, feature: Feature) -> list[np.ndarray]:
    """The numbers that a column becomes, NaN where missing (but 0 for what is used as it is), float64 [rows] each."""
    if feature.kind == "datetime":
        columns, missing = _date_parts(values, feature), np.isnat(values)
    elif feature.kind == "boolean":
        truth = {"true": 1.0, "false": -1.0, None: 0.0}
        columns = [np.array([truth[word] for word in values.tolist()])]
        missing = columns[0] == 0
    else:
        columns, missing = [values], np.isnan(values)
    return [*columns, missing.astype(np.float64)] if feature.indicator else columns


def _date_parts(values: np.ndarray, feature: Feature) -> list[np.ndarray]:
    missing = np.isnat(values)
    days = values.astype("datetime64[D]")
    months = values.astype("datetime64[M]")
    years = values.astype("datetime64[Y]")
    number = np.where(missing, np.nan, years.astype(np.int64) + 1970.0)
    since = np.where(missing, np.nan, (values - np.datetime64(feature.first)) / _DAY)
    month = (months - years.astype("datetime64[M]")).astype(np.float64) / 12
    weekday = ((days.astype(np.int64) + 3) % 7) / 7  # 1 January 1970 was a Thursday; Monday is 0
    circles = [month, weekday]
    if feature.has_time:
        circles.append((values - days.astype(values.dtype)) / _DAY)
    waves = [wave(2 * np.pi * np.where(missing, 0.0, circle)) for circle in circles for wave in (np.sin, np.cos)]
    return [number, since, *(np.where(missing, 0.0, wave) for wave in waves)]


def _robust(numbers: np.ndarray) -> tuple[float, float]:
    """The median, and one over the quartiles' distance (over half the extremes' if the quartiles are equal)."""
    present = numbers[np.isfinite(numbers)]
    if not len(present):
        return 0.0, 0.0
    low, q25, median, q75, high = np.quantile(present, (0.0, 0.25, 0.5, 0.75, 1.0)).tolist()
    spread = q75 - q25 if q75 > q25 else (high - low) / 2
    scale = 1 / spread if 0 < spread < np.inf else 0.0
    return median, scale if np.isfinite(scale) else 0.0


def _bent(numbers: np.ndarray, center: float, scale: float) -> np.ndarray:
    """Scaled numbers x as x / sqrt(1 + (x / 3)^2), missing ones as 0."""
    with np.errstate(over="ignore"):
        x = np.clip((numbers - center) * scale, -1e6, 1e6)
    return np.nan_to_num(x / np.sqrt(1 + (x / 3) ** 2), nan=0.0)


def _lookup(words: np.ndarray, places: Mapping[str, int]) -> np.ndarray:
    """The code of each word by its `match_key`, computed once for each different word."""
    codes = {
        word: MISSING if word is None else places.get(match_key(word), UNSEEN) for word in dict.fromkeys(words.tolist())
    }
    return np.fromiter((codes[word] for word in words.tolist()), dtype=np.int64, count=len(words))


def _codes(words: np.ndarray, feature: Feature, seen: Sequence[bool]) -> np.ndarray:
    places = {match_key(word): FIRST + i for i, word in enumerate(feature.categories) if seen[i]}
    return _lookup(words, places)


def _seen(words: np.ndarray, feature: Feature) -> tuple[bool, ...]:
    codes = _codes(words, feature, [True] * len(feature.categories))
    return tuple(bool(there) for there in np.isin(np.arange(len(feature.categories)) + FIRST, codes))
