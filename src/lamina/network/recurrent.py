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
from lamina.kernels.random_bits import random_bits
from lamina.kernels.recurrence import States, in_pieces
from lamina.kernels.rnn import ACTIVATIONS, RNNWeights, rnn
from lamina.network.dropout import checked_rate, zeroed
from lamina.network.initialisers import Draw, checked_initialiser, initial, rotations
from lamina.network.layer import Context, Layer, Shape, built_child, number, parameter, shortest
from lamina.network.sizes import checked_size, named


class Recurrent(Layer):
    """What RNN, LSTM and GRU have in common: [batch, time, inputs] to a state for each step, [batch, time, features].

    ``bidirectional`` adds a layer with weights of its own, ``backward``, that reads from the end to the start; its
    states stand behind the others, [batch, time, 2 features]. The mask of the context says which steps are there: a
    padded one leaves the state as it is and comes out as zeros, and the backward layer begins at each example's own
    last step.

    ``recurrent_dropout``, a number that a recipe may vary where it is given, is the share of the state that each
    example's steps don't see in training, the same units at every step (Gal and Ghahramani 2016, sec. 4): that runs on
    JAX. ``truncate`` cuts the gradient's way back every so many steps (Williams and Peng 1990); no output changes.

    Input weights start as ``initialiser`` says, glorot unless told otherwise, recurrent ones as a rotation for each
    gate (Saxe et al. 2014, sec. 3), biases at zero.
    """

    kind: ClassVar[str] = "recurrent"
    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1
    features: int
    bidirectional: bool = dataclasses.field(default=False, kw_only=True)
    recurrent_dropout: Array | float | None = number(default=None, kw_only=True)
    truncate: int | None = dataclasses.field(default=None, kw_only=True)
    initialiser: str = dataclasses.field(default="default", kw_only=True)
    weight: Array | None = parameter()
    recurrent: Array | None = parameter()
    bias: Array | None = parameter()
    backward: Self | None = built_child()

    def __post_init__(self) -> None:
        checked_size(self.kind, "features", self.features)
        checked_initialiser(self.initialiser)
        checked_rate(f"{self.kind}: recurrent_dropout", self.recurrent_dropout, mend="recurrent_dropout=0.3")
        if self.truncate is not None:
            checked_size(self.kind, "truncate", self.truncate)
        if not isinstance(self.bidirectional, bool):
            raise OptionError(
                f"{self.kind}: bidirectional is {self.bidirectional!r}.",
                expected="True or False.",
                mend="bidirectional=True",
            )
        super().__post_init__()

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
        # The rate of what is dropped is one number for both ways.
        other = dataclasses.replace(self, bidirectional=False, recurrent_dropout=None)
        return dataclasses.replace(built, backward=other.build(shape, draw))

    def _first_weight(self, draw: Draw, inputs: int) -> Array:
        """Weights from ``inputs`` to every gate, each gate's drawn by itself."""
        size = (inputs, self.features)
        return jnp.concatenate([initial(self.initialiser, "tanh", draw, size) for _ in range(self.gates)], axis=1)

    def _first_bias(self) -> Array:
        return jnp.zeros(self.gates * self.features, jnp.float32)

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        y = self.read(x, context.mask, dropped=self._dropped(x, context))
        if self.backward is not None:
            dropped = self._dropped(x, context.child(0, self.backward, "backward"))
            y = jnp.concatenate([y, self.backward.read(x, context.mask, reverse=True, dropped=dropped)], axis=2)
        return y, self

    def _dropped(self, x: Array, context: Context) -> Array | None:
        """What each example's state is multiplied by on its way into every step, [batch, features]."""
        if self.recurrent_dropout is None or not context.training:
            return None
        size = x.shape[0], self.features
        return zeroed(jnp.ones(size, x.dtype), random_bits(context.random_key(), size), self.recurrent_dropout)

    def read(self, x: Array, mask: Array | None, *, reverse: bool = False, dropped: Array | None = None) -> Array:
        """The states [batch, time, features] of one direction, from a state of zeros."""
        start = (jnp.zeros((x.shape[0], self.features), x.dtype),) * self.states

        def read(x: Array, states: States, mask: Array | None) -> tuple[Array, States]:
            return self.carried(x, states, mask, reverse=reverse, dropped=dropped)

        if self.truncate is None or self.truncate >= x.shape[1]:
            return read(x, start, mask)[0]
        return in_pieces(read, x, start, mask, length=self.truncate, reverse=reverse)[0]

    def carried(
        self, x: Array, states: States, mask: Array | None, *, reverse: bool, dropped: Array | None
    ) -> tuple[Array, States]:
        """What comes out at each step, [batch, time, features], and the last states, from given ones."""
        raise NotImplementedError(f"{type(self).__name__}.carried")

    def multiply_adds(self, shape: Shape) -> int:
        ways = 2 if self.bidirectional else 1
        return ways * shape[0] * (shape[1] + self.features) * self.gates * self.features

    def describe(self) -> str:
        return f"{self.kind} {self.features}{self._way()}"

    def _way(self) -> str:
        dropped = "" if self.recurrent_dropout is None else f" recurrent-dropout {shortest(self.recurrent_dropout)}"
        cut = "" if self.truncate is None else f" truncate {self.truncate}"
        return f"{' bidirectional' if self.bidirectional else ''}{dropped}{cut}"


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

    def carried(
        self, x: Array, states: States, mask: Array | None, *, reverse: bool, dropped: Array | None
    ) -> tuple[Array, States]:
        assert self.weight is not None
        assert self.recurrent is not None
        assert self.bias is not None
        weights, activation = RNNWeights(self.weight, self.recurrent, self.bias), self.activation
        y, last = rnn(x, states[0], weights, mask, activation=activation, reverse=reverse, dropped=dropped)
        return y, (last,)

    def describe(self) -> str:
        return f"rnn {self.features} {self.activation}{self._way()}"


class LSTM(Recurrent):
    """The long short-term memory (Hochreiter and Schmidhuber 1997; forget gate of Gers et al. 2000).

    Columns of the weights: in, forget, cell, out. The forget gate's bias starts at 1, so that at first nothing is
    forgotten (Jozefowicz et al. 2015, sec. 5).

    >>> LSTM(128).output_shape((28, 3))
    (28, 128)
    """

    kind: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2

    def _first_bias(self) -> Array:
        return jnp.repeat(jnp.asarray([0, 1, 0, 0], jnp.float32), self.features)

    def carried(
        self, x: Array, states: States, mask: Array | None, *, reverse: bool, dropped: Array | None
    ) -> tuple[Array, States]:
        assert self.weight is not None
        assert self.recurrent is not None
        assert self.bias is not None
        h, c = states
        weights = LSTMWeights(self.weight, self.recurrent, self.bias)
        return lstm(x, (h, c), weights, mask, reverse=reverse, dropped=dropped)


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

    def carried(
        self, x: Array, states: States, mask: Array | None, *, reverse: bool, dropped: Array | None
    ) -> tuple[Array, States]:
        assert self.weight is not None
        assert self.recurrent is not None
        assert self.bias is not None
        assert self.recurrent_bias is not None
        weights = GRUWeights(self.weight, self.recurrent, self.bias, self.recurrent_bias)
        y, last = gru(x, states[0], weights, mask, reverse=reverse, dropped=dropped)
        return y, (last,)


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
