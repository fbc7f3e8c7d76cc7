"""Formulas as text: the same as Python makes of them, names of several words, nothing else."""

from __future__ import annotations

import math

import pytest

from lamina.inside.expression import value_of


@pytest.mark.parametrize(
    ("text", "operands", "expected"),
    [
        ("a + b * c", {"a": 1.0, "b": 2.0, "c": 3.0}, 7),
        ("-(a - b) / 4", {"a": 1.0, "b": 9.0}, 2),
        ("(1 - gate) * new gate", {"gate": 0.25, "new gate": 4.0}, 3),  # the longer name first
        ("max(x, 1e-3) ** 2", {"x": 0.0}, 1e-6),
        ("exp(x) + sqrt(x)", {"x": 4.0}, math.exp(4) + 2),  # an operand's name within a function's
        ("cos(2 * pi * x)", {"x": 0.5}, -1),
        ("0", {}, 0),
    ],
)
def test_values(text: str, operands: dict[str, float], expected: float) -> None:
    assert value_of(text, operands) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["y + 1", "open(1)", "x.real", "[x]", "x if x else 1", "'x'"])
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(KeyError):
        value_of(text, {"x": 1.0})
