"""Max and average pooling over pictures, with gradients that run well inside a loop on the CPU.

Max pooling keeps which tap of the window won as one byte; on a tie the first wins, as in torch. (The gradient of XLA's
``reduce_window`` is 20 times slower on the CPU.)
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from lamina.kernels.conv2d import Pair, Window


def max_pool(x: Array, size: Pair, window: Window) -> Array:
    """The largest of each window of ``size`` over ``x`` [batch, height, width, channels]; NaN if there is one.

    >>> max_pool(jnp.arange(4.0).reshape(1, 2, 2, 1), (2, 2), Window(stride=(2, 2))).tolist()
    [[[[3.0]]]]
    """
    return _max_pool(size, window, (x.shape[1], x.shape[2]), x)


def average_pool(x: Array, size: Pair, window: Window) -> Array:
    """The mean of each window of ``size`` over ``x`` [batch, height, width, channels], padding not counted.

    >>> average_pool(jnp.arange(4.0).reshape(1, 2, 2, 1), (2, 2), Window(stride=(2, 2))).tolist()
    [[[[1.5]]]]
    """
    first, *others = _taps(x, size, window, 0.0)
    return sum(others, start=first) / jnp.asarray(_counts(x.shape[1:3], size, window), x.dtype)


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
    zero = jnp.zeros((), g.dtype)
    shares = [jnp.where(winner == winner.dtype.type(t), g, zero) for t in range(size[0] * size[1])]
    return (_spread(shares, size, window, extent),)


_max_pool.defvjp(_max_forward, _max_backward)


def _tiling(extent: Pair, size: Pair, window: Window) -> list[tuple[int, int, tuple[int, int, int]]]:
    """For each axis: windows along it, tiles (of a stride's length) they touch, and the padding that makes these."""
    found = []
    for n, k, s, (before, after) in zip(extent, size, window.stride, window.padding, strict=True):
        windows = (n + before + after - k) // s + 1
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


def _spread(shares: list[Array], size: Pair, window: Window, extent: Pair) -> Array:
    """The transpose of taking taps: each share back to where its tap was, summed, without the padding."""
    (oh, th, rows), (ow, tw, columns) = _tiling(extent, size, window)
    (sh, sw), zero = window.stride, jnp.zeros((), shares[0].dtype)
    n, c = shares[0].shape[0], shares[0].shape[3]
    phases = [jnp.zeros((n, th, tw, c), zero.dtype)] * (sh * sw)
    for t, share in enumerate(shares):
        (i, a), (j, b) = divmod(t // size[1], sh), divmod(t % size[1], sw)
        placed = lax.pad(share, zero, ((0, 0, 0), (i, th - oh - i, 0), (j, tw - ow - j, 0), (0, 0, 0)))
        phases[a * sw + b] = phases[a * sw + b] + placed if i or j else placed
    stacked = jnp.stack([jnp.stack(phases[a * sw : (a + 1) * sw], axis=3) for a in range(sh)], axis=2)
    cut = [(-before, -after, 0) for before, after, _ in (rows, columns)]
    return lax.pad(stacked.reshape(n, th * sh, tw * sw, c), zero, ((0, 0, 0), cut[0], cut[1], (0, 0, 0)))


def _counts(extent: tuple[int, ...], size: Pair, window: Window) -> np.ndarray:
    """How many real (not padded) numbers each window holds, [1, out height, out width, 1]."""
    axes = []
    for n, k, s, (before, after) in zip(extent, size, window.stride, window.padding, strict=True):
        starts = np.arange(0, n + before + after - k + 1, s) - before
        axes.append(np.minimum(starts + k, n) - np.maximum(starts, 0))
    return axes[0][None, :, None, None] * axes[1][None, None, :, None]
