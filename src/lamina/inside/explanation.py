"""An explanation of one answer: what every layer made of the example, and what weighed most in the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.data.preprocess import TablePreprocessing
from lamina.inside.anatomy import ANSWER, INPUT, anatomy, task_of
from lamina.inside.arithmetic import Formula, Index, Place, Products
from lamina.inside.opened import checked_example, part_of
from lamina.inside.trace import Step, Trace
from lamina.inside.trace import trace as traced
from lamina.inside.unit import unit
from lamina.model import Model, NetworkPart

MOST = 8  # terms that are named


@dataclass(frozen=True, eq=False)
class Made:
    """What a layer made of an example, in a few numbers, over the steps that are there.

    ``zeros`` is the share of numbers that are 0, ``largest`` the one that is farthest from 0, at the place ``at``.
    """

    path: str
    kind: str
    description: str
    output_shape: Index
    zeros: float
    mean: float
    largest: float
    at: Index


@dataclass(frozen=True, eq=False)
class Term:
    """One product of a weighted sum. Its input stands at ``place``; ``origin`` is where it was made.

    The two differ where layers lie between that only pass it on. ``name`` is what a table calls it, or "".
    """

    product: float
    weight: float
    input: float
    place: Place
    origin: Place
    name: str


@dataclass(frozen=True, eq=False)
class Terms:
    """The weighted sum at ``index`` of the layer at ``path``: bias, the terms that weigh most, and all others.

    ``sum = bias + terms' products + others``, the latter being ``count`` products.
    """

    path: str
    index: Index
    sum: float
    bias: float
    terms: tuple[Term, ...]
    others: float
    count: int


@dataclass(frozen=True, eq=False)
class Explanation:
    """One network's answer to one example, explained: see :func:`explain`.

    ``answer`` are the class probabilities, or the value in the target's units; ``at`` which of them is explained.
    ``logit`` is the sum behind it, None where it isn't one of weighted inputs.
    """

    answer: np.ndarray
    at: int
    layers: tuple[Made, ...]
    logit: Terms | None


def explain(
    of: Model | NetworkPart, x: Any, *, at: int | None = None, most: int = MOST, trace: Trace | None = None
) -> Explanation:
    """What every layer of a network makes of one example, and the terms that weigh most in its answer.

    ``of`` is a model (of an ensemble its first network) or one of its parts, ``x`` one example as the network takes it.
    ``at`` is the class to explain, the likeliest unless said; ``most`` how many terms are named. :func:`unit` has the
    arithmetic of every number by itself. ShapeError for several examples.

    >>> from lamina.network import Dense, Sequential
    >>> part = NetworkPart(Sequential([Dense(2, "linear")]), (2,), "cross entropy", None, np.ones(6, np.float32), {})
    >>> found = explain(part, np.array([1.0, 3.0], np.float32))
    >>> found.answer.tolist(), [layer.path for layer in found.layers], [term.input for term in found.logit.terms]
    ([0.5, 0.5], ['', '0.dense', 'answer'], [3.0, 1.0])
    """
    part, x = part_of(of), checked_example(of, x)
    trace = traced(part, x) if trace is None else trace
    at = int(np.argmax(trace.answer)) if at is None else at
    layers = tuple(_made(organ.description, step) for organ, step in zip(anatomy(part), trace.steps, strict=True))
    return Explanation(trace.answer, at, layers, _logit(part, x, at, most, trace))


def origin(of: Model | NetworkPart, x: Any, place: Place, trace: Trace) -> Place:
    """Where the number at a place was made: behind it are layers that only pass it on, as flatten and dropout do."""
    while place.of != INPUT:
        parts = unit(of, x, place.of, place.index, trace=trace).parts
        if len(parts) != 1 or not isinstance(parts[0], Formula) or parts[0].text != "x":
            break
        place = parts[0].places["x"]
    return place


def _made(description: str, step: Step) -> Made:
    output = np.asarray(step.output, np.float64)
    there = ~np.isnan(output)
    if step.live is not None:
        there &= step.live.reshape(-1, *(1,) * (output.ndim - 1))
    values = output[there]
    if not values.size:
        return Made(step.path, step.kind, description, output.shape, 0.0, 0.0, 0.0, (0,) * output.ndim)
    far = np.unravel_index(int(np.argmax(np.where(there, np.abs(output), -1))), output.shape)
    at = tuple(int(i) for i in far)
    zeros, mean = float((values == 0).mean()), float(values.mean())
    return Made(step.path, step.kind, description, output.shape, zeros, mean, float(output[at]), at)


def _logit(part: NetworkPart, x: np.ndarray, at: int, most: int, trace: Trace) -> Terms | None:
    """The sum that the answer is made of."""
    (path,) = next(organ.sources for organ in anatomy(part) if organ.path == ANSWER)
    index = (at if task_of(part) == "classification" else 0,)
    total = unit(part, x, path, index, trace=trace).parts[0]
    if not isinstance(total, Products) or total.of not in trace.paths:
        return None
    order = np.argsort(-np.abs(total.products.ravel()), kind="stable")[: max(0, most)]
    places = total.places().reshape(-1, len(total.start))
    flat = [each.ravel() for each in (total.products, total.weights, total.inputs)]
    terms = tuple(
        _term(part, x, [float(each[k]) for each in flat], Place(total.of, tuple(places[k].tolist())), trace)
        for k in order
    )
    others = total.value - total.bias - sum(term.product for term in terms)
    return Terms(path, index, total.value, total.bias, terms, others, total.products.size - len(terms))


def _term(part: NetworkPart, x: np.ndarray, numbers: Sequence[float], place: Place, trace: Trace) -> Term:
    product, weight, value = numbers
    made = origin(part, x, place, trace)
    return Term(product, weight, value, place, made, _name(part, made))


def _name(part: NetworkPart, place: Place) -> str:
    """What the training table calls the number at a place, if it is one of its numbers."""
    if place.of != INPUT or not isinstance(part.preprocessing, TablePreprocessing):
        return ""
    return part.preprocessing.feature_names[place.index[0]]
