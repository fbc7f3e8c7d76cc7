"""Answering: a network's answer as a function of numbers that can be moved a little, compiled once for all examples.

Pixels, series and features are moved as they are. Of a recording, it is the spectrogram that is moved; of a table's row
the prepared numbers, and in place of each category its indicators or its embedding, since a code can't be moved.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from lamina import losses
from lamina.errors import OptionError
from lamina.inside.opened import part_of, remembered
from lamina.inside.opened import weights as weights_in
from lamina.model import Model, NetworkPart
from lamina.network import (
    Context,
    ImageInput,
    Layer,
    Sequential,
    SeriesInput,
    SoundInput,
    TableInput,
    apply,
    leaves,
    skeleton,
)
from lamina.network import with_leaves as filled
from lamina.network.embedding import ONE_HOT
from lamina.network.layer import joined
from lamina.network.recurrent import Recurrent
from lamina.network.tree import with_children
from lamina.training.vector import without_numbers

L = TypeVar("L", bound=Layer)
Of = Literal["logit", "probability", "value"]
AT_ONCE = 1 << 24  # numbers that lie between the layers of all examples at work together: 64 MB


@dataclass(frozen=True)
class Plan:
    """What of a network its compiled programs depend on: its shape without its numbers. Networks of one plan share."""

    network: Any
    shape: tuple[int, ...]
    loss: str

    @property
    def kind(self) -> losses.TaskKind:
        """What the loss is of: "classification" or "regression"."""
        return losses.LOSSES[self.loss][0]

    @property
    def input(self) -> Any:
        """The network's input layer, unbuilt; None where it has none of Lamina's."""
        first = self.network.layers[0] if isinstance(self.network, Sequential) else None
        return first if isinstance(first, (ImageInput, SeriesInput, SoundInput, TableInput)) else None

    def input_is(self, kind: type[Layer]) -> bool:
        """Whether the input layer is of that kind."""
        return isinstance(self.input, kind)

    def opened(self, weights: Mapping[str, Any]) -> Any:
        """The network with these weights in it. May be traced."""
        return filled(_template(self), weights)

    def moved(self, weights: Mapping[str, Any], x: Array) -> tuple[Array, Array | None]:
        """Examples [n, ...] in the numbers that can be moved, float32, and which of their steps live."""
        if isinstance(self.input, SoundInput):
            layer = self.opened(weights).layers[0]
            return layer.apply(x, Context())[0], layer.alive(None, x)
        if isinstance(self.input, TableInput):
            layer = dataclasses.replace(self.opened(weights).layers[0], waves=None)
            return layer.apply(x, Context())[0], None
        return x.astype(jnp.float32), None

    def halves(self, weights: Mapping[str, Any], stop: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """The network cut behind so many layers: what makes (values, mask) of moved numbers, and outputs of these."""
        network = self.opened(weights)
        begin = 1 if isinstance(self.input, (SoundInput, TableInput)) else 0

        def before(z: Array, mask: Array | None) -> tuple[Array, Array | None]:
            if isinstance(self.input, TableInput):
                z = _waved(network.layers[0], z)
            return _through(network.layers[begin:stop], z, mask)

        def behind(y: Array, mask: Array | None) -> Array:
            return _through(network.layers[max(stop, begin) :], y, mask)[0]

        return before, behind

    def moved_shape(self) -> tuple[int, ...]:
        """The shape of one example in moved numbers."""
        weights = {path: jax.ShapeDtypeStruct(of.shape, of.dtype) for path, of in _arrays(self).items()}
        return jax.eval_shape(self.moved, weights, self.example())[0].shape[1:]

    def example(self) -> jax.ShapeDtypeStruct:
        """The shape and the type of a batch of one example."""
        kinds = {ImageInput: np.uint8, SoundInput: np.int16}
        return jax.ShapeDtypeStruct((1, *self.shape), kinds.get(type(self.input), np.float32))

    def recorded(self, weights: Mapping[str, Any], z: Array, path: str) -> Array:
        """What comes out of the layer at ``path`` for moved numbers [n, ...], all of whose steps live."""
        network, records = self.opened(weights), {}
        begin = 1 if isinstance(self.input, (SoundInput, TableInput)) else 0
        if isinstance(self.input, TableInput):
            z = _waved(network.layers[0], z)
        place, dot, rest = path.partition(".")
        if begin:  # the layers behind the input layer are counted from 0
            network, path = Sequential(network.layers[begin:]), f"{int(place) - begin}{dot}{rest}"
        apply(network, z, Context(records=records))
        return records[path]

    def outputs(self, weights: Mapping[str, Any], z: Array, mask: Array | None) -> Array:
        """What the last layer says of moved numbers [n, ...]: logits [n, classes], or scaled values [n, 1]."""
        if not isinstance(self.network, Sequential):
            return apply(self.opened(weights), z, Context(mask=mask))[0]
        before, behind = self.halves(weights, 0)
        return behind(*before(z, mask))


@functools.cache
def _template(plan: Plan) -> Any:
    return skeleton(plan.network, plan.shape)


def _arrays(plan: Plan) -> dict[str, Any]:
    return {**leaves(_template(plan), "parameter"), **leaves(_template(plan), "state")}


def _through(layers: tuple[Any, ...], y: Array, mask: Array | None) -> tuple[Array, Array | None]:
    if not layers:
        return y, mask
    piece = Sequential(layers)
    return piece.apply(y, Context(mask=mask))[0], piece.alive(mask, y)


def _waved(layer: TableInput, z: Array) -> Array:
    """A table's moved numbers with their waves beside them, as the layer itself makes them."""
    if layer.waves is None:
        return z
    numbers, rest = z[:, : layer.numbers], z[:, layer.numbers :]
    return jnp.concatenate([layer.waves.apply(numbers, Context())[0], rest], axis=1)


def explained(plan: Plan, of: Of, outputs: Array, target: Array, scaling: Array) -> Array:
    """The number that is explained, [n]: a class's logit or probability, or the value in the target's units.

    ``target`` and ``scaling`` (shift, scale) are data: another class costs no compilation.
    """
    if of == "value":
        return outputs[:, 0] * scaling[1] + scaling[0]
    return jnp.take(outputs if of == "logit" else losses.probabilities(outputs, plan.loss), target, axis=1)


@dataclass(frozen=True, eq=False)
class Answering:
    """One network ready to be asked. Make it with `answering`."""

    part: NetworkPart
    plan: Plan
    weights: Mapping[str, Array]

    @property
    def scaling(self) -> np.ndarray:
        """The shift and the scale of the target."""
        return np.array([self.part.shift, self.part.scale], np.float32)

    def moved(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """One example in the numbers that can be moved, and which of its steps live [time]; None: there is no say."""
        z, live = self.all_moved(np.asarray(x)[None])
        return z[0], None if live is None else live[0]

    def all_moved(self, xs: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Several examples in the numbers that can be moved, and which of their steps live [n, time]."""
        return jax.device_get(_moved(self.plan)(self.weights, xs))

    def outputs(self, z: np.ndarray, live: np.ndarray | None = None) -> np.ndarray:
        """Logits [n, classes] or scaled values [n, 1] of moved numbers [n, ...] that live alike."""
        size = self.size(256, len(z))
        pieces = [_padded(z[at : at + size], size) for at in range(0, len(z), size)]
        program = _outputs(self.plan)
        return np.concatenate([np.asarray(program(self.weights, of, live)) for of in pieces])[: len(z)]

    def answers(self, outputs: np.ndarray) -> np.ndarray:
        """Class probabilities [n, classes], or values [n, 1] in the target's units, of outputs."""
        if self.plan.kind == "regression":
            return outputs * self.part.scale + self.part.shift
        return np.asarray(_probabilities(self.plan.loss)(outputs))

    def size(self, most: int, wanted: int | None = None) -> int:
        """How many examples go through the network at once: a power of two, as many as memory allows."""
        room = remembered(self.part, "room", lambda: max(1, AT_ONCE // max(1, _numbers(self.plan))))
        count = min(most, room, most if wanted is None else max(1, 1 << (wanted - 1).bit_length()))
        return 1 << (count.bit_length() - 1)

    def baseline(self, z: np.ndarray) -> np.ndarray:
        """An example that says nothing: the mean of the training examples where the input layer knows it, else zeros.

        That of a spectrogram, of prepared numbers and of indicators is zero. What isn't there stays away.
        """
        layer, mean = self.plan.input, np.zeros(z.shape[-1], np.float32)
        if isinstance(layer, (ImageInput, SeriesInput)):
            mean = np.asarray(self.weights[f"0.{layer.kind}.mean"]) * (255 if isinstance(layer, ImageInput) else 1)
        return np.where(np.isnan(z), np.nan, np.broadcast_to(mean, z.shape)).astype(np.float32)


def answering(of: Model | NetworkPart) -> Answering:
    """A network (of an ensemble the first), opened once and kept with it.

    >>> from lamina.network import Dense, Sequential, build, leaves
    >>> from lamina.training.vector import Layout
    >>> network = Sequential([Dense(2, "linear")])
    >>> weights = np.asarray(Layout.of(build(network, (3,))).pack(leaves(build(network, (3,)), "parameter")))
    >>> part = NetworkPart(network, (3,), "cross entropy", None, weights, {})
    >>> asked = answering(part)
    >>> asked.outputs(np.zeros((5, 3), np.float32)).tolist()[0], answering(part) is asked
    ([0.0, 0.0], True)
    """
    part = part_of(of)

    def make() -> Answering:
        # A layer that cuts the way back in training still has a whole one.
        network = altered(without_numbers(part.network), lambda _, layer: _uncut(layer))
        plan = Plan(network, tuple(part.shape), part.loss)
        return Answering(part, plan, weights_in(part))

    return remembered(part, "answering", make)


def altered(network: L, change: Callable[[str, Layer], Layer], path: str = "") -> L:
    """A network with every layer, inner before outer, replaced by what ``change`` makes of its path and it.

    >>> from lamina.network import Dense
    >>> altered(Sequential([Dense(3), Dense(2)]), lambda path, layer: Dense(9) if path == "1.dense" else layer)
    Sequential(layers=(Dense(features=3), Dense(features=9)))
    """
    inner = with_children(network, lambda segment, layer: altered(layer, change, joined(path, segment)))
    return cast(L, change(path, inner))


def _uncut(layer: Layer) -> Layer:
    return dataclasses.replace(layer, truncate=None) if isinstance(layer, Recurrent) else layer


def checked_target(asked: Answering, target: int | None, outputs: np.ndarray) -> int | None:
    """The class that is explained, the likeliest if none is named; None for a regression. OptionError if it is none."""
    if asked.plan.kind == "regression":
        return None
    if target is None:
        return int(outputs.argmax())
    return checked_class(target, len(outputs))


def checked_class(target: int, count: int) -> int:
    """The number of one of so many classes; OptionError if it is none."""
    if not 0 <= target < count:
        given = f"There is no class number {target}."
        raise OptionError(given, expected=f"A number from 0 to {count - 1}.", mend="target=0")
    return int(target)


def class_name(of: Model | NetworkPart, target: int | None) -> str:
    """What a class is called: by its name where a model knows it; a regression's target by its own.

    >>> class_name(NetworkPart(None, (1,), "squared", None, np.zeros(1), {}), 3)
    'class 3'
    """
    if isinstance(of, Model):
        return of.task.target if target is None else of.task.classes[target]
    return "the value" if target is None else f"class {target}"


def owners(layer: TableInput) -> np.ndarray:
    """Which of a row's prepared numbers and codes each moved number belongs to.

    >>> owners(TableInput(2, (3, 12))).tolist()
    [0, 1, 2, 2, 3, 3, 3, 3, 3, 3]
    """
    few = [(layer.numbers + i, c - 1) for i, c in enumerate(layer.cardinalities) if c <= ONE_HOT]
    many = [(layer.numbers + i, min(16, (c + 1) // 2)) for i, c in enumerate(layer.cardinalities) if c > ONE_HOT]
    return np.array([*range(layer.numbers), *(at for at, count in (*few, *many) for _ in range(count))], int)


def _padded(z: np.ndarray, size: int) -> np.ndarray:
    return z if len(z) == size else np.concatenate([z, np.repeat(z[-1:], size - len(z), axis=0)])


def _numbers(plan: Plan) -> int:
    """How many numbers lie between the layers for one example."""

    def records(network: Any, x: Array) -> dict[str, Array]:
        found: dict[str, Array] = {}
        apply(network, x, Context(records=found))
        return found

    made = jax.eval_shape(records, _template(plan), plan.example())
    return sum(math.prod(of.shape) for of in made.values()) + math.prod(plan.shape)


@functools.cache
def _moved(plan: Plan) -> Callable[..., Any]:
    return jax.jit(plan.moved)


@functools.cache
def _outputs(plan: Plan) -> Callable[..., Any]:
    def run(weights: Mapping[str, Any], z: Array, live: Array | None) -> Array:
        return plan.outputs(weights, z, spread(live, len(z)))

    return jax.jit(run)


def spread(live: Array | None, count: int) -> Array | None:
    """The live steps of one example [time] for so many like it."""
    return None if live is None else jnp.broadcast_to(live[None], (count, *live.shape))


@functools.cache
def _probabilities(loss: str) -> Callable[..., Any]:
    return jax.jit(functools.partial(losses.probabilities, kind=loss))
