"""Transformer: attention and a small network at every step, each added to what it was given."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

import dataclasses
from typing import ClassVar, Self

from jax import Array

from lamina.network.attention import Attention, checked_heads, headed_sequence
from lamina.network.dense import Dense
from lamina.network.dropout import Dropout, checked_rate
from lamina.network.initialisers import Draw
from lamina.network.layer import Context, Layer, Shape, built_child, number, shortest
from lamina.network.norm import LayerNorm
from lamina.network.sizes import checked_size


class Transformer(Layer):
    """A block of a transformer, normed before each half (Vaswani et al. 2017, sec. 3.1; Xiong et al. 2020, fig. 1b).

        x = x + attention(norm(x))
        x = x + output(hidden(norm(x)))           dense layers at each step, gelu between them

    ``hidden`` features, four times those of x unless said. ``dropout``, a number that a recipe may vary where it is
    given, is of what each half adds.

    >>> Transformer(4).output_shape((28, 64))
    (28, 64)
    """

    kind: ClassVar[str] = "transformer"
    heads: int
    causal: bool = False
    hidden_features: int | None = dataclasses.field(default=None, kw_only=True)
    dropout: Array | float | None = number(default=None, kw_only=True)
    attention_norm: LayerNorm | None = built_child()
    attention: Attention | None = built_child()
    norm: LayerNorm | None = built_child()
    hidden: Dense | None = built_child()
    output: Dense | None = built_child()

    def __post_init__(self) -> None:
        checked_heads(self.kind, self.heads, causal=self.causal)
        if self.hidden_features is not None:
            checked_size(self.kind, "hidden_features", self.hidden_features)
        checked_rate(f"{self.kind}: dropout", self.dropout, mend="dropout=0.1")
        super().__post_init__()

    def output_shape(self, shape: Shape) -> Shape:
        return headed_sequence(self.kind, shape, self.heads)

    def parts(self, shape: Shape) -> dict[str, tuple[Layer, Shape]]:
        """The layers that it is made of by name, in their order, each with the shape that goes into it; unbuilt."""
        steps, features = self.output_shape(shape)
        wide = 4 * features if self.hidden_features is None else self.hidden_features
        return {
            "attention_norm": (LayerNorm(), shape),
            "attention": (Attention(self.heads, self.causal), shape),
            "norm": (LayerNorm(), shape),
            "hidden": (Dense(wide, "gelu"), shape),
            "output": (Dense(features, "linear"), (steps, wide)),
        }

    def build(self, shape: Shape, draw: Draw) -> Self:
        built = {name: layer.build(given, draw) for name, (layer, given) in self.parts(shape).items()}
        return dataclasses.replace(self, **built)

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        x = x + self._half(("attention_norm", "attention"), x, context)
        return x + self._half(("norm", "hidden", "output"), x, context), self

    def _half(self, names: tuple[str, ...], x: Array, context: Context) -> Array:
        """What these of its layers make of ``x`` one after another, dropout behind them. None of them has a state."""
        for name in names:
            layer: Layer = getattr(self, name)
            here = context.child(0, layer, name)
            x, _ = layer.apply(x, here)
            here.record(x)
        if self.dropout is None:
            return x
        behind = Dropout(self.dropout)
        return behind.apply(x, context.child(0, behind, f"{names[-1]}_dropout"))[0]

    def multiply_adds(self, shape: Shape) -> int:
        return sum(layer.multiply_adds(given) for layer, given in self.parts(shape).values())

    def describe(self) -> str:
        wide = "" if self.hidden_features is None else f" hidden {self.hidden_features}"
        dropped = "" if self.dropout is None else f" dropout {shortest(self.dropout)}"
        return f"transformer {self.heads}{' causal' if self.causal else ''}{wide}{dropped}"
