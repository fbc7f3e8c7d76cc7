"""Masks: what is appended to sequences behind their end changes nothing, whatever the layers are."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from lamina.network import Context, Sequential, Shape, leaves, skeleton, with_leaves
from lamina.network.mask import live
from lamina.network.notation import parse

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


def both(network: Sequential, shape: Shape, lengths: np.ndarray = LENGTHS) -> tuple[Any, Any]:
    """The same for a batch as short as it can be, and for one with steps appended."""
    hasty = {"xla_backend_optimization_level": 0}
    work = jax.jit(lambda *pairs: [trained(network, *pair) for pair in pairs], compiler_options=hasty)
    return work(batch(shape, 0, lengths), batch(shape, APPENDED, lengths))


def check(network: Sequential, shape: Shape) -> None:
    for short, long in zip(*both(shaken(network, shape), shape), strict=True):
        pairs = list(zip(jax.tree.leaves(short), jax.tree.leaves(long), strict=True))
        size = max((float(jnp.abs(expected).max()) for expected, _ in pairs), default=1)
        for expected, made in pairs:
            behind = made[:, expected.shape[1] :] if made.ndim > 1 else np.zeros(0)
            assert not np.asarray(behind).any() or made.shape == expected.shape
            cut = made[:, : expected.shape[1]] if made.shape != expected.shape else made
            np.testing.assert_allclose(cut, expected, rtol=1e-6, atol=1e-6 * size)


NETWORKS = [
    ("conv 4 tanh, conv 3 stride 2, conv 3 4 linear stride 3", SERIES),
    ("conv 4 4 padding valid stride 2, conv 2 2 dilation 2", SERIES),
    ("conv 4 padding 2 stride 2, conv 3 2 padding 1, mean", SERIES),
    ("conv 4 3 causal stride 2 , conv 3 2 causal dilation 2", SERIES),
    ("conv 4, pool, conv 3 linear, pool 3 stride 1", SERIES),
    ("pool 3 stride 2 padding same, avgpool 3 padding same stride 1", SERIES),
    ("pool 2 padding 1 stride 1, avgpool 2 padding 1, avgpool", SERIES),
    ("batchnorm, relu, pool, batchnorm", SERIES),
    ("layernorm, relu, dropout 0.3, dense 3 sigmoid, softmax", SERIES),
    ("residual(conv 4 linear, batchnorm), relu, residual(conv 4 5 stride 2 linear, batchnorm), relu", SERIES),
    ("concatenate(conv 2 | conv 2 5, batchnorm | lstm 2), globalpool", SERIES),
    ("rnn 3, lstm 3 bidirectional, gru 4, last bidirectional", SERIES),
    ("lstm 3 bidirectional recurrent-dropout 0.4 truncate 3, rnn 3 recurrent-dropout 0.2, gru 4 truncate 4", SERIES),
    ("positions, dense 4 linear, attention 2, layernorm", SERIES),
    ("dense 4 linear, transformer 2 causal hidden 5 dropout 0.3, transformer 2, max", SERIES),
    ("conv 4, frames, gru 3, mean", SOUND),
    ("concatenate(last | mean | max), dense 2, batchnorm", SERIES),
    ("conv 4, batchnorm, relu, pool, residual(conv 4), globalpool max", SOUND),
    ("conv 3 stride 2, avgpool 3 padding same stride 2, layernorm", SOUND),
    ("conv 3 5x3 padding valid, pool 3x2 stride 2x1 padding same, globalpool", SOUND),
]


@pytest.mark.parametrize(("text", "shape"), NETWORKS, ids=[text for text, _ in NETWORKS])
def test_appended_steps_change_nothing(text: str, shape: Shape) -> None:
    check(parse(text), shape)
