"""SeriesInput, the implicit first layer for time series, and the statistics of the training series that it holds."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

import dataclasses
from typing import ClassVar, Self

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from lamina.errors import ShapeError
from lamina.network.initialisers import Draw
from lamina.network.layer import Context, Layer, Shape, state
from lamina.network.sizes import named

COUNTED = 1 << 22  # numbers at a time: their copies take eight bytes each
RESOLVED = 1e-7  # of its mean, about what float32 tells apart: a channel that varies by less is constant


class SeriesInput(Layer):
    """Series [batch, time, channels], float32, to ones of mean 0 and deviation 1 in each channel.

    A step that isn't there (NaN, behind the end of a shorter series) becomes zero, and ``alive`` says which are there.
    Not ``padded`` promises that every step of every series is there, and spares the layers behind it the mask.
    ``mean`` and ``deviation`` are state: 0 and 1 until ``statistics`` of the training series are put in. Training
    leaves them alone.

    >>> from lamina.network import build
    >>> layer, x = build(SeriesInput(), (3, 1)), jnp.array([[[1.0], [2.0], [jnp.nan]]])
    >>> layer.apply(x, Context())[0].ravel().tolist(), layer.alive(None, x).tolist()
    ([1.0, 2.0, 0.0], [[True, True, False]])
    """

    kind: ClassVar[str] = "series"
    padded: bool = True
    mean: Array | None = state()
    deviation: Array | None = state()

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 2:
            raise ShapeError(f"The series' input layer was given {named(shape)}.", expected="[time, channels].")
        return shape

    def build(self, shape: Shape, draw: Draw) -> Self:
        del draw
        channels = self.output_shape(shape)[1]
        return dataclasses.replace(self, mean=jnp.zeros(channels), deviation=jnp.ones(channels))

    def alive(self, mask: Array | None, x: Array) -> Array | None:
        if not self.padded:
            return mask
        there = ~jnp.isnan(x).all(axis=2)
        return there if mask is None else mask & there

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        del context
        assert self.mean is not None
        assert self.deviation is not None
        mean, deviation = (lax.stop_gradient(a)[None, None] for a in (self.mean, self.deviation))
        there = ~jnp.isnan(x)
        # NaN is taken out before the arithmetic too: behind a single `where` its gradient would still be NaN.
        x = jnp.where(there, x, 0.0).astype(jnp.float32)
        return jnp.where(there, (x - mean) / deviation, 0.0), self

    def statistics(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The state for training series [n, time, channels]: each channel's mean and deviation over the steps there.

        A constant channel gets the deviation 1, one without any step the mean 0 as well.

        >>> SeriesInput().statistics(np.array([[[1.0], [3.0], [np.nan]]], np.float32))
        {'mean': array([2.], dtype=float32), 'deviation': array([1.], dtype=float32)}
        """
        size = max(1, COUNTED // max(1, int(np.prod(rows.shape[1:]))))
        pieces = [rows[at : at + size] for at in range(0, max(1, len(rows)), size)]
        counts = np.maximum(sum(np.sum(~np.isnan(of), axis=(0, 1)) for of in pieces), 1)
        mean = sum(np.nansum(of, axis=(0, 1), dtype=np.float64) for of in pieces) / counts
        squares = sum(np.nansum((of - mean) ** 2, axis=(0, 1)) for of in pieces)
        deviation = np.sqrt(squares / counts).astype(np.float32)
        varies = deviation > np.maximum(RESOLVED * np.abs(mean), np.finfo(np.float32).tiny)
        return {"mean": mean.astype(np.float32), "deviation": np.where(varies, deviation, 1).astype(np.float32)}

    def describe(self) -> str:
        return "series, each channel standardised"
