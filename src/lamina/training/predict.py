"""Prediction: a network's answers to any number of inputs, in batches of a few sizes so that few programs serve them
all.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from lamina import losses
from lamina.network import Context, apply, skeleton, with_leaves
from lamina.training.vector import Layout, without_numbers

SIZES = (1, 32, 256, 1024)  # of batches: one example alone must not wait for a thousand


def compiled(network: Any, shape: tuple[int, ...], loss: str, task: losses.TaskKind) -> Callable[..., jax.Array]:
    """The program (parameters, state, inputs) -> answers of a network; compiled at its first batch.

    Networks that differ in numbers alone (a dropout rate) share one, as dropout is off.
    """
    return _compiled(without_numbers(network), shape, loss, task)


@functools.cache
def _compiled(network: Any, shape: tuple[int, ...], loss: str, task: losses.TaskKind) -> Callable[..., jax.Array]:
    template = skeleton(network, shape)
    layout = Layout.of(template)

    @jax.jit
    def answer(parameters: jax.Array, state: dict[str, jax.Array], inputs: jax.Array) -> jax.Array:
        whole = with_leaves(template, {**layout.unpack(parameters), **state})
        outputs, _ = apply(whole, inputs, Context(training=False))
        return losses.probabilities(outputs, loss) if task == "classification" else outputs[:, 0]

    return answer


def predict(
    answer: Callable[..., jax.Array], parameters: Any, state: Mapping[str, Any], inputs: np.ndarray
) -> np.ndarray:
    """Class probabilities [n, classes], or scaled values [n], of inputs [n, ...]."""
    answers = []
    size = next((size for size in SIZES if size >= len(inputs)), SIZES[-1])
    for start in range(0, len(inputs), size):
        piece = inputs[start : start + size]
        there = len(piece)
        if there < size:
            piece = np.pad(piece, [(0, size - there)] + [(0, 0)] * (inputs.ndim - 1))
        answers.append(np.asarray(answer(parameters, state, piece))[:there])
    return np.concatenate(answers)
