"""Look: what Lamina sees in a file before anything is trained: its columns, its classes, and what is worth knowing."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.data.examples import Reading, plain
from lamina.data.read import read
from lamina.data.schema import infer_schema
from lamina.data.table import read_table
from lamina.errors import TargetError


def look(data: str, reading: Reading | None = None) -> dict[str, Any]:
    """What is in a file: with a target as training would see it; without a clear one, as the table that it is.

    Plain values: ``kind``, ``rows``, ``task`` (None: what to predict isn't clear, ``target`` and ``mend`` say why),
    ``classes`` with how many examples each has, ``columns``, ``notes``. DataError where the file can't be read, and
    TargetError where the target that was named isn't usable.

    >>> seen = look("sample:penguins", Reading(target="species"))
    >>> seen["task"], seen["rows"], seen["classes"]
    ('classification', 344, {'Adelie': 152, 'Chinstrap': 68, 'Gentoo': 124})
    """
    reading = reading or Reading()
    try:
        examples = read(data, reading)
    except TargetError as error:
        if reading.target is not None:
            raise
        return _table(data, reading, error)
    task = examples.task
    counts = np.bincount(examples.targets, minlength=len(task.classes)) if task.classes else ()
    return {
        "kind": examples.kind,
        "rows": len(examples),
        "task": task.kind,
        "classes": {name: int(n) for name, n in zip(task.classes, counts, strict=True)},
        "target": task.target,
        "mend": "",
        "columns": plain(examples.schema)["columns"],
        "notes": [note.text for note in examples.notes],
    }


def _table(data: str, reading: Reading, error: TargetError) -> dict[str, Any]:
    """A table of which it isn't clear what to predict."""
    table = read_table(data, header=reading.header)
    schema = infer_schema(table, types=reading.types, drop=reading.drop)
    about = {
        "kind": "table",
        "rows": len(table),
        "task": None,
        "classes": {},
        "target": error.given,
        "mend": error.mend,
    }
    notes = (*table.notes, *schema.notes())
    return about | {"columns": plain(schema)["columns"], "notes": [note.text for note in notes]}
