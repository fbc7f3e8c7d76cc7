"""Measured plans: for a training that is long enough, the likely plans are timed once, and what was found remembered.

What a candidate takes is timed on the population itself, with the very program that it would train by, so the winner
costs no second compilation. A machine remembers by the shape of the population and by all that decides about speed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lamina.errors import OutputError
from lamina.files import write_whole
from lamina.training.cache import folder
from lamina.training.plan import Plan

PAYS_FROM = 180.0  # seconds of training from which measuring, some 10 seconds, pays
MARGIN = 0.9  # what another plan must take of the time of the one by counts, to be worth leaving that one
IDLE = 0.9  # the share of the cores' time below which a member a core leaves too many of them idle
FULL = 4e9  # multiply-adds of a step that keep a GPU busy


def candidates(plan: Plan, *, members: int, cores: int, native: bool, step: float) -> list[Plan]:
    """The plans that may be faster than the one by counts, that one first; their chunks are the same.

    ``native``: whether there are native kernels; ``step``: the multiply-adds of one member's step forward.

    >>> counted = Plan("cpu", 2, "map", 7, 1, 1, threads=1)
    >>> [of.mode for of in candidates(counted, members=3, cores=2, native=False, step=1e6)]
    ['map', 'threads']
    >>> [of.mode for of in candidates(counted, members=64, cores=2, native=False, step=1e6)]
    ['map']
    """
    if plan.platform != "cpu":
        at_once = 2 ** max(0, int(FULL / step).bit_length() - 1)
        fewer = [dataclasses.replace(plan, together=at_once)] if 1 < at_once < plan.at_work(members) else []
        return [plan, *fewer, dataclasses.replace(plan, mode="map", together=0)] if members > 1 else [plan]
    found = [plan]
    rounds = -(-members // plan.devices)
    if plan.mode == "map" and members / (rounds * cores) < IDLE:
        found.append(dataclasses.replace(plan, mode="threads", devices=1, threads=0))
    return found + ([dataclasses.replace(plan, forms="jax")] if native else [])


def choose(plans: Sequence[Plan], about: Mapping[str, Any], rehearse: Callable[[Plan], float]) -> Plan:
    """The fastest of some plans, the first unless another is clearly faster.

    ``about`` is all that decides about speed; ``rehearse`` times a plan, in seconds, and is asked only where nothing is
    remembered.
    """
    if len(plans) == 1:
        return plans[0]
    file = folder() / "plans" / f"{_digest([about, [name(plan) for plan in plans]])}.json"
    seconds = recall(file, plans)
    if seconds is None:
        seconds = {name(plan): rehearse(plan) for plan in plans}
        remember(file, seconds, about)
    first, best = plans[0], min(plans, key=lambda plan: seconds[name(plan)])
    chosen = best if seconds[name(best)] < MARGIN * seconds[name(first)] else first
    others = ", ".join(f"{name(of)} {1e3 * seconds[name(of)]:.3g}" for of in plans if of is not chosen)
    why = f"measured here: {1e3 * seconds[name(chosen)]:.3g} ms a member's step ({others})"
    return dataclasses.replace(chosen, why=why)


def name(plan: Plan) -> str:
    """What tells a candidate from the others, in words.

    >>> name(Plan("gpu", 1, "vmap", 7, 1, 1, together=16)), name(Plan("cpu", 1, "threads", 7, 1, 1, forms="jax"))
    ('vmap 16', 'threads, no native kernels')
    """
    mode = f"{plan.mode} {plan.together}" if plan.mode == "vmap" and plan.together else plan.mode
    return mode if plan.forms == "native" else f"{mode}, no native kernels"


def recall(file: Path, plans: Sequence[Plan]) -> dict[str, float] | None:
    """The seconds that were measured of these plans; None where nothing is remembered that can be used."""
    try:
        seconds = json.loads(file.read_text())["seconds"]
        found = {name(plan): float(seconds[name(plan)]) for plan in plans}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if all(0 < value < float("inf") for value in found.values()) else None


def remember(file: Path, seconds: Mapping[str, float], about: Mapping[str, Any]) -> None:
    """Keep what was measured, and of what; where that can't be written it is measured again next time."""
    with contextlib.suppress(OSError, OutputError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps({"seconds": dict(seconds), "about": dict(about)}, indent=1).encode())


def _digest(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:24]
