"""Conv: a small kernel of weights moved over a picture or a sequence, through an activation."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, Self

import jax.numpy as jnp
from jax import Array

from lamina.errors import OptionError, ShapeError
from lamina.kernels.conv2d import Pair, Window
from lamina.kernels.conv_block import Block, conv_block
from lamina.network.activation import activate, checked_activation
from lamina.network.initialisers import Draw, checked_initialiser, initial
from lamina.network.layer import Context, Layer, Shape, parameter
from lamina.network.mask import lasting
from lamina.network.sizes import (
    Ends,
    Padding,
    Size,
    along,
    as_pair,
    as_window,
    checked_padding,
    checked_size,
    first_of,
    moved,
    moving_axes,
    tidy_size,
    window_text,
)


class Conv(Layer):
    """``activation(x convolved with weight + bias)``: over [height, width, channels] or [time, channels].

    ``kernel``, ``stride`` and ``dilation`` are one number or one for each axis. ``padding`` "same" keeps the size (over
    the stride, rounded up), "valid" adds nothing, a number adds so many zeros at each end. ``groups`` splits the
    channels into so many that don't see each other. ``causal``, for sequences: what comes out at a step has seen that
    step and those before it (van den Oord et al. 2016, arXiv 1609.03499, sec. 2.1); the size stays.

    >>> Conv(32).output_shape((28, 28, 1)), Conv(32, 5, stride=2, padding="valid").output_shape((100, 3))
    ((28, 28, 32), (48, 32))
    """

    kind: ClassVar[str] = "conv"
    features: int
    kernel: Size = 3
    activation: str = "relu"
    stride: Size = dataclasses.field(default=1, kw_only=True)
    padding: Padding = dataclasses.field(default="same", kw_only=True)
    dilation: Size = dataclasses.field(default=1, kw_only=True)
    groups: int = dataclasses.field(default=1, kw_only=True)
    causal: bool = dataclasses.field(default=False, kw_only=True)
    initialiser: str = dataclasses.field(default="default", kw_only=True)
    biased: bool = dataclasses.field(default=True, kw_only=True)
    weight: Array | None = parameter()
    bias: Array | None = parameter()

    def __post_init__(self) -> None:
        for name in ("kernel", "stride", "dilation"):
            object.__setattr__(self, name, tidy_size("conv", name, getattr(self, name)))
        checked_size("conv", "features", self.features)
        checked_size("conv", "groups", self.groups)
        checked_padding("conv", self.padding)
        if not isinstance(self.causal, bool) or (self.causal and self.padding != "same"):
            given = f"padding is {self.padding!r} and causal" if self.causal is True else f"causal is {self.causal!r}"
            raise OptionError(
                f"conv: {given}.", expected="True, without padding, or False.", mend="Leave padding or causal out."
            )
        checked_activation(self.activation)
        checked_initialiser(self.initialiser)

    def output_shape(self, shape: Shape) -> Shape:
        axes = moving_axes("conv", shape)
        if shape[-1] % self.groups or self.features % self.groups:
            raise ShapeError(
                f"conv: {shape[-1]} channels in and {self.features} out can't be split into {self.groups} groups.",
                expected="A number of groups that divides both.",
                mend="Leave groups out.",
            )
        if self.causal and axes > 1:
            raise ShapeError(
                f"conv: a picture {list(shape)} has no time to be causal in.",
                expected="[time, channels].",
                mend="Leave causal out.",
            )
        strides = along("conv", "stride", self.stride, axes)
        return (*moved("conv", shape, self._spans(axes), strides, self._ends), self.features)

    def build(self, shape: Shape, draw: Draw) -> Self:
        self.output_shape(shape)
        kernel = along("conv", "kernel", self.kernel, len(shape) - 1)
        size = (*kernel, shape[-1] // self.groups, self.features)
        weight = initial(self.initialiser, self.activation, draw, size)
        bias = jnp.zeros(self.features, jnp.float32) if self.biased else None
        return dataclasses.replace(self, weight=weight, bias=bias)

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        return self.pooled(x, timed=context.mask is not None), self

    def alive(self, mask: Array | None, x: Array) -> Array | None:
        del x
        span = (first_of(self.kernel) - 1) * first_of(self.dilation) + 1
        return lasting(mask, span, first_of(self.stride), self._ends)

    def pooled(self, x: Array, pool: tuple[Pair, Window] | None = None, *, timed: bool = False) -> Array:
        """The convolution with a max pool before the activation: the same as behind one that keeps the order."""
        assert self.weight is not None
        block = Block(self.window(x.shape, timed=timed or x.ndim == 3), pool, self.activation == "relu")
        if x.ndim == 4:
            y = conv_block(x, self.weight, self.bias, block)
        else:
            y = conv_block(x[:, None], self.weight[None], self.bias, block)[:, 0]
        return y if block.relu else activate(self.activation, y)

    def window(self, shape: Shape, *, timed: bool = False) -> Window:
        """How the kernel moves over a batch of that shape; ``timed``: the first axis is time."""
        axes = len(shape) - 2
        stride, dilation = along("conv", "stride", self.stride, axes), along("conv", "dilation", self.dilation, axes)
        window = as_window(shape[1:-1], self._spans(axes), stride, self._ends, timed=timed)
        return window._replace(dilation=as_pair(dilation), groups=self.groups)

    def multiply_adds(self, shape: Shape) -> int:
        kernel = along("conv", "kernel", self.kernel, len(shape) - 1)
        return math.prod(self.output_shape(shape)) * math.prod(kernel) * (shape[-1] // self.groups)

    def describe(self) -> str:
        kernel = window_text(self.kernel if self.weight is None else self.weight.shape[:-2])
        more = [f" {n} {getattr(self, n)}" for n in ("dilation", "groups") if getattr(self, n) != 1]
        stride = "" if self.stride == 1 else f" stride {window_text(self.stride)}"
        causal = " causal" if self.causal else ""
        return f"conv {self.features} {kernel} {self.activation}{stride}{''.join(more)}{causal}"

    @property
    def _ends(self) -> Ends:
        return "causal" if self.causal else self.padding

    def _spans(self, axes: int) -> tuple[int, ...]:
        """How far the kernel reaches along each axis, its dilation included."""
        kernel, dilation = along("conv", "kernel", self.kernel, axes), along("conv", "dilation", self.dilation, axes)
        return tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
