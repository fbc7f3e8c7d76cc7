"""Augmentation keeps what it must: shapes, ranges, and each image's own draw."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from lamina.training.augment import IMAGE_CHANGES, augment


def pictures(seed: int = 0, count: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 10, 12, 3), dtype=np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("kind", IMAGE_CHANGES)
def test_shape_range_and_determinism(kind: str) -> None:
    images, key = pictures(), jax.random.key(3)
    once, twice = augment(images, key, (kind,)), augment(images, key, (kind,))
    assert once.shape == images.shape
    assert once.dtype == np.float32
    assert float(once.min()) >= 0
    assert float(once.max()) <= 255
    np.testing.assert_array_equal(once, twice)
    assert not np.array_equal(once, images)
    assert not np.array_equal(once, augment(images, jax.random.key(4), (kind,)))


def test_flip_gives_the_image_or_its_mirror() -> None:
    images = pictures()
    flipped = np.asarray(augment(images, jax.random.key(0), ("flip",)))
    mirrored = [np.array_equal(of, image[:, ::-1]) for of, image in zip(flipped, images, strict=True)]
    same = [np.array_equal(of, image) for of, image in zip(flipped, images, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 15 < sum(mirrored) < 49


def test_shift_moves_by_whole_pixels_and_repeats_the_edge() -> None:
    image = np.zeros((200, 10, 10, 1), np.uint8)
    image[:, 5, 5] = 200
    moved = np.asarray(augment(image, jax.random.key(1), ("shift",)))[..., 0]
    assert (moved.sum(axis=(1, 2)) == 200).all()
    places = {tuple(np.argwhere(of)[0] - 5) for of in moved}
    assert places == {(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)}


def test_rotate_leaves_what_is_round_alone() -> None:
    y, x = np.mgrid[-7:8, -7:8]
    disc = (200 * np.exp(-(x**2 + y**2) / 20))[None, ..., None].astype(np.uint8)
    turned = np.asarray(augment(disc, jax.random.key(5), ("rotate",)))
    np.testing.assert_allclose(turned[0, 3:-3, 3:-3], disc[0, 3:-3, 3:-3], atol=3)


def test_cutout_paints_one_grey_square() -> None:
    image = np.zeros((50, 16, 16, 2), np.uint8)
    cut = np.asarray(augment(image, jax.random.key(2), ("cutout",)))
    assert set(np.unique(cut)) == {0, 127.5}
    painted = (cut[..., 0] > 0).sum(axis=(1, 2))
    assert painted.max() <= 25
    assert painted.max() >= 16
    np.testing.assert_array_equal(cut[..., 0], cut[..., 1])


@pytest.mark.slow
def test_each_image_has_its_own_draw() -> None:
    same = np.repeat(pictures(count=1), 40, axis=0)
    assert len(np.unique(np.asarray(augment(same, jax.random.key(6), ("shift",))), axis=0)) > 3
