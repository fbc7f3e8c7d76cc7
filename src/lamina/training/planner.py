"""The planner: a population's plan from its counts, from the memory that is free and, where that pays, from the
clock.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import jax
import numpy as np

from lamina.kernels import native
from lamina.losses import TaskKind
from lamina.network import LayerRow, summarize
from lamina.network.summary import totals
from lamina.training import cache, measured, memory
from lamina.training.chunk import Data, compile_chunk
from lamina.training.plan import Mode, Plan, check_mode, epoch_seconds, make_plan
from lamina.training.population import Population, fix, populate, with_fillers
from lamina.training.recipe import Member, Program
from lamina.training.vector import without_numbers


@dataclass(frozen=True)
class Planner:
    """What a plan is made for: a population, and the device with how many cores (1 for a GPU) it shall train on.

    ``network`` is complete, ``data`` and ``rows`` as :func:`~lamina.training.population.gather` gives and takes them;
    ``mode`` is what was asked for, None where nothing was.
    """

    network: Any
    program: Program
    members: Sequence[Member]
    task: TaskKind
    data: Data
    rows: Sequence[np.ndarray]
    device: tuple[str, int]
    mode: Mode | None = None

    def plan(self) -> Plan:
        """The plan. TooLargeError where not one member fits into memory."""
        platform, cores = self.device
        check_mode(self.mode, platform)
        plan = make_plan(
            members=len(self.members),
            rows=self._longest,
            batch_size=self.program.batch_size,
            multiply_adds=self._multiply_adds,
            platform=platform,
            devices=cores,
            mode=self.mode,
        )
        plan = self._fit(dataclasses.replace(plan, forms="native" if self._native else "jax"))
        if self.mode is not None or self._seconds(plan) < measured.PAYS_FROM:
            return plan
        step = self._multiply_adds * self.program.batch_size
        likely = measured.candidates(plan, members=len(self.members), cores=cores, native=self._native, step=step)
        return measured.choose([self._fit(of) for of in likely], self._about(), self._rehearse)

    def populate(self, plan: Plan, members: Sequence[Member]) -> Population:
        """Some of the members before their first step."""
        return populate(self.network, self.program, members, task=self.task, data=self.data, rows=self.rows, plan=plan)

    def needed(self, plan: Plan) -> memory.Need:
        """The memory that the population needs under a plan."""
        return memory.need(
            moving=self._moving(plan),
            outputs=sum(math.prod(layer.output_shape) for layer in self._layers),
            parameters=totals(self._layers)[0],
            data=sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(self.data)),
            rows=max(self.program.batch_size, self.data.validation.shape[-1] // 2),
            batches=plan.segments * plan.steps * self.program.batch_size,
            native=plan.forms == "native",
        )

    @functools.cached_property
    def _layers(self) -> list[LayerRow]:
        return summarize(self.network, self._shape)

    @property
    def _shape(self) -> tuple[int, ...]:
        return tuple(self.data.inputs.shape[2:])

    @property
    def _multiply_adds(self) -> int:
        return totals(self._layers)[1]

    @property
    def _longest(self) -> int:
        return max(len(rows) for rows in self.rows)

    @property
    def _native(self) -> bool:
        return self.device[0] == "cpu" and native.usable()

    def _seconds(self, plan: Plan) -> float:
        """About how long the training may take."""
        batches = math.ceil(self._longest / self.program.batch_size)
        epochs = max(member.recipe.epochs for member in self.members)
        return epochs * epoch_seconds(plan, len(self.members), self._longest, batches, self._multiply_adds)

    def _fit(self, plan: Plan) -> Plan:
        """The plan within the memory that is free where it computes."""
        return memory.fit(plan, len(self.members), self.needed(plan), memory.free_on(plan.platform))

    def _moving(self, plan: Plan) -> int:
        """The bytes that training changes of one member."""
        network = without_numbers(self.network)
        compiled = compile_chunk(network, self._shape, self.program, self.task, plan)
        everyone = with_fillers(self.members, plan)  # as when they are made: what is traced here is not traced again
        fixed = fix(self.network, everyone, self.program.batch_size, self.rows)
        leaves = jax.tree.leaves(jax.eval_shape(compiled.initial, fixed, self.data))
        return sum(leaf.size * leaf.dtype.itemsize for leaf in leaves) // len(everyone)

    def _rehearse(self, plan: Plan) -> float:
        """The seconds of a member's step under a plan."""
        members = self.members[: plan.wave or len(self.members)]
        batches = math.ceil(self._longest / self.program.batch_size)
        return self.populate(plan, members).rehearse() / (len(members) * min(plan.steps, batches))

    def _about(self) -> dict[str, Any]:
        """All that decides about speed: what is remembered of another of these says nothing."""
        platform, cores = self.device
        kind = cache.processor() if platform == "cpu" else jax.devices(platform)[0].device_kind
        layers = [(layer.description, layer.output_shape) for layer in self._layers]
        return {
            "device": [platform, kind, cores],
            "versions": [_version(of) for of in ("lamina", "jax", "jaxlib")],
            "library": native.status().library,
            "layers": layers,
            "shape": self._shape,
            "program": dataclasses.asdict(self.program),
            "members": len(self.members),
            "rows": [self._longest, *self.data.inputs.shape[:2]],
        }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
