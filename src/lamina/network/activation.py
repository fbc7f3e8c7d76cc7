"""An activation: a function of each number, by its name, alone or inside Dense and Conv.

>>> import jax.numpy as jnp
>>> activate("leaky relu", jnp.array([-1.0, 2.0])).tolist()
[-0.009999999776482582, 2.0]
"""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Self

import jax
from jax import Array

from lamina.errors import OptionError
from lamina.network.layer import Context, Layer


def _gelu(x: Array) -> Array:
    """X times the normal distribution's cumulative, by the error function (Hendrycks and Gimpel 2016, sec. 2)."""
    return jax.nn.gelu(x, approximate=False)


def _linear(x: Array) -> Array:
    return x


FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "linear": _linear,
    "relu": jax.nn.relu,
    "leaky relu": jax.nn.leaky_relu,
    "gelu": _gelu,
    "silu": jax.nn.silu,
    "elu": jax.nn.elu,
    "selu": jax.nn.selu,
    "mish": jax.nn.mish,
    "softplus": jax.nn.softplus,
    "tanh": jax.numpy.tanh,
    "sigmoid": jax.nn.sigmoid,
    "softmax": jax.nn.softmax,
}


def activate(name: str, x: Array) -> Array:
    """The activation of this name applied to ``x``; softmax goes along the last axis."""
    return FUNCTIONS[name](x)


def checked_activation(name: str) -> str:
    """The name, if it is an activation's; OptionError otherwise."""
    if name not in FUNCTIONS:
        raise OptionError(f"There is no activation {name!r}.", expected=f"One of {', '.join(FUNCTIONS)}.", mend="relu")
    return name


class Activation(Layer):
    """An activation as a layer of its own.

    >>> Activation("tanh")
    Activation(function='tanh')
    """

    kind: ClassVar[str] = "activation"
    function: str

    def __post_init__(self) -> None:
        checked_activation(self.function)

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        del context
        return activate(self.function, x), self

    def describe(self) -> str:
        return self.function
