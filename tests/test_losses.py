"""Losses against torch where it is installed, and by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from lamina import losses
from lamina.errors import OptionError

NUMBERS = {
    name: jnp.float32(value)
    for name, value in {"label_smoothing": 0.0, "delta": 1.0, "quantile": 0.3, "gamma": 2.0}.items()
}


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(7, 4)).astype(np.float32), rng.integers(0, 4, 7).astype(np.int32)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_equals_torch(answers: tuple[np.ndarray, np.ndarray], smoothing: float) -> None:
    torch = pytest.importorskip("torch")
    outputs, targets = answers
    ours = losses.softmax_cross_entropy(
        jnp.asarray(outputs), jnp.asarray(targets), {"label_smoothing": jnp.float32(smoothing)}
    )
    theirs = torch.nn.functional.cross_entropy(
        torch.tensor(outputs), torch.tensor(targets).long(), label_smoothing=smoothing, reduction="none"
    )
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-5, atol=1e-6)


def test_sigmoid_cross_entropy_equals_torch(answers: tuple[np.ndarray, np.ndarray]) -> None:
    torch = pytest.importorskip("torch")
    outputs, targets = answers
    ours = losses.sigmoid_cross_entropy(jnp.asarray(outputs), jnp.asarray(targets), NUMBERS)
    wanted = torch.nn.functional.one_hot(torch.tensor(targets).long(), 4).float()
    theirs = torch.nn.functional.binary_cross_entropy_with_logits(torch.tensor(outputs), wanted, reduction="none").sum(
        1
    )
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "theirs"), [("huber", "huber_loss"), ("absolute", "l1_loss"), ("squared", "mse_loss")]
)
def test_regression_losses_equal_torch(name: str, theirs: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    outputs, targets = rng.normal(size=(9, 1)).astype(np.float32) * 3, rng.normal(size=9).astype(np.float32)
    ours = losses.LOSSES[name][1](jnp.asarray(outputs), jnp.asarray(targets), NUMBERS)
    reference = getattr(torch.nn.functional, theirs)(
        torch.tensor(outputs[:, 0]), torch.tensor(targets), reduction="none"
    )
    np.testing.assert_allclose(ours, reference.numpy(), rtol=1e-5, atol=1e-6)


def test_focal_by_hand_and_without_nan() -> None:
    logits = jnp.array([[jnp.log(3.0), 0.0]])  # probabilities 3/4 and 1/4
    loss = losses.focal(logits, jnp.array([0]), {"gamma": jnp.float32(2.0)})
    np.testing.assert_allclose(loss, [-(0.25**2) * np.log(0.75)], rtol=1e-5)
    gradient = jax.grad(lambda x: losses.focal(x, jnp.array([0]), {"gamma": jnp.float32(0.5)}).sum())(
        jnp.array([[200.0, 0.0]])
    )
    assert np.isfinite(gradient).all()


def test_focal_with_gamma_zero_is_cross_entropy(answers: tuple[np.ndarray, np.ndarray]) -> None:
    outputs, targets = map(jnp.asarray, answers)
    plain = losses.softmax_cross_entropy(outputs, targets, NUMBERS)
    np.testing.assert_allclose(losses.focal(outputs, targets, {"gamma": jnp.float32(0)}), plain, rtol=1e-5)


def test_the_best_constant_of_the_quantile_loss_is_the_quantile() -> None:
    targets = jnp.asarray(np.random.default_rng(2).normal(size=2000).astype(np.float32))
    grid = jnp.linspace(-2, 2, 401)
    cost = jax.vmap(lambda c: losses.quantile(jnp.full((2000, 1), c), targets, NUMBERS).mean())(grid)
    np.testing.assert_allclose(grid[cost.argmin()], np.quantile(targets, 0.3), atol=0.02)


@pytest.mark.parametrize("name", list(losses.LOSSES))
def test_gradients_against_finite_differences(name: str) -> None:
    task, loss = losses.LOSSES[name]
    rng = np.random.default_rng(3)
    outputs = jnp.asarray(rng.normal(size=(5, 3 if task == "classification" else 1)).astype(np.float32))
    targets = jnp.asarray(rng.integers(0, 3, 5) if task == "classification" else rng.normal(size=5).astype(np.float32))
    check_grads(lambda x: loss(x, targets, NUMBERS).sum(), (outputs,), order=1, modes=["rev"], atol=1e-2, rtol=1e-2)


def test_rows_of_zero_weight_change_nothing(answers: tuple[np.ndarray, np.ndarray]) -> None:
    outputs, targets = map(jnp.asarray, answers)
    each = losses.softmax_cross_entropy(outputs, targets, NUMBERS)
    weights = jnp.array([1.0, 1, 1, 1, 0, 0, 0])
    assert float(losses.mean(each, weights)) == pytest.approx(float(each[:4].mean()), rel=1e-6)
    assert float(losses.mean(each, jnp.zeros(7))) == 0.0


def test_probabilities_sum_to_one(answers: tuple[np.ndarray, np.ndarray]) -> None:
    for kind in ("cross entropy", "sigmoid cross entropy", "focal"):
        np.testing.assert_allclose(losses.probabilities(jnp.asarray(answers[0]), kind).sum(1), 1, rtol=1e-5)


def test_a_loss_that_does_not_fit_is_refused() -> None:
    with pytest.raises(OptionError, match="no loss 'squared' for classification"):
        losses.loss("squared", "classification")
