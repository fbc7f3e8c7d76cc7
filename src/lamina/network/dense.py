"""Dense: every output is a weighted sum of all inputs, through an activation."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, Self

import jax.numpy as jnp
from jax import Array

from lamina.errors import ShapeError
from lamina.kernels.dense import dense
from lamina.network.activation import activate, checked_activation
from lamina.network.initialisers import Draw, checked_initialiser, initial
from lamina.network.layer import Context, Layer, Shape, parameter
from lamina.network.sizes import checked_size


class Dense(Layer):
    """``activation(x @ weight + bias)`` along the last axis: [..., inputs] to [..., features].

    ``initialiser`` "default" is what the activation calls for; the bias starts at zero.

    >>> from lamina.network import build
    >>> build(Dense(128), (784,)).weight.shape
    (784, 128)
    """

    kind: ClassVar[str] = "dense"
    features: int
    activation: str = "relu"
    initialiser: str = "default"
    biased: bool = True
    weight: Array | None = parameter()
    bias: Array | None = parameter()

    def __post_init__(self) -> None:
        checked_size("dense", "features", self.features)
        checked_activation(self.activation)
        checked_initialiser(self.initialiser)

    def output_shape(self, shape: Shape) -> Shape:
        if not shape:
            raise ShapeError("dense works on features and was given single numbers.", expected="[features].")
        return (*shape[:-1], self.features)

    def build(self, shape: Shape, draw: Draw) -> Self:
        self.output_shape(shape)
        weight = initial(self.initialiser, self.activation, draw, (shape[-1], self.features))
        bias = jnp.zeros(self.features, jnp.float32) if self.biased else None
        return dataclasses.replace(self, weight=weight, bias=bias)

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        del context
        assert self.weight is not None
        if self.activation == "relu":
            return dense(x, self.weight, self.bias, relu=True), self
        return activate(self.activation, dense(x, self.weight, self.bias)), self

    def multiply_adds(self, shape: Shape) -> int:
        return math.prod(shape) * self.features

    def describe(self) -> str:
        return f"dense {self.features} {self.activation}"
