"""Lamina as a contender: its own training (what `lamina train` runs), chunk by chunk, and its own answers."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, ClassVar, Self

import jax
import numpy as np
from benchmarks.engine.contender import timed
from benchmarks.engine.examples import Examples
from benchmarks.engine.network import Cnn, Mlp, Network, Recurrent, ResNet

from lamina.network import Context, Dense, Layer, Sequential, Shape, complete
from lamina.network.image_input import channel_statistics
from lamina.network.initialisers import Draw
from lamina.network.layer import child
from lamina.network.notation import parse
from lamina.training.device import prepare
from lamina.training.planner import Planner
from lamina.training.population import Population, gather
from lamina.training.predict import compiled, predict, weights_of
from lamina.training.recipe import Member, Program, Recipe

FOREVER = 1_000_000  # epochs: nothing may end while it is timed


def notation(network: Network) -> str:
    """The network as a person writes it for `lamina train --network`, without its head."""
    match network:
        case Mlp(widths):
            return ", ".join(f"dense {width}" for width in widths[1:-1])
        case Cnn(normed=False):
            return "conv 32, pool, conv 64, pool, dense 128"
        case Cnn():
            first, second = (f"conv {wide} linear nobias, batchnorm, relu, pool" for wide in (32, 64))
            return f"{first}, {second}, dense 128, dropout 0.5"
        case ResNet(channels):
            stem = f"conv {channels[0]} linear nobias, batchnorm, relu"
            blocks = (f"{_block(wide, stride)}, relu" for _, wide, stride in network.plan())
            return ", ".join([stem, *blocks, "globalpool mean"])
        case Recurrent(kind, hidden=hidden, layers=layers, both_ways=both):
            way = " bidirectional" if both else ""
            return ", ".join([f"{kind} {hidden}{way}"] * layers + [f"last{way}"])


def _block(wide: int, stride: int) -> str:
    step = f" stride {stride}" if stride > 1 else ""
    return f"residual(conv {wide} linear{step} nobias, batchnorm, relu, conv {wide} linear nobias, batchnorm)"


def whole(network: Network, examples: Examples) -> Sequential:
    """The network with its input layer and its head."""
    shape, layers = examples.inputs.shape[1:], parse(notation(network))
    if examples.inputs.dtype == np.uint8:
        return complete(layers, shape, 10, kind="image")
    if len(shape) == 1:
        return complete(layers, shape, 10, kind="table", columns=(shape[0], ()))
    if examples.lengths is not None:
        return Sequential((Lengths(layers), Dense(10, "linear")))
    return Sequential((*layers.layers, Dense(10, "linear")))


class NotThere(RuntimeError):
    """What a row asks of Lamina, Lamina hasn't got."""


class Lengths(Layer):
    """What the body makes of sequences whose last feature says which steps are there: it becomes the body's mask."""

    kind: ClassVar[str] = "lengths"
    body: Sequential = child()

    def output_shape(self, shape: Shape) -> Shape:
        return self.body.output_shape((shape[0], shape[1] - 1))

    def build(self, shape: Shape, draw: Draw) -> Self:
        return dataclasses.replace(self, body=self.body.build((shape[0], shape[1] - 1), draw))

    def apply(self, x: jax.Array, context: Context) -> tuple[jax.Array, Self]:
        here = dataclasses.replace(context.child(0, self.body, "body"), mask=x[:, :, -1] > 0)
        y, body = self.body.apply(x[:, :, :-1], here)
        return y, dataclasses.replace(self, body=body)

    def multiply_adds(self, shape: Shape) -> int:
        return self.body.multiply_adds((shape[0], shape[1] - 1))


class Ours:
    """A population of ``members`` (their seeds differ) trained by one program, under the plan that Lamina makes."""

    def __init__(
        self,
        network: Network,
        examples: Examples,
        batch: int,
        *,
        members: int = 1,
        precision: str = "float32",
        schedule: str = "constant",
        epochs: int = FOREVER,
        seed: int = 0,
        device: str | None = None,
    ) -> None:
        self.members, self.batch, self.examples, self.seed = members, batch, examples, seed
        self.schedule = schedule
        self.inputs, self.device = with_presence(examples), prepare(device)
        self.network = whole(network, examples)
        self.population = self._population(precision, epochs)
        self.notes = f"{engine()}; {self.population.plan.sentence()}"
        if precision != "float32":
            self._refuse_pretence(epochs)

    def _population(self, precision: str, epochs: int) -> Population:
        examples = self.examples
        state = statistics(examples) if examples.inputs.dtype == np.uint8 else None
        rows, held = [examples.train], [examples.validation]
        data = gather([self.inputs], examples.targets, train=rows, validation=held, state=state)
        program = Program("cross entropy", "adam", self.schedule, self.batch, precision=precision)
        members = [Member(Recipe(epochs=epochs, seed=self.seed + member)) for member in range(self.members)]
        planner = Planner(self.network, program, members, "classification", data, rows, self.device)
        return planner.populate(planner.plan(), members)

    def _refuse_pretence(self, epochs: int) -> None:
        """NotThere where another precision trains to the very same bits."""
        plain = self._population("float32", epochs)
        for population in (plain, self.population):
            population.advance()
        if np.array_equal(plain.moving.parameters, self.population.moving.parameters):
            raise NotThere("not there: it trains to the same bits as float32")

    @property
    def batches(self) -> int:
        """The steps of an epoch."""
        return -(-len(self.examples.train) // self.batch)

    @property
    def done(self) -> int:
        """The steps that each member has behind it."""
        position = self.population.position
        return position.epoch * self.batches + position.piece * self.population.plan.steps

    def reachable(self, steps: int) -> int:
        """The number of steps from here, at least ``steps``, after which a chunk ends."""
        plan, at = self.population.plan, self.done
        target = at + steps
        while at < target:
            if plan.pieces == 1:
                at += plan.segments * self.batches
            else:
                at = min(at + plan.steps, (at // self.batches + 1) * self.batches)
        return at - self.done

    def run(self, steps: int) -> float:
        """The seconds of so many steps; beside another plan of ours, whose chunks end elsewhere, it may do more."""
        before = self.done

        def chunks() -> None:
            while self.done < before + steps:
                self.population.advance()

        return timed(chunks) * steps / (self.done - before)

    def accuracy(self) -> float:
        examples, moving = self.examples, self.population.moving
        held = [self.answers(member, self.inputs[examples.held]) for member in range(self.members)]
        assert bool(np.asarray(moving.running)[: self.members].all()), "a member diverged"
        return float(np.mean([(answers.argmax(1) == examples.targets[examples.held]).mean() for answers in held]))

    @functools.cached_property
    def _answer(self) -> Any:
        return compiled(self.network, tuple(self.inputs.shape[1:]), "cross entropy", "classification")

    def answers(self, member: int, inputs: np.ndarray) -> np.ndarray:
        """The class probabilities of a member, through Lamina's own prediction."""
        moving = self.population.moving
        state = {path: np.asarray(leaf[member]) for path, leaf in moving.state.items()}
        shape = tuple(self.inputs.shape[1:])
        return predict(self._answer, weights_of(self.network, shape, moving.parameters[member], state), inputs)


class Alone(Ours):
    """A member by itself, whose steps are too short for a clock: it does many more and gives the time of those asked
    for.
    """

    MORE = 32

    def run(self, steps: int) -> float:
        many = self.reachable(steps * self.MORE)
        return super().run(many) * steps / many


def with_presence(examples: Examples) -> np.ndarray:
    """The inputs; where sequences have lengths, with a last feature that is 1 on the steps that are there."""
    if examples.lengths is None:
        return examples.inputs
    there = np.arange(examples.inputs.shape[1]) < examples.lengths[:, None]
    return np.concatenate([examples.inputs, there[..., None].astype(np.float32)], axis=2)


def statistics(examples: Examples) -> dict[str, np.ndarray]:
    """What the input layer of pictures holds: the training pictures' mean and deviation."""
    mean, deviation = channel_statistics(examples.inputs[examples.train])
    return {"0.image.mean": mean[None], "0.image.deviation": deviation[None]}


def engine() -> str:
    """Which engine runs the hot operations: the native library in use, or the JAX forms and why."""
    try:
        from lamina.kernels import native
    except ImportError:
        return "JAX forms (no native module)"
    status: Any = native.status()
    return f"native {status.library}" if status.library else f"JAX forms ({status.reason})"
