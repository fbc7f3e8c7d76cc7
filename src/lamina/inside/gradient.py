"""Back in time: how much the loss still depends on what a recurrent layer remembered, step by step into the past.

Where the gradient with respect to the hidden state fades on its way back, a network can't learn from what lies there;
where it grows, training jumps (Hochreiter 1991; Bengio et al. 1994; Pascanu et al. 2013, sec. 2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.inside.opened import checked_examples, opened, part_of
from lamina.inside.recurrence import STATES, Way, directions, watched
from lamina.losses import LOSSES, Loss
from lamina.model import Model, NetworkPart
from lamina.network import Context, apply, with_leaves
from lamina.training.recipe import Recipe

AT_ONCE = 1 << 22  # numbers that the gradients of the examples at work together may have


@dataclass(frozen=True)
class BackInTime:
    """The norms of the loss gradient with respect to the states of one direction of a recurrent layer.

    ``hidden`` and, of an LSTM, ``cell`` are [examples, time], NaN where a step isn't there: the norm, over the layer's
    features, of the whole gradient of the example's own loss, by way of the layer's output and of all later steps.
    """

    path: str
    kind: str
    direction: Way
    hidden: np.ndarray
    cell: np.ndarray | None

    def backwards(self, state: str = "hidden") -> np.ndarray:
        """The norms counted from the last step that the layer reads, [examples, steps back]; NaN before the first.

        >>> norms = np.array([[1.0, 2.0, np.nan]])
        >>> BackInTime("0.rnn", "rnn", "forward", norms, None).backwards().tolist()
        [[2.0, 1.0, nan]]
        """
        norms = getattr(self, state)
        if self.direction == "backward":  # it reads the first step last
            return norms
        turned = np.full_like(norms, np.nan)
        for row, there in enumerate(~np.isnan(norms)):
            turned[row, : there.sum()] = norms[row, there][::-1]
        return turned

    def curve(self, state: str = "hidden") -> np.ndarray:
        """The mean over the examples at each step back, [steps back]: how the gradient fades, or grows.

        >>> BackInTime("0.rnn", "rnn", "forward", np.array([[1.0, 2.0], [3.0, np.nan]]), None).curve().tolist()
        [2.5, 1.0]
        """
        turned = self.backwards(state)
        turned = turned[:, ~np.isnan(turned).all(axis=0)]
        return np.nanmean(turned, axis=0) if turned.size else np.zeros(0)


def back_in_time(of: Model | NetworkPart, x: Any, y: Any) -> tuple[BackInTime, ...]:
    """How the loss gradient fades or grows back in time in every RNN, LSTM and GRU, layer by layer, forward first.

    ``of`` is a model (of an ensemble its first network) or one of its parts; ``x`` [n, ...] are examples as the network
    takes them, ``y`` [n] their class numbers, or their values in the target's units. The loss is the one it was trained
    with, without label smoothing and dropout; each example has its own. ShapeError where the two don't fit.

    >>> from lamina.network import GRU, Dense, Last, Sequential, build, leaves
    >>> from lamina.training.vector import Layout
    >>> network = Sequential([GRU(4), Last(), Dense(1, "linear")])
    >>> built = build(network, (7, 2))
    >>> weights = np.asarray(Layout.of(built).pack(leaves(built, "parameter")))
    >>> part = NetworkPart(network, (7, 2), "squared", None, weights, {})
    >>> (gru,) = back_in_time(part, np.ones((3, 7, 2), np.float32), np.zeros(3))
    >>> gru.hidden.shape, len(gru.curve()), bool(gru.curve()[0] > gru.curve()[-1])
    ((3, 7), 7, True)
    """
    part = part_of(of)
    x, y = checked_examples(part, x, y)
    network = watched(opened(part))
    ways = directions(network)
    if not ways:
        return ()
    kind, loss = LOSSES[part.loss]
    targets = y.astype(np.int32) if kind == "classification" else ((y - part.shift) / part.scale).astype(np.float32)
    pieces = list(_norms(network, loss, x, targets))
    return tuple(
        BackInTime(path, layer.kind, way, *_stacked(pieces, f"{path}.{way}", STATES[layer.kind]))
        for path, layer, way in ways
    )


def _norms(network: Any, loss: Loss, x: np.ndarray, targets: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
    """The norms [states, examples, time] by the path of what nudges, for some examples at a time."""
    nudges = _nudges(network, x[:1])
    size = max(1, AT_ONCE // max(1, sum(of.size for of in nudges.values())))
    gradients = jax.jit(jax.grad(_objective(network, loss), has_aux=True))
    for start in range(0, len(x), size):
        some = x[start : start + size]
        still = {path: np.zeros((of.shape[0], len(some), *of.shape[2:]), of.dtype) for path, of in nudges.items()}
        found, live = jax.device_get(gradients(still, jnp.asarray(some), jnp.asarray(targets[start : start + size])))
        yield {path: _norm(gradient, live[path.rpartition(".")[0]]) for path, gradient in found.items()}


def _norm(gradient: np.ndarray, live: np.ndarray) -> np.ndarray:
    """Over the features, NaN where a step isn't there. In double precision: float32 has no squares of what fades."""
    return np.where(live[None], np.linalg.norm(gradient.astype(np.float64), axis=-1), np.nan)


def _nudges(network: Any, x: np.ndarray) -> dict[str, jax.ShapeDtypeStruct]:
    """What nudges each direction's states for one example, [states, 1, time, features], by its path in the network."""
    records = jax.eval_shape(lambda x: _run(network, x)[1], jnp.asarray(x))
    found = {}
    for path, layer, way in directions(network):
        hidden = records[f"{path}.{way}.hidden"]
        found[f"{path}.{way}"] = jax.ShapeDtypeStruct((len(STATES[layer.kind]), *hidden.shape), hidden.dtype)
    return found


def _run(network: Any, x: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    records: dict[str, jax.Array] = {}
    return apply(network, x, Context(records=records))[0], records


def _objective(network: Any, loss: Loss) -> Any:
    """The sum of the examples' losses as a function of the nudges, and the live steps of each recurrent layer."""
    numbers = {name: jnp.asarray(value) for name, value in Recipe().numbers().items()}
    paths = {path for path, _, _ in directions(network)}

    def objective(nudges: dict[str, jax.Array], x: jax.Array, targets: jax.Array) -> tuple[jax.Array, dict[str, Any]]:
        outputs, records = _run(with_leaves(network, nudges), x)
        return loss(outputs, targets, numbers).sum(), {path: records[f"{path}.live"] for path in paths}

    return objective


def _stacked(pieces: list[dict[str, np.ndarray]], path: str, states: tuple[str, ...]) -> tuple[Any, Any]:
    """The norms of all examples: of the hidden state, and of the cell state where there is one."""
    norms = np.concatenate([piece[path] for piece in pieces], axis=1)
    return norms[0], norms[1] if len(states) > 1 else None
