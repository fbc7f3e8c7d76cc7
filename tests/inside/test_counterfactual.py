"""Counterfactuals against a search of everything, closed forms of linear networks, and the model's own answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lamina.data.examples import Examples, Task
from lamina.data.preprocess import Feature, TablePreprocessing
from lamina.data.table import Table
from lamina.errors import OptionError
from lamina.inside.answering import answering
from lamina.inside.counterfactual import counterfactual
from lamina.inside.kept import Kept
from lamina.inside.prepared import rows_of
from lamina.model import Model, NetworkPart
from lamina.network import Conv, Dense, Flatten, ImageInput, Sequential, SeriesInput, TableInput

Penguins = tuple[Model, Examples]
Make = Callable[..., NetworkPart]


def kept_of(columns: dict[str, list[Any]], targets: Any) -> Kept:
    ids = np.arange(len(targets))
    names = ids.astype(str)
    return Kept("table", ids, names, np.repeat("judged", len(ids)), ids, np.asarray(targets), None, columns)


def kept_penguins(examples: Examples) -> Kept:
    table: Any = examples.inputs
    listed = {
        column.name: [None if v != v else v for v in table.columns[column.name].tolist()]
        for column in examples.schema.features
    }
    return kept_of(listed, examples.targets)


def test_one_column_is_the_least_of_all_that_turn_it(penguins: Penguins) -> None:
    model, examples = penguins
    kept = kept_penguins(examples)
    assert kept.cells is not None
    single = 0
    for row in range(0, 340, 40):
        cells = {name: column[row] for name, column in kept.cells.items()}
        found = counterfactual(model, cells, kept=kept)
        own = int(found.before.argmax())
        best = np.inf  # every value of every column, put in before the preprocessing
        for name, column in kept.cells.items():
            values = list(dict.fromkeys(column))
            changed = rows_of(model, {n: [v] * len(values) for n, v in cells.items()} | {name: values})
            prepare: Any = model.parts[0].preprocessing
            for value, answer in zip(values, changed.answers(), strict=True):
                if answer.argmax() == own or value == cells[name]:
                    continue
                feature = next(f for f in prepare.features if f.name == name)
                if feature.kind == "number" and value is not None and cells[name] is not None:
                    at = prepare.feature_names.index(name)
                    best = min(best, abs(value - cells[name]) * prepare.scale[at])
                elif feature.kind == "category":
                    best = min(best, 1.0)
        if len(found.changes) == 1:
            single += 1
            assert found.size <= best + 1e-3 or found.changes[0].after is None
        else:
            assert best == np.inf
        if found.found:
            changed_cells = {**cells, **{change.column: change.after for change in found.changes}}
            answer, _ = model.outputs(rows_table(changed_cells))
            assert answer[0].argmax() == found.target != own
            np.testing.assert_allclose(answer[0], found.after, atol=1e-6)
    assert single > 3


def rows_table(cells: dict[str, Any]) -> Table:
    return Table(
        {
            name: np.array([value if value is not None else np.nan])
            if not isinstance(value, str)
            else np.array([value], object)
            for name, value in cells.items()
        }
    )


@pytest.fixture
def two_numbers() -> NetworkPart:
    """A network of two columns whose answer is the sign of their sum less 1.5: neither alone turns a (0, 0)."""
    features = Feature("a", "number"), Feature("b", "number")
    fitted = TablePreprocessing(features, ("a", "b"), None, (0.0, 0.0), (1.0, 1.0), ())
    network = Sequential([TableInput(2), Dense(2, "linear")])
    weights = np.array([0, 1, 0, 1, 1.5, 0], np.float32)
    return NetworkPart(network, (2,), "cross entropy", fitted, weights, {})


def test_two_columns_where_one_will_not_do(two_numbers: NetworkPart) -> None:
    values = [-1.0, 0.0, 0.5, 1.0, 1.2]
    found = counterfactual(two_numbers, {"a": 0.0, "b": 0.0}, kept=kept_of({"a": values, "b": values}, [0] * 5))
    assert {change.column: change.after for change in found.changes} in ({"a": 1.0, "b": 1.0}, {"a": 0.5, "b": 1.2})
    assert found.size == pytest.approx(sum(change.size for change in found.changes))
    assert found.words.startswith("With ")
    assert " and " in found.words
    assert found.words.endswith("it would say class 1.")


def test_in_words(two_numbers: NetworkPart) -> None:
    kept = kept_of({"a": [0.0, 48.1], "b": [0.0, 0.0]}, [0, 1])
    model = Model(Task("classification", "kind", ("Adelie", "Gentoo")), "table", (two_numbers,), {})
    found = counterfactual(model, {"a": 0.25, "b": 0.0}, kept=kept)
    assert found.words == "With a 48.1 instead of 0.25 it would say Gentoo."
    assert found.changes[0].size == pytest.approx(47.85, rel=0.05)


def test_where_nothing_turns_it_that_is_said(two_numbers: NetworkPart) -> None:
    kept = kept_of({"a": [0.0, 0.1], "b": [0.0, 0.1]}, [0, 0])
    found = counterfactual(two_numbers, {"a": 0.0, "b": 0.0}, kept=kept)
    assert not found.found
    assert found.words.startswith("No change of up to 3 columns")


def test_a_regression_moves_with_its_columns(two_numbers: NetworkPart) -> None:
    network, weights = Sequential([TableInput(2), Dense(1, "linear")]), np.array([0.1, -2.0, 3.0], np.float32)
    value = replace(two_numbers, network=network, parameters=weights, loss="squared", shift=100.0, scale=10.0)
    numbers = [0.0, 0.0, 0.1, 0.2, 0.2]
    found = counterfactual(value, {"a": 0.0, "b": 0.0}, kept=kept_of({"a": numbers, "b": numbers}, [0.0] * 5))
    assert [(move.column, move.to) for move in found.moves[:2]] == [("b", 0.2), ("b", 0.1)]
    bent = 0.2 / np.sqrt(1 + (0.2 / 3) ** 2)
    assert found.moves[0].difference == pytest.approx(-20 * bent, rel=1e-4)
    assert found.words == f"With b 0.2 it would be {20 * bent:.4g} lower: {130 - 20 * bent:.4g}."


def test_of_a_linear_network_the_way_is_the_shortest(part: Make) -> None:
    one = part(Sequential([Dense(3, "linear")]), (5,), "cross entropy")
    x = np.random.default_rng(0).normal(size=5).astype(np.float32)
    weight, bias = one.parameters[:15].reshape(5, 3), one.parameters[15:]
    logits = x @ weight + bias
    own = int(logits.argmax())
    lengths = [(logits[own] - logits[k]) / np.linalg.norm(weight[:, own] - weight[:, k]) for k in range(3) if k != own]
    found = counterfactual(one, x)
    assert found.found
    assert np.linalg.norm(found.changed - x) == pytest.approx(min(lengths), rel=0.02)
    assert found.size == pytest.approx(np.linalg.norm(found.changed - x) / np.sqrt(5), rel=1e-5)
    other = next(k for k in range(3) if k not in (own, found.target))
    assert counterfactual(one, x, other).target == other


def test_a_picture_stays_one_and_its_answer_turns(part: Make) -> None:
    layers = [ImageInput(), Conv(4), Flatten(), Dense(3, "linear")]
    one = part(Sequential(layers), (8, 8, 1), "cross entropy")
    model = Model(Task("classification", "kind", ("a", "b", "c")), "image", (one, one), {})
    x = np.random.default_rng(2).integers(0, 256, (8, 8, 1)).astype(np.uint8)
    found = counterfactual(model, x)
    assert found.found
    assert found.changed is not None
    assert found.changed.dtype == np.uint8
    answer, _ = model.outputs(found.changed[None])
    assert answer[0].argmax() == found.target != found.before.argmax()
    assert found.mask is not None
    np.testing.assert_array_equal(found.mask, np.abs(found.changed.astype(float) - x)[:, :, 0])
    random = np.random.default_rng(0).normal(size=x.shape)  # a random change as large does nothing like it
    noisy = np.clip(x + random / np.sqrt((random**2).mean()) * found.size, 0, 255).round().astype(np.uint8)
    assert model.outputs(noisy[None])[0][0].argmax() == found.before.argmax()
    begun = time.perf_counter()
    counterfactual(model, x)
    assert time.perf_counter() - begun < 2


@pytest.mark.slow
def test_a_series_keeps_its_length(part: Make, series: np.ndarray) -> None:
    one = part(Sequential([SeriesInput(), Conv(3, activation="tanh"), Flatten(), Dense(2, "linear")]), (7, 2), "focal")
    found = counterfactual(one, series[2])
    assert found.found
    assert found.changed is not None
    np.testing.assert_array_equal(np.isnan(found.changed), np.isnan(series[2]))
    answer = one.answer(found.changed[None], Task("classification", ""))
    assert answer[0].argmax() == found.target != found.before.argmax()


def test_a_value_is_reached(part: Make) -> None:
    one = part(Sequential([Dense(4, "tanh"), Dense(1, "linear")]), (3,), "squared", shift=1.0, scale=2.0)
    x = np.zeros(3, np.float32)
    before = float(one.answer(x[None], Task("regression", ""))[0])
    found = counterfactual(one, x, before - 0.3)
    assert found.found
    assert found.after[0] == pytest.approx(before - 0.3, abs=0.02)


def test_a_recording_is_changed_on_its_spectrogram(of_case: Any, drawn: Any, network_cases: Any) -> None:
    case = network_cases["heard in time"]
    one, x = of_case(case), drawn(case, 2)[1]
    found = counterfactual(one, x, float(one.answer(x[None], Task("regression", ""))[0]) + 0.2)
    assert found.found
    assert found.changed is not None
    assert found.changed.shape == (12, 4)
    asked = answering(one)
    answer = asked.answers(asked.outputs(found.changed[None, :, :, None], asked.moved(x)[1]))
    assert answer[0] == pytest.approx(found.before + 0.2, abs=0.01)


@pytest.mark.slow
def test_what_can_not_be_asked_is_refused(part: Make, two_numbers: NetworkPart) -> None:
    dead = part(Sequential([Dense(2, "linear")]), (3,), "cross entropy")
    x = np.ones(3, np.float32)
    own = int(counterfactual(dead, x).before.argmax())
    with pytest.raises(OptionError, match="already"):
        counterfactual(dead, x, own)
    with pytest.raises(OptionError, match="class number 7"):
        counterfactual(dead, x, 7)
    with pytest.raises(OptionError, match="codes"):
        counterfactual(two_numbers, np.zeros(2, np.float32))
    with pytest.raises(OptionError, match="no examples"):
        counterfactual(two_numbers, {"a": 0.0, "b": 0.0})
    silent = replace(dead, parameters=np.array([0, 0, 0, 0, 0, 0, 1, 0], np.float32))
    assert not counterfactual(silent, x).found
