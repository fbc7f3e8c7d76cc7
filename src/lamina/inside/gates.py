"""Gates: what an LSTM or a GRU lets in, keeps and lets out at each step of one example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.inside.opened import checked_example, opened
from lamina.inside.recurrence import Way, directions, watched
from lamina.model import Model, NetworkPart
from lamina.network import Context, Layer, apply


@dataclass(frozen=True)
class LSTMGates:
    """One direction of an LSTM reading one example; every array is [time, features], the steps in their own order.

    ``input``, ``forget`` and ``output`` are between 0 and 1: how much is taken in, kept, let out. ``candidate`` is what
    would be taken in, ``cell = forget * cell before + input * candidate`` what is kept, and ``hidden = output *
    tanh(cell)`` what other layers, and the next step, get to see.
    """

    path: str
    direction: Way
    input: np.ndarray
    forget: np.ndarray
    output: np.ndarray
    candidate: np.ndarray
    cell: np.ndarray
    hidden: np.ndarray


@dataclass(frozen=True)
class GRUGates:
    """One direction of a GRU reading one example; every array is [time, features], the steps in their own order.

    ``reset`` and ``update`` are between 0 and 1: how much of the past the ``candidate`` sees, and how much of it stays:
    ``hidden = (1 - update) * candidate + update * hidden before``.
    """

    path: str
    direction: Way
    reset: np.ndarray
    update: np.ndarray
    candidate: np.ndarray
    hidden: np.ndarray


Gates = LSTMGates | GRUGates
_GATES: Mapping[str, type[LSTMGates] | type[GRUGates]] = {"lstm": LSTMGates, "gru": GRUGates}


def gates(of: Model | NetworkPart | Layer, x: Any) -> tuple[Gates, ...]:
    """The gates of every LSTM and GRU of a network while it reads one example, layer by layer, forward before backward.

    ``of`` is a model (of an ensemble its first network), one of its parts, or a built network; ``x`` one example as
    the network takes it: a row of ``examples.inputs``, or of what ``model.read`` gives. Steps that aren't there (the
    padding of a shorter series) are cut off. A network without LSTM and GRU has none. ShapeError for several examples.

    >>> from lamina.network import LSTM, Last, Sequential, build
    >>> network = build(Sequential([LSTM(4, bidirectional=True), Last()]), (7, 2))
    >>> [(seen.path, seen.direction, seen.forget.shape) for seen in gates(network, np.ones((7, 2), np.float32))]
    [('0.lstm', 'forward', (7, 4)), ('0.lstm', 'backward', (7, 4))]
    """
    x, network = checked_example(of, x), watched(opened(of))
    records = jax.device_get(_records(network, x[None]))
    return tuple(
        _GATES[layer.kind](path, way, **_of_one(records, path, way))
        for path, layer, way in directions(network)
        if layer.kind in _GATES
    )


def _records(network: Any, x: np.ndarray) -> dict[str, jax.Array]:
    def run(x: jax.Array) -> dict[str, jax.Array]:
        records: dict[str, jax.Array] = {}
        apply(network, x, Context(records=records))
        return records

    return jax.jit(run)(jnp.asarray(x))


def _of_one(records: Mapping[str, np.ndarray], path: str, way: Way) -> dict[str, np.ndarray]:
    """What was recorded of one direction, for the only example, on its live steps."""
    live, start = records[f"{path}.live"][0], f"{path}.{way}."
    return {name.removeprefix(start): of[0][live] for name, of in records.items() if name.startswith(start)}
