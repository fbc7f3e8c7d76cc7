"""Pooling against NumPy by hand, torch when it is there, and finite differences."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from lamina.kernels.conv2d import Window
from lamina.kernels.pool import average_pool, max_pool

# size, stride, padding
CASES = [
    ((2, 2), (2, 2), (0, 0)),
    ((3, 3), (2, 2), (1, 1)),
    ((3, 2), (1, 3), (1, 0)),
    ((2, 2), (3, 3), (0, 1)),
    ((1, 3), (1, 1), (0, 1)),
    ((4, 5), (3, 4), (2, 1)),
]


def window_of(stride: tuple[int, int], padding: tuple[int, int]) -> Window:
    return Window(stride, ((padding[0], padding[0]), (padding[1], padding[1])))


def pictures(*shape: int) -> np.ndarray:
    """Few different numbers, so that there are ties."""
    return np.random.default_rng(0).integers(0, 4, shape).astype(np.float32)


def by_hand(x: np.ndarray, size: tuple[int, int], window: Window, reduce) -> np.ndarray:
    padded = np.pad(x, ((0, 0), *window.padding, (0, 0)), constant_values=np.nan)
    rows = range(0, padded.shape[1] - size[0] + 1, window.stride[0])
    columns = range(0, padded.shape[2] - size[1] + 1, window.stride[1])
    return np.stack(
        [
            np.stack([reduce(padded[:, i : i + size[0], j : j + size[1]], axis=(1, 2)) for j in columns], 1)
            for i in rows
        ],
        1,
    )


@pytest.mark.parametrize(("size", "stride", "padding"), CASES)
def test_values_by_hand(size, stride, padding) -> None:
    x, window = pictures(2, 9, 8, 3), window_of(stride, padding)
    largest, mean = jax.jit(lambda x: (max_pool(x, size, window), average_pool(x, size, window)))(x)
    np.testing.assert_array_equal(largest, by_hand(x, size, window, np.nanmax))
    np.testing.assert_allclose(mean, by_hand(x, size, window, np.nanmean), rtol=1e-6)


@pytest.mark.parametrize(("size", "stride", "padding"), CASES)
def test_gradients_are_those_of_torch_ties_included(size, stride, padding) -> None:
    torch = pytest.importorskip("torch")
    x, window = pictures(2, 9, 8, 3), window_of(stride, padding)
    theirs = {
        max_pool: lambda t: torch.nn.functional.max_pool2d(t, size, stride, padding),
        average_pool: lambda t: torch.nn.functional.avg_pool2d(t, size, stride, padding, count_include_pad=False),
    }
    for ours, reference in theirs.items():
        t = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
        y = reference(t)
        g = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)
        y.backward(torch.tensor(g))
        pulled = jax.jit(lambda x, g, ours=ours: jax.vjp(lambda x: ours(x, size, window), x)[1](g)[0])
        np.testing.assert_allclose(pulled(x, g.transpose(0, 2, 3, 1)), t.grad.numpy().transpose(0, 2, 3, 1), atol=1e-6)


@pytest.mark.parametrize("pool", [max_pool, average_pool])
def test_gradient_against_finite_differences(pool) -> None:
    x = jnp.asarray(np.random.default_rng(0).permutation(2 * 5 * 4 * 2).reshape(2, 5, 4, 2), jnp.float32)
    check_grads(jax.jit(lambda x: pool(x, (3, 2), window_of((2, 2), (1, 0)))), (x,), 1, ["rev"], eps=0.1)


def test_the_first_of_equals_gets_the_whole_gradient() -> None:
    x = jnp.ones((1, 2, 2, 1))
    g = jax.jit(jax.grad(lambda x: jnp.sum(max_pool(x, (2, 2), Window((2, 2))))))(x)
    assert g[0, :, :, 0].tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_nan_is_not_hidden() -> None:
    x = jnp.zeros((1, 2, 2, 1)).at[0, 0, 1, 0].set(jnp.nan)
    assert np.isnan(max_pool(x, (2, 2), Window((2, 2)))).all()


@pytest.mark.parametrize("size", [(12, 15), pytest.param((1, 130), marks=pytest.mark.slow)])
def test_windows_of_many_taps(size: tuple[int, int]) -> None:
    x = jnp.arange(float(np.prod(size))).reshape(1, *size, 1)
    gradient = jax.grad(lambda x: jnp.sum(max_pool(x, size, Window(size))))
    g = jax.jit(gradient, compiler_options={"xla_backend_optimization_level": 0})(x)
    assert int(jnp.argmax(g)) == x.size - 1
    assert float(jnp.sum(g)) == 1


def test_under_vmap() -> None:
    x, window = jnp.asarray(pictures(3, 2, 6, 6, 2)), window_of((2, 2), (1, 1))
    g = jax.grad(lambda x: jnp.sum(jnp.sin(max_pool(x, (3, 3), window))))
    batched, mapped = jax.jit(lambda x: (jax.vmap(g)(x), jax.lax.map(g, x)))(x)
    np.testing.assert_allclose(batched, mapped, atol=1e-6)
