"""A trained network as steps for one native call: which layers have one, and which are part of the one before.

Outside training a batch norm is a factor and a bias of each channel, and goes into the weights before it.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from lamina.kernels.conv_block import Block, has_native_form
from lamina.kernels.feedforward import ACTIVATIONS, Step
from lamina.network.activation import Activation
from lamina.network.combine import Residual, Sequential
from lamina.network.conv import Conv
from lamina.network.dense import Dense
from lamina.network.dropout import Dropout
from lamina.network.embedding import TableInput
from lamina.network.image_input import ImageInput
from lamina.network.layer import Layer, Shape
from lamina.network.norm import BatchNorm
from lamina.network.pool import Flatten, GlobalPool, MaxPool
from lamina.network.tree import leaves


def steps(network: Layer, shape: Shape) -> list[Step] | None:
    """The steps of a network with its arrays, NumPy's, for examples of ``shape``; None where a layer has none.

    >>> from lamina.network import build
    >>> made = steps(build(Sequential([Dense(8, "linear"), Activation("relu"), Dense(2, "linear")]), (4,)), (4,))
    >>> [(step.kind, step.after, step.activation) for step in made or ()]
    [('dense', (8,), 'relu'), ('dense', (2,), 'linear')]
    """
    found = _chain(network, shape) if isinstance(network, Sequential) else None
    return found if found and found[0].before == tuple(shape) else None


def _chain(network: Sequential, shape: Shape) -> list[Step] | None:
    found: list[Step] = []
    shapes = network.shapes(shape)
    for layer, before, after in zip(network.layers, shapes[:-1], shapes[1:], strict=True):
        last = found.pop() if found else None
        tail = _behind(last, layer, before, after)
        if tail is None:
            return None
        found += tail
    return found


def _behind(last: Step | None, layer: Layer, before: Shape, after: Shape) -> tuple[Step, ...] | None:
    """What stands in the place of the last step once the layer is behind it; None where it has no step."""
    kept = () if last is None else (last,)
    match layer:
        case Flatten() | Dropout():
            return kept
        case TableInput():
            return (*kept, _table(layer, before, after)) if layer.cardinalities or before != after else kept
        case ImageInput():
            mean, deviation = _floats(layer.mean), _floats(layer.deviation)
            return (*kept, _scale(before, 1 / (255 * deviation), -mean / deviation))
        case BatchNorm():
            return _normalised(last, layer, before)
        case Dense() if len(before) == 1 and layer.activation in ACTIVATIONS:
            return (*kept, Step("dense", before, after, *_weights(layer), layer.activation))
        case Conv() if len(before) == 3 and layer.activation in ACTIVATIONS:
            block = Block(layer.window((1, *before)))
            convolution = Step("convolution", before, after, *_weights(layer), layer.activation, block)
            return (*kept, convolution) if has_native_form(block) else None
        case Activation() if last is not None and last.activation == "linear" and layer.function in ACTIVATIONS:
            return (last._replace(activation=layer.function),)
        case MaxPool() if last is not None and type(layer) is MaxPool:
            return _pooled(last, layer, after)
        case GlobalPool(by="mean"):
            return (*kept, Step("mean", before, after))
        case Residual():
            around = _around(layer, before, after)
            return (*kept, *around) if around else None
    return None


def _around(residual: Residual, before: Shape, after: Shape) -> tuple[Step, ...] | None:
    """The shortcut aside, the body, and their sum. A body with a shortcut of its own has none: one waits at a time."""
    projection, shortcut = residual.projection, (Step("copy", before, before),)
    if projection is not None:
        shortcut = _behind(None, projection, before, projection.output_shape(before))
    body = _chain(residual.body, before)
    if not shortcut or shortcut[0].after != after or body is None or any(step.aside for step in body):
        return None
    return (shortcut[0]._replace(aside=True), *body, Step("add", after, after))


def _table(layer: TableInput, before: Shape, after: Shape) -> Step:
    learned = {path: _floats(array).ravel() for path, array in leaves(layer, "parameter").items()}
    places = dict(zip(learned, itertools.accumulate(map(len, learned.values()), initial=0), strict=False))
    weight = np.concatenate([*learned.values(), np.zeros(0, np.float32)])
    return Step("table", before, after, weight, table=layer.form(places))


def _floats(array: Any) -> np.ndarray:
    return np.asarray(array, np.float32)


def _weights(layer: Dense | Conv) -> tuple[np.ndarray, np.ndarray]:
    bias = np.zeros(layer.features) if layer.bias is None else layer.bias
    return _floats(layer.weight), _floats(bias)


def _scale(shape: Shape, factor: np.ndarray, offset: np.ndarray) -> Step:
    """A factor and an offset for each channel, the last axis."""
    weight, bias = (np.broadcast_to(array, shape) for array in (factor, offset))
    return Step("scale", shape, shape, weight, bias)


def _normalised(last: Step | None, norm: BatchNorm, shape: Shape) -> tuple[Step, ...]:
    factor = _floats(norm.scale) / np.sqrt(_floats(norm.variance) + np.float32(norm.epsilon))
    offset = _floats(norm.shift) - _floats(norm.mean) * factor
    # Before a pool a factor below 0 would turn the order of what it chooses from.
    weighted = last is not None and last.kind in ("convolution", "dense") and last.block.pool is None
    if last is None or not weighted or last.activation != "linear":
        return (*(() if last is None else (last,)), _scale(shape, factor, offset))
    assert last.weight is not None
    assert last.bias is not None
    return (last._replace(weight=last.weight * factor, bias=last.bias * factor + offset),)


def _pooled(last: Step, pool: MaxPool, after: Shape) -> tuple[Step, ...] | None:
    """A convolution with the pool behind it: before its activation that is the same where this keeps the order."""
    if last.kind != "convolution" or last.block.pool is not None or last.activation == "silu":
        return None
    block = last.block._replace(pool=pool.windows(last.after[:-1]))
    return (last._replace(block=block, after=after),) if has_native_form(block) else None
