"""Series in a long table: a step a row, a column that says whose step it is, and one that says when."""

from __future__ import annotations

import dataclasses

import numpy as np

from lamina.data.examples import Note, Reading, Source
from lamina.data.ragged import Layout, Ragged, as_float32
from lamina.data.room import check_room
from lamina.data.schema import cast, find_column
from lamina.data.steps import in_order, merged, places, regular_step
from lamina.data.table import Table
from lamina.data.target import resolve_target
from lamina.data.value_columns import Roles, known_columns, value_columns
from lamina.data.words import match_key, texts
from lamina.errors import DataError, SchemaError

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))  # in seconds


def read_long(table: Table, reading: Reading) -> Ragged:
    """The series of a labelled long table, in the order in which they first occur in it.

    ``reading.series`` names the column of whose step a row is, ``reading.order`` that of when it was (none: the rows'
    order). Rows out of order are sorted, those of the same time averaged, steps that are missing against the regular
    one put in as missing values: all is counted in notes. The target, and the group, have one value in a series;
    DataError names the series where not.

    >>> table = Table({"who": np.array(["a", "a", "b"], object), "t": np.array([2.0, 1, 1]),
    ...     "x": np.array([5.0, 4, 3]), "y": np.array([1.0, 1, 0])})
    >>> [one.ravel().tolist() for one in read_long(table, Reading("y", series="who", order="t")).values]
    [[4.0, 5.0], [3.0]]
    """
    others = table.without(*(name for name in (reading.series, reading.order) if name))
    target, notes = resolve_target(table if reading.target else others, reading.target)
    roles = Roles.of(table, target, reading)
    columns, left_out = value_columns(table, roles.names, reading.types)
    table = dataclasses.replace(table, notes=(*table.notes, *notes, *left_out))
    layout = Layout("long", tuple(columns), target=target, series=roles.series, order=roles.order)
    return _series(table, columns, layout, roles.group)


def read_long_like(table: Table, layout: Layout, reading: Reading | None = None) -> Ragged:
    """The series of another long table, with the columns and the regular step of the ``layout``."""
    columns = known_columns(table, layout.channels)
    for name in (layout.series, layout.order):
        if name is not None and name not in table.columns:
            where = table.source.path if table.source else "The table"
            raise SchemaError(
                f'{where} has no column "{name}", which says {"whose" if name == layout.series else "when"} a step is.',
                expected="The columns that were trained on.",
                mend="Add the column.",
            )
    group = find_column(table.names, reading.group) if reading and reading.group else None
    return _series(table, columns, layout, group, like=True)


def _series(
    table: Table, columns: dict[str, np.ndarray], layout: Layout, group: str | None, *, like: bool = False
) -> Ragged:
    assert layout.series is not None
    times, dates = _times(table, layout.order)
    codes, kept, names, notes = _codes(table, layout.series, layout.order, times)
    values = np.stack(list(columns.values()), axis=1)[kept]
    labels, groups = (
        None if name not in table.columns else _one_each(codes, table.columns[name][kept], names, f'{what} "{name}"')
        for name, what in ((layout.target or "", "target"), (group or "", "group"))
    )
    ordered = _Ordered.of(codes, times[kept], values) if layout.order else _Ordered.as_they_stand(codes, values)
    step = layout.step if like or layout.order is None else regular_step(ordered.codes, ordered.times)
    source = table.source or Source("a frame in memory", "", 0)
    series, gap_notes = ordered.series(names, step, source.path, _named_step(step, dates))
    layout = dataclasses.replace(layout, step=step)
    groups = None if groups is None else texts(groups)
    notes = (*table.notes, *notes, *ordered.notes(layout.order, step), *gap_notes)
    return Ragged(series, labels, names, layout, source, None, groups, notes)


def _times(table: Table, order: str | None) -> tuple[np.ndarray, bool]:
    """When each row was, float64 (dates in seconds), NaN where that is missing; and whether these are dates."""
    if order is None:
        return np.arange(len(table), dtype=np.float64), False
    values = table.columns[order]
    if values.dtype == object:
        try:
            values = cast(values, "number", name=order, table=table)
        except SchemaError as error:
            raise DataError(
                f'The column "{order}" of the order holds text: {error.given}',
                expected="Dates, times or numbers that rise with time.",
                mend="Write the dates as 2024-05-31 or 2024-05-31 14:30.",
            ) from None
    if values.dtype.kind != "M":
        return values, False
    there = ~np.isnat(values)
    since = values - (values[there].min() if there.any() else np.datetime64(0, "us"))
    return np.where(there, since.astype("timedelta64[us]").astype(np.int64) / 1e6, np.nan), True


def _codes(
    table: Table, series: str, order: str | None, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[Note, ...]]:
    """Whose step each kept row is (0, 1, ... as they occur), which rows are kept, the series' names, and notes."""
    words = texts(table.columns[series])
    named = words != np.array(None)
    timed = ~np.isnan(times)
    kept = np.flatnonzero(named & timed)
    where = table.source.path if table.source else "The table"
    if not len(kept):
        raise DataError(
            f'No row of {where} has a value of "{series}"{f" and {order!r}" if order else ""}.',
            expected="Rows that say whose step they are.",
            mend="Name another column.",
        )
    notes = [
        Note(kind, f'Left out: {_rows(int(count))} without a value of "{name}".', matters=True)
        for kind, name, count in (
            ("missing-series", series, (~named).sum()),
            ("missing-time", order, (named & ~timed).sum()),
        )
        if count
    ]
    spelled = {word: match_key(word) for word in dict.fromkeys(words[kept].tolist())}
    numbers = {key: i for i, key in enumerate(dict.fromkeys(spelled.values()))}
    code_of = {word: numbers[key] for word, key in spelled.items()}
    codes = np.fromiter((code_of[word] for word in words[kept].tolist()), np.int64, len(kept))
    return codes, kept, np.array(list(numbers), dtype=object), tuple(notes)


def _one_each(codes: np.ndarray, column: np.ndarray, names: np.ndarray, what: str) -> np.ndarray:
    """The one value that a column has in each series, missing where it has none; DataError where it has two."""
    words = texts(column)
    rows = np.flatnonzero(words != np.array(None))
    first = np.full(len(names), -1)
    first[codes[rows][::-1]] = rows[::-1]
    keys = {word: match_key(word) for word in dict.fromkeys(words[rows].tolist())}
    numbers = {key: i for i, key in enumerate(dict.fromkeys(keys.values()))}
    each = np.array([numbers[keys[word]] for word in words[rows].tolist()], np.int64)
    of_first = np.zeros(len(names), np.int64)
    of_first[codes[rows][::-1]] = each[::-1]
    differing = np.flatnonzero(each != of_first[codes[rows]])
    if len(differing):
        row = rows[differing[0]]
        raise DataError(
            f'The {what} has several values in the series "{names[codes[row]]}": '
            f'"{words[first[codes[row]]]}" and "{words[row]}".',
            expected="One value in all rows of a series.",
            mend="Name another column, or correct the rows of this series.",
        )
    nothing = np.array([np.nan if column.dtype.kind == "f" else None], column.dtype)
    return np.concatenate([column, nothing])[first]


@dataclasses.dataclass(frozen=True)
class _Ordered:
    """The steps of all series, in order: ``codes`` and ``times`` [steps], ``values`` [steps, channels]."""

    codes: np.ndarray
    times: np.ndarray
    values: np.ndarray
    late: int = 0
    late_series: int = 0
    doubled: int = 0

    @classmethod
    def of(cls, codes: np.ndarray, times: np.ndarray, values: np.ndarray) -> _Ordered:
        """Rows sorted by time, those of the same time averaged."""
        order, late = in_order(codes, times)
        codes, times = codes[order], times[order]
        values, first = merged(codes, times, values[order])
        doubled = len(codes) - len(first)
        return cls(codes[first], times[first], values, int(late.sum()), int((late > 0).sum()), doubled)

    @classmethod
    def as_they_stand(cls, codes: np.ndarray, values: np.ndarray) -> _Ordered:
        """Rows in the order in which they stand."""
        order = np.argsort(codes, kind="stable")
        return cls(codes[order], order.astype(np.float64), values[order])

    def series(
        self, names: np.ndarray, step: float | None, where: str, called: str
    ) -> tuple[tuple[np.ndarray, ...], tuple[Note, ...]]:
        """The steps of each series, NaN at those that are missing against the regular one, and how many these are."""
        at = places(self.codes, self.times, step)
        starts = np.flatnonzero(np.diff(self.codes, prepend=-1))
        ends = np.append(starts[1:], len(self.codes))
        lengths = at[ends - 1] + 1
        longest = int(lengths.argmax())
        missing = lengths - (ends - starts)
        told = f"the longest is {names[longest]}, {lengths[longest]:,} steps, {missing[longest]:,} of them gaps"
        check_room((len(names), int(lengths[longest]), self.values.shape[1]), f"The series of {where}", told)
        found = []
        small = as_float32(self.values)
        for start, end, length in zip(starts, ends, lengths, strict=True):
            steps = np.full((length, small.shape[1]), np.nan, np.float32)
            steps[at[start:end]] = small[start:end]
            found.append(steps)
        if not missing.any():
            return tuple(found), ()
        gap = int(np.diff(at)[np.diff(self.codes) == 0].max()) - 1
        text = f"{int(missing.sum()):,} steps are missing in {int((missing > 0).sum()):,} series, whose regular step is"
        text += f" {called}; the longest gap has {gap:,}. They are filled as missing values are."
        return tuple(found), (Note("time-gaps", text, matters=True),)

    def notes(self, order: str | None, step: float | None) -> tuple[Note, ...]:
        """What was out of order, doubled or irregular."""
        notes = []
        if self.late:
            text = f'{_rows(self.late)} of {self.late_series:,} series were out of the order of "{order}": sorted.'
            notes.append(Note("time-order", text))
        if self.doubled:
            verb = "repeats" if self.doubled == 1 else "repeat"
            text = f'{_rows(self.doubled)} {verb} a time ("{order}") within a series: the values are averaged.'
            notes.append(Note("doubled-times", text, matters=True))
        if order is not None and step is None and len(self.codes) > self.codes[-1] + 1:
            text = f'The times ("{order}") have no regular step: steps count in their order, whatever is between them.'
            notes.append(Note("irregular-times", text, matters=True))
        return tuple(notes)


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"


def _named_step(step: float | None, dates: bool) -> str:
    """A step for people: "1 day", "0.5".

    >>> _named_step(86400.0, True), _named_step(0.5, False), _named_step(5400.0, True)
    ('1 day', '0.5', '90 minutes')
    """
    if step is None or not dates:
        return "none" if step is None else f"{step:g}"
    size, unit = next(
        ((s, u) for s, u in _UNITS if step >= s and abs(step / s - round(step / s)) < 1e-6), (1, "second")
    )
    count = step / size
    return f"{count:g} {unit}" + ("" if count == 1 else "s")
