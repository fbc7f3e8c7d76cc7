"""Anatomy: the organs of a network in the order in which data flows through them, and what goes into each."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
import numpy as np

from lamina.errors import OptionError
from lamina.inside.opened import part_of, remembered
from lamina.losses import LOSSES, TaskKind
from lamina.model import Model, NetworkPart
from lamina.network import (
    Concatenate,
    Conv,
    ImageInput,
    Layer,
    MaxPool,
    Residual,
    Sequential,
    SeriesInput,
    Shape,
    SoundInput,
    TableInput,
    Transformer,
    leaves,
    skeleton,
    with_leaves,
)
from lamina.network.layer import joined, shortest
from lamina.network.sizes import Ends, along, pads

T = TypeVar("T")
INPUT, ANSWER, ATTENDED = "", "answer", "attended"
SUMS = ("residual", "transformer", "sum")  # what is the sum of its sources
PLAIN_AXES = {1: ("feature",), 2: ("time", "feature"), 3: ("height", "width", "channel")}
INPUT_AXES: dict[type[Layer], tuple[str, ...]] = {
    ImageInput: ("height", "width", "channel"),
    SeriesInput: ("time", "channel"),
    SoundInput: ("sample",),
    TableInput: ("column",),
}


@dataclass(frozen=True)
class Organ:
    """One step of a network: a layer, a place where branches meet, the input (path "") or the answer ("answer").

    ``sources`` are the paths whose outputs go in, none for the input. Shapes are of one example. ``settings`` are its
    static facts as JSON holds them; of what moves a window along axes ``kernel`` or ``window``, ``stride``,
    ``dilation`` and ``padding`` [[before, after], ...] are given for each axis. ``axes`` says what each axis of its
    output means. ``parameters`` and ``multiply_adds`` add up to the network's: a meeting place has none of its own.
    """

    path: str
    kind: str
    description: str
    sources: tuple[str, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    settings: Mapping[str, Any]
    axes: tuple[str, ...]


def anatomy(of: Model | NetworkPart) -> tuple[Organ, ...]:
    """The organs of a network (of a model's ensemble the first) in the order of data flow: input first, answer last.

    Every layer is one, with its path, but a Sequential, which is its layers. A "residual" stands behind its body and
    its projection and is the sum of its two sources, a "concatenate" behind its branches and has them side by side. Of
    a transformer there are its five layers, the "sum" PATH.attended of its first half, and itself, the sum of its
    second. The answer is the class probabilities, or the value in the target's units.

    >>> from lamina.network import Dense, Residual
    >>> network = Sequential([Residual(Sequential([Dense(3)])), Dense(1, "linear")])
    >>> part = NetworkPart(network, (3,), "squared", None, np.zeros(16, np.float32), {})
    >>> for organ in anatomy(part):
    ...     print(organ.path or "the input", organ.output_shape, organ.sources)
    the input (3,) ()
    0.residual.body.0.dense (3,) ('',)
    0.residual (3,) ('', '0.residual.body.0.dense')
    1.dense (1,) ('0.residual',)
    answer (1,) ('1.dense',)
    """
    part = part_of(of)
    return remembered(part, "anatomy", lambda: _anatomy(part))


def has_mask(organs: tuple[Organ, ...]) -> bool:
    """Whether the network is told which steps of an example are there."""
    return any(organ.kind == "sound" or (organ.kind == "series" and organ.settings["padded"]) for organ in organs)


def task_of(part: NetworkPart) -> TaskKind:
    """What a network answers: "classification" or "regression"."""
    return LOSSES[part.loss][0]


# --- the walk --------------------------------------------------------------------------------------------------------


def _anatomy(part: NetworkPart) -> tuple[Organ, ...]:
    if not isinstance(part.network, Sequential):
        raise OptionError(
            f"The network is a {part.network.kind}.",
            expected="Layers one after another, as every trained network is.",
            mend="Sequential([...])",
        )
    sized = with_leaves(skeleton(part.network, part.shape), leaves(part.network, "number"))  # numbers are shown
    walk = _Walk(part)
    last = walk.through(INPUT, sized, INPUT)
    walk.answer(part, last)
    return tuple(walk.organs)


class _Walk:
    """Goes through a network and notes its organs; knows the shape behind each, and whether there is a mask."""

    def __init__(self, part: NetworkPart) -> None:
        given = _input(part.shape, type(part.network.layers[0]))
        self.organs = [given]
        self.by_path = {INPUT: given}
        self.masks: dict[str, Any] = {INPUT: None}

    def through(self, path: str, layer: Layer, source: str) -> str:
        """Notes what a layer is made of; the path of its output."""
        if isinstance(layer, Sequential):
            for place, inner in enumerate(layer.layers):
                source = self.through(joined(path, f"{place}.{inner.kind}"), inner, source)
            return source
        if isinstance(layer, Residual):
            body = self.through(joined(path, "body"), layer.body, source)
            if layer.projection is not None:
                source = self.through(joined(path, "projection"), layer.projection, source)
            return self.meet(path, layer, (source, body))
        if isinstance(layer, Concatenate):
            branches = enumerate(layer.branches)
            ends = [self.through(joined(path, f"{at}.{branch.kind}"), branch, source) for at, branch in branches]
            return self.meet(path, layer, tuple(ends))
        if isinstance(layer, Transformer):
            return self.transformer(path, layer, source)
        return self.leaf(path, layer, source)

    def transformer(self, path: str, layer: Transformer, source: str) -> str:
        halves, beside = (("attention_norm", "attention"), ("norm", "hidden", "output")), source
        for names, there in zip(halves, (joined(path, ATTENDED), path), strict=True):
            for name in names:
                source = self.leaf(joined(path, name), getattr(layer, name), source)
            source = beside = self.meet(there, layer, (beside, source), half=there != path)
        return source

    def leaf(self, path: str, layer: Layer, source: str) -> str:
        shape, mask = self.by_path[source].output_shape, self.masks[source]
        out = layer.output_shape(shape)
        given = jax.ShapeDtypeStruct((1, *shape), np.float32)
        self.masks[path] = jax.eval_shape(layer.alive, mask, given)  # of which it matters only whether there is one
        settings = _settings(layer, shape, timed=mask is not None)
        axes = _axes(layer, out, self.by_path[source].axes)
        parameters = sum(math.prod(array.shape) for array in leaves(layer, "parameter").values())
        sizes = {"parameters": parameters, "multiply_adds": layer.multiply_adds(shape)}
        return self.add(
            Organ(path, layer.kind, layer.describe(), (source,), shape, out, **sizes, settings=settings, axes=axes)
        )

    def meet(self, path: str, layer: Layer, sources: tuple[str, ...], *, half: bool = False) -> str:
        """A sum or a concatenation: as large, and as long alive, as the last of its sources says."""
        kind = "sum" if half else layer.kind
        description = "what goes in and what attention adds" if half else layer.describe()
        settings = {} if half else _settings(layer, self.by_path[sources[0]].output_shape, timed=False)
        shapes = [self.by_path[source].output_shape for source in sources]
        self.masks[path] = next((self.masks[of] for of in reversed(sources) if self.masks[of] is not None), None)
        out = shapes[-1] if kind in SUMS else (*shapes[-1][:-1], sum(shape[-1] for shape in shapes))
        axes = self.by_path[sources[-1]].axes
        return self.add(Organ(path, kind, description, sources, shapes[0], out, 0, 0, settings, axes))

    def add(self, organ: Organ) -> str:
        self.organs.append(organ)
        self.by_path[organ.path] = organ
        return organ.path

    def answer(self, part: NetworkPart, last: str) -> None:
        """Ends in the answer, made of outputs that are a class each, or the value."""
        answer = _answer(part, self.by_path[last])
        self.organs[-1] = dataclasses.replace(self.organs[-1], axes=answer.axes)
        self.add(answer)


# --- what an organ is ------------------------------------------------------------------------------------------------


def _input(shape: Shape, first: type[Layer]) -> Organ:
    words = {ImageInput: "pixels from 0 to 255", SeriesInput: "values", SoundInput: "samples", TableInput: "columns"}
    description = f"{' x '.join(map(str, shape))} {words.get(first, 'numbers')}"
    axes = INPUT_AXES[first] if first in INPUT_AXES else PLAIN_AXES.get(len(shape), ())
    return Organ(INPUT, "input", description, (), shape, shape, 0, 0, {}, axes)


def _answer(part: NetworkPart, last: Organ) -> Organ:
    shape = last.output_shape
    if task_of(part) == "regression":
        settings = {"function": "scale", "scale": float(part.scale), "shift": float(part.shift)}
        words, out, axes = "the output in the target's units", (1,), ("value",)
    else:
        function = "sigmoid shares" if part.loss == "sigmoid cross entropy" else "softmax"
        settings = {"function": function}
        words, out, axes = f"{function}: {shape[-1]} probabilities", shape, ("class",)
    return Organ(ANSWER, ANSWER, words, (last.path,), shape, out, 0, 0, settings, axes)


def _settings(layer: Layer, shape: Shape, *, timed: bool) -> dict[str, Any]:
    left_out = {name for role in ("parameter", "state", "child") for name in layer.names_of[role]}
    names = [of.name for of in dataclasses.fields(layer) if of.name not in left_out]
    settings = {name: _json(getattr(layer, name)) for name in names}
    if isinstance(layer, Conv):
        sizes = {
            name: along("conv", name, getattr(layer, name), len(shape) - 1) for name in ("kernel", "stride", "dilation")
        }
        spans = tuple((k - 1) * d + 1 for k, d in zip(sizes["kernel"], sizes["dilation"], strict=True))
        ends: Ends = "causal" if layer.causal else layer.padding
        return settings | _moves(sizes, shape, spans, ends, timed=timed)
    if isinstance(layer, MaxPool):  # an AvgPool is one
        window = along(layer.kind, "window", layer.window, len(shape) - 1)
        stride = window if layer.stride is None else along(layer.kind, "stride", layer.stride, len(shape) - 1)
        return settings | _moves({"window": window, "stride": stride}, shape, window, layer.padding, timed=timed)
    return settings


def _moves(
    sizes: Mapping[str, tuple[int, ...]], shape: Shape, spans: Shape, ends: Ends, *, timed: bool
) -> dict[str, Any]:
    """How a window moves along each axis: ``ends`` in numbers, and the sizes for each axis."""
    timed = timed or len(shape) == 2
    each = enumerate(zip(shape[:-1], spans, sizes["stride"], strict=True))
    padding = [list(pads(n, span, step, ends, timed=timed and axis == 0)) for axis, (n, span, step) in each]
    return {**{name: list(size) for name, size in sizes.items()}, "padding": padding, "ends": ends}


def _json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_json(of) for of in value]
    return value if value is None or isinstance(value, (str, int, float)) else float(shortest(value))


def _axes(layer: Layer, out: Shape, before: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(layer, SoundInput):
        return ("time", "mel", "channel")
    if isinstance(layer, (ImageInput, SeriesInput)):
        return INPUT_AXES[type(layer)]
    if len(out) == 3 and len(before) == 3:
        return (*before[:2], "channel")
    return PLAIN_AXES.get(len(out), before)
