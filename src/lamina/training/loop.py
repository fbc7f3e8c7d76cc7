"""The loop between chunks, the only place where a training is looked at: measure, record, checkpoint, tell, stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lamina.settings import Observer, Progress
from lamina.training import checkpoint
from lamina.training.population import Population, epoch_lines
from lamina.training.run import RunFolder, snapshot_epochs


@dataclass(frozen=True)
class Loop:
    """Trains groups of members one after another, each to its end, and writes all of it into the run's folder.

    ``deadline`` is a moment of ``time.monotonic``, or None.
    """

    folder: RunFolder
    tell: Observer
    deadline: float | None = None

    def run(self, groups: Sequence[Callable[[], Population]], *, resuming: bool = False) -> list[Population] | None:
        """The populations at their ends; None where somebody asked to stop before (then the run can be resumed)."""
        done: list[Population] = []
        for group, populate in enumerate(groups):
            population = populate()
            if resuming:
                if self.folder.checkpoint(group).exists():
                    checkpoint.restore(self.folder.checkpoint(group), population)
                self.folder.forget_after(group, population.position.epoch)
            finished = self._train(group, len(groups), population)
            self._record([*done, population], stopped=not finished)
            if not finished:
                return None
            done.append(population)
        return done

    def _train(self, group: int, groups: int, population: Population) -> bool:
        """One group to its end (True), or to the chunk behind which somebody asked to stop (False)."""
        snapshots, deadline = snapshot_epochs(population.epochs), self._share(groups - group)
        while population.running and not _late(population, deadline):
            until = next((epoch for epoch in snapshots if epoch > population.position.epoch), population.epochs)
            lines = list(epoch_lines(group, population, population.advance(until)))
            if lines:
                self.folder.append(lines)
            checkpoint.save(self.folder.checkpoint(group), population)
            if population.position.piece == 0 and population.position.epoch == until:
                self.folder.save_snapshot(group, until, population.parameters)
            heard = self.tell(progress(group, groups, population, lines))
            if heard is False or self.folder.asked_to_stop():
                return not population.running
        return True

    def _share(self, left: int) -> float | None:
        """When a group must be done: the time that is left is shared among the groups that are left."""
        if self.deadline is None:
            return None
        now = time.monotonic()
        return now + max(0.0, self.deadline - now) / left

    def _record(self, populations: Sequence[Population], *, stopped: bool) -> None:
        """Write where each member stands into run.json."""
        results = [result for population in populations for result in population.results()]
        if stopped:
            results = [{**r, "state": "stopped"} if r["state"] == "stopped early" else r for r in results]
        members = self.folder.read()["members"]
        known = [{**member, **result} for member, result in zip(members, results, strict=False)]
        self.folder.update({"members": known + members[len(known) :]})


def _late(population: Population, deadline: float | None) -> bool:
    # At least one epoch is always trained: weights that were never measured can't be shipped.
    return deadline is not None and time.monotonic() > deadline and population.position.epoch > 0


def progress(group: int, groups: int, population: Population, lines: Sequence[dict[str, Any]]) -> Progress:
    """Where a training stands, in a sentence and as a share."""
    epoch, epochs, running = population.position.epoch, population.epochs, population.running
    losses = [loss for line in lines[-1:] for loss in line["validation_loss"] if loss is not None]
    best = f", best validation loss {min(losses):.4g}" if losses else ""
    many = f", {running} of {len(population.members)} members training" if len(population.members) > 1 else ""
    which = f"network {group + 1} of {groups}, " if groups > 1 else ""
    done = (epoch + population.position.piece / population.plan.pieces) / epochs if running else 1.0
    return Progress(
        "training", f"{which}epoch {epoch} of {epochs}{best}{many}", (group + done) / groups, lines[-1] if lines else {}
    )
