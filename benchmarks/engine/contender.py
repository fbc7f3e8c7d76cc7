"""A contender: one library training one network (or a population of it) at one setting, ready to be timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol


class Contender(Protocol):
    """``members``: how many networks a step moves.

    ``run`` does so many steps of each member and gives its cost: seconds (or megabytes); ``accuracy`` is that of the
    held rows as the weights are now, the mean of the members; ``notes`` say what should be known of it.
    """

    members: int

    @property
    def notes(self) -> str: ...

    def run(self, steps: int) -> float: ...

    def accuracy(self) -> float | None: ...


def timed(work: Callable[[], Any]) -> float:
    """Seconds of a call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
