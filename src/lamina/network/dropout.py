"""Dropout: in training, each number is zero with a probability, and the others grow to make up for it."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

from typing import ClassVar, Self

import jax.numpy as jnp
from jax import Array

from lamina.errors import OptionError
from lamina.kernels.random_bits import random_bits
from lamina.network.layer import Context, Layer, number


class Dropout(Layer):
    """Zeros each number with probability ``rate`` in training, and divides the others by ``1 - rate``.

    The rate is a number: a recipe may set it without a new compilation. Outside training nothing happens. Source:
    Srivastava et al. 2014, sec. 4, scaled in training instead of afterwards.

    >>> Dropout(0.5)
    Dropout(rate=0.5)
    """

    kind: ClassVar[str] = "dropout"
    rate: Array | float = number()

    def __post_init__(self) -> None:
        if isinstance(self.rate, (int, float)) and not 0 <= self.rate < 1:
            raise OptionError(
                f"dropout: the rate is {self.rate}.", expected="A number from 0 to less than 1.", mend="dropout 0.5"
            )
        super().__post_init__()

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        if not context.training:
            return x, self
        # 24 bits are what a float32 tells apart.
        bits = self._bits(x, context) >> 8
        dropped = bits.astype(jnp.float32) < jnp.asarray(self.rate, jnp.float32) * float(1 << 24)
        scale = (1.0 / (1.0 - jnp.asarray(self.rate, jnp.float32))).astype(x.dtype)
        return jnp.where(dropped, jnp.zeros((), x.dtype), x * scale), self

    @staticmethod
    def _bits(x: Array, context: Context) -> Array:
        """Random bits for each number. Those of a sequence's step don't depend on how many steps there are."""
        if context.mask is None:
            return random_bits(context.random_key(), x.shape)
        return random_bits(context.random_key(), (x.shape[1], x.shape[0], *x.shape[2:])).swapaxes(0, 1)

    def describe(self) -> str:
        return f"dropout {self.rate}"
