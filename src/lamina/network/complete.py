"""Completing a network: what a person leaves out because the data says it.

The input layer comes first (pixels standardised, or a table's categories encoded; sequences come as they are), a
Flatten before the first dense layer that meets a picture (whatever its size: nothing is averaged unless globalpool says
so) or a Mean over time before the one that meets a sequence, and a linear dense layer of as many outputs as the task
asks for comes last.
"""

from __future__ import annotations

import math
from typing import Literal

from lamina.errors import ShapeError
from lamina.network.combine import Sequential, inside
from lamina.network.dense import Dense
from lamina.network.embedding import TableInput
from lamina.network.image_input import ImageInput
from lamina.network.layer import Layer, Shape
from lamina.network.over_time import Mean
from lamina.network.pool import Flatten
from lamina.network.tree import leaves, skeleton

LARGEST = 2_000_000_000  # parameters: 8 GB, and Adam keeps two more numbers for each


def complete(
    network: Sequential,
    shape: Shape,
    outputs: int,
    *,
    kind: Literal["table", "image", "sequence"],
    numbers: int = 0,
    cardinalities: tuple[int, ...] = (),
    periodic: int = 0,
) -> Sequential:
    """The network with its input layer, Flatten or Mean, and linear head, unbuilt, for examples of ``shape``.

    A head for pictures begins at zero, so that training begins without an opinion: the CNN is ahead by it (LOG.md).
    Tables say their ``numbers`` and ``cardinalities``, and how many ``periodic`` frequencies they want. ShapeError
    names the layer by its place in ``network``, from 1, and says why it can't fit, or that the network is too large.

    >>> [layer.kind for layer in complete(Sequential([Dense(8)]), (4, 4, 1), 10, kind="image").layers]
    ['image', 'flatten', 'dense', 'dense']
    """
    done: list[Layer] = []
    if kind != "sequence":
        done.append(ImageInput() if kind == "image" else TableInput(numbers, tuple(cardinalities), periodic))
    flat = Mean() if kind == "sequence" else Flatten()
    given, shape = tuple(shape), tuple(shape)
    for first in done:
        shape = first.output_shape(shape)
    for place, layer in enumerate(network.layers, start=1):
        if isinstance(layer, Dense) and len(shape) > 1:
            done.append(flat)
            shape = flat.output_shape(shape)
        done.append(layer)
        shape = inside(f"layer {place} ({layer.kind})", layer.output_shape, shape)
    if len(shape) > 1:
        done.append(flat)
    whole = Sequential((*done, Dense(outputs, "linear", initialiser="zeros" if kind == "image" else "default")))
    _refuse_giants(whole, given)
    return whole


def _refuse_giants(network: Sequential, shape: Shape) -> None:
    """ShapeError when a network has more parameters than a machine is likely to hold; costs no memory to ask."""
    sizes = {path: math.prod(a.shape) for path, a in leaves(skeleton(network, shape), "parameter").items()}
    if sum(sizes.values()) > LARGEST:
        largest = max(sizes, key=lambda path: sizes[path])
        raise ShapeError(
            f"The network has {sum(sizes.values()):,} parameters, most of them in {largest}.",
            expected=f"At most {LARGEST:,}.",
            mend="Pool more, or make the dense layers smaller.",
        )
