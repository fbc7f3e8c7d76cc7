"""A run: what one training did, on disk. Report, terminal, prediction and resuming all read it, never the process that
made it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from lamina.errors import OutputError, RunError
from lamina.files import write_whole, writing
from lamina.training.checkpoint import load_arrays, save_arrays

FORMAT = 1
SNAPSHOTS = 12


@dataclass(frozen=True)
class RunFolder:
    """The files of one run; every write is whole or not at all, the history only grows.

    ``run.json`` says what was asked, decided and found; ``history.jsonl`` has a line an epoch; ``checkpoints/`` where
    training stands; ``snapshots/`` the winner's weights at up to 12 epochs, closer together at the beginning;
    ``control.json`` is where another process may ask the training to stop.
    """

    path: Path

    @property
    def name(self) -> str:
        """The run's name: that of its folder."""
        return self.path.name

    # --- run.json ---

    def read(self) -> dict[str, Any]:
        """The run's facts; RunError where this isn't a run, or is one of another format version."""
        try:
            facts = json.loads((self.path / "run.json").read_text())
        except (OSError, ValueError) as problem:
            raise RunError(
                f"{self.path} is not a run that can be read: {problem}.",
                expected="A folder with a run.json that Lamina wrote.",
                mend="lamina runs",
            ) from problem
        if not isinstance(facts, dict) or facts.get("format") != FORMAT:
            version = facts.get("format") if isinstance(facts, dict) else None
            raise RunError(
                f"The run {self.name} has format version {version!r}.",
                expected=f"Version {FORMAT}, which this Lamina reads.",
                mend="train again with this Lamina, or open it with the one that wrote it",
            )
        return facts

    def write(self, facts: Mapping[str, Any]) -> None:
        """Replace the run's facts."""
        write_whole(self.path / "run.json", as_json(facts, indent=1).encode())

    def update(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Change some of the run's facts and give them all."""
        changed = {**self.read(), **facts}
        self.write(changed)
        return changed

    # --- history ---

    def append(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Add epochs to the history."""
        text = "".join(as_json(line) + "\n" for line in lines)
        with writing(self.path), (self.path / "history.jsonl").open("a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    def history(self) -> list[dict[str, Any]]:
        """The history so far, a dictionary an epoch; a last line torn by a crash is left out."""
        lines = []
        with contextlib.suppress(FileNotFoundError):
            for line in (self.path / "history.jsonl").read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(ValueError):
                    lines.append(json.loads(line))
        return lines

    def forget_after(self, group: int, epoch: int) -> None:
        """Drop what the history says of a group's epochs behind ``epoch``: a resumed training will measure them
        again.
        """
        kept = [line for line in self.history() if line["group"] != group or line["epoch"] <= epoch]
        write_whole(self.path / "history.jsonl", "".join(json.dumps(line) + "\n" for line in kept).encode())

    # --- checkpoints and snapshots ---

    def checkpoint(self, group: int) -> Path:
        """Where the last state of a group of members is kept."""
        return self.path / "checkpoints" / f"group-{group}.safetensors"

    def save_snapshot(self, group: int, epoch: int, parameters: np.ndarray) -> None:
        """Keep the weights [members, parameters] of all members of a group as they are behind an epoch."""
        save_arrays(
            self.path / "snapshots" / f"{group}-{epoch:06d}.safetensors", {"parameters": parameters}, {"epoch": epoch}
        )

    def keep_snapshots_of(self, group: int, member: int, name: int) -> None:
        """Of a group's snapshots keep one member's (place in the group, number in the run); drop those of other
        groups.
        """
        for file in sorted((self.path / "snapshots").glob("*.safetensors")):
            arrays, about = load_arrays(file)
            if file.name.startswith(f"{group}-") and "member" not in about:
                save_arrays(file, {"parameters": arrays["parameters"][member]}, {**about, "member": name})
            elif "member" not in about:
                file.unlink()

    def snapshots(self) -> list[tuple[int, np.ndarray]]:
        """The winner's kept weights: (epoch, flat vector), in order."""
        found = [load_arrays(file) for file in sorted((self.path / "snapshots").glob("*.safetensors"))]
        return [(about["epoch"], arrays["parameters"]) for arrays, about in found if "member" in about]

    # --- being asked to stop ---

    def ask_to_stop(self) -> None:
        """Ask the process that trains this run to stop after its chunk."""
        write_whole(self.path / "control.json", b'{"stop": true}')

    def asked_to_stop(self) -> bool:
        """Whether another process asked this training to stop; asking is heard once."""
        control = self.path / "control.json"
        try:
            asked = bool(json.loads(control.read_text()).get("stop"))
        except (OSError, ValueError, AttributeError):
            return False
        control.unlink(missing_ok=True)
        return asked


def snapshot_epochs(epochs: int) -> list[int]:
    """Up to 12 epochs for looking back at, spaced evenly on a logarithmic scale, the first and the last among them.

    >>> snapshot_epochs(10)
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    >>> snapshot_epochs(60)
    [1, 2, 3, 4, 6, 9, 14, 20, 29, 41, 60]
    """
    if epochs <= SNAPSHOTS:
        return list(range(1, epochs + 1))
    return sorted({round(math.exp(math.log(epochs) * at / (SNAPSHOTS - 1))) for at in range(SNAPSHOTS)})


def create(runs: Path, name: str | None, data_name: str) -> RunFolder:
    """A new, empty run folder in ``runs``; its name is the data's with the time, unless one is given.

    RunError where a run of the name exists or the name is no folder's name; OutputError where nothing can be written
    there.
    """
    if name is not None:
        check_name(runs, name)
    stem = name or _free_name(runs, data_name)
    path = runs / stem
    with writing(path):
        runs.mkdir(parents=True, exist_ok=True)
        path.mkdir()
        with undone(path):
            (path / "checkpoints").mkdir()
            (path / "snapshots").mkdir()
    return RunFolder(path)


@contextlib.contextmanager
def undone(path: Path) -> Iterator[None]:
    """Takes a new folder away again where what is written into it first can't be."""
    try:
        yield
    except (OSError, OutputError):
        shutil.rmtree(path, ignore_errors=True)
        raise


def check_name(runs: Path, name: str) -> None:
    """RunError where a name can't be a run's, or one of that name is there already."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,99}", name):
        expected = "Letters, digits, '.', '_', '-' and spaces, a letter or a digit first, at most 100."
        raise RunError(f"{name!r} can't be a run's name.", expected=expected, mend="--run my-run")
    if (runs / name).exists():
        mend = f"--run {name}-2"
        raise RunError(f"There is a run {name} in {runs} already.", expected="A new name.", mend=mend)


def _free_name(runs: Path, data_name: str) -> str:
    base = re.sub(r"[^A-Za-z0-9]+", "-", data_name).strip("-").lower()[:40] or "data"
    stem = f"{base}-{datetime.now(UTC).strftime('%Y%m%d-%H%M%S')}"
    at = 2
    name = stem
    while (runs / name).exists():
        name, at = f"{stem}-{at}", at + 1
    return name


def all_runs(runs: Path) -> list[RunFolder]:
    """The runs of a folder, the latest first; folders that are none are passed over."""
    found = [RunFolder(file.parent) for file in runs.glob("*/run.json")]
    return sorted(found, key=lambda run: (_created(run), run.name), reverse=True)


def _created(run: RunFolder) -> str:
    try:
        return str(run.read().get("created", ""))
    except RunError:
        return ""


def find(text: str | os.PathLike[str] | None, runs: Path) -> RunFolder:
    """A run by its name, its folder or a file in it; the latest when nothing is said.

    RunError with the nearest names where there is none.
    """
    if text is None:
        known = all_runs(runs)
        if not known:
            raise RunError(f"There are no runs in {runs}.", expected="A run.", mend="lamina train sample:penguins")
        return known[0]
    for path in (Path(text), runs / text, Path(text).parent):
        if (path / "run.json").is_file():
            return RunFolder(path)
    names = [run.name for run in all_runs(runs)]
    near = difflib.get_close_matches(str(text), names, n=3, cutoff=0.3)
    nearest = f" Nearest: {', '.join(near)}." if near else ""
    raise RunError(f"There is no run {text}.", expected=f"A run's name or its folder.{nearest}", mend="lamina runs")


def as_json(values: Mapping[str, Any], *, indent: int | None = None) -> str:
    """Values as strict JSON, what it has no form for made :func:`finite` and plain.

    >>> as_json({"a": 1.0}), as_json({"a": float("nan")})
    ('{"a": 1.0}', '{"a": null}')
    """
    try:
        return json.dumps(values, indent=indent, allow_nan=False)  # most are plain already, and many
    except (TypeError, ValueError):
        return json.dumps(finite(values), indent=indent, allow_nan=False)


def finite(value: Any) -> Any:
    """Plain values with NaN and infinities as None, for strict JSON.

    >>> finite({"a": [1.0, float("nan")]})
    {'a': [1.0, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): finite(of) for key, of in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(of) for of in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.generic):
        return value.item()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return finite(dataclasses.asdict(value))
    return str(value) if isinstance(value, Path) else value


# --- how often test rows were looked at ------------------------------------------------------------------------------


def count_opening(runs: Path, identity: str, run: str) -> int:
    """Write down that a run read the score on these test rows; gives how many runs of this folder have now.

    ``identity`` stands for the rows' content, so the same rows in another file or order are the same.
    """
    ledger = runs / "openings.json"
    try:
        seen = json.loads(ledger.read_text())
    except (OSError, ValueError):
        seen = {}
    opened = seen.setdefault(identity, [])
    opened.append(run)
    write_whole(ledger, json.dumps(seen, indent=1).encode())
    return len(opened)
