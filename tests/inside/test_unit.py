"""Units: for every layer kind the terms, made of weights and inputs alone, add up to what the network computed."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from lamina.errors import OptionError, ShapeError
from lamina.inside.anatomy import anatomy
from lamina.inside.arithmetic import Choice, Formula, Function, Lookup, Place, Products, Shares, Unit, check
from lamina.inside.trace import Step, Trace, trace
from lamina.inside.unit import MAKERS, unit
from lamina.model import NetworkPart
from lamina.network import (
    GRU, LSTM, RNN, Activation, Attention, Conv, Dense, Flatten, GlobalPool, ImageInput, Last, Max, MaxPool, Mean,
    Sequential, SeriesInput,
)  # fmt: skip
from lamina.network.activation import FUNCTIONS

Part = Callable[..., NetworkPart]
CLOSE = 1e-5


def without_outputs(seen: Trace, path: str) -> Trace:
    """The trace with NaN for what the layer at ``path`` puts out, and all behind it: it can't have been read."""
    at = seen.paths.index(path)
    hidden = tuple(dataclasses.replace(step, output=np.full(step.output.shape, np.nan)) for step in seen.steps[at:])
    return Trace((*seen.steps[:at], *hidden))


def places(step: Step, rng: np.random.Generator, count: int) -> Iterator[tuple[int, ...]]:
    """Some indices of a step's output: all of a small one."""
    every = list(np.ndindex(step.output.shape))
    for at in rng.permutation(len(every))[:count]:
        yield every[at]


def size(made: Unit) -> float:
    """How large the numbers are that were added up: what an error is measured by."""
    sums = [float(np.abs(part.products).sum()) for part in made.parts if isinstance(part, Products)]
    return max([1.0, abs(made.output), *sums], key=np.nan_to_num)


def test_terms_add_up_to_what_every_layer_puts_out(network_case: Any, of_case: Any, drawn: Any) -> None:
    part, rng = of_case(network_case), np.random.default_rng(1)
    for x in drawn(network_case, 2, 4):
        seen = trace(part, x)
        for organ in anatomy(part):
            blind = without_outputs(seen, organ.path) if organ.path else seen
            for index in places(seen[organ.path], rng, 12):
                made = unit(part, x, organ.path, index, trace=blind)
                assert (made.path, made.kind, made.index) == (organ.path, organ.kind, index)
                np.testing.assert_equal(made.output, made.parts[-1].value)
                expected = seen[organ.path].output[index]
                np.testing.assert_allclose(
                    made.output, expected, 0, CLOSE * size(made), err_msg=f"{organ.path} {index}"
                )
                check_chain(made, seen)


def check_chain(made: Unit, seen: Trace) -> None:
    """Every part follows from its own terms, and its terms from earlier parts and from outputs of earlier layers."""
    before: dict[str, float] = {}
    for part in made.parts:
        np.testing.assert_allclose(check(part), part.value, rtol=1e-6, atol=1e-6 * size(made))
        check_sources(part, before, seen)
        before[part.name] = part.value
    assert len(before) == len(made.parts)


def check_sources(part: Any, before: Mapping[str, float], seen: Trace) -> None:
    if isinstance(part, Function):
        expected = at(seen, part.place) if part.place else before[part.of]
        assert part.input == expected
    if isinstance(part, Formula):
        for name, place in part.places.items():
            np.testing.assert_allclose(part.operands[name], at(seen, place), atol=1e-5)
        assert all(before[name] == value for name, value in part.operands.items() if name in before)
    if isinstance(part, (Products, Choice)) and part.of in seen.paths:
        output = seen[part.of].output
        where = part.places()[part.there]
        np.testing.assert_array_equal(output[tuple(where.T)], part.inputs[part.there])


def at(seen: Trace, place: Place) -> float:
    return float(seen[place.of].output[place.index])


def test_every_kind_of_organ_has_its_arithmetic(network_cases: Any, of_case: Any) -> None:
    met = {organ.kind for case in network_cases.values() for organ in anatomy(of_case(case))}
    assert met <= set(MAKERS)
    # Within other layers only.
    assert set(MAKERS) - met == {"periodic"}
