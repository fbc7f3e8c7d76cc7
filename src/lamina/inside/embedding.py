"""Embedding: examples placed on a plane by what a layer makes of them, for the trained network or a snapshot of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from lamina.errors import OptionError
from lamina.inside.kept import Kept
from lamina.inside.opened import part_of, remembered
from lamina.inside.trace import outputs
from lamina.model import Model, NetworkPart

Method = Literal["pca", "tsne"]
METHODS: tuple[Method, ...] = get_args(Method)
MOST = 1000  # examples
LARGEST = 4096  # numbers of one example; above, each map is its mean
AT_ONCE = 256
PERPLEXITY, ITERATIONS = 30.0, 500


@dataclass(frozen=True)
class Embedding:
    """Examples ``ids`` [n] at ``points`` [n, 2], by the output of the layer at ``path``.

    ``epoch`` is the snapshot's, None for the network as it was trained. ``explained`` [2] is the share of all variance
    along each axis; None for t-SNE, whose distances mean little beyond the nearest neighbours.
    """

    method: Method
    path: str
    epoch: int | None
    points: np.ndarray
    ids: np.ndarray
    explained: np.ndarray | None


def embedding(
    kept: Kept,
    of: Model | NetworkPart,
    path: str,
    method: Method = "pca",
    snapshot: tuple[int, Any] | None = None,
    *,
    like: Embedding | None = None,
) -> Embedding:
    """Kept examples, at most 1,000, placed by principal components or t-SNE of a layer's output.

    What a layer makes of an example is one row of numbers; where there are more than 4,096, each of its maps is one,
    its mean. ``snapshot`` is an epoch and the weights of then, as `RunFolder.snapshots` gives them; running averages
    stay those of the end. ``like``, another embedding of the same examples, says how to turn and mirror this one, so
    that one can follow a point from epoch to epoch; nothing else is changed. t-SNE begins at the principal components
    and has a fixed seed (van der Maaten and Hinton 2008; scikit-learn's).

    OptionError for a method or a layer that there isn't, and for weights of another network.

    >>> from lamina.network import Dense, Sequential
    >>> part = NetworkPart(Sequential([Dense(1)]), (2,), "squared", None, np.array([3.0, -1.0, 0.0], "f4"), {})
    >>> x, ids = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0]], "f4"), np.arange(3)
    >>> kept = Kept("series", ids, ids.astype(str), ids.astype(str), ids, ids, x)
    >>> embedding(kept, part, "0.dense").points.tolist()
    [[-3.0, 0.0], [0.0, 0.0], [3.0, 0.0]]
    """
    if method not in METHODS:
        raise OptionError(f"There is no method {method!r}.", expected=f"One of {', '.join(METHODS)}.", mend="pca")
    part = _at(part_of(of), snapshot)
    ids = np.unique(np.linspace(0, len(kept) - 1, min(MOST, len(kept))).round().astype(int))
    rows = _rows(kept, part, path, ids)
    points, explained = _principal(rows) if method == "pca" else (_neighbours(rows), None)
    if like is not None and np.array_equal(like.ids, ids):
        points = points @ _turn(points, like.points)
    epoch = None if snapshot is None else snapshot[0]
    return Embedding(method, path, epoch, points.astype(np.float32), ids, explained)


def _at(part: NetworkPart, snapshot: tuple[int, Any] | None) -> NetworkPart:
    """The network with the weights of a snapshot; kept, so that its next question finds what was made for it."""
    if snapshot is None:
        return part
    epoch, vector = snapshot[0], np.asarray(snapshot[1], np.float32)
    if vector.shape != part.parameters.shape:
        raise OptionError(
            f"The snapshot of epoch {epoch} has {vector.size:,} weights and the network {part.parameters.size:,}.",
            expected="A snapshot of this network: a run keeps those of its winner.",
            mend="name the winner, or leave the epoch out",
        )
    made = remembered(part, f"snapshot {epoch}", lambda: replace(part, parameters=vector))
    return made if np.array_equal(made.parameters, vector) else replace(part, parameters=vector)


def _rows(kept: Kept, part: NetworkPart, path: str, ids: np.ndarray) -> np.ndarray:
    """What the layer makes of each example, float64 [n, numbers]."""
    inputs = kept.inputs_for(part, ids)
    made = (outputs(part, inputs[at : at + AT_ONCE], path) for at in range(0, len(inputs), AT_ONCE))
    return np.concatenate([np.nan_to_num(_flat(of)) for of in made]).astype(np.float64)


def _flat(y: np.ndarray) -> np.ndarray:
    if y.ndim > 2 and y[0].size > LARGEST:
        return y.mean(axis=tuple(range(1, y.ndim - 1)))
    return y.reshape(len(y), -1)


def _principal(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first two principal components, the largest weight of each above 0, and their shares of the variance."""
    centred = rows - rows.mean(axis=0)
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])
    points, shares = np.zeros((len(rows), 2)), np.zeros(2)
    there = min(2, len(sizes))
    points[:, :there] = (left * sizes * signs)[:, :there]
    total = (sizes**2).sum()
    shares[:there] = sizes[:there] ** 2 / total if total > 0 else 0
    return points, shares.astype(np.float32)


def _neighbours(rows: np.ndarray) -> np.ndarray:
    """t-SNE; what hardly varies has nothing to be placed by, and too few examples have no neighbours."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # scikit-learn stands on it

    if len(rows) < 4 or not np.ptp(rows, axis=0).any():
        return _principal(rows)[0]
    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    placing = TSNE(2, init=_start(rows), perplexity=perplexity, max_iter=ITERATIONS, random_state=0)
    # Threads that wait for each other a thousand times: on a busy machine two take a hundred times as long as one.
    with threadpool_limits(1):
        return placing.fit_transform(rows.astype(np.float32))


def _start(rows: np.ndarray) -> Any:
    """The principal components, as small as t-SNE wants to begin (Kobak and Berens 2019)."""
    points = _principal(rows)[0]
    return (points / max(points[:, 0].std(), 1e-12) * 1e-4).astype(np.float32)


def _turn(points: np.ndarray, like: np.ndarray) -> np.ndarray:
    """The rotation, mirrored or not, that brings points nearest to others (orthogonal Procrustes, Schönemann 1966)."""
    left, _, right = np.linalg.svd(points.T.astype(np.float64) @ (like - like.mean(axis=0)))
    return left @ right
