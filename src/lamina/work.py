"""Work: one training under way, from the examples and the choices to what each part of the split sees and answers."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import choices, metrics
from lamina.choices import Candidate, Choice
from lamina.data import kinds
from lamina.data.examples import Examples, Note, Reading, plain
from lamina.data.split import Split
from lamina.kernels.alignment import aligned
from lamina.model import NetworkPart
from lamina.provenance import command, versions
from lamina.settings import Observer, Progress, Settings
from lamina.training.plan import Mode, Plan, refit
from lamina.training.recipe import Member
from lamina.training.run import FORMAT

if TYPE_CHECKING:
    from lamina.training.loop import Group
    from lamina.training.planner import Planner
    from lamina.training.population import Ended


@dataclass
class Work:
    """What was read, asked and chosen; ``device`` is the platform and how many of its devices; ``shape`` an example's.

    ``weights`` [n] is what each row counts, beside the class weights that the settings ask for; ``mode`` the plan that
    was asked for; ``fitted`` is each part's preprocessing, ``inputs`` the examples as each part sees them: one array a
    part for tables, one for all of another kind.
    """

    examples: Examples
    settings: Settings
    reading: Reading
    metric: metrics.Metric
    device: tuple[str, int]
    shape: tuple[int, ...]
    choice: Choice
    split: Split
    notes: tuple[Note, ...] = ()
    weights: np.ndarray | None = None
    mode: Mode | None = None
    fitted: list[Any] = field(init=False)
    inputs: list[np.ndarray] = field(init=False)
    _planner: tuple[int, Planner] | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        parts = self.split.parts
        if self.examples.kind == "table":
            self.fitted = [preprocess(self.examples, part.train) for part in parts]
            self.inputs = [fitted.transform(self.examples.inputs) for fitted in self.fitted]
        else:
            self.fitted = [kinds.reader(self.examples.kind).preprocessing_of(self.examples)] * len(parts)
            # Once in memory: the examples' own array is what JAX reads.
            inputs = aligned(np.asarray(self.examples.inputs))
            self.examples, self.inputs = dataclasses.replace(self.examples, inputs=inputs), [inputs]

    def members(self) -> list[tuple[Candidate, int, int]]:
        """Every member as (candidate, part, seed), in the run's order: network by network."""
        return [
            (candidate, part, seed)
            for network in range(len(self.choice.networks))
            for part in range(len(self.split.parts))
            for candidate in self.choice.candidates
            if candidate.network == network
            for seed in self.choice.seeds
        ]

    def refits(self) -> list[int]:
        """The members that train on all rows that are not for the test."""
        first = len(self.split.parts) - self.split.refits
        return [at for at, (_, part, _) in enumerate(self.members()) if part >= first]

    def refitted(self, winners: Sequence[int], results: Sequence[Mapping[str, Any]]) -> list[int]:
        """The members of the same candidates that trained on all rows, where there are some; else the winners."""
        members = self.members()
        chosen = {id(members[winner][0]) for winner in winners}
        every = [at for at in self.refits() if id(members[at][0]) in chosen]
        return [at for at in every if results[at]["validation_loss"] is not None] or list(winners)

    # --- populations ---

    def plans(self, known: Mapping[str, Any] | None = None, *, tell: Observer | None = None) -> list[Plan]:
        """The plan of each network's population: the run's own where it has one (``known``), else made here."""
        from lamina.kernels import native

        found = []
        for network in range(len(self.choice.networks)):
            stored = (known or {}).get(str(network))
            if stored is None:
                found.append(self.planner(network).plan())
            else:
                found.append(refit(Plan.from_json(stored), *self.device, native=native.usable()))
            if tell is not None:
                tell(Progress("training", found[-1].sentence()))
        return found

    def groups(self, plans: Sequence[Plan]) -> list[Group]:
        """What trains together, in the run's order: each network's population, or the waves of it."""
        from lamina.training.loop import Group

        found, first = [], 0
        for network, plan in enumerate(plans):
            members = self.group(network)
            size = plan.wave or len(members)
            waves = [members[at : at + size] for at in range(0, len(members), size)]
            for at, wave in enumerate(waves):
                names = [f"network {network + 1} of {len(plans)}"] * (len(plans) > 1)
                names += [f"wave {at + 1} of {len(waves)}"] * (len(waves) > 1)
                populate = functools.partial(self._populate, network, plan, wave)
                found.append(Group(", ".join(names), range(first, first + len(wave)), populate))
                first += len(wave)
        return found

    def group(self, network: int) -> list[Member]:
        """The members of a network, in the run's order."""
        return [
            Member(dataclasses.replace(c.recipe, seed=seed), part)
            for c, part, seed in self.members()
            if c.network == network
        ]

    def planner(self, network: int) -> Planner:
        """What a network's population is planned for, and made by."""
        if self._planner is None or self._planner[0] != network:
            self._planner = (network, self._new_planner(network))
        return self._planner[1]

    def _new_planner(self, at: int) -> Planner:
        from lamina.training.planner import Planner
        from lamina.training.population import gather

        network, parts = self.choice.networks[at], self.split.parts
        train = [part.train for part in parts]
        data = gather(
            self.inputs,
            self.examples.targets,
            train=train,
            validation=[part.validation for part in parts],
            weights=self._row_weights(),
            state=self._state(network),
        )
        task = self.examples.task.kind
        return Planner(network, self.choice.program, self.group(at), task, data, train, self.device, self.mode)

    def _populate(self, network: int, plan: Plan, members: Sequence[Member]) -> Any:
        return self.planner(network).populate(plan, members)

    def _row_weights(self) -> np.ndarray | None:
        rows = np.unique(np.concatenate([part.train for part in self.split.parts]))
        by_class = choices.row_weights(self.examples, self.settings, rows)
        if self.weights is None or by_class is None:
            return by_class if self.weights is None else self.weights
        return self.weights * by_class

    def _state(self, network: Any) -> dict[str, np.ndarray]:
        """What the input layer holds that comes from training rows: each part's mean and deviation."""
        first = network.layers[0]
        if self.examples.kind == "table":
            return {}
        each = [first.statistics(self.inputs[0][part.train]) for part in self.split.parts]
        return {f"0.{first.kind}.{name}": np.stack([of[name] for of in each]) for name in each[0]}

    # --- answers ---

    def network_part(self, populations: Sequence[Ended], member: int) -> NetworkPart:
        """A member with its best weights, as a part of a model."""
        candidate, part, _ = self.members()[member]
        group, place = located(populations, member)
        population = populations[group]
        parameters, state = population.best(place)
        shift, scale = float(population.shift[part]), float(population.scale[part])
        network, loss = self.choice.networks[candidate.network], self.choice.program.loss
        if self.examples.kind == "series":  # what is asked later may be shorter than anything in training
            network = choices.promised(network, padded=True)
        return NetworkPart(network, self.shape, loss, self.fitted[part], parameters, state, shift, scale)

    def answer(self, networks: Sequence[NetworkPart], parts: Sequence[int], rows: np.ndarray) -> np.ndarray:
        """The mean answer of networks, each of its own part of the split, to some rows: probabilities, or values."""
        task = self.examples.task
        inputs = [self.inputs[part if len(self.inputs) > 1 else 0][rows] for part in parts]
        return np.mean([n.answer(x, task).astype(np.float64) for n, x in zip(networks, inputs, strict=True)], axis=0)

    # --- what the run says of it ---

    def facts(self, name: str, parent: str | None) -> dict[str, Any]:
        """run.json as it is before training."""
        examples, choice = self.examples, self.choice
        split = {
            "kind": self.split.kind,
            "description": self.split.description,
            "parts": [part.counts() for part in self.split.parts],
            "refits": self.split.refits,
        }
        return {
            "format": FORMAT,
            "name": name,
            "state": "training",
            "parent": parent,
            "created": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "seconds": 0.0,
            "command": command(),
            "versions": versions(),
            "data": {**plain(examples.source), "kind": examples.kind, "rows": len(examples), "test_openings": 0},
            "task": plain(examples.task),
            "schema": examples.schema.to_json(),
            "notes": plain(self.notes),
            "split": split,
            "networks": [network_facts(*of, self.shape) for of in zip(choice.notations, choice.networks, strict=True)],
            "program": plain(choice.program),
            "plan": {},
            "members": [member_facts(at, *who) for at, who in enumerate(self.members())],
            "selection": None,
            "verdict": None,
            "asked": {"settings": self.settings.to_json(), "reading": plain(self.reading)},
        }


def located(populations: Sequence[Ended], member: int) -> tuple[int, int]:
    """In which population a member of the run is, and its place there.

    >>> from types import SimpleNamespace as Of
    >>> located([Of(members="abc"), Of(members="de")], 4)
    (1, 1)
    """
    for group, population in enumerate(populations):
        if member < len(population.members):
            return group, member
        member -= len(population.members)
    raise IndexError(member)


def preprocess(examples: Examples, rows: np.ndarray) -> Any:
    """A table's preprocessing, fitted on some rows."""
    from lamina.data.preprocess import TablePreprocessing

    return TablePreprocessing.fit(examples.schema, examples.inputs, rows)  # pyright: ignore[reportArgumentType]


def multiply_adds(network: Any, shape: tuple[int, ...]) -> int:
    """What one example costs a complete network forward."""
    from lamina.network import summarize

    return sum(row.multiply_adds for row in summarize(network, shape))


def network_facts(notation: str, network: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    """A network as run.json tells of it: its notation, its table of layers, its sums."""
    from lamina.network import summarize

    rows = [plain(row) for row in summarize(network, shape)]
    sums = {key: sum(row[key] for row in rows) for key in ("parameters", "multiply_adds")}
    return {"notation": notation, "layers": rows, **sums}


def member_facts(at: int, candidate: Candidate, part: int, seed: int) -> dict[str, Any]:
    """A member as run.json tells of it before it is trained."""
    recipe = plain(dataclasses.replace(candidate.recipe, seed=seed))
    where = {"id": at, "network": candidate.network, "part": part, "seed": seed}
    return {**where, "recipe": recipe, "state": "waiting", "epochs": 0, "best_epoch": 0, "validation_loss": None}
