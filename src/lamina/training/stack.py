"""A stack: a network that is one chain of dense layers behind a table's or pictures' input, so that a segment of its
training can be one native call.
"""

from __future__ import annotations

import dataclasses
import math
import zlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lamina import optimizers
from lamina.kernels import mlp
from lamina.network import Dense, Dropout, Flatten, ImageInput, Sequential, TableInput
from lamina.training.recipe import Program
from lamina.training.vector import Layout

LOSSES = ("cross entropy", "squared")
NUMBERS = ("momentum", "beta2", "weight_decay", "l1", "l2", "clip_norm", "label_smoothing")
DROPOUT = 1  # what a step's key is folded with for dropout


class Stack(NamedTuple):
    """The chain of a network's dense layers; what a random key of each layer's dropout is folded with, and the path of
    its rate ("" where a layer has none); the path of the layer that scales pictures, or "".
    """

    chain: mlp.Chain
    folds: tuple[int, ...]
    rates: tuple[str, ...]
    pictures: str


def stack_of(network: Any, shape: tuple[int, ...], layout: Layout, program: Program) -> Stack | None:
    """The network as a stack, or None where anything in it or in its program is something else.

    ``network`` is complete and built (shapes will do), ``layout`` that of its parameters.
    """
    plain = program.loss in LOSSES and program.optimizer in optimizers.ADAM and not program.augment
    if not plain or program.precision != "float32" or not isinstance(network, Sequential):
        return None
    first, *layers = network.layers
    if not isinstance(first, TableInput | ImageInput):
        return None
    found = _chain(layers, math.prod(first.output_shape(shape)), layout)
    if found is None or isinstance(first, ImageInput):
        return found and found._replace(pictures="0.image")
    places = {path.removeprefix("0.table."): layout.slice(path).start for path in layout.paths}
    return found._replace(chain=dataclasses.replace(found.chain, table=first.form(places)))


def _chain(layers: Any, features: int, layout: Layout) -> Stack | None:
    sizes, activations, weights, biases = [features], [], [], []
    folds, rates = [], []
    dropout: tuple[int, str] = (0, "")
    for place, layer in enumerate(layers, start=1):
        path = f"{place}.{layer.kind}"
        if type(layer) is Flatten and not weights:
            continue
        if type(layer) is Dropout and not dropout[1]:
            dropout = (zlib.crc32(path.encode()), f"{path}.rate")
        elif type(layer) is Dense and layer.activation in mlp.ACTIVATIONS:
            sizes.append(layer.features)
            activations.append(layer.activation)
            weights.append(layout.slice(f"{path}.weight").start)
            biases.append(layout.slice(f"{path}.bias").start if layer.biased else -1)
            folds.append(dropout[0])
            rates.append(dropout[1])
            dropout = (0, "")
        else:
            return None
    # Dropout behind the last layer would have nowhere to go.
    if dropout[1] or not activations or activations[-1] != "linear" or len(activations) > mlp.MOST_LAYERS:
        return None
    chain = mlp.Chain(tuple(sizes), tuple(activations), tuple(weights), tuple(biases))
    return Stack(chain, tuple(folds), tuple(rates), pictures="")


def train(stack: Stack, form: Any, moving: Any, fixed: Any, data: Any, *, rows: jax.Array, key: jax.Array) -> Any:
    """A member after all the batches of a segment [steps, batch], and its parameters before the last update.

    ``form``, ``moving``, ``fixed``, ``data`` are the chunk's; ``key`` is the member's key of this epoch.
    """
    first, second = optimizers.adam_moments(moving.optimizer)
    at = moving.step + jnp.arange(rows.shape[0], dtype=jnp.int32)
    steps = mlp.Steps(
        rows,
        optimizers.learning_rate(form.program.schedule, fixed.numbers, at),
        _keys(stack, key, at),
        jnp.stack([fixed.rates[path] if path else jnp.float32(-1) for path in stack.rates]),
        jnp.stack([*(fixed.numbers[name] for name in NUMBERS), data.shift[fixed.part], data.scale[fixed.part]]),
        jnp.stack([data.fit[fixed.part], moving.step]),
    )
    before = mlp.Moving(moving.parameters, first, second)
    found = mlp.train(stack.chain, before, form.layout.decays(), _examples(stack, moving, data), steps)
    sums = dict(zip(mlp.MEASURES, found.measures, strict=True))
    return moving._replace(
        parameters=found.moving.parameters,
        optimizer=optimizers.with_adam_moments(moving.optimizer, found.moving.first, found.moving.second, found.done),
        step=moving.step + found.done,
        sums={name: moving.sums[name] + sums[name] for name in moving.sums},
    ), found.before


def _keys(stack: Stack, key: jax.Array, at: jax.Array) -> jax.Array:
    """The words of each step's and layer's key for dropout, as :class:`lamina.network.Context` derives it."""
    if not any(stack.rates):
        return jnp.zeros((len(at), len(stack.rates), 2), jnp.uint32)
    folds = jnp.asarray(stack.folds, jnp.uint32)

    def words(step: jax.Array) -> jax.Array:
        of_step = jax.random.fold_in(jax.random.fold_in(key, step), DROPOUT)
        return jax.vmap(lambda fold: jax.random.key_data(jax.random.fold_in(of_step, fold)))(folds)

    return jax.vmap(words)(at)


def _examples(stack: Stack, moving: Any, data: Any) -> mlp.Examples:
    """All rows as they lie, and of pictures as bytes what scales them."""
    inputs, features = data.inputs, stack.chain.sizes[0]
    scale, shift = jnp.ones((features,), jnp.float32), jnp.zeros((features,), jnp.float32)
    if stack.pictures:
        mean, deviation = (moving.state[f"{stack.pictures}.{name}"] for name in ("mean", "deviation"))
        repeats = features // inputs.shape[-1]
        scale, shift = jnp.tile(1 / (255.0 * deviation), repeats), jnp.tile(-mean / deviation, repeats)
        inputs = inputs.reshape(*inputs.shape[:2], -1)
    return mlp.Examples(inputs, scale, shift, data.targets, data.weights)
