"""The recurrences written plainly: one step of a cell at a time, every gate in sight and every state open to a nudge.

The kernels compute the same hidden states without keeping what is looked at here (kernels/rnn.py, lstm.py, gru.py,
where the formulas stand).
"""

# ruff: noqa: D102 - what each method of a layer does is said once, in Layer.

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypeVar

import jax
import jax.numpy as jnp
from jax import Array, lax

from lamina.kernels.recurrence import at_steps, held, live_steps, steps_first
from lamina.kernels.rnn import ACTIVATIONS
from lamina.network.layer import Context, Layer, Shape, child, parameter
from lamina.network.recurrent import Recurrent
from lamina.network.tree import walk, with_children

L = TypeVar("L", bound=Layer)
Way = Literal["forward", "backward"]
State = tuple[Array, ...]  # the hidden state; an LSTM's cell state behind it
Cell = Callable[[Any, Array, State, State], tuple[State, dict[str, Array]]]


def _rnn(layer: Any, x: Array, state: State, nudges: State) -> tuple[State, dict[str, Array]]:
    function = ACTIVATIONS[layer.activation][0]
    return (function(x @ layer.weight + state[0] @ layer.recurrent + layer.bias[None]) + nudges[0],), {}


def _lstm(layer: Any, x: Array, state: State, nudges: State) -> tuple[State, dict[str, Array]]:
    hidden, cell = state
    before = jnp.split(x @ layer.weight + hidden @ layer.recurrent + layer.bias[None], 4, axis=1)
    taken, kept, candidate, shown = (f(b) for f, b in zip(_LSTM_FUNCTIONS, before, strict=True))
    cell = kept * cell + taken * candidate + nudges[1]
    gates = {"input": taken, "forget": kept, "output": shown, "candidate": candidate}
    return (shown * jnp.tanh(cell) + nudges[0], cell), gates


_LSTM_FUNCTIONS = (jax.nn.sigmoid, jax.nn.sigmoid, jnp.tanh, jax.nn.sigmoid)


def _gru(layer: Any, x: Array, state: State, nudges: State) -> tuple[State, dict[str, Array]]:
    from_x = jnp.split(x @ layer.weight + layer.bias[None], 3, axis=1)
    from_h = jnp.split(state[0] @ layer.recurrent, 3, axis=1)
    reset, update = (jax.nn.sigmoid(a + b) for a, b in zip(from_x[:2], from_h[:2], strict=True))
    new = jnp.tanh(from_x[2] + reset * (from_h[2] + layer.recurrent_bias[None]))
    gates = {"reset": reset, "update": update, "candidate": new}
    return ((1 - update) * new + update * state[0] + nudges[0],), gates


CELLS: Mapping[str, Cell] = {"rnn": _rnn, "lstm": _lstm, "gru": _gru}
STATES: Mapping[str, tuple[str, ...]] = {"rnn": ("hidden",), "lstm": ("hidden", "cell"), "gru": ("hidden",)}


def unrolled(
    layer: Recurrent, x: Array, mask: Array | None, nudges: Array | None = None, *, reverse: bool = False
) -> dict[str, Array]:
    """All that one direction of a layer has in it at each step: its states and gates by name, [batch, time, features].

    ``x`` [batch, time, inputs], ``mask`` [batch, time] or None; a padded step gives zeros. ``nudges`` [states, batch,
    time, features] are added to the states as they arise, so that a gradient with respect to them is the whole one:
    by way of the layer's output and of all later steps.
    """
    names, live = STATES[layer.kind], live_steps(mask)
    still = jnp.zeros((len(names), *x.shape[:2], layer.features), x.dtype)
    moved = jnp.moveaxis(still if nudges is None else nudges, 2, 0)

    def step(state: State, now: Any) -> tuple[State, dict[str, Array]]:
        x, live, nudges = now
        after, gates = CELLS[layer.kind](layer, x, state, tuple(nudges))
        found = dict(zip(names, after, strict=True)) | gates
        shown = {name: held(live, values, 0) for name, values in found.items()}
        return tuple(held(live, new, old) for new, old in zip(after, state, strict=True)), shown

    start = tuple(jnp.zeros((x.shape[0], layer.features), x.dtype) for _ in names)
    _, found = lax.scan(step, start, (at_steps(x, live), live, moved), reverse=reverse)
    return {name: steps_first(values) for name, values in found.items()}


class Watched(Layer):
    """A recurrent layer read step by step in the place of the layer itself, whose kind, and so whose path, it has.

    ``forward`` and ``backward``, where they are there, nudge its states. When somebody asked for records it leaves
    there which steps live and all of :func:`unrolled`, under "PATH.live" and "PATH.forward.forget" and the like.
    """

    layer: Recurrent = child()
    forward: Array | None = parameter()
    backward: Array | None = parameter()

    @property
    def kind(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the layer."""
        return self.layer.kind

    def output_shape(self, shape: Shape) -> Shape:
        return self.layer.output_shape(shape)

    def apply(self, x: Array, context: Context) -> tuple[Array, Layer]:
        live = jnp.ones(x.shape[:2], bool) if context.mask is None else context.mask
        self._record(context, "live", live)
        states = []
        for way, layer in self.ways():
            found = unrolled(layer, x, live, getattr(self, way), reverse=way == "backward")
            for name, values in found.items():
                self._record(context, f"{way}.{name}", values)
            states.append(found["hidden"])
        return jnp.concatenate(states, axis=2), self

    def ways(self) -> Iterator[tuple[Way, Recurrent]]:
        """Each direction that the layer reads in, with the layer that does."""
        yield "forward", self.layer
        if self.layer.backward is not None:
            yield "backward", self.layer.backward

    def _record(self, context: Context, name: str, values: Array) -> None:
        if context.records is not None:
            context.records[f"{context.path}.{name}"] = values


def watched(network: L) -> L:
    """The network with every recurrent layer, wherever it is, :class:`Watched`.

    >>> from lamina.network import LSTM, Last, Sequential
    >>> [type(layer).__name__ for layer in watched(Sequential([LSTM(4), Last()])).layers]
    ['Watched', 'Last']
    """
    return with_children(network, lambda _, layer: Watched(layer) if isinstance(layer, Recurrent) else watched(layer))


def directions(network: Layer) -> list[tuple[str, Watched, Way]]:
    """Every direction of every watched layer: its path, the layer and the way it reads, layer by layer."""
    found = ((path, layer) for path, layer in walk(network) if isinstance(layer, Watched))
    return [(path, layer, way) for path, layer in found for way, _ in layer.ways()]
