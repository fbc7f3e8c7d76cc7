"""Lengths: how long the examples of a batch are, and what the batch is cut to, so that padding costs little.

Rows of alike lengths share a batch, and a batch is cut to the shortest of a few lengths that holds all of them: each is
compiled, and the batch takes its branch. What is cut off is padding alone, so it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina.data.examples import SILENCE

T = TypeVar("T")
SHARES = (0.5, 0.85)  # of the rows fit into the first and the second length; the third is the whole
WORTH_CUTTING = 0.15  # the share of all steps that must be saved: every length is compiled
WINDOW = 32  # batches among which rows are put in order: what is drawn together still differs from epoch to epoch


def alive(inputs: jax.Array | np.ndarray) -> jax.Array | np.ndarray:
    """Which steps of series [n, time, channels] or samples of sounds [n, samples] are there, [n, time].

    >>> alive(np.array([[3, SILENCE]], np.int16)).tolist()
    [[True, False]]
    """
    return inputs != SILENCE if inputs.ndim == 2 else inputs[:, :, 0] == inputs[:, :, 0]  # NaN is not itself


def lengths_of(inputs: np.ndarray) -> np.ndarray:
    """How many steps or samples each example has, [n], up to the last that is there.

    >>> lengths_of(np.array([[[1.0], [np.nan]], [[2.0], [3.0]]])).tolist()
    [1, 2]
    """
    there = np.asarray(alive(inputs))
    return np.where(there.any(axis=1), there.shape[1] - there[:, ::-1].argmax(axis=1), 0).astype(np.int32)


def cuts(lengths: np.ndarray, whole: int) -> tuple[int, ...]:
    """The lengths that batches are cut to, ascending, the last being ``whole``; none where that saves little.

    >>> cuts(np.array([10, 10, 12, 13, 40, 100]), 100), cuts(np.array([90, 100]), 100)
    ((13, 100), ())
    """
    found = sorted({int(np.quantile(lengths, share, method="higher")) for share in SHARES} - {0, whole})
    ends = np.array([*found, whole])
    saved = 1 - ends[np.searchsorted(ends, lengths)].mean() / whole
    return tuple(ends.tolist()) if saved >= WORTH_CUTTING else ()


def together(rows: np.ndarray, lengths: np.ndarray, batch: int, draw: np.random.Generator) -> np.ndarray:
    """Shuffled rows in an order whose batches are of alike lengths, whole batches shuffled and the ragged one last.

    >>> lengths = np.array([1, 9, 1, 9])
    >>> lengths[together(np.arange(4), lengths, 2, np.random.default_rng(0))].reshape(2, 2).std(axis=1).tolist()
    [0.0, 0.0]
    """
    size = WINDOW * batch
    windows = [rows[at : at + size] for at in range(0, len(rows), size)]
    ordered = np.concatenate([of[np.argsort(lengths[of], kind="stable")] for of in windows])
    whole = len(rows) // batch * batch
    batches = draw.permutation(ordered[:whole].reshape(-1, batch))
    return np.concatenate([batches.reshape(-1), ordered[whole:]])


def cut_to(lengths: Sequence[int], inputs: jax.Array, present: jax.Array, work: Callable[[jax.Array], T]) -> T:
    """``work`` on inputs of a batch, cut to the shortest of ``lengths`` that holds all rows that are ``present``."""
    if not lengths:
        return work(inputs)
    there = (jnp.asarray(alive(inputs)) & (present > 0)[:, None]).any(axis=0)
    longest = jnp.max(jnp.where(there, jnp.arange(1, inputs.shape[1] + 1), 0))
    which = jnp.searchsorted(jnp.asarray(lengths[:-1]), longest)
    return lax.switch(which, [lambda x, to=to: work(x[:, :to]) for to in lengths], inputs)
