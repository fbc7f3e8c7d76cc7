"""Counterfactual: the smallest change found in an example that turns the answer.

Of a table it puts in values that other examples have, in as few columns as will do; of a picture or a series it follows
the gradient. "None found" says that the search found none, not that there is none.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from lamina import losses
from lamina.errors import OptionError
from lamina.inside.anatomy import task_of
from lamina.inside.answering import Answering, Plan, answering, checked_class, class_name, spread
from lamina.inside.kept import Kept
from lamina.inside.opened import checked_example, part_of, parts_of
from lamina.inside.prepared import Rows, Slots, rows_of, slots, table_kind
from lamina.model import Model, NetworkPart
from lamina.network import ImageInput, SoundInput, TableInput

COLUMNS = 3  # that may change at once
VALUES = {1: 200, 2: 24, 3: 12}  # of a column that are tried when so many columns change
TRIED = {1: 1000, 2: 10, 3: 5}  # columns among which so many are chosen: those that alone do most
AT_ONCE = 4096  # rows
STEPS, CLASSES, HALVINGS = 40, 8, 12  # of the way along the gradient; classes looked at; to shorten the way
BOUNDARIES = 2  # of those that are nearest at first
BEYOND = 1.02  # each step goes so much further than to the boundary (Moosavi-Dezfooli et al. 2016, sec. 3.3)
FURTHER = 1.25 ** np.arange(40)
QUARTILES = (0.25, 0.5, 0.75)
Cell = str | float | None


@dataclass(frozen=True)
class Change:
    """One column's cell before and after, and how far apart they are in quartile distances; another word counts 1."""

    column: str
    before: Cell
    after: Cell
    size: float


@dataclass(frozen=True)
class Move:
    """What a regression answers when one column takes one of its quartiles, and by how much more that is."""

    column: str
    to: Cell
    answer: float
    difference: float


@dataclass(frozen=True)
class Counterfactual:
    """A change that turns the answer, or, where ``found`` is False, that none was found.

    ``target`` is the class that it turns to (None: a regression); ``before`` and ``after`` are the answers, class
    probabilities [classes] or the value [1]. ``size`` is how large the change is: of a table the sum of the
    ``changes``, of an input the root of the mean square over all its numbers, in the input's units. ``changed`` is the
    new input, in the type that the network takes (of a recording its spectrogram), and ``mask`` [places] how much it
    differs there. ``moves`` are for a regression of a table, the largest first. ``words`` say it in one sentence.
    """

    found: bool
    target: int | None
    before: np.ndarray
    after: np.ndarray
    size: float
    words: str
    changes: tuple[Change, ...] = ()
    changed: np.ndarray | None = None
    mask: np.ndarray | None = None
    moves: tuple[Move, ...] = ()


def counterfactual(
    of: Model | NetworkPart,
    example: Mapping[str, Any] | np.ndarray,
    target: float | None = None,
    *,
    kept: Kept | None = None,
) -> Counterfactual:
    """The smallest change found that turns a model's answer to an example; an ensemble is asked as a whole.

    (Of recordings its first network is: each has a spectrogram of its own.)

    Of a table, ``example`` is a row of cells, and the values of ``kept`` examples are put in: in one column, else in
    two, else in three; among those that turn the answer the least change is taken, in quartile distances of the
    columns (Wachter et al. 2017, arXiv 1711.00399; Mothilal et al. 2020, arXiv 1905.07697, for changes in few columns
    and by values that occur). For a regression, ``moves`` say what each column does on its own.

    Of a picture or a series, step by step over the boundary that is nearest by the gradient, within the range of
    pixels, and back again as far as it stays turned (DeepFool: Moosavi-Dezfooli et al. 2016, arXiv 1511.04599).

    ``target`` is a class, or of a regression the value to reach (unless said, one deviation of the training part
    higher). OptionError for a class that there isn't, or the one that is answered; and for a table without ``kept``.

    >>> from lamina.network import Dense, Sequential
    >>> weights = np.array([1.0, -1.0, 0.0, 0.0, 0.0, 1.0], np.float32)
    >>> part = NetworkPart(Sequential([Dense(2, "linear")]), (2,), "cross entropy", None, weights, {})
    >>> found = counterfactual(part, np.array([1.0, 3.0]))
    >>> found.target, found.changed.round(2).tolist()
    (1, [0.5, 3.0])
    """
    if isinstance(example, Mapping):
        if kept is None or kept.cells is None:
            raise OptionError(
                "There are no examples whose values could be put in.",
                expected="The examples that a run of a table keeps.",
                mend="kept=kept(RUN)",
            )
        return _of_row(of, example, target, kept)
    networks = [answering(part) for part in parts_of(of)]
    if networks[0].plan.input_is(TableInput):
        given = "A prepared row of a table has codes, which can't be moved."
        raise OptionError(given, expected="A row of cells by column.", mend="{column: cell, ...}")
    if networks[0].plan.input_is(SoundInput):  # each of an ensemble hears a spectrogram of its own
        networks = networks[:1]
    return _of_input(of, networks, checked_example(of, example), target)


def _checked(of: Model | NetworkPart, before: np.ndarray, target: float | None) -> int | None:
    """The class to turn to, None: any other. OptionError where there isn't such a class, or it is the answer."""
    if target is None:
        return None
    wanted = checked_class(int(target), len(before))
    if wanted == before.argmax():
        given = f"The answer is {class_name(of, wanted)} already."
        raise OptionError(given, expected="Another class.", mend="leave target out for the nearest one")
    return wanted


# --- tables ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Search:
    """A row, what it could be changed to, and what counts as turned."""

    of: Model | NetworkPart
    row: Rows
    others: Rows
    kept: Kept
    cells: Mapping[str, Any]
    slots: Mapping[str, Slots]
    before: np.ndarray
    target: int | None

    def turned(self, answers: np.ndarray) -> np.ndarray:
        """How far each answer [n, classes] is over the boundary: the wanted class less the likeliest other."""
        wanted = answers.copy()
        if self.target is None:
            own = int(self.before.argmax())
            return np.delete(wanted, own, axis=1).max(axis=1) - answers[:, own]
        return answers[:, self.target] - np.delete(wanted, self.target, axis=1).max(axis=1)

    def distances(self, name: str) -> np.ndarray:
        """How far each kept example's cell is from the row's."""
        part = self.row.parts[0]
        key, place = id(part.preprocessing), self.slots[name]
        mine, theirs = self.row.inputs[key][0], self.others.inputs[key]
        if not place.bent:
            return (mine[place.all] != theirs[:, place.all]).any(axis=1).astype(float)
        # Behind the preprocessing a number is in quartile distances, bent in: straight again.
        at = place.bent[-1]
        straight = [of / np.sqrt(np.maximum(1 - (of / 3) ** 2, 1e-9)) for of in (mine[at], theirs[:, at])]
        same = (mine[place.all] == theirs[:, place.all]).all(axis=1)
        return np.where(same, 0.0, np.maximum(np.abs(straight[1] - straight[0]), 1e-6))


def _of_row(of: Model | NetworkPart, cells: Mapping[str, Any], target: float | None, kept: Kept) -> Counterfactual:
    row, others = rows_of(of, {name: [value] for name, value in cells.items()}), rows_of(of, kept.table())
    before = row.answers()[0]
    regression = task_of(part_of(of)) == "regression"
    wanted = None if regression else _checked(of, before, target)
    search = _Search(of, row, others, kept, cells, slots(table_kind(of)), before, wanted)
    if regression:
        return _moved(search)
    order = _columns_by_effect(search)
    for count in range(1, min(COLUMNS, len(order)) + 1):
        for_each = {name: _values(search, name, VALUES[count]) for name in order[: TRIED[count]]}
        found = _least(search, list(itertools.combinations(for_each, count)), for_each)
        if found is not None:
            return found
    words = f"No change of up to {COLUMNS} columns to values that occur was found that turns the answer."
    return Counterfactual(False, wanted, _f32(before), _f32(before), 0.0, words)


def _values(search: _Search, name: str, most: int) -> np.ndarray:
    """Kept examples, each with another value in the column than the row and one another: the nearest and a spread."""
    distance = search.distances(name)
    place, key = search.slots[name], id(search.row.parts[0].preprocessing)
    _, first = np.unique(search.others.inputs[key][:, place.all], axis=0, return_index=True)
    different = first[distance[first] > 0]
    different = different[np.argsort(distance[different], kind="stable")]
    if len(different) <= most:
        return different
    return different[np.unique(np.linspace(0, len(different) - 1, most).round().astype(int))]


def _columns_by_effect(search: _Search) -> list[str]:
    """The columns by how near one of their values alone brings the row to another answer."""
    best = {}
    for name in search.slots:
        values = _values(search, name, VALUES[2])
        if len(values):
            rows = search.row.take(np.zeros(len(values), int)).with_column(name, search.others.take(values))
            best[name] = float(search.turned(rows.answers()).max())
    return sorted(best, key=lambda name: -best[name])


def _least(
    search: _Search, choices: Sequence[tuple[str, ...]], values: Mapping[str, np.ndarray]
) -> Counterfactual | None:
    """The least change among all combinations of values of the chosen columns that turn the answer."""
    distances = {name: search.distances(name) for name in values}
    best: tuple[float, tuple[str, ...], np.ndarray] | None = None
    for names in choices:
        grid = np.stack([of.ravel() for of in np.meshgrid(*(values[name] for name in names), indexing="ij")], axis=1)
        sizes = np.sum([distances[name][grid[:, i]] for i, name in enumerate(names)], axis=0)
        order = np.argsort(sizes, kind="stable")
        for at in range(0, len(order), AT_ONCE):  # the least first, so that what is further is never asked
            some = order[at : at + AT_ONCE]
            some = some if best is None else some[sizes[some] < best[0]]
            if not len(some):
                break
            turned = np.flatnonzero(search.turned(_with(search, names, grid[some]).answers()) > 0)
            if len(turned):
                best = float(sizes[some[turned[0]]]), names, grid[some[turned[0]]]
                break
    return None if best is None else _told(search, best[1], best[2])


def _with(search: _Search, names: tuple[str, ...], grid: np.ndarray) -> Rows:
    """The row with these columns as each row of the grid has them, in numbers of kept examples."""
    rows = search.row.take(np.zeros(len(grid), int))
    for i, name in enumerate(names):
        rows = rows.with_column(name, search.others.take(grid[:, i]))
    return rows


def _told(search: _Search, names: tuple[str, ...], chosen: np.ndarray) -> Counterfactual:
    assert search.kept.cells is not None
    after = _with(search, names, chosen[None]).answers()[0]
    changes = tuple(
        Change(name, _plain(search.cells.get(name)), search.kept.cells[name][row], float(search.distances(name)[row]))
        for name, row in zip(names, chosen, strict=True)
    )
    target = int(after.argmax())
    each = [f"{one.column} {_said(one.after)} instead of {_said(one.before)}" for one in changes]
    words = f"With {_listed(each)} it would say {class_name(search.of, target)}."
    size = sum(one.size for one in changes)
    return Counterfactual(True, target, _f32(search.before), _f32(after), size, words, changes)


def _moved(search: _Search) -> Counterfactual:
    """What a regression answers with each column at its quartiles, or at its three most frequent words."""
    before, cells = float(search.before[0]), search.kept.cells
    assert cells is not None
    moves = []
    for name, place in search.slots.items():
        rows = _quartiles(cells[name], ordered=place.kind == "datetime")
        answers = _with(search, (name,), np.array(rows)[:, None]).answers()[:, 0] if rows else []
        moves += [
            Move(name, cells[name][row], float(a), float(a) - before) for row, a in zip(rows, answers, strict=True)
        ]
    moves.sort(key=lambda move: -abs(move.difference))
    words = "No column moves it."
    if moves and moves[0].difference:
        most = moves[0]
        by = f"{_said(abs(most.difference))} {'higher' if most.difference > 0 else 'lower'}"
        words = f"With {most.column} {_said(most.to)} it would be {by}: {_said(most.answer)}."
    value = _f32(search.before)
    return Counterfactual(False, None, value, value, 0.0, words, moves=tuple(moves))


def _quartiles(cells: Sequence[Cell], *, ordered: bool) -> list[int]:
    """Kept examples whose cells are nearest to the quartiles, or have the three most frequent words."""
    known = [i for i, cell in enumerate(cells) if cell is not None]
    if ordered or all(isinstance(cells[i], (int, float)) for i in known):
        known.sort(key=lambda i: cells[i])  # type: ignore[arg-type, return-value]
        return list(dict.fromkeys(known[round((len(known) - 1) * share)] for share in QUARTILES)) if known else []
    frequent = [word for word, _ in Counter(cells[i] for i in known).most_common(len(QUARTILES))]
    return [cells.index(word) for word in frequent]


def _plain(cell: Any) -> Cell:
    if isinstance(cell, np.generic):
        cell = cell.item()
    return None if isinstance(cell, float) and np.isnan(cell) else cell


def _said(cell: Cell) -> str:
    """A cell as a sentence says it.

    >>> _said(48.1), _said(None), _said("Biscoe"), _said(1234.5678)
    ('48.1', 'missing', 'Biscoe', '1235')
    """
    if cell is None:
        return "missing"
    return cell if isinstance(cell, str) else f"{cell:.4g}" if abs(cell) < 1e6 else f"{cell:,.0f}"


def _listed(parts: Sequence[str]) -> str:
    """Words as a sentence lists them.

    >>> _listed(["a", "b", "c"])
    'a, b and c'
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _f32(values: Any) -> np.ndarray:
    return np.asarray(values, np.float32)


# --- pictures, series, recordings ------------------------------------------------------------------------------------


@functools.cache
def _slopes(plan: Plan) -> Callable[..., Any]:
    """The logarithm of each looked-at class's probability (or the value), and the gradient of each, of one example."""

    def scores(z: Array, weights: Any, live: Array | None, looked_at: Array) -> tuple[Array, Array]:
        outputs = plan.outputs(weights, z, spread(live, len(z)))
        if plan.kind == "classification":
            outputs = jnp.log(jnp.maximum(losses.probabilities(outputs, plan.loss), 1e-30))
        each = jnp.take_along_axis(outputs, looked_at[:, None], axis=1)[:, 0]
        return each.sum(), each

    def run(z: Array, weights: Any, live: Array | None, looked_at: Array) -> tuple[Array, Array]:
        copies = jnp.broadcast_to(z[None], (len(looked_at), *z.shape))  # one for each class
        slopes, each = jax.grad(scores, has_aux=True)(copies, weights, live, looked_at)
        return each, jnp.nan_to_num(slopes)

    return jax.jit(run)


@dataclass(frozen=True, eq=False)
class _Walk:
    """An example in moved numbers, the networks that answer to it, and which classes are looked at, its own first."""

    networks: Sequence[Answering]
    z: np.ndarray
    live: np.ndarray | None
    before: np.ndarray
    looked_at: np.ndarray
    value: float | None

    def answers(self, z: np.ndarray) -> np.ndarray:
        """The mean of the networks' answers."""
        each = [one.answers(one.outputs(z[None], self.live))[0] for one in self.networks]
        return np.mean(each, axis=0)

    def tidy(self, z: np.ndarray) -> np.ndarray:
        """The nearest example that there can be: pixels are whole and between 0 and 255."""
        return np.clip(z, 0, 255).round() if self.networks[0].plan.input_is(ImageInput) else z

    def bounded(self, z: np.ndarray) -> np.ndarray:
        """Within the range of pixels."""
        z = z.astype(np.float32)
        return np.clip(z, 0, 255) if self.networks[0].plan.input_is(ImageInput) else z

    def turned(self, z: np.ndarray) -> bool:
        """Whether the answer to an example is the wanted one."""
        answer = self.answers(z)
        if self.value is not None:
            return bool((answer[0] - self.value) * (self.before[0] - self.value) <= 0)
        winner = int(answer.argmax())
        return winner != self.looked_at[0] and (len(self.looked_at) > 2 or winner == self.looked_at[1])

    def ways(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What is missing to each boundary, and the way to it by the gradient: one for each other class looked at."""
        pairs = [jax.device_get(_slopes(one.plan)(z, one.weights, self.live, self.looked_at)) for one in self.networks]
        scores, slopes = (np.mean([pair[i] for pair in pairs], axis=0) for i in (0, 1))
        if self.value is not None:
            part = self.networks[0].part
            missing, ways = np.array([(self.value - part.shift) / part.scale - scores[0]]), slopes
        else:
            missing, ways = scores[0] - scores[1:], slopes[1:] - slopes[0]
        if self.networks[0].plan.input_is(ImageInput):  # a pixel at its limit goes no further
            onward = ways * np.sign(missing).reshape(-1, *(1,) * z.ndim)
            ways = np.where(((z <= 0) & (onward < 0)) | ((z >= 255) & (onward > 0)), 0, ways)
        return missing, ways

    def nearest(self) -> np.ndarray:
        """The boundaries that are looked at, the one that is nearest by the gradient first."""
        missing, ways = self.ways(self.z)
        return np.argsort(np.abs(missing) / np.sqrt(_squares(ways)), kind="stable")

    def step(self, z: np.ndarray, which: int) -> np.ndarray:
        """The way to one of the boundaries, as the gradient has it here."""
        missing, ways = self.ways(z)
        # A little further than the boundary: where the two are as good as equal nothing is turned yet.
        share = missing[which] + np.sign(missing[which] or 1) * 1e-3
        return BEYOND * share / _squares(ways)[which] * ways[which]


def _squares(ways: np.ndarray) -> np.ndarray:
    return np.maximum((ways.reshape(len(ways), -1) ** 2).sum(axis=1), 1e-20)


def _of_input(
    of: Model | NetworkPart, networks: Sequence[Answering], x: np.ndarray, target: float | None
) -> Counterfactual:
    z, live = networks[0].moved(x)
    walk = _Walk(networks, z, live, np.zeros(0), np.zeros(0, int), None)
    before = walk.answers(z)
    if task_of(part_of(of)) == "regression":
        value = float(before[0] + networks[0].part.scale) if target is None else float(target)
        walk = _Walk(networks, z, live, before, np.zeros(1, np.int32), value)
    else:
        wanted, own = _checked(of, before, target), int(before.argmax())
        others = [i for i in np.argsort(-before) if i != own][:CLASSES] if wanted is None else [wanted]
        walk = _Walk(networks, z, live, before, np.array([own, *others], np.int32), None)
    changed = _over(walk)
    if changed is None:
        words = f"No small change was found that turns the answer, in {STEPS} steps along the gradient."
        wanted = None if target is None or task_of(part_of(of)) == "regression" else int(target)
        return Counterfactual(False, wanted, _f32(before), _f32(before), 0.0, words)
    return _described(of, walk, x, changed)


def _over(walk: _Walk) -> np.ndarray | None:
    """The nearest example found over one of the nearest boundaries; None where none was."""
    found = [there for which in walk.nearest()[:BOUNDARIES] if (there := _over_one(walk, int(which))) is not None]
    return min(found, key=lambda there: float(np.nansum((there - walk.z) ** 2)), default=None)


def _over_one(walk: _Walk, which: int) -> np.ndarray | None:
    """Step by step over one boundary, then back as far as the answer stays turned."""
    z = walk.z
    for _ in range(STEPS):
        z = walk.bounded(z + walk.step(z, which))
        if walk.turned(z):
            # Whole pixels may fall back over the boundary: go on in the same direction.
            further = (walk.bounded(walk.z + share * (z - walk.z)) for share in FURTHER)
            there = next((one for one in further if walk.turned(walk.tidy(one))), None)
            return None if there is None else _back(walk, there)
    return None


def _back(walk: _Walk, z: np.ndarray) -> np.ndarray:
    """As near to the example as it stays turned, on the straight way."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if walk.turned(walk.tidy(walk.z + middle * (z - walk.z))):
            high = middle
        else:
            low = middle
    return walk.tidy(walk.z + high * (z - walk.z)).astype(np.float32)


def _described(of: Model | NetworkPart, walk: _Walk, x: np.ndarray, changed: np.ndarray) -> Counterfactual:
    after = walk.answers(changed)
    difference = np.nan_to_num(changed - walk.z)
    size = float(np.sqrt(np.mean(difference**2)))
    target = None if walk.value is not None else int(after.argmax())
    kind = getattr(walk.networks[0].plan.input, "kind", "")
    mask = np.abs(difference).sum(axis=-1) if kind in ("image", "series", "sound") else np.abs(difference)
    what = {"image": f"pixels moved by {size:.2g} of 255", "series": f"values moved by {size:.2g}"}
    how = what.get(kind, f"numbers moved by {size:.2g}")
    answer = f"be {_said(float(after[0]))}" if target is None else f"say {class_name(of, target)}"
    words = f"With its {how} (root mean square) it would {answer}."
    if kind == "image":
        changed = changed.astype(x.dtype)
    elif kind == "sound":
        changed = changed[..., 0]
    return Counterfactual(True, target, _f32(walk.before), _f32(after), size, words, (), changed, _f32(mask))
