"""A stack: trained by one native call it is what the steps of the compiled program make of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

from lamina.kernels import native
from lamina.network import complete, notation, skeleton
from lamina.training.plan import Plan
from lamina.training.population import Population, gather, populate
from lamina.training.recipe import Member, Program, Recipe
from lamina.training.stack import stack_of
from lamina.training.vector import Layout

ROWS = 70
CODES = (4, 14, 3)  # of categories: the second is embedded
NATIVE = Plan("cpu", 1, "map", 5, 1, 2)
needs_library = pytest.mark.skipif(native.status().library is None, reason=f"no library: {native.status().reason}")


def population(
    text: str, recipe: Recipe, plan: Plan, *, kind: str = "table", task: Any = "classification", waves: int = 0
) -> Population:
    rng = np.random.default_rng(0)
    if kind == "image":
        x: np.ndarray = rng.integers(0, 255, (ROWS, 5, 4, 2)).astype(np.uint8)
        network = complete(notation.parse(text), (5, 4, 2), 3, kind="image")
    else:
        codes = rng.integers(0, CODES, (ROWS, len(CODES)))
        x = np.concatenate([rng.normal(size=(ROWS, 6)), codes], axis=1).astype(np.float32)
        outputs = 3 if task == "classification" else 1
        columns = (6, CODES)
        network = complete(notation.parse(text), (9,), outputs, kind="table", columns=columns, periodic=waves)
    y = rng.integers(0, 3, ROWS).astype(np.int32) if task == "classification" else rng.normal(size=ROWS) * 3 + 1
    rows = np.arange(60)
    loss = "cross entropy" if task == "classification" else "squared"
    statistics = {"0.image.mean": np.full((1, 2), 0.4), "0.image.deviation": np.full((1, 2), 0.3)}
    state = statistics if kind == "image" else None
    weights = rng.uniform(0.5, 2, ROWS)
    data = gather([x], y, train=[rows], validation=[np.arange(60, ROWS)], weights=weights, state=state)
    members = [Member(recipe)]
    return populate(network, Program(loss, batch_size=16), members, task=task, data=data, rows=[rows], plan=plan)


def plain(plan: Plan) -> Plan:
    """The same plan on the JAX forms."""
    return dataclasses.replace(plan, forms="jax")


CASES = {
    "plain": ("dense 9", Recipe(learning_rate=0.01, epochs=4)),
    "deep": ("dense 33 tanh, dense 5 sigmoid, dense 17 silu", Recipe(learning_rate=0.01, epochs=4, weight_decay=0.1)),
    "dropout": ("dropout 0.1, dense 20 silu, dropout 0.4, dense 8", Recipe(learning_rate=0.01, epochs=4, seed=3)),
    "penalties": ("dense 20", Recipe(learning_rate=0.01, epochs=4, l1=0.01, l2=0.1, clip_norm=0.5)),
    "smoothed": ("dense 20, dropout 0.2", Recipe(learning_rate=0.02, epochs=4, label_smoothing=0.1, momentum=0.8)),
}


@needs_library
@pytest.mark.parametrize(
    ("case", "kind"),
    [
        ("plain", "table"),
        *(pytest.param(case, "table", marks=pytest.mark.slow) for case in CASES if case != "plain"),
        pytest.param("dropout", "image", marks=pytest.mark.slow),
    ],
)
def test_native_call_trains_as_the_compiled_program_does(case: str, kind: str) -> None:
    text, recipe = CASES[case]
    made, expected = (population(text, recipe, plan, kind=kind) for plan in (NATIVE, plain(NATIVE)))
    agree(made, expected)


@pytest.mark.slow
@needs_library
def test_native_call_trains_a_regression_as_the_compiled_program_does() -> None:
    recipe = Recipe(learning_rate=0.01, epochs=4, weight_decay=0.1)
    made, expected = (
        population("dense 9 silu, dropout 0.1", recipe, p, task="regression", waves=5) for p in (NATIVE, plain(NATIVE))
    )
    agree(made, expected)


def agree(made: Population, expected: Population) -> None:
    for _ in range(2):
        measures, wanted = made.advance(), expected.advance()
        for name, values in wanted.items():
            np.testing.assert_allclose(measures[name], values, rtol=2e-4, atol=2e-5, err_msg=name)
    for ours, theirs in zip(jax.tree.leaves(made.moving), jax.tree.leaves(expected.moving), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)
    # Both really went their own way.
    assert "mlp_train" in compiled_text(made)
    assert "mlp_train" not in compiled_text(expected)


def compiled_text(population: Population) -> str:
    compiled = population.compiled
    batches, ends, _ = population._next_batches(10)
    advance: Any = compiled.advance
    return advance.lower(population.moving, population.fixed, batches, population.data, ends).as_text()


@pytest.mark.parametrize(
    ("text", "loss", "optimizer"),
    [
        ("dense 8 gelu", "cross entropy", "adam"),
        ("dense 8, layernorm", "cross entropy", "adam"),
        ("dense 8", "focal", "adam"),
        ("dense 8", "cross entropy", "sgd"),
        ("dense 8, dropout 0.1, dropout 0.2", "cross entropy", "adam"),
    ],
)
def test_anything_else_is_no_stack(text: str, loss: str, optimizer: str) -> None:
    network = skeleton(complete(notation.parse(text), (7,), 3, kind="table", columns=(7, ())), (7,))
    assert stack_of(network, (7,), Layout.of(network), Program(loss, optimizer=optimizer)) is None


def test_a_table_is_the_input_of_a_stack() -> None:
    """Indicators stand before embeddings, whatever the order of their columns."""
    network = complete(notation.parse("dense 8"), (9,), 3, kind="table", columns=(6, CODES), periodic=4)
    network = skeleton(network, (9,))
    layout = Layout.of(network)
    stack = stack_of(network, (9,), layout, Program("cross entropy"))
    assert stack is not None
    table = stack.chain.table
    assert table is not None
    assert [layout.slice(f"0.table.waves.{name}").start for name in ("waves", "phases", "weight", "bias")] == [
        table.waves,
        table.phases,
        table.weight,
        table.bias,
    ]
    vectors = layout.slice("0.table.0.embedding.vectors").start
    assert table.categories == ((4, 3, 24, -1), (14, 7, 29, vectors), (3, 2, 27, -1))
    assert stack.chain.sizes[0] == 24 + 3 + 2 + 7


@pytest.mark.slow
@needs_library
def test_threads_leave_every_bit_as_it_is() -> None:
    def trained(threads: int) -> np.ndarray:
        plan = dataclasses.replace(NATIVE, threads=threads)
        made = population("dense 300, dropout 0.2, dense 200", Recipe(epochs=2), plan)
        made.advance()
        return np.asarray(made.moving.parameters)

    one, *more = (trained(threads) for threads in (1, 2, 4))
    for other in more:
        np.testing.assert_array_equal(one, other)
