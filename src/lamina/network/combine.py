"""Layers made of layers: one after another, around, and side by side."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import ClassVar, Self, TypeVar

import jax.numpy as jnp
from jax import Array

from lamina.errors import OptionError, ShapeError
from lamina.kernels.batch_norm import After
from lamina.network.activation import Activation
from lamina.network.conv import Conv
from lamina.network.dense import Dense
from lamina.network.initialisers import Draw
from lamina.network.layer import Context, Layer, Shape, built_child, child
from lamina.network.mask import live
from lamina.network.norm import BatchNorm, LayerNorm
from lamina.network.pool import MaxPool

T = TypeVar("T")
_Apply = Callable[[Array, Context], tuple[Array, Layer]]
_MORE = 5040  # places, a multiple of most strides
_MONOTONE = frozenset({"linear", "relu", "leaky relu"})


class Sequential(Layer):
    """Layers one after another. Sequences among them are joined, so that a layer has one path.

    >>> from lamina.network import Dense, Dropout
    >>> Sequential([Dense(128), Dropout(0.5), Dense(10)]).output_shape((784,))
    (10,)
    """

    kind: ClassVar[str] = "sequential"
    layers: Sequence[Layer] = child()

    def __post_init__(self) -> None:
        flat: list[Layer] = []
        for layer in checked_layers("sequential", self.layers):
            flat += layer.layers if isinstance(layer, Sequential) else [layer]
        object.__setattr__(self, "layers", tuple(flat))

    def output_shape(self, shape: Shape) -> Shape:
        return self.shapes(shape)[-1]

    def shapes(self, shape: Shape) -> list[Shape]:
        """The shape that goes into the first layer, then what comes out of each."""
        found = [shape]
        for place, layer in enumerate(self.layers, start=1):
            found.append(inside(f"layer {place} ({layer.kind})", layer.output_shape, found[-1]))
        return found

    def build(self, shape: Shape, draw: Draw) -> Self:
        shapes = self.shapes(shape)
        built = [layer.build(shapes[place], draw) for place, layer in enumerate(self.layers)]
        return dataclasses.replace(self, layers=tuple(built))

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        x, done = self.through(x, context, len(self.layers))
        return x, dataclasses.replace(self, layers=done)

    def through(self, x: Array, context: Context, stop: int) -> tuple[Array, tuple[Layer, ...]]:
        """What the first ``stop`` layers make of ``x``, and these layers with new state."""
        done: list[Layer] = []
        while len(done) < stop:
            place, rest = len(done), self.layers[len(done) : stop]
            here = context.child(place, rest[0])
            together, apply = _operation(rest, here)
            y, changed = apply(x, here)
            mask = _alive(rest[:together], context.mask, x)
            x, context = live(y, mask), dataclasses.replace(context, mask=mask)
            here.record(x)
            done += [changed, *rest[1:together]]
        return x, tuple(done)

    def alive(self, mask: Array | None, x: Array) -> Array | None:
        return _alive(self.layers, mask, x)

    def multiply_adds(self, shape: Shape) -> int:
        shapes = self.shapes(shape)
        return sum(layer.multiply_adds(shapes[place]) for place, layer in enumerate(self.layers))

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, place: int) -> Layer:
        return self.layers[place]


class Residual(Layer):
    """The input added to what the body makes of it: ``x + body(x)`` (He et al. 2016, sec. 3.2).

    Where the body changes the shape, the input goes through a linear projection first: a 1x1 convolution, with a
    stride when the body made the picture smaller, or a dense layer on features.

    >>> from lamina.network import Conv, build
    >>> build(Residual(Sequential([Conv(8), Conv(8, activation="linear")])), (4, 4, 3)).projection
    Conv(features=8, kernel=1, activation='linear')
    """

    kind: ClassVar[str] = "residual"
    body: Sequential = child()
    projection: Layer | None = built_child()

    def __post_init__(self) -> None:
        object.__setattr__(self, "body", _sequence(self.body))

    def output_shape(self, shape: Shape) -> Shape:
        _projection(self.body, shape)
        return self.body.output_shape(shape)

    def build(self, shape: Shape, draw: Draw) -> Self:
        body = self.body.build(shape, draw)
        projection = _projection(self.body, shape)
        if projection is not None:
            projection = projection.build(shape, draw)
        return dataclasses.replace(self, body=body, projection=projection)

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        y, body = self.body.apply(x, context.child(0, self.body, "body"))
        return self._shortcut(x, y.shape, context) + y, dataclasses.replace(self, body=body)

    def with_relu(self, x: Array, context: Context) -> tuple[Array, Self]:
        """In training ``relu(x + body(x))``, the sum within the batch norm that the body ends in."""
        here, last = context.child(0, self.body, "body"), self.body.layers[-1]
        assert isinstance(last, BatchNorm)
        y, done = self.body.through(x, here, len(self.body) - 1)
        shortcut = self._shortcut(x, y.shape, context)
        here = dataclasses.replace(here, mask=self.alive(context.mask, x))  # which a batch norm leaves as it is
        y, last = last.trained(y, here.child(len(done), last), After(relu=True), shortcut)
        return y, dataclasses.replace(self, body=dataclasses.replace(self.body, layers=(*done, last)))

    def alive(self, mask: Array | None, x: Array) -> Array | None:
        return self.body.alive(mask, x)

    def _shortcut(self, x: Array, shape: Shape, context: Context) -> Array:
        """What is added to the body's output of that shape."""
        if self.projection is not None:
            x = self.projection.apply(x, context.child(1, self.projection, "projection"))[0]
            if x.shape[1] == shape[1] + 1:
                x = x[:, :-1]  # a pool in the body leaves out what fills no window of a sequence as long as this
        if x.shape != shape:
            raise _unequal(x.shape[1:], shape[1:])
        return x

    def multiply_adds(self, shape: Shape) -> int:
        projection = _projection(self.body, shape)
        return self.body.multiply_adds(shape) + (projection.multiply_adds(shape) if projection else 0)


class Concatenate(Layer):
    """Several layers given the same input, their outputs side by side along the last axis.

    A step lives where it does in every branch.

    >>> from lamina.network import Conv
    >>> Concatenate([Conv(8, 1), Conv(16, 3)]).output_shape((7, 7, 3))
    (7, 7, 24)
    """

    kind: ClassVar[str] = "concatenate"
    branches: tuple[Sequential, ...] = child()

    def __post_init__(self) -> None:
        branches = tuple(self.branches)
        if not branches:
            raise OptionError(
                "concatenate holds no branches.", expected="One or more.", mend="Concatenate([Conv(8, 1), Conv(8, 3)])"
            )
        object.__setattr__(self, "branches", tuple(_sequence(branch) for branch in branches))

    def output_shape(self, shape: Shape) -> Shape:
        outs = [
            inside(f"branch {place} ({branch.kind})", branch.output_shape, shape)
            for place, branch in enumerate(self.branches, start=1)
        ]
        if len({out[:-1] for out in outs}) > 1:
            raise ShapeError(
                f"concatenate: the branches make {', '.join(map(str, map(list, outs)))}.",
                expected="Shapes that differ in the last axis only.",
                mend="Give the branches equal strides and pools, and padding same.",
            )
        return (*outs[0][:-1], sum(out[-1] for out in outs))

    def build(self, shape: Shape, draw: Draw) -> Self:
        self.output_shape(shape)
        built = [branch.build(shape, draw) for branch in self.branches]
        return dataclasses.replace(self, branches=tuple(built))

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        outs, done = [], []
        for place, branch in enumerate(self.branches):
            here = context.child(place, branch)
            y, changed = branch.apply(x, here)
            here.record(y)
            outs.append(y)
            done.append(changed)
        return jnp.concatenate(outs, axis=-1), dataclasses.replace(self, branches=tuple(done))

    def alive(self, mask: Array | None, x: Array) -> Array | None:
        masks = [branch.alive(mask, x) for branch in self.branches]
        there = [mask for mask in masks if mask is not None]
        return functools.reduce(jnp.logical_and, there) if there else None

    def multiply_adds(self, shape: Shape) -> int:
        return sum(branch.multiply_adds(shape) for branch in self.branches)


def _sequence(given: Layer | Iterable[Layer]) -> Sequential:
    """A layer, or several, as a Sequential."""
    if isinstance(given, Sequential):
        return given
    return Sequential([given] if isinstance(given, Layer) else given)  # type: ignore[arg-type]


def checked_layers(holder: str, layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """The layers as a tuple; OptionError when there are none, or something else is among them."""
    checked = tuple(layers)
    stranger = next((layer for layer in checked if not isinstance(layer, Layer)), None)
    if stranger is not None or not checked:
        given = f"holds {stranger!r}, which is no layer" if checked else "holds no layers"
        raise OptionError(f"{holder} {given}.", expected="One layer or more.", mend="Sequential([Dense(128)])")
    return checked


def inside(where: str, work: Callable[[Shape], T], shape: Shape) -> T:
    """``work(shape)``, with ``where`` put before what a ShapeError says."""
    try:
        return work(shape)
    except ShapeError as error:
        raise ShapeError(f"{where}: {error.given}", expected=error.expected, mend=error.mend) from None


def _projection(body: Layer, shape: Shape) -> Layer | None:
    """The layer that brings a residual's input to the shape of its body's output; None when it has it."""
    out = body.output_shape(shape)
    if shape == out:
        return None
    if len(shape) == len(out) and shape[:-1] == out[:-1]:
        return Dense(out[-1], "linear") if len(shape) == 1 else Conv(out[-1], 1, "linear")
    if len(shape) == len(out):
        conv = Conv(out[-1], 1, "linear", stride=_strides(body, shape, out))
        if conv.output_shape(shape) == out:
            return conv
    raise _unequal(shape, out)


def _strides(body: Layer, shape: Shape, out: Shape) -> tuple[int, ...]:
    """How many places the body moves along each axis from one place to the next; ``out`` is what it makes."""
    larger = body.output_shape((*(size + _MORE for size in shape[:-1]), shape[-1]))
    return tuple(round(_MORE / max(b - a, 1)) for a, b in zip(out[:-1], larger[:-1], strict=True))


def _unequal(shape: Shape, out: Shape) -> ShapeError:
    return ShapeError(
        f"residual: the input {list(shape)} can't be brought to what the body makes, {list(out)}.",
        expected="A body that keeps the size or divides it by a whole stride.",
        mend="Use padding same, and move pool or flatten out of the residual.",
    )


def _alive(layers: Iterable[Layer], mask: Array | None, x: Array) -> Array | None:
    """Which steps live behind these layers, the first of which is given ``x``."""
    for layer in layers:
        mask = layer.alive(mask, x)
    return mask


def _operation(layers: Sequence[Layer], context: Context) -> tuple[int, _Apply]:
    """How many of the layers, from the first on, run as one operation, and what runs them: the first gets new state.

    A convolution and the pool behind it, where the activation keeps the order; and what takes a relu along.
    """
    first, second = (*layers, None)[:2]
    assert first is not None
    if context.records is not None:  # who asked for them wants every layer's output
        return 1, first.apply
    # Of windows that lie within the live steps: nothing has to be zero between the two.
    if (
        type(first) is Conv
        and type(second) is MaxPool
        and first.activation in _MONOTONE
        and (context.mask is None or second.padding == "valid")
    ):
        return 2, partial(_conv_and_pool, first, second)
    if type(second) is Activation and second.function == "relu":
        return _with_relu(first, layers[2:], context)
    return 1, first.apply


def _with_relu(first: Layer, behind: Sequence[Layer], context: Context) -> tuple[int, _Apply]:
    """The same of a layer before a relu: a layer norm, and in training a batch norm or a residual that ends in one.

    A batch norm takes the pool behind the relu as well, where there is no mask.
    """
    if type(first) is LayerNorm:
        return 2, first.with_relu
    if context.training and type(first) is Residual and type(first.body.layers[-1]) is BatchNorm:
        return 2, first.with_relu
    if context.training and type(first) is BatchNorm:
        pool = behind[0] if behind and type(behind[0]) is MaxPool and context.mask is None else None
        return (3 if pool else 2), partial(_norm_relu_and_pool, first, pool)
    return 1, first.apply


def _conv_and_pool(conv: Conv, pool: MaxPool, x: Array, context: Context) -> tuple[Array, Layer]:
    timed = context.mask is not None
    return conv.pooled(x, pool.windows(conv.output_shape(x.shape[1:])[:-1], timed=timed), timed=timed), conv


def _norm_relu_and_pool(norm: BatchNorm, pool: MaxPool | None, x: Array, context: Context) -> tuple[Array, Layer]:
    if pool is not None and x.ndim == 4:
        return norm.trained(x, context, After(True, pool.windows(x.shape[1:-1])))
    y, changed = norm.trained(x, context, After(relu=True))
    return (y if pool is None else pool.pooled(y)), changed
