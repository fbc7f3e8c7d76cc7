"""Saliency against closed forms of linear networks, finite differences, NumPy by hand, and its own completeness."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina.data.examples import Reading
from lamina.data.labelled import table_examples
from lamina.data.preprocess import TablePreprocessing
from lamina.errors import OptionError, ShapeError
from lamina.inside.answering import altered, answering
from lamina.inside.opened import opened
from lamina.inside.saliency import METHODS, Saliency, saliency
from lamina.model import NetworkPart
from lamina.network import Context, Conv, Dense, Flatten, ImageInput, MaxPool, Sequential, apply, complete
from lamina.network.sound_input import SILENCE

module = sys.modules["lamina.inside.saliency"]  # the function of this name stands before it in the package
Make = Callable[..., NetworkPart]
X = np.array([1.0, -2.0, 0.5], np.float32)


@pytest.fixture
def linear(part: Make) -> NetworkPart:
    return part(Sequential([Dense(2, "linear")]), (3,), "cross entropy")


def weights(linear: NetworkPart) -> np.ndarray:
    return np.asarray(opened(linear).layers[0].weight)


@pytest.mark.parametrize("target", [0, 1])
def test_every_method_on_a_linear_network_has_its_closed_form(linear: NetworkPart, target: int) -> None:
    w = weights(linear)[:, target]
    near: Any = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(saliency(linear, X, "gradient", target).values, w, **near)
    np.testing.assert_allclose(saliency(linear, X, "smoothgrad", target).values, w, **near)
    np.testing.assert_allclose(saliency(linear, X, "integrated", target).values, w * X, **near)
    hidden = saliency(linear, X, "occlusion", target, explain="logit", window=1)
    np.testing.assert_allclose(hidden.values, w * X, **near)


def test_the_predicted_class_is_explained_unless_another_is_named(linear: NetworkPart) -> None:
    logits = X @ weights(linear) + np.asarray(opened(linear).layers[0].bias)
    found = saliency(linear, X)
    assert found.target == logits.argmax()
    assert found.answer == pytest.approx(logits.max(), rel=1e-5)
    shares = np.exp(logits) / np.exp(logits).sum()
    assert saliency(linear, X, "occlusion", 0).answer == pytest.approx(shares[0], rel=1e-5)


def test_of_a_regression_the_value_in_its_own_units_is_explained(part: Make) -> None:
    one = part(Sequential([Dense(1, "linear")]), (3,), "squared", shift=2.0, scale=10.0)
    found = saliency(one, X)
    np.testing.assert_allclose(found.values, 10 * weights(one)[:, 0], rtol=1e-5)
    assert found.target is None
    assert found.of == "value"


def test_gradients_are_finite_differences(part: Make) -> None:
    one = part(Sequential([Dense(6, "tanh"), Dense(5, "gelu"), Dense(3, "linear")]), (3,), "cross entropy")
    for explain in ("logit", "probability"):
        asked = answering(one)

        def answer(x: np.ndarray, asked: Any = asked, explain: str = explain) -> float:
            logits = asked.outputs(x[None].astype(np.float32)).astype(np.float64)
            return float((logits if explain == "logit" else asked.answers(logits.astype(np.float32)))[0, 1])

        by_hand = [(answer(X + 1e-2 * step) - answer(X - 1e-2 * step)) / 2e-2 for step in np.eye(3)]
        found = saliency(one, X, target=1, explain=explain).values  # type: ignore[arg-type]
        np.testing.assert_allclose(found, by_hand, rtol=2e-2, atol=2e-3)


QUICK = "table", "causal"


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_through_layers(name: str, of_case: Any, drawn: Any, network_cases: Any) -> None:
    check_case(of_case(network_cases[name]), drawn(network_cases[name], 2)[1])


@pytest.mark.slow
def test_through_every_kind_of_layer(network_case: Any, of_case: Any, drawn: Any) -> None:
    check_case(of_case(network_case), drawn(network_case, 2)[1])


def check_case(one: NetworkPart, x: np.ndarray) -> None:
    """The gradient is that of the whole network, and integrated gradients are complete."""
    target = None if one.loss == "squared" else 1
    found = saliency(one, x, "integrated", target)
    assert found.total is not None
    assert found.error is not None
    if one.network.layers[0].kind == "embedding":  # a code jumps: what is missing is said
        assert found.error == pytest.approx(-found.total)
        return
    assert abs(found.error) <= 1e-3 * max(abs(found.total), 0.05)
    assert np.nansum(found.values) == pytest.approx(found.total + found.error, abs=1e-4)
    if getattr(one.network.layers[0], "kind", "") in ("sound", "table"):
        return

    whole = altered(opened(one), lambda _, layer: replace(layer, truncate=None) if layer.kind == "gru" else layer)

    def answer(x: jax.Array) -> jax.Array:
        y = apply(whole, x, Context())[0][0]
        return y[0] * one.scale + one.shift if target is None else y[1]

    by_hand = jax.jit(jax.grad(answer))(jnp.asarray(x[None], jnp.float32))[0]
    np.testing.assert_allclose(saliency(one, x, target=target).values, np.nan_to_num(by_hand), rtol=1e-4, atol=1e-5)


@pytest.fixture
def picture(part: Make) -> NetworkPart:
    layers = [ImageInput(), Conv(3, 3, "relu", padding="valid"), Flatten(), Dense(2, "linear")]
    made = part(Sequential(layers), (6, 5, 2), "cross entropy")
    state = {"0.image.mean": np.array([0.4, 0.6], np.float32), "0.image.deviation": np.array([0.2, 0.3], np.float32)}
    return replace(made, state=state)


def image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (6, 5, 2)).astype(np.uint8)


def test_grad_cam_by_hand(picture: NetworkPart) -> None:
    x, network = image(), opened(picture)
    _, conv, _, dense = network.layers
    z = (x / 255 - picture.state["0.image.mean"]) / picture.state["0.image.deviation"]
    windows = np.lib.stride_tricks.sliding_window_view(z, (3, 3), axis=(0, 1))  # [4, 3, channels, 3, 3]
    maps = np.maximum(np.einsum("hwckl,klcf->hwf", windows, np.asarray(conv.weight)) + np.asarray(conv.bias), 0)
    weight = np.asarray(dense.weight)[:, 1].reshape(maps.shape).mean(axis=(0, 1))
    by_hand = np.maximum(maps @ weight, 0)
    found = saliency(picture, x, "gradcam", 1)
    assert found.places.shape == (6, 5)
    np.testing.assert_allclose(found.places[1:5, 1:4], by_hand, rtol=1e-4, atol=1e-5)  # where the kernels' middles are
    np.testing.assert_allclose(found.places[0], found.places[1], rtol=1e-5)


def test_occlusion_by_hand(picture: NetworkPart) -> None:
    x, asked = image(1), answering(picture)
    base = np.broadcast_to(picture.state["0.image.mean"] * 255, x.shape)
    before = asked.answers(asked.outputs(x[None].astype(np.float32)))[0, 0]
    by_hand = np.zeros((6, 5))
    for row in range(6):
        for column in range(5):
            hidden = x.astype(np.float32)
            hidden[row, column] = base[row, column]
            by_hand[row, column] = before - asked.answers(asked.outputs(hidden[None]))[0, 0]
    found = saliency(picture, x, "occlusion", 0, window=1)
    np.testing.assert_allclose(found.places, by_hand, atol=1e-5)
    row, column = np.unravel_index(np.abs(by_hand).argmax(), by_hand.shape)
    assert found.words.startswith(f"Row {row + 1}, column {column + 1} speaks most ")
    assert saliency(picture, x, "occlusion", 0).steps == 30  # windows of 1 by 1, as the picture is this small


def test_another_example_or_class_compiles_nothing(picture: NetworkPart) -> None:
    for method in METHODS:
        saliency(picture, image(), method, 0)
    sizes = compiled()
    for seed in (1, 2):
        for method in METHODS:
            saliency(picture, image(seed), method, 1)
    same = replace(picture, parameters=picture.parameters * 0.5)  # other weights are data too
    saliency(same, image(), "gradient")
    saliency(picture, image(), "occlusion", window=2)
    assert compiled() == sizes


def compiled() -> int:
    """How many programs there are; each is made by a cached function of the network's plan."""
    makers = [getattr(module, name) for name in ("_gradients", "_noisy", "_along", "_maps", "_hidden")]
    return sum(maker.cache_info().currsize for maker in makers)


def test_steps_that_are_not_there_get_zero(of_case: Any, drawn: Any, network_cases: Any) -> None:
    case = network_cases["causal"]
    one, x = of_case(case), drawn(case, 3)[2]
    for method in ("gradient", "integrated", "smoothgrad", "occlusion"):
        found = saliency(one, x, method)
        assert not found.values[np.isnan(x)].any()
        assert np.isfinite(found.values).all()
        assert found.values[~np.isnan(x)].any()


@pytest.mark.slow
def test_a_recording_is_explained_on_its_spectrogram(of_case: Any, drawn: Any, network_cases: Any) -> None:
    case = network_cases["heard in time"]
    one, x = of_case(case), drawn(case, 2)[1]
    frames = int(np.ceil((x != SILENCE).sum() / 10))
    for method in METHODS:
        found = saliency(one, x, method)
        assert found.values.shape == found.places.shape == (12, 4)
        assert not found.values[frames:].any()
        assert found.values[:frames].any()
    # The mean over the frames, then a dense layer: hiding all is the same as zeros everywhere.
    whole = saliency(one, x, "occlusion", window=(12, 4))
    asked = answering(one)
    z, live = asked.moved(x)
    nothing = asked.answers(asked.outputs(np.zeros_like(z)[None], live))[0, 0]
    np.testing.assert_allclose(whole.places[:frames], whole.answer - nothing, rtol=1e-4)


@pytest.fixture(scope="module")
def penguins() -> tuple[NetworkPart, np.ndarray]:
    """A network of one dense layer behind the penguins, with numbers, categories and what is missing."""
    examples = table_examples("sample:penguins", Reading(target="species"))
    fitted = TablePreprocessing.fit(examples.schema, examples.inputs)  # type: ignore[arg-type]
    width = (fitted.numbers + len(fitted.cardinalities),)
    network = complete(Sequential([Dense(2)]), width, 3, kind="table", columns=(fitted.numbers, fitted.cardinalities))
    network = Sequential([network.layers[0], network.layers[-1]])
    size = (network.layers[0].output_shape(width)[0] + 1) * 3
    weights = np.random.default_rng(1).normal(size=size).astype(np.float32)
    part = NetworkPart(network, width, "cross entropy", fitted, weights, {})
    return part, fitted.transform(examples.inputs)  # type: ignore[arg-type]


def test_a_column_of_a_table_gets_all_that_it_became(penguins: tuple[NetworkPart, np.ndarray]) -> None:
    part, rows = penguins
    x = rows[0]
    dense = opened(part).layers[1]
    weight = np.asarray(dense.weight)[:, 2]
    numbers = part.preprocessing.numbers  # type: ignore[union-attr]
    found = saliency(part, x, "integrated", 2)
    np.testing.assert_allclose(found.values[:numbers], x[:numbers] * weight[:numbers], rtol=1e-4, atol=1e-5)
    code = int(x[numbers])
    assert found.values[numbers] == pytest.approx(weight[numbers + code - 1], rel=1e-4)  # its one indicator
    assert found.columns["island"] == pytest.approx(found.values[numbers], rel=1e-5)
    assert sum(found.columns.values()) == pytest.approx(found.total, rel=1e-4)
    slope = saliency(part, x, "gradient", 2)
    assert np.isnan(slope.values[numbers])
    assert np.isnan(slope.columns["island"])
    y = float(x[0])  # bill length: bent, by arithmetic on a finite difference
    raw = y / np.sqrt(1 - (y / 3) ** 2)
    bent = [r / np.sqrt(1 + (r / 3) ** 2) for r in (raw - 1e-4, raw + 1e-4)]
    assert slope.columns["bill_length_mm"] == pytest.approx(weight[0] * (bent[1] - bent[0]) / 2e-4, rel=1e-3)


def test_a_column_with_its_usual_value(penguins: tuple[NetworkPart, np.ndarray]) -> None:
    part, rows = penguins
    x, numbers = rows[0], part.preprocessing.numbers  # type: ignore[union-attr]
    usual = saliency(part, x, "occlusion", 2, explain="logit", usual=rows)
    weight = np.asarray(opened(part).layers[1].weight)[:, 2]
    middle = np.median(rows[:, 0])
    assert usual.columns["bill_length_mm"] == pytest.approx((x[0] - middle) * weight[0], rel=1e-3, abs=1e-5)
    frequent = np.bincount(rows[:, numbers].astype(int)).argmax()
    change = weight[numbers + int(x[numbers]) - 1] - weight[numbers + frequent - 1]
    assert usual.columns["island"] == pytest.approx(change, rel=1e-3, abs=1e-5)
    unknown = saliency(part, x, "occlusion", 2, explain="logit")
    assert unknown.columns["island"] == pytest.approx(weight[numbers + int(x[numbers]) - 1], rel=1e-3)


@pytest.mark.slow
def test_a_small_network_for_pictures_is_explained_at_once(part: Make) -> None:
    layers = [ImageInput(), Conv(16), MaxPool(), Conv(32), MaxPool(), Flatten(), Dense(64), Dense(10, "linear")]
    one = part(Sequential(layers), (28, 28, 1), "cross entropy")
    x = np.random.default_rng(0).integers(0, 256, (28, 28, 1)).astype(np.uint8)
    for method in ("gradient", "occlusion"):
        saliency(one, x, method)  # type: ignore[arg-type]
        times = []
        for _ in range(5):
            begun = time.perf_counter()
            saliency(one, x, method)  # type: ignore[arg-type]
            times.append(time.perf_counter() - begun)
        assert min(times) < 0.1, (method, times)


def test_what_does_not_fit_is_refused(linear: NetworkPart) -> None:
    with pytest.raises(OptionError, match="no method"):
        saliency(linear, X, "magic")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="class number 2"):
        saliency(linear, X, target=2)
    with pytest.raises(OptionError, match="convolution"):
        saliency(linear, X, "gradcam")
    with pytest.raises(ShapeError):
        saliency(linear, X[None])
    with pytest.raises(ShapeError, match="window"):
        saliency(linear, X, "occlusion", window=9)


def test_nothing_that_counts_is_said_so(linear: NetworkPart) -> None:
    none = replace(linear, parameters=np.zeros_like(linear.parameters))
    found = saliency(none, X, "integrated")
    assert isinstance(found, Saliency)
    assert found.words == "Nothing in it makes a difference."
