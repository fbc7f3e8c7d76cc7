"""A network as a tree of layers: its leaves by path, building it, applying it, tracing it.

A path names a layer in files, history and traces. A layer in a tuple of layers (what Sequential and Concatenate hold)
is "place.kind", a layer in a field of its own (what Residual holds) is the field's name, and an array ends it:
"2.dense.weight", "0.residual.body.1.conv.bias".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

import jax
from jax import Array

from lamina.errors import ShapeError
from lamina.network.initialisers import Draw
from lamina.network.layer import Context, Layer, Role, Shape, joined

L = TypeVar("L", bound=Layer)


def children(layer: Layer) -> Iterator[tuple[str, Layer]]:
    """The layers directly inside one, each with its segment of the path.

    >>> from lamina.network import Dense, Sequential
    >>> [segment for segment, _ in children(Sequential([Dense(3), Dense(2)]))]
    ['0.dense', '1.dense']
    """
    for name in layer.names_of["child"]:
        held = getattr(layer, name)
        if isinstance(held, Layer):
            yield name, held
        elif held is not None:
            yield from ((f"{i}.{inner.kind}", inner) for i, inner in enumerate(held))


def with_children(layer: L, change: Callable[[str, Layer], Layer]) -> L:
    """The layer with each layer directly inside it replaced by what ``change`` makes of its segment of the path and it.

    >>> from lamina.network import Dense, Sequential
    >>> with_children(Sequential([Dense(3), Dense(2)]), lambda at, of: Dense(9) if at == "1.dense" else of)
    Sequential(layers=(Dense(features=3), Dense(features=9)))
    """
    changed: dict[str, Any] = {}
    for name in layer.names_of["child"]:
        held = getattr(layer, name)
        if isinstance(held, Layer):
            changed[name] = change(name, held)
        elif held is not None:
            changed[name] = tuple(change(f"{i}.{inner.kind}", inner) for i, inner in enumerate(held))
    return dataclasses.replace(layer, **changed) if changed else layer


def walk(network: Layer, path: str = "") -> Iterator[tuple[str, Layer]]:
    """Every layer with its path, outer before inner, the network itself first under "".

    >>> from lamina.network import Dense, Residual, Sequential
    >>> [path for path, _ in walk(Sequential([Residual(Sequential([Dense(3)]))]))]
    ['', '0.residual', '0.residual.body', '0.residual.body.0.dense']
    """
    yield path, network
    for segment, inner in children(network):
        yield from walk(inner, joined(path, segment))


def leaves(network: Layer, role: Role) -> dict[str, Array]:
    """The arrays of one role ("parameter", "state" or "number") by path, in a stable order.

    >>> from lamina.network import Dropout, Sequential
    >>> leaves(Sequential([Dropout(0.5)]), "number")
    {'0.dropout.rate': array(0.5, dtype=float32)}
    """
    return {
        joined(path, name): getattr(layer, name)
        for path, layer in walk(network)
        for name in layer.names_of[role]
        if getattr(layer, name) is not None
    }


def with_leaves(network: L, arrays: Mapping[str, Any], path: str = "") -> L:
    """The network with the arrays at these paths replaced, whatever their role; ShapeError for a path it has not.

    >>> from lamina.network import Dropout, Sequential
    >>> with_leaves(Sequential([Dropout(0.5)]), {"0.dropout.rate": 0.25})
    Sequential(layers=(Dropout(rate=0.25),))
    """
    if path == "":
        _refuse_unknown(network, arrays)
    names = [n for role in ("parameter", "state", "number") for n in network.names_of[role]]
    changed = {n: arrays[joined(path, n)] for n in names if joined(path, n) in arrays}
    inner = with_children(network, lambda segment, layer: with_leaves(layer, arrays, joined(path, segment)))
    return dataclasses.replace(inner, **changed)


def _refuse_unknown(network: Layer, arrays: Mapping[str, Any]) -> None:
    known = {
        joined(path, name)
        for path, layer in walk(network)
        for role in ("parameter", "state", "number")
        for name in layer.names_of[role]
    }
    unknown = sorted(set(arrays) - known)
    if unknown:
        raise ShapeError(
            f"The network has no array named {unknown[0]}.", expected=f"One of {', '.join(sorted(known))}."
        )


def build(network: L, shape: Shape, seed: int | Array = 0) -> L:
    """The network with initial parameters for examples of ``shape`` (no batch), drawn from a seed or a key.

    Equal seeds give equal parameters; a layer's don't depend on what comes after it. May be traced.

    >>> from lamina.network import Dense
    >>> build(Dense(4), (3,), seed=1).weight.shape
    (3, 4)
    """
    network.output_shape(tuple(shape))
    key = jax.random.key(seed) if isinstance(seed, int) else seed
    return _build(network, tuple(shape), key)


@partial(jax.jit, static_argnames="shape")
def _build(network: L, shape: Shape, key: Array) -> L:
    counting = Draw()
    jax.eval_shape(lambda: network.build(shape, counting))
    return network.build(shape, Draw(key, counting.taken))


def skeleton(network: L, shape: Shape) -> L:
    """The network with shapes and types in the place of arrays; costs no memory and no arithmetic.

    >>> from lamina.network import Dense
    >>> skeleton(Dense(4), (3,)).weight.shape
    (3, 4)
    """
    network.output_shape(tuple(shape))
    return jax.eval_shape(lambda: network.build(tuple(shape), Draw()))


def apply(network: L, x: Array, context: Context | None = None) -> tuple[Array, L]:
    """What the network makes of a batch, and the network with its new state.

    >>> import jax.numpy as jnp
    >>> from lamina.network import Activation
    >>> apply(Activation("relu"), jnp.array([[-1.0, 2.0]]))[0].tolist()
    [[0.0, 2.0]]
    """
    return network.apply(x, context or Context())


def trace(network: Layer, x: Array) -> dict[str, Array]:
    """Every layer's output for a batch, outside training, by path.

    >>> import jax.numpy as jnp
    >>> from lamina.network import Activation, Sequential
    >>> list(trace(Sequential([Activation("relu"), Activation("tanh")]), jnp.ones((1, 2))))
    ['0.activation', '1.activation']
    """
    records: dict[str, Array] = {}
    network.apply(x, Context(records=records))
    return records
