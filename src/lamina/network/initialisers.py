"""Initial weights by name: he, glorot, lecun, orthogonal, zeros.

The activation calls for one: he for relu and its kin, lecun for selu, glorot for the rest, so that a signal keeps its
size from layer to layer.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from lamina.errors import OptionError

NAMES = ("he", "glorot", "lecun", "orthogonal", "zeros")
_HE = frozenset({"relu", "leaky relu", "gelu", "silu", "elu", "mish", "softplus"})
# jax's initialisers see fan-in and fan-out in the last two axes, what is before them as the window: our layout.
_MAKERS: dict[str, Callable[[], jax.nn.initializers.Initializer]] = {
    "he": jax.nn.initializers.he_normal,
    "glorot": jax.nn.initializers.glorot_uniform,
    "lecun": jax.nn.initializers.lecun_normal,
    "orthogonal": jax.nn.initializers.orthogonal,
    "zeros": lambda: jax.nn.initializers.zeros,
}


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


def initial(name: str, activation: str, key: Array, shape: tuple[int, ...]) -> Array:
    """Initial weights [..., inputs, outputs], float32. "default" is what the activation calls for.

    >>> initial("zeros", "relu", jax.random.key(0), (2, 1)).tolist()
    [[0.0], [0.0]]
    """
    chosen = default_for(activation) if name == "default" else name
    return _MAKERS[chosen]()(key, shape, jnp.float32)
