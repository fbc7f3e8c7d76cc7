"""Runs: all of a folder in a line each, and one as the page opens it: its views, and what else can be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.errors import LaminaError, RunError
from lamina.views.record import Record, read, read_history, read_run
from lamina.views.run import view_record

if TYPE_CHECKING:
    from lamina.views.opened import Opened

ALONE = "This is a model file without its run, so there is nothing here but what the model itself knows."
NO_CURVES = "This is a model file without its run: its learning curves stayed where it was trained."
NUMBERS = 600_000  # of the curves: 1,000 members x 100 epochs come whole, as a page that is served may be larger


def runs(places: Mapping[str, Path]) -> list[dict[str, Any]]:
    """All runs, the newest first, each in a line; one that can't be read is listed too, and says why."""
    found = [_brief(name, path) for name, path in places.items()]
    return sorted(found, key=lambda run: (run["created"], run["name"]), reverse=True)


def _brief(name: str, path: Path) -> dict[str, Any]:
    empty = {"name": name, "state": "", "created": "", "sentence": "", "kind": "", "task": {}}
    if path.is_file():
        return {**empty, "state": "model", "sentence": ALONE}
    try:
        with written_by_lamina(path):
            return {**empty, **_facts(read_run(path / "run.json"))}
    except LaminaError as error:
        return {**empty, "state": "unreadable", "sentence": error.given}


def _facts(run: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "state": str(run.get("state", "")),
        "created": str(run.get("created") or ""),
        "sentence": str((run.get("verdict") or {}).get("sentence", "")),
        "kind": str((run.get("data") or {}).get("kind", "")),
        "task": run.get("task") or {},
    }


@contextmanager
def written_by_lamina(path: Path) -> Iterator[None]:
    """RunError where what is read in a run's folder is JSON of another form than Lamina writes."""
    try:
        yield
    except (AttributeError, TypeError, KeyError, ValueError, IndexError, RecursionError) as problem:
        raise RunError(
            f"{path.name} is not a run as Lamina writes it ({type(problem).__name__}).",
            expected="A run.json that Lamina wrote, and nobody changed.",
            mend="lamina runs",
        ) from problem


def run(opened: Opened) -> dict[str, Any]:
    """The report's views of a run, and what else can be looked at; of what can't, ``why`` not."""
    if opened.folder is None:
        return _model_alone(opened)
    with written_by_lamina(opened.folder):
        return {**view_record(read(opened.folder), numbers=NUMBERS), "name": opened.name, "can": can(opened)}


def _model_alone(opened: Opened) -> dict[str, Any]:
    """A model without its run: what it knows of itself, and why there is nothing else."""
    from lamina.data.examples import plain

    model = opened.model
    facts = {"name": opened.name, "state": "model", "task": plain(model.task), "data": {"kind": model.kind}}
    views = view_record(Record(facts))
    views["verdict"] |= {"sentence": str(model.about.get("verdict") or ALONE)}
    views["network"] = {"absent": "The layers are under Network."}
    for name in ("members", "confusion", "calibration", "mistakes", "memory", "schema"):
        views[name] = {"absent": ALONE}
    return {**views, "curves": {"absent": NO_CURVES}, "can": can(opened)}


def can(opened: Opened) -> dict[str, Any]:
    """Which of the studio's views a run has what it takes for, and why it hasn't for the others."""
    why: dict[str, str] = {}
    if not opened.model_file.is_file():
        why["inside"] = "The run has no model yet: it is shipped when the run is finished."
    if opened.folder is None:
        why["examples"] = why["snapshots"] = "This is a model file without its run: bring your own examples."
    else:
        if not (opened.folder / "examples.npz").is_file():
            why["examples"] = "The run kept no examples: it is not finished, or of an older Lamina. Bring your own."
        if not any((opened.folder / "snapshots").glob("*.safetensors")):
            why["snapshots"] = "The run kept no snapshots of its weights."
    return {**{name: name not in why for name in ("inside", "examples", "snapshots")}, "why": why}


def progress(opened: Opened) -> dict[str, Any]:
    """How far a run is: its state, and how many epochs its history has; state "gone" where it was deleted."""
    if opened.folder is None:
        return {"state": "model" if opened.path.is_file() else "gone", "epochs": 0}
    if not (opened.folder / "run.json").is_file():
        return {"state": "gone", "epochs": 0}
    try:
        state = str(read_run(opened.folder / "run.json").get("state", ""))
    except RunError:
        state = "unreadable"
    history = read_history(opened.folder / "history.jsonl")
    return {"state": state, "epochs": max((int(line["epoch"]) for line in history), default=0)}
