"""Positions: what tells attention where a step stands."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

import dataclasses
from typing import ClassVar, Self

import jax.numpy as jnp
from jax import Array

from lamina.network.initialisers import Draw
from lamina.network.layer import Context, Layer, Shape, parameter
from lamina.network.recurrent import checked_sequence


class Positions(Layer):
    """A learned vector added at each step: [batch, time, features] to the same (Gehring et al. 2017, sec. 3.1).

    There are as many as the layer was built for; a step that comes later gets none, as nobody has taught it.

    >>> Positions().output_shape((28, 64))
    (28, 64)
    """

    kind: ClassVar[str] = "positions"
    vectors: Array | None = parameter()

    def output_shape(self, shape: Shape) -> Shape:
        return checked_sequence(self.kind, shape)

    def build(self, shape: Shape, draw: Draw) -> Self:
        return dataclasses.replace(self, vectors=draw.normal(self.output_shape(shape), 0.02))

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        del context
        assert self.vectors is not None
        vectors = self.vectors[: x.shape[1]]
        later = x.shape[1] - len(vectors)
        return x + jnp.pad(vectors, ((0, later), (0, 0)))[None], self
