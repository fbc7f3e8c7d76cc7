"""A trained network opened: its layers with their weights in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.errors import ShapeError
from lamina.model import Model, NetworkPart
from lamina.network import Layer, leaves, skeleton, with_leaves
from lamina.network.sizes import named
from lamina.training.predict import weights_of


def part_of(of: Model | NetworkPart) -> NetworkPart:
    """The network itself; of a model the first of its networks."""
    return of.parts[0] if isinstance(of, Model) else of


def opened(of: Model | NetworkPart | Layer) -> Any:
    """The built network of a model (of an ensemble the first), of one part of it, or as it is given.

    >>> from lamina.network import Dense, build
    >>> dense = build(Dense(2), (3,), seed=0)
    >>> opened(dense) is dense
    True
    """
    if isinstance(of, Layer):
        return of
    part = part_of(of)
    weights = weights_of(part.network, part.shape, part.parameters, part.state)
    return with_leaves(skeleton(part.network, part.shape), {**leaves(part.network, "number"), **weights})


def checked_example(of: Model | NetworkPart | Layer, x: Any) -> np.ndarray:
    """One example as an array, if it has as many axes as the network's examples have; ShapeError otherwise."""
    x = np.asarray(x)
    shape = None if isinstance(of, Layer) else part_of(of).shape
    if shape is not None and x.ndim != len(shape):
        raise ShapeError(
            f"The example has the shape {list(x.shape)}.",
            expected=f"One example, of the axes of {named(shape)}.",
            mend="x[0] is the first of several",
        )
    return x


def checked_examples(part: NetworkPart, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Examples [n, ...] and their targets [n] as arrays, if they have the axes for it; ShapeError otherwise."""
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim != len(part.shape) + 1 or not len(x):
        raise ShapeError(
            f"The examples have the shape {list(x.shape)}.",
            expected=f"One or more examples of {named(part.shape)}, one after the other.",
            mend="x[None] makes several of one",
        )
    if y.shape != x.shape[:1]:
        given = f"The targets have the shape {list(y.shape)} where there are {len(x):,} examples."
        raise ShapeError(given, expected=f"{[len(x)]}, a target for each example.")
    return x, y
