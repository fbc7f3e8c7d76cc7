"""Max and average pooling over pictures, with gradients that run well inside a loop on the CPU.

Max pooling keeps which tap of the window won as one byte; on a tie the first wins, as in torch. (The gradient of XLA's
``reduce_window`` is 20 times slower on the CPU.) The native form of max pooling reads and writes each number once.
Where one was measured to bring nothing the JAX form stays: channels that don't fill vectors, and averages.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from lamina.errors import ShapeError
from lamina.kernels import native
from lamina.kernels.conv2d import Pair, Window
from lamina.kernels.platform import by_platform

_MANY = 9  # taps
_MOST_TAPS = 255  # of the native max pool: the winner is one byte
_VECTOR = 16  # channels: the widest that a library has


def max_pool(x: Array, size: Pair, window: Window) -> Array:
    """The largest of each window of ``size`` over ``x`` [batch, height, width, channels]; NaN if there is one.

    ShapeError where no window fits.

    >>> max_pool(jnp.arange(4.0).reshape(1, 2, 2, 1), (2, 2), Window(stride=(2, 2))).tolist()
    [[[[3.0]]]]
    """
    _check(x, size, window)
    formula = partial(_formula, _max_pool, size, window)
    cpu = partial(_native_max_pool, size, window, x.shape) if _can_be_native(x, size, window) else formula
    return by_platform(x, cpu=cpu, default=formula)


def average_pool(x: Array, size: Pair, window: Window) -> Array:
    """The mean of each window of ``size`` over ``x`` [batch, height, width, channels], padding not counted.

    ShapeError where no window fits; NaN for a window that holds nothing but padding.

    >>> average_pool(jnp.arange(4.0).reshape(1, 2, 2, 1), (2, 2), Window(stride=(2, 2))).tolist()
    [[[[1.5]]]]
    """
    _check(x, size, window)
    return _formula(_average_pool, size, window, x)


def _check(x: Array, size: Pair, window: Window) -> None:
    if x.ndim != 4:
        raise ShapeError(f"A pool was given {list(x.shape)}.", expected="[batch, height, width, channels].")
    if min(_windows((x.shape[1], x.shape[2]), size, window)) < 1:
        raise ShapeError(
            f"A pool {list(size)} doesn't fit into {list(x.shape[1:3])}.",
            expected="At least one place.",
            mend="Pool less.",
        )


def _windows(extent: Pair, size: Pair, window: Window) -> list[int]:
    """How many windows there are down and along."""
    axes = zip(extent, size, window.stride, window.padding, strict=True)
    return [(n + sum(padding) - k) // s + 1 for n, k, s, padding in axes]


# ---- native ----------------------------------------------------------------------------------------------------------


def _can_be_native(x: Array, size: Pair, window: Window) -> bool:
    plain = window.dilation == (1, 1) and min(itertools.chain(*window.padding)) >= 0 and math.prod(size) <= _MOST_TAPS
    return plain and x.dtype == jnp.float32 and x.shape[3] % _VECTOR == 0 and native.usable()


def _call(
    name: str, size: Pair, window: Window, outputs: list[jax.ShapeDtypeStruct], *operands: Array
) -> tuple[Array, ...]:
    down, along = zip(size, window.stride, (before for before, _ in window.padding), strict=True)
    return native.call(name, outputs, *operands, down=down, along=along)


def _pooled(size: Pair, window: Window, shape: tuple[int, ...], kind: Any) -> jax.ShapeDtypeStruct:
    """A number of that kind for each window."""
    return jax.ShapeDtypeStruct((shape[0], *_windows((shape[1], shape[2]), size, window), shape[3]), kind)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _native_max_pool(size: Pair, window: Window, shape: tuple[int, ...], x: Array) -> Array:
    return _native_max_forward(size, window, shape, x)[0]


def _native_max_forward(size: Pair, window: Window, shape: tuple[int, ...], x: Array) -> tuple[Array, Array]:
    outputs = [_pooled(size, window, shape, kind) for kind in (jnp.float32, jnp.uint8)]
    best, winners = _call("max_pool_forward", size, window, outputs, x)
    return best, winners


def _native_max_backward(
    size: Pair, window: Window, shape: tuple[int, ...], winners: Array, g: Array
) -> tuple[Array, ...]:
    return _call("max_pool_backward", size, window, [jax.ShapeDtypeStruct(shape, jnp.float32)], g, winners)


_native_max_pool.defvjp(_native_max_forward, _native_max_backward)


# ---- the JAX form ----------------------------------------------------------------------------------------------------


def _formula(pool: Any, size: Pair, window: Window, x: Array) -> Array:
    for part, moves in _passes(size, window):
        x = pool(part, moves, (x.shape[1], x.shape[2]), x)
    return x


def _passes(size: Pair, window: Window) -> list[tuple[Pair, Window]]:
    """The window at once, or, when it has many taps, first along the rows and then down the columns.

    Every tap is a piece of the compiled program. The first of equals stays the first: that of the first row.
    """
    if min(size) == 1 or size[0] * size[1] <= _MANY:
        return [(size, window)]
    down, along = window.padding
    return [
        ((1, size[1]), Window((1, window.stride[1]), ((0, 0), along))),
        ((size[0], 1), Window((window.stride[0], 1), (down, (0, 0)))),
    ]


@partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _max_pool(size: Pair, window: Window, extent: Pair, x: Array) -> Array:
    return _max_forward(size, window, extent, x)[0]


def _max_forward(size: Pair, window: Window, extent: Pair, x: Array) -> tuple[Array, Array]:
    del extent
    first, *others = _taps(x, size, window, -jnp.inf)
    many = len(others) > np.iinfo(np.int8).max
    best, winner = first, jnp.zeros(first.shape, jnp.int32 if many else jnp.int8)
    for number, tap in enumerate(others, start=1):
        better = (tap > best) | (tap != tap)  # NaN wins
        best, winner = jnp.where(better, tap, best), jnp.where(better, winner.dtype.type(number), winner)
    return best, winner


def _max_backward(size: Pair, window: Window, extent: Pair, winner: Array, g: Array) -> tuple[Array]:
    zero, nobody = jnp.zeros((), g.dtype), winner.dtype.type(-1)

    def share(tap: int, g: Array, winner: Array) -> Array:
        return jnp.where(winner == winner.dtype.type(tap), g, zero)

    return (_spread(size, window, extent, [(g, zero), (winner, nobody)], share),)


_max_pool.defvjp(_max_forward, _max_backward)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _average_pool(size: Pair, window: Window, extent: Pair, x: Array) -> Array:
    first, *others = _taps(x, size, window, 0.0)
    return sum(others, start=first) / jnp.asarray(_counts(extent, size, window), x.dtype)


def _average_forward(size: Pair, window: Window, extent: Pair, x: Array) -> tuple[Array, None]:
    return _average_pool(size, window, extent, x), None


def _average_backward(size: Pair, window: Window, extent: Pair, kept: None, g: Array) -> tuple[Array]:
    del kept
    g = g / jnp.asarray(_counts(extent, size, window), g.dtype)
    return (_spread(size, window, extent, [(g, jnp.zeros((), g.dtype))], lambda _, g: g),)


_average_pool.defvjp(_average_forward, _average_backward)


def _tiling(extent: Pair, size: Pair, window: Window) -> list[tuple[int, int, tuple[int, int, int]]]:
    """For each axis: windows along it, tiles (of a stride's length) they touch, and the padding that makes these."""
    found = []
    axes = zip(extent, _windows(extent, size, window), size, window.stride, window.padding, strict=True)
    for n, windows, k, s, (before, _) in axes:
        tiles = windows + (k - 1) // s
        found.append((windows, tiles, (before, tiles * s - n - before, 0)))
    return found


def _taps(x: Array, size: Pair, window: Window, fill: float) -> list[Array]:
    """What each tap of the window sees, [batch, out height, out width, channels] each.

    Cut into tiles of a stride's length, a tap is a plain slice of one phase of the tiles, whatever the stride.
    """
    (oh, th, rows), (ow, tw, columns) = _tiling((x.shape[1], x.shape[2]), size, window)
    padded = lax.pad(x, jnp.asarray(fill, x.dtype), ((0, 0, 0), rows, columns, (0, 0, 0)))
    sh, sw = window.stride
    tiles = padded.reshape(x.shape[0], th, sh, tw, sw, x.shape[3])
    return [
        tiles[:, i // sh : i // sh + oh, i % sh, j // sw : j // sw + ow, j % sw]
        for i in range(size[0])
        for j in range(size[1])
    ]


def _spread(
    size: Pair, window: Window, extent: Pair, of_windows: list[tuple[Array, Any]], share: Callable[..., Array]
) -> Array:
    """The gradient of what was tapped: for each number, the sum of its shares in the windows that it lies in.

    ``of_windows`` are arrays of a number for each window, with what stands beyond the edge; ``share`` makes of them
    what one tap gets. Every number gathers its shares; were the windows to spread theirs, XLA would test the bounds of
    every number on the CPU, which is 5 to 15 times slower.
    """
    (oh, th, rows), (ow, tw, columns) = _tiling(extent, size, window)
    (sh, sw), (up, left) = window.stride, (th - oh, tw - ow)
    edges = ((0, 0, 0), (up, up, 0), (left, left, 0), (0, 0, 0))
    padded = [lax.pad(array, fill, edges) for array, fill in of_windows]
    n, c = of_windows[0][0].shape[0], of_windows[0][0].shape[3]

    def phase(a: int, b: int) -> Array:
        total = jnp.zeros((n, th, tw, c), padded[0].dtype)
        for i, j in itertools.product(range(a, size[0], sh), range(b, size[1], sw)):
            y, x = up - i // sh, left - j // sw
            total = total + share(i * size[1] + j, *(array[:, y : y + th, x : x + tw] for array in padded))
        return total

    phases = [jnp.stack([phase(a, b) for b in range(sw)], axis=3) for a in range(sh)]
    whole = jnp.stack(phases, axis=2).reshape(n, th * sh, tw * sw, c)
    cut = [(-before, -after, 0) for before, after, _ in (rows, columns)]
    return lax.pad(whole, jnp.zeros((), whole.dtype), ((0, 0, 0), *cut, (0, 0, 0)))


def _counts(extent: Pair, size: Pair, window: Window) -> np.ndarray:
    """How many real (not padded) numbers each window holds, [1, out height, out width, 1]."""
    axes = []
    for n, k, s, (before, after) in zip(extent, size, window.stride, window.padding, strict=True):
        starts = np.arange(0, n + before + after - k + 1, s) - before
        axes.append(np.maximum(np.minimum(starts + k, n) - np.maximum(starts, 0), 0))
    return axes[0][None, :, None, None] * axes[1][None, None, :, None]
