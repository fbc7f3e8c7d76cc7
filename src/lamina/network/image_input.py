"""ImageInput, the implicit first layer for pictures, and the statistics of the training pictures that it holds."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

import dataclasses
from typing import ClassVar, Self, TypeVar

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from lamina.errors import ShapeError
from lamina.network.initialisers import Draw
from lamina.network.layer import Context, Layer, Shape, state
from lamina.network.sizes import named
from lamina.network.tree import walk, with_leaves

L = TypeVar("L", bound=Layer)
COUNTED = 1024  # pictures at a time: NumPy counts copies of eight bytes a pixel


class ImageInput(Layer):
    """Pictures [batch, height, width, channels], uint8, to float32 of mean 0 and deviation 1 in each channel.

    ``mean`` and ``deviation`` (of pixels over 255) are state: 0 and 1 until ``image_statistics`` of the training
    pictures is put in. Training leaves them alone.

    >>> from lamina.network import build
    >>> x = jnp.full((1, 1, 1, 1), 255, jnp.uint8)
    >>> build(ImageInput(), (1, 1, 1)).apply(x, Context())[0].tolist()
    [[[[1.0]]]]
    """

    kind: ClassVar[str] = "image"
    mean: Array | None = state()
    deviation: Array | None = state()

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3:
            raise ShapeError(
                f"The pictures' input layer was given {named(shape)}.", expected="[height, width, channels]."
            )
        return shape

    def build(self, shape: Shape, draw: Draw) -> Self:
        del draw
        channels = self.output_shape(shape)[2]
        return dataclasses.replace(self, mean=jnp.zeros(channels), deviation=jnp.ones(channels))

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        del context
        assert self.mean is not None
        assert self.deviation is not None
        mean, deviation = (lax.stop_gradient(a)[None, None, None] for a in (self.mean, self.deviation))
        return (x.astype(jnp.float32) / 255.0 - mean) / deviation, self

    def statistics(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The state for training pictures [n, height, width, channels], uint8."""
        return dict(zip(("mean", "deviation"), channel_statistics(rows), strict=True))

    def describe(self) -> str:
        return "pixels, each channel standardised"


def image_statistics(network: L, pictures: np.ndarray) -> L:
    """The built network with its ImageInput standardising by ``pictures`` [n, height, width, channels], uint8.

    A channel that never changes keeps the deviation 1. A network without ImageInput comes back as it is.

    >>> from lamina.network import Sequential, build, leaves
    >>> network = build(Sequential([ImageInput()]), (1, 2, 1))
    >>> leaves(image_statistics(network, np.array([[[[0], [255]]]], np.uint8)), "state")["0.image.mean"].tolist()
    [0.5]
    """
    paths = [path for path, layer in walk(network) if isinstance(layer, ImageInput)]
    if not paths:
        return network
    mean, deviation = channel_statistics(pictures)
    return with_leaves(
        network,
        {
            f"{path}.{name}".lstrip("."): jnp.asarray(a)
            for path in paths
            for name, a in (("mean", mean), ("deviation", deviation))
        },
    )


def channel_statistics(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each channel's mean and deviation of pixels over 255, float32, exact: from counts of the 256 values."""
    counts = np.zeros((pictures.shape[-1], 256), np.int64)
    for start in range(0, len(pictures), COUNTED):
        some = pictures[start : start + COUNTED]
        counts += np.stack([np.bincount(some[..., c].ravel(), minlength=256) for c in range(len(counts))])
    values, total = np.arange(256) / 255, np.maximum(counts.sum(axis=1), 1)
    mean = counts @ values / total
    deviation = np.sqrt((counts * (values - mean[:, None]) ** 2).sum(axis=1) / total)
    return mean.astype(np.float32), np.where(deviation > 0, deviation, 1).astype(np.float32)
