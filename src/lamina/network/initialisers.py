"""Initial weights by name: he, glorot, lecun, orthogonal, zeros.

The activation calls for one: he for relu and its kin, lecun for selu, glorot for the rest, so that a signal keeps its
size from layer to layer.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from lamina.errors import OptionError

NAMES = ("he", "glorot", "lecun", "orthogonal", "zeros")
_HE = frozenset({"relu", "leaky relu", "gelu", "silu", "elu", "mish", "softplus"})


class Draw:
    """The random numbers that a network is built from: one drawing, handed out from the front.

    One drawing for the whole network because each compiles for as long as a small network trains. Without a key it
    hands out zeros and only counts.

    >>> draw = Draw()
    >>> draw.normal((2, 3)).shape, draw.taken
    ((2, 3), 6)
    """

    def __init__(self, key: Array | None = None, size: int = 0) -> None:
        low = float(np.nextafter(np.float32(-1), np.float32(0)))
        self.taken, self.numbers = 0, None
        if key is not None:
            self.numbers = jax.random.uniform(key, (size,), jnp.float32, low, 1.0)

    def uniform(self, shape: tuple[int, ...], limit: float) -> Array:
        """Numbers between -limit and limit."""
        start, self.taken = self.taken, self.taken + math.prod(shape)
        if self.numbers is None:
            return jnp.zeros(shape, jnp.float32)
        return self.numbers[start : self.taken].reshape(shape) * limit

    def normal(self, shape: tuple[int, ...], deviation: float = 1.0) -> Array:
        """Normal numbers of mean 0."""
        return lax.erf_inv(self.uniform(shape, 1.0)) * (math.sqrt(2) * deviation)


def default_for(activation: str) -> str:
    """The name of the initialiser that an activation calls for.

    he: He et al. 2015 (sec. 2.2); glorot: Glorot and Bengio 2010 (eq. 16); lecun: Klambauer et al. 2017 (sec. 3).

    >>> default_for("relu"), default_for("tanh"), default_for("selu")
    ('he', 'glorot', 'lecun')
    """
    if activation in _HE:
        return "he"
    return "lecun" if activation == "selu" else "glorot"


def checked_initialiser(name: str) -> str:
    """The name, if it is an initialiser's or "default"; OptionError otherwise."""
    if name != "default" and name not in NAMES:
        raise OptionError(f"There is no initialiser {name!r}.", expected=f"One of {', '.join(NAMES)}.", mend="he")
    return name


def initial(name: str, activation: str, draw: Draw, shape: tuple[int, ...]) -> Array:
    """Initial weights [..., inputs, outputs], float32. "default" is what the activation calls for.

    >>> initial("zeros", "relu", Draw(), (2, 1)).tolist()
    [[0.0], [0.0]]
    """
    chosen = default_for(activation) if name == "default" else name
    window, (inputs, outputs) = math.prod(shape[:-2]), shape[-2:]
    if chosen == "he":
        return draw.normal(shape, math.sqrt(2 / (window * inputs)))
    if chosen == "lecun":
        return draw.normal(shape, math.sqrt(1 / (window * inputs)))
    if chosen == "glorot":
        return draw.uniform(shape, math.sqrt(6 / (window * (inputs + outputs))))
    return _orthogonal(draw, shape) if chosen == "orthogonal" else jnp.zeros(shape, jnp.float32)


def _orthogonal(draw: Draw, shape: tuple[int, ...]) -> Array:
    """A random rotation, rows or columns orthonormal, whichever are fewer (Saxe et al. 2014, sec. 3)."""
    rows, columns = math.prod(shape[:-1]), shape[-1]
    q = _orthonormal(draw.normal((max(rows, columns), min(rows, columns))))
    return (q if rows >= columns else q.T).reshape(shape)


def rotations(draw: Draw, count: int, size: int) -> Array:
    """Random rotations side by side, [size, count * size]: one loop for all, because each compiles for long.

    >>> rotations(Draw(), 3, 2).shape
    (2, 6)
    """
    return _orthonormal(draw.normal((count, size, size))).swapaxes(0, 1).reshape(size, count * size)


def _orthonormal(normal: Array) -> Array:
    """Orthonormal columns from those of [..., rows, columns], every rotation equally likely (Gram and Schmidt, twice
    each, which is enough: Giraud et al. 2005).

    Not LAPACK's: on a CPU jaxlib splits its decompositions over XLA's threads and waits for them there, so that two at
    once can wait for each other for ever.
    """

    def add(at: Array, basis: Array) -> Array:
        column = lax.dynamic_slice_in_dim(normal, at, 1, axis=normal.ndim - 1)
        for _ in range(2):
            column = column - basis @ (basis.mT @ column)
        length = jnp.sqrt(jnp.sum(jnp.square(column), axis=-2, keepdims=True))
        return lax.dynamic_update_slice_in_dim(basis, column / jnp.maximum(length, 1e-30), at, axis=normal.ndim - 1)

    return lax.fori_loop(0, normal.shape[-1], add, jnp.zeros_like(normal))
