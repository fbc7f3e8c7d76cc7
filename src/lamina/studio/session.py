"""Session: the runs that pages look into, and the lanes in which what they ask is answered.

What computes goes through a lane, one thread each: two hundred questions at once wait in a row, and none of them
makes the others slow. The quick lane is for what a click waits for; what takes seconds has its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from lamina.errors import LaminaError, RunError
from lamina.views.latest import Latest
from lamina.views.opened import Opened, Stamp, stamp

T = TypeVar("T")


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
        from lamina.views.networks import warming

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


def _is_text(name: str) -> bool:
    """Whether a folder's name is proper text: others can't be asked for."""
    return all(not 0xD800 <= ord(letter) <= 0xDFFF for letter in name)
