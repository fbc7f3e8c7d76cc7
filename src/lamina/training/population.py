"""A population: many members of one network, trained together chunk by chunk."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as Spec

from lamina.allowance import cores
from lamina.kernels.alignment import aligned
from lamina.losses import TaskKind
from lamina.network import leaves
from lamina.training import lengths
from lamina.training.chunk import Compiled, Data, Fixed, Moving, compile_chunk, mesh_of
from lamina.training.order import drawing, orders
from lamina.training.plan import Plan
from lamina.training.recipe import Member, Program
from lamina.training.vector import without_numbers

VALIDATION_BATCH = 256
WORTH_MOVING = 0.1  # the share of a chunk that dealing members out anew must save
REHEARSALS, REHEARSED = 7, 1.0  # how often a plan is timed at most, and the seconds behind which it is enough


@dataclass(frozen=True)
class Position:
    """How far a population is: whole epochs done, and pieces of the next one."""

    epoch: int = 0
    piece: int = 0


@dataclass(frozen=True)
class Ended:
    """What is left of a population behind its training: where each member stands, and its best weights.

    ``parameters`` [members, size] and ``state`` {path: [members, ...]} are the best; ``shift`` and ``scale`` [parts]
    those of the target.
    """

    members: Sequence[Member]
    results: Sequence[dict[str, Any]]
    parameters: np.ndarray
    state: Mapping[str, np.ndarray]
    shift: np.ndarray
    scale: np.ndarray

    def best(self, member: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """A member's best weights, as the flat vector and the layers' states."""
        return self.parameters[member], {path: leaf[member] for path, leaf in self.state.items()}


@dataclass
class Population:
    """Members of one network and program, and where their training stands.

    ``rows`` are the training rows of each part; ``fixed`` and ``moving`` have a place for each member, and ``places``
    [members] says which. Made by :func:`populate`; :meth:`advance` moves it by one chunk.
    """

    compiled: Compiled
    members: Sequence[Member]
    rows: Sequence[np.ndarray]
    program: Program
    plan: Plan
    data: Data
    fixed: Fixed
    moving: Moving
    places: np.ndarray
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
        self._spread()
        batches, ends, self.position = self._next_batches(until or self.epochs)
        ended = ends > 0
        found = self.compiled.unpacked(np.asarray(self._run(batches, ends)))
        return {name: np.moveaxis(values[self.places], 0, 1)[ended] for name, values in found.items()}

    def rehearse(self) -> float:
        """The seconds that the first segment of a chunk takes once it is compiled. It is timed a few times and the
        shortest told, as other programs only ever lengthen it. The population is spent by it.
        """
        batches, ends, _ = self._next_batches(1)
        batches[:, 1:], ends[:] = -1, [0] + [-1] * (len(ends) - 1)
        jax.block_until_ready(self._run(batches, ends))  # compiled
        seconds: list[float] = []
        while len(seconds) < REHEARSALS and sum(seconds) < REHEARSED:
            began = time.perf_counter()
            jax.block_until_ready(self._run(batches, ends))
            seconds.append(time.perf_counter() - began)
        return min(seconds)

    def _run(self, batches: np.ndarray, ends: np.ndarray) -> jax.Array:
        """One chunk on the devices; gives what was measured, a row a place."""
        there = on_devices(batches, self.plan, spread=True)
        self.moving, measures = self.compiled.advance(self.moving, self.fixed, there, self.data, ends)
        return measures

    def _spread(self) -> None:
        """Deal the members that still train out anew where too many of them share a device: no shape changes."""
        order = dealt(np.asarray(self.moving.running), self.plan)
        if order is not None:
            move = lambda leaf: jax.device_put(np.asarray(leaf)[order], leaf.sharding)  # noqa: E731
            self.moving, self.fixed = jax.tree.map(move, (self.moving, self.fixed))
            self.places = np.argsort(order)[self.places]

    def _next_batches(self, until: int) -> tuple[np.ndarray, np.ndarray, Position]:
        """The next chunk: row numbers [places, segments, steps, batch], which segments end an epoch, new position."""
        plan, size = self.plan, self.program.batch_size
        running = np.asarray(self.moving.running)
        batches = np.full((len(running), plan.segments, plan.steps * size), -1, np.int32)
        ends = np.full(plan.segments, -1, np.int32)
        epoch, piece, alike = self.position.epoch, self.position.piece, self._alike(running)
        for at in range(plan.segments):
            if epoch >= until:
                break
            for part, seeds, places, of in alike:
                rows = self._orders(epoch, seeds, part)[:, piece * plan.steps * size :][:, : plan.steps * size]
                batches[places, at, : rows.shape[1]] = rows[of]
            ends[at] = int(piece + 1 == plan.pieces)
            epoch, piece = (epoch + 1, 0) if ends[at] else (epoch, piece + 1)
        return batches.reshape(len(running), plan.segments, plan.steps, size), ends, Position(epoch, piece)

    def _alike(self, running: np.ndarray) -> list[tuple[int, list[int], list[int], list[int]]]:
        """The places that train, as those of one seed and part share their order: of each part its seeds, its places,
        and the number of each place's seed.
        """
        found: dict[int, tuple[dict[int, int], list[int], list[int]]] = {}
        for member, place in zip(self.members, self.places, strict=True):
            if running[place]:
                seeds, places, of = found.setdefault(member.part, ({}, [], []))
                places.append(place)
                of.append(seeds.setdefault(member.recipe.seed, len(seeds)))
        return [(part, list(seeds), places, of) for part, (seeds, places, of) in found.items()]

    def _orders(self, epoch: int, seeds: Sequence[int], part: int) -> np.ndarray:
        """The training rows of a part as an epoch takes them by seed, rows of alike lengths together where batches are
        cut.
        """
        rows = orders(self.rows[part], seeds, part, epoch, self._hands)
        if not self.program.lengths:
            return rows
        batch = self.program.batch_size
        draws = [drawing(seed, part, epoch) for seed in seeds]
        alike = [lengths.together(of, self._lengths, batch, draw) for of, draw in zip(rows, draws, strict=True)]
        return np.stack(alike)

    @functools.cached_property
    def _hands(self) -> int:
        """How many of the host's cores a population may take."""
        return self.plan.devices if self.plan.platform == "cpu" else cores()

    @functools.cached_property
    def _lengths(self) -> np.ndarray:
        return lengths.lengths_of(np.asarray(self.data.inputs)[0])

    @property
    def parameters(self) -> np.ndarray:
        """The members' weights as they are now, [members, size]."""
        return np.asarray(self.moving.parameters)[self.places]

    def best(self, member: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """A member's best weights, as the flat vector and the layers' states."""
        return self.ended().best(member)

    def ended(self) -> Ended:
        """What is left of the population when its training is over: the rest of it can be forgotten."""
        best, state = np.asarray(self.moving.best_parameters), self.moving.best_state
        return Ended(
            self.members,
            self.results(),
            best[self.places],
            {path: np.asarray(leaf)[self.places] for path, leaf in state.items()},
            np.asarray(self.data.shift),
            np.asarray(self.data.scale),
        )

    def results(self) -> list[dict[str, Any]]:
        """Where each member stands: its state in words, its epochs, its best epoch and best validation loss."""
        names = ("epoch", "diverged", "best_epoch", "best_loss")
        moving = {name: np.asarray(getattr(self.moving, name))[self.places] for name in names}
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


def dealt(running: np.ndarray, plan: Plan) -> np.ndarray | None:
    """The order of places in which each device has as many members that train as another; None where it pays little.

    A chunk lasts as long as the device with most to do. Side by side, those that train come first, so that whole
    batches of stopped members are passed over.

    >>> dealt(np.array([True, True, False, False]), Plan("cpu", 2, "map", 1, 1, 1)).tolist()
    [0, 2, 1, 3]
    """
    if plan.mode == "vmap" and not plan.together:
        return None
    each, stride = len(running) // plan.devices, plan.stride // plan.devices
    live = np.flatnonzero(running)
    fewest = -(-len(live) // plan.stride)
    by_device = running.reshape(plan.devices, each // stride, stride).any(axis=2).sum(axis=1)
    if by_device.max() - fewest < max(1, WORTH_MOVING * by_device.max()):
        return None
    stopped = np.flatnonzero(~running)
    return np.concatenate([live, stopped]).reshape(-1, plan.devices, stride).swapaxes(0, 1).reshape(-1)


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
    everyone = with_fillers(members, plan)
    fixed = on_devices(fix(network, everyone, program.batch_size, rows), plan, spread=True)
    data = on_devices(data, plan)
    moving = compiled.initial(fixed, data)
    if len(everyone) > len(members):
        real = np.arange(len(everyone)) < len(members)
        moving = moving._replace(running=on_devices(np.asarray(moving.running) & real, plan, spread=True))
    return Population(compiled, members, rows, program, plan, data, fixed, moving, np.arange(len(members)))


def with_fillers(members: Sequence[Member], plan: Plan) -> list[Member]:
    """The members, and as many more as it takes to divide evenly: stopped from the start, they cost nothing.

    >>> from lamina.training.recipe import Recipe
    >>> len(with_fillers([Member(Recipe())] * 3, Plan("cpu", 2, "map", 1, 1, 1)))
    4
    """
    return [*members, *[members[0]] * (-len(members) % plan.stride)]


def on_devices(tree: Any, plan: Plan, *, spread: bool = False) -> Any:
    """Arrays on the devices of a plan: the same on each, or spread over them by their leading axis of places."""
    if plan.devices == 1:
        return jax.device_put(tree)
    return jax.device_put(tree, NamedSharding(mesh_of(plan), Spec("members") if spread else Spec()))


def fix(network: Any, members: Sequence[Member], batch_size: int, rows: Sequence[np.ndarray]) -> Fixed:
    """The members' numbers, as NumPy arrays with a leading axis of members."""
    recipes = [member.recipe for member in members]
    batches = [math.ceil(len(rows[member.part]) / batch_size) for member in members]
    steps = [{"total_steps": recipe.epochs * count} for recipe, count in zip(recipes, batches, strict=True)]
    default = {path: float(rate) for path, rate in leaves(network, "number").items()}
    found: dict[str, Any] = {
        "numbers": _columns([{**recipe.numbers(), **step} for recipe, step in zip(recipes, steps, strict=True)]),
        "rates": _columns([{**default, **dict(recipe.rates)} for recipe in recipes]),
        "seed": np.array([recipe.seed for recipe in recipes], np.uint32),
        "part": np.array([member.part for member in members], np.int32),
        "epochs": np.array([recipe.epochs for recipe in recipes], np.int32),
        "patience": np.array([recipe.patience for recipe in recipes], np.int32),
    }
    return Fixed(**found)


def _columns(members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A dictionary of numbers for each member as one of arrays [members], float32."""
    return {name: np.array([of[name] for of in members], np.float32) for name in members[0]}


def gather(
    inputs: Sequence[np.ndarray],
    targets: np.ndarray,
    *,
    train: Sequence[np.ndarray],
    validation: Sequence[np.ndarray],
    weights: np.ndarray | None = None,
    state: Mapping[str, np.ndarray] | None = None,
) -> Data:
    """What a population learns from, as NumPy arrays that :func:`populate` puts on its devices, a CPU without a copy.

    ``inputs``: the examples as each part's preprocessing sees them, one array [n, ...] for each part, or a single one
    for all; ``train`` and ``validation``: row numbers of each part. A regression target is centred and scaled by its
    training rows.
    """
    parts = len(train)
    regression = np.issubdtype(targets.dtype, np.floating)
    shift = np.array([targets[rows].mean() if regression else 0.0 for rows in train], np.float32)
    scale = np.array([targets[rows].std() if regression else 1.0 for rows in train], np.float32)
    fit = np.arange(parts, dtype=np.int32) if len(inputs) > 1 else np.zeros(parts, np.int32)
    found: dict[str, Any] = {
        "inputs": inputs[0][None] if len(inputs) == 1 else np.stack(inputs),
        "targets": targets.astype(np.float32 if regression else np.int32),
        "weights": np.ones(len(targets), np.float32) if weights is None else weights.astype(np.float32),
        "fit": fit,
        "shift": shift,
        "scale": np.where(scale > 0, scale, 1).astype(np.float32),
        "validation": padded(in_order(inputs[0], validation)),
        "state": {path: np.asarray(leaf, np.float32) for path, leaf in (state or {}).items()},
    }
    return jax.tree.map(aligned, Data(**found))


def in_order(inputs: np.ndarray, rows: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """Row numbers of several parts, those of series and sounds by length, so that batches can be cut."""
    if inputs.ndim != 3 and inputs.dtype != np.int16:
        return rows
    known = lengths.lengths_of(inputs)
    return [part[np.argsort(known[part], kind="stable")] for part in rows]


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
