"""Units of the layers that weigh their inputs: dense and convolution."""

from __future__ import annotations

import numpy as np

from lamina.inside.arithmetic import Index, Part, function, products, row, shares
from lamina.inside.given import Given
from lamina.inside.windows import window_at


def dense(given: Given, index: Index) -> tuple[Part, ...]:
    """The weighted sum of all inputs at the index's place, then the activation."""
    layer, at = given.layer, index[-1]
    x = given.x[index[:-1]]
    bias = 0.0 if layer.bias is None else layer.bias[at]
    total = products("sum", given.of, None, layer.weight[:, at], bias=bias, window=row(x, index[:-1]))
    if layer.activation == "softmax":
        return total, shares("output", "sums", _sums(x.astype(np.float64), layer), at)
    return _activated(layer.activation, total)


def conv(given: Given, index: Index) -> tuple[Part, ...]:
    """The window's channels (of the unit's group) times the kernel, then the activation."""
    layer, at = given.layer, index[-1]
    channels = layer.weight.shape[-2]
    first = at // (layer.features // layer.groups) * channels
    seen = slice(first, first + channels)
    window = window_at(given.x, given.organ.settings, index[:-1], mask=given.mask, channels=seen)
    bias = 0.0 if layer.bias is None else layer.bias[at]
    total = products("sum", given.of, None, layer.weight[..., at], bias=bias, window=window)
    if layer.activation == "softmax":
        return total, shares("output", "sums", _conv_sums(given, index), at)
    return _activated(layer.activation, total)


def _activated(activation: str, total: Part) -> tuple[Part, ...]:
    if activation == "linear":
        return (total,)
    return total, function("output", activation, total.name, total.value)


def _sums(x: np.ndarray, layer: object) -> np.ndarray:
    sums = x @ layer.weight  # type: ignore[attr-defined]
    return sums if layer.bias is None else sums + layer.bias  # type: ignore[attr-defined]


def _conv_sums(given: Given, index: Index) -> np.ndarray:
    """The sums of all channels at a place: what a softmax compares."""
    layer, channels = given.layer, given.layer.weight.shape[-2]
    whole = window_at(given.x, given.organ.settings, index[:-1], mask=given.mask, channels=slice(None))
    groups = np.arange(layer.features) // (layer.features // layer.groups)
    seen = np.stack([whole.inputs[..., g * channels : (g + 1) * channels] for g in groups], axis=-1)
    sums = (seen.astype(np.float64) * layer.weight).sum(axis=tuple(range(seen.ndim - 1)))
    return sums if layer.bias is None else sums + layer.bias
