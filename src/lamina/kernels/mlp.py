"""Training a chain of dense layers: all batches of a segment, forward, backward and update, as one native call.

There is no JAX form here: the step of :mod:`lamina.training.chunk` is it. What a chain is, and when it may run like
this, is for the caller to say; equal to that step within rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from lamina.errors import ShapeError
from lamina.kernels import native

ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "silu")  # by the library's numbers
MEASURES = ("loss", "weight", "norm", "steps", "correct", "squared", "absolute")
MOST_LAYERS = 64


@dataclass(frozen=True)
class Chain:
    """Dense layers one after another: ``sizes`` of all features, an activation a layer, and where weights lie.

    ``weights`` and ``biases`` are first entries in the flat parameter vector (a bias of -1: there is none).
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    weights: tuple[int, ...]
    biases: tuple[int, ...]


class Moving(NamedTuple):
    """What a step changes: the flat parameters and Adam's two moments, [size] each."""

    parameters: Array
    first: Array
    second: Array


class Examples(NamedTuple):
    """``inputs`` [fits, n, features] float32, or uint8 that become ``x * scale + shift`` [features]; ``targets`` [n]
    int32 classes or float32 values; ``weights`` [n].
    """

    inputs: Array
    scale: Array
    shift: Array
    targets: Array
    weights: Array


class Steps(NamedTuple):
    """``rows`` [steps, batch], -1 for none; the steps' learning ``rates`` [steps] and dropout ``keys`` [steps, layers,
    2] uint32; ``dropped`` [layers] shares of each layer's inputs, below 0 for no dropout; ``numbers`` [9]: momentum,
    beta2, weight decay, l1, l2, clip norm, label smoothing, the targets' shift and scale; ``place`` [2] int32: which
    fit of the inputs, and updates made before.
    """

    rows: Array
    rates: Array
    keys: Array
    dropped: Array
    numbers: Array
    place: Array


class Trained(NamedTuple):
    """After the steps; ``before``: the parameters before the last update; ``measures`` [7] summed over the steps, as
    ``MEASURES`` names them; ``done``: how many steps had rows.
    """

    moving: Moving
    before: Array
    measures: Array
    done: Array


def train(chain: Chain, moving: Moving, decays: Array, examples: Examples, steps: Steps) -> Trained:
    """All the steps of Adam on softmax cross entropy (int32 targets) or the square (float32 targets).

    ``decays`` [size] is 1.0 where an entry is a weight. ShapeError where the arrays don't fit the chain.
    """
    _check(chain, moving, examples, steps)
    like = jax.ShapeDtypeStruct(moving.parameters.shape, jnp.float32)
    measures, done = jax.ShapeDtypeStruct((len(MEASURES),), jnp.float32), jax.ShapeDtypeStruct((1,), jnp.int32)
    found = native.call(
        "mlp_train",
        [like, like, like, like, measures, done],
        *moving,
        decays,
        *examples,
        *steps,
        aliases={0: 0, 1: 1, 2: 2},
        sizes=chain.sizes,
        activations=tuple(ACTIVATIONS.index(name) for name in chain.activations),
        weights=chain.weights,
        biases=chain.biases,
    )
    return Trained(Moving(*found[:3]), found[3], found[4], found[5][0])


def _check(chain: Chain, moving: Moving, examples: Examples, steps: Steps) -> None:
    layers = len(chain.activations)
    counts = {len(chain.sizes) - 1, len(chain.weights), len(chain.biases), layers}
    size = moving.parameters.shape[0]
    inside = all(
        at + chain.sizes[place] * chain.sizes[place + 1] <= size
        for place, at in enumerate(chain.weights[: len(chain.sizes) - 1])
    )
    fits = (
        counts == {layers}
        and 1 <= layers <= MOST_LAYERS
        and inside
        and examples.inputs.ndim == 3
        and examples.inputs.shape[2] == chain.sizes[0]
        and steps.rows.ndim == 2
        and steps.keys.shape == (steps.rows.shape[0], layers, 2)
        and steps.dropped.shape == (layers,)
    )
    if not fits:
        raise ShapeError(
            f"A chain of {layers} dense layers {list(chain.sizes)} was given inputs {list(examples.inputs.shape)}, "
            f"rows {list(steps.rows.shape)}, keys {list(steps.keys.shape)} and {size} parameters.",
            expected="Arrays that fit the chain.",
        )
