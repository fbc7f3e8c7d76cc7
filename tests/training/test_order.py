"""Orders of rows: permutations that are even, and no function of anything but what they are for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import stats

from lamina.training.order import orders


def test_an_order_has_every_row_once() -> None:
    rows = np.random.default_rng(0).permutation(5000)
    for one in orders(rows, [0, 1, 2**32 - 1], 3, 4):
        np.testing.assert_array_equal(np.sort(one), np.arange(5000))


def test_an_order_is_its_seeds_alone() -> None:
    rows = np.arange(99)
    together, alone = orders(rows, [4, 7, 5], 1, 2), orders(rows, [7], 1, 2)
    np.testing.assert_array_equal(together[1], alone[0])


def test_seed_part_and_epoch_each_change_it() -> None:
    found = [orders(np.arange(99), [seed], part, epoch)[0] for seed in (0, 1) for part in (0, 1) for epoch in (0, 1)]
    assert len({tuple(one) for one in found}) == 8


def test_every_row_is_as_likely_at_every_place() -> None:
    """Over seeds and over the epochs of one seed: chi squared of places by rows, p not below 1 in 1,000."""
    rows = np.arange(12)
    by_seed = orders(rows, range(6000), 0, 0)
    by_epoch = np.concatenate([orders(rows, [0], 0, epoch) for epoch in range(6000)])
    for found in (by_seed, by_epoch):
        counts = np.stack([np.bincount(found[:, place], minlength=12) for place in rows])
        statistic = ((counts - 500) ** 2 / 500).sum()
        assert stats.chi2.sf(statistic, 11 * 11) > 1e-3


def test_orders_of_neighbours_have_nothing_in_common() -> None:
    """Rank correlation of the orders of neighbouring seeds, and of neighbouring epochs: as between independent ones."""
    by_seed = orders(np.arange(1000), range(200), 0, 0)
    by_epoch = np.concatenate([orders(np.arange(1000), [5], 0, epoch) for epoch in range(200)])
    for found in (by_seed, by_epoch):
        near = [np.corrcoef(one, other)[0, 1] for one, other in pairwise(found)]
        assert abs(np.mean(near)) < 4 / np.sqrt(1000 * 199)
        assert 0.8 < np.std(near) * np.sqrt(1000) < 1.2


def test_few_rows_and_none() -> None:
    assert orders(np.arange(1), [0, 1], 0, 0).tolist() == [[0], [0]]
    assert orders(np.arange(0), [0, 1], 0, 0).shape == (2, 0)
