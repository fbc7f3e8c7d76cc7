"""Memory: what a population needs of it, estimated before it trains, and the plan that fits into what is free.

The estimate was held against XLA's own figures for dense, convolutional and residual networks; LOG.md has them. It
errs upwards, most where native kernels fuse layers.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

from lamina.allowance import free_memory
from lamina.errors import TooLargeError
from lamina.training.plan import Plan

SHARE = 0.9  # of what is free: the rest is for what can't be counted
COMPILING = 2**28  # bytes that XLA takes for itself when it compiles a training


@dataclass(frozen=True)
class Need:
    """Bytes. ``data`` lie there once; each member holds ``member``, and leaves ``best`` behind; each that is in the
    middle of a step holds ``step``, and ``row`` for each of ``rows`` rows of its batch besides.
    """

    data: int
    member: int
    best: int
    step: int
    row: int
    rows: int

    @property
    def work(self) -> int:
        """What a member in the middle of a step holds."""
        return self.step + self.row * self.rows

    def total(self, members: int, at_work: int) -> int:
        """What so many members need, so many of them in the middle of a step.

        >>> Need(data=1000, member=10, best=4, step=100, row=5, rows=32).total(members=4, at_work=2)
        1560
        """
        return self.data + members * self.member + at_work * self.work


def need(*, moving: int, outputs: int, parameters: int, data: int, rows: int, batches: int, native: bool) -> Need:
    """What a population needs, from what its parts hold.

    ``moving``: the bytes that training changes of a member; ``outputs``: the numbers that all layers give for one
    example; ``parameters``: how many a member has; ``data``: the bytes of the examples; ``rows``: those of the batch;
    ``batches``: how many row numbers a member's chunk has.
    """
    # A checkpoint is a copy of the members and a file's worth of bytes; a chunk writes them anew beside the old ones.
    # In a step, forward values wait for their gradients, and the member is taken out of the population and put back.
    kept = 1.1 if native else 1.6
    return Need(
        data=data,
        member=3 * moving + 2 * 4 * batches,
        best=4 * parameters,
        step=2 * moving + 2 * 4 * parameters,
        row=int(kept * 4 * outputs),
        rows=rows,
    )


def fit(plan: Plan, members: int, needed: Need, free: int | None) -> Plan:
    """The plan, or one that is more frugal, so that ``members`` fit into the ``free`` bytes.

    Side by side, fewer are at work at once; where they can't all be held, they train in waves. TooLargeError where not
    even one fits. None for ``free`` is for machines that don't say.

    >>> needed = Need(data=0, member=10, best=0, step=10, row=0, rows=32)
    >>> fit(Plan("cpu", 2, "map", 7, 1, 1), 8, needed, free=70).wave
    4
    """
    if free is None:
        return plan
    frugal = [plan, *_more_frugal(plan, members)]
    at_once = frugal if plan.mode == "vmap" else frugal[:1]
    whole = next((of for of in at_once if _room(of, members, needed, free) >= members), None)
    if whole is not None:
        return whole
    for of in frugal:
        room = _room(of, members, needed, free) // of.stride * of.stride
        if room >= members:
            return of
        if room > 0:
            waves = math.ceil(members / room)
            return dataclasses.replace(of, wave=math.ceil(members / waves / of.stride) * of.stride)
    raise _too_large(needed, free)


def _room(plan: Plan, members: int, needed: Need, free: int) -> int:
    """How many members fit under a plan, the best of all those before them being kept."""
    left = int(SHARE * free) - needed.data - plan.at_work(members) * needed.work
    if left >= members * needed.member:
        return members
    return max(0, left - members * needed.best) // needed.member


def _more_frugal(plan: Plan, members: int) -> Iterator[Plan]:
    """The plan with fewer and fewer members at work at once, down to one."""
    at_once = plan.at_work(members) // plan.devices
    while plan.mode == "vmap" and at_once > 1:
        at_once = 2 ** math.floor(math.log2(at_once - 1))
        yield dataclasses.replace(plan, together=at_once)
    if plan.devices > 1:
        yield dataclasses.replace(plan, devices=1, threads=0, mode="threads" if plan.platform == "cpu" else plan.mode)


def _too_large(needed: Need, free: int) -> TooLargeError:
    total = needed.total(1, 1)
    spare = int(SHARE * free) - (total - needed.row * needed.rows)
    batch = 2 ** int(math.log2(spare // needed.row)) if spare >= needed.row > 0 else 0
    mend = f"--batch-size {batch}" if batch else "a smaller --network, or less data"
    return TooLargeError(
        f"One member needs about {in_words(total)} of memory to train, and {in_words(free)} are free.",
        expected="Data, weights, and what a batch leaves behind in each layer have to fit.",
        mend=mend,
    )


def in_words(size: int) -> str:
    """Bytes as a person says them.

    >>> in_words(3 * 2**30), in_words(5 * 2**20)
    ('3.0 GiB', '5.0 MiB')
    """
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"


def free_on(platform: str) -> int | None:
    """The bytes that members and data may take where a platform computes; None where it doesn't say."""
    if platform == "cpu":
        free = free_memory()
        return None if free is None else max(0, free - COMPILING)
    import jax

    stats = jax.devices(platform)[0].memory_stats() or {}
    return stats["bytes_limit"] - stats["bytes_in_use"] if "bytes_limit" in stats else None
