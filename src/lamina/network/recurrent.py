"""Layers with a memory: RNN, LSTM and GRU read a sequence step by step and carry a state along."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

import dataclasses
from typing import ClassVar, Self

import jax.numpy as jnp
from jax import Array

from lamina.errors import OptionError, ShapeError
from lamina.kernels.gru import GRUWeights, gru
from lamina.kernels.lstm import LSTMWeights, lstm
from lamina.kernels.rnn import ACTIVATIONS, RNNWeights, rnn
from lamina.network.initialisers import Draw, checked_initialiser, initial, rotations
from lamina.network.layer import Context, Layer, Shape, built_child, parameter
from lamina.network.sizes import checked_size, named


class Recurrent(Layer):
    """What RNN, LSTM and GRU have in common: [batch, time, inputs] to a state for each step, [batch, time, features].

    ``bidirectional`` adds a layer with weights of its own, ``backward``, that reads from the end to the start; its
    states stand behind the others, [batch, time, 2 features]. The mask of the context says which steps are there: a
    padded one leaves the state as it is and comes out as zeros, and the backward layer begins at each example's own
    last step.

    Input weights start as ``initialiser`` says, glorot unless told otherwise, recurrent ones as a rotation for each
    gate (Saxe et al. 2014, sec. 3), biases at zero.
    """

    kind: ClassVar[str] = "recurrent"
    gates: ClassVar[int] = 1
    features: int
    bidirectional: bool = dataclasses.field(default=False, kw_only=True)
    initialiser: str = dataclasses.field(default="default", kw_only=True)
    weight: Array | None = parameter()
    recurrent: Array | None = parameter()
    bias: Array | None = parameter()
    backward: Self | None = built_child()

    def __post_init__(self) -> None:
        checked_size(self.kind, "features", self.features)
        checked_initialiser(self.initialiser)
        if not isinstance(self.bidirectional, bool):
            raise OptionError(
                f"{self.kind}: bidirectional is {self.bidirectional!r}.",
                expected="True or False.",
                mend="bidirectional=True",
            )

    def output_shape(self, shape: Shape) -> Shape:
        checked_sequence(self.kind, shape)
        return (shape[0], self.features * (2 if self.bidirectional else 1))

    def build(self, shape: Shape, draw: Draw) -> Self:
        self.output_shape(shape)
        built = dataclasses.replace(
            self,
            weight=self._first_weight(draw, shape[1]),
            recurrent=rotations(draw, self.gates, self.features),
            bias=self._first_bias(),
        )
        if not self.bidirectional:
            return built
        return dataclasses.replace(built, backward=dataclasses.replace(self, bidirectional=False).build(shape, draw))

    def _first_weight(self, draw: Draw, inputs: int) -> Array:
        """Weights from ``inputs`` to every gate, each gate's drawn by itself."""
        size = (inputs, self.features)
        return jnp.concatenate([initial(self.initialiser, "tanh", draw, size) for _ in range(self.gates)], axis=1)

    def _first_bias(self) -> Array:
        return jnp.zeros(self.gates * self.features, jnp.float32)

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        y = self.read(x, context.mask)
        if self.backward is not None:
            y = jnp.concatenate([y, self.backward.read(x, context.mask, reverse=True)], axis=2)
        return y, self

    def read(self, x: Array, mask: Array | None, *, reverse: bool = False) -> Array:
        """The states [batch, time, features] of one direction, from a state of zeros."""
        raise NotImplementedError(f"{type(self).__name__}.read")

    def _start(self, x: Array) -> Array:
        return jnp.zeros((x.shape[0], self.features), x.dtype)

    def multiply_adds(self, shape: Shape) -> int:
        ways = 2 if self.bidirectional else 1
        return ways * shape[0] * (shape[1] + self.features) * self.gates * self.features

    def describe(self) -> str:
        return f"{self.kind} {self.features}{' bidirectional' if self.bidirectional else ''}"


class RNN(Recurrent):
    """The plain recurrent layer: ``h = activation(x W + h U + b)`` at each step, tanh or relu (Elman 1990).

    Its gradient fades or grows with every step that it goes back (Pascanu et al. 2013): for long sequences use LSTM
    or GRU.

    >>> RNN(64, bidirectional=True).output_shape((28, 3))
    (28, 128)
    """

    kind: ClassVar[str] = "rnn"
    activation: str = "tanh"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.activation not in ACTIVATIONS:
            raise OptionError(
                f"rnn: the activation is {self.activation!r}.",
                expected=f"One of {', '.join(ACTIVATIONS)}.",
                mend="tanh",
            )

    def read(self, x: Array, mask: Array | None, *, reverse: bool = False) -> Array:
        assert self.weight is not None
        assert self.recurrent is not None
        assert self.bias is not None
        weights = RNNWeights(self.weight, self.recurrent, self.bias)
        return rnn(x, self._start(x), weights, mask, activation=self.activation, reverse=reverse)[0]

    def describe(self) -> str:
        way = " bidirectional" if self.bidirectional else ""
        return f"rnn {self.features} {self.activation}{way}"


class LSTM(Recurrent):
    """The long short-term memory (Hochreiter and Schmidhuber 1997; forget gate of Gers et al. 2000).

    Columns of the weights: in, forget, cell, out. The forget gate's bias starts at 1, so that at first nothing is
    forgotten (Jozefowicz et al. 2015, sec. 5).

    >>> LSTM(128).output_shape((28, 3))
    (28, 128)
    """

    kind: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4

    def _first_bias(self) -> Array:
        return jnp.repeat(jnp.asarray([0, 1, 0, 0], jnp.float32), self.features)

    def read(self, x: Array, mask: Array | None, *, reverse: bool = False) -> Array:
        assert self.weight is not None
        assert self.recurrent is not None
        assert self.bias is not None
        weights = LSTMWeights(self.weight, self.recurrent, self.bias)
        return lstm(x, (self._start(x), self._start(x)), weights, mask, reverse=reverse)[0]


class GRU(Recurrent):
    """The gated recurrent unit (Cho et al. 2014), the reset gate behind the recurrent product, as torch and cuDNN do.

    Columns of the weights: reset, update, new. ``recurrent_bias`` is what the reset gate resets with the product.

    >>> GRU(64).output_shape((28, 3))
    (28, 64)
    """

    kind: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3
    recurrent_bias: Array | None = parameter()

    def build(self, shape: Shape, draw: Draw) -> Self:
        built = super().build(shape, draw)
        return dataclasses.replace(built, recurrent_bias=jnp.zeros(self.features, jnp.float32))

    def read(self, x: Array, mask: Array | None, *, reverse: bool = False) -> Array:
        assert self.weight is not None
        assert self.recurrent is not None
        assert self.bias is not None
        assert self.recurrent_bias is not None
        weights = GRUWeights(self.weight, self.recurrent, self.bias, self.recurrent_bias)
        return gru(x, self._start(x), weights, mask, reverse=reverse)[0]


def checked_sequence(layer: str, shape: Shape) -> Shape:
    """``shape``, if it is that of a sequence, [time, features]; ShapeError otherwise.

    >>> checked_sequence("lstm", (28, 3))
    (28, 3)
    """
    if len(shape) != 2:
        raise ShapeError(
            f"{layer} reads sequences, and is given {named(shape)}.",
            expected="[time, features].",
            mend=f"Leave {layer} out, or put it before what takes the time away (last, mean, max, flatten).",
        )
    return shape
