"""Orthogonal weights against NumPy's decomposition, and without LAPACK's threads."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina.network import LSTM, Dense, Sequential, build
from lamina.network.initialisers import _orthonormal


@pytest.mark.parametrize("shape", [(1, 1), (9, 4), (40, 40), (4, 33, 17)], ids=str)
def test_the_basis_is_that_of_the_decomposition_with_a_positive_diagonal(shape: tuple[int, ...]) -> None:
    normal = np.random.default_rng(0).normal(size=shape)
    q, r = np.linalg.qr(normal)
    expected = q * np.where(np.diagonal(r, axis1=-2, axis2=-1) < 0, -1, 1)[..., None, :]
    found = jax.jit(_orthonormal)(jnp.asarray(normal, jnp.float32))
    np.testing.assert_allclose(found, expected, atol=2e-5)
    np.testing.assert_allclose(
        found.mT @ found, np.broadcast_to(np.eye(shape[-1]), (*found.mT.shape[:-1], shape[-1])), atol=2e-6
    )


def test_columns_that_are_almost_alike_come_out_orthogonal() -> None:
    """Once over would leave them far from it."""
    rng = np.random.default_rng(0)
    alike = rng.normal(size=(30, 1)) + 1e-4 * rng.normal(size=(30, 5))
    found = _orthonormal(jnp.asarray(alike, jnp.float32))
    np.testing.assert_allclose(found.T @ found, np.eye(5), atol=1e-5)


def test_nothing_waits_for_the_threads_of_another_decomposition() -> None:
    """Two of jaxlib's LAPACK decompositions at once on two threads waited for each other for ever."""
    network = Sequential([LSTM(4, bidirectional=True), LSTM(4, bidirectional=True), Dense(3, initialiser="orthogonal")])
    built = jax.jit(lambda key: build(network, (5, 2), key)).lower(jax.random.key(0)).compile()
    assert 'custom_call_target="lapack' not in built.as_text()
