"""Augmentation: small random changes of training examples that leave what they show unchanged, inside the compiled
step. Images here, sounds in sound_augment.py.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

from lamina.training import sound_augment

SHIFT, TURN, HOLE = 0.1, 15.0, 0.25  # a tenth of the side, 15 degrees, a quarter of the side


def augment(examples: jax.Array, key: jax.Array, kinds: tuple[str, ...]) -> jax.Array:
    """A batch of images or of sounds, as float32, each changed by each of the ``kinds`` with its own draw.

    Images [batch, height, width, channels] of 0 to 255: ``shift`` by up to a tenth of the side each way, the edge
    repeated; ``flip`` left to right, every other time; ``rotate`` by up to 15 degrees; ``cutout``: a grey square of a
    quarter of the side (DeVries and Taylor 2017, arXiv 1708.04552). Sounds [batch, samples] of 16 bits, SILENCE behind
    their ends: ``shift`` by up to a tenth of the window; ``stretch``: up to 15 % faster or slower; ``noise``, 15 to 40
    decibels below the sound. Masks of spectrograms are a layer, SpecAugment.

    >>> import jax, numpy as np
    >>> augment(np.full((2, 8, 8, 1), 7, np.uint8), jax.random.key(0), ("shift", "flip")).max()
    Array(7., dtype=float32)
    """
    changed = examples.astype(jnp.float32)
    changes = SOUND_CHANGES if examples.ndim == 2 else IMAGE_CHANGES
    for place, kind in enumerate(kinds):
        keys = jax.random.split(jax.random.fold_in(key, place), examples.shape[0])
        changed = jax.vmap(changes[kind])(changed, keys)
    return changed


def shift(image: jax.Array, key: jax.Array) -> jax.Array:
    """An image moved by whole pixels, at least one either way."""
    height, width, _ = image.shape
    reach = jnp.array([max(1, round(SHIFT * height)), max(1, round(SHIFT * width))])
    by = jax.random.randint(key, (2,), -reach, reach + 1)
    rows = jnp.clip(jnp.arange(height) + by[0], 0, height - 1)
    columns = jnp.clip(jnp.arange(width) + by[1], 0, width - 1)
    return image[rows][:, columns]


def flip(image: jax.Array, key: jax.Array) -> jax.Array:
    """An image or its mirror image."""
    return jnp.where(jax.random.bernoulli(key), image[:, ::-1], image)


def rotate(image: jax.Array, key: jax.Array) -> jax.Array:
    """An image turned about its centre, bilinear between pixels, the edge repeated."""
    height, width, channels = image.shape
    angle = jax.random.uniform(key, minval=-TURN, maxval=TURN) * (jnp.pi / 180)
    y, x = jnp.meshgrid(jnp.arange(height) - (height - 1) / 2, jnp.arange(width) - (width - 1) / 2, indexing="ij")
    rows = jnp.cos(angle) * y - jnp.sin(angle) * x + (height - 1) / 2
    columns = jnp.sin(angle) * y + jnp.cos(angle) * x + (width - 1) / 2
    turned = [map_coordinates(image[..., c], [rows, columns], order=1, mode="nearest") for c in range(channels)]
    return jnp.stack(turned, axis=-1)


def cutout(image: jax.Array, key: jax.Array) -> jax.Array:
    """An image with a square of mid-grey somewhere on it."""
    height, width, _ = image.shape
    half = max(1, round(HOLE * min(height, width))) / 2
    centre = jax.random.uniform(key, (2,)) * jnp.array([height, width])
    rows = jnp.abs(jnp.arange(height) + 0.5 - centre[0]) <= half
    columns = jnp.abs(jnp.arange(width) + 0.5 - centre[1]) <= half
    return jnp.where((rows[:, None] & columns[None, :])[..., None], 127.5, image)


IMAGE_CHANGES = {"shift": shift, "flip": flip, "rotate": rotate, "cutout": cutout}
SOUND_CHANGES = {"shift": sound_augment.shift, "stretch": sound_augment.stretch, "noise": sound_augment.noise}
