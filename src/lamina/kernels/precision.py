"""The numbers that products are made of: float32, or numbers rounded to bfloat16 with sums in float32.

bfloat16 (8 bits of exponent, 8 of precision; Kalamkar et al. 2019, arXiv 1905.12322) is for the products of training,
forward and backward: dense layers, convolutions, recurrences. Weights, their updates, states, norms, functions and
losses stay in float32, and so does whatever is not traced within ``computing``: measurements and predictions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import jax
import jax.numpy as jnp
from jax import Array, lax

from lamina.kernels import native

PRECISIONS = ("float32", "bfloat16")

_WANTED: ContextVar[str] = ContextVar("the precision of products", default="float32")


@contextmanager
def computing(precision: str) -> Iterator[None]:
    """Within it, what is traced makes its products of such numbers, forward and backward.

    >>> with computing("bfloat16"):
    ...     in_bfloat16()
    True
    """
    assert precision in PRECISIONS, precision
    before = _WANTED.set(precision)
    try:
        yield
    finally:
        _WANTED.reset(before)


def in_bfloat16(*operands: Array) -> bool:
    """Whether products of these float32 operands are to be made of bfloat16.

    >>> in_bfloat16(jnp.zeros(1))
    False
    """
    return _WANTED.get() == "bfloat16" and all(operand.dtype == jnp.float32 for operand in operands)


def is_faster() -> bool:
    """Whether products of bfloat16 are faster than float32's where JAX computes: on a GPU, on a CPU with AMX.

    >>> is_faster() == native.has_tiles() or jax.default_backend() != "cpu"
    True
    """
    (device,) = jnp.zeros(()).devices()
    return device.platform != "cpu" or native.has_tiles()


def halves(x: Array) -> Array:
    """The nearest numbers of bfloat16, as such.

    >>> float(halves(jnp.float32(1.001)))
    1.0
    """
    # The rounding is said apart: a pair of conversions XLA may leave out.
    return lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7).astype(jnp.bfloat16)


def product(a: Array, b: Array) -> Array:
    """``a @ b``, of rounded numbers where :func:`in_bfloat16` says so; for what says its gradient by itself.

    >>> product(jnp.full((1, 2), 1.001), jnp.ones((2, 1))).tolist() == [[2.002]]
    False
    """
    if not in_bfloat16(a, b):
        return a @ b
    return jnp.matmul(halves(a), halves(b), preferred_element_type=jnp.float32)


@jax.custom_jvp
def rounded(x: Array) -> Array:
    """The nearest numbers of bfloat16, as float32; the gradient passes as it is."""
    return lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7)


@rounded.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return rounded(primals[0]), tangents[0]


@jax.custom_vjp
def rounded_backward(x: Array) -> Array:
    """``x`` as it is, while its gradient is rounded."""
    return x


rounded_backward.defvjp(lambda x: (x, None), lambda _, g: (rounded(g),))
