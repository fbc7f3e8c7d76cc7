"""Two-dimensional convolution and its gradient, as each device runs them well.

On a GPU both are XLA's own. On the CPU, inside a loop, XLA runs the gradients that JAX derives from a convolution by
a naive emitter (a weight gradient 100 times slower than it need be, jax#12868), so they are written here from what it
runs well: the input gradient is a plain convolution of the output's gradient with the turned kernel, the weight
gradient a loop over a few samples at a time of one matrix product. Groups, which XLA also runs by that emitter, become
one convolution each, or, where each channel is a group of its own, a sum over the kernel's taps.

In bfloat16 (precision.py) a GPU multiplies such numbers and gives gradients as such; the CPU rounds and goes on in
float32, which comes to the same.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from lamina.kernels import precision

Pair = tuple[int, int]
_LAYOUT = ("NHWC", "HWIO", "NHWC")
_CACHE = 1_250_000  # bytes of patches in one product of the weight gradient: what stays in a core's second cache


class Window(NamedTuple):
    """How a kernel moves: steps, zeros added (before, after) each axis, distance between its taps, channel groups."""

    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    groups: int = 1


ONE_BY_ONE = Window()


def conv2d(x: Array, w: Array, window: Window = ONE_BY_ONE) -> Array:
    """The convolution of pictures ``x`` [batch, height, width, channels] with ``w`` [height, width, in, out].

    Cross-correlation, as everywhere in this field: the kernel is not turned. With groups, ``w`` is [height, width,
    in / groups, out]. On the CPU it has reverse-mode gradients only.

    >>> conv2d(jnp.ones((1, 3, 3, 1)), jnp.ones((2, 2, 1, 1)))[0, :, :, 0].tolist()
    [[4.0, 4.0], [4.0, 4.0]]
    """
    cpu, default = (_rounded, _of_halves) if precision.in_bfloat16(x, w) else (_on_cpu, _plain)
    return lax.platform_dependent(x, w, cpu=partial(cpu, window), default=partial(default, window))


def _rounded(window: Window, x: Array, w: Array) -> Array:
    return precision.rounded_backward(_on_cpu(window, precision.rounded(x), precision.rounded(w)))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _of_halves(window: Window, x: Array, w: Array) -> Array:
    return _plain(window, precision.halves(x), precision.halves(w), sums=jnp.float32)


def _of_halves_forward(window: Window, x: Array, w: Array) -> tuple[Array, tuple[Array, Array]]:
    return _of_halves(window, x, w), (precision.halves(x), precision.halves(w))


def _of_halves_backward(window: Window, kept: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    to_x, to_w = jax.vjp(partial(_plain, window), *kept)[1](precision.halves(g))
    return to_x.astype(jnp.float32), to_w.astype(jnp.float32)


_of_halves.defvjp(_of_halves_forward, _of_halves_backward)


def _plain(window: Window, x: Array, w: Array, sums: Any = None) -> Array:
    return lax.conv_general_dilated(
        x,
        w,
        window.stride,
        window.padding,
        rhs_dilation=window.dilation,
        dimension_numbers=_LAYOUT,
        feature_group_count=window.groups,
        preferred_element_type=sums,
    )


def _on_cpu(window: Window, x: Array, w: Array) -> Array:
    groups, alone = window.groups, window._replace(groups=1)
    if groups == 1:
        return _convolution(window, x, w)
    if w.shape[2] == 1:
        return _depthwise(alone, jnp.repeat(x, w.shape[3] // groups, axis=3), w)
    pairs = zip(jnp.split(x, groups, axis=3), jnp.split(w, groups, axis=3), strict=True)
    return jnp.concatenate([_convolution(alone, *pair) for pair in pairs], axis=3)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _convolution(window: Window, x: Array, w: Array) -> Array:
    return _plain(window, x, w)


def _forward(window: Window, x: Array, w: Array) -> tuple[Array, tuple[Array, Array]]:
    return _plain(window, x, w), (x, w)


def _backward(window: Window, kept: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    # Where nobody asks for one of the two, as for the pixels' gradient, XLA drops it.
    x, w = kept
    return _input_gradient(window, x, w, g), _weight_gradient(window, x, w, g)


_convolution.defvjp(_forward, _backward)


def _input_gradient(window: Window, x: Array, w: Array, g: Array) -> Array:
    """Plain convolutions of ``g`` with the turned kernel."""
    # Without the barrier XLA folds the turning into the convolution, which then is not one it runs well.
    turned = lax.optimization_barrier(w[::-1, ::-1].swapaxes(2, 3))
    if window.stride != (1, 1) and window.dilation == (1, 1):
        return _by_phases(window, x, turned, g)
    padding, config = _spreading(window, x, w.shape, g)
    g = lax.pad(g, jnp.zeros((), g.dtype), config)
    return _plain(Window(padding=padding, dilation=window.dilation), g, turned)


def _spreading(window: Window, x: Array, kernel: tuple[int, ...], g: Array) -> tuple[Any, Any]:
    """How ``g`` is spread out by the stride, and cut or padded, so that its convolution has the size of ``x``."""
    axes = zip(x.shape[1:3], kernel[:2], g.shape[1:3], window.stride, window.padding, window.dilation, strict=True)
    padding, config = [], []
    for size, taps, places, stride, (before, _), apart in axes:
        low = (taps - 1) * apart - before
        high = size - ((places - 1) * stride + 1) - low + (taps - 1) * apart
        padding.append((max(low, 0), max(high, 0)))
        config.append((min(low, 0), min(high, 0), stride - 1))
    return (padding[0], padding[1]), ((0, 0, 0), *config, (0, 0, 0))


def _by_phases(window: Window, x: Array, turned: Array, g: Array) -> Array:
    """The input gradient of a stride: the inputs of each phase of it meet only every so many-th tap of the kernel.

    One small convolution a phase, their results interleaved: no zeros are multiplied.
    """
    (kh, kw), (sh, sw) = turned.shape[:2], window.stride
    tiles = [n + (k - 1) // s for n, k, s in zip(g.shape[1:3], (kh, kw), window.stride, strict=True)]

    def phase(a: int, b: int) -> Array:
        if a >= kh or b >= kw:
            return jnp.zeros((g.shape[0], *tiles, x.shape[3]), g.dtype)
        part = turned[(kh - 1 - a) % sh :: sh, (kw - 1 - b) % sw :: sw]
        ends = [(k - 1, t - n) for k, t, n in zip(part.shape[:2], tiles, g.shape[1:3], strict=True)]
        return _plain(Window(padding=(ends[0], ends[1])), g, lax.optimization_barrier(part))

    phases = [jnp.stack([phase(a, b) for b in range(sw)], axis=3) for a in range(sh)]
    whole = jnp.stack(phases, axis=2).reshape(g.shape[0], tiles[0] * sh, tiles[1] * sw, x.shape[3])
    sizes = zip(x.shape[1:3], whole.shape[1:3], window.padding, strict=True)
    cut = [(-before, size + before - made, 0) for size, made, (before, _) in sizes]
    return lax.pad(whole, jnp.zeros((), g.dtype), ((0, 0, 0), *cut, (0, 0, 0)))


def _weight_gradient(window: Window, x: Array, w: Array, g: Array) -> Array:
    """The sum of patches times gradients, one product for the few samples whose patches stay in the cache."""
    taps, out = math.prod(w.shape[:3]), w.shape[3]
    few = _largest_divisor(x.shape[0], _CACHE // (math.prod(g.shape[1:3]) * taps * x.dtype.itemsize))

    def add(total: Array, samples: tuple[Array, Array]) -> tuple[Array, None]:
        patches = jnp.concatenate(_taps(window, samples[0], w.shape[:2]), axis=3).reshape(-1, taps)
        # (B^T A)^T: twice as fast as A^T B on the CPU when the common axis is long.
        return total + samples[1].reshape(-1, out).T @ patches, None

    split = x.reshape(-1, few, *x.shape[1:]), g.reshape(-1, few, *g.shape[1:])
    return lax.scan(add, jnp.zeros((out, taps), g.dtype), split)[0].T.reshape(w.shape)


def _largest_divisor(number: int, limit: int) -> int:
    return max((d for d in range(1, min(number, limit) + 1) if number % d == 0), default=1)


def _taps(window: Window, x: Array, kernel: tuple[int, ...]) -> list[Array]:
    """What each tap of the kernel sees, [batch, out height, out width, channels] each, in the kernel's order."""
    padded = jnp.pad(x, ((0, 0), *window.padding, (0, 0)))
    (n, *sizes, c), (dh, dw), (sh, sw) = padded.shape, window.dilation, window.stride
    height, width = (
        (size - (k - 1) * d - 1) // s * s + 1
        for size, k, d, s in zip(sizes, kernel, window.dilation, window.stride, strict=True)
    )
    return [
        lax.slice(padded, (0, i * dh, j * dw, 0), (n, i * dh + height, j * dw + width, c), (1, sh, sw, 1))
        for i in range(kernel[0])
        for j in range(kernel[1])
    ]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _depthwise(window: Window, x: Array, w: Array) -> Array:
    return _tap_by_tap(window, x, w)


def _tap_by_tap(window: Window, x: Array, w: Array) -> Array:
    """Each channel with a kernel of its own, [height, width, 1, channels]: a sum over taps, numbers with numbers."""
    kernel = w.reshape(-1, 1, 1, 1, w.shape[3])
    first, *others = [tap * kernel[t] for t, tap in enumerate(_taps(window, x, w.shape[:2]))]
    return sum(others, start=first)


def _depthwise_forward(window: Window, x: Array, w: Array) -> tuple[Array, tuple[Array, Array]]:
    return _tap_by_tap(window, x, w), (x, w)


def _depthwise_backward(window: Window, kept: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    x, w = kept
    padding, config = _spreading(window, x, w.shape, g)
    spread = lax.pad(g, jnp.zeros((), g.dtype), config)

    def add(total: Array, sample: tuple[Array, Array]) -> tuple[Array, None]:
        taps = _taps(window, sample[0][None], w.shape[:2])
        return total + jnp.stack([jnp.sum(tap[0] * sample[1], axis=(0, 1)) for tap in taps]), None

    # Sample by sample: what a sum over all of them reads would not stay in the cache.
    to_weight = lax.scan(add, jnp.zeros((w.shape[0] * w.shape[1], w.shape[3]), g.dtype), (x, g))[0]
    window = Window(padding=padding, dilation=window.dilation)
    return _tap_by_tap(window, spread, w[::-1, ::-1]), to_weight.reshape(w.shape)


_depthwise.defvjp(_depthwise_forward, _depthwise_backward)
