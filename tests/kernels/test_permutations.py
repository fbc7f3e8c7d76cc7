"""Random orders of rows: the native form sorts by counting and gives what NumPy's sort gives."""

from __future__ import annotations

import numpy as np
import pytest
from tests.kernels.conftest import Forms, chosen

from lamina.kernels import permutations
from lamina.kernels.permutations import permuted


def keys(orders: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 2**32, (2, orders), np.uint32)


@pytest.mark.parametrize("count", [0, 1, 2, 15, 17, 1437, 40_000, 70_001])
def test_both_forms_give_the_same(forms: Forms, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    rows, (first, second) = np.random.default_rng(0).permutation(count).astype(np.int32), keys(5)
    with monkeypatch.context() as patch:
        patch.setenv("LAMINA_NATIVE", "0")
        plain = permuted(rows, first, second)
    for library in forms.libraries:
        with chosen(library):
            for threads in (1, 3):
                np.testing.assert_array_equal(permuted(rows, first, second, threads), plain, err_msg=library)


def test_rows_that_come_twice_and_keys_that_do(forms: Forms) -> None:
    del forms
    found = permuted(np.array([7, 7, 2]), np.zeros(2, np.uint32), np.zeros(2, np.uint32))
    assert found.dtype == np.int32
    assert np.array_equal(found[0], found[1])
    assert sorted(found[0].tolist()) == [2, 7, 7]


def test_numpy_goes_by_groups_and_no_order_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINA_NATIVE", "0")
    whole = permuted(np.arange(99), *keys(7))
    monkeypatch.setattr(permutations, "AT_ONCE", 200)
    np.testing.assert_array_equal(permuted(np.arange(99), *keys(7)), whole)
