"""Labelled tables: how a file of rows with a target becomes `Examples`."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lamina.data.examples import Examples, Note, Reading, Source, Task
from lamina.data.preprocess import TablePreprocessing
from lamina.data.schema import Schema, cast, find_column, infer_schema, is_row_number
from lamina.data.table import Table, read_table
from lamina.data.target import encode_targets, infer_task, resolve_target
from lamina.data.words import match_key, texts
from lamina.errors import DataError, OptionError, SchemaError, TargetError


def table_examples(source: Any, reading: Reading, *, test_source: Any = None) -> Examples:
    """Reads a labelled table, and beside it the official test file if there is one, to Examples.

    Rows without a target (or without a moment, under ``split_by_time``) are left out and counted in a note. The
    schema, the classes and the slots of categories come from the source alone; rows of ``test_source`` follow its
    rows, with ``fixed_test`` True.

    >>> examples = table_examples("sample:penguins", Reading(target="species"))
    >>> len(examples), examples.task.classes, str(examples.names[0])
    (344, ('Adelie', 'Chinstrap', 'Gentoo'), 'line 2')
    """
    table = read_table(source, header=reading.header)
    target, notes = resolve_target(table, reading.target)
    reading = _by_name(table, target, reading)
    kept, left_out = _kept_rows(table, target, reading)
    hashes = row_hashes(table)[kept]
    table = table.take(kept)
    types = {name: kind for name, kind in reading.types.items() if name != target}
    task, targets, task_notes = _task(table, target, reading)
    schema = infer_schema(table, target=target, types={**types, **_target_type(task)}, drop=_dropped(reading))
    schema = _with_group(schema, reading.group)
    names = np.array([table.row_name(row) for row in range(len(table))], dtype=object)
    groups, times = _groups(table, reading.group), _times(table, reading.split_by_time)
    examples = Examples(
        kind="table",
        task=task,
        inputs=_inputs(table, schema),
        targets=targets,
        names=names,
        hashes=hashes,
        schema=schema,
        source=table.source or Source("a frame in memory", "", 0),
        notes=(*table.notes, *notes, *left_out, *task_notes, *schema.notes()),
        groups=groups,
        times=times,
    )
    return examples if test_source is None else _with_test(examples, test_source, reading)


def _by_name(table: Table, target: str, reading: Reading) -> Reading:
    """The reading with columns that were given by position named."""
    types = {k if k == "target" else find_column(table.names, k): kind for k, kind in reading.types.items()}
    if "target" in types and "target" not in table.columns:
        types[target] = types.pop("target")
    drop = tuple(find_column(table.names, name) for name in reading.drop)
    group = find_column(table.names, reading.group) if reading.group else None
    times = find_column(table.names, reading.split_by_time) if reading.split_by_time else None
    for option, name in (*(("--drop", name) for name in drop), ("--group", group), ("--split-by-time", times)):
        if name == target:
            raise OptionError(
                f'{option} names the target "{target}".',
                expected="Another column.",
                mend=f"Leave {option} out, or name another column.",
            )
    return dataclasses.replace(reading, types=types, drop=drop, group=group, split_by_time=times)


def _kept_rows(table: Table, target: str, reading: Reading) -> tuple[np.ndarray, list[Note]]:
    """Which rows have a target (and a moment to be split by), and what to say of the others."""
    kept, notes = _there(table.columns[target]), []
    if not kept.any():
        raise TargetError(
            f'All values of the target "{target}" are missing.',
            expected="A value in at least some rows.",
            mend="Name another column with --target, or fill this one.",
        )
    if count := int((~kept).sum()):
        notes.append(Note("missing-target", f'Left out: {count:,} rows without a target ("{target}").', matters=True))
    if reading.split_by_time:
        timed = _there(table.columns[reading.split_by_time])
        if count := int((kept & ~timed).sum()):
            text = f'Left out: {count:,} rows without a time ("{reading.split_by_time}").'
            notes.append(Note("missing-time", text, matters=True))
        kept &= timed
    return kept, notes


def _there(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        return np.array([value is not None for value in values.tolist()], dtype=bool)
    return ~(np.isnat(values) if values.dtype.kind == "M" else np.isnan(values))


def _task(table: Table, target: str, reading: Reading) -> tuple[Task, np.ndarray, tuple[Note, ...]]:
    kind = reading.types.get(target)
    if kind not in (None, "number", "category", "boolean"):
        raise OptionError(
            f'The target "{target}" can\'t be of type {kind}.',
            expected="number or category",
            mend=f"--types {target}=category",
        )
    values = table.columns[target]
    return infer_task(values, target=target, positive=reading.positive, kind=kind, table=table)


def _target_type(task: Task) -> dict[str, str]:
    return {task.target: "category" if task.kind == "classification" else "number"}


def _dropped(reading: Reading) -> tuple[str, ...]:
    return tuple(name for name in reading.drop if name != reading.group)


def _with_group(schema: Schema, group: str | None) -> Schema:
    """The schema in which the group's column only keeps rows together."""
    columns = (dataclasses.replace(c, role="group", note="") if c.name == group else c for c in schema.columns)
    schema = dataclasses.replace(schema, columns=tuple(columns))
    if not schema.features:
        raise DataError(
            f'Beside the group "{group}" no column is left to learn from.',
            expected="At least one column of numbers, categories or dates that varies.",
            mend="Leave --group out, or add columns.",
        )
    return schema


def _groups(table: Table, group: str | None) -> np.ndarray | None:
    """A number for each row that its group shares; a row without a group is one of its own."""
    if group is None:
        return None
    words = texts(table.columns[group]).tolist()
    numbers: dict[str | int, int] = {}
    keys = [row if word is None else match_key(word) for row, word in enumerate(words)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _times(table: Table, name: str | None) -> np.ndarray | None:
    if name is None:
        return None
    values = table.columns[name]
    if values.dtype == object:
        raise DataError(
            f'The column "{name}" to split by holds text, such as "{values[0]}".',
            expected="Dates, times or numbers that rise with time.",
            mend="Write the dates as 2024-05-31 or 2024-05-31 14:30.",
        )
    return values


def _inputs(table: Table, schema: Schema) -> Table:
    """The table without its target, each column as its kind wants it."""
    columns = {
        c.name: cast(table.columns[c.name], c.kind, name=c.name, table=table)
        for c in schema.columns
        if c.role != "target"
    }
    return dataclasses.replace(table, columns=columns)


# ---- an official test file ------------------------------------------------------------------------------------------


def _with_test(examples: Examples, source: Any, reading: Reading) -> Examples:
    """The examples followed by those of a test file, which has the same columns."""
    table = read_table(source, header=reading.header if examples.schema.header else False)
    _check_columns(table, examples.schema)
    kept, left_out = _kept_rows(table, examples.task.target, reading)
    hashes = row_hashes(table)[kept]
    table = table.take(kept)
    targets, notes = encode_targets(table.columns[examples.task.target], examples.task, table=table)
    fitted = TablePreprocessing.fit(examples.schema, examples.inputs)  # pyright: ignore[reportArgumentType]
    place = Path(table.source.path).name if table.source else "test"
    names = np.array([f"{place} {table.row_name(row)}" for row in range(len(table))], dtype=object)
    inputs = _stacked(examples.inputs, _inputs(table.without(*_unknown(table, examples.schema)), examples.schema))
    joined = Table({**_joined_columns(examples, table, reading)}) if reading.group or reading.split_by_time else None
    return dataclasses.replace(
        examples,
        inputs=inputs,
        targets=np.concatenate([examples.targets, targets]),
        names=np.concatenate([examples.names, names]),
        hashes=np.concatenate([examples.hashes, hashes]),
        notes=(*examples.notes, *(_of_test(note) for note in (*left_out, *notes, *fitted.notes(table)))),
        fixed_test=np.arange(len(examples) + len(table)) >= len(examples),
        groups=_groups(joined, reading.group) if joined else None,
        times=_times(joined, reading.split_by_time) if joined else None,
    )


def _joined_columns(examples: Examples, table: Table, reading: Reading) -> dict[str, np.ndarray]:
    assert isinstance(examples.inputs, Table)
    names = [name for name in (reading.group, reading.split_by_time) if name]
    return {name: _joined(examples.inputs.columns[name], table.columns[name]) for name in names}


def _joined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.concatenate([first, second] if first.dtype.kind == second.dtype.kind else [texts(first), texts(second)])


def _stacked(first: Any, second: Table) -> Table:
    columns = {name: _joined(values, second.columns[name]) for name, values in first.columns.items()}
    return Table(columns, None, first.source, first.notes)


def _unknown(table: Table, schema: Schema) -> list[str]:
    known = {column.name for column in schema.columns}
    return [name for name in table.names if name not in known]


def _of_test(note: Note) -> Note:
    return dataclasses.replace(note, text=f"Test file: {note.text}")


def _check_columns(table: Table, schema: Schema) -> None:
    where = table.source.path if table.source else "The test table"
    missing = [column.name for column in schema.columns if column.name not in table.columns]
    if schema.target in missing:
        raise TargetError(
            f'{where} has no target "{schema.target}".',
            expected="A test file with the training file's columns.",
            mend="Leave --test out, and predict this file after training.",
        )
    if missing:
        raise SchemaError(
            f'{where} has no column "{missing[0]}", which the training file has.',
            expected="A test file with the training file's columns.",
            mend="Add the column to the test file, or name a test file that has it.",
        )


# ---- content hashes -------------------------------------------------------------------------------------------------

_ODD = np.uint64(0x9E3779B97F4A7C15)
_ANYWHERE = -1  # no column is taken for row numbers because it is the first and rises: the order of rows must not count
_NOTHING = np.uint64(0x6C616D696E610000)


def row_hashes(table: Table) -> np.ndarray:
    """A uint64 for each row that depends on its cells and the columns' names only, [n].

    The same row has the same hash in another file, format, order or session; "3", "3.0" and 3 are one cell. Columns
    that number the rows don't count, so that a repeated row is one, wherever it stands.

    >>> first = row_hashes(Table({"a": np.array([1.0, 2.0])}))
    >>> bool(first[0] == row_hashes(Table({"a": np.array(["1.0"], dtype=object)}))[0]), bool(first[0] == first[1])
    (True, False)
    """
    total = np.zeros(len(table), dtype=np.uint64)
    for name, values in table.columns.items():
        if is_row_number(name, values, _ANYWHERE) and len(table.columns) > 1:
            continue
        total += _mixed(_cells(values) ^ _word_hash("column " + name))
    return _mixed(total)


def _cells(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f":
        return _number_hashes(values)
    if values.dtype.kind == "M":
        numbers = values.astype("datetime64[us]").view(np.uint64)
        return np.where(np.isnat(values), _NOTHING, _mixed(numbers ^ _word_hash("moment")))
    distinct = list(dict.fromkeys(values.tolist()))
    codes = dict(zip(distinct, _distinct_hashes(distinct).tolist(), strict=True))
    return np.fromiter((codes[word] for word in values.tolist()), dtype=np.uint64, count=len(values))


def _distinct_hashes(distinct: Sequence[str | None]) -> np.ndarray:
    """Words that spell numbers hash as these numbers."""
    out = np.empty(len(distinct), dtype=np.uint64)
    for i, word in enumerate(distinct):
        key = None if word is None else match_key(word)
        number = None if key is None else _as_number(key)
        if number is not None:
            out[i] = _number_hashes(np.array([number]))[0]
        else:
            out[i] = _NOTHING if key is None else _word_hash(key)
    return out


def _as_number(key: str) -> float | None:
    if not key[-1:].isdigit() or "_" in key:
        return None
    try:
        return float(key)
    except ValueError:
        return None


def _number_hashes(values: np.ndarray) -> np.ndarray:
    numbers = (values + 0.0).view(np.uint64)  # -0.0 + 0.0 is 0.0
    return np.where(np.isnan(values), _NOTHING, _mixed(numbers))


def _word_hash(word: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little"))


def _mixed(x: np.ndarray) -> np.ndarray:
    """SplitMix64's mixing of bits (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators")."""
    x = x + _ODD
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
