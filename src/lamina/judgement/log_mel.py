"""Log-mel frames of sounds, as the network's own input layer makes them, for simple models."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lamina.data.examples import SILENCE

FRAMES = 1 << 14  # at a time
CELLS = 1e8  # frames x bands of all sounds: where there are more, neighbouring frames are averaged


def log_mel_frames(sounds: np.ndarray, rate: int) -> tuple[np.ndarray, str]:
    """Of int16 sounds [n, samples] of so many samples a second: float32 [n, frames, bands], and a name for that.

    Behind a sound's end are SILENCE and NaN.

    >>> frames, said = log_mel_frames(np.array([[0] * 160 + [SILENCE] * 80], np.int16), 8000)
    >>> frames.shape, np.isnan(frames[0, :, 0]).tolist(), said
    ((1, 3, 40), [False, False, True], 'log-mel')
    """
    heard = _ear(rate)
    count, bands = heard(np.full((1, sounds.shape[1]), SILENCE, np.int16)).shape[1:]
    together = int(max(1, -(-len(sounds) * count * bands // CELLS)))
    frames = np.full((len(sounds), -(-count // together), bands), np.nan, np.float32)
    size = max(1, FRAMES // count)
    for start in range(0, len(sounds), size):
        some = sounds[start : start + size]
        whole = np.pad(some, ((0, size - len(some)), (0, 0)), constant_values=SILENCE)  # or another size is compiled
        frames[start : start + size] = averaged_frames(heard(whole)[: len(some)], together)
    return frames, "log-mel" if together == 1 else f"log-mel, {together} frames averaged"


def _ear(rate: int) -> Callable[[np.ndarray], np.ndarray]:
    """Sounds [n, samples] -> frames [n, frames, bands], NaN behind the end."""
    import jax
    import jax.numpy as jnp

    from lamina.network.sound_input import SoundInput

    layer = SoundInput(rate)

    @jax.jit
    def frames(sounds: jax.Array) -> jax.Array:
        return jnp.where(layer.alive(None, sounds)[:, :, None], layer.log_mel(sounds), jnp.nan)

    return lambda sounds: np.asarray(frames(jnp.asarray(sounds)))


def averaged_frames(frames: np.ndarray, together: int) -> np.ndarray:
    """So many neighbouring frames of [n, frames, bands] as their mean, of those that are there.

    >>> averaged_frames(np.array([[[1.0], [3.0], [5.0], [np.nan], [np.nan]]]), 2).ravel().tolist()
    [2.0, 5.0, nan]
    """
    if together == 1:
        return frames
    n, count, bands = frames.shape
    whole = np.pad(frames, ((0, 0), (0, -count % together), (0, 0)), constant_values=np.nan)
    groups = whole.reshape(n, -1, together, bands)
    live = ~np.isnan(groups)
    there = live.sum(axis=2)
    sums = np.where(live, groups, 0.0).sum(axis=2)
    return np.where(there > 0, sums / np.maximum(there, 1), np.nan).astype(frames.dtype)
