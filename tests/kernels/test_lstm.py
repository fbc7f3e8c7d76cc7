"""The LSTM by hand, and its native form against the JAX form; what all recurrent kernels share: test_recurrence.py."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array

from lamina.kernels import native
from lamina.kernels.lstm import LSTMWeights, lstm


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_one_step_by_hand() -> None:
    weights = LSTMWeights(
        jnp.asarray([[0.5, -1.0, 2.0, 1.0]]), jnp.asarray([[1.0, 0.25, -0.5, 3.0]]), jnp.asarray([0.1, 0.2, 0.3, 0.4])
    )
    x, h, c = 3.0, 0.4, -0.6
    inward, forget = sigmoid(0.5 * x + h + 0.1), sigmoid(-x + 0.25 * h + 0.2)
    cell, outward = math.tanh(2 * x - 0.5 * h + 0.3), sigmoid(x + 3 * h + 0.4)
    after = forget * c + inward * cell
    y, last = lstm(jnp.asarray([[[x]]]), (jnp.asarray([[h]]), jnp.asarray([[c]])), weights)
    assert float(last[1][0, 0]) == pytest.approx(after, rel=1e-6)
    assert float(y[0, 0, 0]) == float(last[0][0, 0]) == pytest.approx(outward * math.tanh(after), rel=1e-6)


def problem(batch: int, steps: int, inputs: int, hidden: int) -> tuple[Array, Any, LSTMWeights]:
    rng = np.random.default_rng(batch + steps + inputs + hidden)

    def drawn(*shape: int, size: float = 1.0) -> Array:
        return jnp.asarray(rng.normal(size=shape) * size, jnp.float32)

    spread = 1 / math.sqrt(inputs + hidden)
    weights = LSTMWeights(
        drawn(inputs, 4 * hidden, size=spread), drawn(hidden, 4 * hidden, size=spread), drawn(4 * hidden)
    )
    return drawn(batch, steps, inputs), (drawn(batch, hidden), drawn(batch, hidden)), weights


def mask_of(kind: str, batch: int, steps: int) -> Array | None:
    rng = np.random.default_rng(batch)
    if kind == "all":
        return None
    if kind == "holes":
        return jnp.asarray(rng.random((batch, steps)) < 0.6)
    return jnp.asarray(np.arange(steps) < rng.integers(0, steps + 1, batch)[:, None])


def everything(mask: Array | None, reverse: bool, *operands: Any) -> Any:
    """Outputs, last state, and the gradients of all operands."""
    made, pull = jax.vjp(partial(lstm, mask=mask, reverse=reverse), *operands)
    towards = jax.tree.map(lambda a: jnp.sin(1 + jnp.arange(a.size, dtype=jnp.float32)).reshape(a.shape), made)
    return made, pull(towards)


@given(
    shape=st.tuples(st.integers(0, 70), st.integers(0, 5), st.integers(1, 40), st.integers(1, 40)),
    mask=st.sampled_from(["all", "lengths", "holes"]),
    reverse=st.booleans(),
)
@settings(max_examples=8, deadline=None)
def test_both_forms_make_the_same_of_any_shape(forms, shape, mask, reverse) -> None:
    run = forms(partial(everything, mask_of(mask, *shape[:2]), reverse))
    forms.same(run(*problem(*shape)), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("mask", ["all", "lengths"])
def test_both_forms_make_the_same_of_many_units_and_blocks(forms, mask: str) -> None:
    shape = (97, 7, 35, 130)
    forms.same(forms(partial(everything, mask_of(mask, *shape[:2]), False))(*problem(*shape)), rtol=5e-5, atol=5e-5)


def test_nothing_to_read(forms) -> None:
    """No example, no step: the state comes back, gradients of weights are zero."""
    for shape in ((0, 3, 2, 4), (2, 0, 2, 4)):
        forms.same(forms(partial(everything, None, False))(*problem(*shape)))


def test_large_numbers_saturate_and_nan_is_not_hidden(forms) -> None:
    x, state, weights = problem(3, 4, 5, 6)
    run = forms(partial(everything, None, False))
    large = run(1e4 * x, state, weights)
    forms.same(large, rtol=1e-4, atol=1e-5)
    assert all(np.isfinite(a).all() for a in jax.tree.leaves(large))
    lost = run(x.at[1].set(jnp.nan), state, weights)
    forms.same(lost, rtol=2e-5, atol=2e-5)
    assert np.isnan(lost[1][0][0][0][1]).all()


@pytest.mark.parametrize("mask", ["all", "lengths"])
def test_the_same_to_the_bit_on_any_number_of_threads(forms, mask: str) -> None:
    shape = (97, 6, 9, 40)

    def on_threads(count: int) -> Any:
        with native.threads(count):
            return forms.native(partial(everything, mask_of(mask, *shape[:2]), False), *problem(*shape))

    each = jax.jit(lambda: [on_threads(count) for count in (1, 2, 4)])()
    for other in each[1:]:
        jax.tree.map(np.testing.assert_array_equal, each[0], other)


def test_who_does_not_keep_anything_gets_the_same(forms) -> None:
    operands = problem(33, 5, 3, 20)
    alone = jax.jit(partial(forms.native, lstm))(*operands)
    kept = jax.jit(partial(forms.native, partial(everything, None, False)))(*operands)
    for ours, (made, _) in zip(alone, kept, strict=True):
        jax.tree.map(np.testing.assert_array_equal, ours, made)


def test_the_inputs_gradient_is_made_only_when_it_is_wanted(forms) -> None:
    x, state, weights = problem(2, 3, 7, 4)

    def loss(weights: LSTMWeights, x: Array) -> Array:
        return jnp.sum(lstm(x, state, weights)[0])

    def made(wanted: int | tuple[int, int]) -> list[tuple[int, ...]]:
        """The shapes that the library is asked for on the way back."""
        program = jax.make_jaxpr(lambda *a: forms.native(jax.grad(loss, wanted), *a))(weights, x)
        calls = [e for e in program.eqns if "lstm_backward" in e.params.get("target_name", "")]
        return [tuple(calls[0].outvars[0].aval.shape)] if len(calls) == len(forms.libraries) else []

    assert made(0) == [(0,)]
    assert made((0, 1)) == [x.shape]
