"""Masks: what is appended to sequences behind their end changes nothing, whatever the layers are."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from jax import Array

from lamina.errors import ShapeError
from lamina.kernels import native
from lamina.network import (
    GRU,
    Activation,
    Attention,
    AvgPool,
    BatchNorm,
    Concatenate,
    Context,
    Conv,
    Dense,
    Dropout,
    GlobalPool,
    Last,
    Layer,
    LayerNorm,
    Max,
    MaxPool,
    Mean,
    Residual,
    Sequential,
    Shape,
    leaves,
    skeleton,
    with_leaves,
)
from lamina.network.mask import lasting, live
from lamina.network.notation import parse
from lamina.network.sizes import Ends, places

LENGTHS = np.array([8, 3, 0, 5, 1])
LONGEST, APPENDED = 8, 3
SERIES, SOUND = (LONGEST, 3), (LONGEST, 4, 2)
WEIGHTS = jnp.asarray([1.0, 0.5, 1.0, 0.0, 2.0])


def drawn(*shape: int, seed: int = 0) -> Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def shaken(network: Sequential, shape: Shape) -> Sequential:
    """Built, no parameter at zero."""
    sized = skeleton(network, shape)
    drawn_ones = {p: 0.5 * drawn(*a.shape, seed=i) for i, (p, a) in enumerate(leaves(sized, "parameter").items())}
    averages = {p: jnp.ones(a.shape) for p, a in leaves(sized, "state").items()}
    return with_leaves(sized, {**drawn_ones, **averages, **leaves(network, "number")})


def batch(shape: Shape, appended: int, lengths: np.ndarray = LENGTHS) -> tuple[Array, Array]:
    """Sequences of these lengths with zeros behind, so many more than there need be, and their mask."""
    mask = jnp.asarray(np.arange(LONGEST + appended) < lengths[:, None])
    x = jnp.pad(drawn(len(lengths), *shape), ((0, 0), (0, appended), *[(0, 0)] * (len(shape) - 1)))
    return jnp.where(mask.reshape(*mask.shape, *[1] * (len(shape) - 1)), x, 0), mask


def trained(network: Sequential, x: Array, mask: Array) -> Any:
    """Outputs, gradients of the parameters and of x, and states behind a step of training; outputs without training."""

    def loss(parameters: dict[str, Array], x: Array) -> Any:
        context = Context(training=True, key=jax.random.key(5), weights=WEIGHTS, mask=mask)
        y, after = with_leaves(network, parameters).apply(live(x, mask), context)
        of_rows = (
            jnp.sin(y).reshape(len(y), -1).sum(axis=1)
            if y.ndim == 2
            else jnp.einsum("bt...,t->b", jnp.sin(y), jnp.cos(jnp.arange(y.shape[1], dtype=y.dtype)))
        )
        return jnp.sum(WEIGHTS * of_rows), (y, leaves(after, "state"))

    slopes, (y, states) = jax.grad(loss, (0, 1), has_aux=True)(leaves(network, "parameter"), x)
    return y, slopes[1], slopes[0], states, network.apply(x, Context(mask=mask))[0]


def check(network: Sequential, shape: Shape, *, kind: Any = jnp.float32, within: float = 1e-6) -> None:
    """A batch as short as it can be, and one with steps appended, make the same, of numbers of that kind."""
    network = jax.tree.map(lambda a: jnp.asarray(a, kind), shaken(network, shape))
    given = [(x.astype(kind), mask) for x, mask in (batch(shape, 0), batch(shape, APPENDED))]
    # Compiled in haste; at level 0 this compiler makes NaN of some finite gradients of float64.
    hasty = {"xla_backend_optimization_level": 0 if kind == jnp.float32 else 1}
    work = jax.jit(lambda *pairs: [trained(network, *pair) for pair in pairs], compiler_options=hasty)
    for short, long in zip(*work(*given), strict=True):
        pairs = list(zip(jax.tree.leaves(short), jax.tree.leaves(long), strict=True))
        size = max((float(jnp.abs(expected).max()) for expected, _ in pairs), default=1)
        for expected, made in pairs:
            cut = made
            if made.shape != expected.shape:
                cut, behind = made[:, : expected.shape[1]], made[:, expected.shape[1] :]
                np.testing.assert_array_equal(behind, np.zeros(behind.shape))
            np.testing.assert_allclose(cut, expected, rtol=within, atol=within * size)


NETWORKS = [
    ("conv 4 padding 2 stride 2, conv 3 2 padding 1, mean", SERIES),
    ("pool 3 stride 2 padding same, avgpool 3 padding same stride 1", SERIES),
    ("batchnorm, relu, pool, batchnorm", SERIES),
    ("layernorm, relu, dropout 0.3, dense 3 sigmoid, softmax", SERIES),
    ("rnn 3, lstm 3 bidirectional, gru 4, last bidirectional", SERIES),
    ("positions, attention 3, layernorm", SERIES),
    ("concatenate(last | mean | max), dense 2, batchnorm", SERIES),
    ("conv 3 stride 2, avgpool 3 padding same stride 2, layernorm", SOUND),
    ("conv 4 tanh, conv 3 stride 2, conv 3 4 linear stride 3", SERIES),
    ("conv 4 4 padding valid stride 2, conv 2 2 dilation 2", SERIES),
    ("conv 4 3 causal stride 2 , conv 3 2 causal dilation 2", SERIES),
    ("conv 4, pool, conv 3 linear, pool 3 stride 1", SERIES),
    ("pool 2 padding 1 stride 1, avgpool 2 padding 1, avgpool", SERIES),
    ("residual(conv 4 linear, batchnorm), relu, residual(conv 4 5 stride 2 linear, batchnorm), relu", SERIES),
    ("concatenate(conv 2 | conv 2 5, batchnorm | lstm 2), globalpool", SERIES),
    ("rnn 3 bidirectional recurrent-dropout 0.4 truncate 3", SERIES),
    ("transformer 3 causal hidden 5 dropout 0.3, max", SERIES),
    ("conv 4, frames, gru 3, mean", SOUND),
    ("conv 4, batchnorm, relu, pool, residual(conv 4), globalpool max", SOUND),
    ("conv 3 5x3 padding valid, pool 3x2 stride 2x1 padding same, globalpool", SOUND),
]


def each(networks: list[tuple[str, Shape]], quick: int) -> list[Any]:
    """A test's cases, those behind the quick ones among the slow tests."""
    marks = [pytest.mark.slow if at >= quick else () for at in range(len(networks))]
    return [pytest.param(*network, id=network[0], marks=mark) for network, mark in zip(networks, marks, strict=True)]


@pytest.mark.parametrize(("text", "shape"), each(NETWORKS, quick=8))
def test_appended_steps_change_nothing(text: str, shape: Shape) -> None:
    check(parse(text), shape)


few, size = st.integers(1, 4), st.integers(1, 3)
moves = st.one_of(
    st.builds(Conv, few, size, stride=size, dilation=size, padding=st.sampled_from(("same", "valid", 1))),
    st.builds(Conv, few, size, stride=size, dilation=size, causal=st.just(True)),
    st.builds(MaxPool, st.integers(2, 3), size, st.sampled_from(("same", "valid", 1))),
    st.builds(AvgPool, st.integers(2, 3), size, st.sampled_from(("same", "valid", 1))),
)
others = st.one_of(
    st.builds(BatchNorm),
    st.builds(LayerNorm),
    st.builds(Dropout, st.floats(0, 0.9)),
    st.builds(Dense, few, st.sampled_from(("tanh", "relu"))),
    st.builds(Activation, st.sampled_from(("relu", "sigmoid"))),
    st.builds(Attention, st.just(1), st.booleans()),
    st.builds(GRU, few),
)
held = st.recursive(
    moves | others,
    lambda inner: st.one_of(
        st.builds(lambda *layers: Residual(Sequential(layers)), inner, st.builds(BatchNorm)),
        st.builds(lambda *layers: Concatenate(tuple(map(Sequential, zip(layers)))), inner, inner),
    ),
    max_leaves=2,
)
ends = st.sampled_from([(), (GlobalPool(),), (GlobalPool("max"),), (Last(),), (Mean(), Dense(2)), (Max(), BatchNorm())])


def check_any(layers: list[Layer], end: tuple[Layer, ...]) -> None:
    network = Sequential((*layers, *end))
    try:
        built = [skeleton(network, (LONGEST + appended, 3)) for appended in (0, APPENDED)]
    except ShapeError:  # a window that doesn't fit, two branches of unequal strides
        built = []
    assume(built and jax.tree.structure(built[0]) == jax.tree.structure(built[1]))
    with jax.enable_x64(True):  # many norms one behind another amplify how float32 rounds
        check(network, SERIES, kind=jnp.float64, within=1e-9)


# Each network costs a compilation: none are made smaller when one fails.
few_of_all = settings(max_examples=5, deadline=None, derandomize=True, phases=[Phase.generate])


@pytest.mark.slow
@few_of_all
@given(st.lists(held, min_size=1, max_size=3), ends)
def test_appended_steps_change_nothing_whatever_the_layers(layers: list[Layer], end: tuple[Layer, ...]) -> None:
    check_any(layers, end)


@pytest.mark.slow
@settings(few_of_all, max_examples=8)
@given(st.lists(held, min_size=1, max_size=3), ends)
def test_appended_steps_change_nothing_in_many_networks(layers: list[Layer], end: tuple[Layer, ...]) -> None:
    check_any(layers, end)


@pytest.mark.slow
def test_what_a_mask_hides_entirely_makes_zeros_and_finite_gradients() -> None:
    nothing = np.zeros(len(LENGTHS), int)
    for text, shape in (
        ("conv 3 stride 2, batchnorm, relu, pool padding same, attention 1, lstm 3 recurrent-dropout 0.5, max", SERIES),
        ("transformer 3 dropout 0.1, concatenate(last | mean | avgpool, globalpool max)", SERIES),
        ("conv 3, batchnorm, pool, layernorm, frames, gru 3, rnn 2 bidirectional", SOUND),
    ):
        network = shaken(parse(text), shape)
        x, mask = batch(shape, 0, nothing)
        y, *slopes, states, measured = jax.jit(trained)(network, x, mask)
        for array in (y, measured, *jax.tree.leaves(slopes)):
            np.testing.assert_array_equal(array, np.zeros(array.shape), err_msg=text)
        for path, array in states.items():
            np.testing.assert_array_equal(array, leaves(network, "state")[path], err_msg=path)


@pytest.mark.parametrize("padding", ["same", "valid", "causal", 0, 1, 2])
def test_as_many_places_live_as_there_are_in_the_series_alone(padding: Ends) -> None:
    for window, stride, length in itertools.product((1, 2, 3, 5), (1, 2, 3, 4), range(8)):
        mask = jnp.arange(9)[None] < length
        alive = np.asarray(lasting(mask, window, stride, padding))[0]
        expected = max(places(length, window, stride, padding), 0) if length else 0
        assert alive.tolist() == [place < expected for place in range(len(alive))], (window, stride, length)
        assert len(alive) == places(9, window, stride, padding)


def test_without_a_mask_nothing_is_chosen() -> None:
    network = shaken(parse("conv 3 tanh stride 2, avgpool, layernorm, residual(conv 3 linear), globalpool"), SOUND)

    def choices(mask: Array | None) -> int:
        with native.kept_out():
            run = jax.make_jaxpr(lambda n, x: n.apply(x, Context(mask=mask))[0])(network, jnp.zeros((2, *SOUND)))
        return str(run).count("select_n")

    assert choices(None) == 0 < choices(jnp.ones((2, LONGEST), bool))
