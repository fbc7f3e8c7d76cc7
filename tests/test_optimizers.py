"""Optimizers step by step against torch's, schedules by hand."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lamina import optimizers
from lamina.errors import OptionError
from lamina.training.recipe import Recipe
from lamina.training.vector import Layout

TREE = (lambda vector: {"all": vector}, lambda tree: tree["all"])


def numbers(**changes: Any) -> dict[str, jax.Array]:
    return {k: jnp.asarray(v) for k, v in Recipe(**changes).numbers().items()} | {"total_steps": jnp.float32(10)}


def trained(
    kind: str, start: np.ndarray, gradients: np.ndarray, *, decays: np.ndarray | None = None, **changes: Any
) -> np.ndarray:
    decays_ = jnp.ones(len(start)) if decays is None else jnp.asarray(decays)
    optimizer = optimizers.optimizer(kind, "constant", numbers(**changes), decays=decays_, tree=TREE)
    parameters = jnp.asarray(start)
    state = optimizer.init(parameters)
    for gradient in gradients:
        updates, state = optimizer.update(jnp.asarray(gradient), state, parameters)
        parameters = optax.apply_updates(parameters, updates)
    return np.asarray(parameters)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "theirs", "ours"),
    [
        ("adam", lambda t, p: t.optim.Adam(p, lr=0.01), {}),
        ("adamw", lambda t, p: t.optim.AdamW(p, lr=0.01, weight_decay=0.1), {"weight_decay": 0.1}),
        ("sgd", lambda t, p: t.optim.SGD(p, lr=0.01, momentum=0.9), {}),
        ("nesterov", lambda t, p: t.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True), {}),
        ("sgd", lambda t, p: t.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=0.2), {"l2": 0.2}),
    ],
)
def test_five_steps_equal_torch(kind: str, theirs: Any, ours: dict[str, float]) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=6).astype(np.float32), rng.normal(size=(5, 6)).astype(np.float32)
    parameter = torch.nn.Parameter(torch.tensor(start))
    optimizer = theirs(torch, [parameter])
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
    mine = trained(kind, start, gradients, learning_rate=0.01, **ours)
    np.testing.assert_allclose(mine, parameter.detach().numpy(), rtol=2e-5, atol=1e-6)


def test_lion_by_hand() -> None:
    # Chen et al. 2023, algorithm 2: the first step moves by the sign of the gradient times the rate.
    np.testing.assert_allclose(
        trained("lion", np.zeros(3, np.float32), np.array([[2.0, -0.5, 0.0]], np.float32), learning_rate=0.1),
        [-0.1, 0.1, 0],
    )


def test_rmsprop_by_hand() -> None:
    # Decay 0.9: after one step the running square is 0.1 g^2, so the step is rate / sqrt(0.1).
    got = trained("rmsprop", np.zeros(1, np.float32), np.array([[3.0]], np.float32), learning_rate=0.1)
    np.testing.assert_allclose(got, [-0.1 / np.sqrt(0.1)], rtol=1e-4)


@pytest.mark.slow
def test_muon_makes_a_matrix_step_near_orthogonal_and_leaves_vectors_to_adam() -> None:
    layout = Layout(("0.dense.weight", "0.dense.bias"), ((6, 4), (4,)))
    rng = np.random.default_rng(1)
    gradient = jnp.asarray(rng.normal(size=28).astype(np.float32))
    tree = (layout.unpack, layout.pack)
    optimizer = optimizers.optimizer("muon", "constant", numbers(learning_rate=0.1), decays=layout.decays(), tree=tree)
    start = jnp.zeros(28)
    updates, _ = optimizer.update(gradient, optimizer.init(start), start)
    step = layout.unpack(np.asarray(updates))
    singular = np.linalg.svd(step["0.dense.weight"], compute_uv=False)
    assert singular.max() / singular.min() < 2  # the gradient's own ratio is larger
    # Adam's first step (with Nesterov's look ahead, as muon has it) is equally long on every entry, whatever its
    # gradient.
    np.testing.assert_allclose(np.abs(step["0.dense.bias"]), 0.1 * (1 + 0.9 / 1.9), rtol=1e-3)
    assert (np.vdot(updates, gradient)) < 0


def test_decay_spares_biases() -> None:
    still = np.zeros((3, 2), np.float32)
    got = trained(
        "adamw", np.ones(2, np.float32), still, decays=np.array([1.0, 0.0]), learning_rate=0.1, weight_decay=0.5
    )
    np.testing.assert_allclose(got, [0.95**3, 1.0], rtol=1e-5)


def test_l1_is_its_sign() -> None:
    got = trained("sgd", np.array([2.0, -2.0], np.float32), np.zeros((1, 2), np.float32), learning_rate=0.1, l1=0.5)
    np.testing.assert_allclose(got, [1.95, -1.95], rtol=1e-6)


def test_clipping_shortens_long_gradients_only() -> None:
    for gradient, expected in (([3.0, 4.0], [-0.6, -0.8]), ([0.3, 0.4], [-0.3, -0.4])):
        got = trained(
            "sgd",
            np.zeros(2, np.float32),
            np.array([gradient], np.float32),
            learning_rate=1.0,
            momentum=0.0,
            clip_norm=1.0,
        )
        np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [1, 1, 1, 1]),
        ("cosine", [1, 0.5, 0.1464466, 0]),
        ("warmup cosine", [0, *[(1 + np.cos(np.pi * (done - 0.1) / 0.9)) / 2 for done in (0.5, 0.75)], 0]),
        ("one cycle", [0.04, 0.8117662, 0.2832233, 0.0001]),
        ("step", [1, 0.1, 0.01, 0.01]),
    ],
)
def test_schedules_at_0_50_75_and_100_per_cent(schedule: str, expected: list[float]) -> None:
    of = numbers(learning_rate=1.0, warmup=0.1)
    got = [float(optimizers.SCHEDULES[schedule](jnp.float32(done), of)) for done in (0, 0.5, 0.75, 1)]
    np.testing.assert_allclose(got, expected, atol=2e-3)


def test_the_rate_is_the_peak_times_the_schedule() -> None:
    assert float(optimizers.learning_rate("cosine", numbers(learning_rate=0.2), jnp.int32(5))) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("kind", "schedule", "what"), [("adaam", "cosine", "optimizer"), ("adam", "cosin", "schedule")]
)
def test_unknown_names_are_refused(kind: str, schedule: str, what: str) -> None:
    with pytest.raises(OptionError, match=f"no {what}"):
        optimizers.check(kind, schedule)
