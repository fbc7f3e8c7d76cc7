"""A trained network opened: its layers with their weights in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from jax import Array

from lamina.errors import ShapeError
from lamina.model import Model, NetworkPart
from lamina.network import Layer, leaves, skeleton, with_leaves
from lamina.network.sizes import named
from lamina.training.predict import weights_of

T = TypeVar("T")


def part_of(of: Model | NetworkPart) -> NetworkPart:
    """The network itself; of a model the first of its networks."""
    return of.parts[0] if isinstance(of, Model) else of


def parts_of(of: Model | NetworkPart) -> tuple[NetworkPart, ...]:
    """The networks of a model, or the one that is given."""
    return of.parts if isinstance(of, Model) else (of,)


def remembered(part: NetworkPart, what: str, make: Callable[[], T]) -> T:
    """What ``make`` gave for this part the first time that somebody asked; it goes when the part goes."""
    known = vars(part).setdefault("_inside", {})  # beside the fields, where its cached properties lie too
    if what not in known:
        known[what] = make()
    return known[what]


def weights(part: NetworkPart) -> dict[str, Array]:
    """The parameters and states of a part by path, on the device; moved there once."""
    return remembered(part, "weights", lambda: weights_of(part.network, part.shape, part.parameters, part.state))


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
    return with_leaves(skeleton(part.network, part.shape), {**leaves(part.network, "number"), **weights(part)})


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
