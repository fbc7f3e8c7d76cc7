"""The native dense layer, and with it the matrix product, against its JAX form, NumPy and finite differences.

With small whole numbers every sum is exact in whatever order: there all forms agree to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
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
from lamina.kernels.dense import dense

# Rows, inputs, features: beyond a panel, a depth, a task of the product, and at their edges.
SIZES = [
    (1, 1, 1),
    (0, 5, 4),
    (5, 3, 17),
    (12, 384, 32),
    (13, 385, 33),
    (72, 7, 64),
    (73, 20, 96),
    (25, 800, 31),
    (200, 30, 257),
    (150, 260, 130),
    (300, 1100, 70),
    (33, 517, 47),
]


def whole(*shape: int) -> Array:
    return jnp.asarray(np.random.default_rng(sum(shape)).integers(-2, 3, shape), jnp.float32)


def normal(*shape: int) -> Array:
    return jnp.asarray(np.random.default_rng(sum(shape)).normal(size=shape), jnp.float32)


def arrays_of(draw: Callable[..., Array], rows: int, inputs: int, features: int) -> tuple[Array, Array, Array]:
    return draw(rows, inputs), draw(inputs, features), draw(features)


def pulled(relu: bool, draw: Callable[..., Array], x: Array, *others: Array | None) -> Any:
    """The layer's values, the gradients of all its arrays, and those where the inputs' isn't asked for."""
    y, pull = jax.vjp(partial(dense, relu=relu), x, *others)
    first_layer = jax.vjp(lambda *arrays: dense(x, *arrays, relu=relu), *others)[1]
    g = draw(*y.shape)
    return y, pull(g), first_layer(g)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_whole_numbers_are_exact(forms, sizes: tuple[int, int, int], relu: bool) -> None:
    x, weight, bias = arrays = arrays_of(whole, *sizes)
    y = np.asarray(x) @ np.asarray(weight) + np.asarray(bias)
    y, g = (np.maximum(y, 0), np.asarray(whole(*y.shape)) * (y > 0)) if relu else (y, np.asarray(whole(*y.shape)))
    dx, dw, db = g @ np.asarray(weight).T, np.asarray(x).T @ g, g.sum(0)
    for found in forms.native(lambda *a: jax.jit(partial(pulled, relu, whole))(*a), *arrays):
        jax.tree.map(np.testing.assert_array_equal, found, (y, (dx, dw, db), (dw, db)))


@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from((1, 2, 3, 7, 8)), max_size=2),
    st.sampled_from((1, 5, 16, 400)),
    st.sampled_from((1, 7, 17, 40)),
    st.booleans(),
    st.booleans(),
)
def test_any_shape_is_as_the_jax_form(forms, leading, inputs: int, features: int, relu: bool, biased: bool) -> None:
    """To 1e-4, of sums of up to 400 products of numbers about 1."""
    arrays = normal(*leading, inputs), normal(inputs, features), normal(features) if biased else None
    forms.same(forms(partial(pulled, relu, normal))(*arrays), rtol=1e-5, atol=1e-4)


def test_slopes_by_differences(forms) -> None:
    """Along three directions, in double precision; to 1e-5 of what they add up."""
    arrays = arrays_of(normal, 9, 30, 20)
    points = [np.asarray(a, np.float64) for a in arrays]
    g = np.asarray(normal(9, 20), np.float64)

    def outcome(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> float:
        return float(np.sum(g * np.maximum(x @ weight + bias, 0)))

    for _, gradients, _ in forms.native(partial(pulled, True, normal), *arrays):
        for seed in range(3):
            towards = [np.random.default_rng(seed).normal(size=a.shape) for a in points]
            ends = [outcome(*(a + s * d for a, d in zip(points, towards, strict=True))) for s in (1e-6, -1e-6)]
            parts = [np.asarray(a, np.float64) * d for a, d in zip(gradients, towards, strict=True)]
            near = 1e-5 * sum(np.abs(p).sum() for p in parts)
            assert sum(p.sum() for p in parts) == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=near)


@pytest.mark.parametrize("sizes", [(150, 260, 130), (64, 1500, 33), (1000, 90, 64)], ids=str)
@pytest.mark.parametrize("scale", [0, 12], ids=("about 1", "from 1e-12 to 1e12"))
def test_sums_are_as_exact_as_those_of_float32(forms, sizes: tuple[int, int, int], scale: int) -> None:
    """Against double precision, beside what NumPy's float32 sums are off by; also where rows differ by magnitudes."""
    x, weight, _ = arrays_of(normal, *sizes)
    x *= 10.0 ** jnp.linspace(-scale, scale, sizes[0])[:, None]
    g = normal(sizes[0], sizes[2])

    def off(found: Any, exact: np.ndarray) -> np.ndarray:
        """Root mean square of a row's errors, by that of the row."""
        return np.sqrt(((np.asarray(found, np.float64) - exact) ** 2).mean(1) / (exact**2).mean(1))

    doubles = [np.asarray(a, np.float64) for a in (x, weight, g)]
    floats = [np.asarray(a) for a in (x, weight, g)]
    forward, to_x = (lambda x, w, g: x @ w), (lambda x, w, g: g @ w.T)

    def everything(*arrays: Array) -> Any:
        y, pull = jax.vjp(lambda x, w: dense(x, w, None), *arrays)
        return y, pull(g)

    for y, (dx, _) in forms.native(everything, x, weight):
        for found, made in ((y, forward), (dx, to_x)):
            assert np.median(off(found, made(*doubles))) < 2 * np.median(off(made(*floats), made(*doubles)))


def test_nan_comes_out_where_it_does_of_the_jax_form(forms) -> None:
    x, weight, bias = arrays_of(whole, 5, 7, 19)
    made = forms(partial(dense, relu=True))(x.at[2, 3].set(jnp.nan).at[4, 0].set(jnp.inf), weight, bias)
    assert np.isnan(made[0][2]).all()
    forms.same(made)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_threads_leave_every_bit_as_it_is(forms, sizes: tuple[int, int, int]) -> None:
    def each(*arrays: Array) -> list[Any]:
        found = []
        for count in (1, 2, 4):
            with native.threads(count):
                found.append(pulled(True, normal, *arrays))
        return found

    for one, *more in forms.native(lambda *arrays: jax.jit(lambda *a: each(*a))(*arrays), *arrays_of(normal, *sizes)):
        for other in more:
            jax.tree.map(np.testing.assert_array_equal, one, other)


def test_it_runs_inside_whatever_jax_compiles(forms) -> None:
    x, weight, bias = arrays_of(whole, 5, 7, 19)
    weights = jnp.stack([weight, weight + 1, -weight])

    def slopes(weight: Array) -> Array:
        return pulled(True, whole, x, weight, bias)[1][1]

    def each(weights: Array) -> Any:
        split = PartitionSpec("cores")
        spread = partial(jax.shard_map, mesh=Mesh(jax.devices()[:1], ("cores",)), in_specs=split, out_specs=split)
        return {
            "vmap": jax.vmap(slopes)(weights),
            "map": lax.map(slopes, weights),
            "scan": lax.scan(lambda total, w: (total + slopes(w), slopes(w)), jnp.zeros_like(weight), weights)[1],
            "cond": jnp.stack([lax.cond(w[0, 0] < 9, slopes, jnp.zeros_like, w) for w in weights]),
            "shard_map": spread(partial(lax.map, slopes), check_vma=False)(weights),
        }

    expected = jnp.stack([forms(slopes)(w)[0] for w in weights])
    for found in forms.native(lambda weights: jax.jit(lambda *a: each(*a))(weights), weights):
        for name, made in found.items():
            np.testing.assert_array_equal(made, expected, err_msg=name)


@pytest.mark.parametrize(
    ("x", "weight", "bias"),
    [
        ((), (1, 2), (2,)),
        ((3, 4), (3, 2), (2,)),
        ((3, 4), (4,), (4,)),
        ((3, 4), (4, 2), (4,)),
        ((3, 4), (4, 2), (1, 2)),
    ],
    ids=str,
)
def test_shapes_that_dont_fit_are_said(forms, x, weight, bias) -> None:
    with pytest.raises(ShapeError, match="dense layer was given"):
        forms.native(lambda: dense(jnp.ones(x), jnp.ones(weight), jnp.ones(bias)))


@pytest.mark.parametrize(
    "kinds", [("float32", "float32", "bfloat16"), ("int32", "float32", "float32"), ("bfloat16",) * 3]
)
def test_numbers_of_another_kind_run_on_jax(forms, kinds: tuple[str, str, str]) -> None:
    arrays = [a.astype(kind) for a, kind in zip(arrays_of(whole, 3, 4, 2), kinds, strict=True)]
    for text in forms.native(lambda: jax.jit(lambda *a: dense(*a)).lower(*arrays).as_text()):
        assert "lamina_" not in text
    forms.same(forms(lambda *a: dense(*a))(*arrays))
