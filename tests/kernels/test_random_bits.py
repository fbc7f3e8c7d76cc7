"""Random bits: even, independent, and a function of key and place alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from lamina.kernels.random_bits import mixed, random_bits

COUNT = 1 << 16


def unit(seed: int, step: int = 0) -> np.ndarray:
    key = jax.random.fold_in(jax.random.key(seed), step)
    return np.asarray(random_bits(key, (COUNT,))).astype(np.float64) / 2**32


def test_even_over_the_range() -> None:
    for seed in range(5):
        counts = np.histogram(unit(seed), bins=64, range=(0, 1))[0]
        chi = ((counts - COUNT / 64) ** 2 / (COUNT / 64)).sum()
        assert 25 < chi < 120  # 63 degrees of freedom: mean 63, deviation 11


def test_every_bit_is_a_fair_coin() -> None:
    bits = np.asarray(random_bits(jax.random.key(3), (COUNT,)))
    shares = [(bits >> bit & 1).mean() for bit in range(32)]
    np.testing.assert_allclose(shares, 0.5, atol=5 * 0.5 / np.sqrt(COUNT))


def test_neighbours_steps_and_seeds_are_uncorrelated() -> None:
    limit = 5 / np.sqrt(COUNT)
    for other in (np.roll(unit(0), 1), np.roll(unit(0), 128), unit(0, 1), unit(1)):
        assert abs(np.corrcoef(unit(0), other)[0, 1]) < limit


def test_one_bit_of_the_key_moves_half_of_the_output() -> None:
    words = jnp.arange(4096, dtype=jnp.uint32)
    for bit in (0, 7, 31):
        changed = np.asarray(mixed(words) ^ mixed(words ^ jnp.uint32(1 << bit)))
        assert 14 < np.unpackbits(changed.view(np.uint8)).sum() / 4096 < 18


def test_the_same_under_jit_map_and_vmap() -> None:
    keys = jax.random.split(jax.random.key(0), 3)
    each = np.stack([np.asarray(random_bits(key, (4, 5))) for key in keys])
    np.testing.assert_array_equal(jax.vmap(lambda k: random_bits(k, (4, 5)))(keys), each)
    np.testing.assert_array_equal(jax.lax.map(lambda k: random_bits(k, (4, 5)), keys), each)
