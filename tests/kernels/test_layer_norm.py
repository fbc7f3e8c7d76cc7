"""The native layer norm with relu against its JAX form, NumPy in double precision, and differences."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array, lax
from jax.sharding import Mesh, PartitionSpec

from lamina.errors import ShapeError
from lamina.kernels import native
from lamina.kernels.layer_norm import layer_norm

SHAPES = [(1,), (5,), (3, 1), (0, 4), (7, 16), (2, 3, 17), (4, 33), (2, 2, 2, 8), (40, 100)]


def arrays_of(shape: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """x, scale and shift; far from mean 0 and variance 1."""
    rng = np.random.default_rng(sum(shape))
    arrays = rng.normal(size=shape) * 2 + 3, rng.normal(size=shape[-1]) + 0.5, rng.normal(size=shape[-1])
    x, scale, shift = (jnp.asarray(a, jnp.float32) for a in arrays)
    return x, scale, shift


def gradient(shape: tuple[int, ...]) -> Array:
    return jnp.asarray(np.random.default_rng(1).normal(size=shape), jnp.float32)


def pulled(relu: bool, *arrays: Array) -> Any:
    y, pull = jax.vjp(partial(layer_norm, relu=relu, epsilon=1e-3), *arrays)
    return y, pull(gradient(y.shape))


@pytest.mark.slow
@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 4), max_size=2), st.sampled_from((1, 2, 7, 8, 15, 16, 17, 40)), st.booleans())
def test_any_shape_is_as_the_jax_form(forms, leading: list[int], features: int, relu: bool) -> None:
    """To 1e-5 of numbers about 1; gradients are up to 30 where a row's numbers are near each other."""
    forms.same(forms(partial(pulled, relu))(*arrays_of((*leading, features))), rtol=1e-5, atol=1e-5)


def by_hand(relu: bool, x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-3) * scale + shift
    return np.maximum(y, 0) if relu else y


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_slopes_by_hand(forms, shape: tuple[int, ...], relu: bool) -> None:
    """Slopes along three directions by differences in double precision; to 1e-5 of what they add up."""
    arrays = arrays_of(shape)
    points = [np.asarray(a, np.float64) for a in arrays]
    g = np.asarray(gradient(shape), np.float64)
    for y, gradients in forms.native(partial(pulled, relu), *arrays):
        np.testing.assert_allclose(y, by_hand(relu, *points), rtol=1e-5, atol=1e-5)
        for seed in range(3):
            towards = [np.random.default_rng(seed).normal(size=a.shape) for a in points]
            ends = [by_hand(relu, *(a + s * d for a, d in zip(points, towards, strict=True))) for s in (1e-6, -1e-6)]
            parts = [np.asarray(a, np.float64) * d for a, d in zip(gradients, towards, strict=True)]
            near = 1e-5 * sum(np.abs(p).sum() for p in parts) + 1e-9
            assert sum(p.sum() for p in parts) == pytest.approx(np.sum(g * (ends[0] - ends[1])) / 2e-6, abs=near)


def test_a_mean_far_from_zero_leaves_the_variance(forms) -> None:
    """One pass over squares would lose all of it."""
    x, *_ = arrays_of((3, 50))
    for y in forms.native(lambda: layer_norm(x + 1e4, jnp.ones(50), jnp.zeros(50))):
        expected = np.asarray(x + 1e4, np.float64)
        expected = (expected - expected.mean(1, keepdims=True)) / expected.std(1, keepdims=True)
        np.testing.assert_allclose(y, expected, atol=2e-3)


def test_nan_comes_out_where_it_does_of_the_jax_form(forms) -> None:
    x, *others = arrays_of((4, 19))
    made = forms(partial(pulled, True))(x.at[2, 18].set(jnp.nan), *others)
    assert np.isnan(made[0][0]).all(1).tolist() == [False, False, True, False]
    forms.same(made, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [*SHAPES, (700, 61)], ids=str)
def test_threads_leave_every_bit_as_it_is(forms, shape: tuple[int, ...]) -> None:
    def each(*arrays: Array) -> list[Any]:
        found = []
        for count in (1, 2, 4):
            with native.threads(count):
                found.append(pulled(True, *arrays))
        return found

    for one, *more in forms.native(lambda *arrays: jax.jit(lambda *a: each(*a))(*arrays), *arrays_of(shape)):
        for other in more:
            jax.tree.map(np.testing.assert_array_equal, one, other)


def test_it_runs_inside_whatever_jax_compiles(forms) -> None:
    x, scale, shift = arrays_of((4, 33))
    several = jnp.stack([x, x + 1, -x])

    def slopes_of(x: Array) -> Array:
        return pulled(True, x, scale, shift)[1][0]

    def each(several: Array) -> Any:
        slopes = lambda x: slopes_of(x)  # noqa: E731 - another for each library, or JAX would remember the first's trace
        split = PartitionSpec("cores")
        spread = partial(jax.shard_map, mesh=Mesh(jax.devices()[:1], ("cores",)), in_specs=split, out_specs=split)
        return {
            "vmap": jax.vmap(slopes)(several),
            "map": lax.map(slopes, several),
            "scan": lax.scan(lambda total, x: (total + slopes(x), slopes(x)), jnp.zeros_like(x), several)[1],
            "cond": jnp.stack([lax.cond(x[0, 0] < 99, slopes, jnp.zeros_like, x) for x in several]),
            "shard_map": spread(partial(lax.map, slopes), check_vma=False)(several),
        }

    alone = forms.native(lambda: jnp.stack([slopes_of(x) for x in several]))
    for one, found in zip(
        alone, forms.native(lambda several: jax.jit(lambda s: each(s))(several), several), strict=True
    ):
        for name, made in found.items():
            np.testing.assert_array_equal(made, one, err_msg=name)


@pytest.mark.parametrize(
    ("x", "scale", "shift"), [((), (1,), (1,)), ((3, 4), (3,), (4,)), ((3, 4), (4,), (1, 4))], ids=str
)
def test_shapes_that_dont_fit_are_said(forms, x, scale, shift) -> None:
    with pytest.raises(ShapeError, match="Layer norm was given"):
        forms.native(lambda: layer_norm(jnp.ones(x), jnp.ones(scale), jnp.ones(shift)))


@pytest.mark.parametrize("kinds", [("float32", "bfloat16", "float32"), ("bfloat16",) * 3], ids=str)
def test_numbers_of_another_kind_run_on_jax(forms, kinds: tuple[str, str, str]) -> None:
    arrays = [a.astype(kind) for a, kind in zip(arrays_of((3, 5)), kinds, strict=True)]
    for text in forms.native(lambda: jax.jit(lambda *a: layer_norm(*a)).lower(*arrays).as_text()):
        assert "lamina_" not in text
    forms.same(forms(lambda *a: layer_norm(*a))(*arrays))
