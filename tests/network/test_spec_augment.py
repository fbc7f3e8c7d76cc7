"""SpecAugment hides spans of frames and bands in training, and nothing else."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina.errors import OptionError, ShapeError
from lamina.network import Context
from lamina.network.spec_augment import MOST, WIDEST, SpecAugment

FRAMES, BANDS = 60, 40


@functools.partial(jax.jit, static_argnames="training")
def applied(layer: SpecAugment, key: jax.Array, mask: jax.Array | None = None, *, training: bool = True) -> jax.Array:
    """What is left of ones, [64, frames, bands]."""
    context = Context(training=training, key=key, mask=mask, path="1.spec-augment")
    return layer.apply(jnp.ones((64, FRAMES, BANDS, 1)), context)[0][..., 0]


def hidden(layer: SpecAugment, seed: int = 0, mask: jax.Array | None = None) -> np.ndarray:
    return np.asarray(applied(layer, jax.random.key(seed), mask)) == 0


def spans(flags: np.ndarray) -> int:
    return int((np.diff(np.concatenate([[0], flags.astype(int)])) == 1).sum())


def test_one_mask_of_time_hides_one_span_of_whole_frames() -> None:
    found = hidden(SpecAugment(time_masks=1))
    assert (found.all(axis=2) == found.any(axis=2)).all()
    frames = found[:, :, 0]
    assert max(map(spans, frames)) == 1
    widths = frames.sum(axis=1)
    assert widths.max() == WIDEST * FRAMES
    assert widths.min() < 3
    assert frames.any(axis=0).sum() > 50  # anywhere


def test_one_mask_of_frequency_hides_one_span_of_whole_bands() -> None:
    found = hidden(SpecAugment(frequency_masks=1))
    assert (found.all(axis=1) == found.any(axis=1)).all()
    bands = found[:, 0]
    assert max(map(spans, bands)) == 1
    assert bands.sum(axis=1).max() == WIDEST * BANDS
    assert bands.any(axis=0).sum() > 30


def test_masks_of_both_kinds_lie_over_each_other() -> None:
    found = hidden(SpecAugment(2, 2))
    frames, bands = found.all(axis=2), found.all(axis=1)
    np.testing.assert_array_equal(found, frames[:, :, None] | bands[:, None])
    assert max(map(spans, frames)) == 2
    assert max(map(spans, bands)) == 2


def test_spans_lie_among_live_frames_and_never_hide_all() -> None:
    lengths = np.tile([60, 30, 7, 5, 4, 2, 1, 20], 8)
    mask = jnp.arange(FRAMES)[None] < lengths[:, None]
    for seed in range(10):
        frames = hidden(SpecAugment(time_masks=MOST), seed, mask).any(axis=2)
        assert not (frames & ~np.asarray(mask)).any()
        assert (frames.sum(axis=1) <= MOST * np.floor(WIDEST * lengths)).all()
        assert (frames.sum(axis=1) < lengths).all()


def test_outside_training_nothing_is_hidden() -> None:
    layer = SpecAugment(2, 2)
    assert (np.asarray(applied(layer, jax.random.key(0), training=False)) == 1).all()
    x = jnp.ones((1, 2, 3, 1))
    assert layer.apply(x, Context())[0] is x
    assert SpecAugment().apply(x, Context(training=True))[0] is x  # and asks for no key


@pytest.mark.slow
def test_equal_keys_hide_equal_spans_and_each_example_has_its_own() -> None:
    layer = SpecAugment(1, 1)
    np.testing.assert_array_equal(hidden(layer), hidden(layer))
    assert (hidden(layer) != hidden(layer, 1)).any()
    assert len(np.unique(hidden(layer), axis=0)) > 60
    keys = jax.random.split(jax.random.key(5), 3)
    together = jax.vmap(functools.partial(applied, layer))(keys)
    for key, found in zip(keys, together, strict=True):
        np.testing.assert_array_equal(found, applied(layer, key))


@pytest.mark.usefixtures("strict_types")
def test_types_are_kept() -> None:
    assert hidden(SpecAugment(1, 1)).any()


@pytest.mark.parametrize("wrong", [{"time_masks": -1}, {"frequency_masks": MOST + 1}, {"time_masks": 1.5}])
def test_counts_that_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(OptionError):
        SpecAugment(**wrong)


def test_a_shape_that_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"expected|frames"):
        SpecAugment(1, 1).output_shape((60, 40))
