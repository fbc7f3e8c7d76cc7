"""Labelled examples: what reading a file gives, and what everything later works on."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from lamina.data.schema import Schema
    from lamina.data.table import Table


Kind = Literal["table", "image", "series", "sound"]
SILENCE = -32768
"""What stands behind the end of a shorter sound; real samples go from -32767 to 32767."""


@dataclass(frozen=True)
class Note:
    """Something Lamina handled by itself and says so: in the schema, the report and, where it matters, the verdict.

    ``kind`` is a short slug ("ragged-rows"), ``text`` one plain sentence. ``matters`` puts it into the verdict.
    """

    kind: str
    text: str
    matters: bool = False


@dataclass(frozen=True)
class Source:
    """Where the examples come from: a path (or "a frame in memory"), the SHA-256 of its content, its size in bytes."""

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Task:
    """What is to be predicted.

    ``classes`` are the labels in order (empty for regression); ``positive`` is the label that two-class measures such
    as AUC look at, and is None for more than two classes and for regression.
    """

    kind: Literal["classification", "regression"]
    target: str
    classes: tuple[str, ...] = ()
    positive: str | None = None

    @property
    def outputs(self) -> int:
        """How many numbers the network answers with: one logit a class, or one value.

        >>> Task("classification", "species", ("Adelie", "Gentoo")).outputs
        2
        """
        return len(self.classes) if self.kind == "classification" else 1


@dataclass(frozen=True)
class Reading:
    """How a person asked a file to be read. Everything has a default that is found out from the file.

    ``header`` None sniffs; ``target`` is a column's name or position ("-1": the last); ``types`` maps a column to a
    kind; ``test`` is a fraction, a file or None; ``image_size`` is (height, width) or None for the stated rule.
    ``kind`` "series" takes each row of a table as one series; ``series`` and ``order`` name the columns of a long table
    that say which series a row belongs to and when it was measured. ``label_from_name`` finds the label, and what
    ``group`` names, in the names of recordings: "{digit}_{speaker}_{take}". ``rate`` is in samples a second.
    """

    target: str | None = None
    header: bool | None = None
    types: dict[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    group: str | None = None
    split_by_time: str | None = None
    positive: str | None = None
    test: str | None = None
    image_size: tuple[int, int] | None = None
    kind: str | None = None
    series: str | None = None
    order: str | None = None
    label_from_name: str | None = None
    rate: int | None = None


@dataclass(frozen=True)
class Examples:
    """Labelled examples of one kind, in the order of their file.

    ``inputs``: a Table without the target (its features and left-out columns); uint8 images [n, height, width,
    channels]; float32 series [n, time, channels], NaN behind the end of a shorter one; int16 sounds [n, samples],
    :data:`SILENCE` behind the end of a shorter one. ``targets``: int32 class numbers, or float64 values, [n].
    ``names``: how a person finds each example again ("line 12", "cats/7.png"). ``hashes``: uint64 of each example's
    content, the same in another file, order or session. ``fixed_test``: which rows an official split or --test FILE put
    aside. ``groups`` / ``times``: what a split must keep together / in order.
    """

    kind: Kind
    task: Task
    inputs: Table | np.ndarray
    targets: np.ndarray
    names: np.ndarray
    hashes: np.ndarray
    schema: Schema
    source: Source
    notes: tuple[Note, ...] = ()
    fixed_test: np.ndarray | None = None
    groups: np.ndarray | None = None
    times: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def with_notes(self, *notes: Note) -> Examples:
        """The same examples with more notes."""
        return dataclasses.replace(self, notes=(*self.notes, *notes))


def plain(value: Any) -> Any:
    """A dataclass, array, path or tuple as JSON-ready values.

    >>> plain(Note("a", "b"))
    {'kind': 'a', 'text': 'b', 'matters': False}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return str(value) if isinstance(value, Path) else value
