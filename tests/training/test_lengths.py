"""Batches cut to the lengths of their examples: what is trained is the same, and rows of alike lengths go together."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.data.examples import SILENCE
from lamina.network import complete
from lamina.network.notation import parse
from lamina.training import lengths
from lamina.training.plan import Plan
from lamina.training.population import gather, populate
from lamina.training.recipe import Member, Program, Recipe

ROWS, STEPS = 60, 24


def series(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(size=(ROWS, STEPS, 2)).astype(np.float32)
    for row, length in enumerate(rng.integers(3, STEPS + 1, ROWS)):
        x[row, length if row % 3 else 5 :] = np.nan
    return x, rng.integers(0, 3, ROWS).astype(np.int32)


def test_the_lengths_of_series_and_sounds() -> None:
    sounds = np.array([[1, 2, SILENCE], [SILENCE] * 3, [SILENCE, 5, 7]], np.int16)
    assert lengths.lengths_of(sounds).tolist() == [2, 0, 3]
    assert lengths.lengths_of(np.array([[[1.0, 2]], [[np.nan, np.nan]]])).tolist() == [1, 0]


@pytest.mark.parametrize(
    "text",
    [
        "conv 4, pool",
        pytest.param("conv 4 linear nobias, batchnorm, relu, lstm 3", marks=pytest.mark.slow),
        pytest.param("gru 4 bidirectional, last", marks=pytest.mark.slow),
    ],
)
def test_cutting_batches_changes_nothing(text: str) -> None:
    x, targets = series(np.random.default_rng(0))
    network = complete(parse(text), (STEPS, 2), 3, kind="series")
    held, train = np.arange(16), np.arange(16, ROWS)

    def trained(*cuts: int) -> tuple[np.ndarray, list[float]]:
        population = populate(
            network,
            Program("cross entropy", batch_size=8, lengths=cuts),
            [Member(Recipe(learning_rate=0.01, epochs=2, seed=seed)) for seed in (0, 1)],
            task="classification",
            data=gather([x], targets, train=[train], validation=[held]),
            rows=[train],
            plan=Plan("cpu", 1, "map", 6, 1, 2),
        )
        found = population.advance()
        return population.parameters, found["validation_loss"].ravel().tolist()

    parameters, losses = trained(5, 11, STEPS)
    whole, same = trained(STEPS)
    np.testing.assert_allclose(parameters, whole, rtol=2e-4, atol=2e-5)
    assert losses == pytest.approx(same, rel=1e-4)


def test_a_batch_takes_the_branch_of_its_longest_row() -> None:
    x = jnp.full((3, 8, 1), jnp.nan).at[0, :2].set(1.0).at[1, :5].set(1.0).at[2].set(1.0)
    seen = jax.jit(lambda present: lengths.cut_to((2, 5, 8), x, present, lambda cut: jnp.float32(cut.shape[1])))
    for present, expected in (([1, 0, 0], 2), ([1, 1, 0], 5), ([0, 1, 0], 5), ([1, 0, 1], 8), ([0, 0, 0], 2)):
        assert float(seen(jnp.array(present, jnp.float32))) == expected


@given(st.integers(1, 200), st.integers(1, 20), st.integers(0, 5))
def test_rows_of_alike_lengths_go_together_and_none_is_lost(count: int, batch: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    known = rng.integers(1, 100, count)
    rows = rng.permutation(count)
    ordered = lengths.together(rows, known, batch, rng)
    assert sorted(ordered.tolist()) == list(range(count))
    whole = count // batch * batch
    if count <= batch * lengths.WINDOW and whole:
        spans = known[ordered[:whole]].reshape(-1, batch)
        # No two batches overlap by more than an end: each is a stretch of the rows in order of length.
        ends = sorted((of.min(), of.max()) for of in spans)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(ends))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.integers(0, 20))
def test_cuts_hold_every_row_and_end_with_the_whole(known: list[int], more: int) -> None:
    whole = max(*known, 1) + more
    found = lengths.cuts(np.array(known), whole)
    assert list(found) == sorted(set(found))
    assert not found or (found[-1] == whole and found[0] > 0)
