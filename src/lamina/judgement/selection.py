"""Selection: which members are judged and shipped, chosen so that no row is judged by what it helped to choose."""

from __future__ import annotations

import math
import statistics
from collections.abc import Hashable, Mapping, Sequence


def select(
    tests: Sequence[Hashable], candidates: Sequence[Hashable], pairs: Sequence[Hashable], costs: Sequence[float]
) -> list[int]:
    """For each test part the members of the best candidate, and of those that are as good as far as one can tell.

    ``tests`` says which test part a member has, ``candidates`` which candidate it is of (a network and a recipe),
    ``pairs`` what it shares with one member of each other candidate (part and seed), ``costs`` what its validation rows
    say of it (lower is better; not finite: it failed and is passed over). Each test part's choice uses its own members
    only (nested cross-validation: Varma and Simon 2006, section 2). Best is the least mean cost; a candidate is as good
    when it is worse by no more than one standard error of the paired differences (the rule of Breiman et al. 1984,
    section 3.4.3, used to average what can't be told apart, not to pick the simplest).

    >>> select("aabb", [1, 2, 1, 2], [0, 0, 0, 0], [0.3, 0.2, 0.1, 0.4])
    [1, 2]
    >>> select("aaaa", [1, 2, 1, 2], [0, 0, 1, 1], [0.30, 0.32, 0.32, 0.31])
    [0, 2, 1, 3]
    """
    winners: list[int] = []
    for test in dict.fromkeys(tests):
        here: dict[Hashable, dict[Hashable, int]] = {}
        for member, own in enumerate(tests):
            if own == test and math.isfinite(costs[member]):
                here.setdefault(candidates[member], {})[pairs[member]] = member
        if here:
            best = min(here.values(), key=lambda members: statistics.fmean(costs[m] for m in members.values()))
            equals = [members for members in here.values() if members is not best and as_good(members, best, costs)]
            winners += [member for members in (best, *equals) for member in members.values()]
    return winners


def as_good(ours: Mapping[Hashable, int], best: Mapping[Hashable, int], costs: Sequence[float]) -> bool:
    """Whether members are worse than others by no more than one standard error of the paired differences in cost."""
    differences = [costs[member] - costs[best[pair]] for pair, member in ours.items() if pair in best]
    if len(differences) < 2:
        return False
    return statistics.fmean(differences) <= statistics.stdev(differences) / math.sqrt(len(differences))
