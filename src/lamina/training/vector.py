"""The flat parameter vector: a network's parameters end to end, and where each of them lies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.network import leaves, with_leaves


@dataclass(frozen=True)
class Layout:
    """Where each parameter of a network lies in its flat vector: paths, shapes and first entries, in order.

    >>> import numpy as np
    >>> layout = Layout(("0.dense.weight", "0.dense.bias"), ((2, 3), (3,)))
    >>> layout.size, layout.slice("0.dense.bias")
    (9, slice(6, 9, None))
    >>> layout.unpack(np.arange(9.0))["0.dense.bias"].tolist()
    [6.0, 7.0, 8.0]
    """

    paths: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, network: Any) -> Layout:
        """The layout of a built network (arrays or shapes alone will do)."""
        found = leaves(network, "parameter")
        return cls(tuple(found), tuple(tuple(leaf.shape) for leaf in found.values()))

    @property
    def size(self) -> int:
        """How many parameters there are."""
        return sum(math.prod(shape) for shape in self.shapes)

    def slice(self, path: str) -> slice:
        """Where in the vector the parameter of that path lies."""
        at = self.paths.index(path)
        start = sum(math.prod(shape) for shape in self.shapes[:at])
        return slice(start, start + math.prod(self.shapes[at]))

    def pack(self, parameters: Mapping[str, jax.Array]) -> jax.Array:
        """Arrays by path as one vector [size]."""
        if not self.paths:
            return jnp.zeros((0,), jnp.float32)
        return jnp.concatenate([jnp.ravel(parameters[path]) for path in self.paths])

    def unpack(self, vector: Any) -> dict[str, Any]:
        """A vector [size] (NumPy or JAX) as arrays by path."""
        return {
            path: vector[self.slice(path)].reshape(shape) for path, shape in zip(self.paths, self.shapes, strict=True)
        }

    def decays(self) -> jax.Array:
        """1.0 on the entries that are weights (two axes or more), 0.0 on biases and scales: [size]."""
        kinds = [jnp.full(math.prod(shape), float(len(shape) > 1), jnp.float32) for shape in self.shapes]
        return jnp.concatenate(kinds) if kinds else jnp.zeros((0,), jnp.float32)

    def layers(self) -> dict[str, slice]:
        """Each layer's stretch of the vector by the layer's path ("2.dense"): its parameters lie next to each other.

        >>> Layout(("0.dense.weight", "0.dense.bias"), ((2, 3), (3,))).layers()
        {'0.dense': slice(0, 9, None)}
        """
        stretches: dict[str, slice] = {}
        for path in self.paths:
            layer, here = path.rpartition(".")[0], self.slice(path)
            stretches[layer] = slice(stretches[layer].start if layer in stretches else here.start, here.stop)
        return stretches


def without_numbers(network: Any) -> Any:
    """A network with every number of its own (a dropout rate) at 0: what a compiled program knows of it.

    >>> from lamina.network import Dropout, Sequential
    >>> without_numbers(Sequential([Dropout(0.5)])) == without_numbers(Sequential([Dropout(0.2)]))
    True
    """
    return with_leaves(network, dict.fromkeys(leaves(network, "number"), np.float32(0)))
