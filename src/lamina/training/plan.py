"""The plan: how a population is laid out on a device, and how much of its training is one chunk.

A plan is worked out from counts, so the same population gets the same plan in every session; for a long training the
likely ones are timed once (``measured.py``). The run stores its plan, and equality to the bit is promised under one
plan.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from lamina.errors import OptionError

Mode = Literal["map", "vmap", "threads"]
Forms = Literal["native", "jax"]

# Rough speeds: they only decide how much work goes into one chunk of about a second, and whether measuring pays.
CORE_FLOPS = 150e9
CORE_STEP = 10e-6  # seconds of a step that does nothing
GPU_FLOPS = 10e12
GPU_STEP = 300e-6
CHUNK_SECONDS = 1.0
MOST_SEGMENTS = 32


@dataclass(frozen=True)
class Plan:
    """Where members run and what a chunk is.

    ``mode``: "map" (one after another on each device), "vmap" (side by side, ``together`` at once, 0 for all of them)
    or "threads" (one after another, every core at work inside each operation). ``segments`` of ``steps`` batches make
    a chunk; ``pieces`` segments make an epoch. ``threads`` may work inside one native operation, 0 for as many as there
    are; ``forms`` are those of the operations: native kernels, or JAX's alone. ``wave`` members train at once, 0 for
    all: what memory allows. ``why`` says how the plan was come by, where it wasn't by counts.
    """

    platform: str
    devices: int
    mode: Mode
    steps: int
    pieces: int
    segments: int
    threads: int = 0
    together: int = 0
    forms: Forms = "native"
    wave: int = 0
    why: str = field(default="", compare=False)

    @property
    def stride(self) -> int:
        """What a population's size is rounded up to a multiple of."""
        return self.devices * (max(1, self.together) if self.mode == "vmap" else 1)

    def at_work(self, members: int) -> int:
        """How many of so many members are in the middle of a step at one moment."""
        side_by_side = (self.together or math.ceil(members / self.devices)) if self.mode == "vmap" else 1
        return min(members, self.devices * side_by_side)

    def sentence(self) -> str:
        """The plan in words.

        >>> Plan("cpu", 2, "map", 9, 1, 16, threads=1).sentence()
        'spread over 2 cpu devices, one member at a time on each; a chunk is 16 epochs'
        """
        chunk = f"{self.segments} epochs" if self.pieces == 1 else f"1/{self.pieces} of an epoch"
        parts = [f"{self._where()}, {self._how()}", f"a chunk is {chunk}"]
        if self.forms == "jax" and self.platform == "cpu":
            parts.append("without native kernels")
        if self.wave:
            parts.append(f"{self.wave} members train at once, as memory allows no more")
        return "; ".join([*parts, *([self.why] if self.why else [])])

    def _where(self) -> str:
        return f"spread over {self.devices} {self.platform} devices" if self.devices > 1 else f"on the {self.platform}"

    def _how(self) -> str:
        each = " on each" if self.devices > 1 else ""
        if self.mode == "vmap":
            return f"{self.together or 'all'} members side by side{each}"
        if self.mode == "threads":
            return "one member at a time, all cores at work on it"
        inside = f", {self.threads} threads inside an operation" if self.threads > 1 else ""
        return f"one member at a time{each}{inside}"

    def to_json(self) -> dict[str, Any]:
        """The plan as plain values, its sentence beside them."""
        return {**dataclasses.asdict(self), "sentence": self.sentence()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Plan:
        """The plan that :meth:`to_json` wrote.

        >>> plan = Plan("cpu", 2, "map", 9, 1, 16)
        >>> Plan.from_json(plan.to_json()) == plan
        True
        """
        return cls(**{of.name: values[of.name] for of in dataclasses.fields(cls) if of.name in values})


def make_plan(
    *,
    members: int,
    rows: int,
    batch_size: int,
    multiply_adds: int,
    platform: str,
    devices: int,
    mode: Mode | None = None,
) -> Plan:
    """The plan for a population by its counts: ``rows`` train in an epoch, each costing ``multiply_adds`` forward.

    ``devices`` are those that there are: a CPU has one for each core. ``mode`` is what was asked for.

    >>> make_plan(members=60, rows=206, batch_size=32, multiply_adds=5000, platform="cpu", devices=2).sentence()
    'spread over 2 cpu devices, one member at a time on each; a chunk is 32 epochs'
    >>> make_plan(members=1, rows=48_000, batch_size=64, multiply_adds=4_300_000, platform="cpu", devices=2).sentence()
    'on the cpu, one member at a time, all cores at work on it; a chunk is 1/8 of an epoch'
    """
    mode = mode or default_mode(members, platform, devices)
    used = min(devices, members) if platform == "cpu" and mode != "threads" else 1
    threads = devices // used if platform == "cpu" and mode != "threads" else 0
    batches = math.ceil(rows / batch_size)
    bare = Plan(platform, used, mode, batches, 1, 1, threads=threads)
    seconds = epoch_seconds(bare, members, rows, batches, multiply_adds)
    pieces = min(batches, max(1, round(seconds / CHUNK_SECONDS)))
    segments = 1 if pieces > 1 else min(MOST_SEGMENTS, 2 ** int(math.log2(max(1.0, CHUNK_SECONDS / seconds))))
    steps = math.ceil(batches / pieces)
    return dataclasses.replace(bare, steps=steps, pieces=math.ceil(batches / steps), segments=segments)


def default_mode(members: int, platform: str, devices: int) -> Mode:
    """A member a core on a CPU, which keeps it in the core's cache; a lone one gets all cores; side by side on a GPU.

    >>> default_mode(8, "cpu", 2), default_mode(1, "cpu", 2), default_mode(8, "gpu", 1)
    ('map', 'threads', 'vmap')
    """
    if platform != "cpu":
        return "vmap"
    return "threads" if members == 1 and devices > 1 else "map"


def epoch_seconds(plan: Plan, members: int, rows: int, batches: int, multiply_adds: int) -> float:
    """About how long one epoch of all members takes under a plan.

    Forward and backward are about three products, of two operations a multiply-add.

    >>> epoch_seconds(Plan("cpu", 2, "map", 7, 1, 1), 60, 206, 7, 5000)
    0.003336
    """
    work = rows * multiply_adds * 6
    if plan.platform != "cpu":
        side_by_side = plan.at_work(members)
        return members * work / GPU_FLOPS + math.ceil(members / side_by_side) * batches * GPU_STEP
    return math.ceil(members / plan.devices) * (work / CORE_FLOPS + batches * CORE_STEP)


def check_mode(mode: str | None, platform: str | None = None) -> None:
    """OptionError where there is no such mode, or the platform has no use for it."""
    if mode is not None and mode not in get_args(Mode):
        expected = "One of: map (a member a core), vmap (members side by side), threads (all cores on one member)."
        raise OptionError(f"There is no plan {mode!r}.", expected=expected, mend="--plan map")
    if mode == "threads" and platform not in (None, "cpu"):
        raise OptionError(
            f"The plan threads is for a CPU, and this trains on a {platform}.",
            expected="map or vmap.",
            mend="--plan vmap   or   --device cpu",
        )


def refit(plan: Plan, platform: str, devices: int, *, native: bool) -> Plan:
    """A run's plan on a machine that may lack the devices or the kernels it was made for; what a chunk is stays.

    >>> refit(Plan("cpu", 4, "map", 9, 1, 16, threads=1), "cpu", 2, native=True).sentence()
    'spread over 2 cpu devices, one member at a time on each; a chunk is 16 epochs'
    """
    if platform != plan.platform:
        moved = Plan(platform, devices, default_mode(2, platform, devices), plan.steps, plan.pieces, plan.segments)
        plan = dataclasses.replace(moved, wave=plan.wave, why=f"begun on a {plan.platform}, which rounds differently")
    if platform == "cpu" and plan.forms == "native" and not native:
        plan = dataclasses.replace(plan, forms="jax", why="begun with native kernels, which round differently")
    return dataclasses.replace(plan, devices=devices) if plan.devices > devices else plan
