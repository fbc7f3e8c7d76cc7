"""Dataset: the data that a studio was started with and no run was trained on yet: what is in it, and how to train."""

from __future__ import annotations

import shlex
from typing import Any

from lamina.data.look import look


def dataset(data: str | None) -> dict[str, Any]:
    """What is in the data: its schema as a run's report shows it, its classes, what is worth knowing, the command.

    Where it isn't clear what to predict, ``commands`` has one for each likely target. DataError where it can't be read.

    >>> shown = dataset("sample:penguins")
    >>> shown["command"], shown["schema"]["rows"]
    ('lamina train sample:penguins --target species', 344)
    """
    from lamina.views.record import Record
    from lamina.views.run import schema_view

    if data is None:
        return {"absent": "The studio was started with runs, not with a data file."}
    seen = look(data)
    clear = seen["task"] is not None
    schema = {"columns": seen["columns"], "target": seen["target"] if clear else "", "rows": seen["rows"]}
    commands = [line.strip() for line in seen["mend"].splitlines() if line.strip()] or [_command(data, seen)]
    return {
        "name": data,
        "kind": seen["kind"],
        "rows": seen["rows"],
        "task": seen["task"],
        "target": seen["target"],
        "mend": seen["mend"],
        "classes": [{"name": name, "count": count} for name, count in seen["classes"].items()],
        "schema": schema_view(Record({"schema": schema})),
        "notes": seen["notes"],
        "command": commands[0],
        "commands": commands,
    }


def _command(data: str, seen: dict[str, Any]) -> str:
    target = f" --target {shlex.quote(seen['target'])}" if seen["kind"] == "table" else ""
    return f"lamina train {shlex.quote(data)}{target}"
