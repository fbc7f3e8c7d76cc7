"""Backward: the loss of one example and its gradient at every unit and weight: backpropagation made visible."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from lamina.errors import OptionError
from lamina.inside.anatomy import ANSWER, anatomy, task_of
from lamina.inside.opened import checked_example, part_of, weights
from lamina.inside.trace import flow
from lamina.losses import LOSSES
from lamina.model import Model, NetworkPart
from lamina.network import leaves, skeleton, with_leaves
from lamina.network.mask import live
from lamina.training.device import answer_at_once
from lamina.training.recipe import Recipe
from lamina.training.vector import without_numbers


@dataclass(frozen=True)
class Gradient:
    """How much the loss grows with each number that an organ puts out: ``gradient`` is as large as its output."""

    path: str
    kind: str
    gradient: np.ndarray


@dataclass(frozen=True)
class WeightGradient:
    """A parameter array's ``value``, the ``gradient`` of the loss, and what one step would ``change``."""

    path: str
    value: np.ndarray
    gradient: np.ndarray
    change: np.ndarray


@dataclass(frozen=True)
class Backward:
    """The way back through a network from one example's loss.

    ``target`` is the true class's number, or the value in the target's units. ``steps`` are the organs' gradients in
    the order of the anatomy, the input's first and without the answer, as the loss looks at what the answer is made of;
    ``weights`` those of all parameters. One step of plain gradient descent at the learning ``rate`` would bring the
    loss of this example from ``loss`` to ``loss_after``.
    """

    loss: float
    target: float | int
    steps: tuple[Gradient, ...]
    weights: tuple[WeightGradient, ...]
    rate: float
    loss_after: float

    def __getitem__(self, path: str) -> np.ndarray:
        """The gradient at an organ ("1.conv") or a parameter ("1.conv.weight"); OptionError where there is none."""
        found = next((of.gradient for of in (*self.steps, *self.weights) if of.path == path), None)
        if found is None:
            known = ", ".join(of.path for of in (*self.steps, *self.weights) if of.path)
            raise OptionError(f"There is no gradient at {path!r}.", expected=f"One of {known}.")
        return found


def backward(of: Model | NetworkPart, x: Any, y: Any, rate: float = 0.01) -> Backward:
    """The loss of one example, its gradient at every organ's output and parameter, and what one step would change.

    ``of`` is a model (of an ensemble its first network) or one of its parts; ``x`` one example as the network takes it,
    ``y`` its class number, or its value in the target's units. The loss is the one it was trained with (a regression's
    is of the scaled target), without label smoothing, dropout and penalties; batch norm keeps its running averages. A
    step of a sequence that isn't there has the gradient 0, and so have codes, which can't be moved; a recurrent layer
    that truncates cuts the way back as it does in training. ShapeError for several examples, OptionError for a class
    that there isn't or a rate below 0.

    >>> from lamina.network import Dense, Sequential
    >>> part = NetworkPart(Sequential([Dense(1, "linear")]), (2,), "squared", None, np.array([2.0, 3.0, 1.0]), {})
    >>> back = backward(part, np.array([1.0, -1.0]), 3.0, rate=0.1)
    >>> back.loss, back["0.dense"].tolist(), back["0.dense.weight"].ravel().tolist(), round(back.loss_after, 4)
    (9.0, [-6.0], [-6.0, 6.0], 1.44)
    """
    part = part_of(of)
    x = checked_example(part, x)
    target, scaled = _target(part, y)
    if not (math.isfinite(rate) and rate >= 0):
        raise OptionError(f"The learning rate is {rate}.", expected="A finite number from 0.", mend="rate=0.01")
    answer_at_once()
    program = _compiled(without_numbers(part.network), part.shape, part.loss)
    (loss, after), organs, parameters = jax.device_get(program(weights(part), x[None], scaled, np.float32(rate)))
    kinds = {organ.path: organ.kind for organ in anatomy(part)}
    return Backward(
        loss=float(loss),
        target=target,
        steps=tuple(Gradient(path, kinds[path], organs[path][0]) for path in kinds if path != ANSWER),
        weights=tuple(_weight(part, path, gradient, rate) for path, gradient in parameters.items()),
        rate=float(rate),
        loss_after=float(after),
    )


def _target(part: NetworkPart, y: Any) -> tuple[float | int, np.ndarray]:
    """The target as it is shown, and as the loss takes it, [1]."""
    value = float(np.asarray(y).reshape(()))
    if task_of(part) == "regression":
        if not math.isfinite(value):
            raise OptionError(f"The target is {value}.", expected="A finite number.", mend="y=0.0")
        return value, np.array([(value - part.shift) / part.scale], np.float32)
    classes = anatomy(part)[-1].output_shape[0]
    if value not in range(classes):
        raise OptionError(f"There is no class {y}.", expected=f"A class's number from 0 to {classes - 1}.", mend="y=0")
    return int(value), np.array([value], np.int32)


def _weight(part: NetworkPart, path: str, gradient: np.ndarray, rate: float) -> WeightGradient:
    return WeightGradient(path, np.asarray(weights(part)[path]), gradient, -np.float32(rate) * gradient)


@functools.lru_cache(64)
def _compiled(network: Any, shape: tuple[int, ...], loss: str) -> Callable[..., Any]:
    """The program of all networks that differ in their weights alone: (losses before and after), gradients of both."""
    part = NetworkPart(network, shape, loss, None, np.zeros(0, np.float32), {})  # pyright: ignore[reportArgumentType]
    organs, template = anatomy(part), skeleton(network, shape)
    numbers = {name: jnp.asarray(value) for name, value in Recipe().numbers().items()}

    def run(weights: Mapping[str, Array], x: Array, target: Array, rate: Array) -> Any:
        parameters = {path: weights[path] for path in leaves(template, "parameter")}

        def cost(parameters: Mapping[str, Array], nudges: Mapping[str, Array]) -> tuple[Array, dict[str, Array | None]]:
            made, lives = flow(with_leaves(template, {**weights, **parameters}), organs, x.astype(jnp.float32), nudges)
            return LOSSES[loss][1](made[organs[-1].sources[0]], target, numbers)[0], lives

        made = jax.eval_shape(lambda: flow(with_leaves(template, weights), organs, x.astype(jnp.float32))[0])
        still = {path: jnp.zeros(of.shape, of.dtype) for path, of in made.items()}
        (before, lives), (of_weights, of_organs) = jax.value_and_grad(cost, (0, 1), has_aux=True)(parameters, still)
        moved = {path: value - rate * of_weights[path] for path, value in parameters.items()}
        shown = {path: live(gradient, lives[path]) for path, gradient in of_organs.items()}
        return (before, cost(moved, still)[0]), shown, of_weights

    return jax.jit(run)
