"""Batch norm over the examples of a batch, with what follows it as one operation: a shortcut, relu, max pooling.

The JAX form is the formula; its statistics are products, which XLA runs faster on the CPU than reductions. The native
form reads the numbers four times in all, and behind a pool keeps the winners alone.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from lamina.errors import ShapeError
from lamina.kernels import native
from lamina.kernels.conv2d import Pair, Window
from lamina.kernels.platform import by_platform
from lamina.kernels.pool import max_pool


class After(NamedTuple):
    """What follows: relu or not, and the size and window of a max pool, or none."""

    relu: bool = False
    pool: tuple[Pair, Window] | None = None


class Normalised(NamedTuple):
    """The result, its ``mean`` and ``variance`` [channels], and how many numbers a channel they are of, []."""

    y: Array
    mean: Array
    variance: Array
    numbers: Array


class Inputs(NamedTuple):
    """``x`` [batch, ..., channels]; ``scale`` and ``shift`` [channels]; ``live`` [batch], above 0 for examples that
    count; ``shortcut`` of the shape of ``x``, added before relu, or None.
    """

    x: Array
    scale: Array
    shift: Array
    live: Array
    shortcut: Array | None = None


def batch_norm(inputs: Inputs, after: After = After(), *, epsilon: float = 1e-5) -> Normalised:  # noqa: B008 - immutable
    """``max_pool(relu((x - mean) / sqrt(variance + epsilon) * scale + shift + shortcut))`` by the batch's statistics.

    Mean and variance are of the examples that count, and no gradient goes through them as results. A pool needs
    pictures [batch, height, width, channels] and no shortcut. ShapeError where the arrays don't fit. Source: Ioffe and
    Szegedy 2015, algorithm 1.

    >>> x = jnp.array([[1.0], [3.0]])
    >>> made = batch_norm(Inputs(x, jnp.ones(1), jnp.zeros(1), jnp.ones(2)), After(relu=True))
    >>> made.y.round(2).tolist(), made.mean.tolist()
    ([[0.0], [1.0]], [2.0])
    """
    _check(inputs, after)
    shortcut = jnp.zeros((0,), jnp.float32) if inputs.shortcut is None else inputs.shortcut
    formula = partial(_formula, after, epsilon)
    cpu = partial(_native, after, epsilon) if _can_be_native(inputs, after) else formula
    return Normalised(*by_platform(*inputs[:4], shortcut, cpu=cpu, default=formula))


def _check(inputs: Inputs, after: After) -> None:
    x, shortcut = inputs.x, inputs.shortcut
    fits = x.ndim >= 2 and inputs.scale.shape == inputs.shift.shape == x.shape[-1:] and inputs.live.shape == x.shape[:1]
    if shortcut is not None:
        fits &= shortcut.shape == x.shape and after.pool is None
    if not fits or (after.pool is not None and x.ndim != 4):
        given = f"{list(x.shape)}, a scale {list(inputs.scale.shape)} and {list(inputs.live.shape)} weights"
        raise ShapeError(
            f"Batch norm was given {given}.",
            expected="[batch, ..., channels], a scale and a shift for each channel, a weight for each example.",
        )
    if after.pool is not None and min(_windows(x.shape, *after.pool)) < 1:
        raise ShapeError(
            f"A pool {list(after.pool[0])} doesn't fit into {list(x.shape[1:3])}.",
            expected="At least one place.",
            mend="Pool less.",
        )


def _windows(shape: tuple[int, ...], size: Pair, moves: Window) -> list[int]:
    """How many windows of a pool there are down and along."""
    axes = zip(shape[1:3], moves.padding, size, moves.stride, strict=True)
    return [(n + sum(padding) - k) // s + 1 for n, padding, k, s in axes]


def _can_be_native(inputs: Inputs, after: After) -> bool:
    fits = all(array.dtype == jnp.float32 for array in inputs if array is not None)
    if after.pool is not None:
        size, moves = after.pool
        fits &= moves.padding == ((0, 0), (0, 0)) and moves.dilation == (1, 1) and math.prod(size) < 255
        # Windows that overlap would each have to look at their neighbours for the gradient.
        fits &= all(s >= k for s, k in zip(moves.stride, size, strict=True))
    return fits and native.usable()


def _formula(after: After, epsilon: float, *inputs: Array) -> tuple[Array, ...]:
    x, scale, shift, live, shortcut = inputs
    rows = x.reshape(-1, x.shape[-1])
    alive = jnp.repeat((live > 0).astype(x.dtype), math.prod(x.shape[1:-1]))
    count = alive.sum()
    share = (alive / jnp.maximum(count, 1.0))[None]
    mean = _product(share, rows)
    variance = _product(share, jnp.square(rows - mean))[0]
    factor = scale * lax.rsqrt(variance + epsilon)
    y = ((rows - mean) * factor[None] + shift[None]).reshape(x.shape)
    y = y + shortcut if shortcut.size else y
    y = jax.nn.relu(y) if after.relu else y
    y = max_pool(y, *after.pool) if after.pool else y
    return y, *map(lax.stop_gradient, (mean[0], variance, count))


def _product(share: Array, rows: Array) -> Array:
    return jnp.matmul(share, rows, precision=lax.Precision.HIGHEST)


def _attributes(after: After, epsilon: float, shape: tuple[int, ...]) -> dict[str, Any]:
    """What tells the library the shape of the work, and the shape of the result."""
    if after.pool is None:
        places = (1, math.prod(shape[1:-1]))
        out, pooling = shape, (0,) * 6
    else:
        places, (size, moves) = shape[1:3], after.pool
        windows = _windows(shape, size, moves)
        out, pooling = (shape[0], *windows, shape[-1]), (*size, *moves.stride, *windows)
    geometry = (shape[0], *places, shape[-1])
    return {
        "out": out,
        "attributes": {"geometry": geometry, "pooling": pooling, "relu": int(after.relu), "epsilon": epsilon},
    }


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _native(after: After, epsilon: float, *inputs: Array) -> tuple[Array, ...]:
    return _call_forward(after, epsilon, *inputs)[0]


def _call_forward(after: After, epsilon: float, *inputs: Array) -> tuple[tuple[Array, ...], Array]:
    x, scale, shift, live, shortcut = inputs
    known = _attributes(after, epsilon, x.shape)
    channels = jax.ShapeDtypeStruct(x.shape[-1:], jnp.float32)
    outputs = [
        jax.ShapeDtypeStruct(known["out"], jnp.float32),
        jax.ShapeDtypeStruct(known["out"] if after.pool else (0,), jnp.uint8),
        channels,
        channels,
        jax.ShapeDtypeStruct((1,), jnp.float32),
    ]
    called = native.call("batch_norm_forward", outputs, x, scale, shift, live, shortcut, **known["attributes"])
    y, winners, mean, variance, count = called
    return (y, mean, variance, count[0]), winners


def _forward(after: After, epsilon: float, *inputs: Array) -> tuple[tuple[Array, ...], Any]:
    x, scale, shift, live, shortcut = inputs
    results, winners = _call_forward(after, epsilon, *inputs)
    # Where relu was silent: behind a pool the winners say it, without a shortcut x does.
    y = results[0] if after.relu and shortcut.size else jnp.zeros((0,), jnp.float32)
    return results, (x, scale, shift, live, results[1], results[2], y, winners, shortcut.shape)


def _backward(after: After, epsilon: float, kept: Any, gradients: tuple[Array, ...]) -> tuple[Array, ...]:
    x, scale, shift, live, mean, variance, y, winners, shortcut = kept
    known = _attributes(after, epsilon, x.shape)
    channels = jax.ShapeDtypeStruct(x.shape[-1:], jnp.float32)
    like_x, like_shortcut = (jax.ShapeDtypeStruct(shape, jnp.float32) for shape in (x.shape, shortcut))
    outputs = [like_x, like_shortcut, channels, channels]
    operands = (x, scale, shift, live, mean, variance, y, winners, gradients[0])
    dx, to_shortcut, to_scale, to_shift = native.call("batch_norm_backward", outputs, *operands, **known["attributes"])
    return dx, to_scale, to_shift, jnp.zeros_like(live), to_shortcut


_native.defvjp(_forward, _backward)
