"""Trace: what goes into every organ of a network and what comes out, for one example or several."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from lamina import losses
from lamina.errors import OptionError, ShapeError
from lamina.inside.anatomy import ANSWER, INPUT, SUMS, Organ, anatomy, task_of
from lamina.inside.opened import part_of, weights
from lamina.model import Model, NetworkPart
from lamina.network import Context, Layer, skeleton, walk, with_leaves
from lamina.network.mask import live
from lamina.network.sizes import named
from lamina.training.device import answer_at_once
from lamina.training.vector import without_numbers

SIZES = (1, 32, 256)  # of batches, of which few programs are compiled; more examples go through by the last
Flow = tuple[dict[str, Array], dict[str, Array | None]]  # outputs, and which steps of them live, by path


@dataclass(frozen=True)
class Step:
    """One organ at work: its ``inputs``, one of each source, and its ``output``, float32 but for an input as it came.

    ``live`` [time] says which steps of the output are there where the network is told so (None: all, or there is no
    time). What isn't there is zero.
    """

    path: str
    kind: str
    inputs: tuple[np.ndarray, ...]
    output: np.ndarray
    live: np.ndarray | None = None


@dataclass(frozen=True)
class Trace:
    """All of a network's organs at work, in the order of its anatomy; by path with ``trace["1.conv"]``."""

    steps: tuple[Step, ...]

    def __getitem__(self, path: str) -> Step:
        """The step of that path; OptionError with the nearest where there is none."""
        return next((step for step in self.steps if step.path == path), None) or _refuse(path, self.paths)

    @property
    def paths(self) -> tuple[str, ...]:
        """The steps' paths, in their order."""
        return tuple(step.path for step in self.steps)

    @property
    def answer(self) -> np.ndarray:
        """The class probabilities [classes], or the value [1] in the target's units."""
        return self[ANSWER].output


def trace(of: Model | NetworkPart, x: Any) -> Trace:
    """What goes into every organ of a network and what comes out while it answers, outside training.

    ``of`` is a model (of an ensemble its first network) or one of its parts; ``x`` one example as the network takes it,
    or several: then every array has the axis of examples first. Compiled at the first question about a network of this
    shape. ShapeError for an example of other axes.

    >>> from lamina.network import Dense, Sequential
    >>> part = NetworkPart(Sequential([Dense(1, "linear")]), (2,), "squared", None, np.array([2, 3, 1]), {}, 10.0)
    >>> traced = trace(part, np.array([1.0, 1.0]))
    >>> traced["0.dense"].output.tolist(), traced.answer.tolist()
    ([6.0], [16.0])
    """
    part = part_of(of)
    x, single = checked(part, x)
    pieces = [
        [{path: of[:there] for path, of in kind.items() if of is not None} for kind in jax.device_get((made, lives))]
        for made, lives, there in _pieces(part, x)
    ]
    made, lives = (_joined([piece[kind] for piece in pieces], single=single) for kind in (0, 1))
    return Trace(
        tuple(
            Step(
                organ.path, organ.kind, tuple(made[of] for of in organ.sources), made[organ.path], lives.get(organ.path)
            )
            for organ in anatomy(part)
        )
    )


def outputs(of: Model | NetworkPart, x: Any, path: str) -> np.ndarray:
    """What comes out of one organ for examples [n, ...], any number: [n, ...]; OptionError for a path it hasn't.

    >>> from lamina.network import Dense, Sequential
    >>> part = NetworkPart(Sequential([Dense(1, "linear")]), (2,), "squared", None, np.array([2, 3, 1]), {}, 10.0)
    >>> outputs(part, np.ones((3, 2)), "0.dense").tolist()
    [[6.0], [6.0], [6.0]]
    """
    part = part_of(of)
    known = tuple(organ.path for organ in anatomy(part))
    if path not in known:
        _refuse(path, known)
    x, single = checked(part, x)
    found = np.concatenate([np.asarray(made[path])[:there] for made, _, there in _pieces(part, x)])
    return found[0] if single else found


def _joined(pieces: Sequence[Mapping[str, np.ndarray]], *, single: bool) -> dict[str, np.ndarray]:
    joined = (
        pieces[0] if len(pieces) == 1 else {path: np.concatenate([of[path] for of in pieces]) for path in pieces[0]}
    )
    return {path: of[0] if single else of for path, of in joined.items()}


def checked(part: NetworkPart, x: Any) -> tuple[np.ndarray, bool]:
    """Examples [n, ...] as an array, and whether it was a single one; ShapeError for other axes."""
    x = np.asarray(x)
    if x.ndim not in (len(part.shape), len(part.shape) + 1) or not x.size:
        raise ShapeError(
            f"The example has the shape {list(x.shape)}.",
            expected=f"One example, {named(part.shape)}, or several, one after the other.",
            mend="inputs = model.read(DATA)[0], of which inputs[0] is the first",
        )
    x = x.astype(np.float32) if x.dtype == np.float64 else x
    return (x[None], True) if x.ndim == len(part.shape) else (x, False)


# --- the flow --------------------------------------------------------------------------------------------------------


def flow(network: Layer, organs: Sequence[Organ], x: Array, nudges: Mapping[str, Array] | None = None) -> Flow:
    """What comes out of each organ but the answer for a batch ``x``, and which steps of it live; may be traced.

    ``network`` is built, its weights in it, ``organs`` its anatomy. Every layer runs by itself, as it does outside
    training. ``nudges`` by path are added to the outputs as they arise, so that the gradient with respect to them is
    that with respect to the outputs.
    """
    layers, nudges = dict(walk(network)), nudges or {}
    made: dict[str, Array] = {}
    lives: dict[str, Array | None] = {}
    for organ in organs[:-1]:
        if organ.path == INPUT:
            y, alive = x, None
        else:
            inputs, masks = [made[of] for of in organ.sources], [lives[of] for of in organ.sources]
            y, alive = applied(organ, layers.get(organ.path), inputs, masks)
        made[organ.path] = y + nudges[organ.path] if organ.path in nudges else y
        lives[organ.path] = alive
    return made, lives


def applied(
    organ: Organ, layer: Layer | None, inputs: Sequence[Array], masks: Sequence[Array | None]
) -> tuple[Array, Array | None]:
    """What an organ, neither input nor answer, makes of its sources' outputs, and which steps of it live.

    A layer that stands alone gives zeros where no step lives, as it does in a Sequential.
    """
    if organ.kind in SUMS:
        shortcut, body = inputs
        # A pool in the body leaves out what fills no window of a sequence as long as this.
        shortcut = shortcut[:, :-1] if shortcut.shape[1] == body.shape[1] + 1 else shortcut
        return live(shortcut + body, masks[1]), masks[1]
    if organ.kind == "concatenate":
        there = [mask for mask in masks if mask is not None]
        alive = functools.reduce(jnp.logical_and, there) if there else None
        return live(jnp.concatenate(inputs, axis=-1), alive), alive
    assert layer is not None
    y = layer.apply(inputs[0], Context(mask=masks[0]))[0]
    if is_projection(organ):  # nothing takes away what it makes of steps that aren't there
        return y, None
    alive = layer.alive(masks[0], inputs[0])
    return live(y, alive), alive


def is_projection(organ: Organ) -> bool:
    """Whether it brings the input of a residual to the shape of its body's output."""
    return organ.path.endswith(".projection")


def answered(part: NetworkPart, outputs: Array, scale: Any, shift: Any) -> Array:
    """The answer [n, classes] or [n, 1] that a network's outputs mean."""
    return losses.probabilities(outputs, part.loss) if task_of(part) == "classification" else outputs * scale + shift


# --- the program -----------------------------------------------------------------------------------------------------


def _pieces(part: NetworkPart, x: np.ndarray) -> Iterator[tuple[dict[str, Any], dict[str, Any], int]]:
    """Outputs and live steps of some examples at a time, and how many of them are no padding."""
    answer_at_once()
    program = _compiled(without_numbers(part.network), part.shape, part.loss)
    size = next((size for size in SIZES if size >= len(x)), SIZES[-1])
    units = np.float32(part.scale), np.float32(part.shift)
    for start in range(0, len(x), size):
        piece = x[start : start + size]
        padded = np.pad(piece, [(0, size - len(piece))] + [(0, 0)] * (x.ndim - 1))
        yield *program(weights(part), padded, *units), len(piece)


@functools.lru_cache(64)
def _compiled(network: Any, shape: tuple[int, ...], loss: str) -> Callable[..., Flow]:
    """The program of all networks that differ in their weights alone, as the members of an ensemble do."""
    part = NetworkPart(network, shape, loss, None, np.zeros(0, np.float32), {})  # pyright: ignore[reportArgumentType]
    organs, template = anatomy(part), skeleton(network, shape)

    def run(weights: Mapping[str, Array], x: Array, scale: Array, shift: Array) -> Flow:
        made, lives = flow(with_leaves(template, weights), organs, x)
        last = organs[-1].sources[0]
        return {**made, ANSWER: answered(part, made[last], scale, shift)}, {**lives, ANSWER: None}

    return jax.jit(run)


def _refuse(path: str, known: Sequence[str]) -> Any:
    (near,) = difflib.get_close_matches(path, known, n=1, cutoff=0)
    shown = ", ".join(of or '"" (the input)' for of in known)
    raise OptionError(f"The network has no layer {path!r}.", expected=f"One of {shown}.", mend=near)
