"""Units of the layers with a memory: RNN, LSTM and GRU, gate by gate at one step.

The states before the step are found by running the recurrence plainly in NumPy from the layer's inputs. The formulas
stand in kernels/rnn.py, lstm.py and gru.py; columns of the weights are gate after gate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from lamina.inside.arithmetic import Index, Part, Place, Window, formula, function, products, row
from lamina.inside.given import Given

BEFORE = "hidden before"
State = tuple[np.ndarray, ...]  # the hidden state; an LSTM's cell behind it
_LSTM_GATES = (("input gate", "sigmoid"), ("forget gate", "sigmoid"), ("candidate", "tanh"), ("output gate", "sigmoid"))


@dataclass(frozen=True, eq=False)
class _Moment:
    """One direction of a layer at one step, about to make one feature: what it is given there."""

    given: Given
    layer: Any
    step: int
    feature: int
    before: int | None  # the step whose state is the one before; None: there is none, and it is zeros
    state: State
    offset: int  # of this direction's features among the layer's

    def from_input(self, name: str, gate: int) -> Part:
        """A gate's sum of what the layer is given, with its bias."""
        at = gate * self.layer.features + self.feature
        seen = row(self.given.x[self.step], (self.step,))
        weights = self.layer.weight[:, at]
        return products(f"{name} from x", self.given.of, None, weights, bias=self.layer.bias[at], window=seen)

    def from_hidden(self, name: str, gate: int, bias: float = 0.0) -> Part:
        """A gate's sum of the hidden states before."""
        at = gate * self.layer.features + self.feature
        hidden, there = self.state[0], np.full(self.layer.features, self.before is not None)
        beyond = self.step + (1 if self.offset else -1)
        start = (beyond if self.before is None else self.before, self.offset)
        seen = Window(hidden, start, (1,), (1,), there)
        return products(f"{name} from hidden", BEFORE, None, self.layer.recurrent[:, at], bias=bias, window=seen)

    def gate(self, name: str, gate: int, kind: str) -> tuple[Part, ...]:
        """Both sums, their sum, and the gate's function of it."""
        x, hidden = self.from_input(name, gate), self.from_hidden(name, gate)
        total = formula(f"{name} sum", f"{x.name} + {hidden.name}", {x.name: x.value, hidden.name: hidden.value})
        return x, hidden, total, function(name, kind, total.name, total.value)

    def hidden_before(self) -> tuple[float, dict[str, Place]]:
        """The hidden state of this feature before the step, and where it stands in the layer's own output."""
        at = None if self.before is None else (self.before, self.offset + self.feature)
        where = {} if at is None else {BEFORE: Place(self.given.organ.path, at)}
        return float(self.state[0][self.feature]), where


def rnn(given: Given, index: Index) -> tuple[Part, ...]:
    """The inputs' sum and the hidden states', added, through the activation."""
    return _moment(given, index).gate("hidden", 0, given.layer.activation)


def lstm(given: Given, index: Index) -> tuple[Part, ...]:
    """Four gates, the cell that they make of the one before, and what of it is let out."""
    now = _moment(given, index)
    parts = [part for place, (name, kind) in enumerate(_LSTM_GATES) for part in now.gate(name, place, kind)]
    gates = {part.name: part.value for part in parts if part.name in dict(_LSTM_GATES)}
    operands = {name: gates[name] for name in ("forget gate", "input gate", "candidate")}
    operands["cell before"] = float(now.state[1][now.feature])
    cell = formula("cell", "forget gate * cell before + input gate * candidate", operands)
    bent = function("tanh of cell", "tanh", cell.name, cell.value)
    shown = {"output gate": gates["output gate"], bent.name: bent.value}
    return (*parts, cell, bent, formula("hidden", "output gate * tanh of cell", shown))


def gru(given: Given, index: Index) -> tuple[Part, ...]:
    """Two gates, a candidate of which the reset gate dims the past, and the mix that the update gate makes."""
    now = _moment(given, index)
    reset, update = now.gate("reset gate", 0, "sigmoid"), now.gate("update gate", 1, "sigmoid")
    x = now.from_input("candidate", 2)
    past = now.from_hidden("candidate", 2, float(now.layer.recurrent_bias[now.feature]))
    dimmed = {part.name: part.value for part in (x, reset[-1], past)}
    total = formula("candidate sum", f"{x.name} + reset gate * {past.name}", dimmed)
    candidate = function("candidate", "tanh", total.name, total.value)
    before, where = now.hidden_before()
    mixed = {"update gate": update[-1].value, "candidate": candidate.value, BEFORE: before}
    text = f"(1 - update gate) * candidate + update gate * {BEFORE}"
    return (*reset, *update, x, past, total, candidate, formula("hidden", text, mixed, where))


def _moment(given: Given, index: Index) -> _Moment:
    step, feature = index
    layer, backward = given.layer, feature >= given.layer.features
    layer, offset = (layer.backward, layer.features) if backward else (layer, 0)
    if backward:
        feature -= offset
    way = "backward" if backward else "forward"
    states = given.once(way, lambda: _states(given, layer, reverse=backward))
    before = step + 1 if backward else step - 1
    if not 0 <= before < len(states[0]):
        return _Moment(given, layer, step, feature, None, tuple(np.zeros(layer.features) for _ in states), offset)
    return _Moment(given, layer, step, feature, before, tuple(each[before] for each in states), offset)


# ---- the recurrences -------------------------------------------------------------------------------------------------


def _states(given: Given, layer: Any, *, reverse: bool) -> State:
    """The states of one direction behind each live step, [steps, features] each, from a state of zeros."""
    live = len(given.x) if given.mask is None else int(given.mask.sum())
    from_x = given.x[:live].astype(np.float64) @ layer.weight + layer.bias
    recurrent = layer.recurrent.astype(np.float64)
    cell, count = _CELLS[layer.kind]
    found = tuple(np.zeros((live, layer.features)) for _ in range(count))
    state = tuple(np.zeros(layer.features) for _ in range(count))
    for step in range(live)[:: -1 if reverse else 1]:
        state = cell(layer, from_x[step], state, state[0] @ recurrent)
        for kept, now in zip(found, state, strict=True):
            kept[step] = now
    return found


def _rnn(layer: Any, from_x: np.ndarray, state: State, from_hidden: np.ndarray) -> State:
    del state
    total = from_x + from_hidden
    return (np.tanh(total) if layer.activation == "tanh" else np.maximum(total, 0),)


def _lstm(layer: Any, from_x: np.ndarray, state: State, from_hidden: np.ndarray) -> State:
    del layer
    total = (from_x + from_hidden).reshape(4, -1)
    taken, kept, _, shown = expit(total)  # all at once: a call takes longer than its numbers
    cell = kept * state[1] + taken * np.tanh(total[2])
    return shown * np.tanh(cell), cell


def _gru(layer: Any, from_x: np.ndarray, state: State, from_hidden: np.ndarray) -> State:
    x, past = from_x.reshape(3, -1), from_hidden.reshape(3, -1)
    reset, update = expit(x[:2] + past[:2])
    candidate = np.tanh(x[2] + reset * (past[2] + layer.recurrent_bias))
    return ((1 - update) * candidate + update * state[0],)


_CELLS: Mapping[str, tuple[Callable[[Any, np.ndarray, State, np.ndarray], State], int]] = {
    "rnn": (_rnn, 1),
    "lstm": (_lstm, 2),
    "gru": (_gru, 1),
}
