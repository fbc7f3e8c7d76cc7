"""Kept: the examples that a run keeps beside its model, so that a page can look into the network with real ones."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lamina.data.examples import Examples, Kind, Task
from lamina.data.table import Table
from lamina.files import arrays_in, write_whole
from lamina.inside.prepared import table_of
from lamina.model import NetworkPart

FILE = "examples.npz"
MOST, MOST_BYTES = 2000, 16 << 20
LARGEST_FILE = 256 << 20  # unpacked, of what is opened: far above what is written
BINS = 10  # of a regression's targets, of which each gets its share
TRAINING, JUDGED = "training", "judged"
Cell = str | float | None


@dataclass(frozen=True, eq=False)
class Kept:
    """Examples that a run kept, numbered from 0: judged ones first, then those that were trained with.

    ``names`` [n] are those of predictions.npz; ``parts`` [n] "judged" or "training"; ``rows`` [n] the row in
    predictions.npz, -1 where there is none; ``targets`` [n] class numbers or values. ``inputs`` [n, ...] as the network
    takes them, of images, series and sounds; of a table ``cells``, its features' columns as they were read: words,
    numbers, None where missing, moments as ISO text.

    A "judged" example got its answer from networks that never saw it. With a test part of its own no network of the
    model saw it; in a run of folds every row is judged by the networks that it is the test part of, and the others,
    with which the model ships, were trained on it.
    """

    kind: Kind
    ids: np.ndarray
    names: np.ndarray
    parts: np.ndarray
    rows: np.ndarray
    targets: np.ndarray
    inputs: np.ndarray | None = None
    cells: Mapping[str, Sequence[Cell]] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def table(self, ids: Any = None) -> Table:
        """The rows of a table, all or these, as it is read."""
        assert self.cells is not None
        which = self.ids if ids is None else np.asarray(ids, int)
        return table_of({name: [cells[at] for at in which] for name, cells in self.cells.items()})

    def given(self, ids: Any = None) -> Table | np.ndarray:
        """The examples, all or these, as :meth:`Model.read` gives what it reads."""
        if self.cells is not None:
            return self.table(ids)
        assert self.inputs is not None
        return self.inputs if ids is None else self.inputs[np.asarray(ids, int)]

    def inputs_for(self, part: NetworkPart, ids: Any = None) -> np.ndarray:
        """The examples, all or these, as a network takes them: of a table by its own preprocessing."""
        given = self.given(ids)
        return part.preprocessing.transform(given) if isinstance(given, Table) else given


def keep(folder: Path, examples: Examples, rows: np.ndarray, worst: np.ndarray) -> None:
    """Write examples.npz into a run's folder: at most 2,000 examples and 16 MB, always the same ones.

    ``rows`` are those of the examples that were judged, in the order of predictions.npz, ``worst`` the places among
    them of the worst mistakes, the worst first, which are all kept. The others are shared out fairly among the classes
    (of a regression among bins of its targets), half of them from the judged rows, half from those of training.
    """
    most = min(MOST, max(1, MOST_BYTES // _bytes_each(examples)))
    facts, content = _within(examples, rows, worst, most)
    write_whole(folder / FILE, _packed(facts, content, table=examples.kind == "table"))


def kept(folder: str | Path) -> Kept | None:
    """What a run kept of its examples; None where that is missing, half written or damaged.

    >>> kept("nowhere") is None
    True
    """
    arrays = arrays_in(Path(folder) / FILE, LARGEST_FILE)
    try:
        count = len(arrays["targets"])
        columns = {name: arrays[name] for name in ("names", "parts", "rows", "targets")}
        inputs, cells = arrays.get("inputs"), _cells(arrays["cells"]) if "cells" in arrays else None
        beside = [of for of in (inputs,) if of is not None] or list((cells or {}).values())
        whole = count and beside and {len(of) for of in (*columns.values(), *beside)} == {count}
        kind: Any = str(arrays["kind"])
        return Kept(kind, np.arange(count), **columns, inputs=inputs, cells=cells) if whole else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


# --- which -----------------------------------------------------------------------------------------------------------


def _within(
    examples: Examples, rows: np.ndarray, worst: np.ndarray, most: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The facts of the chosen examples, and their inputs, or cells as text, that take no more than MOST_BYTES."""
    while True:
        places, others = choose(examples.targets, rows, worst, most, task=examples.task)
        chosen = np.concatenate([rows[places], others])
        content = _content(examples, chosen)
        if content.nbytes <= MOST_BYTES or most == 1:
            break
        most = max(1, min(most - 1, most * MOST_BYTES // content.nbytes))
    facts = {
        "kind": np.array(examples.kind),
        "names": examples.names[chosen].astype(str),
        "parts": np.repeat([JUDGED, TRAINING], [len(places), len(others)]),
        "rows": np.concatenate([places, np.full(len(others), -1)]).astype(np.int64),
        "targets": examples.targets[chosen],
    }
    return facts, content


def choose(
    targets: np.ndarray, rows: np.ndarray, worst: np.ndarray, most: int, *, task: Task
) -> tuple[np.ndarray, np.ndarray]:
    """Which examples are kept: places among the judged ``rows``, and rows of ``targets`` [all] that weren't judged.

    >>> task = Task("classification", "y", ("a", "b"))
    >>> places, others = choose(np.array([0, 1, 0, 1, 0, 1]), np.array([4, 5]), np.array([1]), 3, task=task)
    >>> places.tolist(), others.tolist()
    ([1], [1, 2])
    """
    unjudged = np.setdiff1d(np.arange(len(targets)), rows)
    half = max(most // 2, most - len(unjudged), min(len(worst), most))
    first = np.asarray(worst, int)[:half]
    fair = np.concatenate([first, _fair(_classes(targets[rows], task), without=first)])
    others = unjudged[np.sort(_fair(_classes(targets[unjudged], task))[: most - min(half, len(rows))])]
    return np.sort(fair[:half]), others


def _classes(targets: np.ndarray, task: Task) -> np.ndarray:
    """The class of each target; of values the bin by their rank."""
    if task.kind == "classification":
        return targets.astype(int)
    rank = np.argsort(np.argsort(targets, kind="stable"), kind="stable")
    return rank * BINS // max(1, len(targets))


def _fair(classes: np.ndarray, without: Sequence[int] | np.ndarray = ()) -> np.ndarray:
    """All places but some, in an order that deals them out class by class; within a class they are mixed."""
    mixed = np.random.default_rng(0).permutation(len(classes))
    mixed = mixed[~np.isin(mixed, without)]
    by_class = mixed[np.argsort(classes[mixed], kind="stable")]
    _, starts, counts = np.unique(classes[by_class], return_index=True, return_counts=True)
    turn = np.arange(len(by_class)) - np.repeat(starts, counts)
    return by_class[np.argsort(turn, kind="stable")]


# --- how -------------------------------------------------------------------------------------------------------------


def _bytes_each(examples: Examples) -> int:
    """About what an example takes."""
    some = np.arange(min(100, len(examples)))
    return max(1, _content(examples, some).nbytes // max(1, len(some)))


def _content(examples: Examples, rows: np.ndarray) -> np.ndarray:
    """The inputs of some examples, or a table's features as the bytes of JSON."""
    if not isinstance(examples.inputs, Table):
        return np.asarray(examples.inputs)[rows]
    features = [column.name for column in examples.schema.features if column.name in examples.inputs.columns]
    columns = {name: _listed(examples.inputs.columns[name][rows]) for name in features}
    return np.frombuffer(json.dumps(columns, separators=(",", ":")).encode(), np.uint8)


def _listed(values: np.ndarray) -> list[Cell]:
    if values.dtype.kind == "M":
        return [None if np.isnat(value) else str(value) for value in values]
    return [None if isinstance(value, float) and np.isnan(value) else value for value in values.tolist()]


def _cells(content: np.ndarray) -> dict[str, list[Cell]]:
    cells = json.loads(content.tobytes())
    if not all(
        isinstance(of, list) and all(isinstance(v, str | float | int | None) for v in of) for of in cells.values()
    ):
        raise ValueError("cells that are none")
    return {name: [float(v) if isinstance(v, int) else v for v in of] for name, of in cells.items()}


def _packed(facts: Mapping[str, np.ndarray], content: np.ndarray, *, table: bool) -> bytes:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {**facts, "cells" if table else "inputs": content}
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
