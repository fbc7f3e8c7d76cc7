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
from lamina.network.mask import largest_over_time, lasting, live, mean_over_time, over
from lamina.network.sizes import (
    Padding,
    Size,
    along,
    as_pair,
    as_window,
    checked_padding,
    first_of,
    moved,
    moving_axes,
    tidy_size,
    window_text,
)


class MaxPool(Layer):
    """The largest number of each window, channel by channel, over [height, width, channels] or [time, channels].

    Windows stand side by side unless ``stride`` says otherwise; what is left over at the end is dropped ("valid"). A
    window that begins or ends beyond a sequence's live steps looks at those in it alone.

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
        if context.mask is None:
            return self.pooled(x), self
        # A live window without padding holds nothing but live steps.
        within = self.padding == "valid"
        return (self.pooled(x, timed=True) if within else self._pooled_alive(x, context.mask)), self

    def alive(self, mask: Array | None, x: Array) -> Array | None:
        del x
        stride = self.window if self.stride is None else self.stride
        return lasting(mask, first_of(self.window), first_of(stride), self.padding)

    def pooled(self, x: Array, *, timed: bool = False) -> Array:
        """The pooled batch."""
        moves = self.windows(x.shape[1:-1], timed=timed)
        return self._pool(x, *moves) if x.ndim == 4 else self._pool(x[:, None], *moves)[:, 0]

    def _pooled_alive(self, x: Array, mask: Array) -> Array:
        """The pooled batch, of live steps only."""
        return self.pooled(live(x, mask, -jnp.inf), timed=True)

    def windows(self, sizes: Shape, *, timed: bool = False) -> tuple[Pair, Window]:
        """The size of a window and how it moves over these sizes, as the kernels take it; ``timed``: the first is time.

        A sequence's one axis always is.
        """
        size, stride = self._along(len(sizes))
        return as_pair(size), as_window(sizes, size, stride, self.padding, timed=timed or len(sizes) == 1)

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

    def _pooled_alive(self, x: Array, mask: Array) -> Array:
        there = jnp.broadcast_to(over(mask, x), (*x.shape[:-1], 1)).astype(x.dtype)
        share = self.pooled(there, timed=True)
        return self.pooled(live(x, mask), timed=True) / jnp.where(share > 0, share, jnp.ones((), x.dtype))


class GlobalPool(Layer):
    """One number a channel: the mean, or the largest, of all places; of a sequence's live steps, zeros without one.

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
        # On JAX: a native mean was no faster, and a max pool's gradient goes to one of equals, here to all of them.
        over_places, over_time = (jnp.mean, mean_over_time) if self.by == "mean" else (jnp.max, largest_over_time)
        if context.mask is None:
            return over_places(x, axis=tuple(range(1, x.ndim - 1))), self
        return over_time(over_places(x, axis=tuple(range(2, x.ndim - 1))), context.mask), self

    def alive(self, mask: Array | None, x: Array) -> Array | None:
        del mask, x
        return None


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

    def alive(self, mask: Array | None, x: Array) -> Array | None:
        del mask, x
        return None
