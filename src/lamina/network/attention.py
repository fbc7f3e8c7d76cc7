"""Attention: every step of a sequence looks at all of them, and takes from each as much as it asks for."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

import dataclasses
from typing import ClassVar, Self

import jax.numpy as jnp
from jax import Array

from lamina.errors import OptionError, ShapeError
from lamina.kernels.attention import attention
from lamina.kernels.dense import dense
from lamina.network.initialisers import Draw, checked_initialiser, initial
from lamina.network.layer import Context, Layer, Shape, parameter
from lamina.network.recurrent import checked_sequence
from lamina.network.sizes import checked_size


class Attention(Layer):
    """Multi-head self-attention: [batch, time, features] to the same (Vaswani et al. 2017, sec. 3.2.2).

    Each head makes queries, keys and values of its share of the features, and a step gets the mean of the values
    weighted by how its query fits their keys; what the heads say side by side goes through one more product. No step
    sees one that the mask hides, and with ``causal`` none that comes later. By itself it knows nothing of order: put
    positions before it.

    Columns of ``weight`` [features, 3 features]: query, key, value, the heads of each side by side, as torch has them.

    >>> Attention(4).output_shape((28, 64))
    (28, 64)
    """

    kind: ClassVar[str] = "attention"
    heads: int
    causal: bool = False
    initialiser: str = dataclasses.field(default="default", kw_only=True)
    weight: Array | None = parameter()
    bias: Array | None = parameter()
    output_weight: Array | None = parameter()
    output_bias: Array | None = parameter()

    def __post_init__(self) -> None:
        checked_heads(self.kind, self.heads, causal=self.causal)
        checked_initialiser(self.initialiser)

    def output_shape(self, shape: Shape) -> Shape:
        return headed_sequence(self.kind, shape, self.heads)

    def build(self, shape: Shape, draw: Draw) -> Self:
        features = self.output_shape(shape)[1]
        size = (features, features)
        *three, last = (initial(self.initialiser, "linear", draw, size) for _ in range(4))
        return dataclasses.replace(
            self,
            weight=jnp.concatenate(three, axis=1),
            bias=jnp.zeros(3 * features, jnp.float32),
            output_weight=last,
            output_bias=jnp.zeros(features, jnp.float32),
        )

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        assert self.weight is not None
        assert self.output_weight is not None
        batch, steps, features = x.shape
        packed = dense(x, self.weight, self.bias).reshape(batch, steps, 3, self.heads, features // self.heads)
        query, key, value = packed.transpose(2, 0, 3, 1, 4)
        y = attention(query, key, value, context.mask, causal=self.causal).swapaxes(1, 2)
        return dense(y.reshape(x.shape), self.output_weight, self.output_bias), self

    def multiply_adds(self, shape: Shape) -> int:
        steps, features = shape
        return 4 * steps * features**2 + 2 * steps**2 * features

    def describe(self) -> str:
        return f"attention {self.heads}{' causal' if self.causal else ''}"


def checked_heads(layer: str, heads: int, *, causal: bool) -> None:
    """OptionError unless ``heads`` is a number of heads, and ``causal`` a yes or a no."""
    checked_size(layer, "heads", heads)
    if not isinstance(causal, bool):
        raise OptionError(f"{layer}: causal is {causal!r}.", expected="True or False.", mend="causal=True")


def headed_sequence(layer: str, shape: Shape, heads: int) -> Shape:
    """``shape``, if it is that of a sequence whose features so many heads can share; ShapeError otherwise.

    >>> headed_sequence("attention", (28, 64), 4)
    (28, 64)
    """
    features = checked_sequence(layer, shape)[1]
    if features % heads:
        raise ShapeError(
            f"{layer}: {features} features can't be split among {heads} heads.",
            expected="A number of heads that divides the features.",
            mend=f"Put conv {heads * -(-features // heads)} 1 linear before {layer}.",
        )
    return shape
