"""Max and average pooling over pictures, with gradients that run well inside a loop on the CPU.

Max pooling keeps which tap won as one byte; on a tie the first tap wins, as in torch. (XLA's ``reduce_window`` has a
gradient of its own that is 20 times slower on the CPU.)
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
    return _max_pool(size, window, x.shape[1:3], x)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _max_pool(size: Pair, window: Window, extent: Pair, x: Array) -> Array:
    return _max_forward(size, window, extent, x)[0]


def _max_forward(size: Pair, window: Window, extent: Pair, x: Array) -> tuple[Array, Array]:
    del extent
    padded = jnp.pad(x, ((0, 0), *window.padding, (0, 0)), constant_values=-jnp.inf)
    first, *others = _taps(padded, size, window.stride)
    best, winner = first, jnp.zeros(first.shape, jnp.int8)
    for number, tap in enumerate(others, start=1):
        better = (tap > best) | (tap != tap)
        best, winner = jnp.where(better, tap, best), jnp.where(better, jnp.int8(number), winner)
    return best, winner


def _max_backward(size: Pair, window: Window, extent: Pair, winner: Array, g: Array) -> tuple[Array]:
    zero = jnp.zeros((), g.dtype)
    shares = [jnp.where(winner == jnp.int8(t), g, zero) for t in range(size[0] * size[1])]
    return (_spread(shares, size, window, extent),)


_max_pool.defvjp(_max_forward, _max_backward)


def average_pool(x: Array, size: Pair, window: Window) -> Array:
    """The mean of each window of ``size`` over ``x`` [batch, height, width, channels], padding not counted.

    >>> average_pool(jnp.arange(4.0).reshape(1, 2, 2, 1), (2, 2), Window(stride=(2, 2))).tolist()
    [[[[1.5]]]]
    """
    padded = jnp.pad(x, ((0, 0), *window.padding, (0, 0)))
    first, *others = _taps(padded, size, window.stride)
    return sum(others, start=first) / _counts(x.shape[1:3], size, window).astype(x.dtype)


def _taps(padded: Array, size: Pair, stride: Pair) -> list[Array]:
    """What each place of the window sees, [batch, out height, out width, channels] each."""
    (n, height, width, c), (kh, kw), (sh, sw) = padded.shape, size, stride
    oh, ow = (height - kh) // sh + 1, (width - kw) // sw + 1
    places = [(i, j) for i in range(kh) for j in range(kw)]
    if size == stride:  # side by side: the same slices, but XLA reads them in one pass
        tiles = padded[:, : oh * sh, : ow * sw].reshape(n, oh, sh, ow, sw, c)
        return [tiles[:, :, i, :, j] for i, j in places]
    ends = (oh - 1) * sh + 1, (ow - 1) * sw + 1
    return [lax.slice(padded, (0, i, j, 0), (n, i + ends[0], j + ends[1], c), (1, sh, sw, 1)) for i, j in places]


def _spread(shares: list[Array], size: Pair, window: Window, extent: Pair) -> Array:
    """The transpose of taking taps: each share back to where its tap was, summed, without the padding."""
    (kh, kw), (sh, sw), (rows, columns) = size, window.stride, window.padding
    n, oh, ow, c = shares[0].shape
    zero = jnp.zeros((), shares[0].dtype)
    if size == window.stride:
        tiles = jnp.stack([jnp.stack(shares[i * kw : (i + 1) * kw], axis=3) for i in range(kh)], axis=2)
        x = tiles.reshape(n, oh * kh, ow * kw, c)
        after = (extent[0] + rows[0] - x.shape[1], extent[1] + columns[0] - x.shape[2])
        return lax.pad(x, zero, ((0, 0, 0), (-rows[0], after[0], 0), (-columns[0], after[1], 0), (0, 0, 0)))

    def placed(share: Array, i: int, j: int) -> Array:
        low = i - rows[0], j - columns[0]
        high = extent[0] - low[0] - (oh - 1) * sh - 1, extent[1] - low[1] - (ow - 1) * sw - 1
        return lax.pad(share, zero, ((0, 0, 0), (low[0], high[0], sh - 1), (low[1], high[1], sw - 1), (0, 0, 0)))

    first, *others = [placed(share, *divmod(t, kw)) for t, share in enumerate(shares)]
    return sum(others, start=first)


def _counts(extent: Pair, size: Pair, window: Window) -> Array:
    """How many real (not padded) numbers each window holds, [1, out height, out width, 1]."""
    axes = []
    for n, k, s, (before, after) in zip(extent, size, window.stride, window.padding, strict=True):
        starts = np.arange(0, n + before + after - k + 1, s) - before
        axes.append(np.minimum(starts + k, n) - np.maximum(starts, 0))
    return jnp.asarray(axes[0][None, :, None, None] * axes[1][None, None, :, None])
