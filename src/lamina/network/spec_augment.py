"""SpecAugment: in training, spans of a spectrogram's frames and bands are hidden."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

from typing import ClassVar, Self

import jax
import jax.numpy as jnp
from jax import Array

from lamina.errors import OptionError, ShapeError
from lamina.network.layer import Context, Layer, Shape
from lamina.network.sizes import checked_size, named

WIDEST = 0.2  # of the live frames, or of the bands, for one mask
MOST = 4  # masks of a kind: all of them together hide less than everything


class SpecAugment(Layer):
    """Zeros, the mean of a standardised band, in up to so many spans of frames and of bands, anew in each step.

    [batch, frames, bands, channels] stay what they are outside training. Each example has its own spans, each of a
    width from none to a fifth of its live frames or of the bands, somewhere among them. Source: Park et al. 2019,
    "SpecAugment" (arXiv 1904.08779), sec. 2, without the time warp.

    >>> SpecAugment(2, 1)
    SpecAugment(time_masks=2, frequency_masks=1)
    """

    kind: ClassVar[str] = "spec-augment"
    time_masks: int = 0
    frequency_masks: int = 0

    def __post_init__(self) -> None:
        for what, count in (("time_masks", self.time_masks), ("frequency_masks", self.frequency_masks)):
            if checked_size("spec-augment", what, count, least=0) > MOST:
                raise OptionError(f"spec-augment: {what} is {count}.", expected=f"At most {MOST}.", mend=f"{what}=2")

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3:
            raise ShapeError(f"spec-augment was given {named(shape)}.", expected="[frames, bands, channels].")
        return shape

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        if not context.training or not self.time_masks + self.frequency_masks:
            return x, self
        batch, frames, bands, _ = x.shape
        live = jnp.full(batch, frames) if context.mask is None else jnp.sum(context.mask, axis=1)
        drawn = jax.random.uniform(context.random_key(), (2, batch, self.time_masks + self.frequency_masks))
        hidden = _spans(drawn[:, :, : self.time_masks], live, frames)[:, :, None]
        hidden |= _spans(drawn[:, :, self.time_masks :], jnp.full(batch, bands), bands)[:, None]
        return jnp.where(hidden[..., None], jnp.zeros((), x.dtype), x), self

    def describe(self) -> str:
        return f"{self.time_masks} masks of time, {self.frequency_masks} of frequency"


def _spans(drawn: Array, live: Array, size: int) -> Array:
    """Which of ``size`` places are hidden, [batch, size]: ``drawn`` [2, batch, spans] says how wide and where among the
    first ``live`` [batch] places each span is.
    """
    there = live.astype(jnp.float32)[:, None]
    width = jnp.floor(drawn[0] * (jnp.floor(WIDEST * there) + 1))
    begin = jnp.floor(drawn[1] * (there - width + 1))
    place = jnp.arange(size, dtype=jnp.float32)
    inside = (place >= begin[..., None]) & (place < (begin + width)[..., None])
    return jnp.any(inside, axis=1)
