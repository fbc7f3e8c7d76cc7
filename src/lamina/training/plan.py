"""The plan: how a population is laid out on a device, and how much of its training is one chunk.

The plan is worked out from counts, never from the clock, so the same population gets the same plan in every session;
the run stores it, and equality to the bit is promised under one plan.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Literal

from lamina.errors import OptionError

# Rough speeds of one CPU core under XLA: they only decide how much work goes into one chunk of about a second.
FLOPS = 40e9
STEP_SECONDS = 20e-6
CHUNK_SECONDS = 1.0
MOST_SEGMENTS = 32


@dataclass(frozen=True)
class Plan:
    """Where members run and what a chunk is.

    ``mode``: "map" (one after another on each device) or "vmap" (side by side); ``segments`` of ``steps`` batches make
    a chunk; ``pieces`` segments make an epoch.
    """

    platform: str
    devices: int
    mode: Literal["map", "vmap"]
    steps: int
    pieces: int
    segments: int

    def sentence(self) -> str:
        """The plan in words.

        >>> Plan("cpu", 2, "map", 9, 1, 16).sentence()
        'spread over 2 cpu devices, one member at a time on each; a chunk is 16 epochs'
        """
        how = "one member at a time on each" if self.mode == "map" else "members side by side"
        where = (
            f"spread over {self.devices} {self.platform} devices"
            if self.devices > 1
            else f"on one {self.platform} device"
        )
        chunk = f"{self.segments} epochs" if self.pieces == 1 else f"1/{self.pieces} of an epoch"
        return f"{where}, {how}; a chunk is {chunk}"


def make_plan(*, members: int, rows: int, batch_size: int, multiply_adds: int, platform: str, devices: int) -> Plan:
    """The plan for a population: ``rows`` train in an epoch, each costing ``multiply_adds`` forward.

    >>> make_plan(members=60, rows=206, batch_size=32, multiply_adds=5000, platform="cpu", devices=2)
    Plan(platform='cpu', devices=2, mode='map', steps=7, pieces=1, segments=32)
    >>> make_plan(members=1, rows=48_000, batch_size=64, multiply_adds=4_300_000, platform="cpu", devices=2).pieces
    30
    """
    devices = min(devices, members)
    batches = math.ceil(rows / batch_size)
    # Forward and backward are about three products of two operations a multiply-add.
    seconds = members / devices * (rows * multiply_adds * 6 / FLOPS + batches * STEP_SECONDS)
    pieces = min(batches, max(1, math.ceil(seconds / CHUNK_SECONDS)))
    segments = 1 if pieces > 1 else min(MOST_SEGMENTS, 2 ** int(math.log2(max(1.0, CHUNK_SECONDS / seconds))))
    mode = "map" if platform == "cpu" else "vmap"
    steps = math.ceil(batches / pieces)
    return Plan(platform, devices, mode, steps, math.ceil(batches / steps), segments)


def cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def prepare(device: str | None = None, threads: int | None = None) -> tuple[str, int]:
    """Set JAX up before its first use and say what there is: the platform and how many of its devices to use.

    On a CPU every core becomes a JAX device. OptionError where the device isn't there or the number of threads is not
    from 1.
    """
    if threads is not None and threads < 1:
        raise OptionError(f"The number of threads is {threads}.", expected="A whole number from 1.", mend="--threads 1")
    import jax

    wanted = min(threads or cores(), cores())
    if threads is not None:
        # Read when the CPU client starts: it bounds the threads inside one operation as well.
        os.environ.setdefault("PJRT_NPROC", str(threads))
    try:
        jax.config.update("jax_num_cpu_devices", wanted)
    except RuntimeError:
        pass  # JAX is in use already, with the devices it has.
    platform = {"gpu": "gpu", "cuda": "gpu", "cpu": "cpu", None: jax.default_backend()}.get(device)
    try:
        found = jax.devices(platform) if platform else []
    except RuntimeError:
        found = []
    if not found or platform is None:
        expected = f"One of: {', '.join(sorted({'cpu', jax.default_backend()}))}."
        raise OptionError(f"There is no device {device!r} here.", expected=expected, mend="--device cpu")
    jax.config.update("jax_default_device", found[0])
    return platform, min(wanted, len(found)) if platform == "cpu" else 1


def keep_compiled_programs() -> None:
    """Turn JAX's persistent compilation cache on for programs of any size, in the user's cache folder unless one is
    set.
    """
    import jax

    if not jax.config.jax_compilation_cache_dir:  # pyright: ignore[reportAttributeAccessIssue]
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        jax.config.update("jax_compilation_cache_dir", os.path.join(home, "lamina", "jax"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
