"""Pooling against NumPy by hand, torch, and finite differences; the native form against the JAX form."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array, lax
from jax.sharding import Mesh, PartitionSpec
from jax.test_util import check_grads

from lamina.errors import ShapeError
from lamina.kernels import native
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
def test_windows_of_many_taps_on_jax(size: tuple[int, int]) -> None:
    x = jnp.arange(float(np.prod(size))).reshape(1, *size, 1)
    gradient = jax.grad(lambda x: jnp.sum(max_pool(x, size, Window(size))))
    with native.kept_out():
        g = jax.jit(gradient, compiler_options={"xla_backend_optimization_level": 0})(x)
    assert int(jnp.argmax(g)) == x.size - 1
    assert float(jnp.sum(g)) == 1


def test_under_vmap() -> None:
    x, window = jnp.asarray(pictures(3, 2, 6, 6, 2)), window_of((2, 2), (1, 1))
    g = jax.grad(lambda x: jnp.sum(jnp.sin(max_pool(x, (3, 3), window))))
    batched, mapped = jax.jit(lambda x: (jax.vmap(g)(x), jax.lax.map(g, x)))(x)
    np.testing.assert_allclose(batched, mapped, atol=1e-6)


class Case(NamedTuple):
    """Pictures, and the pool over them."""

    x: tuple[int, ...]
    size: tuple[int, int]
    window: Window


NATIVE = {
    "2x2": Case((3, 6, 4, 16), (2, 2), Window((2, 2))),
    "2x2, some left over": Case((2, 5, 7, 48), (2, 2), Window((2, 2))),
    "3x3 by 2": Case((2, 9, 8, 32), (3, 3), Window((2, 2), ((1, 1), (0, 1)))),
    "3x3 by 1": Case((1, 6, 6, 16), (3, 3), Window()),
    "gaps": Case((2, 8, 9, 16), (2, 1), Window((3, 4))),
    "a sequence": Case((4, 1, 11, 16), (1, 3), Window((1, 2), ((0, 0), (1, 1)))),
    "all places": Case((2, 15, 17, 16), (15, 17), Window()),
    "larger than the picture": Case((2, 2, 3, 16), (4, 5), Window((1, 1), ((1, 1), (1, 2)))),
    "nothing but padding": Case((2, 3, 3, 16), (2, 2), Window((1, 2), ((3, 2), (2, 4)))),
    "empty": Case((0, 4, 4, 16), (2, 2), Window((2, 2))),
}
by_case = pytest.mark.parametrize("case", NATIVE.values(), ids=NATIVE)
by_pool = pytest.mark.parametrize("pool", [max_pool, average_pool])
Pool = Callable[..., Array]


def pulled(pool: Pool, case: Case, x: Array) -> tuple[Array, Array]:
    """The pooled numbers, and a gradient of whole numbers: their sums are the same in any order."""
    y, pull = jax.vjp(lambda x: pool(x, case.size, case.window), x)
    return y, pull(jnp.arange(y.size, dtype=jnp.float32).reshape(y.shape) % 11 - 5)[0]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    size, stride = (draw(st.tuples(st.integers(1, 4), st.integers(1, 4))) for _ in range(2))
    padding = tuple(draw(st.tuples(st.integers(0, k), st.integers(0, k))) for k in size)
    places = [max(1, k - sum(p)) + draw(st.integers(0, 6)) for k, p in zip(size, padding, strict=True)]
    number, channels = draw(st.sampled_from((0, 1, 3))), draw(st.sampled_from((3, 16, 32, 48)))
    return Case((number, *places, channels), size, Window(stride, padding))  # type: ignore[arg-type]


@pytest.mark.slow
@settings(max_examples=12, deadline=None, derandomize=True)
@given(cases())
def test_any_shape_is_as_the_jax_form(forms, case: Case) -> None:
    """The largest to the bit, with ties in most windows; means that XLA takes in two passes round twice."""
    x = jnp.asarray(pictures(*case.x))
    forms.same(forms(partial(pulled, max_pool, case))(x))
    forms.same(forms(partial(pulled, average_pool, case))(x), rtol=1e-6, atol=1e-6)


def gradient_by_hand(case: Case, x: np.ndarray, g: np.ndarray, largest: bool) -> np.ndarray:
    to_x, (sy, sx), ((top, _), (left, _)) = np.zeros(x.shape), case.window.stride, case.window.padding
    for n, y, z, c in np.ndindex(g.shape):
        rows = slice(max(y * sy - top, 0), max(y * sy - top + case.size[0], 0))
        columns = slice(max(z * sx - left, 0), max(z * sx - left + case.size[1], 0))
        seen, to = x[n, rows, columns, c], to_x[n, rows, columns, c]
        if largest and seen.size:
            to[np.unravel_index(np.argmax(seen), seen.shape)] += g[n, y, z, c]
        elif seen.size:
            to += g[n, y, z, c] / seen.size
    return to_x


@by_case
@pytest.mark.filterwarnings("ignore:All-NaN slice|Mean of empty slice:RuntimeWarning")
def test_values_and_gradients_by_hand(forms, case: Case) -> None:
    x = pictures(*case.x)
    for largest, pool in ((True, max_pool), (False, average_pool)):
        for y, to_x in forms.native(jax.jit(partial(pulled, pool, case)), jnp.asarray(x)):
            expected = by_hand(x.astype(np.float64), case.size, case.window, np.nanmax if largest else np.nanmean)
            # The largest of nothing is -inf.
            expected = np.where(np.isnan(expected), -np.inf, expected) if largest else expected
            np.testing.assert_allclose(y, expected, rtol=1e-6)
            g = np.arange(y.size).reshape(y.shape) % 11 - 5.0
            np.testing.assert_allclose(to_x, gradient_by_hand(case, x, g, largest), rtol=1e-6, atol=1e-6)


@by_case
@by_pool
def test_numbers_that_are_none_are_as_in_the_jax_form(forms, pool: Pool, case: Case) -> None:
    x = jnp.asarray(pictures(*case.x)).at[:1, 1:, ::2].set(jnp.nan).at[1:, :2].set(-jnp.inf)
    forms.same(forms(partial(pulled, pool, case))(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("number", [pytest.param(1, marks=pytest.mark.slow), 5])
@pytest.mark.parametrize("way", ["2x2", "3x3 by 2", "gaps", "a sequence"])
def test_threads_leave_every_bit_as_it_is(forms, way: str, number: int) -> None:
    case = NATIVE[way]._replace(x=(number, 1 if way == "a sequence" else 37, 600 // number, 16))

    def each(x: Array) -> list[Any]:
        found = []
        for count in (1, 2, 4):
            with native.threads(count):
                found.append([pulled(pool, case, x) for pool in (max_pool, average_pool)])
        return found

    x = jnp.asarray(np.random.default_rng(0).normal(size=case.x), jnp.float32)
    for one, *more in forms.native(lambda x: jax.jit(lambda *a: each(*a))(x), x):
        for other in more:
            jax.tree.map(np.testing.assert_array_equal, one, other)


@by_pool
def test_it_runs_inside_whatever_jax_compiles(forms, pool: Pool) -> None:
    case = NATIVE["3x3 by 2"]
    x = jnp.asarray(np.random.default_rng(0).normal(size=case.x), jnp.float32)
    several = jnp.stack([x, x + 1, -x])

    def slopes_of(x: Array) -> Array:
        y, to_x = pulled(pool, case, x)
        return jnp.concatenate([to_x.ravel(), y.ravel()])  # their sum would be XLA's own, rounded as it pleases

    def each(several: Array) -> Any:
        slopes = lambda x: slopes_of(x)  # noqa: E731 - another for each library, or JAX would remember the first's trace
        nothing = lambda x: jnp.zeros_like(slopes(x))  # noqa: E731
        split = PartitionSpec("cores")
        spread = partial(jax.shard_map, mesh=Mesh(jax.devices()[:1], ("cores",)), in_specs=split, out_specs=split)
        return {
            "vmap": jax.vmap(slopes)(several),
            "map": lax.map(slopes, several),
            "scan": lax.scan(lambda total, x: (total + slopes(x), slopes(x)), nothing(x), several)[1],
            "cond": jnp.stack([lax.cond(x[0, 0, 0, 0] < 99, slopes, nothing, x) for x in several]),
            "shard_map": spread(partial(lax.map, slopes), check_vma=False)(several),
        }

    alone = forms.native(lambda: jnp.stack([slopes_of(x) for x in several]))
    for one, found in zip(
        alone, forms.native(lambda several: jax.jit(lambda s: each(s))(several), several), strict=True
    ):
        for name, made in found.items():
            np.testing.assert_allclose(made, one, rtol=1e-6, atol=1e-6, err_msg=name)


@by_pool
@pytest.mark.parametrize(
    ("x", "size", "padding"), [((3, 4), (1, 1), 0), ((2, 3, 4), (1, 1), 0), ((2, 3, 3, 4), (2, 6), 1)], ids=str
)
def test_shapes_that_dont_fit_are_said(forms, pool: Pool, x, size, padding) -> None:
    with pytest.raises(ShapeError, match=r"A pool was given|A pool \[2, 6\] doesn't fit into \[3, 3\]"):
        forms.native(lambda: pool(jnp.ones(x), size, window_of((1, 1), (padding, padding))))


@pytest.mark.parametrize(
    ("pool", "kind", "size", "window"),
    [
        (max_pool, jnp.bfloat16, (2, 2), Window()),
        (average_pool, jnp.bfloat16, (2, 2), Window()),
        (average_pool, jnp.float32, (2, 2), Window((2, 3))),
        (max_pool, jnp.float32, (1, 256), Window()),
    ],
    ids=("bfloat16", "average, bfloat16", "average, strides that differ", "as wide as may be"),
)
def test_what_the_library_has_no_form_for_runs_on_jax(forms, pool: Pool, kind, size, window) -> None:
    x = jnp.asarray(pictures(1, 3, max(3, size[1]), 16)).astype(kind)
    for text in texts_of(forms, pool, x, size, window):
        assert "lamina_" not in text


def test_whole_vectors_of_channels_are_native(forms) -> None:
    for channels, there in ((16, True), (48, True), (8, False), (17, False)):
        x = jnp.ones((1, 3, 3, channels))
        assert all(("lamina_" in text) == there for text in texts_of(forms, max_pool, x, (2, 2), Window()))


def texts_of(forms, pool: Pool, x: Array, size: tuple[int, int], window: Window) -> list[str]:
    return forms.native(lambda: jax.jit(lambda x: pool(x, size, window)).lower(x).as_text())
