"""Surfaces against the model's own answers, cell by cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lamina.data.examples import Examples
from lamina.data.table import read_table
from lamina.errors import OptionError
from lamina.inside.answering import answering
from lamina.inside.surface import surface
from lamina.model import Model, NetworkPart
from lamina.network import Dense, Flatten, ImageInput, Sequential

Penguins = tuple[Model, Examples]


def cells(examples: Examples, row: int) -> dict[str, Any]:
    table: Any = examples.inputs
    return {name: column[row] for name, column in table.columns.items()}


def test_every_cell_is_the_model_s_answer_there(penguins: Penguins) -> None:
    model, examples = penguins
    row = cells(examples, 7)
    found = surface(model, row, "bill_length_mm", "island", size=4)
    assert found.values.shape == (len(found.ys), 4, 3)
    assert set(found.ys) == {"Biscoe", "Dream", "Torgersen"}
    assert found.here == (row["bill_length_mm"], row["island"])
    for y, island in enumerate(found.ys):
        for x, length in enumerate(found.xs):
            changed = {**row, "bill_length_mm": length, "island": island}
            expected, _ = model.outputs(read_table({name: [value] for name, value in changed.items()}))
            np.testing.assert_allclose(found.values[y, x], expected[0], atol=1e-6)


def test_the_range_of_a_column_is_the_data_s_or_the_preprocessing_s(penguins: Penguins) -> None:
    model, examples = penguins
    row = cells(examples, 0)
    lengths = [30.0, 60.0, None]
    told = surface(model, row, "bill_length_mm", "bill_depth_mm", size=3, among={"bill_length_mm": lengths})
    assert told.xs == (30.0, 45.0, 60.0)
    prepare: Any = model.parts[0].preprocessing
    assert told.ys[0] == pytest.approx(prepare.center[2] - 2 / prepare.scale[2])


def test_two_pixels(part: Callable[..., NetworkPart]) -> None:
    one = part(Sequential([ImageInput(), Flatten(), Dense(2, "linear")]), (2, 2, 1), "cross entropy")
    x = np.array([[[10], [20]], [[30], [40]]], np.uint8)
    found = surface(one, x, (0, 0, 0), (1, 1, 0), size=3)
    assert found.here == (10.0, 40.0)
    asked = answering(one)
    for j, y in enumerate((0, 127.5, 255)):
        for i, first in enumerate((0, 127.5, 255)):
            changed = x.astype(np.float32)
            changed[0, 0, 0], changed[1, 1, 0] = first, y
            np.testing.assert_allclose(
                found.values[j, i], asked.answers(asked.outputs(changed[None]))[0], rtol=1e-5, atol=1e-7
            )


def test_what_there_is_not_is_refused(penguins: Penguins, part: Callable[..., NetworkPart]) -> None:
    model, examples = penguins
    row = cells(examples, 0)
    with pytest.raises(OptionError, match="shoe size"):
        surface(model, row, "island", "shoe size")
    with pytest.raises(OptionError, match="twice"):
        surface(model, row, "island", "island")
    one = part(Sequential([Dense(2, "linear")]), (3,), "cross entropy")
    with pytest.raises(OptionError, match="place"):
        surface(one, np.zeros(3), (0,), (3,))
