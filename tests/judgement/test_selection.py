"""Selection: each test part chooses for itself."""

from __future__ import annotations

import math

from lamina.judgement.selection import select


def test_seeds_of_a_candidate_are_judged_by_their_mean() -> None:
    tests, candidates = [0] * 4, ["slow", "slow", "fast", "fast"]
    assert select(tests, candidates, [0.5, 0.5, 0.1, 0.8]) == [2, 3]


def test_a_test_part_never_looks_at_anothers_members() -> None:
    tests, candidates = [0, 0, 1, 1], ["slow", "fast", "slow", "fast"]
    assert select(tests, candidates, [0.1, 0.2, 0.9, 0.3]) == [0, 3]
    assert select(tests, candidates, [0.1, 0.2, -5.0, 0.3])[0] == 0


def test_members_that_failed_are_passed_over() -> None:
    assert select([0, 0, 0], ["a", "a", "b"], [math.inf, 0.2, 0.3]) == [1]
    assert select([0], ["a"], [math.nan]) == []
