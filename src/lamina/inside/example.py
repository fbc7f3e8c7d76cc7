"""One example, of a file or of those that a run kept, as a model's networks take it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lamina.data.examples import Note
from lamina.data.table import Table
from lamina.errors import DataError, OptionError, RunError
from lamina.inside.kept import kept
from lamina.model import Model


@dataclass(frozen=True, eq=False)
class Example:
    """One example: ``inputs`` hold it alone, as ``model.outputs`` takes it, ``x`` as the first network does.

    ``rows`` is how many there were to choose from; ``truth`` the class or the value that it is known to have, or None.
    """

    name: str
    inputs: Any
    x: np.ndarray
    rows: int
    truth: str | float | None = None
    notes: tuple[Note, ...] = ()


def example_of(model: Model, data: Any, row: int = 1) -> Example:
    """The example in that row of what ``model.predict`` takes, counted from 1; OptionError where there is no such row.

    DataError and SchemaError as ``model.predict`` raises them.
    """
    inputs, names, notes = model.read(data)
    if not len(names):
        raise DataError("There is no example to explain.", expected="One or more.")
    _checked(row, "row", 1, len(names), mend="--row 1")
    return _one(model, inputs, row - 1, str(names[row - 1]), len(names), notes=tuple(notes))


def kept_example(model: Model, folder: str | Path, number: int = 0) -> Example:
    """The example of that number, from 0, among those that a run kept; RunError where it kept none."""
    found = kept(folder)
    if found is None:
        raise RunError(
            f"{folder} keeps no examples.",
            expected="A run that was judged by this version of Lamina.",
            mend="lamina explain MODEL FILE",
        )
    _checked(number, "example", 0, len(found) - 1, mend="--example 0")
    inputs = found.table() if found.cells is not None else found.inputs_for(model.parts[0])
    target = found.targets[number]
    truth = model.task.classes[int(target)] if model.task.kind == "classification" else float(target)
    return _one(model, inputs, number, str(found.names[number]), len(found), truth=truth)


def _one(
    model: Model, inputs: Any, at: int, name: str, rows: int, truth: str | float | None = None, notes: Any = ()
) -> Example:
    one = inputs.take([at]) if isinstance(inputs, Table) else inputs[at : at + 1]
    x = model.parts[0].preprocessing.transform(one) if isinstance(one, Table) else one
    return Example(name, one, x[0], rows, truth, notes)


def _checked(number: int, what: str, first: int, last: int, *, mend: str) -> None:
    if not first <= number <= last:
        raise OptionError(f"There is no {what} {number:,}.", expected=f"{first} to {last:,}.", mend=mend)
