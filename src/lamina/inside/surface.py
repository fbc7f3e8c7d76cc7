"""Surface: what a model answers over two columns, or two numbers of the input, all else staying as in one example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.data.preprocess import Feature
from lamina.data.table import Table
from lamina.errors import OptionError
from lamina.inside.answering import answering
from lamina.inside.opened import checked_example
from lamina.inside.prepared import checked_column, rows_of, table_kind, table_of
from lamina.model import Model, NetworkPart
from lamina.network import ImageInput, SeriesInput

SIZE, WORDS = 40, 20
QUARTILES = 2.0  # distances of the quartiles from the median, to either side, where nothing says how far values go


@dataclass(frozen=True)
class Surface:
    """The answers over two of the things that go in, by name (a column) or place (in the input).

    ``xs`` are values of ``first``, ``ys`` of ``second``: numbers, or words; ``values`` [ys, xs, classes or 1] are class
    probabilities or values. ``here`` are the example's own two values.
    """

    first: str | tuple[int, ...]
    second: str | tuple[int, ...]
    xs: tuple[Any, ...]
    ys: tuple[Any, ...]
    values: np.ndarray
    here: tuple[Any, Any]


def surface(
    of: Model | NetworkPart,
    example: Mapping[str, Any] | np.ndarray,
    first: str | tuple[int, ...],
    second: str | tuple[int, ...],
    *,
    size: int = SIZE,
    among: Mapping[str, Any] | None = None,
) -> Surface:
    """The decision surface around one example: a row of cells and two columns, or an input and two of its places.

    A column of numbers is looked at over the range that it has in the cells ``among`` (such as the kept examples'), two
    quartile distances to either side of its median without; a category over its words. A pixel goes from 0 to 255, a
    number of a series and any other over three deviations of the training part. An ensemble is asked as a whole for a
    row, of an input its first network is asked.

    OptionError for a column or a place that there isn't, or the same twice.

    >>> from lamina.network import Dense, Sequential
    >>> part = NetworkPart(Sequential([Dense(1, "linear")]), (2,), "squared", None, np.array([1, 10, 0], "f4"), {})
    >>> found = surface(part, np.zeros(2), (0,), (1,), size=3)
    >>> found.xs, found.values[:, :, 0].tolist()
    ((-3.0, 0.0, 3.0), [[-33.0, -30.0, -27.0], [-3.0, 0.0, 3.0], [27.0, 30.0, 33.0]])
    """
    if first == second:
        raise OptionError(f"{first} is named twice.", expected="Two different columns or places.", mend="name another")
    if isinstance(example, Mapping):
        return _of_columns(of, example, (first, second), size, among or {})
    return _of_places(of, np.asarray(example), (first, second), size)


def _of_columns(
    of: Model | NetworkPart,
    cells: Mapping[str, Any],
    names: tuple[Any, Any],
    size: int,
    among: Mapping[str, Any],
) -> Surface:
    axes = [_along(of, name, size, among.get(name), cells.get(name)) for name in names]
    table = table_of({name: [value] for name, value in cells.items()})
    xs, ys = (np.array(axis, object if any(isinstance(v, str) for v in axis) else float) for axis in axes)
    grid = {names[0]: np.tile(xs, len(ys)), names[1]: np.repeat(ys, len(xs))}
    repeated = {name: np.repeat(column, len(xs) * len(ys)) for name, column in table.columns.items()}
    answers = rows_of(of, Table({**repeated, **grid})).answers()
    values = answers.reshape(len(ys), len(xs), -1).astype(np.float32)
    here = cells.get(names[0]), cells.get(names[1])
    return Surface(names[0], names[1], axes[0], axes[1], values, here)


def _along(of: Model | NetworkPart, name: Any, size: int, cells: Sequence[Any] | None, own: Any) -> tuple[Any, ...]:
    """The values of a column to look at."""
    place = checked_column(of, name)
    preprocessing = table_kind(of)
    feature = next(feature for feature in preprocessing.features if feature.name == name)
    if place.kind in ("category", "boolean"):
        words = feature.categories if place.kind == "category" else ("false", "true")
        first = [own] if isinstance(own, str) else []
        return tuple(dict.fromkeys([*first, *words]))[:WORDS]
    if place.kind == "datetime":
        return _dates(feature, cells, size)
    centre, scale = preprocessing.center[place.numbers[0]], preprocessing.scale[place.numbers[0]]
    there = [float(v) for v in cells or () if _is_number(v)]
    reach = QUARTILES / scale if scale else 1.0
    low, high = (min(there), max(there)) if there and min(there) < max(there) else (centre - reach, centre + reach)
    if _is_number(own):
        low, high = min(low, float(own)), max(high, float(own))
    return tuple(np.linspace(low, high, size).tolist())


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and bool(np.isfinite(value))


def _dates(feature: Feature, cells: Sequence[Any] | None, size: int) -> tuple[str, ...]:
    """Days from the first to the last that there are, or a year from the first on."""
    known = [np.datetime64(str(v)[:10], "D") for v in cells or () if v is not None]
    first = min(known, default=np.datetime64(feature.first or "2000-01-01", "D"))
    last = max(known, default=first + np.timedelta64(365, "D"))
    days = np.linspace(0, max(1, int((last - first).astype(int))), size).round().astype(int)
    return tuple(str(first + np.timedelta64(int(day), "D")) for day in days)


def _of_places(of: Model | NetworkPart, x: np.ndarray, places: tuple[Any, Any], size: int) -> Surface:
    asked, x = answering(of), checked_example(of, x)
    if asked.plan.input is not None and asked.plan.input.kind in ("sound", "table"):
        given = "A recording's numbers and a row's codes can't be moved one by one."
        raise OptionError(given, expected="A row of cells, a picture or a series.", mend="give the row as cells")
    spots = [_checked_place(place, x.shape) for place in places]
    xs, ys = (_reach(asked, spot, size) for spot in spots)
    grid = np.repeat(x[None].astype(np.float32), len(xs) * len(ys), axis=0)
    grid[(slice(None), *spots[0])] = np.tile(xs, len(ys))
    grid[(slice(None), *spots[1])] = np.repeat(ys, len(xs))
    answers = asked.answers(asked.outputs(grid)).reshape(len(ys), len(xs), -1)
    here = float(x[spots[0]]), float(x[spots[1]])
    return Surface(spots[0], spots[1], tuple(xs.tolist()), tuple(ys.tolist()), answers.astype(np.float32), here)


def _checked_place(place: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    spot = (place,) if isinstance(place, int) else tuple(place)
    if len(spot) != len(shape) or not all(0 <= i < n for i, n in zip(spot, shape, strict=True)):
        raise OptionError(
            f"The example has no place {place}.",
            expected=f"A number for each axis of {list(shape)}, from 0.",
            mend=f"{tuple(0 for _ in shape)}",
        )
    return spot


def _reach(asked: Any, spot: tuple[int, ...], size: int) -> np.ndarray:
    """The values of one number of the input to look at."""
    layer = asked.plan.input
    if isinstance(layer, ImageInput):
        return np.linspace(0, 255, size)
    if isinstance(layer, SeriesInput):
        mean, deviation = (float(asked.weights[f"0.series.{of}"][spot[-1]]) for of in ("mean", "deviation"))
        return np.linspace(mean - 3 * deviation, mean + 3 * deviation, size)
    return np.linspace(-3, 3, size)
