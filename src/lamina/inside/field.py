"""Field: which part of the input a place of a layer sees, exactly, through every window in between.

Source: Araujo et al., "Computing receptive fields of convolutional neural networks" (Distill 2019), for the arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lamina.network import (
    Activation,
    BatchNorm,
    Concatenate,
    Conv,
    Dense,
    Dropout,
    Frames,
    ImageInput,
    Layer,
    LayerNorm,
    MaxPool,
    Positions,
    Residual,
    Sequential,
    SeriesInput,
    SpecAugment,
)
from lamina.network.layer import Shape, joined
from lamina.network.sizes import along, pads
from lamina.network.tree import children

_KEEP = (Activation, BatchNorm, Dense, Dropout, ImageInput, LayerNorm, Positions, SeriesInput, SpecAugment)


@dataclass(frozen=True)
class Reach:
    """Along one axis: the place with number i sees the input from ``start + i * step`` on, ``size`` places of it.

    ``size`` None: all of them.
    """

    step: int = 1
    start: int = 0
    size: int | None = 1

    def behind(self, window: int, stride: int, before: int) -> Reach:
        """What a window over these places sees, with so much padding before the first.

        >>> Reach().behind(3, 2, 1)
        Reach(step=2, start=-1, size=3)
        """
        if self.size is None:
            return self
        return Reach(self.step * stride, self.start - before * self.step, self.size + (window - 1) * self.step)

    def beside(self, other: Reach) -> Reach:
        """What either sees."""
        if self.size is None or other.size is None:
            return Reach(size=None)
        start = min(self.start, other.start)
        return Reach(self.step, start, max(self.start + self.size, other.start + other.size) - start)

    def window(self, at: int, length: int) -> tuple[int, int]:
        """From where to where (exclusive) the place sees an input of this length."""
        if self.size is None:
            return 0, length
        start = self.start + at * self.step
        return max(0, start), min(length, start + self.size)

    def centre(self, at: int, length: int) -> float:
        """The middle of what the place sees, in places of the input, its edges not cut off."""
        return (length - 1) / 2 if self.size is None else self.start + at * self.step + (self.size - 1) / 2


@dataclass(frozen=True)
class Field:
    """What the places of a layer see of an input of these ``lengths``: a `Reach` along each axis of places."""

    axes: tuple[Reach, ...]
    lengths: tuple[int, ...]
    timed: bool = False  # the first axis is time, whose padding is another

    def window(self, at: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
        """From where to where (exclusive) the place ``at`` sees the input, along each of its axes.

        >>> Field((Reach(2, -1, 3), Reach(2, -1, 3)), (28, 28)).window((0, 5))
        ((0, 2), (9, 12))
        """
        each = zip(self.axes, at, self.lengths, strict=False)
        rest = tuple((0, length) for length in self.lengths[len(at) :])
        return tuple(reach.window(i, length) for reach, i, length in each) + rest


def fields(network: Any, shape: Shape) -> dict[str, Field | None]:
    """What each layer's places see of the input (of recordings: of the spectrogram), by the layer's path.

    None where there are no places any more, behind flatten and its like, or where each place sees all.

    >>> from lamina.network import Flatten
    >>> network = Sequential([Conv(4, 3), MaxPool(2), Conv(4, 3), Flatten(), Dense(2)])
    >>> found = fields(network, (28, 28, 1))
    >>> found["2.conv"].window((3, 3)), found["4.dense"]
    (((3, 11), (3, 11)), None)
    """
    found: dict[str, Field | None] = {}
    if isinstance(network, Sequential) and network.layers[0].kind == "sound":
        spectrogram = network.layers[0].output_shape(shape)
        found["0.sound"] = _start(spectrogram, timed=True)
        _in_sequence(network, spectrogram, found["0.sound"], "", found, begin=1)
    else:
        _behind(network, shape, _start(shape), "", found)
    return found


def _start(shape: Shape, *, timed: bool = False) -> Field | None:
    lengths = tuple(shape[:-1])
    return Field(tuple(Reach() for _ in lengths), lengths, timed or len(lengths) == 1) if lengths else None


def _in_sequence(
    layer: Sequential, shape: Shape, field: Field | None, path: str, found: dict[str, Field | None], *, begin: int = 0
) -> Field | None:
    for place, inner in enumerate(layer.layers[begin:], start=begin):
        field = _behind(inner, shape, field, joined(path, f"{place}.{inner.kind}"), found)
        shape = inner.output_shape(shape)
    return field


def _behind(layer: Layer, shape: Shape, field: Field | None, path: str, found: dict[str, Field | None]) -> Field | None:
    """The field behind a layer whose input has this shape and field; everything in it is put down in ``found``."""
    if isinstance(layer, Sequential):
        made = _in_sequence(layer, shape, field, path, found)
    elif isinstance(layer, Residual):
        body = _behind(layer.body, shape, field, joined(path, "body"), found)
        shortcut = _shortcut(body, field)
        found[joined(path, "projection")] = shortcut
        made = _joined(body, shortcut)
    elif isinstance(layer, Concatenate):
        made = None
        for place, branch in enumerate(layer.branches):
            one = _behind(branch, shape, field, joined(path, f"{place}.{branch.kind}"), found)
            made = _joined(made, one) if place else one
    else:
        made = _moved(layer, shape, field)
        for segment, _ in children(layer):
            found[joined(path, segment)] = made
    found[path] = made
    return made


def _joined(one: Field | None, other: Field | None) -> Field | None:
    if one is None or other is None:
        return None
    return replace(one, axes=tuple(a.beside(b) for a, b in zip(one.axes, other.axes, strict=True)))


def _shortcut(body: Field | None, field: Field | None) -> Field | None:
    """What a residual adds to its body sees: the input, or every so many places of it where the body has a stride."""
    if body is None or field is None:
        return None
    each = zip(field.axes, body.axes, strict=True)
    return replace(field, axes=tuple(reach.behind(1, other.step // reach.step, 0) for reach, other in each))


def _moved(layer: Layer, shape: Shape, field: Field | None) -> Field | None:
    if field is None or len(layer.output_shape(shape)) == 1:
        return None
    if isinstance(layer, (Conv, MaxPool)):
        windows = _windows(layer, shape, timed=field.timed)
        moved = tuple(reach.behind(*of) for reach, of in zip(field.axes, windows, strict=False))
        return replace(field, axes=moved + field.axes[len(moved) :])
    if isinstance(layer, _KEEP):
        return field
    if isinstance(layer, Frames):
        return replace(field, axes=(field.axes[0], *(Reach(size=None) for _ in field.axes[1:])))
    return None  # a layer with a memory, or attention


def _windows(layer: Conv | MaxPool, shape: Shape, *, timed: bool) -> list[tuple[int, int, int]]:
    """How wide a layer's window is along each axis, how far it steps, and how much padding stands before."""
    axes = len(shape) - 1
    if isinstance(layer, Conv):
        dilations = along("conv", "dilation", layer.dilation, axes)
        kernel = along("conv", "kernel", layer.kernel, axes)
        spans = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True))
        stride, padding = layer.stride, "causal" if layer.causal else layer.padding
    else:
        spans, padding = along(layer.kind, "window", layer.window, axes), layer.padding
        stride = layer.window if layer.stride is None else layer.stride
    strides = along(layer.kind, "stride", stride, axes)
    return [
        (span, step, pads(size, span, step, padding, timed=timed and axis == 0)[0])
        for axis, (size, span, step) in enumerate(zip(shape[:-1], spans, strides, strict=True))
    ]
