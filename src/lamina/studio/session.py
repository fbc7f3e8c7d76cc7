"""Session: the runs that pages look into, each with its model loaded once, its kept examples, and what was asked of it.

What computes goes through a lane, one thread each: two hundred questions at once wait in a row, and none of them
makes the others slow. The quick lane is for what a click waits for; what takes seconds has its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from lamina.errors import LaminaError, OptionError, RunError

if TYPE_CHECKING:
    from lamina.inside.embedding import Embedding
    from lamina.inside.kept import Kept
    from lamina.inside.trace import Trace
    from lamina.model import Model
    from lamina.report.record import Answers

T = TypeVar("T")

OWN = 64  # own examples that a run remembers
FOUND = 128 << 20  # bytes of answers that a run keeps
FILES = ("run.json", "history.jsonl", "predictions.npz", "mistakes.npz", "memory.npz", "examples.npz", "model.lamina")
Stamp = tuple[tuple[int, int] | None, ...]


class Latest(Generic[T]):
    """A dictionary that keeps the values used last, for several threads; ``weigh`` says how much of ``most`` each is.

    >>> latest = Latest(2)
    >>> for key in "abc":
    ...     _ = latest.get(key, lambda: key.upper())
    >>> sorted(latest.keys())
    ['b', 'c']
    """

    def __init__(self, most: int, weigh: Callable[[T], int] = lambda _: 1) -> None:
        self.most, self.weigh, self._weight = most, weigh, 0
        self._values, self._lock = OrderedDict[Hashable, T](), threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key; made where there is none yet."""
        found = self.find(key)
        return self.put(key, make()) if found is None else found

    def find(self, key: Hashable) -> T | None:
        """The value of a key, or None."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Hashable, value: T) -> T:
        """Keep a value, and forget the one that was not used for longest."""
        with self._lock:
            self._weight += self.weigh(value) - (self.weigh(self._values.pop(key)) if key in self._values else 0)
            self._values[key] = value
            while self._weight > self.most and len(self._values) > 1:
                self._weight -= self.weigh(self._values.popitem(last=False)[1])
        return value

    def keys(self) -> list[Hashable]:
        """All keys, the one used last at the end."""
        with self._lock:
            return list(self._values)


class Lane:
    """Work that is done one piece after the other, in one thread of its own."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"studio-{name}")
        self._turn = asyncio.Semaphore(1)

    async def do(self, work: Callable[[], T], wanted: Callable[[], Awaitable[bool]] | None = None) -> T | None:
        """What the work gives; None where nobody wants it any more once its turn has come."""
        async with self._turn:
            if wanted is not None and not await wanted():
                return None
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def begin(self, work: Callable[[], object]) -> None:
        """Begin work whose outcome nobody waits for: who asks for the same is told what went wrong."""
        self._thread.submit(work)

    def close(self) -> None:
        """Begin nothing more; what is being done may end."""
        self._thread.shutdown(wait=False, cancel_futures=True)


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
        from lamina.report.record import read_answers

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
        return example.kept.inputs_for(part, [example.row])[0]

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


class Studio:
    """What one server shows: the runs of a folder, and those, or a model or data file, that it was started with.

    Names are looked up in what the folder holds and never made into paths.
    """

    def __init__(self, runs: Path, first: Path | None = None, data: str | None = None) -> None:
        self.runs, self.first, self.data = runs, first, data
        self.quick, self.long, self.reading = Lane("quick"), Lane("long"), Lane("reading")
        self._opened: dict[str, tuple[Stamp, Opened]] = {}
        self.views: Latest[bytes] = Latest(16)
        self.listeners = 0  # pages that wait for changes
        self.ending: Callable[[], bool] = lambda: False  # whether the server is about to end
        self._lock = threading.Lock()
        self._warming: set[asyncio.Task[None]] = set()

    def places(self) -> dict[str, Path]:
        """Every run's name and folder, or the model file that the server was started with."""
        try:
            found = {path.name: path for path in self.runs.iterdir() if (path / "run.json").is_file()}
        except OSError:
            found = {}
        readable = {name: path for name, path in found.items() if _is_text(name)}
        first = self.first
        if first is None or not (first.is_file() or (first / "run.json").is_file()):
            return readable
        return {**readable, first_name(first, readable): first}

    def opened(self, name: str) -> Opened:
        """A run by its name; RunError where there is none (any more)."""
        path = self.places().get(name)
        if path is None:
            with self._lock:
                gone = self._opened.pop(name, None)
            raise RunError(
                f"There is no run {name[:100]}{' any more' if gone else ''}.",
                expected="A run of the list.",
                mend="lamina runs",
            )
        now = stamp(path, ("model.lamina", "examples.npz", "predictions.npz"))
        with self._lock:
            before, opened = self._opened.get(name, (None, None))
            if opened is None or before != now:
                fresh = Opened(name, path)
                if opened is not None:
                    fresh.own = opened.own  # what a person brought stays where the run is written anew
                opened = fresh
                self._opened[name] = now, opened
            return opened

    def warm(self, name: str) -> None:
        """Load a run's model and compile what clicks will wait for, piece by piece behind what is asked meanwhile."""
        found = self._opened.get(name)
        if found is None or found[1].is_warm:
            return
        found[1].is_warm = True
        task = asyncio.get_running_loop().create_task(self._warmed(found[1]))
        self._warming.add(task)
        task.add_done_callback(self._warming.discard)

    async def _warmed(self, opened: Opened) -> None:
        from lamina.studio.networks import warming

        for work in warming(opened):
            with contextlib.suppress(LaminaError, OSError, RuntimeError):  # who asks for it is told what is wrong
                await self.quick.do(work)

    def close(self) -> None:
        """Begin nothing more."""
        for lane in (self.quick, self.long, self.reading):
            lane.close()


def first_name(first: Path, others: dict[str, Path]) -> str:
    """What the run or model that a server was started with is called: by its folder or file, apart from others.

    >>> first_name(Path("elsewhere/penguins"), {"penguins": Path("runs/penguins")})
    'penguins (2)'
    """
    name, at = first.resolve().name, 2
    stem = name
    while name in others and others[name].resolve() != first.resolve():
        name, at = f"{stem} ({at})", at + 1
    return name


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


def _is_text(name: str) -> bool:
    """Whether a folder's name is proper text: others can't be asked for."""
    return all(not 0xD800 <= ord(letter) <= 0xDFFF for letter in name)
