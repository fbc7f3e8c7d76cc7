"""Units of the layers that bring features to mean 0 and variance 1: batch norm and layer norm."""

from __future__ import annotations

import numpy as np

from lamina.inside.arithmetic import Index, Part, formula, products, row
from lamina.inside.given import Given

NORMALISED = "(x - mean) / sqrt(variance + epsilon) * scale + shift"


def batch_norm(given: Given, index: Index) -> tuple[Part, ...]:
    """By the running averages that training left, which are the same for every example."""
    layer, at = given.layer, index[-1]
    names = ("mean", "variance", "scale", "shift")
    numbers = {name: getattr(layer, name)[at] for name in names}
    operands = {"x": given.x[index], **numbers, "epsilon": layer.epsilon}
    return (formula("output", NORMALISED, operands, {"x": given.place(*index)}),)


def layer_norm(given: Given, index: Index) -> tuple[Part, ...]:
    """By the mean and the variance of all features at the index's place in this example."""
    layer, at = given.layer, index[-1]
    x = given.x[index[:-1]].astype(np.float64)
    seen = row(x, index[:-1])
    mean = products("mean", given.of, None, np.full(x.shape, 1 / x.size), window=seen)
    squares = np.square(x - x.mean())
    variance = products("variance", "squared distances from the mean", squares, np.full(x.shape, 1 / x.size))
    numbers = {"scale": layer.scale[at], "shift": layer.shift[at], "epsilon": layer.epsilon}
    operands = {"x": x[at], "mean": mean.value, "variance": variance.value, **numbers}
    return mean, variance, formula("output", NORMALISED, operands, {"x": given.place(*index)})
