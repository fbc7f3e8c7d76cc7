"""Units of the layers that pass numbers on: as they are, through a function, added, or side by side."""

from __future__ import annotations

import numpy as np

from lamina.inside.arithmetic import Index, Part, Place, formula, function, shares
from lamina.inside.given import Given


def same(given: Given, index: Index) -> tuple[Part, ...]:
    """The input itself: dropout and hidden spans are for training."""
    return (formula("output", "x", {"x": given.x[index]}, {"x": given.place(*index)}),)


def reshaped(given: Given, index: Index) -> tuple[Part, ...]:
    """The input at this place, of which the last axis now holds all others, row after row."""
    *before, feature = index
    behind = np.unravel_index(feature, given.x.shape[len(before) :])
    return same(given, (*before, *(int(i) for i in behind)))


def activation(given: Given, index: Index) -> tuple[Part, ...]:
    """A function of the input, or its share along the last axis."""
    kind = given.layer.function
    if kind == "softmax":
        return (shares("output", given.of, given.x[index[:-1]], index[-1]),)
    return (function("output", kind, "x", given.x[index], given.place(*index)),)


def positions(given: Given, index: Index) -> tuple[Part, ...]:
    """The learned number of this step added; none where training had no such step."""
    step, feature = index
    known = step < len(given.layer.vectors)
    operands = {"x": given.x[index], "position": given.layer.vectors[index] if known else 0.0}
    return (formula("output", "x + position", operands, {"x": given.place(step, feature)}),)


def added(given: Given, index: Index) -> tuple[Part, ...]:
    """What goes around a body and what comes out of it, added."""
    names = ("shortcut", "body")
    operands = {name: x[index] for name, x in zip(names, given.inputs, strict=True)}
    places = {name: Place(of, index) for name, of in zip(names, given.organ.sources, strict=True)}
    return (formula("output", "shortcut + body", operands, places),)


def joined(given: Given, index: Index) -> tuple[Part, ...]:
    """What stands in the branch that this feature is of."""
    *before, feature = index
    ends = np.cumsum([x.shape[-1] for x in given.inputs])
    branch = int(np.searchsorted(ends, feature, side="right"))
    x, of = given.inputs[branch], given.organ.sources[branch]
    at = (*before, feature - int(ends[branch]) + x.shape[-1])
    return (formula("output", "x", {"x": x[at]}, {"x": Place(of, at)}),)
