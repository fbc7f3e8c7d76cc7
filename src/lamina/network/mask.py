"""Masks [batch, time], booleans: which steps of sequences live, and what is made of these alone.

An example's live steps come first and padding behind them. Whatever stands there counts as nothing.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array

from lamina.network.sizes import Ends, places


def lasting(mask: Array | None, window: int, stride: int, padding: Ends) -> Array | None:
    """Which places of a window along time live: those that there also are where a series ends at its last live step.

    >>> mask = jnp.array([[True, True, True, True, False, False]])
    >>> lasting(mask, 3, 1, "valid").tolist(), lasting(mask, 3, 2, "same").tolist()
    ([[True, True, False, False]], [[True, True, False]])
    """
    if mask is None:
        return None
    # The last step that a place can't do without: what is behind it in the window, padding may make up for.
    needed = 0 if padding in ("same", "causal") else window - 1 - 2 * (0 if padding == "valid" else padding)
    steps = np.arange(places(mask.shape[1], window, stride, padding)) * stride + needed
    return mask[:, np.maximum(steps, 0)]


def over(mask: Array, x: Array) -> Array:
    """The mask with axes of length one behind it, as many as ``x`` [batch, time, ...] has.

    >>> over(jnp.ones((2, 3), bool), jnp.ones((2, 3, 4, 5))).shape
    (2, 3, 1, 1)
    """
    return mask.reshape(*mask.shape, *(1,) * (x.ndim - 2))


def live(x: Array, mask: Array | None, otherwise: float = 0) -> Array:
    """``x`` [batch, time, ...] where a step lives, and ``otherwise`` elsewhere; as it is without a mask.

    >>> live(jnp.array([[[1.0], [2.0]]]), jnp.array([[True, False]])).tolist()
    [[[1.0], [0.0]]]
    """
    return x if mask is None else jnp.where(over(mask, x), x, jnp.asarray(otherwise, x.dtype))


def mean_over_time(x: Array, mask: Array | None) -> Array:
    """The mean over the live steps, [batch, time, ...] to [batch, ...]; zeros where none lives.

    >>> mean_over_time(jnp.array([[[1.0], [3.0], [9.0]]]), jnp.array([[True, True, False]])).tolist()
    [[2.0]]
    """
    if mask is None:
        return jnp.mean(x, axis=1)
    count = jnp.maximum(jnp.sum(over(mask, x), axis=1), 1).astype(x.dtype)
    return jnp.sum(live(x, mask), axis=1) / count


def largest_over_time(x: Array, mask: Array | None) -> Array:
    """The largest over the live steps, [batch, time, ...] to [batch, ...]; zeros where none lives.

    >>> largest_over_time(jnp.array([[[1.0], [3.0], [9.0]]]), jnp.array([[True, True, False]])).tolist()
    [[3.0]]
    """
    if mask is None:
        return jnp.max(x, axis=1)
    there = jnp.any(over(mask, x), axis=1)
    return jnp.where(there, jnp.max(live(x, mask, -jnp.inf), axis=1), jnp.zeros((), x.dtype))
