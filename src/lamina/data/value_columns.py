"""The columns of a table of series that hold what was measured, told from those that say of whom, when and what."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lamina.data.examples import Note, Reading
from lamina.data.schema import cast, find_column, is_row_number
from lamina.data.table import Table
from lamina.errors import DataError, OptionError, SchemaError


@dataclass(frozen=True)
class Roles:
    """Which columns of a table are not values: those of the target, the series, the order, the group, the dropped."""

    target: str | None
    series: str | None = None
    order: str | None = None
    group: str | None = None
    drop: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: Table, target: str | None, reading: Reading) -> Roles:
        """The roles that a person gave to columns, by name or position; OptionError where one column has two."""
        given = {"--series": reading.series, "--order": reading.order, "--group": reading.group}
        named = {option: find_column(table.names, name) for option, name in given.items() if name}
        drop = tuple(find_column(table.names, name) for name in reading.drop)
        taken = {} if target is None else {target: "--target"}
        for option, name in (*named.items(), *(("--drop", name) for name in drop)):
            if name in taken and not (option == "--drop" and taken[name] == "--group"):
                raise OptionError(
                    f'{option} and {taken[name]} both name the column "{name}".',
                    expected="A column of its own for each.",
                    mend=f"Name another column with {option}, or leave it out.",
                )
            taken[name] = option
        return cls(target, named.get("--series"), named.get("--order"), named.get("--group"), drop)

    @property
    def names(self) -> set[str]:
        """All columns that have a role."""
        return {name for name in (self.target, self.series, self.order, self.group, *self.drop) if name is not None}


def value_columns(
    table: Table, taken: Collection[str], types: Mapping[str, str]
) -> tuple[dict[str, np.ndarray], tuple[Note, ...]]:
    """The numbers of a table's columns by name, but for those ``taken``, and which others are left out and why.

    Words are left out, and what only numbers the rows; "number" in ``types`` keeps them. A column without any value
    stays: missing. DataError where none is left.

    >>> table = Table({"a": np.array([1.0, 2]), "b": np.array(["x", "y"], object), "c": np.array([1.0, 0])})
    >>> columns, notes = value_columns(table, ["c"], {})
    >>> list(columns), notes[0].text
    (['a'], 'Column "b" is left out: it holds words, such as "x".')
    """
    columns: dict[str, np.ndarray] = {}
    notes = []
    for position, (name, values) in enumerate(table.columns.items()):
        if name in taken:
            continue
        why = "" if types.get(name) == "number" else _no_value(name, values, position)
        if why:
            notes.append(Note("left-out-column", f'Column "{name}" is left out: {why}.'))
        else:
            columns[name] = cast(values, "number", name=name, table=table)
    if not columns:
        reasons = " ".join(note.text for note in notes)
        raise DataError(
            f"No column of numbers is left that could be steps. {reasons}".rstrip(),
            expected="At least one column of measurements.",
            mend="Drop fewer columns, or say --types COLUMN=number.",
        )
    return columns, tuple(notes)


def _no_value(name: str, values: np.ndarray, position: int) -> str:
    """Why a column is no measurement, or nothing."""
    if values.dtype == object:
        present = next((word for word in values.tolist() if word is not None), None)
        return "" if present is None else f'it holds words, such as "{present[:40]}"'
    if values.dtype.kind == "M":
        return "it holds dates"
    return "it numbers the rows" if is_row_number(name, values, position) else ""


def known_columns(table: Table, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The numbers of the columns of these names, in this order; SchemaError where one is absent.

    A table of just as many columns that names none of them has them in the same order.
    """
    unnamed = all(name == f"column {i + 1}" for i, name in enumerate(table.names))
    if unnamed and len(table.names) == len(names):
        table = Table(dict(zip(names, table.columns.values(), strict=True)), table.lines, table.source, table.notes)
    missing = [name for name in names if name not in table.columns]
    if missing:
        where = table.source.path if table.source else "The table"
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise SchemaError(
            f'{where} has no column "{missing[0]}"{more}, which the training file has.',
            expected="The columns that were trained on.",
            mend="Add the column, or name a file that has it.",
        )
    return {name: cast(table.columns[name], "number", name=name, table=table) for name in names}
