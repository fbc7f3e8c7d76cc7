"""A dense layer: a product with a bias and relu, and its gradients, each of them plain products."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from lamina.errors import ShapeError
from lamina.kernels import native
from lamina.kernels.platform import by_platform


def dense(x: Array, weight: Array, bias: Array | None, *, relu: bool = False) -> Array:
    """``relu(x @ weight + bias)``: ``x`` [..., inputs], ``weight`` [inputs, features], ``bias`` [features] or None.

    ShapeError where they don't fit.

    >>> dense(jnp.array([[1.0, 2.0]]), jnp.array([[1.0], [-1.0]]), jnp.array([0.5]), relu=True).tolist()
    [[0.0]]
    """
    if weight.ndim != 2 or x.shape[-1:] != weight.shape[:1] or (bias is not None and bias.shape != weight.shape[1:]):
        given = f"{list(x.shape)}, weights {list(weight.shape)} and bias {None if bias is None else list(bias.shape)}"
        raise ShapeError(
            f"A dense layer was given {given}.", expected="[..., inputs], [inputs, features] and [features]."
        )
    bias = jnp.zeros(weight.shape[1], weight.dtype) if bias is None else bias
    can = x.dtype == weight.dtype == bias.dtype == jnp.float32 and native.usable()
    return by_platform(
        x, weight, bias, cpu=partial(_native if can else _formula, relu), default=partial(_formula, relu)
    )


def _formula(relu: bool, x: Array, weight: Array, bias: Array) -> Array:
    y = x @ weight + bias.reshape((1,) * (x.ndim - 1) + (-1,))
    return jax.nn.relu(y) if relu else y


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _native(relu: bool, x: Array, weight: Array, bias: Array) -> Array:
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    out = jax.ShapeDtypeStruct((rows.shape[0], weight.shape[1]), jnp.float32)
    y = native.call("dense_forward", [out], rows, weight, bias, relu=int(relu))[0]
    return y.reshape(*x.shape[:-1], weight.shape[1])


def _forward(relu: bool, x: Any, weight: Any, bias: Any) -> tuple[Array, Any]:
    y: Any = _native(relu, x.value, weight.value, bias.value)
    unwanted = None if x.perturbed else ()  # structure, not a number: it is known when the gradient is traced
    kept = y if relu else jnp.zeros((0,), jnp.float32)
    return y, (x.value, weight.value, kept, unwanted)


def _backward(relu: bool, kept: Any, g: Any) -> tuple[Array | None, Array, Array]:
    del relu
    x, weight, y, unwanted = kept
    wanted = unwanted is None
    g = jnp.zeros(g.shape, jnp.float32) if isinstance(g, jax.custom_derivatives.SymbolicZero) else g
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    outputs = [
        jax.ShapeDtypeStruct(rows.shape if wanted else (0,), jnp.float32),
        jax.ShapeDtypeStruct(weight.shape, jnp.float32),
        jax.ShapeDtypeStruct(weight.shape[1:], jnp.float32),
    ]
    flat = g.reshape(rows.shape[0], weight.shape[1])
    dx, dw, db = native.call("dense_backward", outputs, rows, weight, y, flat, wanted=int(wanted))
    return (dx.reshape(x.shape) if wanted else None), dw, db


_native.defvjp(_forward, _backward, symbolic_zeros=True)
