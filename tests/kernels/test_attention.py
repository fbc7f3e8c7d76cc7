"""Attention against torch's, where every step is seen, some, or none."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from lamina.errors import ShapeError
from lamina.kernels.attention import attention

SHAPE = (4, 2, 6, 3)
LENGTHS = np.array([6, 2, 0, 1])
MASK = jnp.asarray(np.arange(6) < LENGTHS[:, None])


def drawn(seed: int) -> Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=SHAPE), jnp.float32)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "some"])
def test_values_and_gradients_are_those_of_torch(mask: Array | None, causal: bool) -> None:
    torch = pytest.importorskip("torch")
    three = [drawn(seed) for seed in range(3)]
    given = [torch.tensor(np.array(a), requires_grad=True) for a in three]
    seen = np.broadcast_to(np.tri(6, dtype=bool) if causal else True, (4, 1, 6, 6))
    seen = torch.tensor(seen if mask is None else seen & np.asarray(mask)[:, None, None])
    theirs = torch.nn.functional.scaled_dot_product_attention(*given, attn_mask=seen)
    theirs = torch.where(seen.any(-1, keepdim=True), theirs, 0.0)
    theirs.sin().sum().backward()

    def outcome(*three: Array) -> tuple[Array, Array]:
        y = attention(*three, mask, causal=causal)
        return jnp.sum(jnp.sin(y)), y

    slopes, y = jax.jit(jax.grad(outcome, (0, 1, 2), has_aux=True))(*three)
    np.testing.assert_allclose(y, theirs.detach(), atol=1e-5)
    for ours, reference in zip(slopes, given, strict=True):
        # Where nothing is seen torch's gradient may be NaN.
        np.testing.assert_allclose(ours, np.nan_to_num(reference.grad.numpy()), atol=1e-5)


@pytest.mark.slow
def test_who_sees_nobody_gets_zeros_and_has_no_gradient() -> None:
    nobody = jnp.zeros((4, 6), bool)
    y, back = jax.vjp(lambda *three: attention(*three, nobody), *(1e4 * drawn(seed) for seed in range(3)))
    for array in (y, *back(jnp.ones(SHAPE))):
        np.testing.assert_array_equal(array, np.zeros(SHAPE))


def test_what_does_not_fit_is_refused() -> None:
    q, k, v = (drawn(seed) for seed in range(3))
    for operands, words in (
        ((q[0], k[0], v[0]), r"was given \[2, 6, 3\]"),
        ((q, k[:, :, 1:], v), "was given"),
        ((q, k, v, MASK[:, 1:]), "the mask is bool"),
        ((q, k, v, MASK.astype(jnp.float32)), "the mask is float32"),
    ):
        with pytest.raises(ShapeError, match=words):
            attention(*operands)


def test_numbers_of_one_type_stay_of_that_type(strict_types: None) -> None:
    half = (jax.ShapeDtypeStruct(SHAPE, jnp.bfloat16),) * 3
    assert jax.eval_shape(lambda *a: attention(*a, MASK, causal=True), *half).dtype == jnp.bfloat16
