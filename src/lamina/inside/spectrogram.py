"""Spectrograms: recordings as the network hears them, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lamina.inside.opened import opened
from lamina.model import NetworkPart
from lamina.network import Context
from lamina.network.sound_input import SoundInput


def hears(part: NetworkPart) -> bool:
    """Whether a network takes recordings."""
    return isinstance(getattr(part.network, "layers", (None,))[0], SoundInput)


def spectrograms(part: NetworkPart, inputs: np.ndarray) -> list[np.ndarray]:
    """The log-mel bands [frames, mels] of recordings [n, samples], standardised as the network's input layer does.

    Frames behind the end of a recording are cut off.
    """
    layer = opened(part).layers[0]

    def hear(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        return layer.apply(x, Context())[0][..., 0], layer.alive(None, x)

    heard, live = jax.device_get(jax.jit(hear)(jnp.asarray(inputs)))
    return [frames[there] for frames, there in zip(heard, live, strict=True)]


def greys(found: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Spectrograms [frames, mels] as pictures uint8 [mels, frames, 1], the lowest band at the foot.

    White is the loudest and black the quietest of all of them, a hundredth at either end left aside.

    >>> greys([np.array([[0.0, 1.0], [0.0, 0.5]])])[0][:, :, 0].tolist()
    [[255, 129], [0, 0]]
    """
    every = np.concatenate([of.ravel() for of in found]) if found else np.zeros(1)
    low, high = np.quantile(every, (0.01, 0.99)) if every.size else (0.0, 1.0)
    scale = 255 / max(float(high - low), 1e-9)
    return [np.clip((of.T[::-1, :, None] - low) * scale, 0, 255).astype(np.uint8) for of in found]
