"""Attention: every step's mean of what stands at the steps it sees, weighted by how well they answer its query.

Vaswani et al. 2017 (arXiv 1706.03762), section 3.2.1. All on JAX, whose batched products are the whole of it.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array

from lamina.errors import ShapeError


def attention(query: Array, key: Array, value: Array, mask: Array | None = None, *, causal: bool = False) -> Array:
    """``softmax(query key' / sqrt(size)) value`` for each head: [batch, heads, time, size] each, and what comes out.

    ``mask`` [batch, time], booleans, says which steps may be seen (all, if None); ``causal``: none that comes later. A
    step that sees none gets zeros. ShapeError where something does not fit.

    >>> x = jnp.array([[[[1.0], [3.0]]]])
    >>> attention(0 * x, x, x).ravel().tolist(), attention(0 * x, x, x, causal=True).ravel().tolist()
    ([2.0, 2.0], [1.0, 2.0])
    """
    _check(query, key, value, mask)
    scores = (query * (1 / math.sqrt(query.shape[3]))) @ key.mT
    seen = _seen(query.shape[2], mask, causal=causal)
    if seen is None:
        return jax.nn.softmax(scores) @ value
    # Finite, so that where nothing is seen no infinities meet.
    weights = jax.nn.softmax(jnp.where(seen, scores, jnp.asarray(jnp.finfo(scores.dtype).min, scores.dtype)))
    return jnp.where(seen, weights, jnp.zeros((), weights.dtype)) @ value


def _seen(steps: int, mask: Array | None, *, causal: bool) -> Array | None:
    """Which steps, along the last axis, each step sees: [batch or 1, 1, steps or 1, steps]; None for all."""
    whole = None if mask is None else mask[:, None, None, :]
    if not causal:
        return whole
    before = jnp.tri(steps, dtype=jnp.bool_)[None, None]
    return before if whole is None else whole & before


def _check(query: Array, key: Array, value: Array, mask: Array | None) -> None:
    if query.ndim != 4 or not query.shape == key.shape == value.shape:
        given = ", ".join(str(list(array.shape)) for array in (query, key, value))
        raise ShapeError(f"Attention was given {given}.", expected="[batch, heads, time, size] three times.")
    if mask is not None and (mask.shape != query.shape[::2][:2] or mask.dtype != jnp.bool_):
        raise ShapeError(
            f"Attention: the mask is {mask.dtype} of shape {list(mask.shape)}.",
            expected=f"Booleans of shape {[query.shape[0], query.shape[2]]}: which steps are there.",
        )
