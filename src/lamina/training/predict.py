"""Prediction: a network's answers to any number of inputs, in batches of one size so that one program serves them
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

BATCH = 512


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
    answer: Callable[..., jax.Array], parameters: np.ndarray, state: Mapping[str, np.ndarray], inputs: np.ndarray
) -> np.ndarray:
    """Class probabilities [n, classes], or scaled values [n], of inputs [n, ...]."""
    answers = []
    for start in range(0, len(inputs), BATCH):
        piece = inputs[start : start + BATCH]
        padding = [(0, BATCH - len(piece))] + [(0, 0)] * (inputs.ndim - 1)
        answers.append(np.asarray(answer(parameters, dict(state), np.pad(piece, padding)))[: len(piece)])
    return np.concatenate(answers)
