"""The native convolution with bias, pool and relu against its JAX form, NumPy and finite differences.

With small whole numbers every sum is exact in whatever order, so there the forms agree to the bit, and ties abound.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jax import Array, lax
from jax.sharding import Mesh, PartitionSpec

from lamina.errors import ShapeError
from lamina.kernels import native
from lamina.kernels.conv2d import Window
from lamina.kernels.conv_block import Block, conv_block


class Case(NamedTuple):
    """A batch of pictures, a kernel, and what is done with them."""

    x: tuple[int, ...]
    weight: tuple[int, ...]
    block: Block = Block()
    biased: bool = True


def pooled(*size: int, stride: tuple[int, int] | None = None) -> Any:
    return size, Window(stride or size)


SAME = Window(padding=((1, 1), (1, 1)))
# One for each way through the kernels.
WAYS = {
    "one by one": Case((2, 3, 5, 9), (1, 1, 9, 17), Block(relu=True)),
    "plain": Case((2, 5, 6, 3), (3, 3, 3, 35), Block(SAME, relu=True)),
    "stride": Case((2, 8, 9, 5), (3, 2, 5, 7), Block(Window((2, 3), ((1, 0), (0, 2)))), biased=False),
    "2x2, by places": Case((2, 7, 6, 9), (4, 3, 9, 19), Block(SAME, pooled(2, 2), relu=True)),
    "2x2, by places, no relu": Case((9, 5, 5, 17), (2, 2, 17, 3), Block(pool=pooled(2, 2))),
    "2x2, few channels": Case((3, 6, 8, 1), (3, 3, 1, 33), Block(SAME, pooled(2, 2), relu=True)),
    "3x3 side by side": Case((2, 8, 7, 8), (3, 3, 8, 5), Block(SAME, pooled(3, 3), relu=True)),
    "3x3 overlapping": Case((2, 7, 8, 4), (2, 3, 4, 17), Block(SAME, pooled(3, 3, stride=(2, 1)), relu=True)),
    "1x2 with gaps": Case((2, 4, 9, 8), (1, 3, 8, 9), Block(pool=pooled(1, 2, stride=(2, 3)), relu=True)),
    "tiles": Case((3, 7, 6, 17), (3, 3, 17, 19), Block(SAME, relu=True)),
    "tiles, nothing around": Case((4, 5, 9, 16), (3, 3, 16, 33), biased=False),
    "tiles, much around": Case((2, 4, 5, 16), (3, 3, 16, 16), Block(Window(padding=((3, 0), (0, 4))))),
    "tiles, 2x2": Case((2, 9, 8, 16), (3, 3, 16, 33), Block(SAME, pooled(2, 2), relu=True)),
    "tiles, overlapping": Case((2, 7, 8, 16), (3, 3, 16, 17), Block(SAME, pooled(3, 3, stride=(2, 1)), relu=True)),
    "a stride beyond": Case((1, 2, 1, 40), (1, 1, 40, 8), Block(Window((1, 5), ((0, 0), (4, 0))))),
    "empty": Case((0, 4, 4, 3), (3, 3, 3, 5), Block(SAME, pooled(2, 2), relu=True)),
}
by_way = pytest.mark.parametrize("case", WAYS.values(), ids=WAYS)


def whole(*shape: int) -> Array:
    return jnp.asarray(np.random.default_rng(sum(shape)).integers(-2, 3, shape), jnp.float32)


def normal(*shape: int) -> Array:
    return jnp.asarray(np.random.default_rng(sum(shape)).normal(size=shape), jnp.float32)


def arrays_of(case: Case, draw: Callable[..., Array]) -> list[Array]:
    return [draw(*case.x), draw(*case.weight), *([draw(case.weight[3])] if case.biased else [])]


def run(case: Case, x: Array, weight: Array, bias: Array | None = None) -> Array:
    return conv_block(x, weight, bias, case.block)


def pulled(case: Case, draw: Callable[..., Array]) -> Callable[..., Any]:
    """The block's values, the gradients of all its arrays, and those where the pictures' isn't asked for."""

    def work(x: Array, *others: Array) -> Any:
        y, pull = jax.vjp(lambda *arrays: run(case, *arrays), x, *others)
        first_layer = jax.vjp(lambda *arrays: run(case, x, *arrays), *others)[1]
        g = draw(*y.shape)
        return y, pull(g), first_layer(g)

    return work


@st.composite
def cases(draw: st.DrawFn) -> Case:
    def pair(low: int, high: int) -> tuple[int, int]:
        return draw(st.tuples(st.integers(low, high), st.integers(low, high)))

    tiles = draw(st.booleans())
    kernel, stride = ((3, 3), (1, 1)) if tiles else (pair(1, 4), pair(1, 3))
    padding = (pair(0, 3), pair(0, 3))
    pool = draw(st.none() | st.just((2, 2)) | st.tuples(st.integers(1, 3), st.integers(1, 3)))
    apart = draw(st.booleans())
    moves = Window(pool if apart and pool else pair(1, 3))
    needed = [(p - 1) * s + k - sum(z) for p, s, k, z in zip(pool or (1, 1), stride, kernel, padding, strict=True)]
    height, width = (max(1, n) + more for n, more in zip(needed, pair(0, 6), strict=True))
    depths = st.sampled_from((16, 17, 33) if tiles else (1, 3, 5, 7, 8, 9, 16, 33))
    channels, features = draw(depths), draw(depths)
    block = Block(Window(stride, padding), (pool, moves) if pool else None, draw(st.booleans()))
    number, biased = draw(st.sampled_from((0, 1, 2, 9))), draw(st.booleans())
    return Case((number, height, width, channels), (*kernel, channels, features), block, biased)


@pytest.mark.slow
@settings(max_examples=24, deadline=None, derandomize=True)
@given(cases())
@example(WAYS["2x2, few channels"])
def test_any_shape_is_as_the_jax_form(forms, case: Case) -> None:
    agree(forms, case)


@by_way
def test_each_way_is_as_the_jax_form(forms, case: Case) -> None:
    agree(forms, case)


def agree(forms: Any, case: Case) -> None:
    """With whole numbers to the bit, where no tiles round them; with others to 3e-5, of sums of up to 300 products of
    numbers about 1.
    """
    tiles = case.weight[:2] == (3, 3) and case.block.window.stride == (1, 1) and min(case.weight[2:]) >= 8
    if not tiles:
        forms.same(forms(pulled(case, whole))(*arrays_of(case, whole)))
    forms.same(forms(pulled(case, normal))(*arrays_of(case, normal)), atol=3e-5, rtol=3e-5)


def by_hand(case: Case, x: np.ndarray, weight: np.ndarray, bias: np.ndarray | float = 0.0) -> np.ndarray:
    """The block in double precision, tap by tap."""
    (sy, sx), padding, *_ = case.block.window
    x = np.pad(x, ((0, 0), *padding, (0, 0)))
    height, width = ((n - k) // s + 1 for n, k, s in zip(x.shape[1:3], weight.shape[:2], (sy, sx), strict=True))
    y = np.zeros((x.shape[0], height, width, weight.shape[3]))
    for i, j in np.ndindex(weight.shape[:2]):
        y += x[:, i : i + height * sy : sy, j : j + width * sx : sx][:, :height, :width] @ weight[i, j]
    if case.block.pool:
        size, moves = case.block.pool
        windows = np.lib.stride_tricks.sliding_window_view(y, size, (1, 2))
        y = windows[:, :: moves.stride[0], :: moves.stride[1]].max(axis=(-2, -1))
    y = y + bias
    return np.maximum(y, 0) if case.block.relu else y


@by_way
def test_values_and_slopes_by_hand(forms, case: Case) -> None:
    """Slopes along three directions by differences in double precision; both to 1e-5 of what they add up."""
    arrays = arrays_of(case, normal)
    points = [np.asarray(a, np.float64) for a in arrays]
    expected = by_hand(case, *points)
    g = np.random.default_rng(1).normal(size=expected.shape)

    def work(*arrays: Array) -> Any:
        y, pull = jax.vjp(lambda *a: run(case, *a), *arrays)
        return y, pull(jnp.asarray(g, jnp.float32))

    for y, gradients in forms.native(jax.jit(work), *arrays):
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=2e-5)
        for seed in range(3):
            towards = [np.random.default_rng(seed).normal(size=a.shape) for a in points]
            ends = [by_hand(case, *(a + s * d for a, d in zip(points, towards, strict=True))) for s in (1e-6, -1e-6)]
            slope = np.sum(g * (ends[0] - ends[1])) / 2e-6
            parts = [np.asarray(a, np.float64) * d for a, d in zip(gradients, towards, strict=True)]
            assert sum(p.sum() for p in parts) == pytest.approx(slope, abs=1e-5 * sum(np.abs(p).sum() for p in parts))


def test_the_first_of_equals_wins(forms) -> None:
    case = Case((1, 4, 4, 1), (1, 1, 1, 1), Block(pool=pooled(2, 2)))
    x = jnp.asarray([[1, 1, 0, 2], [1, 1, 2, 2], [5, 7, 0, 0], [7, 7, 0, 0]], jnp.float32).reshape(case.x)
    for gradient in forms.native(jax.grad(lambda x: jnp.sum(run(case, x, jnp.ones(case.weight)))), x):
        assert gradient[0, :, :, 0].tolist() == [[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("way", ["one by one", "plain", "2x2, by places, no relu", "3x3 overlapping"])
def test_nan_comes_out_where_it_does_of_the_jax_form(forms, way: str) -> None:
    case = WAYS[way]
    x, *others = arrays_of(case, whole)

    def work(x: Array) -> Any:
        y, pull = jax.vjp(lambda x: run(case, x, *others), x)
        return y, pull(whole(*y.shape))

    made = forms(work)(x.at[0, 1, 1, 0].set(jnp.nan).at[1, 2, 2, 0].set(jnp.inf))
    assert np.isnan(made[0][0]).any()
    forms.same(made)


@pytest.mark.parametrize("way", ["tiles", "tiles, 2x2"])
def test_what_is_not_finite_stays_in_the_tiles_that_see_it(forms, way: str) -> None:
    """Six by six numbers, four apart: one at (2, 2) is seen by the first tile alone, places 0 to 3 down and along."""
    case = WAYS[way]
    arrays = arrays_of(case, normal)
    cells, at = (np.s_[:2, :2], (1, 1)) if case.block.pool else (np.s_[:4, :4], (2, 2))
    apart = np.ones(run(case, *arrays).shape, bool)
    apart[0][cells] = False

    def both(x: Array, *others: Array) -> tuple[Array, Array]:
        return run(case, x, *others), run(case, x.at[0, 2, 2, 0].set(jnp.inf), *others)

    for finite, y in forms.native(jax.jit(both), *arrays):
        assert not np.isfinite(y[0][at]).all()
        np.testing.assert_array_equal(np.asarray(y)[apart], np.asarray(finite)[apart])


@by_way
@pytest.mark.parametrize("number", [pytest.param(2, marks=pytest.mark.slow), 17])
def test_threads_leave_every_bit_as_it_is(forms, case: Case, number: int) -> None:
    case = case._replace(x=(number, *case.x[1:]))

    def each(*arrays: Array) -> list[Any]:
        found = []
        for count in (1, 2, 4):
            with native.threads(count):
                found.append(pulled(case, normal)(*arrays))
        return found

    for one, *more in forms.native(lambda *arrays: jax.jit(lambda *a: each(*a))(*arrays), *arrays_of(case, normal)):
        for other in more:
            jax.tree.map(np.testing.assert_array_equal, one, other)


def test_it_runs_inside_whatever_jax_compiles(forms) -> None:
    case = WAYS["2x2, by places"]
    x, weight, bias = arrays_of(case, whole)
    weights = jnp.stack([weight, weight + 1, -weight])

    def gradient(weight: Array) -> Array:
        y, pull = jax.vjp(lambda weight: run(case, x, weight, bias), weight)
        return pull(whole(*y.shape))[0]

    def each(weights: Array) -> Any:
        split = PartitionSpec("cores")
        spread = partial(jax.shard_map, mesh=Mesh(jax.devices()[:1], ("cores",)), in_specs=split, out_specs=split)
        return {
            "vmap": jax.vmap(gradient)(weights),
            "map": lax.map(gradient, weights),
            "scan": lax.scan(lambda total, w: (total + gradient(w), gradient(w)), jnp.zeros_like(weight), weights)[1],
            "cond": jnp.stack([lax.cond(w[0, 0, 0, 0] < 9, gradient, jnp.zeros_like, w) for w in weights]),
            "shard_map": spread(partial(lax.map, gradient), check_vma=False)(weights),
        }

    expected = jnp.stack([forms(gradient)(w)[0] for w in weights])
    for found in forms.native(lambda weights: jax.jit(lambda *a: each(*a))(weights), weights):
        for name, gradients in found.items():
            np.testing.assert_array_equal(gradients, expected, err_msg=name)


@pytest.mark.parametrize(
    ("x", "weight", "bias", "block"),
    [
        ((4, 4, 2), (2, 2, 2, 3), (3,), Block()),
        ((1, 4, 4, 2), (2, 2, 3), (3,), Block()),
        ((1, 4, 4, 2), (2, 2, 3, 3), (3,), Block()),
        ((1, 4, 4, 2), (2, 2, 2, 3), (2,), Block()),
        ((1, 4, 4, 2), (2, 2, 2, 3), (1, 3), Block()),
        ((1, 4, 4, 2), (5, 2, 2, 3), (3,), Block()),
        ((1, 4, 4, 2), (2, 2, 2, 3), (3,), Block(pool=pooled(4, 2))),
        ((1, 4, 4, 4), (2, 2, 2, 3), (3,), Block(Window(groups=2))),
    ],
    ids=str,
)
def test_shapes_that_dont_fit_are_said(forms, x, weight, bias, block) -> None:
    for _ in forms.libraries:
        with pytest.raises(ShapeError, match=r"convolution|kernel"):
            conv_block(jnp.ones(x), jnp.ones(weight), jnp.ones(bias), block)


def test_kinds_that_dont_fit_are_said(forms) -> None:
    x, weight = jnp.ones((1, 4, 4, 2), jnp.int32), jnp.ones((2, 2, 2, 3))
    with pytest.raises(ShapeError, match=r"pictures int32\[1, 4, 4, 2\], weights float32"):
        forms.native(lambda: conv_block(x, weight, None))


@pytest.mark.parametrize(
    ("kind", "bias_kind", "block"),
    [
        (jnp.float32, jnp.float32, Block(Window(dilation=(2, 1)))),
        (jnp.float32, jnp.float32, Block(pool=((2, 2), Window((1, 1), ((1, 0), (0, 0)))))),
        (jnp.float32, jnp.float32, Block(Window(padding=((0, -1), (0, 0))))),
        (jnp.float32, jnp.bfloat16, Block()),
        (jnp.bfloat16, jnp.bfloat16, Block()),
    ],
    ids=str,
)
def test_what_the_library_has_no_form_for_runs_on_jax(forms, kind, bias_kind, block) -> None:
    arrays = whole(1, 5, 5, 2).astype(kind), whole(2, 2, 2, 3).astype(kind), whole(3).astype(bias_kind)
    for text in forms.native(lambda: jax.jit(lambda *a: conv_block(*a, block)).lower(*arrays).as_text()):
        assert "lamina_conv2d" not in text
    forms.same(forms(lambda *a: conv_block(*a, block))(*arrays))
