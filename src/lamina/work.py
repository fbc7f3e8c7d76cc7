"""Work: one training under way, from the examples and the choices to what each part of the split sees and answers."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from lamina import choices, metrics
from lamina.choices import Candidate, Choice
from lamina.data.examples import Examples, Note, Reading, plain
from lamina.data.split import Split
from lamina.model import NetworkPart
from lamina.provenance import command, versions
from lamina.settings import Settings
from lamina.training.plan import Plan, make_plan
from lamina.training.recipe import Member
from lamina.training.run import FORMAT, RunFolder


@dataclass
class Work:
    """What was read, asked and chosen; ``device`` is the platform and how many of its devices; ``shape`` an example's.

    ``weights`` [n] is what each row counts, beside the class weights that the settings ask for; ``fitted`` is each
    part's preprocessing (None for images), ``inputs`` the examples as each part sees them: one array a part for
    tables, one for all for images.
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
    fitted: list[Any] = field(init=False)
    inputs: list[np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        parts = self.split.parts
        if self.examples.kind == "table":
            self.fitted = [preprocess(self.examples, part.train) for part in parts]
            self.inputs = [fitted.transform(self.examples.inputs) for fitted in self.fitted]
        else:
            from lamina.data.image import preprocessing_of

            self.fitted = [preprocessing_of(self.examples)] * len(parts)
            self.inputs = [np.asarray(self.examples.inputs)]

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

    # --- populations ---

    def groups(self, folder: RunFolder) -> list[Callable[[], Any]]:
        """How to make the population of each network; its plan is the run's where that has one, else it is written
        there.
        """

        def populate(network: int) -> Any:
            plans = folder.read()["plan"]
            plan = Plan(**plans[str(network)]) if str(network) in plans else self.plan(network)
            folder.update({"plan": {**plans, str(network): plain(plan)}})
            return self.population(network, plan)

        return [functools.partial(populate, network) for network in range(len(self.choice.networks))]

    def group(self, network: int) -> list[Member]:
        """The members of a network, in the run's order."""
        return [
            Member(dataclasses.replace(c.recipe, seed=seed), part)
            for c, part, seed in self.members()
            if c.network == network
        ]

    def plan(self, network: int) -> Plan:
        """How the population of a network is laid out here."""
        return make_plan(
            members=len(self.group(network)),
            rows=max(len(part.train) for part in self.split.parts),
            batch_size=self.choice.program.batch_size,
            multiply_adds=multiply_adds(self.choice.networks[network], self.shape),
            platform=self.device[0],
            devices=self.device[1],
        )

    def population(self, at: int, plan: Plan) -> Any:
        """The population of a network before its first step."""
        from lamina.training.population import gather, populate

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
        return populate(network, self.choice.program, self.group(at), task=task, data=data, rows=train, plan=plan)

    def _row_weights(self) -> np.ndarray | None:
        rows = np.unique(np.concatenate([part.train for part in self.split.parts]))
        by_class = choices.row_weights(self.examples, self.settings, rows)
        if self.weights is None or by_class is None:
            return by_class if self.weights is None else self.weights
        return self.weights * by_class

    def _state(self, network: Any) -> dict[str, np.ndarray]:
        """What layers hold that comes from training rows: each part's mean and deviation of the pixels."""
        from lamina.network import walk
        from lamina.network.image_input import ImageInput, channel_statistics

        paths = [path for path, layer in walk(network) if isinstance(layer, ImageInput)]
        if not paths:
            return {}
        each = [channel_statistics(self.inputs[0][part.train]) for part in self.split.parts]
        mean, deviation = (np.stack(of) for of in zip(*each, strict=True))
        return {f"{path}.{name}": of for path in paths for name, of in (("mean", mean), ("deviation", deviation))}

    # --- answers ---

    def network_part(self, populations: Sequence[Any], member: int) -> NetworkPart:
        """A member with its best weights, as a part of a model."""
        candidate, part, _ = self.members()[member]
        before = sum(len(population.members) for population in populations[: candidate.network])
        population = populations[candidate.network]
        parameters, state = population.best(member - before)
        shift, scale = (float(np.asarray(of)[part]) for of in (population.data.shift, population.data.scale))
        network, loss = self.choice.networks[candidate.network], self.choice.program.loss
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
