"""Opened: a run, or a model file alone, as it is looked into: its model, its examples, what was asked of it."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lamina.errors import LaminaError, OptionError, RunError
from lamina.views.latest import Latest

if TYPE_CHECKING:
    from lamina.inside.embedding import Embedding
    from lamina.inside.kept import Kept
    from lamina.inside.trace import Trace
    from lamina.model import Model
    from lamina.views.record import Answers

OWN = 64  # own examples that a run remembers
FOUND = 128 << 20  # bytes of answers that a run keeps
FILES = ("run.json", "history.jsonl", "predictions.npz", "mistakes.npz", "memory.npz", "examples.npz", "model.lamina")
Stamp = tuple[tuple[int, int] | None, ...]


@dataclasses.dataclass(frozen=True)
class Example:
    """One example of a run: its id, and where it stands among those that are kept."""

    id: str
    kept: Kept
    row: int

    @property
    def name(self) -> str:
        """How a person finds it again."""
        return str(self.kept.names[self.row])

    @property
    def is_own(self) -> bool:
        """Whether a person brought it to the page."""
        return self.id.startswith("own-")


class Opened:
    """A run's folder, or a model file alone, as it is looked into; everything in it is read when it is first needed."""

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path
        self.own: Latest[Example] = Latest(OWN)
        self.found: Latest[bytes] = Latest(FOUND, len)
        self.traces: Latest[Trace] = Latest(16)
        self.given: Latest[np.ndarray] = Latest(16)
        self.placed: Latest[Embedding] = Latest(8)
        self.is_warm = False
        self._lock = threading.RLock()
        self._networks: dict[int, Model] = {}
        self._prepared: dict[int, np.ndarray] = {}

    @property
    def folder(self) -> Path | None:
        """The run's folder; None for a model file alone."""
        return None if self.path.is_file() else self.path

    @property
    def model_file(self) -> Path:
        """Where the model is, if there is one."""
        return self.path if self.path.is_file() else self.path / "model.lamina"

    @cached_property
    def _model(self) -> Model:
        from lamina.model import load

        if not self.model_file.is_file():
            raise RunError(
                f"The run {self.name} has no model yet.",
                expected="A run that is finished: its network is shipped with the verdict.",
                mend=f"lamina train --resume {self.name}",
            )
        return load(self.model_file)

    @property
    def model(self) -> Model:
        """The model; RunError where the run has none (yet)."""
        with self._lock:
            return self._model

    def network(self, member: int = 0) -> Model:
        """One network of the model, as a model of its own."""
        model = self.model
        if not 0 <= member < len(model.parts):
            raise OptionError(
                f"There is no member {member}.", expected=f"From 0 to {len(model.parts) - 1}.", mend="member=0"
            )
        with self._lock:
            if member not in self._networks:
                self._networks[member] = dataclasses.replace(model, parts=(model.parts[member],))
            return self._networks[member]

    @cached_property
    def _kept(self) -> Kept | None:
        from lamina.inside.kept import kept

        return kept(self.folder) if self.folder else None

    @property
    def kept(self) -> Kept | None:
        """The examples that the run kept, if it did."""
        with self._lock:
            return self._kept

    @cached_property
    def judged(self) -> Answers | None:
        """What was answered on the judged rows."""
        from lamina.views.record import read_answers

        return read_answers(self.folder / "predictions.npz") if self.folder else None

    @cached_property
    def snapshots(self) -> list[tuple[int, np.ndarray]]:
        """Epochs and the weights that the model's first network had behind them."""
        from lamina.training.run import RunFolder

        try:
            return RunFolder(self.folder).snapshots() if self.folder else []
        except (LaminaError, OSError, KeyError, ValueError):
            return []  # one is being written

    @property
    def answers(self) -> np.ndarray:
        """Answers to the kept examples: probabilities [n, classes], or values [n].

        To judged ones those that were judged, by networks that never saw them; to others the model's.
        """
        with self._lock:
            return self._answers

    @cached_property
    def _answers(self) -> np.ndarray:
        if self.kept is None:
            return np.zeros(0)
        rows, judged = self.kept.rows, self.judged
        unjudged = np.flatnonzero(rows < 0) if judged is not None else np.arange(len(rows))
        model = self.model
        shape = (len(rows), len(model.task.classes)) if model.task.kind == "classification" else (len(rows),)
        out = np.zeros(shape)
        if judged is not None:
            out[rows >= 0] = judged.predictions[rows[rows >= 0]]
        if len(unjudged):
            out[unjudged] = answers_of(model, self.kept, unjudged)
        return out

    def example(self, text: str) -> Example:
        """A kept example by its number, or an own one by its id; RunError where there is none."""
        own = self.own.find(text)
        if own is not None:
            return own
        kept = self.kept
        if kept is not None and text.isascii() and text.isdigit() and int(text) < len(kept.ids):
            return Example(str(int(text)), kept, int(text))
        count = len(kept.ids) if kept is not None else 0
        numbers = f"From 0 to {count - 1}, or one" if count else "One"
        raise RunError(
            f"There is no example {text[:40]}.",
            expected=f"{numbers} that was brought to this page since the server started.",
            mend="choose one from the list, or bring it again",
        )

    def bring(self, kept: Kept) -> Example:
        """Remember an own example: the only one of ``kept``."""
        import secrets

        example = Example(f"own-{secrets.token_hex(4)}", kept, 0)
        return self.own.put(example.id, example)

    def inputs(self, example: Example, member: int = 0) -> np.ndarray:
        """One example as a network of the model takes it."""
        part = self.network(member).parts[0]
        return self.given.get((member, example.id), lambda: example.kept.inputs_for(part, [example.row])[0])

    def prepared(self, member: int = 0) -> np.ndarray | None:
        """All kept examples as a network takes them, or None where there are none."""
        kept, part = self.kept, self.network(member).parts[0]
        with self._lock:
            if kept is not None and member not in self._prepared:
                self._prepared[member] = kept.inputs_for(part)
            return self._prepared.get(member)

    def answer(self, example: Example) -> np.ndarray:
        """The probabilities [classes] of an example, or its value."""
        if not example.is_own:
            return self.answers[example.row]
        return answers_of(self.model, example.kept, [example.row])[0]


def answers_of(model: Model, kept: Kept, rows: Sequence[int] | np.ndarray) -> np.ndarray:
    """The mean of the networks' answers to some kept examples: probabilities [n, classes], or values [n]."""
    return model.outputs(kept.given(rows))[0]


def stamp(path: Path, names: Sequence[str] = FILES) -> Stamp:
    """When the files of a run were written last, and how long they are: what has changed has another stamp."""
    if path.is_file():
        return (_stamp(path),)
    return tuple(_stamp(path / name) for name in names)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
