"""Two-dimensional convolution and its gradient, as each device runs them well.

On a GPU both are XLA's own. On the CPU, inside a loop, XLA runs the gradients that JAX derives from a convolution by
a naive emitter (a weight gradient 100 times slower than it need be, jax#12868), so they are written here from what it
runs well: the input gradient is a plain convolution of the output's gradient with the turned kernel, the weight
gradient a loop over samples of one matrix product, and a convolution of few channels is one matrix product forward.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

Pair = tuple[int, int]
_LAYOUT = ("NHWC", "HWIO", "NHWC")
_FEW = 32  # inputs to one output up to which one matrix product beats XLA's convolution on the CPU


class Window(NamedTuple):
    """How a kernel moves: steps, zeros added (before, after) each axis, distance between its taps, channel groups."""

    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    groups: int = 1


def conv2d(x: Array, w: Array, window: Window = Window()) -> Array:
    """The convolution of pictures ``x`` [batch, height, width, channels] with ``w`` [height, width, in, out].

    Cross-correlation, as everywhere in this field: the kernel is not turned. With groups, ``w`` is [height, width,
    in / groups, out]. Differentiable in reverse mode only (on the CPU), once.

    >>> conv2d(jnp.ones((1, 3, 3, 1)), jnp.ones((2, 2, 1, 1)))[0, :, :, 0].tolist()
    [[4.0, 4.0], [4.0, 4.0]]
    """
    return lax.platform_dependent(x, w, cpu=partial(_on_cpu, window), default=partial(_plain, window))


def _plain(window: Window, x: Array, w: Array) -> Array:
    return lax.conv_general_dilated(
        x,
        w,
        window.stride,
        window.padding,
        rhs_dilation=window.dilation,
        dimension_numbers=_LAYOUT,
        feature_group_count=window.groups,
    )


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _on_cpu(window: Window, x: Array, w: Array) -> Array:
    if window.groups == 1 and w.shape[0] * w.shape[1] * w.shape[2] <= _FEW:
        return _patches(window, x, w.shape[:2]) @ w.reshape(-1, w.shape[3])
    return _plain(window, x, w)


def _forward(window: Window, x: Array, w: Array) -> tuple[Array, tuple[Array, Array]]:
    return _on_cpu(window, x, w), (x, w)


def _backward(window: Window, kept: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    x, w = kept
    return _input_gradient(window, x, w, g), _weight_gradient(window, x, w, g)


_on_cpu.defvjp(_forward, _backward)


def _taps(window: Window, x: Array, kernel: tuple[int, ...]) -> list[Array]:
    """What each tap of the kernel sees, [batch, out height, out width, channels] each, in the kernel's order."""
    padded = jnp.pad(x, ((0, 0), *window.padding, (0, 0)))
    (sh, sw), (dh, dw) = window.stride, window.dilation
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, window.dilation, strict=True)]
    ends = [(n - span) // s * s + 1 for n, span, s in zip(padded.shape[1:3], spans, window.stride, strict=True)]
    n, c = x.shape[0], x.shape[3]
    return [
        lax.slice(padded, (0, i * dh, j * dw, 0), (n, i * dh + ends[0], j * dw + ends[1], c), (1, sh, sw, 1))
        for i in range(kernel[0])
        for j in range(kernel[1])
    ]


def _patches(window: Window, x: Array, kernel: tuple[int, ...]) -> Array:
    """Every output's inputs side by side, [batch, out height, out width, taps * channels]."""
    return jnp.concatenate(_taps(window, x, kernel), axis=3)


def _input_gradient(window: Window, x: Array, w: Array, g: Array) -> Array:
    """A plain convolution of ``g``, spread out by the stride, with the turned kernel."""
    kh, kw, per_group, out = w.shape
    turned = w[::-1, ::-1].reshape(kh, kw, per_group, window.groups, out // window.groups)
    turned = turned.transpose(0, 1, 4, 3, 2).reshape(kh, kw, out // window.groups, window.groups * per_group)
    # Without the barrier XLA folds the turning into the convolution, which then is not one it runs well.
    turned = lax.optimization_barrier(turned)
    spread = [(n - 1) * s + 1 for n, s in zip(g.shape[1:3], window.stride, strict=True)]
    before = [(k - 1) * d - p[0] for k, d, p in zip((kh, kw), window.dilation, window.padding, strict=True)]
    after = [
        n + (k - 1) * d - b - m
        for n, k, d, b, m in zip(x.shape[1:3], (kh, kw), window.dilation, before, spread, strict=True)
    ]
    (sh, sw) = window.stride
    config = ((0, 0, 0), (before[0], after[0], sh - 1), (before[1], after[1], sw - 1), (0, 0, 0))
    if window.stride == (1, 1) and min(*before, *after) >= 0:
        padding = ((before[0], after[0]), (before[1], after[1]))
        return _plain(Window(padding=padding, dilation=window.dilation, groups=window.groups), g, turned)
    g = lax.pad(g, jnp.zeros((), g.dtype), config)
    return _plain(Window(dilation=window.dilation, groups=window.groups), g, turned)


def _weight_gradient(window: Window, x: Array, w: Array, g: Array) -> Array:
    """The sum over samples of patches times gradients, one product a sample, so that the patches stay in cache."""
    kh, kw, per_group, out = w.shape
    if window.groups > 1:
        return _grouped_weight_gradient(window, x, w, g)

    def add(total: Array, sample: tuple[Array, Array]) -> tuple[Array, None]:
        one, its_g = sample
        patches = _patches(window, one[None], (kh, kw)).reshape(-1, kh * kw * per_group)
        # (B^T A)^T: twice as fast as A^T B on the CPU when the common axis is long.
        return total + its_g.reshape(-1, out).T @ patches, None

    start = jnp.zeros((out, kh * kw * per_group), g.dtype)
    return lax.scan(add, start, (x, g))[0].T.reshape(w.shape)


def _grouped_weight_gradient(window: Window, x: Array, w: Array, g: Array) -> Array:
    kh, kw, per_group, out = w.shape
    split = g.reshape(-1, window.groups, out // window.groups)

    def of_tap(tap: Array) -> Array:
        return jnp.einsum("ngi,ngo->igo", tap.reshape(-1, window.groups, per_group), split)

    return jnp.stack([of_tap(tap) for tap in _taps(window, x, (kh, kw))]).reshape(w.shape)
