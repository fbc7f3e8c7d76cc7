"""Order, doubles, gaps and filling against hand arithmetic, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.data.steps import filled, in_order, merged, places, regular_step


def test_rows_of_each_series_come_in_the_order_of_time() -> None:
    codes, times = np.array([1, 0, 1, 0, 1]), np.array([3.0, 1, 2, 2, 2])
    order, late = in_order(codes, times)
    assert order.tolist() == [1, 3, 2, 4, 0]  # equal times keep the rows' order
    assert late.tolist() == [0, 1]


def test_doubles_are_averaged_over_what_is_there() -> None:
    codes, times = np.array([0, 0, 0, 1, 1]), np.array([1.0, 1, 2, 2, 2])
    values = np.array([[1, np.nan], [3, np.nan], [5, 6], [np.nan, 1], [7, 2]])
    averages, first = merged(codes, times, values)
    np.testing.assert_array_equal(averages, [[2, np.nan], [5, 6], [7, 1.5]])
    assert first.tolist() == [0, 2, 3]  # the same time in another series is no double


def test_without_doubles_values_are_untouched() -> None:
    values = np.random.default_rng(0).normal(size=(4, 2))
    assert merged(np.zeros(4), np.arange(4.0), values)[0] is values


@pytest.mark.parametrize(
    ("times", "step"),
    [
        ([0, 1, 2, 5, 6], 1),
        ([0.0, 0.1, 0.2, 0.30000000000000004, 0.4], 0.1),
        ([0, 10.1, 19.9, 30.05, 39.9], 9.95),  # jitter: the median of 10.1, 9.8, 10.15, 9.85
        ([0, 31, 59, 90, 120, 151], 31),  # first days of months
        ([0, 1, 3, 10, 30, 100], None),
        ([5], None),
    ],
)
def test_the_regular_step(times: list[float], step: float | None) -> None:
    found = regular_step(np.zeros(len(times)), np.array(times, float))
    assert found == (None if step is None else pytest.approx(step, abs=0.05 if step > 2 else 1e-9))


def test_between_two_series_there_is_no_step() -> None:
    assert regular_step(np.array([0, 0, 1, 1]), np.array([0.0, 2, 100, 102])) == 2
    assert regular_step(np.array([0, 1, 2]), np.array([0.0, 1, 2])) is None


def test_places_leave_room_for_missing_steps_of_months_and_jitter() -> None:
    codes = np.array([0, 0, 0, 1, 1, 1])
    months = np.array([0, 31, 90, 7, 35, 66.0])  # the second month is missing; 59 days are two steps of 31
    assert places(codes, months, 31.0).tolist() == [0, 1, 3, 0, 1, 2]
    assert places(codes, months, None).tolist() == [0, 1, 2, 0, 1, 2]
    assert places(np.array([0, 0]), np.array([0.0, 0.2]), 1.0).tolist() == [0, 1]  # never two at one place


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    step=st.sampled_from([0.1, 1.0, 86400.0]),
    data=st.data(),
)
def test_taking_steps_out_of_a_regular_series_leaves_the_others_in_their_places(
    lengths: list[int], step: float, data: st.DataObject
) -> None:
    codes = np.repeat(np.arange(len(lengths)), lengths)
    at = np.concatenate([np.arange(n) for n in lengths])
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(at), max_size=len(at)))) | (at == 0)
    assert places(codes[kept], at[kept] * step + 17, step).tolist() == at[kept].tolist()


def test_filling_between_at_the_ends_and_throughout() -> None:
    gone = np.nan
    series = np.array([[gone, gone, 1], [2, gone, 2], [gone, gone, 3], [gone, gone, gone], [8, gone, 5]])
    whole, count = filled(series, np.array([100.0, 7, 100]))
    assert whole.tolist() == [[2, 7, 1], [2, 7, 2], [4, 7, 3], [6, 7, 4], [8, 7, 5]]
    assert count == 9
    assert np.isnan(series).sum() == 9  # what was given stays


def test_nothing_missing_is_nothing_done() -> None:
    series = np.ones((3, 2))
    assert filled(series, np.zeros(2)) == (series, 0)
