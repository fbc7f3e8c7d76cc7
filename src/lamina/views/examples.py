"""Examples: those that a run kept, or a person brought: which fit, what was answered to each, and how it looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.errors import OptionError
from lamina.views.runs import can

if TYPE_CHECKING:
    from lamina.inside.kept import Kept
    from lamina.views.opened import Example, Opened

MOST = 500  # examples in one answer
SORTS = ("id", "loss", "sure")


@dataclass(frozen=True)
class Asked:
    """Which examples are asked for, and in which order: by "id"; the worst answer first, "loss"; the surest, "sure".

    ``looks`` says that each is to come with how it looks.
    """

    part: str | None = None
    target: str | None = None
    predicted: str | None = None
    wrong: bool = False
    right: bool = False
    looks: bool = False
    sort: str = "id"
    offset: int = 0
    limit: int = 100


def asked(query: Mapping[str, str]) -> Asked:
    """Which examples the words of a query ask for.

    >>> asked({"wrong": "1", "limit": "5"})
    Asked(part=None, target=None, predicted=None, wrong=True, right=False, looks=False, sort='id', offset=0, limit=5)
    """
    return Asked(
        part=query.get("part") or None,
        target=query.get("target") or None,
        predicted=query.get("predicted") or None,
        wrong=query.get("wrong") == "1",
        right=query.get("right") == "1",
        looks=query.get("looks") == "1",
        sort=query.get("sort") or "id",
        offset=whole(query.get("offset") or "0", "offset"),
        limit=whole(query.get("limit") or "100", "limit"),
    )


def whole(text: str, name: str) -> int:
    """A whole number from 0; OptionError for anything else.

    >>> whole("12", "member")
    12
    """
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise OptionError(f"{name} is {text[:40]!r}.", expected="A whole number from 0.", mend=f"{name}=0")
    return int(text)


def examples(opened: Opened, asked: Asked) -> dict[str, Any]:
    """Some of the examples that a run kept, with what was answered to each; ``total`` is how many fit in all."""
    kept = opened.kept
    if kept is None:
        return {"total": 0, "items": [], "kind": opened.model.kind, "absent": can(opened)["why"].get("examples", "")}
    if asked.sort not in SORTS:
        raise OptionError(
            f"Examples can't be sorted by {asked.sort!r}.", expected="id, loss or sure.", mend="sort=loss"
        )
    classes, answers = opened.model.task.classes, opened.answers
    fits = _fits(kept, answers, asked, classes)
    if asked.sort != "id":
        order = answers.max(axis=1) if asked.sort == "sure" and classes else losses(answers, kept.targets)
        fits = fits[np.argsort(-order[fits], kind="stable")]
    shown = fits[max(asked.offset, 0) :][: min(max(asked.limit, 0), MOST)]
    items = [_line(kept, int(row), answers[row], classes) for row in shown]
    if asked.looks:
        items = [{**item, "look": look(opened, opened.example(item["id"]))} for item in items]
    return {"total": len(fits), "items": items, "kind": kept.kind}


def losses(answers: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """How wrong each answer is: minus the logarithm of the true class's probability, or the error's size.

    >>> losses(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([1, 1])).round(2).tolist()
    [27.63, 0.69]
    """
    if answers.ndim == 1:
        return np.abs(answers - targets)
    truth = answers[np.arange(len(targets)), targets.astype(int)]
    return -np.log(np.maximum(truth, 1e-12))


def _fits(kept: Kept, answers: np.ndarray, asked: Asked, classes: Sequence[str]) -> np.ndarray:
    fits = np.ones(len(kept.ids), bool)
    if asked.part is not None:
        fits &= np.asarray(kept.parts) == asked.part
    if not classes:
        return np.flatnonzero(fits)
    predicted = answers.argmax(axis=1)
    if asked.target is not None:
        fits &= kept.targets == class_number(asked.target, classes)
    if asked.predicted is not None:
        fits &= predicted == class_number(asked.predicted, classes)
    if asked.wrong or asked.right:
        fits &= (predicted != kept.targets) & asked.wrong | (predicted == kept.targets) & asked.right
    return np.flatnonzero(fits)


def class_number(text: str, classes: Sequence[str]) -> int:
    """A class by its name, or else by its number; OptionError where it is neither.

    >>> class_number("b", ("a", "b")), class_number("0", ("a", "b"))
    (1, 0)
    """
    if text in classes:
        return list(classes).index(text)
    if text.isascii() and text.isdigit() and int(text) < len(classes):
        return int(text)
    known = ", ".join(list(classes)[:20])
    raise OptionError(f"There is no class {text[:40]!r}.", expected=f"One of: {known}.", mend=f"target={classes[0]}")


def _line(kept: Kept, row: int, answer: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """One example and what was answered to it."""
    about = {"id": str(row), "name": str(kept.names[row]), "part": str(kept.parts[row])}
    return {**about, **answered(answer, kept.targets[row], classes)}


def answered(answer: np.ndarray, target: Any, classes: Sequence[str]) -> dict[str, Any]:
    """An answer beside the truth; ``target`` None where nobody knows it.

    >>> answered(np.array([0.25, 0.75]), 1, ("a", "b"))["predicted"]
    'b'
    """
    if not classes:
        value, truth = float(answer), None if target is None or np.isnan(target) else float(target)
        error = None if truth is None else value - truth
        return {"target": truth, "predicted": value, "value": value, "error": error}
    at, number = int(answer.argmax()), -1 if target is None else int(target)
    truth = number if number >= 0 else None
    return {
        "target": None if truth is None else classes[truth],
        "predicted": classes[at],
        "sure": float(answer[at]),
        "truth_probability": None if truth is None else float(answer[truth]),
        "right": None if truth is None else truth == at,
    }


def example(opened: Opened, of: Example, said: Sequence[str] = ()) -> dict[str, Any]:
    """One example with its answer and how it looks."""
    model = opened.model
    classes, answer = model.task.classes, opened.answer(of)
    target = None if of.is_own else of.kept.targets[of.row]
    return {
        "id": of.id,
        "name": of.name,
        "kind": of.kept.kind,
        "part": "own" if of.is_own else str(of.kept.parts[of.row]),
        **answered(answer, target, classes),
        "probabilities": [float(p) for p in answer] if classes else None,
        "classes": list(classes),
        "look": look(opened, of),
        "said": list(said),
    }


def look(opened: Opened, of: Example) -> dict[str, Any]:
    """How an example looks: pixels, a series, a spectrogram, or the cells of a row."""
    from lamina.inside.plain import plain

    kept, row = of.kept, of.row
    if kept.cells is not None:
        return {"cells": {name: plain(cells[row]) for name, cells in kept.cells.items()}}
    assert kept.inputs is not None
    shown = np.asarray(kept.inputs[row])
    if kept.kind == "image":
        return {"pixels": plain(shown)}
    if kept.kind == "series":
        there = ~np.isnan(shown).all(axis=1)
        return {"values": plain(shown[there]), "channels": _channels(opened, shown.shape[1])}
    return _sound_look(opened, shown)


def _channels(opened: Opened, count: int) -> list[str]:
    """What the channels of a series are called."""
    layout = getattr(opened.model.parts[0].preprocessing, "layout", None)
    names = [str(name) for name in getattr(layout, "channels", ())]
    return names if len(names) == count else [f"channel {at + 1}" for at in range(count)]


def _sound_look(opened: Opened, samples: np.ndarray) -> dict[str, Any]:
    from lamina.data.examples import SILENCE
    from lamina.inside.plain import plain
    from lamina.inside.spectrogram import spectrograms

    part = opened.network().parts[0]
    heard = spectrograms(part, samples[None])[0]
    rate = int(getattr(part.preprocessing, "rate", 0))
    there = int((samples != SILENCE).sum())
    return {"spectrogram": plain(heard), "rate": rate, "seconds": there / rate if rate else None}
