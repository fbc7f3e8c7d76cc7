"""The cores that a process may use."""

from __future__ import annotations

import os


def allowed() -> list[int]:
    """Their numbers; from 0 where the system doesn't say (macOS, Windows)."""
    try:
        return sorted(os.sched_getaffinity(0))
    except AttributeError:
        return list(range(os.cpu_count() or 1))


def available() -> int:
    """How many there are."""
    return len(allowed())


def pin(numbers: list[int]) -> None:
    """Keep this process, and what it starts from now on, on these cores; nothing where that can't be done."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, numbers)
