"""Small random changes of training sounds that leave what they say unchanged; padding stays behind their end."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lamina.data.examples import SILENCE
from lamina.kernels.random_bits import random_bits

SHIFT = 0.1  # of the window later, of the sound earlier
STRETCH = 0.15  # faster or slower
NOISE = (15.0, 40.0)  # decibels below the sound; white noise 15 below speech is a loud fan


def shift(sound: jax.Array, key: jax.Array) -> jax.Array:
    """A sound [samples] that begins up to a tenth of the window later, behind zeros, or without up to its first tenth.

    What moves out of the window is lost.
    """
    size = sound.shape[0]
    later, earlier = max(1, round(SHIFT * size)), (SHIFT * _length(sound).astype(jnp.float32)).astype(jnp.int32)
    return moved(sound, jax.random.randint(key, (), -earlier, later + 1))


def moved(sound: jax.Array, by: jax.Array | int) -> jax.Array:
    """A sound so many samples later, or earlier where that is negative.

    >>> moved(jnp.array([1.0, 2.0, SILENCE]), 1).tolist(), moved(jnp.array([1.0, 2.0, SILENCE]), -1).tolist()
    ([0.0, 1.0, 2.0], [2.0, -32768.0, -32768.0])
    """
    size = sound.shape[0]
    source = jnp.arange(size) - by
    found = jnp.where(source < size, sound[jnp.clip(source, 0, size - 1)], SILENCE)
    return jnp.where(source < 0, 0, found)


def stretch(sound: jax.Array, key: jax.Array) -> jax.Array:
    """A sound played up to 15 % faster, and higher, or slower, and lower."""
    return played(sound, jax.random.uniform(key, minval=1 - STRETCH, maxval=1 + STRETCH))


def played(sound: jax.Array, speed: jax.Array | float) -> jax.Array:
    """A sound at another speed, linear between samples. What gets longer than the window is lost.

    >>> played(jnp.array([1.0, 2.0, SILENCE]), 0.5).tolist(), played(jnp.array([1.0, 2.0, 3.0]), 2.0).tolist()
    ([1.0, 1.5, 2.0], [1.0, 3.0, -32768.0])
    """
    last = _length(sound) - 1
    place = jnp.arange(sound.shape[0], dtype=jnp.float32) * speed
    before = jnp.clip(place.astype(jnp.int32), 0, last)
    after = jnp.minimum(before + 1, last)
    between = place - before.astype(jnp.float32)
    heard = sound[before] * (1 - between) + sound[after] * between
    return jnp.where(place <= last.astype(jnp.float32), heard, SILENCE)


def noise(sound: jax.Array, key: jax.Array) -> jax.Array:
    """A sound in white noise, 15 to 40 decibels below it."""
    there = sound != SILENCE
    power = jnp.mean(jnp.square(sound), where=there)
    loud, grains = jax.random.split(key)
    below = jax.random.uniform(loud, minval=NOISE[0], maxval=NOISE[1])
    heard = sound + _normal(grains, sound.shape[0]) * jnp.sqrt(power) * 10 ** (-below / 20)
    return jnp.where(there, jnp.clip(heard, -32767, 32767), sound)


def _normal(key: jax.Array, count: int) -> jax.Array:
    """About normal numbers: the sum of the four bytes of a random word, of mean 0 and deviation 1."""
    bits = random_bits(key, (count,))
    total = sum((bits >> shift) & 255 for shift in (0, 8, 16, 24))
    return (jnp.asarray(total).astype(jnp.float32) - 510) / (65535 / 3) ** 0.5


def _length(sound: jax.Array) -> jax.Array:
    return jnp.sum(sound != SILENCE, dtype=jnp.int32)
