"""Convolution, bias, relu and max pooling as one operation: what most layers of an image network are.

Where the native library is in use, a picture goes through all of it in one pass, and the gradient behind a pool visits
only the places that won. The JAX form is :mod:`lamina.kernels.conv2d` and :mod:`lamina.kernels.pool` one after the
other; dilation and groups stay on it.

In bfloat16 (precision.py) the products are made on AMX where there is that (native/conv2d_bf16.cc).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from lamina.errors import ShapeError
from lamina.kernels import native, precision
from lamina.kernels.conv2d import ONE_BY_ONE, Pair, Window, conv2d
from lamina.kernels.platform import by_platform
from lamina.kernels.pool import max_pool

_MOST_TAPS = 255  # of a pool: the winner is one byte, and one of its values means nobody
_FEW_TAPS, _FEW_FEATURES = 12, 64  # kernels for which tiles don't pay, measured


class Block(NamedTuple):
    """What is done: the convolution's window; the size and the window of a max pool behind it, or none; relu or not."""

    window: Window = ONE_BY_ONE
    pool: tuple[Pair, Window] | None = None
    relu: bool = False


def conv_block(x: Array, weight: Array, bias: Array | None, block: Block = Block()) -> Array:  # noqa: B008 - immutable
    """``relu(max_pool(convolution of x with weight + bias))``, pooling and relu where ``block`` has them.

    ``x`` [batch, height, width, channels], ``weight`` [height, width, channels / groups, features], ``bias``
    [features]. ShapeError where they don't fit.

    >>> x, weight = jnp.ones((1, 4, 4, 1)), jnp.ones((2, 2, 1, 1))
    >>> conv_block(x, weight, jnp.zeros(1), Block(pool=((3, 3), Window()))).tolist()
    [[[[4.0]]]]
    """
    _check(x, weight, bias, block)
    if bias is None:
        bias = jnp.zeros(weight.shape[3], weight.dtype)
    plain = partial(_plain, block)
    way = _Way(block, precision.in_bfloat16(x, weight, bias))
    cpu = partial(_native, way) if _can_be_native(x, weight, bias, way) else plain
    return by_platform(x, weight, bias, cpu=cpu, default=plain)


def _check(x: Array, weight: Array, bias: Array | None, block: Block) -> None:
    if x.ndim != 4 or weight.ndim != 4:
        raise ShapeError(
            f"A convolution was given pictures {list(x.shape)} and weights {list(weight.shape)}.",
            expected="[batch, height, width, channels] and [height, width, channels, features].",
        )
    groups, (channels, features) = block.window.groups, weight.shape[2:]
    fits = x.shape[3] == channels * groups and features % groups == 0 and x.dtype == weight.dtype
    if not fits or (bias is not None and bias.shape != (features,)):
        given = f"pictures {x.dtype}{list(x.shape)}, weights {weight.dtype}{list(weight.shape)}"
        more = "" if bias is None else f" and a bias {list(bias.shape)}"
        raise ShapeError(
            f"A convolution in {groups} group(s) was given {given}{more}.",
            expected="Channels that agree, numbers of one kind, and a bias for each feature.",
        )
    if min(*_places(x.shape, weight.shape, block), 1) < 1:
        raise ShapeError(
            f"A kernel {list(weight.shape[:2])} or its pool doesn't fit into {list(x.shape[1:3])}.",
            expected="At least one place.",
            mend="Use padding same, or pool less.",
        )


class _Way(NamedTuple):
    """A block and the numbers that its products are made of."""

    block: Block
    bfloat16: bool

    def forward(self, weight: Array) -> str:
        """The library's function; of the shape alone, so that the same layer is always the same function."""
        return "conv2d_forward" if self._little(weight) or not self.bfloat16 else "conv2d_forward_bf16"

    def backward(self, weight: Array, *, wanted: bool) -> str:
        # Behind a pool float32 holds the few taps in registers, where no picture's gradient is asked for.
        little = self._little(weight) and self.block.pool is not None and not wanted
        return "conv2d_backward" if little or not self.bfloat16 else "conv2d_backward_bf16"

    @staticmethod
    def _little(weight: Array) -> bool:
        """Whether making pictures into tiles costs more than all their products do in float32: most first layers."""
        return math.prod(weight.shape[:3]) <= _FEW_TAPS and weight.shape[3] <= _FEW_FEATURES


def _can_be_native(x: Array, weight: Array, bias: Array, way: _Way) -> bool:
    usable = native.has_tiles() if way.bfloat16 else native.usable()
    return has_native_form(way.block) and x.dtype == weight.dtype == bias.dtype == jnp.float32 and usable


def has_native_form(block: Block) -> bool:
    """Whether the library knows how to do this.

    >>> has_native_form(Block()), has_native_form(Block(Window(groups=2)))
    (True, False)
    """
    window, pool = block.window, block.pool
    plain = window.dilation == (1, 1) and window.groups == 1 and min(*window.padding[0], *window.padding[1]) >= 0
    if pool is not None:
        (height, width), moves = pool
        plain &= moves.padding == ((0, 0), (0, 0)) and moves.dilation == (1, 1) and height * width <= _MOST_TAPS
    return plain


def _plain(block: Block, x: Array, weight: Array, bias: Array) -> Array:
    y = conv2d(x, weight, block.window)
    if block.pool is not None:
        y = max_pool(y, *block.pool)  # before the bias: the largest stays the largest, and there are fewer to add to
    y = y + bias.reshape(1, 1, 1, -1)
    return jax.nn.relu(y) if block.relu else y


def _reach(size: int, taps: int, stride: int, padding: Pair = (0, 0)) -> int:
    return (size + sum(padding) - taps) // stride + 1


def _places(shape: Sequence[int], kernel: Sequence[int], block: Block) -> tuple[int, ...]:
    """Places of the kernel down and along, and of the pool where there is one."""
    window = block.window
    spans = [(k - 1) * d + 1 for k, d in zip(kernel[:2], window.dilation, strict=True)]
    axes = zip(shape[1:3], spans, window.stride, window.padding, strict=True)
    places = tuple(_reach(*axis) for axis in axes)
    if block.pool is None:
        return places
    size, moves = block.pool
    pooled = zip(places, size, moves.stride, moves.padding, strict=True)
    return places + tuple(_reach(*axis) for axis in pooled)


def block_shape(shape: Sequence[int], kernel: Sequence[int], block: Block) -> tuple[int, ...]:
    """The shape of what comes out, from those of ``x`` and ``weight``.

    >>> block_shape((1, 28, 28, 1), (3, 3, 1, 32), Block(pool=((2, 2), Window((2, 2)))))
    (1, 13, 13, 32)
    """
    return (shape[0], *_places(shape, kernel, block)[-2:], kernel[3])


def geometry(shape: Sequence[int], kernel: Sequence[int], block: Block) -> dict[str, tuple[int, ...]]:
    """What tells the library the shape of the work, from those of ``x`` and ``weight`` (native/conv2d.cc)."""
    window, places = block.window, _places(shape, kernel, block)
    ((above, _), (left, _)) = window.padding
    pooling = (*block.pool[0], *block.pool[1].stride, *places[2:]) if block.pool else (0,) * 6
    return {"geometry": (*window.stride, above, left, *places[:2]), "pooling": pooling}


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _native(way: _Way, x: Array, weight: Array, bias: Array) -> Array:
    return _call_forward(way, x, weight, bias, watched=False)[0]


def _call_forward(way: _Way, x: Array, weight: Array, bias: Array, *, watched: bool) -> tuple[Array, ...]:
    """The values and, where they are ``watched`` behind a pool, each window's winner: the gradient asks for it."""
    block = way.block
    out = block_shape(x.shape, weight.shape, block)
    winners = jax.ShapeDtypeStruct(out if block.pool and watched else (0,), jnp.uint8)
    outputs = [jax.ShapeDtypeStruct(out, jnp.float32), winners]
    work: dict[str, Any] = {"relu": int(block.relu), **geometry(x.shape, weight.shape, block)}
    return native.call(way.forward(weight), outputs, x, weight, bias, **work)


def _forward(way: _Way, x: Any, weight: Any, bias: Any) -> tuple[Array, Any]:
    block = way.block
    y, winners = _call_forward(way, x.value, weight.value, bias.value, watched=True)
    # Behind a pool the winners say where relu was silent; without relu nobody looks at what came out.
    out = y if block.relu and block.pool is None else jnp.zeros((0,), jnp.float32)
    # Structure, not numbers: they are known when the gradient is traced.
    unwanted = tuple(None if of.perturbed else () for of in (x, bias))
    return y, (x.value, weight.value, out, winners, unwanted)


def _backward(way: _Way, kept: Any, g: Any) -> tuple[Array | None, Array, Array | None]:
    x, weight, out, winners, unwanted = kept
    wanted, bias_wanted = (of is None for of in unwanted)
    outputs = [
        jax.ShapeDtypeStruct(x.shape if wanted else (0,), jnp.float32),
        jax.ShapeDtypeStruct(weight.shape, jnp.float32),
        jax.ShapeDtypeStruct(weight.shape[3:] if bias_wanted else (0,), jnp.float32),
    ]
    g = jnp.zeros(g.shape, jnp.float32) if isinstance(g, jax.custom_derivatives.SymbolicZero) else g
    work: dict[str, Any] = {"relu": int(way.block.relu), **geometry(x.shape, weight.shape, way.block)}
    name = way.backward(weight, wanted=wanted)
    dx, dw, db = native.call(name, outputs, x, weight, out, winners, g, wanted=int(wanted), **work)
    return (dx if wanted else None), dw, (db if bias_wanted else None)


_native.defvjp(_forward, _backward, symbolic_zeros=True)
