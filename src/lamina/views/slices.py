"""Slices: the parts of the judged data on which a network answers significantly worse than on the rest.

A slice is a set of rows that can be said in words: a range of one column, one category, two columns together, a class,
how sure the network was. For classes, its share of wrong answers is tested against that of all other rows (the score
test of two shares); for values, its absolute errors against the others' (Welch's test). As many slices are tried, the
level of 5 % is shared among them (Bonferroni); the interval of a share is Wilson's (1927).

What a run keeps of its examples has more mistakes than there were: each kept row then stands for as many judged ones as
were answered so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.metrics import wilson

if TYPE_CHECKING:
    from lamina.inside.kept import Kept
    from lamina.views.opened import Opened
    from lamina.views.record import Answers

LEVEL, FEWEST, MOST = 0.05, 8, 12  # of error over all slices; rows of a slice; slices that are shown
PARTS = 4  # of a column of numbers: quarters
PAIRED = 6  # columns that are looked at two by two: those whose own slices differ most
SURE = (0.5, 0.7, 0.9, 0.99, 1.0)


@dataclass(frozen=True)
class Judged:
    """Rows with how wrong each was (0 or 1, or an absolute error) and how many judged rows each stands for, [n]."""

    wrong: np.ndarray
    weights: np.ndarray
    is_share: bool

    @property
    def overall(self) -> float:
        """The share of wrong answers, or the mean error, over all judged rows."""
        return float(np.average(self.wrong, weights=self.weights))


@dataclass(frozen=True)
class Slice:
    """A part of the rows in words, with what it is made of: (column, part) pairs."""

    words: str
    rows: np.ndarray
    of: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Found:
    """How a slice compares: its share wrong or mean error with the interval, and how unlikely that is by chance."""

    slice: Slice
    count: int
    value: float
    interval: tuple[float, float] | None
    chance: float


def slices(opened: Opened) -> dict[str, Any]:
    """Where a run fails: ``items`` the worst first, ``overall``, how many were ``tried``, on how many ``rows``."""
    answers, classes = opened.judged, opened.model.task.classes
    if answers is None:
        return {"absent": "Nothing of this was judged, so nobody knows where it fails."}
    kept = opened.kept
    if opened.model.kind == "table" and kept is not None and bool((kept.rows >= 0).any()):
        found, tried, judged = _of_table(opened, kept, answers)
    else:
        judged = judged_of(answers, np.arange(len(answers.targets)), bool(classes))
        found, tried = worst(judged, list(_plain_slices(answers, classes)), pairs=False)
    items = [_item(of, judged) for of in found[:MOST]]
    return {
        "items": items,
        "overall": judged.overall,
        "tried": tried,
        "rows": len(answers.targets),
        "of": _what(judged),
    }


def _what(judged: Judged) -> str:
    return "share wrong" if judged.is_share else "mean absolute error"


def _item(found: Found, judged: Judged) -> dict[str, Any]:
    value = {"wrong" if judged.is_share else "error": found.value}
    interval = list(found.interval) if found.interval else None
    parts = [{"column": column, "part": part} for column, part in found.slice.of]
    about = {"words": found.slice.words, "rows": found.count, **value, "interval": interval}
    return {**about, "overall": judged.overall, "chance": found.chance, "parts": parts}


def judged_of(answers: Answers, rows: np.ndarray, classes: bool) -> Judged:
    """How wrong some of the judged rows were; each stands for its share of all that were answered right, or wrong."""
    if not classes:
        errors = np.abs(answers.predictions - answers.targets)
        return Judged(errors[rows], np.full(len(rows), len(errors) / max(len(rows), 1)), is_share=False)
    wrong = (answers.predictions.argmax(axis=1) != answers.targets).astype(float)
    some, weights = wrong[rows], np.ones(len(rows))
    for value in (0.0, 1.0):
        weights[some == value] = (wrong == value).sum() / max((some == value).sum(), 1)
    return Judged(some, weights, is_share=True)


def worst(judged: Judged, tried: Sequence[Slice], *, pairs: bool = True) -> tuple[list[Found], int]:
    """Those slices that are significantly worse than the rest, the least likely first, and how many were tried.

    >>> wrong = np.array([1.0] * 10 + [0.0] * 90)
    >>> first = Slice("first ten", np.arange(100) < 10, (("row", "first"),))
    >>> found, tried = worst(Judged(wrong, np.ones(100), True), [first])
    >>> found[0].slice.words, found[0].value, tried
    ('first ten', 1.0, 1)
    """
    measured = [of for each in tried if (of := _measured(judged, each)) is not None]
    if pairs:
        measured += [of for each in _pairs(measured) if (of := _measured(judged, each)) is not None]
    count = len(measured)
    bad = [of for of in measured if of.chance * count < LEVEL and of.value > judged.overall]
    rows = {of.slice.of[0]: of.slice.rows for of in measured if len(of.slice.of) == 1}
    told = [of for of in bad if all(_says_more(judged, of.slice.rows, rows[part]) for part in of.slice.of)]
    return sorted(told, key=lambda of: (of.chance, -of.value)), count


def _pairs(measured: Sequence[Found]) -> Iterator[Slice]:
    """Parts of two columns at a time, of the columns that differ most from part to part."""
    best: dict[str, float] = {}
    for of in measured:
        column = of.slice.of[0][0]
        best[column] = min(best.get(column, 1.0), of.chance)
    chosen = sorted(best, key=lambda column: best[column])[:PAIRED]
    for one, other in combinations([of.slice for of in measured if of.slice.of[0][0] in chosen], 2):
        if one.of[0][0] != other.of[0][0]:
            yield Slice(f"{one.words} and {other.words}", one.rows & other.rows, (*one.of, *other.of))


def _says_more(judged: Judged, rows: np.ndarray, part: np.ndarray) -> bool:
    """Whether rows of a part are worse than the part's other rows; a slice of one column is the part itself."""
    if rows is part:
        return True
    inside, rest = judged.wrong[rows], judged.wrong[part & ~rows]
    return len(rest) >= FEWEST and _chance(judged, inside, rest) < LEVEL


def _measured(judged: Judged, each: Slice) -> Found | None:
    """How a slice compares with all other rows; None where it, or the rest, has too few rows."""
    inside, outside = judged.wrong[each.rows], judged.wrong[~each.rows]
    if len(inside) < FEWEST or len(outside) < FEWEST:
        return None
    value = float(np.average(inside, weights=judged.weights[each.rows]))
    interval = wilson(value * len(inside), len(inside)) if judged.is_share else None
    return Found(each, len(inside), value, interval, _chance(judged, inside, outside))


def _chance(judged: Judged, inside: np.ndarray, outside: np.ndarray) -> float:
    """How likely it is by chance that some rows are so much worse than others."""
    if judged.is_share:
        return _two_shares(inside.sum(), len(inside), outside.sum(), len(outside))
    return _welch(inside, outside)


def _two_shares(first: float, of_first: int, second: float, of_second: int) -> float:
    """How likely the first share is to be so much larger by chance: the score test, one-sided."""
    pooled = (first + second) / (of_first + of_second)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / of_first + 1 / of_second))
    return _above((first / of_first - second / of_second) / spread) if spread else 1.0


def _welch(inside: np.ndarray, outside: np.ndarray) -> float:
    spread = math.sqrt(inside.var(ddof=1) / len(inside) + outside.var(ddof=1) / len(outside))
    return _above((inside.mean() - outside.mean()) / spread) if spread else 1.0


def _above(z: float) -> float:
    """How likely a standard normal number is above z."""
    return math.erfc(z / math.sqrt(2)) / 2


# --- which slices there are ------------------------------------------------------------------------------------------


def _of_table(opened: Opened, kept: Kept, answers: Answers) -> tuple[list[Found], int, Judged]:
    there = np.flatnonzero(kept.rows >= 0)
    judged = judged_of(answers, kept.rows[there], bool(opened.model.task.classes))
    known = {feature.name for feature in opened.model.parts[0].preprocessing.features}  # pyright: ignore[reportAttributeAccessIssue]
    cells = {name: [column[int(row)] for row in there] for name, column in (kept.cells or {}).items() if name in known}
    found, tried = worst(judged, list(table_slices(cells)))
    return found, tried, judged


def table_slices(cells: Mapping[str, Sequence[Any]]) -> Iterator[Slice]:
    """The quarters of every column of numbers, the commonest words of the others, and where a value is missing.

    >>> [of.words for of in table_slices({"sex": ["m", "f", None]})]
    ['sex is missing', 'sex is f', 'sex is m']
    """
    for name, column in cells.items():
        missing = np.array([value is None or value != value for value in column])
        if missing.any():
            yield Slice(f"{name} is missing", missing, ((name, "missing"),))
        there = [value for value, gone in zip(column, missing, strict=True) if not gone]
        if there and all(isinstance(value, (int, float)) for value in there):
            yield from _quarters(name, np.array([np.nan if value is None else value for value in column], float))
        else:
            words = sorted(set(map(str, there)), key=lambda word: (-there.count(word), word))[:20]
            for word in words:
                yield Slice(f"{name} is {word}", np.array([value == word for value in column]), ((name, word),))


def _quarters(name: str, values: np.ndarray) -> Iterator[Slice]:
    edges = np.unique(np.nanquantile(values, np.linspace(0, 1, PARTS + 1)))
    for at, (low, high) in enumerate(pairwise(edges)):
        last = at == len(edges) - 2
        rows = (values >= low) & ((values <= high) if last else (values < high))
        words = f"{name} {low:g} to {high:g}" if len(edges) > 2 else f"{name} is there"
        yield Slice(words, rows, ((name, f"{low:g} to {high:g}"),))


def _plain_slices(answers: Answers, classes: Sequence[str]) -> Iterator[Slice]:
    """By true class, by answer, and by how sure the network was; of a regression by the size of the true value."""
    if not classes:
        yield from _quarters("the true value", np.asarray(answers.targets, float))
        yield from _quarters("the prediction", np.asarray(answers.predictions, float))
        return
    predicted, sure = answers.predictions.argmax(axis=1), answers.predictions.max(axis=1)
    for number, name in enumerate(classes):
        yield Slice(f"{name}, in truth", answers.targets == number, (("target", name),))
        yield Slice(f"answered {name}", predicted == number, (("predicted", name),))
    for low, high in zip((0.0, *SURE[:-1]), SURE, strict=True):
        words = f"{100 * low:.0f} % to {100 * high:.0f} % sure"
        yield Slice(words, (sure > low) & (sure <= high), (("sure", f"{low:g} to {high:g}"),))
