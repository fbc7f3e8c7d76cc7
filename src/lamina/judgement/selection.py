"""Selection: which members are judged and shipped, chosen so that no row is judged by what it helped to choose."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence


def select(tests: Sequence[Hashable], candidates: Sequence[Hashable], costs: Sequence[float]) -> list[int]:
    """For each test part the members of the candidate with the least mean cost among the members that have this test
    part.

    ``tests`` says which test part a member has, ``candidates`` which candidate it is a member of (a network and a
    recipe, whatever the seed), ``costs`` what its validation rows say of it (lower is better, not finite: it failed
    and is passed over). Each test part's choice uses its own members only. Source: nested cross-validation, Varma and
    Simon (2006), "Bias in error estimation when using cross-validation for model selection", section 2.

    >>> select(["a", "a", "b", "b"], [1, 2, 1, 2], [0.3, 0.2, 0.1, 0.4])
    [1, 2]
    """
    winners: list[int] = []
    for test in dict.fromkeys(tests):
        here: dict[Hashable, list[int]] = {}
        for member, (own, candidate) in enumerate(zip(tests, candidates, strict=True)):
            if own == test and math.isfinite(costs[member]):
                here.setdefault(candidate, []).append(member)
        if here:
            winners += min(here.values(), key=lambda members: sum(costs[member] for member in members) / len(members))
    return winners
