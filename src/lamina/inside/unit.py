"""One unit of a network: all that makes one number of a layer's output, for one example."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lamina.errors import OptionError
from lamina.inside import (
    unit_answer,
    unit_attention,
    unit_inputs,
    unit_norms,
    unit_passing,
    unit_pools,
    unit_recurrent,
    unit_weighted,
)
from lamina.inside.anatomy import INPUT, Organ, anatomy
from lamina.inside.arithmetic import Index, Part, Unit
from lamina.inside.given import Given, layers_of
from lamina.inside.opened import checked_example, part_of, remembered
from lamina.inside.trace import Trace
from lamina.inside.trace import trace as traced
from lamina.model import Model, NetworkPart

MAKERS: Mapping[str, Callable[[Given, Index], tuple[Part, ...]]] = {
    "activation": unit_passing.activation,
    "answer": unit_answer.answer,
    "attention": unit_attention.attention,
    "avgpool": unit_pools.average_pool,
    "batchnorm": unit_norms.batch_norm,
    "concatenate": unit_passing.joined,
    "conv": unit_weighted.conv,
    "dense": unit_weighted.dense,
    "dropout": unit_passing.same,
    "embedding": unit_inputs.embedding,
    "flatten": unit_passing.reshaped,
    "frames": unit_passing.reshaped,
    "globalpool": unit_pools.global_pool,
    "gru": unit_recurrent.gru,
    "image": unit_inputs.image,
    "input": unit_passing.same,
    "last": unit_pools.last,
    "layernorm": unit_norms.layer_norm,
    "lstm": unit_recurrent.lstm,
    "max": unit_pools.largest_over_time,
    "mean": unit_pools.mean_over_time,
    "periodic": unit_inputs.periodic,
    "pool": unit_pools.max_pool,
    "positions": unit_passing.positions,
    "residual": unit_passing.added,
    "rnn": unit_recurrent.rnn,
    "series": unit_inputs.series,
    "sound": unit_inputs.sound,
    "spec-augment": unit_passing.same,
    "sum": unit_passing.added,
    "table": unit_inputs.table,
    "transformer": unit_passing.added,
}


def unit(of: Model | NetworkPart, x: Any, path: str, index: Sequence[int], *, trace: Trace | None = None) -> Unit:
    """The arithmetic of the number at ``index`` of what the layer at ``path`` makes of one example, step by step.

    ``of`` is a model (of an ensemble its first network) or one of its parts, ``x`` one example as the network takes it,
    and paths are those of :func:`anatomy`: "" is the input and "answer" the answer. The inputs of the layer are the
    outputs of those before it; its own output is not looked at. ``trace`` spares the network another look at ``x``.
    OptionError for a path or an index that there isn't, ShapeError for several examples.

    >>> from lamina.network import Dense, Sequential
    >>> weights = np.array([1, 2, 0.5], np.float32)  # the bias last
    >>> part = NetworkPart(Sequential([Dense(1, initialiser="zeros")]), (2,), "squared", None, weights, {})
    >>> found = unit(part, np.array([1, -2], np.float32), "0.dense", (0,))
    >>> [(step.name, step.value) for step in found.parts]
    [('sum', -2.5), ('output', 0.0)]
    """
    part, x = part_of(of), checked_example(of, x)
    trace = traced(part, x) if trace is None else trace
    organ = organ_at(part, path)
    index = checked_index(organ, index, trace[path].output.shape)
    live = trace[path].live
    there = live is None or bool(live[index[0]])  # what isn't is made 0 behind every layer
    parts = MAKERS[organ.kind](_given(part, organ, x, trace), index) if there else (unit_pools.nothing(),)
    return Unit(path, organ.kind, index, parts, parts[-1].value)


def organ_at(part: NetworkPart, path: str) -> Organ:
    """The organ at a path; OptionError, which lists them, where there is none."""
    organs = remembered(part, "organs by path", lambda: {organ.path: organ for organ in anatomy(part)})
    if path not in organs:
        names = [name for name in organs if name != INPUT]
        raise OptionError(
            f"The network has no layer {path!r}.",
            expected=f"One of {', '.join(names)}.",
            mend=f"{_nearest(path, names)}",
        )
    return organs[path]


def checked_index(organ: Organ, index: Sequence[int], shape: tuple[int, ...]) -> Index:
    """The index as whole numbers, if there is such a place in an output of that shape; OptionError otherwise."""
    name = organ.path or "the input"
    index = tuple(int(i) for i in index)
    fits = len(index) == len(shape) and all(0 <= i < n for i, n in zip(index, shape, strict=True))
    if not fits:
        axes = organ.axes if len(organ.axes) == len(shape) else tuple(f"axis {i}" for i in range(len(shape)))
        ranges = ", ".join(f"{axis} 0 to {n - 1}" for axis, n in zip(axes, shape, strict=True))
        raise OptionError(
            f"The index {','.join(map(str, index)) or 'of no numbers'} is no place in what {name} makes.",
            expected=f"{len(shape)} whole number{'s' if len(shape) > 1 else ''}: {ranges}.",
            mend=",".join("0" for _ in shape),
        )
    return index


def _nearest(path: str, names: Sequence[str]) -> str:
    ends = [name for name in names if name.endswith(path)] if path else []
    return (ends or difflib.get_close_matches(path, names, n=1, cutoff=0))[0]


def _given(part: NetworkPart, organ: Organ, x: np.ndarray, trace: Trace) -> Given:
    """What goes into an organ; kept beside the trace, for the next unit of the same example."""
    known = vars(trace).setdefault("_given", {})
    if organ.path not in known:
        inputs = trace[organ.path].inputs if organ.sources else (x,)
        masks = tuple(trace[source].live for source in organ.sources) or (None,)
        known[organ.path] = Given(part, organ, layers_of(part).get(organ.path), inputs, masks)
    return known[organ.path]
