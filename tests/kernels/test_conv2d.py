"""Convolution against XLA's own and finite differences."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array, lax
from jax.test_util import check_grads

from lamina.kernels.conv2d import Window, conv2d


def drawn(*shape: int, seed: int = 0) -> Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def by_xla(x: Array, w: Array, window: Window) -> Array:
    return lax.conv_general_dilated(
        x,
        w,
        window.stride,
        window.padding,
        rhs_dilation=window.dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=window.groups,
    )


WINDOWS = [
    Window(stride, padding, dilation, groups)
    for stride, padding, dilation, groups in [
        ((1, 1), ((0, 0), (0, 0)), (1, 1), 1),
        ((1, 1), ((1, 1), (1, 1)), (1, 1), 1),
        ((2, 2), ((0, 1), (0, 1)), (1, 1), 1),
        ((3, 2), ((1, 1), (4, 2)), (1, 1), 1),
        ((2, 1), ((2, 3), (0, 0)), (2, 1), 1),
        ((1, 2), ((1, 1), (1, 1)), (1, 2), 2),
        ((1, 1), ((1, 1), (1, 1)), (1, 1), 4),
        ((2, 2), ((1, 1), (0, 1)), (1, 1), 4),
    ]
]


@pytest.mark.parametrize(
    ("window", "kernel"),
    [(window, (3, 3)) for window in WINDOWS] + [(WINDOWS[3], (2, 3)), (WINDOWS[3], (1, 1)), (WINDOWS[7], (2, 3))],
    ids=str,
)
def test_values_and_gradients_are_those_of_xla(window: Window, kernel: tuple[int, int]) -> None:
    x, w = drawn(3, 8, 7, 4), drawn(*kernel, 4 // window.groups, 8, seed=1)

    def both(x: Array, w: Array) -> tuple:
        ours, pull = jax.vjp(lambda x, w: conv2d(x, w, window), x, w)
        theirs, their_pull = jax.vjp(lambda x, w: by_xla(x, w, window), x, w)
        g = jnp.cos(jnp.arange(theirs.size, dtype=jnp.float32)).reshape(theirs.shape)
        return (ours, *pull(g)), (theirs, *their_pull(g))

    # Compiled in haste: most of this test would be the compiler's time.
    hasty = jax.jit(both, compiler_options={"xla_backend_optimization_level": 0})
    for mine, theirs in zip(*hasty(x, w), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=3e-5)


def test_gradient_against_finite_differences() -> None:
    window = Window((2, 1), ((1, 1), (1, 0)), (1, 2))
    check_grads(lambda x, w: conv2d(x, w, window), (drawn(2, 5, 6, 2), drawn(3, 2, 2, 3, seed=1)), 1, ["rev"], eps=1e-2)


def test_a_member_is_the_same_alone_and_in_a_population() -> None:
    x, ws = drawn(4, 6, 6, 2), drawn(3, 3, 3, 2, 4, seed=1)
    window = Window(padding=((1, 1), (1, 1)))

    def gradient(w: Array) -> Array:
        return jax.grad(lambda w: jnp.sum(conv2d(x, w, window) ** 2))(w)

    population = jax.jit(lambda ws: lax.map(gradient, ws))
    for member in range(3):
        assert np.array_equal(population(ws)[member], population(ws[member : member + 1])[0])
    np.testing.assert_allclose(jax.jit(jax.vmap(gradient))(ws), population(ws), rtol=1e-4, atol=1e-4)


def test_a_gradient_nobody_asks_for_is_not_computed() -> None:
    x, w = drawn(4, 8, 8, 8), drawn(3, 3, 8, 8, seed=1)

    def loss(w: Array) -> Array:
        return jnp.sum(jnp.sin(conv2d(x, w)))

    compiled = jax.jit(jax.grad(loss)).lower(w).compile().as_text() or ""
    assert compiled.count(" convolution(") == 1


def test_a_batch_whose_size_is_prime() -> None:
    x, w = drawn(7, 5, 5, 2), drawn(3, 3, 2, 2, seed=1)
    ours = jax.jit(jax.grad(lambda w: jnp.sum(jnp.sin(conv2d(x, w)))))(w)
    theirs = jax.jit(jax.grad(lambda w: jnp.sum(jnp.sin(by_xla(x, w, Window())))))(w)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
