"""Layer norm: each row brought to mean 0 and variance 1, scaled and shifted, with relu behind it as one operation.

XLA runs the formula's sums along rows one number at a time; the native form reads a row once each way.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from lamina.errors import ShapeError
from lamina.kernels import native
from lamina.kernels.platform import by_platform


def layer_norm(x: Array, scale: Array, shift: Array, *, relu: bool = False, epsilon: float = 1e-5) -> Array:
    """``relu((x - mean) / sqrt(variance + epsilon) * scale + shift)``, mean and variance along the last axis.

    ``x`` [..., features], ``scale`` and ``shift`` [features]; relu where it is asked for. ShapeError where they don't
    fit. Source: Ba et al. 2016, section 3.

    >>> layer_norm(jnp.array([[1.0, 3.0]]), jnp.ones(2), jnp.zeros(2), relu=True).round(2).tolist()
    [[0.0, 1.0]]
    """
    if x.ndim < 1 or not scale.shape == shift.shape == x.shape[-1:]:
        given = f"{list(x.shape)}, a scale {list(scale.shape)} and a shift {list(shift.shape)}"
        raise ShapeError(f"Layer norm was given {given}.", expected="[..., features], and [features] twice.")
    can = x.dtype == scale.dtype == shift.dtype == jnp.float32 and native.usable()
    formula = partial(_formula, relu, epsilon)
    return by_platform(x, scale, shift, cpu=partial(_native, relu, epsilon) if can else formula, default=formula)


def _formula(relu: bool, epsilon: float, x: Array, scale: Array, shift: Array) -> Array:
    centred = x - jnp.mean(x, axis=-1, keepdims=True)
    variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
    along = (1,) * (x.ndim - 1) + (-1,)
    y = centred * lax.rsqrt(variance + epsilon) * scale.reshape(along) + shift.reshape(along)
    return jax.nn.relu(y) if relu else y


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _native(relu: bool, epsilon: float, x: Array, scale: Array, shift: Array) -> Array:
    return _forward(relu, epsilon, x, scale, shift)[0]


def _forward(relu: bool, epsilon: float, x: Array, scale: Array, shift: Array) -> tuple[Array, Any]:
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    each = jax.ShapeDtypeStruct(rows.shape[:1], jnp.float32)
    outputs = [jax.ShapeDtypeStruct(rows.shape, jnp.float32), each, each]
    y, mean, inverse = native.call("layer_norm_forward", outputs, rows, scale, shift, relu=int(relu), epsilon=epsilon)
    return y.reshape(x.shape), (rows, scale, mean, inverse, y if relu else jnp.zeros((0,), jnp.float32))


def _backward(relu: bool, epsilon: float, kept: Any, g: Array) -> tuple[Array, Array, Array]:
    del relu, epsilon
    rows, scale, *_ = kept
    of_features = jax.ShapeDtypeStruct(scale.shape, jnp.float32)
    outputs = [jax.ShapeDtypeStruct(rows.shape, jnp.float32), of_features, of_features]
    to_x, to_scale, to_shift = native.call("layer_norm_backward", outputs, *kept, g.reshape(rows.shape))
    return to_x.reshape(g.shape), to_scale, to_shift


_native.defvjp(_forward, _backward)
