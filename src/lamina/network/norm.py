"""Normalisation: features brought to mean 0 and variance 1, over the batch or within each example."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, Self

import jax.numpy as jnp
from jax import Array, lax

from lamina.errors import OptionError, ShapeError
from lamina.kernels.batch_norm import After, Inputs, Normalised, batch_norm
from lamina.kernels.layer_norm import layer_norm
from lamina.network.initialisers import Draw
from lamina.network.layer import Context, Layer, Shape, parameter, state

NOTHING = After()


class BatchNorm(Layer):
    """Each channel brought to mean 0 and variance 1 over the batch and all places, then scaled and shifted.

    Rows of zero weight and steps that the mask hides don't count. Outside training the running averages are used
    instead, which move by ``momentum`` each step (the variance by its unbiased estimate, as in torch). Source: Ioffe
    and Szegedy 2015, alg. 1.

    >>> from lamina.network import build
    >>> layer = build(BatchNorm(), (1,))
    >>> layer.apply(jnp.array([[1.0], [3.0]]), Context(training=True))[0].round(2).tolist()
    [[-1.0], [1.0]]
    """

    kind: ClassVar[str] = "batchnorm"
    momentum: float = 0.1
    epsilon: float = 1e-5
    scale: Array | None = parameter()
    shift: Array | None = parameter()
    mean: Array | None = state()
    variance: Array | None = state()

    def __post_init__(self) -> None:
        _checked_share("batchnorm", "momentum", self.momentum)
        _checked_share("batchnorm", "epsilon", self.epsilon)

    def output_shape(self, shape: Shape) -> Shape:
        return _with_features("batchnorm", shape)

    def build(self, shape: Shape, draw: Draw) -> Self:
        del draw
        ones, zeros = jnp.ones(self.output_shape(shape)[-1]), jnp.zeros(shape[-1])
        return dataclasses.replace(self, scale=ones, shift=zeros, mean=zeros, variance=ones)

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        if not context.training:
            return self._normalised(x.reshape(-1, x.shape[-1])).reshape(x.shape), self
        return self.trained(x, context)

    def trained(
        self, x: Array, context: Context, after: After = NOTHING, shortcut: Array | None = None
    ) -> tuple[Array, Self]:
        """In training, with what follows it: a shortcut added, relu, and, where there is no mask, a max pool."""
        made = self._by_batch(x, context, after, shortcut)
        # A batch without a live row, or with one only, says nothing of the mean, or of the variance.
        unbiased = made.variance * made.numbers / jnp.maximum(made.numbers - 1.0, 1.0)
        moved = dataclasses.replace(
            self,
            mean=_moved(self.mean, made.mean, jnp.where(made.numbers > 0, self.momentum, 0.0)),
            variance=_moved(self.variance, unbiased, jnp.where(made.numbers > 1, self.momentum, 0.0)),
        )
        return made.y, moved

    def _by_batch(self, x: Array, context: Context, after: After, shortcut: Array | None) -> Normalised:
        assert self.scale is not None
        assert self.shift is not None
        live = jnp.ones(x.shape[0], x.dtype) if context.weights is None else context.weights
        if context.mask is None:
            return batch_norm(Inputs(x, self.scale, self.shift, live, shortcut), after, epsilon=self.epsilon)
        # A step is a row of its own, which counts or not.
        assert after.pool is None
        steps, live = x.reshape(-1, *x.shape[2:]), (live[:, None] * context.mask).reshape(-1)
        shortcut = None if shortcut is None else shortcut.reshape(steps.shape)
        made = batch_norm(Inputs(steps, self.scale, self.shift, live, shortcut), after, epsilon=self.epsilon)
        return made._replace(y=made.y.reshape(x.shape))

    def _normalised(self, rows: Array) -> Array:
        """By the running averages."""
        assert self.scale is not None
        assert self.shift is not None
        assert self.mean is not None
        assert self.variance is not None
        factor = self.scale * lax.rsqrt(self.variance + self.epsilon)
        return (rows - self.mean[None]) * factor[None] + self.shift[None]

    def multiply_adds(self, shape: Shape) -> int:
        return math.prod(shape)


class LayerNorm(Layer):
    """Each example's last axis (at each place, its channels) brought to mean 0 and variance 1, scaled and shifted.

    Source: Ba et al. 2016, sec. 3.

    >>> from lamina.network import build
    >>> build(LayerNorm(), (2,)).apply(jnp.array([[1.0, 3.0]]), Context())[0].round(2).tolist()
    [[-1.0, 1.0]]
    """

    kind: ClassVar[str] = "layernorm"
    epsilon: float = 1e-5
    scale: Array | None = parameter()
    shift: Array | None = parameter()

    def __post_init__(self) -> None:
        _checked_share("layernorm", "epsilon", self.epsilon)

    def output_shape(self, shape: Shape) -> Shape:
        return _with_features("layernorm", shape)

    def build(self, shape: Shape, draw: Draw) -> Self:
        del draw
        features = self.output_shape(shape)[-1]
        return dataclasses.replace(self, scale=jnp.ones(features), shift=jnp.zeros(features))

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        del context
        return self._normalised(x, relu=False), self

    def with_relu(self, x: Array, context: Context) -> tuple[Array, Self]:
        """With the relu behind it."""
        del context
        return self._normalised(x, relu=True), self

    def _normalised(self, x: Array, *, relu: bool) -> Array:
        assert self.scale is not None
        assert self.shift is not None
        return layer_norm(x, self.scale, self.shift, relu=relu, epsilon=self.epsilon)

    def multiply_adds(self, shape: Shape) -> int:
        return math.prod(shape)


def _checked_share(layer: str, what: str, value: float) -> None:
    if not 0 < value <= 1:
        raise OptionError(f"{layer}: {what} is {value}.", expected="Above 0, at most 1.", mend=f"Leave {what} out.")


def _with_features(layer: str, shape: Shape) -> Shape:
    if not shape:
        raise ShapeError(f"{layer} works on features and was given single numbers.", expected="[features].")
    return shape


def _moved(average: Array | None, measured: Array, by: Array) -> Array:
    assert average is not None
    return average + by * (measured - average)
