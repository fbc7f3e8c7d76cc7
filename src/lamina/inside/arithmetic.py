"""The arithmetic of one number that a network computes, as steps that a person can check with a pencil.

Each step, a *part*, has a ``name``, all that goes into it, and its ``value``. A later part names earlier ones: the
``of`` of a Function, the operands of a Formula. What comes from a layer's output instead says where it stands there.
:func:`check` computes a part's value again from nothing but what the part shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit

from lamina.inside import expression, functions

Index = tuple[int, ...]
_FAR = 80.0  # of a logit: exp of more than 88 is no float32


@dataclass(frozen=True)
class Place:
    """Where a number stands: at ``index`` of the output (of one example) of the layer ``of``; "" is the input."""

    of: str
    index: Index


@dataclass(frozen=True, eq=False)
class Window:
    """Inputs with where they come from.

    Axis ``axes[i]`` of a layer's output is what axis i of the inputs goes along, ``step[i]`` at a time from
    ``start[axes[i]]``; along every other axis all of them stand at ``start``. A start can be negative: in padding,
    where ``there`` is False.
    """

    inputs: np.ndarray
    start: Index
    step: Index
    axes: Index
    there: np.ndarray

    def places(self) -> np.ndarray:
        """Where in the layer's output each input stands, [*shape of the inputs, axes of the output]."""
        return _places(self.inputs.shape, self.start, self.step, self.axes)


@dataclass(frozen=True, eq=False)
class Products(Window):
    """A weighted sum: ``value = products.sum() + bias``.

    ``inputs``, ``weights``, ``products`` and ``there`` have one shape: [n] of a dense layer, [height, width, channels]
    of a convolution's window, [steps] of a mean over time. ``of`` is the layer whose output the inputs are, or, where
    they are no layer's output, words for them or the name of an earlier part. The product of what is not ``there`` is
    0.

    >>> part = products("sum", "0.dense", inputs=[1.0, 2.0], weights=[0.5, 3.0], bias=1.0)
    >>> part.products.tolist(), part.value, part.places().tolist()
    ([0.5, 6.0], 7.5, [[0], [1]])
    """

    name: str
    of: str
    weights: np.ndarray
    products: np.ndarray
    bias: float
    value: float


@dataclass(frozen=True, eq=False)
class Choice(Window):
    """The largest of several: ``value`` is the input at ``won``, the first of equals; 0 where nothing is there.

    ``won`` is a place within the inputs, () where nothing is there.
    """

    name: str
    of: str
    won: Index
    value: float


@dataclass(frozen=True, eq=False)
class Function:
    """An activation: ``value = function(input)``, with the function's curve (``xs``, ``ys``) around it.

    ``of`` is the name of the earlier part that the input is the value of, or, with ``place``, "x".
    """

    name: str
    function: str
    of: str
    input: float
    value: float
    xs: np.ndarray
    ys: np.ndarray
    place: Place | None = None


@dataclass(frozen=True, eq=False)
class Formula:
    """A formula of a few numbers: ``text`` in the operands' names, as :mod:`lamina.inside.expression` reads it.

    Operands are earlier parts' values under their names, weights and settings, and outputs of layers, of which
    ``places`` says where they stand.
    """

    name: str
    text: str
    operands: Mapping[str, float]
    value: float
    places: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Lookup:
    """One number of a row of a table of weights: ``value = values[at]``.

    ``row`` counts from 0; -1 is none of the table's rows, what training has not seen, of which the values are 0.
    ``label`` says what the row is for; ``place`` where the number stands that chose it.
    """

    name: str
    table: str
    row: int
    label: str
    values: np.ndarray
    at: int
    value: float
    place: Place | None = None


@dataclass(frozen=True, eq=False)
class Shares:
    """Shares of a whole: ``exponentials = exp(inputs - shift)``, ``shares = exponentials / total``, of which ``at``.

    ``shift`` is 0 unless that would be too large for a float32; it cancels out. Where ``function`` is "sigmoid", that
    stands in exp's place. What is not ``there`` has no share.
    """

    name: str
    of: str
    inputs: np.ndarray
    exponentials: np.ndarray
    total: float
    shares: np.ndarray
    at: int
    value: float
    there: np.ndarray
    shift: float = 0.0
    function: str = "exp"


Part = Products | Choice | Function | Formula | Lookup | Shares


@dataclass(frozen=True, eq=False)
class Unit:
    """All that makes one number of a layer's output, in order of calculation: the last part's value is the ``output``.

    ``index`` is its place in the output of the layer at ``path``, for one example.
    """

    path: str
    kind: str
    index: Index
    parts: tuple[Part, ...]
    output: float

    def __getitem__(self, name: str) -> Part:
        """The part of that name; KeyError where there is none."""
        found = next((part for part in self.parts if part.name == name), None)
        if found is None:
            raise KeyError(name)
        return found


def check(part: Part) -> float:
    """The value of a part, computed again from the terms that it shows.

    >>> check(formula("y", "2 * x", {"x": 3.0}))
    6.0
    """
    match part:
        case Products():
            terms = part.inputs.astype(np.float64) * part.weights
            return float(terms[part.there].sum()) + part.bias
        case Choice():
            return float(part.inputs[part.there].max(initial=-np.inf)) if part.there.any() else 0.0
        case Function():
            return functions.at(part.function, part.input)
        case Formula():
            return expression.value_of(part.text, part.operands)
        case Lookup():
            return float(part.values[part.at])
        case Shares():
            each = np.where(part.there, _exponentials(part.inputs, part.shift, part.function), 0.0)
            return float(each[part.at] / each.sum()) if part.there.any() else 0.0


# ---- making parts ----------------------------------------------------------------------------------------------------


def row(inputs: np.ndarray, before: Index = (), *, start: int = 0) -> Window:
    """What stands along the last axis, from ``start`` on, at the place ``before`` on the axes before it.

    >>> row(np.ones(3), (7,)).start, row(np.ones(3), (7,)).axes
    ((7, 0), (1,))
    """
    inputs = np.asarray(inputs)
    return Window(inputs, (*before, start), (1,), (len(before),), np.ones(inputs.shape, bool))


def products(
    name: str, of: str, inputs: object, weights: object, *, bias: float = 0.0, window: Window | None = None
) -> Products:
    """A weighted sum; of a :class:`Window` ``inputs`` are left aside (None).

    >>> products("sum", "x", [1.0, 2.0], [0.5, 3.0]).value
    6.5
    """
    window = row(np.asarray(inputs, np.float32)) if window is None else window
    held = np.where(window.there, window.inputs, 0).astype(np.float32)
    weights = np.broadcast_to(np.asarray(weights, np.float32), held.shape)
    terms = held.astype(np.float64) * weights
    value = float(terms.sum()) + float(bias)
    where = (window.start, window.step, window.axes, window.there)
    return Products(held, *where, name, of, weights, terms.astype(np.float32), float(bias), value)


def choice(name: str, of: str, window: Window) -> Choice:
    """The largest of what is there in a window; NaN if there is one.

    >>> choice("largest", "x", row(np.array([1.0, 3.0, 2.0]))).won
    (1,)
    """
    held = np.where(window.there, window.inputs, 0).astype(np.float32)
    won: Index = ()
    if window.there.any():
        flat = int(np.argmax(np.where(window.there, window.inputs, -np.inf)))
        won = tuple(int(i) for i in np.unravel_index(flat, held.shape))
    value = float(held[won]) if won else 0.0
    return Choice(held, window.start, window.step, window.axes, window.there, name, of, won, value)


def function(name: str, kind: str, of: str, x: float, place: Place | None = None) -> Function:
    """An activation of the kind named at ``x``.

    >>> function("output", "relu", "sum", -1.0).value
    0.0
    """
    return Function(name, kind, of, float(x), functions.at(kind, x), *functions.curve(kind, x), place)


def formula(name: str, text: str, operands: Mapping[str, float], places: Mapping[str, Place] | None = None) -> Formula:
    """A formula with its value, operands as floats.

    >>> formula("z", "(x - mean) / deviation", {"x": 3.0, "mean": 1.0, "deviation": 2.0}).value
    1.0
    """
    plain = {operand: float(value) for operand, value in operands.items()}
    return Formula(name, text, plain, expression.value_of(text, plain), dict(places or {}))


def shares(
    name: str, of: str, inputs: Iterable[float], at: int, *, there: np.ndarray | None = None, by: str = "exp"
) -> Shares:
    """Softmax shares of the inputs, or, ``by`` "sigmoid", shares of their sigmoids.

    >>> shares("answer", "logits", [0.0, 0.0], 1).value
    0.5
    """
    x = np.asarray(inputs, np.float32)
    there = np.ones(x.shape, bool) if there is None else there
    seen = x[there]
    shift = float(seen.max()) if by == "exp" and seen.size and np.abs(seen).max() > _FAR else 0.0
    each = np.where(there, _exponentials(np.where(there, x, 0), shift, by), 0.0)
    total = float(each.sum())
    parts = each / total if there.any() else each
    value, small = float(parts[at]), np.float32
    return Shares(name, of, x, each.astype(small), total, parts.astype(small), at, value, there, shift, by)


def _exponentials(x: np.ndarray, shift: float, by: str) -> np.ndarray:
    wide = np.asarray(x, np.float64)
    return expit(wide) if by == "sigmoid" else np.exp(wide - shift)


def _places(shape: Index, start: Index, step: Index, axes: Index) -> np.ndarray:
    found = np.broadcast_to(np.array(start, np.int32), (*shape, len(start))).copy()
    for axis, (along, by) in enumerate(zip(axes, step, strict=True)):
        moved = np.arange(shape[axis]) * by
        found[..., along] += moved.reshape(-1, *(1,) * (len(shape) - 1 - axis)).astype(np.int32)
    return found
