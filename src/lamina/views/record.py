"""A record: what a run's folder holds, read once, so that views are functions of values and not of files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lamina.errors import RunError
from lamina.files import arrays_in

FORMAT = 1


@dataclass(frozen=True)
class Answers:
    """What the network answered on the judged rows.

    ``names`` [rows] text, ``targets`` [rows] class numbers or values, ``predictions`` [rows, classes] probabilities or
    [rows] values.
    """

    names: np.ndarray
    targets: np.ndarray
    predictions: np.ndarray


@dataclass(frozen=True)
class Record:
    """A run as values: run.json, its history's lines, its answers, and what its examples look like.

    ``pictures`` [height, width, channels] and ``series`` [steps, channels] are by the row of the answers that they
    belong to: of mistakes, and of right answers to set beside them, whose rows ``right`` names for each class (-1:
    there is none). ``memory`` is what memory.npz holds of recurrent layers (:func:`lamina.inside.memory_of`).
    """

    run: dict[str, Any]
    history: tuple[dict[str, Any], ...] = ()
    answers: Answers | None = None
    pictures: dict[int, np.ndarray] = field(default_factory=dict)
    series: dict[int, np.ndarray] = field(default_factory=dict)
    right: tuple[int, ...] = ()
    memory: dict[str, np.ndarray] = field(default_factory=dict)


def read(folder: str | Path) -> Record:
    """Read a run's folder; what is not there yet, or half written, is left out of the record.

    Raises RunError where run.json is missing, can't be read, or is of another format version.
    """
    folder = Path(folder)
    run = read_run(folder / "run.json")
    answers = read_answers(folder / "predictions.npz")
    history, mistakes = read_history(folder / "history.jsonl"), arrays_in(folder / "mistakes.npz")
    return Record(
        run,
        history,
        answers,
        by_row(mistakes, "pictures"),
        by_row(mistakes, "series"),
        tuple(int(row) for row in mistakes.get("right", ())),
        arrays_in(folder / "memory.npz"),
    )


def read_run(path: Path) -> dict[str, Any]:
    """The content of run.json, of the one format version that these views understand."""
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(
            f"{path.parent} holds no readable run.json ({error.strerror}).",
            expected="The folder of a run.",
            mend="lamina runs",
        ) from None
    except ValueError:
        raise RunError(
            f"{path} is not whole: it can't be read as JSON.",
            expected="A run.json that Lamina wrote.",
            mend="lamina runs",
        ) from None
    version = run.get("format") if isinstance(run, dict) else None
    if version != FORMAT:
        raise RunError(
            f"{path} is of format version {version}.",
            expected=f"Format version {FORMAT}, which this Lamina writes and reads.",
            mend=f"Train again with this version, or read it with the Lamina that wrote it. {_writer_of(run)}".rstrip(),
        )
    return run


def _writer_of(run: Any) -> str:
    """Which Lamina wrote a run, if it says so."""
    versions = run.get("versions") if isinstance(run, dict) else None
    return (
        f"It was written by lamina {versions['lamina']}." if isinstance(versions, dict) and "lamina" in versions else ""
    )


def read_history(path: Path) -> tuple[dict[str, Any], ...]:
    """The history's lines in order; a last line that is still being written is left out."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    return tuple(line for line in map(_line, lines) if line is not None)


def _line(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) and "epoch" in value else None


def read_answers(path: Path) -> Answers | None:
    """The answers in predictions.npz, or None where there are none, or none whole."""
    arrays = arrays_in(path)
    if not {"names", "targets", "predictions"} <= arrays.keys():
        return None
    if len({len(arrays[name]) for name in ("names", "targets", "predictions")}) > 1 or not len(arrays["targets"]):
        return None
    return Answers(arrays["names"], arrays["targets"], arrays["predictions"])


def by_row(arrays: dict[str, np.ndarray], name: str) -> dict[int, np.ndarray]:
    """The pictures, or series, of mistakes.npz by the row of predictions.npz that they belong to.

    Pictures end where ``widths`` says, series with their last step that is there.

    >>> kept = {"rows": np.array([7]), "pictures": np.zeros((1, 2, 9, 1)), "widths": np.array([4])}
    >>> by_row(kept, "pictures")[7].shape
    (2, 4, 1)
    """
    found: dict[int, np.ndarray] = {}
    for start, rows in (("right_", "right"), ("", "rows")):
        if not {rows, start + name} <= arrays.keys():
            continue
        shown, widths = arrays[start + name], arrays.get(f"{start}widths")
        for at, row in enumerate(arrays[rows][: len(shown)]):
            if row >= 0:
                found[int(row)] = shown[at] if widths is None else shown[at][:, : widths[at]]
    if name == "series":
        return {row: of[~np.isnan(of).all(axis=1)] for row, of in found.items()}
    return found
