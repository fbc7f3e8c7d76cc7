"""Augmentation of sounds: what moves, what is stretched, and that padding stays behind the end."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina.data.examples import SILENCE
from lamina.training.augment import SOUND_CHANGES, augment
from lamina.training.sound_augment import NOISE, moved, played

KINDS = tuple(SOUND_CHANGES)
augmented = jax.jit(augment, static_argnums=2)


def sounds(count: int = 40, samples: int = 500, seed: int = 0) -> np.ndarray:
    """Noise of unequal lengths, the first two full, the third of one sample."""
    rng = np.random.default_rng(seed)
    ends = np.concatenate([[samples, samples, 1], rng.integers(100, samples, count - 3)])
    loud = rng.integers(-3000, 3000, (count, samples))
    loud[loud == 0] = 1
    return np.where(np.arange(samples) < ends[:, None], loud, SILENCE).astype(np.int16)


def ends(x: np.ndarray) -> np.ndarray:
    return (x != SILENCE).sum(axis=1)


@pytest.mark.parametrize("kinds", [(kind,) for kind in KINDS] + [KINDS])
def test_padding_stays_behind_the_end(kinds: tuple[str, ...]) -> None:
    x = sounds()
    made = np.asarray(augmented(x, jax.random.key(1), kinds))
    assert (made.shape, made.dtype) == (x.shape, np.float32)
    there = made != SILENCE
    assert (there == (np.arange(500) < ends(made)[:, None])).all()
    assert ends(made).min() >= 1
    assert np.abs(made[there]).max() <= 32767
    assert (made[0] != x[0]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_equal_keys_make_equal_changes(kind: str) -> None:
    x = sounds()
    once = augmented(x, jax.random.key(1), (kind,))
    np.testing.assert_array_equal(once, augmented(x, jax.random.key(1), (kind,)))
    assert (np.asarray(once) != augmented(x, jax.random.key(2), (kind,))).any()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_members_side_by_side_change_as_alone(kind: str) -> None:
    x, keys = sounds(8), jax.random.split(jax.random.key(1), 3)
    together = jax.jit(jax.vmap(functools.partial(augment, kinds=(kind,)), (None, 0)))(x, keys)
    for key, made in zip(keys, together, strict=True):
        np.testing.assert_allclose(made, augmented(x, key, (kind,)), rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_each_sound_has_its_own_draw(kind: str) -> None:
    same = np.repeat(sounds(3)[:1], 20, axis=0)
    made = np.asarray(augmented(same, jax.random.key(0), (kind,)))
    assert len(np.unique(made, axis=0)) > 15


def test_a_known_shift_is_numpys() -> None:
    x = sounds()[5].astype(np.float32)
    there = ends(x[None])[0]
    for by in (0, 1, 30):
        expected = np.concatenate([np.zeros(by), x[: 500 - by]])
        np.testing.assert_array_equal(moved(jnp.asarray(x), by), expected)
        expected = np.concatenate([x[by:], np.full(by, SILENCE)])
        np.testing.assert_array_equal(moved(jnp.asarray(x), -by), expected)
        assert (expected != SILENCE).sum() == there - by


@pytest.mark.slow
def test_shifts_reach_a_tenth_of_the_window_later_and_of_the_sound_earlier() -> None:
    x = np.where(np.arange(500) < 200, 7, SILENCE)[None].repeat(4000, axis=0).astype(np.int16)
    made = np.asarray(augmented(x, jax.random.key(0), ("shift",)))
    assert sorted(set((ends(made) - 200).tolist())) == list(range(-20, 51))
    assert ((made == 7).sum(axis=1) == np.minimum(200, ends(made))).all()
    full = np.asarray(augmented(np.full((500, 500), 7, np.int16), jax.random.key(0), ("shift",)))
    assert sorted(set((full == 7).sum(axis=1).tolist())) == list(range(450, 501))


@pytest.mark.parametrize("speed", [0.85, 0.93, 1.0, 1.15, 2.0])
def test_another_speed_is_numpys_interpolation(speed: float) -> None:
    x = np.asarray(sounds()[4], np.float32)
    there = ends(x[None])[0]
    made = np.asarray(played(jnp.asarray(x), speed))
    place = np.arange(500) * np.float32(speed)
    place = place[place <= there - 1]
    np.testing.assert_allclose(made[: len(place)], np.interp(place, np.arange(there), x[:there]), atol=0.5)
    assert (made[len(place) :] == SILENCE).all()


def test_a_tone_is_stretched_by_up_to_fifteen_percent() -> None:
    x = np.where(np.arange(1200) < 1000, 1000 * np.sin(np.arange(1200) * 2 * np.pi / 50), SILENCE).astype(np.int16)
    made = np.asarray(augmented(x[None].repeat(200, axis=0), jax.random.key(3), ("stretch",)))
    lengths = ends(made)
    assert 1000 / 1.15 <= lengths.min() < 880
    assert 1165 < lengths.max() <= 1000 / 0.85 + 1
    for sound, length in zip(made[:20], lengths[:20], strict=True):
        crossings = (np.diff(np.sign(sound[:length])) > 0).sum()
        assert crossings == pytest.approx(20, abs=1)  # as many waves as before, however long they last


def test_noise_lies_so_far_below_the_sound() -> None:
    x = np.where(np.arange(3000) < 2500, 10_000 * np.sin(np.arange(3000) / 5), SILENCE).astype(np.int16)
    added = np.asarray(augmented(x[None].repeat(100, axis=0), jax.random.key(3), ("noise",)))[:, :2500] - x[:2500]
    below = 10 * np.log10(np.square(x[:2500].astype(float)).mean() / np.square(added).mean(axis=1))
    assert (below > NOISE[0] - 0.5).all()
    assert (below < NOISE[1] + 0.5).all()
    assert below.max() - below.min() > 20
    assert abs(np.corrcoef(added[0, 1:], added[0, :-1])[0, 1]) < 0.1
    assert np.abs(added.mean(axis=1) / added.std(axis=1)).max() < 0.1


def test_silence_stays_silence_in_noise() -> None:
    x = np.zeros((2, 100), np.int16)
    assert (np.asarray(augmented(x, jax.random.key(0), ("noise",))) == 0).all()
