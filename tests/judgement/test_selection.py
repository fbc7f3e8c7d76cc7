"""Selection: each test part chooses for itself, and what can't be told apart is averaged."""

from __future__ import annotations

import math

from lamina.judgement.selection import select


def test_seeds_of_a_candidate_are_judged_by_their_mean() -> None:
    candidates, pairs = ["slow", "slow", "fast", "fast"], [0, 1, 0, 1]
    assert select([0] * 4, candidates, pairs, [0.5, 0.5, 0.4, 0.41]) == [2, 3]


def test_a_test_part_never_looks_at_anothers_members() -> None:
    tests, candidates, pairs = [0, 0, 1, 1], ["slow", "fast", "slow", "fast"], [0] * 4
    assert select(tests, candidates, pairs, [0.1, 0.2, 0.9, 0.3]) == [0, 3]
    assert select(tests, candidates, pairs, [0.1, 0.2, -5.0, 0.3])[0] == 0


def test_the_rule_of_one_standard_error_by_hand() -> None:
    candidates, pairs = ["best"] * 4 + ["other"] * 4, [0, 1, 2, 3] * 2
    # Differences 1, -1, 1, 1: mean 0.5, deviation 1, standard error 0.5: just as good.
    assert len(select([0] * 8, candidates, pairs, [0, 0, 0, 0, 1, -1, 1, 1])) == 8
    # Differences 1.1, -1, 1, 1: mean 0.525, deviation 1.017, standard error 0.508: worse.
    assert select([0] * 8, candidates, pairs, [0, 0, 0, 0, 1.1, -1, 1, 1]) == [0, 1, 2, 3]


def test_a_constant_difference_is_a_sure_one() -> None:
    assert select([0] * 4, ["a", "a", "b", "b"], [0, 1, 0, 1], [1.0, 5.0, 1.01, 5.01]) == [0, 1]


def test_one_pair_tells_nothing_so_the_best_stands_alone() -> None:
    assert select([0, 0], ["a", "b"], [0, 0], [0.3, 0.300001]) == [0]


def test_members_that_failed_are_passed_over() -> None:
    assert select([0, 0, 0], ["a", "a", "b"], [0, 1, 0], [math.inf, 0.2, 0.3]) == [1]
    assert select([0], ["a"], [0], [math.nan]) == []
