"""Programs in bfloat16: what is refused, what is said, and a population that trains so while all else is float32."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest

from lamina.answer import precision_notes
from lamina.errors import OptionError
from lamina.kernels import native, precision
from lamina.network import Context, Conv, Dense, MaxPool, Sequential, apply, complete, skeleton, with_leaves
from lamina.training.plan import Plan
from lamina.training.population import Population, gather, populate
from lamina.training.recipe import Member, Program, Recipe, products
from lamina.training.vector import Layout

ROWS = 48
PLAN = Plan("cpu", 1, "map", 3, 1, 2)  # two whole epochs a chunk
HALF = Program("cross entropy", batch_size=16, precision="bfloat16")
NETWORK = complete(Sequential((Conv(4), MaxPool(), Dense(8))), (8, 8, 1), 2, kind="image")
FEW = Recipe(learning_rate=0.01, epochs=2)


def pictures() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (ROWS, 8, 8, 1), dtype=np.uint8)
    return x, (x.mean(axis=(1, 2, 3)) > 127).astype(np.int32)


def trained(program: Program, *recipes: Recipe) -> Population:
    x, targets = pictures()
    train, held = [np.arange(12, ROWS)], [np.arange(12)]
    state = {"0.image.mean": np.full((1, 1), 127.0, np.float32), "0.image.deviation": np.full((1, 1), 74.0, np.float32)}
    data = gather([x], targets, train=train, validation=held, state=state)
    members = [Member(recipe) for recipe in recipes or (FEW,)]
    population = populate(NETWORK, program, members, task="classification", data=data, rows=train, plan=PLAN)
    while population.running:
        population.advance()
    return population


def test_a_precision_that_is_none_is_refused() -> None:
    with pytest.raises(OptionError, match=r"precision is float16[^$]*float32 or bfloat16"):
        Program("cross entropy", precision="float16")


def test_what_products_were_made_of_is_said() -> None:
    assert products({}) == products({"precision": "float32"}) == "float32"
    assert products(dataclasses.asdict(HALF)).startswith("bfloat16 in training, with sums in float32")


@pytest.mark.slow
def test_training_in_bfloat16_is_near_to_float32_and_not_the_same() -> None:
    plain, half = trained(dataclasses.replace(HALF, precision="float32")), trained(HALF)
    ours, theirs = (np.asarray(of.moving.parameters) for of in (half, plain))
    assert ours.dtype == np.float32
    assert not np.array_equal(ours, theirs)
    np.testing.assert_allclose(ours, theirs, atol=0.02)
    # Weights keep more than bfloat16 could hold.
    assert (ours.view(np.uint32) & 0xFFFF).any()


def test_measurements_and_answers_are_in_float32() -> None:
    moving = trained(HALF).moving
    x, targets = pictures()
    template = skeleton(NETWORK, (8, 8, 1))
    parameters = Layout.of(template).unpack(moving.best_parameters[0])
    state = {path: leaf[0] for path, leaf in moving.best_state.items()}
    outputs, _ = apply(with_leaves(template, {**parameters, **state}), x[:12], Context(training=False))
    answers = np.asarray(jax.nn.softmax(outputs))
    loss = -np.log(answers[np.arange(12), targets[:12]]).mean()
    np.testing.assert_allclose(moving.best_loss[0], loss, rtol=2e-6)


def test_other_numbers_compile_nothing_in_bfloat16() -> None:
    trained(HALF)
    found: list[str] = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, *_, **__: found.append(name) if "backend_compile" in name else None
    )
    try:
        trained(HALF, dataclasses.replace(FEW, learning_rate=0.003, weight_decay=0.1, seed=7, label_smoothing=0.1))
    finally:
        jax.monitoring.clear_event_listeners()
    assert found == []


def test_bfloat16_that_brings_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "is_faster", lambda: False)
    (note,) = precision_notes("bfloat16")
    assert "no faster here" in note.text
    assert "lamina doctor" in note.text
    assert precision_notes("float32") == ()
    monkeypatch.setattr(precision, "is_faster", lambda: True)
    assert precision_notes("bfloat16") == ()


@pytest.mark.skipif(not native.has_tiles(), reason="needs the native library for AMX")
def test_without_amx_it_trains_through_xla_to_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from lamina.training import chunk

    native_weights = np.asarray(trained(HALF).moving.parameters)
    monkeypatch.setenv("LAMINA_NATIVE", "avx512")
    chunk.compile_chunk.cache_clear()
    other = np.asarray(trained(HALF).moving.parameters)
    chunk.compile_chunk.cache_clear()
    np.testing.assert_allclose(other, native_weights, atol=0.02)
