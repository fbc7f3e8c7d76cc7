"""Parts: where their inputs stand, and that a part whose terms were changed no longer has its value."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lamina.inside.arithmetic import (
    Choice,
    Unit,
    Window,
    check,
    choice,
    formula,
    function,
    products,
    row,
    shares,
)


def window() -> Window:
    """Rows -1 and 1, columns 2 and 3, of channel 5."""
    there = np.array([[False, False], [True, True]])
    return Window(np.array([[9.0, 9.0], [3.0, 4.0]]), (-1, 2, 5), (2, 1), (0, 1), there)


def test_places_of_a_window() -> None:
    found = choice("largest", "x", window()).places()
    assert found.tolist() == [[[-1, 2, 5], [-1, 3, 5]], [[1, 2, 5], [1, 3, 5]]]
    assert found.dtype == np.int32


def test_what_is_not_there_counts_nothing() -> None:
    assert products("sum", "x", None, [[1, 1], [2, 3]], bias=0.5, window=window()).value == 18.5
    assert choice("largest", "x", window()).value == 4
    seen = shares("shares", "x", [1.0, 2.0, 50.0], 0, there=np.array([True, True, False]))
    assert seen.shares.tolist() == pytest.approx([1 / (1 + np.e), np.e / (1 + np.e), 0])


def test_where_nothing_is_there() -> None:
    nothing = dataclasses.replace(window(), there=np.zeros((2, 2), bool))
    chosen = choice("largest", "x", nothing)
    assert (chosen.won, chosen.value, check(chosen)) == ((), 0, 0)
    empty = shares("shares", "x", [1.0, 2.0], 1, there=np.zeros(2, bool))
    assert (empty.total, empty.value, check(empty)) == (0, 0, 0)


def test_a_row_of_a_sequence() -> None:
    assert products("sum", "x", None, [1, 1], window=row(np.ones(2), (4,), start=3)).places().tolist() == [
        [4, 3],
        [4, 4],
    ]


def test_sigmoid_shares() -> None:
    seen = shares("answer", "x", [0.0, 200.0], 1, by="sigmoid")
    assert (seen.exponentials.tolist(), seen.value, seen.shift) == ([0.5, 1], pytest.approx(2 / 3), 0)


def test_a_changed_term_is_found() -> None:
    weighed = products("sum", "x", [1.0, 2.0], [3.0, 4.0])
    assert check(weighed) == 11 != check(dataclasses.replace(weighed, weights=np.float32([3, 5])))
    bent = function("output", "relu", "sum", 2.0)
    assert check(bent) == 2 != check(dataclasses.replace(bent, input=-2.0))
    written = formula("y", "2 * x", {"x": 3.0})
    assert check(written) == 6 != check(dataclasses.replace(written, operands={"x": 4.0}))
    chosen = choice("largest", "x", row(np.float32([1, 7])))
    assert isinstance(chosen, Choice)
    assert check(chosen) == 7 != check(dataclasses.replace(chosen, inputs=np.float32([1, 2])))


def test_not_a_number_wins() -> None:
    assert choice("largest", "x", row(np.float32([1, np.nan, 2]))).won == (1,)


def test_a_part_by_its_name() -> None:
    made = Unit("0.dense", "dense", (0,), (formula("y", "x", {"x": 1.0}),), 1.0)
    assert made["y"] is made.parts[0]
    with pytest.raises(KeyError):
        made["z"]
