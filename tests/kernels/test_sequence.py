"""Whole sequences in one native call: every cell's native form against its JAX form; by hand: test_recurrence.py."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array
from tests.kernels.conftest import chosen

from lamina.kernels import native
from lamina.kernels.gru import GRUWeights, gru
from lamina.kernels.lstm import LSTMWeights, lstm
from lamina.kernels.rnn import RNNWeights, rnn

Shape = tuple[int, int, int, int]  # batch, steps, inputs, hidden


class Cell(NamedTuple):
    """A kernel, the class of its weights, how many gates and states it has."""

    name: str
    kernel: Callable[..., Any]
    weights: Callable[..., Any]
    gates: int
    states: int

    def problem(self, shape: Shape) -> tuple[Array, Any, Any]:
        """Inputs, initial state and weights."""
        batch, steps, inputs, hidden = shape
        rng = np.random.default_rng(sum(shape))

        def drawn(*shape: int, size: float = 1.0) -> Array:
            return jnp.asarray(rng.normal(size=shape) * size, jnp.float32)

        spread, wide = 1 / math.sqrt(inputs + hidden), self.gates * hidden
        weights = [drawn(inputs, wide, size=spread), drawn(hidden, wide, size=spread), drawn(wide)]
        if self.kernel is gru:
            weights.append(drawn(hidden))
        states = tuple(drawn(batch, hidden) for _ in range(self.states))
        return drawn(batch, steps, inputs), states if self.states > 1 else states[0], self.weights(*weights)

    def everything(self, mask: Array | None, reverse: bool, *operands: Any) -> Any:
        """Outputs, last state, and the gradients of all operands."""
        made, pull = jax.vjp(partial(self.kernel, mask=mask, reverse=reverse), *operands)
        towards = jax.tree.map(lambda a: jnp.sin(1 + jnp.arange(a.size, dtype=jnp.float32)).reshape(a.shape), made)
        return made, pull(towards)


CELLS = [
    Cell("lstm", lstm, LSTMWeights, 4, 2),
    Cell("gru", gru, GRUWeights, 3, 1),
    Cell("rnn_tanh", rnn, RNNWeights, 1, 1),
    Cell("rnn_relu", partial(rnn, activation="relu"), RNNWeights, 1, 1),
]
every_cell = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)


def mask_of(kind: str, batch: int, steps: int) -> Array | None:
    rng = np.random.default_rng(batch)
    if kind == "all":
        return None
    if kind == "holes":
        return jnp.asarray(rng.random((batch, steps)) < 0.6)
    return jnp.asarray(np.arange(steps) < rng.integers(0, steps + 1, batch)[:, None])


@pytest.mark.slow
@every_cell
@given(
    shape=st.tuples(st.integers(0, 70), st.integers(0, 5), st.integers(1, 40), st.integers(1, 40)),
    mask=st.sampled_from(["all", "lengths", "holes"]),
    reverse=st.booleans(),
)
@settings(max_examples=6, deadline=None)
def test_both_forms_make_the_same_of_any_shape(forms, cell: Cell, shape: Shape, mask: str, reverse: bool) -> None:
    run = forms(partial(cell.everything, mask_of(mask, *shape[:2]), reverse))
    forms.same(run(*cell.problem(shape)), rtol=2e-5, atol=2e-5)


@every_cell
@pytest.mark.parametrize("mask", ["all", "lengths"])
@pytest.mark.parametrize("reverse", [False, True])
def test_both_forms_make_the_same_of_many_units_and_blocks(forms, cell: Cell, mask: str, reverse: bool) -> None:
    shape = (97, 7, 35, 130)
    run = forms(partial(cell.everything, mask_of(mask, *shape[:2]), reverse))
    forms.same(run(*cell.problem(shape)), rtol=1e-4, atol=1e-4)


@every_cell
def test_nothing_to_read(forms, cell: Cell) -> None:
    """No example, no step: the state comes back, gradients of weights are zero."""
    for shape in ((0, 3, 2, 4), (2, 0, 2, 4)):
        forms.same(forms(partial(cell.everything, None, False))(*cell.problem(shape)))


@every_cell
def test_large_numbers_saturate_and_nan_is_not_hidden(forms, cell: Cell) -> None:
    x, state, weights = cell.problem((3, 4, 5, 6))
    run = forms(partial(cell.everything, None, False))
    large = run(1e4 * x, state, weights)
    # Sums of numbers of 1e4 are good to 1e-3, and so is the slope of a gate that is not quite shut; one that is shut
    # has a slope of 0 or of a rounding. The weights' gradient is that times x.
    forms.same(large, rtol=4e-3, atol=1e4 * 2e-7)
    assert all(np.isfinite(a).all() for a in jax.tree.leaves(large))
    lost = run(x.at[1].set(jnp.nan), state, weights)
    forms.same(lost, rtol=2e-5, atol=2e-5)
    assert np.isnan(lost[1][0][0][0][1]).all()


@every_cell
@pytest.mark.parametrize("mask", ["all", "lengths"])
@pytest.mark.parametrize("hidden", [40, 130])
def test_the_same_to_the_bit_on_any_number_of_threads(forms, cell: Cell, mask: str, hidden: int) -> None:
    shape = (97, 6, 9, hidden)

    def on_threads(count: int) -> Any:
        with native.threads(count):
            work = partial(cell.everything, mask_of(mask, *shape[:2]), False)
            return forms.native(work, *cell.problem(shape))

    each = jax.jit(lambda: [on_threads(count) for count in (1, 2, 4)])()
    for other in each[1:]:
        jax.tree.map(np.testing.assert_array_equal, each[0], other)


@every_cell
@pytest.mark.parametrize("shape", [(33, 5, 3, 20), (70, 4, 3, 130)], ids=str)
def test_who_does_not_keep_anything_gets_the_same(forms, cell: Cell, shape: Shape) -> None:
    operands = cell.problem(shape)
    alone = jax.jit(partial(forms.native, cell.kernel))(*operands)
    kept = jax.jit(partial(forms.native, partial(cell.everything, None, False)))(*operands)
    for ours, (made, _) in zip(alone, kept, strict=True):
        jax.tree.map(np.testing.assert_array_equal, ours, made)


@pytest.mark.parametrize(
    ("shape", "mask", "split"),
    [
        ((64, 3, 5, 64), "all", True),
        ((63, 3, 5, 64), "all", False),
        ((64, 3, 5, 63), "all", False),
        ((64, 3, 5, 64), "lengths", False),
    ],
    ids=str,
)
def test_what_fills_the_tiles_of_amx_goes_there_in_parts(forms, shape: Shape, mask: str, split: bool) -> None:
    if "amx" not in forms.libraries:
        pytest.skip("no library for AMX here")
    work = partial(CELLS[0].everything, mask_of(mask, *shape[:2]), False)
    with chosen("amx"):
        program = str(jax.make_jaxpr(work)(*CELLS[0].problem(shape)))
    assert ("lstm_forward_split" in program, "lstm_backward_split" in program) == (split, split)


@every_cell
def test_the_inputs_gradient_is_made_only_when_it_is_wanted(forms, cell: Cell) -> None:
    x, state, weights = cell.problem((2, 3, 7, 4))

    def loss(weights: Any, x: Array) -> Array:
        return jnp.sum(cell.kernel(x, state, weights)[0])

    def made(wanted: int | tuple[int, int]) -> list[tuple[int, ...]]:
        """The shapes that the library is asked for on the way back."""
        program = jax.make_jaxpr(lambda *a: forms.native(jax.grad(loss, wanted), *a))(weights, x)
        calls = [e for e in program.eqns if f"{cell.name}_backward" in e.params.get("target_name", "")]
        return [tuple(calls[0].outvars[0].aval.shape)] if len(calls) == len(forms.libraries) else []

    assert made(0) == [(0,)]
    assert made((0, 1)) == [x.shape]


@every_cell
def test_numbers_of_another_type_run_on_jax(forms, cell: Cell) -> None:
    half = jax.tree.map(lambda a: a.astype(jnp.bfloat16), cell.problem((2, 3, 5, 4)))
    program = jax.make_jaxpr(lambda *a: forms.native(cell.kernel, *a))(*half)
    assert "lamina_" not in str(program)
