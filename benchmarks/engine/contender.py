"""A contender: one library training one network (or a population of it) at one setting, ready to be timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol


class Contender(Protocol):
    """``members``: how many networks a step moves.

    ``run`` does so many steps of each member and gives the seconds; ``accuracy`` is that of the held rows as the
    weights are now (of the members' mean); ``notes`` say what should be known of it.
    """

    members: int
    notes: str

    def run(self, steps: int) -> float: ...

    def accuracy(self) -> float: ...


def timed(work: Callable[[], Any]) -> float:
    """Seconds of a call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
