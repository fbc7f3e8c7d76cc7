"""Completing a network: what a person leaves out because the data says it.

The input layer comes first (pixels or series standardised, sounds as spectrograms, a table's categories encoded). A
Flatten comes before the first dense layer that meets a picture (whatever its size: nothing is averaged unless
globalpool says so), a Mean over time before the one that meets a sequence, Frames before a layer that reads sequences
and meets a picture; and last a linear dense layer of as many outputs as the task asks for.
"""

from __future__ import annotations

import math
from typing import Literal

from lamina.errors import ShapeError
from lamina.network.attention import Attention
from lamina.network.combine import Sequential, inside
from lamina.network.dense import Dense
from lamina.network.embedding import TableInput
from lamina.network.frames import Frames
from lamina.network.image_input import ImageInput
from lamina.network.layer import Layer, Shape
from lamina.network.over_time import Last, Max, Mean
from lamina.network.pool import Flatten
from lamina.network.positions import Positions
from lamina.network.recurrent import Recurrent
from lamina.network.series_input import SeriesInput
from lamina.network.sound_input import SoundInput
from lamina.network.transformer import Transformer
from lamina.network.tree import leaves, skeleton

INPUTS: dict[str, Layer] = {"image": ImageInput(), "series": SeriesInput()}
READ_SEQUENCES = (Recurrent, Attention, Transformer, Positions, Last, Mean, Max)
LARGEST = 2_000_000_000  # parameters: 8 GB, and Adam keeps two more numbers for each


def complete(
    network: Sequential,
    shape: Shape,
    outputs: int,
    *,
    kind: Literal["table", "image", "series", "sound"],
    columns: tuple[int, tuple[int, ...]] = (0, ()),
    periodic: int = 0,
    rate: int = 16_000,
) -> Sequential:
    """The network with its input layer, Flatten or Mean, and linear head, unbuilt, for examples of ``shape``.

    A head for pictures begins at zero, so that training begins without an opinion: the CNN is ahead by it (LOG.md).
    Tables say how many of their ``columns`` are numbers and the cardinalities of the others, and how many ``periodic``
    frequencies they want; sounds their ``rate`` in samples a second. ShapeError names the layer by its place in
    ``network``, from 1, and says why it can't fit, or that the network is too large.

    >>> [layer.kind for layer in complete(Sequential([Dense(8)]), (4, 4, 1), 10, kind="image").layers]
    ['image', 'flatten', 'dense', 'dense']
    """
    table = TableInput(columns[0], tuple(columns[1]), periodic)
    done: list[Layer] = [SoundInput(rate) if kind == "sound" else INPUTS.get(kind, table)]
    given = tuple(shape)
    shape = done[0].output_shape(given)
    for place, layer in enumerate(network.layers, start=1):
        for between in _between(layer, shape):
            done.append(between)
            shape = between.output_shape(shape)
        done.append(layer)
        shape = inside(f"layer {place} ({layer.kind})", layer.output_shape, shape)
    head = Dense(outputs, "linear", initialiser="zeros" if kind == "image" else "default")
    whole = Sequential((*done, *_between(head, shape), head))
    _refuse_giants(whole, given)
    return whole


def _between(layer: Layer, shape: Shape) -> tuple[Layer, ...]:
    """What comes between examples of ``shape`` and a layer that reads other ones."""
    if isinstance(layer, Dense) and len(shape) > 1:
        return (Flatten() if len(shape) > 2 else Mean(),)
    return (Frames(),) if isinstance(layer, READ_SEQUENCES) and len(shape) > 2 else ()


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
