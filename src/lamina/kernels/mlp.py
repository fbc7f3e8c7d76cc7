"""Training a chain of dense layers: all batches of a segment, forward, backward and update, as one native call.

There is no JAX form here: the step of :mod:`lamina.training.chunk` is it. What a chain is, and when it may run like
this, is for the caller to say; equal to that step within rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from lamina.errors import ShapeError
from lamina.kernels import native
from lamina.kernels.table import Table, side_by_side

ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "silu")  # by the library's numbers
MEASURES = ("loss", "weight", "norm", "steps", "correct", "squared", "absolute")
MOST_LAYERS = 64


@dataclass(frozen=True)
class Chain:
    """Dense layers one after another: ``sizes`` of all features, an activation a layer, and where weights lie.

    ``weights`` and ``biases`` are first entries in the flat parameter vector (a bias of -1: there is none), which holds
    nothing else than they and what ``table`` learns; without a table rows are what the first layer reads.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    weights: tuple[int, ...]
    biases: tuple[int, ...]
    table: Table | None = None

    @property
    def rows(self) -> Table:
        """What makes the first layer's inputs of a row."""
        return self.table or Table(self.sizes[0])


class Moving(NamedTuple):
    """What a step changes: the flat parameters and Adam's two moments, [size] each."""

    parameters: Array
    first: Array
    second: Array


class Examples(NamedTuple):
    """``inputs`` [fits, n, width of a row] float32, or uint8 that become ``x * scale + shift`` [features]; ``targets``
    [n] int32 classes or float32 values; ``weights`` [n].
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

    ``decays`` [size] is 1.0 where an entry is a weight. ShapeError where the arrays don't fit the chain, or are of
    another kind.
    """
    _check(chain, moving, decays, examples, steps)
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
        table=chain.rows.words(),
    )
    return Trained(Moving(*found[:3]), found[3], found[4], found[5][0])


def _check(chain: Chain, moving: Moving, decays: Array, examples: Examples, steps: Steps) -> None:
    layers, size = len(chain.activations), moving.parameters.size
    if not 1 <= layers <= MOST_LAYERS or not _holds_all(chain, size):
        raise ShapeError(
            f"A chain of {layers} dense layers {list(chain.sizes)} was given {size} parameters.",
            expected=f"1 to {MOST_LAYERS} layers whose weights and biases, and what a table learns, are all of them.",
        )
    if not side_by_side(chain.rows.features(), chain.sizes[0]):
        raise ShapeError(
            f"A chain of dense layers {list(chain.sizes)} was given a table of other features: {chain.table}.",
            expected="Numbers, then categories side by side, as many features as the first layer reads.",
        )
    for name, array, *expected in _expected(chain, moving, decays, examples, steps):
        if f"{array.dtype}{list(array.shape)}" not in expected:
            raise ShapeError(
                f"A chain of dense layers {list(chain.sizes)} was given {name} {array.dtype}{list(array.shape)}.",
                expected=" or ".join(expected),
            )


def _holds_all(chain: Chain, size: int) -> bool:
    """Whether weights, biases and what the table learns lie side by side from the first parameter to the last."""
    layers = len(chain.activations)
    if {len(chain.sizes) - 1, len(chain.weights), len(chain.biases)} != {layers} or min(chain.sizes) < 1:
        return False
    blocks = [(at, i * o) for at, i, o in zip(chain.weights, chain.sizes[:-1], chain.sizes[1:], strict=True)]
    blocks += [(at, out) for at, out in zip(chain.biases, chain.sizes[1:], strict=True) if at >= 0]
    return side_by_side([*blocks, *chain.rows.learned()], size)


def _expected(chain: Chain, moving: Moving, decays: Array, examples: Examples, steps: Steps) -> list[tuple[Any, ...]]:
    """Each array by name, and what it may be."""
    size, layers, features, width = moving.parameters.size, len(chain.activations), chain.sizes[0], chain.rows.width
    kinds = ("float32", "uint8") if chain.table is None else ("float32",)
    fits, count = examples.inputs.shape[0], examples.targets.size
    batches = steps.rows.shape[0] if steps.rows.ndim == 2 else -1
    classes, values = f"int32[{count}]", f"float32[{count}]"
    return [
        *((name, array, f"float32[{size}]") for name, array in (*moving._asdict().items(), ("decays", decays))),
        ("inputs", examples.inputs, *(f"{kind}[{fits}, {count}, {width}]" for kind in kinds)),
        ("a scale", examples.scale, f"float32[{features}]"),
        ("a shift", examples.shift, f"float32[{features}]"),
        # The square is of one output.
        ("targets", examples.targets, *((classes, values) if chain.sizes[-1] == 1 else (classes,))),
        ("weights", examples.weights, f"float32[{count}]"),
        ("rows", steps.rows, f"int32[{batches}, {steps.rows.shape[-1] if steps.rows.ndim else 0}]"),
        ("rates", steps.rates, f"float32[{batches}]"),
        ("keys", steps.keys, f"uint32[{batches}, {layers}, 2]"),
        ("dropped shares", steps.dropped, f"float32[{layers}]"),
        ("numbers", steps.numbers, "float32[9]"),
        ("a place", steps.place, "int32[2]"),
    ]
