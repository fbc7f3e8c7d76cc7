"""The order in which an epoch takes its rows: a function of a member's seed, its part and the epoch, and of nothing
else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina.kernels.random_bits import mixed

AT_ONCE = 1 << 18  # numbers that are sorted together: what lies between takes four times their memory


def orders(rows: np.ndarray, seeds: Sequence[int], part: int, epoch: int) -> np.ndarray:
    """The training rows [n] of a part as members of several seeds take them in one epoch, [seeds, n].

    Rows are sorted by a hash of their places, the one that dropout's bits come from: within an order it gives no number
    twice. The orders of 64 members take half of what as many random generators take.

    >>> one, other = orders(np.array([3, 5, 8]), [0, 1], part=0, epoch=7)
    >>> sorted(one.tolist()), sorted(other.tolist())
    ([3, 5, 8], [3, 5, 8])
    """
    found = np.empty((len(seeds), len(rows)), rows.dtype)
    together = max(1, AT_ONCE // max(1, len(rows)))
    for at in range(0, len(seeds), together):
        some = np.asarray(seeds[at : at + together])
        found[at : at + together] = rows.take(_permutations(len(rows), some, part, epoch))
    return found


def _permutations(count: int, seeds: np.ndarray, part: int, epoch: int) -> np.ndarray:
    """The places [seeds, count] from 0 on in the order of their hashes."""
    places = np.arange(count, dtype=np.uint64)
    first, second = (_key(salt, seeds, part, epoch)[:, None] for salt in (0, 1))
    ranks = mixed(mixed(places.astype(np.uint32) + first) ^ second)
    # A rank and its place as one number: sorting numbers is many times as fast as asking for the places they came from.
    both = ranks.astype(np.uint64) << np.uint64(32) | places
    both.sort(axis=1)
    both &= np.uint64(0xFFFFFFFF)
    return both.view(np.int64)


def _key(salt: int, seeds: np.ndarray, part: int, epoch: int) -> np.ndarray:
    """32 bits [seeds] of what an order is for."""
    words = np.full(len(seeds), salt, np.uint32)
    for of in (seeds, part, epoch):
        words = mixed(words + np.asarray(of).astype(np.uint32))
    return words


def drawing(*address: int) -> np.random.Generator:
    """Random numbers that depend on what they are for alone."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(address)))
