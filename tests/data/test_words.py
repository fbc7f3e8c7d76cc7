"""Words: what a column of cells means, against the same written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.data.words import is_missing, match_key, meaning, number_text, texts, tidy


def words(*cells: str | None) -> np.ndarray:
    return np.array(cells, dtype=object)


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (("1", "2.5", "-3e2"), [1, 2.5, -300]),
        (("1,000", "12", "1,234,567.5"), [1000, 12, 1234567.5]),
        (("5%", "-7.5 %", "3"), [5, -7.5, 3]),
        (("0", "10", "100"), [0, 10, 100]),
    ],
)
def test_numbers(cells: tuple[str, ...], numbers: list[float]) -> None:
    assert meaning(words(*cells), name="x")[0].tolist() == numbers


@pytest.mark.parametrize("cells", [("1", "two"), ("1,00", "2"), ("1_000", "2"), ("01", "10"), ("$5", "6"), ("", "x")])
def test_what_stays_words(cells: tuple[str, ...]) -> None:
    assert meaning(words(*cells), name="x")[0].tolist() == list(cells)


def test_the_comma_is_a_decimal_point_only_where_it_can_be() -> None:
    cells = words("1,5", "2")
    assert meaning(cells, name="x", decimal_comma=True)[0].tolist() == [1.5, 2]
    assert meaning(cells, name="x")[0].tolist() == ["1,5", "2"]


def test_number_text_comes_back_as_the_same_number() -> None:
    values = np.concatenate(
        [np.random.default_rng(0).normal(size=200) * 10.0 ** np.arange(-100, 100), [0.0, 1e15, 2**53]]
    )
    assert [float(number_text(v)) for v in values.tolist()] == values.tolist()


def test_match_key_joins_spellings_and_nothing_else() -> None:
    assert {match_key(w) for w in ("3", "3.0", " 3 ", "+3", "3e0")} == {"3"}
    assert len({match_key(w) for w in ("3", "3.1", "three", "inf", "1_0", "12345678901234567890")}) == 6


def test_texts_and_tidy_agree_with_words() -> None:
    assert texts(np.array([1.0, np.nan, 0.5])).tolist() == ["1", None, "0.5"]
    assert texts(np.array(["2024-05-31", "NaT"], dtype="datetime64[us]")).tolist() == ["2024-05-31 00:00:00", None]
    assert tidy([1, True, 1.0, False, float("nan"), b"ab", [1], " NULL "]).tolist() == [
        "1", "true", "1", "false", None, "ab", "[1]", None,
    ]  # fmt: skip
    assert is_missing("N/A")
    assert not is_missing("NAN1")
