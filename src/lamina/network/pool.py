"""Pooling: fewer places, each the largest or the mean of several; and Flatten, which makes features of all places."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

import math
from typing import ClassVar, Literal, Self

import jax.numpy as jnp
from jax import Array

from lamina.errors import OptionError, ShapeError
from lamina.kernels.conv2d import Pair, Window
from lamina.kernels.pool import average_pool, max_pool
from lamina.network.layer import Context, Layer, Shape
from lamina.network.sizes import (
    Padding,
    Size,
    along,
    as_pair,
    as_window,
    checked_padding,
    moved,
    moving_axes,
    tidy_size,
    window_text,
)


class MaxPool(Layer):
    """The largest number of each window, channel by channel, over [height, width, channels] or [time, channels].

    Windows stand side by side unless ``stride`` says otherwise; what is left over at the end is dropped ("valid").

    >>> MaxPool().output_shape((7, 7, 32))
    (3, 3, 32)
    """

    kind: ClassVar[str] = "pool"
    window: Size = 2
    stride: Size | None = None
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        window = tidy_size(self.kind, "window", self.window)
        stride = window if self.stride is None else tidy_size(self.kind, "stride", self.stride)
        object.__setattr__(self, "window", window)
        object.__setattr__(self, "stride", None if stride == window else stride)
        checked_padding(self.kind, self.padding)
        # Else a window could hold nothing but padding.
        if isinstance(self.padding, int) and 2 * self.padding > min((window,) if isinstance(window, int) else window):
            raise OptionError(
                f"{self.kind}: padding {self.padding} is more than half of the window {window_text(window)}.",
                expected="At most half of the window.",
                mend='padding="same"',
            )

    def output_shape(self, shape: Shape) -> Shape:
        window, stride = self._along(moving_axes(self.kind, shape))
        return (*moved(self.kind, shape, window, stride, self.padding), shape[-1])

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        del context
        return self.pooled(x), self

    def pooled(self, x: Array) -> Array:
        """The pooled batch."""
        if x.ndim == 4:
            return self._pool(x, *self.windows(x.shape[1:-1]))
        return self._pool(x[:, None], *self.windows(x.shape[1:-1]))[:, 0]

    def windows(self, sizes: Shape) -> tuple[Pair, Window]:
        """The size of a window and how it moves over these sizes, as the kernels take it."""
        size, stride = self._along(len(sizes))
        return as_pair(size), as_window(sizes, size, stride, self.padding)

    def _pool(self, x: Array, size: Pair, window: Window) -> Array:
        return max_pool(x, size, window)

    def _along(self, axes: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        window = along(self.kind, "window", self.window, axes)
        return window, window if self.stride is None else along(self.kind, "stride", self.stride, axes)

    def describe(self) -> str:
        return f"{self.kind} {window_text(self.window)}"


class AvgPool(MaxPool):
    """The mean of each window, padding not counted; otherwise as MaxPool.

    >>> AvgPool(4).output_shape((8, 8, 3))
    (2, 2, 3)
    """

    kind: ClassVar[str] = "avgpool"

    def _pool(self, x: Array, size: Pair, window: Window) -> Array:
        return average_pool(x, size, window)


class GlobalPool(Layer):
    """One number a channel: the mean, or the largest, of all places.

    >>> GlobalPool().output_shape((7, 7, 64))
    (64,)
    """

    kind: ClassVar[str] = "globalpool"
    by: Literal["mean", "max"] = "mean"

    def __post_init__(self) -> None:
        if self.by not in ("mean", "max"):
            raise OptionError(f"globalpool: by is {self.by!r}.", expected='"mean" or "max".', mend='by="mean"')

    def output_shape(self, shape: Shape) -> Shape:
        moving_axes("globalpool", shape)
        return shape[-1:]

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        del context
        # On JAX: a native mean was no faster, and a max pool's gradient goes to one of equals, here to all of them.
        places = tuple(range(1, x.ndim - 1))
        return jnp.mean(x, axis=places) if self.by == "mean" else jnp.max(x, axis=places), self


class Flatten(Layer):
    """All places and channels as one row of features.

    >>> Flatten().output_shape((7, 7, 64))
    (3136,)
    """

    kind: ClassVar[str] = "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        if not shape:
            raise ShapeError("flatten was given single numbers.", expected="At least one axis.")
        return (math.prod(shape),)

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        del context
        return x.reshape(x.shape[0], -1), self
