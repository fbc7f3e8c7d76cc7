"""Frames: a picture of time, as a spectrogram is, as a sequence."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

import math
from typing import ClassVar, Self

from jax import Array

from lamina.errors import ShapeError
from lamina.network.layer import Context, Layer, Shape
from lamina.network.sizes import named


class Frames(Layer):
    """All that stands at a step as one row of features: [batch, time, ...] to [batch, time, features].

    It stands between a spectrogram [frames, mels, channels] and a layer that reads sequences.

    >>> Frames().output_shape((98, 40, 2))
    (98, 80)
    """

    kind: ClassVar[str] = "frames"

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) < 2:
            raise ShapeError(
                f"frames was given {named(shape) if shape else 'single numbers'}, which have no time.",
                expected="[time, ...].",
                mend="Leave frames out, or put it before what takes the time away (last, mean, max, flatten).",
            )
        return (shape[0], math.prod(shape[1:]))

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        del context
        return x.reshape(*x.shape[:2], -1), self
