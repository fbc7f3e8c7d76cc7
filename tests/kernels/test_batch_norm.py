"""The native batch norm with shortcut, relu and pool against its JAX form, NumPy in double precision, differences."""

from __future__ import annotations

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

from lamina.errors import ShapeError
from lamina.kernels import native
from lamina.kernels.batch_norm import After, Inputs, batch_norm
from lamina.kernels.conv2d import Window


class Case(NamedTuple):
    """Numbers [batch, ..., channels] of which every `dead`-th example doesn't count, and what follows."""

    x: tuple[int, ...]
    after: After = After()
    shortcut: bool = False
    dead: int = 3


def pooled(*size: int, stride: tuple[int, int] | None = None) -> Any:
    return size, Window(stride or size)


CASES = {
    "rows": Case((7, 5)),
    "relu": Case((4, 3, 5, 17), After(relu=True)),
    "shortcut": Case((5, 4, 3, 9), After(relu=True), shortcut=True),
    "shortcut, no relu": Case((2, 3, 16), shortcut=True),
    "2x2": Case((3, 6, 4, 8), After(True, pooled(2, 2))),
    "2x2, some left over": Case((3, 5, 7, 33), After(True, pooled(2, 2))),
    "3x2 with gaps, no relu": Case((4, 8, 7, 3), After(False, pooled(3, 2, stride=(4, 3)))),
    "one number": Case((1, 1), dead=9),
    "no example counts": Case((3, 2, 2, 5), After(relu=True), dead=1),
    "empty": Case((0, 2, 2, 3), After(relu=True)),
    "empty with a pool": Case((0, 4, 4, 3), After(True, pooled(2, 2))),
}
by_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def inputs_of(case: Case) -> tuple[Array, ...]:
    """x, scale, shift, and a shortcut perhaps; far from mean 0 and variance 1."""
    rng = np.random.default_rng(sum(case.x))
    arrays = [
        rng.normal(size=case.x) * 2 + 3,
        rng.normal(size=case.x[-1:]) + 0.5,
        rng.normal(size=case.x[-1:]),
        *([rng.normal(size=case.x)] if case.shortcut else []),
    ]
    return tuple(jnp.asarray(a, jnp.float32) for a in arrays)


def live(case: Case) -> np.ndarray:
    return ((np.arange(case.x[0]) % case.dead) != 0).astype(np.float32) * 0.7


def run(case: Case, x: Array, scale: Array, shift: Array, shortcut: Array | None = None) -> Any:
    return batch_norm(Inputs(x, scale, shift, jnp.asarray(live(case)), shortcut), case.after, epsilon=1e-3)


def pulled(case: Case, *arrays: Array) -> Any:
    """What it makes, and the gradients of x, scale, shift and shortcut."""
    made, pull = jax.vjp(partial(run, case), *arrays)
    others = jax.tree.map(jnp.ones_like, made[1:])  # statistics as results have no gradient
    return made, pull(type(made)(gradient(made.y.shape), *others))


def gradient(shape: tuple[int, ...]) -> Array:
    return jnp.asarray(np.random.default_rng(1).normal(size=shape), jnp.float32)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    number, channels = draw(st.sampled_from((0, 1, 2, 5, 18))), draw(st.sampled_from((1, 3, 8, 15, 16, 17, 33)))
    relu, dead = draw(st.booleans()), draw(st.sampled_from((2, 3, 99)))
    size = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    places = tuple(n + draw(st.integers(0, 4)) for n in size)
    if draw(st.booleans()):
        moves = Window(tuple(n + draw(st.integers(0, 1)) for n in size))  # type: ignore[arg-type]
        return Case((number, *places, channels), After(relu, (size, moves)), dead=dead)
    axes = draw(st.integers(0, 2))
    return Case((number, *places[:axes], channels), After(relu), shortcut=draw(st.booleans()), dead=dead)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, derandomize=True)
@given(cases())
def test_any_shape_is_as_the_jax_form(forms, case: Case) -> None:
    forms.same(forms(partial(pulled, case))(*inputs_of(case)), rtol=1e-5, atol=1e-5)


def by_hand(case: Case, x: np.ndarray, scale: np.ndarray, shift: np.ndarray, shortcut: Any = 0.0) -> Any:
    """The formula in double precision: the result, mean and variance."""
    rows = x[live(case) > 0].reshape(-1, x.shape[-1])
    mean, variance = (rows.mean(0), rows.var(0)) if rows.size else (np.zeros_like(scale), np.zeros_like(scale))
    y = (x - mean) / np.sqrt(variance + 1e-3) * scale + shift + shortcut
    y = np.maximum(y, 0) if case.after.relu else y
    if case.after.pool:
        size, moves = case.after.pool
        windows = np.lib.stride_tricks.sliding_window_view(y, size, (1, 2))
        y = windows[:, :: moves.stride[0], :: moves.stride[1]].max(axis=(-2, -1))
    return y, mean, variance, len(rows)


@by_case
def test_values_and_slopes_by_hand(forms, case: Case) -> None:
    """Slopes along three directions by differences in double precision; both to 2e-5 of what they add up."""
    arrays = inputs_of(case)
    points = [np.asarray(a, np.float64) for a in arrays]
    expected = by_hand(case, *points)
    g = np.asarray(gradient(expected[0].shape), np.float64)
    for made, gradients in forms.native(jax.jit(partial(pulled, case)), *arrays):
        for ours, theirs in zip(made, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
        for seed in range(3):
            towards = [np.random.default_rng(seed).normal(size=a.shape) for a in points]
            ends = [by_hand(case, *(a + s * d for a, d in zip(points, towards, strict=True)))[0] for s in (1e-6, -1e-6)]
            slope = np.sum(g * (ends[0] - ends[1])) / 2e-6
            parts = [np.asarray(a, np.float64) * d for a, d in zip(gradients, towards, strict=True)]
            near = 2e-5 * sum(np.abs(p).sum() for p in parts) + 1e-9
            assert sum(p.sum() for p in parts) == pytest.approx(slope, abs=near)


def test_a_mean_far_from_zero_leaves_the_variance(forms) -> None:
    """One pass over squares would lose all of it."""
    x = inputs_of(Case((40, 3, 3, 5)))[0] + 1e5
    for made in forms.native(lambda: batch_norm(Inputs(x, jnp.ones(5), jnp.zeros(5), jnp.ones(40)))):
        rows = np.asarray(x, np.float64).reshape(-1, 5)
        np.testing.assert_allclose(made.mean, rows.mean(0), rtol=1e-6)
        np.testing.assert_allclose(made.variance, rows.var(0), rtol=1e-3)


@pytest.mark.parametrize("way", ["2x2", "3x2 with gaps, no relu"])
def test_the_first_of_equals_wins(forms, way: str) -> None:
    """Whole numbers have ties in most windows; a winner of its own choice would move a gradient of about 1."""
    case = CASES[way]
    x = jnp.asarray(np.random.default_rng(0).integers(0, 3, case.x), jnp.float32)
    forms.same(forms(partial(pulled, case))(x, *inputs_of(case)[1:]), rtol=1e-5, atol=2e-5)


def test_examples_that_dont_count_leave_no_trace(forms) -> None:
    case = Case((6, 2, 3, 5), After(relu=True), dead=2)
    x, *others = inputs_of(case)
    dead = jnp.asarray(live(case) == 0)[:, None, None, None]
    for (made, _), (wild, _) in zip(
        forms.native(lambda: pulled(case, x, *others)),
        forms.native(lambda: pulled(case, jnp.where(dead, jnp.nan, x), *others)),
        strict=True,
    ):
        np.testing.assert_array_equal(made.mean, wild.mean)
        np.testing.assert_array_equal(jnp.where(dead, 0, made.y), jnp.where(dead, 0, wild.y))


@pytest.mark.parametrize("way", ["shortcut", "2x2", "3x2 with gaps, no relu"])
def test_nan_comes_out_where_it_does_of_the_jax_form(forms, way: str) -> None:
    case = CASES[way]
    x, *others = inputs_of(case)
    made = forms(lambda x: run(case, x, *others))(x.at[1, 1, 1, 2].set(jnp.nan))
    assert np.isnan(made[0].mean).tolist() == [channel == 2 for channel in range(x.shape[-1])]
    forms.same(made, rtol=1e-5, atol=1e-5)


@by_case
@pytest.mark.parametrize("number", [3, 37])
def test_threads_leave_every_bit_as_it_is(forms, case: Case, number: int) -> None:
    case = case._replace(x=(number, *case.x[1:]))

    def each(*arrays: Array) -> list[Any]:
        found = []
        for count in (1, 2, 4):
            with native.threads(count):
                found.append(pulled(case, *arrays))
        return found

    for one, *more in forms.native(lambda *arrays: jax.jit(lambda *a: each(*a))(*arrays), *inputs_of(case)):
        for other in more:
            jax.tree.map(np.testing.assert_array_equal, one, other)


def test_it_runs_inside_whatever_jax_compiles(forms) -> None:
    case = CASES["2x2"]
    x, scale, shift = inputs_of(case)
    several = jnp.stack([x, x + 1, -x])

    def slopes_of(x: Array) -> Array:
        return pulled(case, x, scale, shift)[1][0]

    def each(several: Array) -> Any:
        slopes = lambda x: slopes_of(x)  # noqa: E731 - another for each library, or JAX would remember the first's trace
        split = PartitionSpec("cores")
        spread = partial(jax.shard_map, mesh=Mesh(jax.devices()[:1], ("cores",)), in_specs=split, out_specs=split)
        return {
            "vmap": jax.vmap(slopes)(several),
            "map": lax.map(slopes, several),
            "scan": lax.scan(lambda total, x: (total + slopes(x), slopes(x)), jnp.zeros_like(x), several)[1],
            "cond": jnp.stack([lax.cond(x[0, 0, 0, 0] < 99, slopes, jnp.zeros_like, x) for x in several]),
            "shard_map": spread(partial(lax.map, slopes), check_vma=False)(several),
        }

    expected = forms.native(lambda: jnp.stack([slopes_of(x) for x in several]))
    for alone, found in zip(
        expected, forms.native(lambda several: jax.jit(lambda *a: each(*a))(several), several), strict=True
    ):
        for name, made in found.items():
            np.testing.assert_array_equal(made, alone, err_msg=name)


@pytest.mark.parametrize(
    ("x", "scale", "live", "shortcut", "after"),
    [
        ((4,), (4,), (4,), None, After()),
        ((2, 3, 4), (3,), (2,), None, After()),
        ((2, 3, 4), (4,), (3,), None, After()),
        ((2, 3, 4), (4,), (2,), (2, 4), After()),
        ((2, 3, 4), (4,), (2,), None, After(pool=pooled(2, 2))),
        ((2, 3, 3, 4), (4,), (2,), (2, 3, 3, 4), After(pool=pooled(2, 2))),
        ((2, 3, 3, 4), (4,), (2,), None, After(pool=pooled(2, 4))),
    ],
    ids=str,
)
def test_shapes_that_dont_fit_are_said(forms, x, scale, live, shortcut, after) -> None:
    features, more = jnp.ones(scale), None if shortcut is None else jnp.ones(shortcut)
    with pytest.raises(ShapeError, match=r"Batch norm|pool \[2, 4\] doesn't fit into \[3, 3\]"):
        forms.native(lambda: batch_norm(Inputs(jnp.ones(x), features, features, jnp.ones(live), more), after))


@pytest.mark.parametrize(
    ("kinds", "after"),
    [
        ((jnp.float32, jnp.bfloat16, jnp.float32), After()),
        ((jnp.float32, jnp.float32, jnp.bool_), After()),
        ((jnp.bfloat16, jnp.bfloat16, jnp.bfloat16), After()),
        ((jnp.float32, jnp.float32, jnp.float32), After(pool=pooled(3, 3, stride=(2, 2)))),
        ((jnp.float32, jnp.float32, jnp.float32), After(pool=((2, 2), Window((2, 2), ((1, 0), (0, 0)))))),
    ],
    ids=str,
)
def test_what_the_library_has_no_form_for_runs_on_jax(forms, kinds, after) -> None:
    x, scale, shift = inputs_of(Case((2, 5, 5, 3)))
    arrays = x.astype(kinds[0]), scale.astype(kinds[1]), shift, jnp.ones(2, kinds[2])
    for text in forms.native(lambda: jax.jit(lambda *a: batch_norm(Inputs(*a), after)).lower(*arrays).as_text()):
        assert "lamina_batch_norm" not in text
    forms.same(forms(lambda *a: batch_norm(Inputs(*a), after))(*arrays))
