"""The order in which an epoch takes its rows: a function of a member's seed, its part and the epoch, and of nothing
else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina.kernels.permutations import permuted
from lamina.kernels.random_bits import mixed


def orders(rows: np.ndarray, seeds: Sequence[int], part: int, epoch: int, threads: int = 1) -> np.ndarray:
    """The training rows [n] of a part as members of several seeds take them in one epoch, [seeds, n] int32.

    Rows are sorted by a hash of their places, the one that dropout's bits come from.

    >>> one, other = orders(np.array([3, 5, 8]), [0, 1], part=0, epoch=7)
    >>> sorted(one.tolist()), sorted(other.tolist())
    ([3, 5, 8], [3, 5, 8])
    """
    first, second = (_key(salt, np.asarray(seeds), part, epoch) for salt in (0, 1))
    return permuted(rows, first, second, threads)


def _key(salt: int, seeds: np.ndarray, part: int, epoch: int) -> np.ndarray:
    """32 bits [seeds] of what an order is for."""
    words = np.full(len(seeds), salt, np.uint32)
    for of in (seeds, part, epoch):
        words = mixed(words + np.asarray(of).astype(np.uint32))
    return words


def drawing(*address: int) -> np.random.Generator:
    """Random numbers that depend on what they are for alone."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(address)))
