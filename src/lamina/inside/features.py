"""Features: what a unit of a network looks for, by the examples that excite it and by an input made to excite it.

Source: Olah et al., "Feature visualization" (Distill 2017): examples show what a unit reacts to, an optimised input
what of it the unit needs.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from lamina.data.preprocess import TablePreprocessing
from lamina.errors import OptionError
from lamina.inside.anatomy import ANSWER, INPUT, anatomy, has_mask
from lamina.inside.answering import Answering, Plan, altered, answering
from lamina.inside.field import Field, fields
from lamina.inside.kept import Kept
from lamina.inside.opened import part_of, remembered
from lamina.inside.prepared import slots
from lamina.inside.trace import outputs
from lamina.model import Model, NetworkPart
from lamina.network import Conv, Dense, ImageInput, Layer, SeriesInput
from lamina.network.tree import walk

SHOWN = 12  # examples at either end
AT_ONCE = 256  # examples
STEPS, RATE, DECAY = 128, 0.1, 0.05  # of the ascent: of each step's direction, in deviations; and of what there is
SMOOTH, JITTER, START = (
    0.02,
    16,
    0.1,
)  # of the total variation; pictures move by a 16th of what is seen; noise at first
TENTH, FEWEST = 10, 5  # the strongest tenth of the examples, but so many at least, say what range excites
TRIED, SWEEPS = 32, 2  # values of a column of a table, and how often all columns are gone through


@dataclass(frozen=True)
class Excited:
    """A kept example and how much it excites a unit at most: where in the layer's output that is, and what of the
    input is seen from there, from where to where (exclusive) along each axis of places; None: all of it.
    """

    id: int
    value: float
    at: tuple[int, ...]
    window: tuple[tuple[int, int], ...] | None


@dataclass(frozen=True)
class Range:
    """What a column of a table holds where a unit is strongly excited, beside what it holds in all kept examples.

    Of numbers ``low`` and ``high`` are the 10 and 90 % quantiles, ``all_low`` and ``all_high`` those of all. Of words
    ``words`` has the share of each, and that in all. ``apart`` says how far the two are: in quartile distances between
    the medians, or as the largest difference of shares.
    """

    column: str
    apart: float
    low: float | None = None
    high: float | None = None
    all_low: float | None = None
    all_high: float | None = None
    words: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Features:
    """What a unit looks for.

    ``strongest`` and ``weakest`` are kept examples, the most extreme first. ``optimised`` is an input made to excite
    the unit at ``optimised_at``, of the shape that the network takes (of a recording: a spectrogram [frames, mels], in
    deviations); ``optimised_value`` is what comes out of the unit then, and ``optimised_window`` what it sees there.
    For tables it is a prepared row, put together from values that occur, which are its ``cells``; and ``ranges`` say
    how the columns of the most exciting tenth differ from all, the most different first.
    """

    path: str
    unit: int
    strongest: tuple[Excited, ...]
    weakest: tuple[Excited, ...]
    optimised: np.ndarray
    optimised_value: float
    optimised_at: tuple[int, ...]
    optimised_window: tuple[tuple[int, int], ...] | None
    cells: Mapping[str, Any] = field(default_factory=dict)
    ranges: tuple[Range, ...] = ()


def features(kept: Kept, of: Model | NetworkPart, path: str, unit: int, *, count: int = SHOWN) -> Features:
    """What excites one unit of a layer: a feature of a dense or recurrent layer, a channel of a convolution.

    An example excites it as much as the place that excites it most. The optimised input starts as faint noise of a
    fixed seed and follows the gradient of the unit before its activation, at the middle place (behind a layer with a
    memory at the last step), kept small (L2) and smooth (total variation; of series, small differences of
    neighbours), pictures also jittered. Everything that one asks of a layer first is kept for its other units.

    OptionError for a layer or a unit that there isn't.

    >>> from lamina.network import Dense, Sequential
    >>> part = NetworkPart(Sequential([Dense(1)]), (2,), "squared", None, np.array([3.0, -1.0, 0.0], "f4"), {})
    >>> x, ids = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0]], "f4"), np.arange(3)
    >>> kept = Kept("series", ids, ids.astype(str), ids.astype(str), ids, ids, x)
    >>> found = features(kept, part, "0.dense", 0, count=1)
    >>> found.strongest[0]
    Excited(id=2, value=6.0, at=(0,), window=None)
    >>> (found.optimised / found.optimised[0]).astype(float).round(1).tolist()
    [1.0, -0.3]
    """
    part = part_of(of)
    excitement = excited(kept, part, path)
    if not 0 <= unit < excitement.values.shape[1]:
        given, most = f"The layer {path} has no unit {unit}.", excitement.values.shape[1] - 1
        raise OptionError(given, expected=f"A number from 0 to {most}.", mend="0")
    seen = fields(part.network, part.shape).get(path)
    order = np.argsort(-excitement.values[:, unit], kind="stable")
    strongest, weakest = (
        tuple(_excited(excitement, int(row), unit, seen) for row in rows)
        for rows in (order[:count], order[::-1][:count])
    )
    found = Features(path, unit, strongest, weakest, np.zeros(0), 0.0, (), None)
    if isinstance(part.preprocessing, TablePreprocessing) and kept.cells is not None:
        ranges = _ranges(kept, order[: max(FEWEST, len(order) // TENTH)])
        return replace(_put_together(excitement.inputs, kept, part, found, int(order[0])), ranges=ranges)
    return _optimised(answering(part), found, excitement.places, seen)


# --- examples --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Excitement:
    """How much each kept example excites each unit of a layer at most, [n, units], and at which of its ``places``.

    ``inputs`` [n, ...] are the examples as the network takes them.
    """

    values: np.ndarray
    at: np.ndarray
    places: tuple[int, ...]
    inputs: np.ndarray


def excited(kept: Kept, part: NetworkPart, path: str) -> Excitement:
    """How much the kept examples excite every unit of a layer; kept for the next unit.

    OptionError for a layer that there isn't, and for the input, which nothing excites.
    """
    if path == INPUT:
        raise OptionError("Nothing excites the input.", expected="A layer.", mend=anatomy(part)[1].path)
    known = remembered(part, "excited", dict)
    if path not in known or known[path][0] is not kept:
        known[path] = kept, _excitement(kept, part, path)
    return known[path][1]


def _excitement(kept: Kept, part: NetworkPart, path: str) -> Excitement:
    inputs, ends = kept.inputs_for(part), has_mask(anatomy(part))
    values, at, places = [], [], ()
    for start in range(0, len(inputs), AT_ONCE):
        y = outputs(part, inputs[start : start + AT_ONCE], path)
        places = y.shape[1:-1]
        flat = _alive(y, ends=ends and bool(places)).reshape(len(y), -1, y.shape[-1])
        best = flat.argmax(axis=1)
        at.append(best)
        values.append(np.take_along_axis(flat, best[:, None], axis=1)[:, 0])
    return Excitement(np.concatenate(values), np.concatenate(at), places, inputs)


def _alive(y: np.ndarray, *, ends: bool) -> np.ndarray:
    """Outputs without the zeros behind the end of what is shorter, which would win over what is below zero."""
    if not ends:
        return y
    some = (y != 0).reshape(*y.shape[:2], -1).any(axis=2)
    there = np.flip(np.maximum.accumulate(np.flip(some, axis=1), axis=1), axis=1)
    there[:, 0] = True
    return np.where(there.reshape(*there.shape, *(1,) * (y.ndim - 2)), y, -np.inf)


def _excited(excitement: Excitement, row: int, unit: int, seen: Field | None) -> Excited:
    place = tuple(int(i) for i in np.unravel_index(excitement.at[row, unit], excitement.places or (1,)))
    place = place if excitement.places else ()
    window = seen.window(place) if seen is not None and place else None
    return Excited(row, float(excitement.values[row, unit]), (*place, unit), window)


# --- the optimised input ---------------------------------------------------------------------------------------------


@functools.lru_cache(64)
def _ascent(plan: Plan, path: str) -> Callable[..., Any]:
    """The program that makes an input for a unit of that layer at a place; which unit and place is data."""
    bare = replace(plan, network=altered(plan.network, lambda at, layer: _linear(layer) if at == path else layer))
    picture = plan.input_is(ImageInput)

    def run(weights: Any, start: Array, units: Array, index: Array, jitter: Array) -> tuple[Array, Array]:
        mean, scale = units
        axes = tuple(range(min(2, start.ndim - 1)))

        def said(u: Array, plan: Plan) -> Array:
            z = mean + scale * u
            y = plan.recorded(weights, (jnp.clip(z, 0, 255) if picture else z)[None], path)[0]
            for i in range(y.ndim):
                y = lax.dynamic_index_in_dim(y, index[i], 0, keepdims=False)
            return y

        def step(at: Array, u: Array) -> Array:
            key = jax.random.fold_in(jax.random.key(1), at)
            moves = jax.random.randint(key, (len(axes),), -jitter, jitter + 1)
            slope = jax.grad(said)(_rolled(u, moves, axes), bare)
            # Where the unit sees nothing there is no slope: the step is the same however little of the input it sees.
            size = jnp.sqrt(jnp.sum(slope**2) / jnp.maximum(jnp.sum(slope != 0), 1))
            slope = _rolled(slope / jnp.maximum(size, 1e-12), -moves, axes)
            u = u * (1 - DECAY) + RATE * slope - SMOOTH * jax.grad(_roughness)(u, axes)
            return (jnp.clip(mean + scale * u, 0, 255) - mean) / scale if picture else u

        u = lax.fori_loop(0, STEPS, step, start)
        return mean + scale * u, said(u, plan)

    return jax.jit(run)


def _linear(layer: Layer) -> Layer:
    return replace(layer, activation="linear") if isinstance(layer, (Conv, Dense)) else layer


def _rolled(u: Array, moves: Array, axes: tuple[int, ...]) -> Array:
    for axis in axes:
        u = jnp.roll(u, moves[axis], axis)
    return u


def _roughness(u: Array, axes: tuple[int, ...]) -> Array:
    """The total variation of a picture; of what has one axis, half the squares of the differences of neighbours."""
    if len(axes) < 2:
        return sum((jnp.sum(jnp.diff(u, axis=axis) ** 2) / 2 for axis in axes), jnp.float32(0))
    down, right = u[1:, :-1] - u[:-1, :-1], u[:-1, 1:] - u[:-1, :-1]
    return jnp.sum(jnp.sqrt(down**2 + right**2 + 1e-4))


def _recorded(part: NetworkPart, path: str) -> str:
    """The layer that says what an organ does: of the answer the last, of a sum within a block the block."""
    known = [at for at, _ in walk(part.network) if at]
    return known[-1] if path == ANSWER else path if path in known else path.rpartition(".")[0]


def _optimised(asked: Answering, found: Features, places: tuple[int, ...], seen: Field | None) -> Features:
    plan, part = asked.plan, asked.part
    shape = plan.moved_shape()
    # Behind a layer with a memory the last step has seen the most.
    middle = tuple(size // 2 if seen is not None else size - 1 for size in places)
    index = (*middle, found.unit)
    mean, scale = np.zeros(shape[-1], np.float32), np.ones(shape[-1], np.float32)
    if plan.input_is(ImageInput) or plan.input_is(SeriesInput):
        by = 255 if plan.input_is(ImageInput) else 1
        kind = plan.input.kind
        mean, scale = (np.asarray(asked.weights[f"0.{kind}.{of}"]) * by for of in ("mean", "deviation"))
    axes = range(min(2, len(shape) - 1))
    window = seen.window(middle) if seen is not None and middle else None
    jitter = [shape[i] if window is None else window[i][1] - window[i][0] for i in axes]
    jitter = np.array(jitter, np.int32) // JITTER * plan.input_is(ImageInput)
    start = (START * np.random.default_rng(0).normal(size=shape)).astype(np.float32)
    inside = _recorded(part, found.path)
    data = start, np.stack([mean, scale]), np.array(index, np.int32), jitter
    made, value = jax.device_get(_ascent(plan, inside)(asked.weights, *data))
    if plan.input is not None and plan.input.kind == "sound":
        made = made[..., 0]
    return replace(found, optimised=made, optimised_value=float(value), optimised_at=index, optimised_window=window)


# --- tables ----------------------------------------------------------------------------------------------------------


def _put_together(rows: np.ndarray, kept: Kept, part: NetworkPart, found: Features, best: int) -> Features:
    """A row of values that occur, the column that does most being exchanged first, from the strongest example on."""
    cells = kept.cells
    assert cells is not None
    assert isinstance(part.preprocessing, TablePreprocessing)
    places = slots(part.preprocessing)
    row, chosen = rows[best].copy(), dict.fromkeys(places, best)
    value = float(outputs(part, row[None], found.path)[0, found.unit])
    for _ in range(SWEEPS):
        for name, place in places.items():
            others = _different(rows[:, place.all])
            tried = np.repeat(row[None], len(others), axis=0)
            tried[:, place.all] = rows[others][:, place.all]
            answers = outputs(part, tried, found.path)[:, found.unit]
            if answers.max() > value:
                at = int(others[answers.argmax()])
                row, value, chosen[name] = tried[answers.argmax()], float(answers.max()), at
    together = {name: cells[name][at] for name, at in chosen.items()}
    return replace(found, optimised=row, optimised_value=value, optimised_at=(found.unit,), cells=together)


def _different(values: np.ndarray) -> np.ndarray:
    """Rows of different values [n, places], spread over all of them."""
    _, first = np.unique(values, axis=0, return_index=True)
    return first[np.unique(np.linspace(0, len(first) - 1, min(TRIED, len(first))).round().astype(int))]


def _ranges(kept: Kept, rows: np.ndarray) -> tuple[Range, ...]:
    assert kept.cells is not None
    found = [_range(name, cells, rows) for name, cells in kept.cells.items()]
    return tuple(sorted(found, key=lambda one: -one.apart))


def _range(name: str, cells: Sequence[Any], rows: np.ndarray) -> Range:
    """How the cells of some rows differ from all."""
    if all(cell is None or isinstance(cell, (int, float)) for cell in cells):
        numbers = np.array([np.nan if cell is None else cell for cell in cells], float)
        few, every = (of[np.isfinite(of)] for of in (numbers[rows], numbers))
        if not len(few):
            return Range(name, 0.0)
        limits = [float(limit) for of in (few, every) for limit in np.quantile(of, (0.1, 0.9))]
        width = float(np.subtract(*np.quantile(every, (0.75, 0.25))))
        apart = abs(float(np.median(few) - np.median(every))) / width if width > 0 else 0.0
        return Range(name, apart, limits[0], limits[1], limits[2], limits[3])
    few, every = Counter(_word(cells[i]) for i in rows), Counter(map(_word, cells))
    shares = {word: (few[word] / len(rows), n / len(cells)) for word, n in every.most_common(TRIED)}
    return Range(name, max(abs(mine - all_) for mine, all_ in shares.values()), words=shares)


def _word(cell: Any) -> str:
    return "missing" if cell is None else str(cell)
