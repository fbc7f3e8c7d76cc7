"""Series in a wide table: one a row, its steps the columns of numbers in their order."""

from __future__ import annotations

import numpy as np

from lamina.data.examples import Note, Reading, Source
from lamina.data.ragged import Layout, Ragged, as_float32, channel_names, trimmed
from lamina.data.schema import find_column
from lamina.data.table import Table
from lamina.data.target import resolve_target
from lamina.data.value_columns import Roles, known_columns, value_columns
from lamina.data.words import texts
from lamina.errors import OptionError


def read_wide(table: Table, reading: Reading) -> Ragged:
    """The series of a labelled table, one a row. Steps missing at a row's end are none: a shorter series.

    The target is the column that ``reading.target`` names; columns of words are left out, and said.

    >>> table = Table({"y": np.array(["a", "b"], object), "t0": np.array([1.0, 2]), "t1": np.array([3, np.nan])})
    >>> read_wide(table, Reading()).lengths.tolist()
    [2, 1]
    """
    if reading.order:
        raise OptionError(
            f"--order names {reading.order}, but each row is a series of its own.",
            expected="--order with --series, which says whose step a row is.",
            mend="Leave --order out, or name the series' column with --series.",
        )
    target, notes = resolve_target(table, reading.target)
    roles = Roles.of(table, target, reading)
    columns, left_out = value_columns(table, roles.names, reading.types)
    names = tuple(columns)
    text = f"Each row is one series: its steps are the {len(names):,} columns {names[0]} to {names[-1]}."
    layout = Layout("wide", channel_names(1), target=target, columns=names)
    groups = None if roles.group is None else texts(table.columns[roles.group])
    return _series(table, columns, layout, groups, (*notes, Note("wide-series", text), *left_out))


def read_wide_like(table: Table, layout: Layout, reading: Reading | None = None) -> Ragged:
    """The series of another table, with the columns of the ``layout``; their labels where the target is among them."""
    if layout.columns:
        columns, notes = known_columns(table, layout.columns), ()
    else:
        columns, notes = value_columns(table, {layout.target or ""}, {})
    group = find_column(table.names, reading.group) if reading and reading.group else None
    groups = None if group is None else texts(table.columns[group])
    return _series(table, columns, layout, groups, notes)


def _series(
    table: Table,
    columns: dict[str, np.ndarray],
    layout: Layout,
    groups: np.ndarray | None,
    notes: tuple[Note, ...],
) -> Ragged:
    steps = as_float32(np.stack(list(columns.values()), axis=1))
    names = np.array([table.row_name(row) for row in range(len(table))], dtype=object)
    labels = table.columns.get(layout.target or "")
    source = table.source or Source("a frame in memory", "", 0)
    values = tuple(trimmed(row[:, None]) for row in steps)
    return Ragged(values, labels, names, layout, source, None, groups, (*table.notes, *notes))
