"""Saliency: what in one example spoke for an answer, by five ways of asking.

Each is compiled once for a network; another example, class or size of window is data.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from lamina.data.preprocess import TablePreprocessing
from lamina.errors import OptionError, ShapeError
from lamina.inside.answering import (
    Answering,
    Of,
    Plan,
    answering,
    checked_target,
    class_name,
    explained,
    owners,
    spread,
)
from lamina.inside.field import Field, fields
from lamina.inside.opened import checked_example
from lamina.inside.prepared import Slots, slots
from lamina.model import Model, NetworkPart
from lamina.network import Activation, BatchNorm, Conv, LayerNorm, TableInput, walk

Method = Literal["gradient", "integrated", "smoothgrad", "gradcam", "occlusion"]
METHODS: tuple[Method, ...] = get_args(Method)
STEPS, MOST_STEPS = 64, 2048  # of a path from the baseline: at first, and with all that were halved
COMPLETE = 1e-3  # of the change of the answer: so much may be missing from the sum of integrated gradients
NOISES, NOISE = 32, 0.15  # examples with noise of so much of the example's range (Smilkov et al. 2017, sec. 4.1)
WINDOWS = 7, 20  # so many windows cover an axis of a picture, and that of a series; they overlap by half


@dataclass(frozen=True)
class Saliency:
    """How much each number of an example spoke for an answer.

    ``values`` have the shape of the example (of a recording: of its spectrogram [frames, mels]); ``places`` are their
    sums over the channels, [height, width], [time], [frames, mels] or as ``values``. ``target`` is the class, None for
    a regression; ``of`` says whether its logit, its probability or the value is explained, which is ``answer``;
    ``unit`` says what one of the values means. ``baseline`` is the example that says nothing. Of integrated gradients
    ``total`` is what they sum to, the answer less the baseline's, ``error`` what is missing from it, and ``steps`` how
    many gradients it took. For tables ``columns`` has a number a column, NaN where the method has none. ``words`` name
    what spoke most.
    """

    method: Method
    target: int | None
    of: Of
    values: np.ndarray
    places: np.ndarray
    answer: float
    unit: str
    baseline: np.ndarray
    words: str
    total: float | None = None
    error: float | None = None
    steps: int = 1
    columns: Mapping[str, float] = field(default_factory=dict)


def saliency(
    of: Model | NetworkPart,
    x: Any,
    method: Method = "gradient",
    target: int | None = None,
    *,
    explain: Of | None = None,
    window: int | tuple[int, ...] | None = None,
    usual: np.ndarray | None = None,
) -> Saliency:
    """What in one example speaks for its answer; ``of`` an ensemble, its first network.

    - "gradient": how the answer moves when a number does (Simonyan et al. 2013, arXiv 1312.6034, sec. 3).
    - "integrated": the gradient on the whole way from ``baseline`` times that way (Sundararajan et al. 2017, arXiv
      1703.01365); the values sum to what the answer gained on it.
    - "smoothgrad": the mean gradient of the example under noise (Smilkov et al. 2017, arXiv 1706.03825).
    - "gradcam": where the maps of the last convolution are that speak for the answer (Selvaraju et al. 2017, arXiv
      1610.02391), never negative.
    - "occlusion": what the answer loses when a ``window`` of the example is hidden, or a table's column has its usual
      value (Zeiler and Fergus 2014, arXiv 1311.2901, sec. 4.2).

    ``target`` is a class, the predicted one if None. ``explain`` says whether its "logit" or its "probability" is
    looked at: the logit, but for occlusion; a probability near 1 has no gradient.

    Of a table, ``x`` is the prepared row. A category's code has no gradient: it gets NaN from the gradients, and from
    integrated gradients the sum over its indicators or its embedding; occlusion, which puts the usual category in, is
    the honest one. ``columns`` have integrated gradients and occlusion summed over what a column became; of gradients,
    the change for one quartile distance of the column (of a date: its year and day). The usual value is the median of
    training and "not known", or the median and most frequent one of the prepared rows ``usual``.

    OptionError for a method or class that there isn't, ShapeError for several examples.

    >>> from lamina.network import Dense, Sequential, build, leaves
    >>> from lamina.training.vector import Layout
    >>> network = Sequential([Dense(1, "linear")])
    >>> layer = Layout.of(build(network, (3,)))
    >>> part = NetworkPart(network, (3,), "squared", None, np.array([2.0, -1.0, 0.0, 5.0], np.float32), {})
    >>> saliency(part, np.array([1.0, 4.0, 3.0])).values.tolist()
    [2.0, -1.0, 0.0]
    >>> saliency(part, np.array([1.0, 4.0, 3.0]), "integrated").values.tolist()
    [2.0, -4.0, 0.0]
    """
    _checked_method(method)
    asked, x = answering(of), checked_example(of, x)
    z, live = asked.moved(x)
    outputs = asked.outputs(z[None], live)
    target = checked_target(asked, target, outputs[0])
    how: Of = "value" if target is None else explain or ("probability" if method == "occlusion" else "logit")
    base = asked.baseline(z)
    question = _Question(asked, z, live, base, target or 0, how)
    if method == "gradient":
        answered = _gradient(question)
    elif method == "integrated":
        answered = _integrated(question)
    elif method == "smoothgrad":
        answered = _smoothgrad(question)
    elif method == "gradcam":
        answered = _gradcam(question)
    elif isinstance(asked.part.preprocessing, TablePreprocessing):
        answered = _without_columns(question, x, usual)
    else:
        answered = _occlusion(question, window)
    return _finished(of, question, method, answered)


@dataclass(frozen=True, eq=False)
class _Question:
    """One example in moved numbers ``z``, which of its steps live, its baseline, and what is explained."""

    asked: Answering
    z: np.ndarray
    live: np.ndarray | None
    base: np.ndarray
    target: int
    of: Of

    @property
    def kind(self) -> str:
        """What the input layer is of: "image", "series", "sound", "table" or ""."""
        return getattr(self.asked.plan.input, "kind", "")

    @property
    def data(self) -> tuple[Any, ...]:
        """What every program takes behind its own arguments."""
        return self.live, np.int32(self.target), self.asked.scaling

    def answers(self, z: np.ndarray) -> np.ndarray:
        """What is explained, of so many examples like this one, [n]."""
        outputs = self.asked.outputs(z, self.live)
        if self.of == "value":
            return self.asked.answers(outputs)[:, 0]
        return (outputs if self.of == "logit" else self.asked.answers(outputs))[:, self.target]


@dataclass(frozen=True)
class _Answered:
    """Values of the moved numbers (or, for tables, of the row), and what else a method has found."""

    values: np.ndarray
    total: float | None = None
    error: float | None = None
    steps: int = 1
    columns: Mapping[str, float] | None = None


def _finished(of: Model | NetworkPart, question: _Question, method: Method, answered: _Answered) -> Saliency:
    target = None if question.of == "value" else question.target
    name = class_name(of, target)
    values, base, columns = _shaped(question, answered, summed=method == "integrated")
    places = values.sum(axis=-1) if question.kind in ("image", "series") else values
    return Saliency(
        method,
        target,
        question.of,
        values.astype(np.float32),
        places.astype(np.float32),
        float(question.answers(question.z[None])[0]),
        _unit(method, question.of, name),
        base.astype(np.float32),
        _words(places, columns, name, question.kind),
        answered.total,
        answered.error,
        answered.steps,
        columns,
    )


def _shaped(question: _Question, answered: _Answered, *, summed: bool) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Values and baseline in the shape of the example, and what each column of a table gets."""
    values, base, layer = answered.values, question.base, question.asked.plan.input
    if isinstance(layer, TableInput):
        nothing = np.zeros(layer.numbers + len(layer.cardinalities))
        if answered.columns is not None:
            return values, nothing, dict(answered.columns)
        values = _of_row(layer, values, summed=summed)
        return values, nothing, _of_columns(question.asked.part, values, question.z, summed=summed)
    if question.live is not None:
        values = np.where(question.live.reshape(-1, *(1,) * (values.ndim - 1)), values, 0)
    values = np.where(np.isnan(question.z), 0, values)
    return (values[..., 0], base[..., 0], {}) if question.kind == "sound" else (values, base, {})


def _unit(method: Method, of: Of, name: str) -> str:
    what = f"the value of {name}" if of == "value" else f"the {of} of {name}"
    return {
        "gradient": f"how much {what} changes when the number grows by 1",
        "integrated": f"how much of the change of {what} from the baseline to the example is due to the number",
        "smoothgrad": f"how much {what} changes when the number grows by 1, the mean over noisy copies of the example",
        "gradcam": f"how much the maps of the last convolution that speak for {what} are there",
        "occlusion": f"how much {what} falls when this is hidden",
    }[method]


def _words(places: np.ndarray, columns: Mapping[str, float], name: str, kind: str) -> str:
    """What spoke most, in one sentence."""
    if columns:
        known = {column: value for column, value in columns.items() if np.isfinite(value) and value}
        if not known:
            return "No column makes a difference."
        most = max(known, key=lambda column: abs(known[column]))
        return f"{most} speaks most {'for' if known[most] > 0 else 'against'} {name}."
    if not np.nanmax(np.abs(places), initial=0) > 0:
        return "Nothing in it makes a difference."
    at = np.unravel_index(int(np.nanargmax(np.abs(places))), places.shape)
    named = {"image": ("row", "column"), "series": ("step",), "sound": ("frame", "band")}.get(kind, ("number",))
    where = ", ".join(f"{axis} {i + 1}" for axis, i in zip(named, at, strict=False))
    return f"{where[:1].upper()}{where[1:]} speaks most {'for' if places[at] > 0 else 'against'} {name}."


# --- tables: from what is moved back to the row and to its columns ----------------------------------------------------


def _of_row(layer: TableInput, values: np.ndarray, *, summed: bool) -> np.ndarray:
    """Values of moved numbers as those of the prepared row: a category's summed, or NaN where a sum says nothing."""
    count = layer.numbers + len(layer.cardinalities)
    row = np.bincount(owners(layer), weights=values.astype(np.float64), minlength=count)
    if not summed:
        row[layer.numbers :] = np.nan
    return row


def _of_columns(part: NetworkPart, row: np.ndarray, z: np.ndarray, *, summed: bool) -> dict[str, float]:
    if not isinstance(part.preprocessing, TablePreprocessing):
        return {}
    return {name: _of_column(of, row, z, summed=summed) for name, of in slots(part.preprocessing).items()}


def _of_column(column: Slots, row: np.ndarray, z: np.ndarray, *, summed: bool) -> float:
    """A sum over the column's places; of gradients, the chain rule through the bend of `TablePreprocessing`.

    x / sqrt(1 + (x / 3)^2) = y has the derivative (1 - (y / 3)^2)^(3/2) by x, which is in quartile distances.
    """
    if summed:
        return float(row[column.all].sum())
    if not column.bent:
        return float("nan")
    bent = list(column.bent)
    return float((row[bent] * np.maximum(1 - (z[bent] / 3) ** 2, 0) ** 1.5).sum())


def _without_columns(question: _Question, x: np.ndarray, usual: np.ndarray | None) -> _Answered:
    """What the answer loses when one column after the other has its usual value."""
    part = question.asked.part
    assert isinstance(part.preprocessing, TablePreprocessing)
    columns, numbers = slots(part.preprocessing), part.preprocessing.numbers
    ordinary = np.zeros(len(x)) if usual is None else _usual(np.asarray(usual), numbers)
    hidden = np.repeat(x[None].astype(np.float32), len(columns) + 1, axis=0)
    for row, column in enumerate(columns.values()):
        hidden[row, column.all] = ordinary[column.all]
    answers = question.answers(question.asked.all_moved(hidden)[0])
    lost = answers[-1] - answers[:-1]
    values = np.zeros(len(x))
    for loss, column in zip(lost, columns.values(), strict=True):
        values[column.all] = loss / len(column.all)
    return _Answered(values, columns=dict(zip(columns, lost.tolist(), strict=True)))


def _usual(rows: np.ndarray, numbers: int) -> np.ndarray:
    """The median of each number and the most frequent code of each category."""
    codes = [np.bincount(of.astype(int)).argmax() for of in rows[:, numbers:].T]
    return np.array([*np.median(rows[:, :numbers], axis=0), *codes])


# --- gradients -------------------------------------------------------------------------------------------------------


def _summed(plan: Plan, of: Of) -> Callable[..., tuple[Array, Array]]:
    """What is explained, summed over examples that don't know of each other, and of each."""

    def summed(z: Array, weights: Any, live: Array | None, target: Array, scaling: Array) -> tuple[Array, Array]:
        each = explained(plan, of, plan.outputs(weights, z, spread(live, len(z))), target, scaling)
        return each.sum(), each

    return summed


@functools.cache
def _gradients(plan: Plan, of: Of) -> Callable[..., Any]:
    return jax.jit(jax.grad(_summed(plan, of), has_aux=True))


def _gradient(question: _Question) -> _Answered:
    program = _gradients(question.asked.plan, question.of)
    found, _ = program(question.z[None], question.asked.weights, *question.data)
    return _Answered(np.nan_to_num(np.asarray(found)[0]))


@functools.cache
def _noisy(plan: Plan, of: Of, count: int) -> Callable[..., Any]:
    """The sum of the gradients of so many noisy copies; what isn't there stays away."""
    gradients = jax.grad(_summed(plan, of), has_aux=True)

    def run(z: Array, noise: Array, key: Array, weights: Any, *data: Any) -> Array:
        drawn = z[None] + noise * jax.random.normal(key, (count, *z.shape))
        return jnp.nan_to_num(gradients(drawn, weights, *data)[0]).sum(axis=0)

    return jax.jit(run)


def _smoothgrad(question: _Question) -> _Answered:
    asked, there = question.asked, question.z[np.isfinite(question.z)]
    noise = np.float32(NOISE * (there.max() - there.min()) if there.size else 0)
    size = asked.size(NOISES)
    program = _noisy(asked.plan, question.of, size)
    found = [
        np.asarray(program(question.z, noise, jax.random.key(at), asked.weights, *question.data))
        for at in range(NOISES // size)
    ]
    return _Answered(np.sum(found, axis=0) / NOISES, steps=NOISES)


@functools.cache
def _along(plan: Plan, of: Of) -> Callable[..., Any]:
    """Stretches of the way from baseline to example, by the midpoint rule.

    A stretch is judged by what it must sum to, the difference of the answers at its ends. Given are the sum of the
    gradients over the stretches that are near enough, that over the others, which are near, and the answers at the
    ends.
    """
    summed = _summed(plan, of)
    gradients = jax.grad(summed, has_aux=True)

    def run(z: Array, base: Array, starts: Array, widths: Array, allowed: Array, weights: Any, *data: Any) -> Any:
        way = z - base
        at = lambda share: base[None] + share.reshape(-1, *(1,) * z.ndim) * way[None]  # noqa: E731
        begin, end = (summed(at(share), weights, *data)[1] for share in (starts, starts + widths))
        slopes = jnp.nan_to_num(gradients(at(starts + widths / 2), weights, *data)[0] * way[None])
        missing = end - begin - widths * slopes.reshape(len(slopes), -1).sum(axis=1)
        near = jnp.abs(missing) <= allowed
        sums = (jnp.tensordot(jnp.where(which, widths, 0), slopes, axes=1) for which in (near, ~near))
        return *sums, near, jnp.stack([begin, end])

    return jax.jit(run)


def _integrated(question: _Question) -> _Answered:
    """Integrated gradients; stretches of the way that miss their part are halved until all together are complete."""
    ends = question.answers(np.stack([question.base, question.z]))
    total, spent = float(ends[1] - ends[0]), 0
    low, high = float(ends.min()), float(ends.max())
    found, todo = np.zeros(question.z.shape), [(at / STEPS, 1 / STEPS) for at in range(STEPS)]
    while True:
        range_ = max(abs(total), high - low)
        good, rest, refused, seen = _stretches(question, todo, COMPLETE * range_)
        found, spent = found + good, spent + len(todo)
        low, high = min(low, float(seen.min())), max(high, float(seen.max()))
        error = float((found + rest).sum() - total)
        if abs(error) <= COMPLETE * abs(total) or not refused or spent + 2 * len(refused) > MOST_STEPS:
            return _Answered(found + rest, total, error, spent)
        todo = [half for at, width in refused for half in ((at, width / 2), (at + width / 2, width / 2))]


def _stretches(question: _Question, todo: list[tuple[float, float]], allowed: float) -> tuple[Any, Any, list[Any], Any]:
    """The sum over the stretches that are near enough, that over the others, these, and the answers on the way.

    Errors have any sign: those of n stretches add up as the root of n does.
    """
    asked = question.asked
    size = asked.size(STEPS)
    program, found = _along(asked.plan, question.of), []
    for at in range(0, len(todo), size):
        starts, widths = np.pad(np.array(todo[at : at + size]), ((0, size - len(todo[at : at + size])), (0, 0))).T
        arrays = (np.asarray(of, np.float32) for of in (starts, widths, allowed * np.sqrt(widths / STEPS)))
        found.append(jax.device_get(program(question.z, question.base, *arrays, asked.weights, *question.data)))
    near = np.concatenate([piece[2] for piece in found])[: len(todo)]
    refused = [stretch for stretch, good in zip(todo, near, strict=True) if not good]
    seen = np.concatenate([piece[3] for piece in found], axis=1)
    return np.sum([piece[0] for piece in found], axis=0), np.sum([piece[1] for piece in found], axis=0), refused, seen


# --- Grad-CAM --------------------------------------------------------------------------------------------------------


@functools.cache
def _maps(plan: Plan, of: Of, stop: int) -> Callable[..., Any]:
    """The maps behind so many layers, each weighted by its mean gradient, summed, without what is negative."""

    def run(z: Array, weights: Any, live: Array | None, target: Array, scaling: Array) -> Array:
        before, behind = plan.halves(weights, stop)
        maps, mask = before(z[None], spread(live, 1))
        slopes = jax.grad(lambda y: explained(plan, of, behind(y, mask), target, scaling).sum())(maps)
        over = tuple(range(1, maps.ndim - 1))
        return jax.nn.relu((maps * slopes.mean(axis=over, keepdims=True)).sum(axis=-1))[0]

    return jax.jit(run)


def _gradcam(question: _Question) -> _Answered:
    asked = question.asked
    stop, seen = _last_convolution(asked)
    maps = np.asarray(_maps(asked.plan, question.of, stop)(question.z, asked.weights, *question.data))
    for axis, (reach, length) in enumerate(zip(seen.axes, seen.lengths, strict=False)):
        if axis < maps.ndim:
            centres = [reach.centre(i, length) for i in range(maps.shape[axis])]
            line = functools.partial(np.interp, np.arange(length), centres)
            maps = np.apply_along_axis(line, axis, maps)
    maps = maps.reshape(*maps.shape, *(1,) * (question.z.ndim - maps.ndim))
    channels = question.z.shape[-1]
    return _Answered(np.broadcast_to(maps / channels, question.z.shape))


def _last_convolution(asked: Answering) -> tuple[int, Field]:
    """Behind how many layers the last convolution and its activation are through, and what its places see."""
    layers = getattr(asked.part.network, "layers", ())
    holding = [i for i, layer in enumerate(layers) if any(isinstance(inner, Conv) for _, inner in walk(layer))]
    seen = fields(asked.part.network, asked.part.shape) if holding else {}
    holding = [i for i in holding if seen.get(f"{i}.{layers[i].kind}") is not None]
    if not holding:
        raise OptionError(
            "Grad-CAM looks at the maps of a convolution, and this network has none.",
            expected="A network with a convolution.",
            mend='method="integrated"',
        )
    stop = holding[-1] + 1
    while stop < len(layers) and isinstance(layers[stop], (Activation, BatchNorm, LayerNorm)):
        stop += 1
    found = seen[f"{holding[-1]}.{layers[holding[-1]].kind}"]
    assert found is not None
    return stop, found


# --- occlusion -------------------------------------------------------------------------------------------------------


@functools.cache
def _hidden(plan: Plan, of: Of, axes: int) -> Callable[..., Any]:
    """What is explained of one example with each of some windows [n, axes] hidden."""

    def run(z: Array, base: Array, starts: Array, sizes: Array, weights: Any, *data: Any) -> Array:
        there = jnp.ones((len(starts), *(1,) * axes), bool)
        for axis in range(axes):
            places = jnp.arange(z.shape[axis]).reshape(-1, *(1,) * (axes - 1 - axis))
            start = starts[:, axis].reshape(-1, *(1,) * axes)
            there = there & (places >= start) & (places < start + sizes[axis])
        there = there.reshape(*there.shape, *(1,) * (z.ndim - axes))
        return _summed(plan, of)(jnp.where(there, base[None], z[None]), weights, *data)[1]

    return jax.jit(run)


def _occlusion(question: _Question, window: int | tuple[int, ...] | None) -> _Answered:
    """At each place, the mean over the windows that hid it of what the answer lost."""
    z = question.z
    lengths = z.shape[:-1] or z.shape
    sizes = _sizes(window, lengths)
    starts = [_starts(length, size) for length, size in zip(lengths, sizes, strict=True)]
    each = np.array(list(itertools.product(*starts)), np.int32)
    lost = question.answers(z[None])[0] - _answers_without(question, each, sizes)
    sums, counts = np.zeros(lengths), np.zeros(lengths)
    for start, loss in zip(each, lost, strict=True):
        here = tuple(slice(at, at + size) for at, size in zip(start, sizes, strict=True))
        sums[here] += loss
        counts[here] += 1
    mean = (sums / np.maximum(counts, 1)).reshape(*lengths, *(1,) * (z.ndim - len(lengths)))
    shared = int(np.prod(z.shape[len(lengths) :]))
    return _Answered(np.broadcast_to(mean / shared, z.shape), steps=len(each))


def _answers_without(question: _Question, starts: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    asked, wide = question.asked, np.array(sizes, np.int32)
    size = asked.size(256, len(starts))
    program = _hidden(asked.plan, question.of, len(sizes))
    found = []
    for at in range(0, len(starts), size):
        some = starts[at : at + size]
        padded = np.pad(some, ((0, size - len(some)), (0, 0)), mode="edge")
        found.append(
            np.asarray(program(question.z, question.base, padded, wide, asked.weights, *question.data))[: len(some)]
        )
    return np.concatenate(found)


def _sizes(window: int | tuple[int, ...] | None, lengths: tuple[int, ...]) -> tuple[int, ...]:
    if window is None:
        return tuple(-(-length // WINDOWS[len(lengths) == 1]) for length in lengths)
    sizes = (window,) * len(lengths) if isinstance(window, int) else tuple(window)
    if len(sizes) != len(lengths) or not all(1 <= size <= n for size, n in zip(sizes, lengths, strict=True)):
        raise ShapeError(
            f"The window is {list(sizes)} and the example {list(lengths)}.",
            expected="A size from 1 to the example's own along each axis.",
            mend="window=4",
        )
    return sizes


def _starts(length: int, size: int) -> list[int]:
    """Where windows of that size begin that overlap by half and cover all.

    >>> _starts(10, 4)
    [0, 2, 4, 6]
    """
    return sorted({*range(0, length - size + 1, max(1, size // 2)), length - size})


def _checked_method(method: str) -> None:
    if method not in METHODS:
        raise OptionError(
            f"There is no method {method!r}.", expected=f"One of {', '.join(METHODS)}.", mend='method="integrated"'
        )
