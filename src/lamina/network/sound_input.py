"""SoundInput, the implicit first layer for recordings: how loud each pitch is over time, standardised."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

import dataclasses
import functools
import math
from typing import ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from lamina.errors import OptionError, ShapeError
from lamina.network.initialisers import Draw
from lamina.network.layer import Context, Layer, Shape, state
from lamina.network.sizes import checked_size, named

SILENCE = -32768  # as in lamina.data.examples: what stands behind the end of a shorter sound
FLOOR = 1e-10  # of the power of a frame: about what rounding to 16 bits leaves in a frequency
DEEPEST = math.log(1e-8)  # 80 decibels below a recording's loudest
FAINTEST = math.log(1e-6)  # what is nowhere louder is not made louder: 75 decibels below full scale
COUNTED = 1 << 22  # samples at a time, of which statistics are made


class SoundInput(Layer):
    """Recordings [batch, samples], int16, to log-mel spectrograms [batch, frames, mels, 1], float32.

    A frame begins every ``hop`` milliseconds and is ``window`` long: under a Hann window, the power of its frequencies,
    summed in ``mels`` overlapping triangles that are even on Slaney's mel scale up to half the ``rate``, as logarithms.
    ``levelled``: below the recording's own loudest, at most 80 decibels, so that how loud it was recorded doesn't count
    (on speakers never heard, spoken digits are told apart 6 points better).
    ``mean`` and ``deviation`` of each mel band are state: 0 and 1 until :meth:`statistics` of the training recordings
    are put in. A frame lives that begins before its sound ends; others are zero. Sources: Davis and Mermelstein 1980,
    sec. II, for the bands; Slaney 1998, "Auditory Toolbox", for the scale, which is linear below 1 kHz.

    >>> from lamina.network import build
    >>> layer = build(SoundInput(8000), (800,))
    >>> layer.apply(jnp.zeros((1, 800), jnp.int16), Context())[0].shape
    (1, 10, 40, 1)
    """

    kind: ClassVar[str] = "sound"
    rate: int
    mels: int = 40
    window: int = 25
    hop: int = 10
    levelled: bool = True
    mean: Array | None = state()
    deviation: Array | None = state()

    def __post_init__(self) -> None:
        for what, least, most in (
            ("rate", 1000, 768_000),
            ("mels", 1, 512),
            ("hop", 5, 1000),
            ("window", self.hop, 1000),
        ):
            if checked_size("sound", what, getattr(self, what), least=least) > most:
                raise OptionError(
                    f"sound: {what} is {getattr(self, what):,}.", expected=f"At most {most:,}.", mend=f"{what}={most}"
                )
        if not isinstance(self.levelled, bool):
            raise OptionError(f"sound: levelled is {self.levelled!r}.", expected="True or False.", mend="levelled=True")

    @property
    def steps(self) -> tuple[int, int]:
        """How many samples long a frame is, and after how many the next one begins.

        >>> SoundInput(8000).steps
        (200, 80)
        """
        return self.rate * self.window // 1000, self.rate * self.hop // 1000

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ShapeError(f"The sounds' input layer was given {named(shape)}.", expected="[samples].")
        return (-(-shape[0] // self.steps[1]), self.mels, 1)

    def build(self, shape: Shape, draw: Draw) -> Self:
        del draw
        self.output_shape(shape)
        return dataclasses.replace(self, mean=jnp.zeros(self.mels), deviation=jnp.ones(self.mels))

    def alive(self, mask: Array | None, x: Array) -> Array:
        # Nothing is missing inside a sound, so the sample that a frame begins with says whether it lives.
        there = x[:, :: self.steps[1]] != SILENCE
        return there if mask is None else mask[:, :: self.steps[1]] & there

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        del context
        assert self.mean is not None
        assert self.deviation is not None
        mean, deviation = (lax.stop_gradient(a)[None, None] for a in (self.mean, self.deviation))
        y = (self.log_mel(x) - mean) / deviation
        return jnp.where(self.alive(None, x)[:, :, None], y, 0.0)[..., None], self

    def log_mel(self, x: Array) -> Array:
        """What :meth:`apply` standardises, [batch, frames, mels]."""
        length, hop = self.steps
        hann, bands = transform(self.rate, self.mels, length)
        # No gradient is stopped: in training nothing asks for that of the samples, so none is made.
        samples = jnp.where(x == SILENCE, 0, x).astype(jnp.float32) / 32768.0
        # A product with a matrix of cosines and sines takes twice as long at 8,000 samples a second on two cores, four
        # times at 16,000; whether frames are gathered or put together from slices makes no difference.
        found = jnp.fft.rfft(_frames(samples, length, hop) * hann, 2 * len(bands) - 2)
        power = jnp.square(found.real) + jnp.square(found.imag)
        loud = jnp.log(jnp.maximum(jnp.matmul(power, bands, precision=lax.Precision.HIGHEST), FLOOR))
        if not self.levelled:
            return loud
        loudest = jnp.maximum(jnp.max(loud, axis=(1, 2), keepdims=True), FAINTEST)
        return jnp.maximum(loud - loudest, DEEPEST)

    def statistics(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The state for training recordings [n, samples]: each band's mean and deviation over live frames.

        A band that never changes gets the deviation 1.
        """
        size = max(1, COUNTED // max(1, rows.shape[1]))
        each = [_moments(self, rows[at : at + size]) for at in range(0, len(rows), size)]
        count, means, squares = np.array(each or np.zeros((1, 3, self.mels)), np.float64).swapaxes(0, 1)
        total = np.maximum(count.sum(axis=0), 1)
        mean = (count * means).sum(axis=0) / total
        deviation = np.sqrt((squares + count * (means - mean) ** 2).sum(axis=0) / total)
        varies = deviation > 1e-3
        return {"mean": mean.astype(np.float32), "deviation": np.where(varies, deviation, 1).astype(np.float32)}

    def multiply_adds(self, shape: Shape) -> int:
        bands = transform(self.rate, self.mels, self.steps[0])[1]
        size = 2 * len(bands) - 2
        return self.output_shape(shape)[0] * (size * size.bit_length() + bands.size)  # of a fast transform, about

    def describe(self) -> str:
        return f"{self.mels} mel bands every {self.hop} ms{', levelled' if self.levelled else ''}, each standardised"


@functools.lru_cache(8)
def transform(rate: int, mels: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """The Hann window, [length], of power 1, and the mel bands, [frequencies, mels].

    The transform is as long a power of two as it takes for every band to hold a frequency.

    >>> [array.shape for array in transform(8000, 40, 200)]
    [(200,), (129, 40)]
    """
    size = 1 << (length - 1).bit_length()
    while not (bands := mel_bands(rate, mels, size)).any(axis=0).all():
        size *= 2
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    return (hann / np.sqrt((hann**2).sum())).astype(np.float32), bands.astype(np.float32)


def mel_bands(rate: int, mels: int, size: int) -> np.ndarray:
    """Triangles of height 1 over the frequencies of a transform of ``size`` samples, [size / 2 + 1, mels].

    Each begins at the middle of the one before and ends at that of the next.

    >>> mel_bands(8000, 2, 8).round(2).tolist()
    [[0.0, 0.0], [0.78, 0.22], [0.0, 0.9], [0.0, 0.45], [0.0, 0.0]]
    """
    edges = _hertz(np.linspace(0, _mel(rate / 2), mels + 2))
    at = np.arange(size // 2 + 1)[:, None] * rate / size
    rising = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling))


LINEAR, LOG_STEP = 200 / 3, np.log(6.4) / 27  # hertz a mel below 1 kHz, which is 15 mel; the logarithm's steps above


def _mel(hertz: float) -> float:
    return hertz / LINEAR if hertz < 1000 else 15 + np.log(hertz / 1000) / LOG_STEP


def _hertz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < 15, mel * LINEAR, 1000 * np.exp((mel - 15) * LOG_STEP))


def _frames(samples: Array, length: int, hop: int) -> Array:
    """Frames [batch, frames, length] of samples [batch, n], one each ``hop``; behind the end are zeros."""
    count, blocks = -(-samples.shape[1] // hop), -(-length // hop)
    padded = jnp.pad(samples, ((0, 0), (0, (count + blocks - 1) * hop - samples.shape[1])))
    each = padded.reshape(samples.shape[0], -1, hop)
    return jnp.concatenate([each[:, at : at + count] for at in range(blocks)], axis=2)[..., :length]


@jax.jit
def _moments(layer: SoundInput, x: Array) -> Array:
    """How many frames live, each band's mean over them and the sum of squares about it, [3, mels].

    About the mean: the squares of numbers that hardly differ would leave their rounding.
    """
    alive = layer.alive(None, x)[:, :, None]
    y = layer.log_mel(x)
    count = jnp.sum(alive).astype(jnp.float32)
    mean = jnp.sum(jnp.where(alive, y, 0.0), axis=(0, 1)) / jnp.maximum(count, 1)
    off = jnp.where(alive, y - mean, 0.0)
    return jnp.stack([jnp.broadcast_to(count, mean.shape), mean, jnp.sum(jnp.square(off), axis=(0, 1))])
