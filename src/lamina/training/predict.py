"""Prediction: a network's answers to any number of inputs.

On a CPU natively, in one call, where there is a step for each of its layers (network/feedforward.py). Else by a
compiled program in batches of a few sizes, so that few programs serve them all.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from lamina import losses
from lamina.allowance import cores
from lamina.kernels import native
from lamina.kernels.feedforward import Feedforward, Kind, Step
from lamina.kernels.platform import by_platform
from lamina.network import Context, apply, feedforward, skeleton, with_leaves
from lamina.training.vector import Layout, without_numbers

SIZES = (1, 32, 256, 1024)  # of batches: one example alone must not wait for a thousand
PIECE = 128  # examples that go through a network together on a CPU: what lies between its layers stays in the cache

Answer = Callable[[Mapping[str, jax.Array], np.ndarray], jax.Array]


def compiled(network: Any, shape: tuple[int, ...], loss: str, task: losses.TaskKind) -> Answer:
    """The program (weights, inputs) -> answers of a network; compiled at its first batch.

    Weights are arrays by path, as :func:`weights_of` gives them. Networks that differ in numbers alone (a dropout rate)
    share one program, as dropout is off.
    """
    return _compiled(without_numbers(network), shape, loss, task)


@functools.cache
def _compiled(network: Any, shape: tuple[int, ...], loss: str, task: losses.TaskKind) -> Answer:
    template = skeleton(network, shape)

    def answer(weights: Mapping[str, jax.Array], inputs: jax.Array) -> jax.Array:
        outputs, _ = apply(with_leaves(template, weights), inputs, Context(training=False))
        return losses.probabilities(outputs, loss) if task == "classification" else outputs[:, 0]

    def in_pieces(weights: Mapping[str, jax.Array], inputs: jax.Array) -> jax.Array:
        if inputs.shape[0] % PIECE:
            return answer(weights, inputs)
        pieces = inputs.reshape(-1, PIECE, *inputs.shape[1:])
        answers = jax.lax.map(functools.partial(answer, weights), pieces)
        return answers.reshape(-1, *answers.shape[2:])

    return jax.jit(functools.partial(by_platform, cpu=in_pieces, default=answer))


def asker(
    network: Any,
    shape: tuple[int, ...],
    loss: str,
    task: losses.TaskKind,
    parameters: np.ndarray,
    state: Mapping[str, np.ndarray],
) -> Callable[[np.ndarray], np.ndarray]:
    """What answers inputs [n, ...] with class probabilities [n, classes], or scaled values [n]."""
    steps = _steps(network, shape, parameters, state)
    if steps is None:
        weights = weights_of(network, shape, parameters, state)
        return functools.partial(predict, compiled(network, shape, loss, task), weights)
    if task == "regression":
        values = Feedforward(steps, cores())
        return lambda inputs: values(inputs)[:, 0]
    shares: Kind = "sigmoid" if loss == "sigmoid cross entropy" else "softmax"
    return Feedforward([*steps, Step(shares, steps[-1].after, steps[-1].after)], cores())


def _steps(
    network: Any, shape: tuple[int, ...], parameters: np.ndarray, state: Mapping[str, np.ndarray]
) -> list[Step] | None:
    """The network's native steps; None where it has none, or a GPU answers."""
    if jax.default_backend() != "cpu" or not native.usable():
        return None
    template = skeleton(network, shape)
    return feedforward.steps(with_leaves(template, _arrays(template, parameters, state)), shape)


def weights_of(
    network: Any, shape: tuple[int, ...], parameters: np.ndarray, state: Mapping[str, Any]
) -> dict[str, jax.Array]:
    """A network's parameters and states by path, on the device: moved once, not with every question."""
    return jax.device_put(_arrays(skeleton(network, shape), parameters, state))


def _arrays(template: Any, parameters: np.ndarray, state: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters, which come as one flat vector, and states by path."""
    return {**Layout.of(template).unpack(np.asarray(parameters)), **state}


def predict(answer: Answer, weights: Mapping[str, jax.Array], inputs: np.ndarray) -> np.ndarray:
    """Class probabilities [n, classes], or scaled values [n], of inputs [n, ...]."""
    if len(inputs) in SIZES:
        return np.asarray(answer(weights, inputs))
    answers = []
    size = next((size for size in SIZES if size >= len(inputs)), SIZES[-1])
    for start in range(0, len(inputs), size):
        piece = inputs[start : start + size]
        there = len(piece)
        if there < size:
            piece = np.pad(piece, [(0, size - there)] + [(0, 0)] * (inputs.ndim - 1))
        answers.append(np.asarray(answer(weights, piece))[:there])
    return np.concatenate(answers)
