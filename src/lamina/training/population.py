"""A population: many members of one network, trained together chunk by chunk."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from lamina.losses import TaskKind
from lamina.network import leaves
from lamina.training.chunk import Compiled, Data, Fixed, Moving, compile_chunk
from lamina.training.plan import Plan
from lamina.training.recipe import Member, Program
from lamina.training.vector import without_numbers

VALIDATION_BATCH = 256


@dataclass(frozen=True)
class Position:
    """How far a population is: whole epochs done, and pieces of the next one."""

    epoch: int = 0
    piece: int = 0


@dataclass
class Population:
    """Members of one network and program, and where their training stands.

    ``rows`` are the training rows of each part. Made by :func:`populate`; :meth:`advance` moves it by one chunk.
    """

    compiled: Compiled
    members: Sequence[Member]
    rows: Sequence[np.ndarray]
    program: Program
    plan: Plan
    data: Data
    fixed: Fixed
    moving: Moving
    position: Position = field(default_factory=Position)

    @property
    def epochs(self) -> int:
        """The longest that any member may train."""
        return max(member.recipe.epochs for member in self.members)

    @functools.cached_property
    def variance(self) -> dict[str, np.ndarray]:
        """The variance of the scaled target on each member's training and validation rows: what R2 is measured
        against.
        """
        scale, targets = np.asarray(self.data.scale), np.asarray(self.data.targets)
        validation = [part[part >= 0] for part in np.asarray(self.data.validation)]
        of = {"training": self.rows, "validation": validation}
        each = {name: [max(targets[rows].var(), 1e-30) for rows in parts] for name, parts in of.items()}
        parts = [member.part for member in self.members]
        return {name: (np.array(values) / scale**2)[parts] for name, values in each.items()}

    @property
    def running(self) -> int:
        """How many members have neither finished nor stopped."""
        return int(np.asarray(self.moving.running).sum()) if self.position.epoch < self.epochs else 0

    def advance(self, until: int | None = None) -> dict[str, np.ndarray]:
        """One chunk for every member, ending at the latest with epoch ``until``.

        Gives the measurements of each epoch that ended in it, arrays [epochs, members] (per-layer ones [epochs,
        members, layers]).
        """
        batches, ends, self.position = self._next_batches(until or self.epochs)
        self.moving, measures = self.compiled.advance(self.moving, self.fixed, batches, self.data, ends)
        ended = ends > 0
        found = {name: np.asarray(values)[: len(self.members)] for name, values in jax.device_get(measures).items()}
        return {name: np.moveaxis(values, 0, 1)[ended] for name, values in found.items()}

    def _next_batches(self, until: int) -> tuple[np.ndarray, np.ndarray, Position]:
        """The next chunk: row numbers [members, segments, steps, batch], which segments end an epoch, new position."""
        plan, size = self.plan, self.program.batch_size
        batches = np.full((len(self.fixed.seed), plan.segments, plan.steps, size), -1, np.int32)
        ends = np.full(plan.segments, -1, np.int32)
        epoch, piece = self.position.epoch, self.position.piece
        for at in range(plan.segments):
            if epoch >= until:
                break
            # Members of one seed and part share their order.
            order = functools.cache(lambda seed, part, epoch=epoch: shuffled(self.rows[part], seed, part, epoch))
            for member, filled in zip(self.members, batches, strict=False):
                rows = order(member.recipe.seed, member.part)[piece * plan.steps * size :][: plan.steps * size]
                filled[at].reshape(-1)[: len(rows)] = rows
            ends[at] = int(piece + 1 == plan.pieces)
            epoch, piece = (epoch + 1, 0) if ends[at] else (epoch, piece + 1)
        return batches, ends, Position(epoch, piece)

    def best(self, member: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """A member's best weights, as the flat vector and the layers' states."""
        take = {path: np.asarray(leaf[member]) for path, leaf in self.moving.best_state.items()}
        return np.asarray(self.moving.best_parameters[member]), take

    def results(self) -> list[dict[str, Any]]:
        """Where each member stands: its state in words, its epochs, its best epoch and best validation loss."""
        moving = {
            name: np.asarray(getattr(self.moving, name)) for name in ("epoch", "diverged", "best_epoch", "best_loss")
        }
        found = []
        for at, member in enumerate(self.members):
            epoch, best = int(moving["epoch"][at]), float(moving["best_loss"][at])
            state = (
                "diverged" if moving["diverged"][at] else "done" if epoch >= member.recipe.epochs else "stopped early"
            )
            best_loss = best if np.isfinite(best) else None
            found.append(
                {
                    "state": state,
                    "epochs": epoch,
                    "best_epoch": int(moving["best_epoch"][at]),
                    "validation_loss": best_loss,
                }
            )
        return found


def shuffled(rows: np.ndarray, seed: int, part: int, epoch: int) -> np.ndarray:
    """The training rows of a part in the order of one epoch: the same for every member of that seed and part.

    >>> sorted(shuffled(np.arange(5), 0, 0, 3).tolist())
    [0, 1, 2, 3, 4]
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, part, epoch)))).permutation(rows)


def populate(
    network: Any,
    program: Program,
    members: Sequence[Member],
    *,
    task: TaskKind,
    data: Data,
    rows: Sequence[np.ndarray],
    plan: Plan,
) -> Population:
    """A population before its first step.

    ``network`` is complete (input layer and head included) but unbuilt; ``data`` as :func:`gather` makes it.
    """
    compiled = compile_chunk(without_numbers(network), tuple(data.inputs.shape[2:]), program, task, plan)
    # Fillers make the members divide evenly over the devices; stopped from the start, they cost nothing.
    extra = -len(members) % plan.devices
    fixed = fix(network, [*members, *[members[0]] * extra], program.batch_size, rows)
    moving = compiled.initial(fixed, data)
    if extra:
        moving = moving._replace(running=moving.running & (np.arange(len(members) + extra) < len(members)))
    return Population(compiled, members, rows, program, plan, data, fixed, moving)


def fix(network: Any, members: Sequence[Member], batch_size: int, rows: Sequence[np.ndarray]) -> Fixed:
    """The members' numbers on the device, as arrays with a leading axis of members."""
    recipes = [member.recipe for member in members]
    batches = [math.ceil(len(rows[member.part]) / batch_size) for member in members]
    steps = [{"total_steps": recipe.epochs * count} for recipe, count in zip(recipes, batches, strict=True)]
    default = {path: float(rate) for path, rate in leaves(network, "number").items()}
    return Fixed(
        numbers=_columns([{**recipe.numbers(), **step} for recipe, step in zip(recipes, steps, strict=True)]),
        rates=_columns([{**default, **dict(recipe.rates)} for recipe in recipes]),
        seed=jax.device_put(np.array([recipe.seed for recipe in recipes], np.uint32)),
        part=jax.device_put(np.array([member.part for member in members], np.int32)),
        epochs=jax.device_put(np.array([recipe.epochs for recipe in recipes], np.int32)),
        patience=jax.device_put(np.array([recipe.patience for recipe in recipes], np.int32)),
    )


def _columns(members: Sequence[Mapping[str, Any]]) -> dict[str, jax.Array]:
    """A dictionary of numbers for each member as one of arrays [members], float32."""
    return {name: jax.device_put(np.array([of[name] for of in members], np.float32)) for name in members[0]}


def gather(
    inputs: Sequence[np.ndarray],
    targets: np.ndarray,
    *,
    train: Sequence[np.ndarray],
    validation: Sequence[np.ndarray],
    weights: np.ndarray | None = None,
    state: Mapping[str, np.ndarray] | None = None,
) -> Data:
    """Put what a population learns from on the device.

    ``inputs``: the examples as each part's preprocessing sees them, one array [n, ...] for each part, or a single one
    for all; ``train`` and ``validation``: row numbers of each part. A regression target is centred and scaled by its
    training rows.
    """
    parts = len(train)
    regression = np.issubdtype(targets.dtype, np.floating)
    shift = np.array([targets[rows].mean() if regression else 0.0 for rows in train], np.float32)
    scale = np.array([targets[rows].std() if regression else 1.0 for rows in train], np.float32)
    fit = np.arange(parts, dtype=np.int32) if len(inputs) > 1 else np.zeros(parts, np.int32)
    return Data(
        inputs=jax.device_put(inputs[0][None] if len(inputs) == 1 else np.stack(inputs)),
        targets=jax.device_put(targets.astype(np.float32 if regression else np.int32)),
        weights=jax.device_put(np.ones(len(targets), np.float32) if weights is None else weights.astype(np.float32)),
        fit=jax.device_put(fit),
        shift=jax.device_put(shift),
        scale=jax.device_put(np.where(scale > 0, scale, 1).astype(np.float32)),
        validation=jax.device_put(padded(validation)),
        state={path: jax.device_put(np.asarray(leaf, np.float32)) for path, leaf in (state or {}).items()},
    )


def padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Row numbers of several parts as one array [parts, batches, batch], the rest being -1.

    >>> padded([np.array([3, 4]), np.array([5])]).tolist()
    [[[3, 4]], [[5, -1]]]
    """
    longest = max(len(part) for part in rows)
    batch = min(VALIDATION_BATCH, longest)
    filled = np.full((len(rows), -(-longest // batch) * batch), -1, np.int32)
    for at, part in enumerate(rows):
        filled[at, : len(part)] = part
    return filled.reshape(len(rows), -1, batch)


def epoch_lines(group: int, population: Population, measures: Mapping[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    """The measurements of a chunk as plain lines of the history, one an epoch; None where a member had stopped already.

    Regression errors are given in the target's units: RMSE and MAE; classification: accuracy.
    """
    layers = list(population.compiled.layout.layers())
    scale = np.asarray(population.data.scale)[[member.part for member in population.members]]
    for at in range(len(measures["epoch"])):
        here = {name: values[at] for name, values in measures.items()}
        there = here["epoch"] > 0
        line: dict[str, Any] = {"group": group, "epoch": int(here["epoch"].max())}
        for name in ("training_loss", "validation_loss", "learning_rate", "gradient_norm"):
            line[name] = _known(here[name], there)
        for part in ("training", "validation"):
            if f"{part}_correct" in here:
                line[f"{part}_accuracy"] = _known(here[f"{part}_correct"], there)
            else:
                line[f"{part}_rmse"] = _known(np.sqrt(here[f"{part}_squared"]) * scale, there)
                line[f"{part}_mae"] = _known(here[f"{part}_absolute"] * scale, there)
                line[f"{part}_r2"] = _known(1 - here[f"{part}_squared"] / population.variance[part], there)
        line["update_ratio"] = {path: _known(here["update_ratio"][:, i], there) for i, path in enumerate(layers)}
        line["dead"] = {
            path: _known(here["dead"][:, i], there) for i, path in enumerate(population.compiled.unit_paths)
        }
        if there.any():
            yield line


def _known(values: np.ndarray, there: np.ndarray) -> list[float | None]:
    """Six significant figures of the values that are there and finite, None for the others."""
    return [float(f"{v:.6g}") if ok and np.isfinite(v) else None for v, ok in zip(values.tolist(), there, strict=True)]
