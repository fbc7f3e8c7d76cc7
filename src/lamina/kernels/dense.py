"""A dense layer: a product with a bias and relu, and its gradients, each of them plain products.

In bfloat16 (precision.py) natively where the library has products on AMX (native/dense_bf16.cc), else through XLA.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from lamina.errors import ShapeError
from lamina.kernels import native, precision
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
    way = _Way(relu, precision.in_bfloat16(x, weight, bias))
    can = native.has_tiles() if way.bfloat16 else native.usable()
    cpu = _native if can and x.dtype == weight.dtype == bias.dtype == jnp.float32 else _formula
    return by_platform(x, weight, bias, cpu=partial(cpu, way), default=partial(_formula, way))


class _Way(NamedTuple):
    relu: bool
    bfloat16: bool

    def function(self, way: str) -> str:
        """The library's function for the way "forward" or "backward"."""
        return f"dense_{way}_bf16" if self.bfloat16 else f"dense_{way}"


def _formula(way: _Way, x: Array, weight: Array, bias: Array) -> Array:
    y = (_rounded(x, weight) if way.bfloat16 else x @ weight) + bias.reshape((1,) * (x.ndim - 1) + (-1,))
    return jax.nn.relu(y) if way.relu else y


@jax.custom_vjp
def _rounded(x: Array, weight: Array) -> Array:
    with precision.computing("bfloat16"):
        return precision.product(x, weight)


def _rounded_backward(kept: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    x, weight = kept
    rows, flat = x.reshape(-1, weight.shape[0]), g.reshape(-1, weight.shape[1])
    with precision.computing("bfloat16"):
        return precision.product(flat, weight.T).reshape(x.shape), precision.product(rows.T, flat)


_rounded.defvjp(lambda x, weight: (_rounded(x, weight), (x, weight)), _rounded_backward)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _native(way: _Way, x: Array, weight: Array, bias: Array) -> Array:
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    out = jax.ShapeDtypeStruct((rows.shape[0], weight.shape[1]), jnp.float32)
    y = native.call(way.function("forward"), [out], rows, weight, bias, relu=int(way.relu))[0]
    return y.reshape(*x.shape[:-1], weight.shape[1])


def _forward(way: _Way, x: Any, weight: Any, bias: Any) -> tuple[Array, Any]:
    y: Any = _native(way, x.value, weight.value, bias.value)
    unwanted = None if x.perturbed else ()  # structure, not a number: it is known when the gradient is traced
    kept = y if way.relu else jnp.zeros((0,), jnp.float32)
    return y, (x.value, weight.value, kept, unwanted)


def _backward(way: _Way, kept: Any, g: Any) -> tuple[Array | None, Array, Array]:
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
    dx, dw, db = native.call(way.function("backward"), outputs, rows, weight, y, flat, wanted=int(wanted))
    return (dx.reshape(x.shape) if wanted else None), dw, db


_native.defvjp(_forward, _backward, symbolic_zeros=True)
