"""Memory: what a run keeps of its recurrent layers, so that a page can show it without the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamina.data.examples import Task
from lamina.inside.gates import Gates, gates
from lamina.inside.gradient import BackInTime, back_in_time
from lamina.inside.spectrogram import hears, spectrograms
from lamina.model import NetworkPart

DIRECTIONS = 4  # of recurrent layers whose gates are kept: the first ones
STEPS, COLUMNS, UNITS = 400, 200, 32  # of a curve, of a picture of gates
KEEPING = {"lstm": "forget", "gru": "update"}  # the gate that keeps what was there
SHARES = (0.1, 0.9)  # of the examples: between their quantiles lie most


def memory_of(networks: Sequence[NetworkPart], inputs: np.ndarray, targets: np.ndarray, task: Task) -> dict[str, Any]:
    """What the first network's recurrent layers remember, as arrays for memory.npz; empty where it has none.

    ``inputs`` [n, ...] as the network takes them, ``targets`` [n]: a few dozen that it never saw. Looked at are the
    gradient back in time over all of them, and the gates of the one that is answered best.

    - ``directions`` [d, 3]: path, kind and way of each direction of each recurrent layer; ``examples``: how many.
    - ``D/steps`` [k], ``D/hidden`` and of an LSTM ``D/cell`` [3, k]: of direction D, so many steps back, the mean norm
      of the gradient and its quantiles of 10 and 90 %.
    - ``row``: which of the inputs has its gates shown; ``input`` [columns, features]: what it is, ``input_steps`` long;
    - ``gated`` [g, 3] like ``directions``, ``G/gate/NAME`` [columns, units] float16 (a column is the mean over some
      steps), ``G/time``: how many steps there are, ``G/units`` [units]: which of the layer's, by how long they keep,
      ``G/half_lives`` [features]: after how many steps half of what a unit keeps is gone, sorted, longest first.
    """
    part = networks[0]
    seen = back_in_time(part, inputs, targets)
    if not seen:
        return {}
    row = clearest(part.answer(inputs, task), targets, task)
    found: dict[str, Any] = {"examples": len(inputs), "row": row, "directions": _named(seen)}
    for at, one in enumerate(seen):
        found |= {f"{at}/{name}": values for name, values in _curves(one).items()}
    example = _example(part, inputs[row])
    found |= {"input": columns(example).astype(np.float32), "input_steps": len(example)}
    return found | _all_gates(gates(part, inputs[row])[:DIRECTIONS])


def clearest(answers: np.ndarray, targets: np.ndarray, task: Task) -> int:
    """The example that is answered best: its own class most probable, or its value nearest.

    >>> clearest(np.array([[0.7, 0.3], [0.1, 0.9]]), np.array([0, 1]), Task("classification", "y", ("a", "b")))
    1
    """
    if task.kind == "regression":
        return int(np.abs(answers - targets).argmin())
    return int(answers[np.arange(len(targets)), targets.astype(int)].argmax())


def _named(found: Sequence[BackInTime | Gates]) -> np.ndarray:
    kinds = [one.kind if isinstance(one, BackInTime) else one.path.rpartition(".")[2] for one in found]
    return np.array([(one.path, kind, one.direction) for one, kind in zip(found, kinds, strict=True)]).reshape(-1, 3)


def _curves(one: BackInTime) -> dict[str, np.ndarray]:
    states = ["hidden"] + ["cell"] * (one.cell is not None)
    length = len(one.curve())
    steps = np.unique(np.linspace(0, max(0, length - 1), min(STEPS, length)).round().astype(int))
    found: dict[str, np.ndarray] = {"steps": steps}
    for state in states:
        there = one.backwards(state)[:, :length]
        quantiles = np.nanquantile(there, SHARES, axis=0) if length else np.zeros((2, 0))
        found[state] = np.stack([one.curve(state), *quantiles])[:, steps]
    return found


def _example(part: NetworkPart, x: np.ndarray) -> np.ndarray:
    """One example as it is drawn, [time, features]: a sound's mel bands, a series' channels, without padding."""
    if hears(part):
        return spectrograms(part, x[None])[0]
    return x[~np.isnan(x).all(axis=1)]


def _all_gates(found: Sequence[Gates]) -> dict[str, Any]:
    kept: dict[str, Any] = {"gated": _named(found)}
    for at, one in enumerate(found):
        kept |= {f"{at}/{name}": values for name, values in _of_gates(one, _named([one])[0, 1]).items()}
    return kept


def _of_gates(one: Gates, kind: str) -> dict[str, Any]:
    lives = half_lives(getattr(one, KEEPING[kind]))
    order = np.argsort(-lives, kind="stable")
    units = order[np.unique(np.linspace(0, len(order) - 1, min(UNITS, len(order))).round().astype(int))]
    arrays: Mapping[str, Any] = {name: of for name, of in vars(one).items() if isinstance(of, np.ndarray)}
    pictures = {f"gate/{name}": columns(of[:, units]).astype(np.float16) for name, of in arrays.items()}
    return {**pictures, "time": len(one.hidden), "units": units, "half_lives": lives[order].astype(np.float32)}


def half_lives(keeping: np.ndarray) -> np.ndarray:
    """After how many steps half of what each unit had is gone, [features], by the gate that keeps it [time, features].

    >>> half_lives(np.array([[0.5, 0.25, 1.0], [0.5, 1.0, 1.0]])).tolist()
    [1.0, 1.0, inf]
    """
    if not len(keeping):
        return np.zeros(keeping.shape[1])
    loss = -np.log2(np.maximum(keeping.astype(np.float64), 1e-30)).mean(axis=0)
    return np.divide(1, loss, out=np.full_like(loss, np.inf), where=loss > 0)


def columns(values: np.ndarray, most: int = COLUMNS) -> np.ndarray:
    """At most so many columns of values [time, features], each the mean over the steps that fall into it.

    >>> columns(np.arange(6.0)[:, None], 3).ravel().tolist()
    [0.5, 2.5, 4.5]
    """
    if len(values) <= most:
        return values
    edges = np.linspace(0, len(values), most + 1).round().astype(int)
    return np.add.reduceat(values.astype(np.float64), edges[:-1], axis=0) / np.diff(edges)[:, None]
