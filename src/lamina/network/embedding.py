"""Categories and numbers as features: Embedding, Periodic, and TableInput, the implicit first layer for tables."""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from lamina.errors import ShapeError
from lamina.kernels.table import WAVES_MAKE, Category, Table
from lamina.network.initialisers import Draw
from lamina.network.layer import Context, Layer, Shape, built_child, parameter
from lamina.network.sizes import checked_size

ONE_HOT = 10  # categories with so many codes or fewer become indicators, others learned embeddings
_PRODUCT = 256  # up to so many codes a one-hot product is faster than a gather, whose gradient is a scatter


class Embedding(Layer):
    """A learned vector for each code of one category: codes [...] to [..., features].

    Code 0 means "not seen in training" and gives zeros, the middle of the other vectors as they start: normal, of
    length about 1, as a one-hot vector is. ``codes`` counts code 0 too.

    >>> from lamina.network import build
    >>> build(Embedding(12, 4), ()).vectors.shape
    (11, 4)
    """

    kind: ClassVar[str] = "embedding"
    codes: int
    features: int
    vectors: Array | None = parameter()

    def __post_init__(self) -> None:
        checked_size("embedding", "codes", self.codes, least=2)
        checked_size("embedding", "features", self.features)

    def output_shape(self, shape: Shape) -> Shape:
        return (*shape, self.features)

    def build(self, shape: Shape, draw: Draw) -> Self:
        del shape
        vectors = draw.normal((self.codes - 1, self.features), 1 / math.sqrt(self.features))
        return dataclasses.replace(self, vectors=vectors)

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        del context
        rows = x.astype(jnp.int32) - 1
        assert self.vectors is not None
        if self.codes <= _PRODUCT:
            # Exact on every device: at most one of the products in each sum is not zero.
            hot = jax.nn.one_hot(rows, self.codes - 1, dtype=self.vectors.dtype)
            return jnp.matmul(hot, self.vectors, precision=lax.Precision.HIGHEST), self
        found = jnp.take(self.vectors, rows, axis=0, mode="clip")
        return jnp.where((rows >= 0)[..., None], found, jnp.zeros((), found.dtype)), self

    def describe(self) -> str:
        return f"embedding of {self.codes} codes in {self.features}"


class Periodic(Layer):
    """Every number beside smooth waves of it: x to (x, W cos(2 pi w x + b) + c), its own weights for each number.

    ``frequencies`` waves make 3 features, so [batch, numbers] becomes [batch, 4 numbers]. It lets a network see
    steps and bumps along one column, as trees do. Source: the PBLD embedding of Holzmueller et al. 2024
    (arXiv 2407.04491, sec. 3), after Gorishniy et al. 2022 (arXiv 2203.05556, sec. 3.3).

    >>> Periodic(16).output_shape((8,))
    (32,)
    """

    kind: ClassVar[str] = "periodic"
    frequencies: int
    waves: Array | None = parameter()
    phases: Array | None = parameter()
    weight: Array | None = parameter()
    bias: Array | None = parameter()
    made: ClassVar[int] = WAVES_MAKE
    spread: ClassVar[float] = 0.1

    def __post_init__(self) -> None:
        checked_size("periodic", "frequencies", self.frequencies)

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ShapeError(f"periodic takes features and was given {list(shape)}.", expected="[numbers].")
        return (shape[0] * (1 + self.made),)

    def build(self, shape: Shape, draw: Draw) -> Self:
        (numbers,), k = shape, self.frequencies
        limit = 1 / math.sqrt(k)
        return dataclasses.replace(
            self,
            waves=draw.normal((numbers, k), self.spread),
            phases=draw.uniform((numbers, k), math.pi),
            weight=draw.uniform((numbers, k, self.made), limit),
            bias=draw.uniform((numbers, self.made), limit),
        )

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        del context
        assert self.waves is not None
        assert self.phases is not None
        assert self.bias is not None
        waves = jnp.cos(2 * math.pi * x[:, :, None] * self.waves[None] + self.phases[None])
        made = jnp.einsum("bnk,nkm->bnm", waves, self.weight) + self.bias[None]
        return jnp.concatenate([x, made.reshape(x.shape[0], -1)], axis=1), self

    def multiply_adds(self, shape: Shape) -> int:
        return shape[0] * self.frequencies * (1 + self.made)

    def describe(self) -> str:
        return f"periodic {self.frequencies}"


class TableInput(Layer):
    """The implicit first layer for tables: [batch, numbers + categories], codes as floats, to features.

    Numbers stay as they are, or go through Periodic when ``periodic`` frequencies are wanted. ``cardinalities`` counts
    each category's codes: 0 unseen, 1 missing, then the categories. Up to 10 codes, a category becomes an indicator for
    every code but 0, which is all zeros; above, an Embedding of half as many features, 16 at most.

    >>> TableInput(3, (5, 40)).output_shape((5,))
    (23,)
    """

    kind: ClassVar[str] = "table"
    numbers: int
    cardinalities: tuple[int, ...] = ()
    periodic: int = 0
    waves: Periodic | None = built_child()
    embeddings: tuple[Embedding, ...] | None = built_child()

    def __post_init__(self) -> None:
        checked_size("table", "numbers", self.numbers, least=0)
        checked_size("table", "periodic", self.periodic, least=0)
        object.__setattr__(
            self, "cardinalities", tuple(checked_size("table", "cardinality", c, least=2) for c in self.cardinalities)
        )

    def output_shape(self, shape: Shape) -> Shape:
        expected = self.numbers + len(self.cardinalities)
        if shape != (expected,):
            raise ShapeError(
                f"The table's input layer was given {list(shape)}.",
                expected=f"[{expected}]: {self.numbers} numbers and {len(self.cardinalities)} categories.",
            )
        numbers = self._waves().output_shape((self.numbers,))[0] if self._has_waves else self.numbers
        return (numbers + sum(c - 1 for c in self._few()) + sum(e.features for e in self._embeddings()),)

    def build(self, shape: Shape, draw: Draw) -> Self:
        self.output_shape(shape)
        waves = self._waves().build((self.numbers,), draw) if self._has_waves else None
        built = [e.build((), draw) for e in self._embeddings()]
        return dataclasses.replace(self, waves=waves, embeddings=tuple(built))

    def apply(self, x: Array, context: Context) -> tuple[Array, Self]:
        numbers, codes = x[:, : self.numbers], x[:, self.numbers :]
        parts = [numbers if self.waves is None else self.waves.apply(numbers, context)[0]]
        if self._few():
            parts.append(_indicators(codes, self.cardinalities))
        many = [place for place, c in enumerate(self.cardinalities) if c > ONE_HOT]
        for place, embedding in zip(many, self.embeddings or (), strict=True):
            parts.append(embedding.apply(codes[:, place], context)[0])
        return jnp.concatenate(parts, axis=1), self

    def form(self, places: Mapping[str, int]) -> Table:
        """What native kernels know of it; ``places``: where each parameter, by its path here, lies among all.

        >>> TableInput(3, (5, 40)).form({"0.embedding.vectors": 100}).categories[1]
        Category(codes=40, features=16, place=7, vectors=100)
        """
        numbers, waves = self.numbers, {}
        if self._has_waves:
            (numbers,) = self._waves().output_shape((self.numbers,))
            waves = {name: places[f"waves.{name}"] for name in ("waves", "phases", "weight", "bias")}
            waves["frequencies"] = self.periodic
        found: dict[int, Category] = {}
        embeddings = enumerate(self._embeddings())
        # Features of indicators stand before those of embeddings, each in the order of their columns.
        for column, codes in sorted(enumerate(self.cardinalities), key=lambda of: of[1] > ONE_HOT):
            place = numbers + sum(of.features for of in found.values())
            if codes <= ONE_HOT:
                found[column] = Category(codes, codes - 1, place)
            else:
                number, embedding = next(embeddings)
                found[column] = Category(codes, embedding.features, place, places[f"{number}.embedding.vectors"])
        return Table(self.numbers, **waves, categories=tuple(found[column] for column in sorted(found)))

    def multiply_adds(self, shape: Shape) -> int:
        del shape
        return self._waves().multiply_adds((self.numbers,)) if self._has_waves else 0

    def describe(self) -> str:
        waves = f", {self.periodic} waves each" if self._has_waves else ""
        return f"{self.numbers} numbers{waves}, {len(self.cardinalities)} categories"

    @property
    def _has_waves(self) -> bool:
        return self.periodic > 0 and self.numbers > 0

    def _waves(self) -> Periodic:
        return Periodic(self.periodic)

    def _few(self) -> list[int]:
        return [c for c in self.cardinalities if c <= ONE_HOT]

    def _embeddings(self) -> list[Embedding]:
        return [Embedding(c, min(16, (c + 1) // 2)) for c in self.cardinalities if c > ONE_HOT]


def _indicators(codes: Array, cardinalities: tuple[int, ...]) -> Array:
    """One column for each code but 0 of each small category: 1 where it is the row's code.

    The codes are brought beside each other by a product with zeros and ones, exact for whole numbers, because XLA
    gathers columns on the CPU number by number.
    """
    pairs = [(place, code) for place, c in enumerate(cardinalities) if c <= ONE_HOT for code in range(1, c)]
    chosen = np.zeros((len(cardinalities), len(pairs)), np.float32)
    chosen[[place for place, _ in pairs], range(len(pairs))] = 1
    beside = jnp.matmul(codes, jnp.asarray(chosen, codes.dtype), precision=lax.Precision.HIGHEST)
    wanted = jnp.asarray([code for _, code in pairs], codes.dtype)
    return (beside == wanted[None]).astype(codes.dtype)
