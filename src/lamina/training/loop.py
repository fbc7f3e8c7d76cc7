"""The loop between chunks, the only place where a training is looked at: measure, record, checkpoint, tell, stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lamina.settings import Observer, Progress
from lamina.training import checkpoint
from lamina.training.population import Ended, Population, epoch_lines
from lamina.training.run import RunFolder, snapshot_epochs

RARELY = 20  # a checkpoint is written when so many times as long as the last one took have passed


@dataclass(frozen=True)
class Group:
    """Members that train together: a network's population, or a wave of it.

    ``name`` tells it from the others ("" where there is none); ``members`` are their numbers in the run.
    """

    name: str
    members: Sequence[int]
    populate: Callable[[], Population]


@dataclass(frozen=True)
class Loop:
    """Trains groups of members one after another, each to its end, and writes all of it into the run's folder.

    ``deadline`` is a moment of ``time.monotonic``, or None.
    """

    folder: RunFolder
    tell: Observer
    deadline: float | None = None

    def run(self, groups: Sequence[Group], *, resuming: bool = False) -> list[Ended] | None:
        """What the groups came to; None where somebody asked to stop before (then the run can be resumed)."""
        done: list[Ended] = []
        for at, group in enumerate(groups):
            population = group.populate()
            if resuming:
                if self.folder.checkpoint(at).exists():
                    checkpoint.restore(self.folder.checkpoint(at), population)
                self.folder.forget_after(at, population.position.epoch)
            finished = self._train(at, groups, population)
            self._record([*(of.results for of in done), population.results()], stopped=not finished)
            if not finished:
                return None
            done.append(population.ended())
        return done

    def _train(self, at: int, groups: Sequence[Group], population: Population) -> bool:
        """One group to its end (True), or to the chunk behind which somebody asked to stop (False)."""
        snapshots, deadline = snapshot_epochs(population.epochs), self._share(len(groups) - at)
        saved = _Saved(self.folder.checkpoint(at))
        while population.running and not _late(population, deadline):
            until = next((epoch for epoch in snapshots if epoch > population.position.epoch), population.epochs)
            lines = list(epoch_lines(at, population, population.advance(until)))
            if lines:
                self.folder.append([{**line, "members": list(groups[at].members)} for line in lines])
            if population.position.piece == 0 and population.position.epoch == until:
                self.folder.save_snapshot(at, until, population.parameters)
            heard = self.tell(progress(at, groups, population, lines))
            stop = heard is False or self.folder.asked_to_stop()
            saved.keep(population, now=stop or not population.running)
            if stop:
                return not population.running
        saved.keep(population, now=True)
        return True

    def _share(self, left: int) -> float | None:
        """When a group must be done: the time that is left is shared among the groups that are left."""
        if self.deadline is None:
            return None
        now = time.monotonic()
        return now + max(0.0, self.deadline - now) / left

    def _record(self, groups: Sequence[Sequence[dict[str, Any]]], *, stopped: bool) -> None:
        """Write where each member stands into run.json."""
        results = [result for group in groups for result in group]
        if stopped:
            results = [{**r, "state": "stopped"} if r["state"] == "stopped early" else r for r in results]
        members = self.folder.read()["members"]
        known = [{**member, **result} for member, result in zip(members, results, strict=False)]
        self.folder.update({"members": known + members[len(known) :]})


class _Saved:
    """A group's checkpoint, written behind a chunk where that takes little of the time, and always at the end."""

    def __init__(self, path: Path) -> None:
        self.path, self.position = path, None
        self.at, self.took = -math.inf, 0.0

    def keep(self, population: Population, *, now: bool) -> None:
        began = time.monotonic()
        if self.position == population.position or not (now or began - self.at >= RARELY * self.took):
            return
        checkpoint.save(self.path, population)
        self.at = time.monotonic()
        self.position, self.took = population.position, self.at - began


def _late(population: Population, deadline: float | None) -> bool:
    # At least one epoch is always trained: weights that were never measured can't be shipped.
    return deadline is not None and time.monotonic() > deadline and population.position.epoch > 0


def progress(at: int, groups: Sequence[Group], population: Population, lines: Sequence[dict[str, Any]]) -> Progress:
    """Where a training stands, in a sentence and as a share."""
    epoch, epochs, running = population.position.epoch, population.epochs, population.running
    losses = [loss for line in lines[-1:] for loss in line["validation_loss"] if loss is not None]
    best = f", best validation loss {min(losses):.4g}" if losses else ""
    many = f", {running} of {len(population.members)} members training" if len(population.members) > 1 else ""
    which = f"{groups[at].name}, " if groups[at].name else ""
    done = (epoch + population.position.piece / population.plan.pieces) / epochs if running else 1.0
    share = (at + done) / len(groups)
    return Progress("training", f"{which}epoch {epoch} of {epochs}{best}{many}", share, lines[-1] if lines else {})
