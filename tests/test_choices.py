"""Choices: what is asked is taken as it is, and the rest is one paired experiment."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import choices
from lamina.data.examples import Reading
from lamina.data.read import read
from lamina.errors import OptionError, ShapeError
from lamina.kernels import precision
from lamina.network import notation
from lamina.settings import Settings


def chosen(**asked: object) -> choices.Choice:
    examples = read("sample:penguins", Reading(target="species"))
    return choices.choose(examples, Settings(**asked), (11,), (9, (5, 4)))  # type: ignore[arg-type]


def test_numbers_that_are_asked_for_reach_every_recipe() -> None:
    choice = chosen(l1=0.1, l2=0.2, label_smoothing=0.05, clip_norm=3.0, epochs=7, weight_decay=0.5)
    for candidate in choice.candidates:
        recipe = candidate.recipe
        assert (recipe.l1, recipe.l2, recipe.label_smoothing, recipe.clip_norm) == (0.1, 0.2, 0.05, 3.0)
        assert (recipe.epochs, recipe.patience, recipe.weight_decay) == (7, 0, 0.5)


def test_candidates_differ_in_rate_and_decay_alone() -> None:
    recipes = [candidate.recipe for candidate in chosen().candidates]
    pairs = {(recipe.learning_rate, recipe.weight_decay) for recipe in recipes}
    assert len(pairs) == len(recipes) > 1
    assert len({(recipe.epochs, recipe.patience, recipe.l2, recipe.momentum) for recipe in recipes}) == 1


def test_every_network_meets_every_rate() -> None:
    choice = chosen(networks=("dense 4", "dense 8"), learning_rates=(0.1, 0.01, 0.001), repeats=2, seed=5)
    assert [(c.network, c.recipe.learning_rate) for c in choice.candidates] == [
        (network, rate) for network in (0, 1) for rate in (0.1, 0.01, 0.001)
    ]
    assert choice.seeds == (5, 6)
    assert choice.notations == ("dense 4", "dense 8")


def test_a_precision_that_is_asked_for_is_taken_and_another_word_refused() -> None:
    assert chosen(precision="bfloat16").program.precision == "bfloat16"
    assert chosen().program.precision == "float32"
    with pytest.raises(OptionError, match=r"precision is half[^$]*auto, float32 or bfloat16[^$]*--precision auto"):
        Settings(precision="half")


def test_bfloat16_is_chosen_where_it_was_shown_to_do_no_harm_and_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    conv, dense = notation.parse("conv 8, pool, dense 4"), notation.parse("dense 8")
    monkeypatch.setattr(precision, "is_faster", lambda: True)
    monkeypatch.setitem(choices.SHOWN_IN_BFLOAT16, "conv", True)
    assert choices.default_precision([conv]) == "bfloat16"
    assert choices.default_precision([conv, dense]) == "float32"
    monkeypatch.setitem(choices.SHOWN_IN_BFLOAT16, "conv", False)
    assert choices.default_precision([conv]) == "float32"
    monkeypatch.setitem(choices.SHOWN_IN_BFLOAT16, "conv", True)
    monkeypatch.setattr(precision, "is_faster", lambda: False)
    assert choices.default_precision([conv]) == "float32"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(OptionError, match="changes images"):
        chosen(augment=("flip",))
    with pytest.raises(ShapeError, match="conv"):
        chosen(networks=("conv 8",))
    with pytest.raises(OptionError, match="label smoothing"):
        chosen(label_smoothing=1.5)


def test_balanced_classes_weigh_the_same() -> None:
    examples = read("sample:penguins", Reading(target="species"))
    rows = np.arange(300)
    weights = choices.row_weights(examples, Settings(class_weight="balanced"), rows)
    assert weights is not None
    sums = np.bincount(examples.targets[rows], weights=weights[rows])
    np.testing.assert_allclose(sums, 100)


def test_pictures_are_pooled_to_about_four_pixels() -> None:
    for side in (4, 8, 16, 28, 32, 64, 128):
        text = choices.image_network(side)
        left = side
        for word in text.split(", "):
            left = left // 2 if word == "pool" else left
        assert 2 <= left <= 7, text
