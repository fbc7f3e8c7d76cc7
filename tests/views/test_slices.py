"""Where a run fails: against SciPy's tests, and on data whose bad part is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from lamina.metrics import wilson
from lamina.views import slices as of
from lamina.views.opened import Opened
from lamina.views.record import Answers
from lamina.views.slices import Judged, Slice, judged_of, slices, table_slices, worst


@pytest.mark.parametrize(("wrong", "rows"), [(0, 10), (3, 40), (40, 40), (1, 1000)])
def test_the_interval_is_wilsons(wrong: int, rows: int) -> None:
    expected = scipy.stats.binomtest(wrong, rows).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson(wrong, rows), (expected.low, expected.high), atol=1e-6)


def test_two_shares_are_compared_as_chi_squared_does() -> None:
    chance = of._two_shares(12, 30, 20, 170)
    found = scipy.stats.chi2_contingency([[12, 18], [20, 150]], correction=False)
    assert chance == pytest.approx(found.pvalue / 2, rel=1e-6)


def test_errors_are_compared_as_welch_did() -> None:
    draw = np.random.default_rng(0)
    first, other = draw.exponential(2, 400), draw.exponential(1.8, 900)
    found = scipy.stats.ttest_ind(first, other, equal_var=False, alternative="greater")
    assert of._welch(first, other) == pytest.approx(scipy.stats.norm.sf(found.statistic), rel=1e-6)


def _made(rows: int = 400) -> tuple[np.ndarray, dict[str, list[Any]]]:
    """A network that is wrong on half the rows of the island Dream where the bill is short, and rarely elsewhere."""
    draw = np.random.default_rng(0)
    island, bill = draw.choice(["Dream", "Biscoe", "Torgersen"], rows), draw.uniform(30, 60, rows)
    bad = (island == "Dream") & (bill < 37.5)
    wrong = draw.random(rows) < np.where(bad, 0.6, 0.02)
    cells = {"island": island.tolist(), "bill": bill.tolist(), "noise": draw.normal(size=rows).tolist()}
    return wrong.astype(float), cells


def test_the_bad_part_is_found_in_words() -> None:
    wrong, cells = _made()
    judged = Judged(wrong, np.ones(len(wrong)), True)
    found, tried = worst(judged, list(table_slices(cells)))
    assert tried > 11
    pair = next(each for each in found if len(each.slice.of) == 2)
    assert {column for column, _ in pair.slice.of} == {"island", "bill"}
    assert "island is Dream" in pair.slice.words
    assert pair.value == wrong[pair.slice.rows].mean()
    assert pair.interval is not None
    assert pair.interval[0] > judged.overall
    assert not [each for each in found if "noise" in each.slice.words]


def test_where_it_fails_nowhere_nothing_is_said() -> None:
    """Of 40 networks whose mistakes have no cause, about one in twenty may still be told of."""
    _, cells = _made()
    told = 0
    for seed in range(40):
        wrong = (np.random.default_rng(seed + 100).random(400) < 0.15).astype(float)
        told += bool(worst(Judged(wrong, np.ones(400), True), list(table_slices(cells)))[0])
    assert told <= 8


def test_parts_of_a_few_rows_are_not_looked_at() -> None:
    wrong = np.array([1.0] * 5 + [0.0] * 95)
    found, tried = worst(Judged(wrong, np.ones(100), True), [Slice("five", wrong == 1, (("a", "five"),))])
    assert (found, tried) == ([], 0)


def test_values_are_compared_by_their_errors() -> None:
    draw = np.random.default_rng(0)
    where = draw.random(300) < 0.2
    errors = np.abs(draw.normal(size=300)) * np.where(where, 5, 1)
    found, _ = worst(Judged(errors, np.ones(300), False), [Slice("far out", where, (("place", "far out"),))])
    assert found[0].value == pytest.approx(errors[where].mean())
    assert found[0].interval is None


def test_kept_rows_stand_for_all_that_were_judged() -> None:
    """All mistakes are kept and few of the right answers: the share wrong is still that of all."""
    predictions = np.tile([0.9, 0.1], (1000, 1))
    targets = np.r_[np.ones(50, int), np.zeros(950, int)]
    kept = np.r_[np.arange(50), np.arange(50, 1000, 19)]
    judged = judged_of(Answers(np.arange(1000), targets, predictions), kept, classes=True)
    assert judged.overall == pytest.approx(0.05)
    assert judged.weights.sum() == pytest.approx(1000)


def test_columns_become_quarters_words_and_what_is_missing() -> None:
    cells = {"size": [1.0, 2.0, 3.0, 4.0, None], "flat": [7.0] * 5, "gone": [None] * 5}
    found = {each.words: each.rows.tolist() for each in table_slices(cells)}
    assert found["size is missing"] == [False] * 4 + [True]
    assert sum(found["size 1 to 1.75"]) == 1
    assert np.array([rows for words, rows in found.items() if " to " in words]).sum() == 4
    assert found["gone is missing"] == [True] * 5


@pytest.mark.parametrize("name", ["penguins", "pictures", "steps"])
def test_slices_of_a_run(runs: Path, name: str) -> None:
    opened = Opened(name, runs / name)
    found, judged = slices(opened), opened.judged
    assert judged is not None
    assert found["rows"] == len(judged.targets)
    assert found["overall"] == pytest.approx((judged.predictions.argmax(axis=1) != judged.targets).mean())
    assert (found["tried"] > 0) == (name != "steps")  # 12 judged rows are too few to look at parts of them
    for item in found["items"]:
        assert item["wrong"] > item["overall"]
        assert item["interval"][0] <= item["wrong"] <= item["interval"][1]


def test_a_model_alone_has_no_slices(runs: Path) -> None:
    assert "absent" in slices(Opened("model.lamina", runs / "pictures" / "model.lamina"))


def test_a_regression_is_cut_by_its_values() -> None:
    answers = Answers(np.arange(100), np.arange(100.0), np.arange(100.0))
    words = [each.words for each in of._plain_slices(answers, ())]
    assert len(words) == 8
    assert words[0] == "the true value 0 to 24.75"
