"""Dropout: in training, each number is zero with a probability, and the others grow to make up for it."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

from typing import ClassVar, Self

import jax.numpy as jnp
from jax import Array

from lamina.errors import OptionError
from lamina.kernels.random_bits import random_bits
from lamina.network.layer import Context, Layer, number, shortest


def checked_rate(what: str, rate: object, *, mend: str) -> None:
    """OptionError for a number that is no share of numbers to drop."""
    if isinstance(rate, (int, float)) and not 0 <= rate < 1:
        raise OptionError(f"{what} is {rate}.", expected="A number from 0 to less than 1.", mend=mend)


def zeroed(x: Array, bits: Array, rate: Array | float) -> Array:
    """``x`` with zeros where random ``bits`` are among the share ``rate`` that is dropped; the others grow.

    >>> zeroed(jnp.ones(2), jnp.asarray([0, 1 << 31], jnp.uint32), 0.5).tolist()
    [0.0, 2.0]
    """
    # 24 bits are what a float32 tells apart.
    dropped = (bits >> 8).astype(jnp.float32) < jnp.asarray(rate, jnp.float32) * float(1 << 24)
    scale = (1.0 / (1.0 - jnp.asarray(rate, jnp.float32))).astype(x.dtype)
    return jnp.where(dropped, jnp.zeros((), x.dtype), x * scale)


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
        checked_rate("dropout: the rate", self.rate, mend="dropout 0.5")
        super().__post_init__()

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        if not context.training:
            return x, self
        return zeroed(x, self._bits(x, context), self.rate), self

    @staticmethod
    def _bits(x: Array, context: Context) -> Array:
        """Random bits for each number. Those of a sequence's step don't depend on how many steps there are."""
        if context.mask is None:
            return random_bits(context.random_key(), x.shape)
        return random_bits(context.random_key(), (x.shape[1], x.shape[0], *x.shape[2:])).swapaxes(0, 1)

    def describe(self) -> str:
        return f"dropout {shortest(self.rate)}"
