"""A sequence as one row of features: what stands at its last step, the mean or the largest over its steps."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

from typing import ClassVar, Self

import jax.numpy as jnp
from jax import Array

from lamina.errors import OptionError, ShapeError
from lamina.network.layer import Context, Layer, Shape
from lamina.network.mask import largest_over_time, mean_over_time
from lamina.network.recurrent import checked_sequence


class Last(Layer):
    """What stands at each example's last live step: [batch, time, features] to [batch, features].

    Behind a bidirectional layer the half that reads backward has seen one step there. ``bidirectional`` takes that
    half, the second of the features, at the first live step instead, where it has read everything. Zeros where no
    step lives.

    >>> Last().output_shape((28, 64))
    (64,)
    """

    kind: ClassVar[str] = "last"
    bidirectional: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.bidirectional, bool):
            raise OptionError(
                f"last: bidirectional is {self.bidirectional!r}.", expected="True or False.", mend="bidirectional=True"
            )

    def output_shape(self, shape: Shape) -> Shape:
        features = checked_sequence("last", shape)[1]
        if self.bidirectional and features % 2:
            raise ShapeError(
                f"last: {features} features are no two halves.",
                expected="A bidirectional layer before last bidirectional.",
                mend="Leave bidirectional out behind last.",
            )
        return (features,)

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        half = x.shape[2] // 2
        if self.bidirectional:
            parts = at_last(x[:, :, :half], context.mask), at_first(x[:, :, half:], context.mask)
            return jnp.concatenate(parts, axis=1), self
        return at_last(x, context.mask), self

    def alive(self, mask: Array | None, x: Array) -> Array | None:
        del mask, x
        return None

    def describe(self) -> str:
        return "last bidirectional" if self.bidirectional else "last"


class Mean(Layer):
    """The mean over the live steps: [batch, time, features] to [batch, features]; zeros where no step lives.

    >>> Mean().output_shape((28, 64))
    (64,)
    """

    kind: ClassVar[str] = "mean"

    def output_shape(self, shape: Shape) -> Shape:
        return checked_sequence("mean", shape)[1:]

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        return mean_over_time(x, context.mask), self

    def alive(self, mask: Array | None, x: Array) -> Array | None:
        del mask, x
        return None


class Max(Layer):
    """The largest over the live steps: [batch, time, features] to [batch, features]; zeros where no step lives.

    >>> Max().output_shape((28, 64))
    (64,)
    """

    kind: ClassVar[str] = "max"

    def output_shape(self, shape: Shape) -> Shape:
        return checked_sequence("max", shape)[1:]

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        return largest_over_time(x, context.mask), self

    def alive(self, mask: Array | None, x: Array) -> Array | None:
        del mask, x
        return None


def at_last(x: Array, mask: Array | None) -> Array:
    """What stands at each example's last live step, [batch, features].

    >>> at_last(jnp.arange(6.0).reshape(2, 3, 1), jnp.array([[True, True, False], [False, False, False]])).tolist()
    [[1.0], [0.0]]
    """
    if mask is None:
        return x[:, -1]
    return _at(x, mask, x.shape[1] - 1 - jnp.argmax(mask[:, ::-1], axis=1))


def at_first(x: Array, mask: Array | None) -> Array:
    """What stands at each example's first live step, [batch, features]."""
    return x[:, 0] if mask is None else _at(x, mask, jnp.argmax(mask, axis=1))


def _at(x: Array, mask: Array, steps: Array) -> Array:
    found = jnp.take_along_axis(x, steps[:, None, None], axis=1)[:, 0]
    return jnp.where(jnp.any(mask, axis=1, keepdims=True), found, jnp.zeros((), x.dtype))
