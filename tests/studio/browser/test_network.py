"""The view Network, used as a person would; every number that it shows is compared with NumPy on the model's weights.

The first twelve tests are the rows of the CNN Explainer table (docs/studio.md).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina.inside.kept import kept
from lamina.inside.opened import opened
from lamina.model import load
from lamina.network import leaves
from on_page import until, value, values

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CLOSE: dict[str, Any] = {"rtol": 2e-4, "atol": 2e-5}


# --- the same network in NumPy --------------------------------------------------------------------


@dataclasses.dataclass
class Digits:
    """Every layer's output for one example, worked out here from the weights."""

    weights: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]


def of_pixels(folder: Path, pixels: np.ndarray) -> Digits:
    network = opened(load(folder / "model.lamina"))
    weights = {
        path: np.asarray(array, np.float64)
        for role in ("parameter", "state")
        for path, array in leaves(network, role).items()
    }
    out = {"0.image": (pixels / 255.0 - weights["0.image.mean"]) / weights["0.image.deviation"]}
    out["1.sum"] = convolved(out["0.image"], weights["1.conv.weight"], weights["1.conv.bias"])
    out["1.conv"] = np.maximum(out["1.sum"], 0)
    out["2.sum"] = convolved(out["1.conv"], weights["2.conv.weight"], weights["2.conv.bias"])
    out["2.conv"] = np.maximum(out["2.sum"], 0)
    height, width, channels = out["2.conv"].shape
    out["3.pool"] = out["2.conv"].reshape(height // 2, 2, width // 2, 2, channels).max(axis=(1, 3))
    out["4.flatten"] = out["3.pool"].ravel()
    out["5.dense"] = out["4.flatten"] @ weights["5.dense.weight"] + weights["5.dense.bias"]
    powers = np.exp(out["5.dense"])
    out["answer"] = powers / powers.sum()
    return Digits(weights, out)


def convolved(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """A 3 x 3 convolution with zeros around."""
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    out = np.zeros((*x.shape[:2], weight.shape[3]))
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            out[row, column] = np.einsum("ijc,ijck->k", padded[row : row + 3, column : column + 3], weight) + bias
    return out


@pytest.fixture(scope="module")
def digits(studio: Any) -> Digits:
    """The example that the tests look at."""
    return of_pixels(studio.runs / "digits", pixels_of(studio, EXAMPLE))


def pixels_of(studio: Any, example: int) -> np.ndarray:
    found = kept(studio.runs / "digits")
    assert found is not None
    assert found.inputs is not None
    return np.asarray(found.inputs[example], np.float64)


EXAMPLE = 7
START = f"view=network&run=digits&example={EXAMPLE}"


@pytest.fixture
def network(show: Callable[[str], Any]) -> Callable[..., Any]:
    """A function that opens the view, and gives its page once the map has its numbers."""

    def open_(more: str = "", start: str = START, wait: str = "map") -> Any:
        page = show(start + more)
        page.get_by_test_id("network-said").wait_for()
        page.get_by_test_id(wait).first.wait_for()
        return page

    return open_


# --- the twelve rows ------------------------------------------------------------------------------


def test_the_overview_has_every_unit_and_edges_to_the_one_under_the_pointer(network, digits):
    page = network()
    paths = ("1.conv", "2.conv", "3.pool", "answer")
    sizes = {path: page.get_by_test_id(f"dims-{path}").inner_text() for path in paths}
    assert {path: [int(n) for n in re.findall(r"\d+", text)] for path, text in sizes.items()} == {
        "1.conv": [8, 8, 4],
        "2.conv": [8, 8, 6],
        "3.pool": [4, 4, 6],
        "answer": [10],
    }
    for path, units in {"1.conv": 4, "2.conv": 6, "3.pool": 6}.items():
        assert page.locator(f'[data-testid^="unit-{path}-"]').count() == units
    said = page.get_by_test_id("unit-2.conv-5").get_attribute("aria-label")
    low, high = (float(n.replace("−", "-")) for n in re.findall(r"(?:from|to) (\S+)", said))
    shown = digits.outputs["2.conv"][..., 5]
    np.testing.assert_allclose([low, high], [shown.min(), shown.max()], rtol=1e-2)
    page.get_by_test_id("unit-2.conv-5").hover()
    page.get_by_test_id("edge").nth(3).wait_for(state="attached")
    edges = page.get_by_test_id("edge").evaluate_all("all => all.map(e => [+e.dataset.from, +e.dataset.value])")
    kernels = digits.weights["2.conv.weight"][..., 5].sum(axis=(0, 1))
    np.testing.assert_allclose([value for _, value in sorted(edges)], kernels, **CLOSE)


def test_ten_examples_and_an_own_one_with_the_probabilities_as_bars(network, studio, digits):
    page = network()
    assert page.locator('[data-testid^="example-"]').count() == 10
    np.testing.assert_allclose(values(page, "probability-answer", 10), digits.outputs["answer"], **CLOSE)
    other = page.locator('[data-testid^="example-"]').nth(4)
    at = int(other.get_attribute("data-id"))
    other.click()
    page.locator(f'[data-testid="example-{at}"][aria-pressed="true"]').wait_for()
    there = of_pixels(studio.runs / "digits", pixels_of(studio, at)).outputs["answer"]
    np.testing.assert_allclose(values(page, "probability-answer", 10), there, **CLOSE)
    assert "view=try" in page.get_by_test_id("own-example").get_attribute("href")
    drawn = (np.arange(64).reshape(8, 8, 1) * 4) % 256
    own = page.evaluate(
        """async pixels => (await (await fetch('/api/runs/digits/ask', {method: 'POST',
        headers: {'Content-Type': 'application/json'}, body: JSON.stringify({pixels})})).json()).id""",
        drawn.tolist(),
    )
    page.evaluate("hash => { location.hash = hash }", f"view=network&run=digits&example={own}")
    page.locator(f'[data-testid="example-{own}"][aria-pressed="true"]').wait_for()
    expected = of_pixels(studio.runs / "digits", drawn.astype(np.float64)).outputs["answer"]
    np.testing.assert_allclose(values(page, "probability-answer", 10), expected, **CLOSE)


def test_details_are_switched(network, digits):
    page = network()
    legend = page.locator('[data-path="2.conv"] .organ-scale')
    assert page.get_by_test_id("dims-2.conv").is_visible()
    most = float(legend.locator("span").nth(1).inner_text())
    np.testing.assert_allclose(most, digits.outputs["2.conv"].max(), rtol=0.05)
    page.get_by_test_id("detail").click()
    page.get_by_test_id("dims-2.conv").wait_for(state="hidden")
    assert not legend.is_visible()
    assert "detail=0" in page.url


def test_colours_by_unit_by_layer_and_over_the_network(network, digits):
    page = network()
    outputs = {path: digits.outputs[path] for path in ("1.conv", "2.conv", "3.pool", "4.flatten", "5.dense")}
    weak = int(np.argmin(digits.outputs["1.conv"].max(axis=(0, 1))))
    shown = digits.outputs["1.conv"][..., weak]
    row, column = np.unravel_index(shown.argmax(), shown.shape)
    signed = max(np.abs(of).max() for of in [*outputs.values(), digits.outputs["0.image"]])
    shares = {
        "each unit": 1.0,
        "each layer": shown.max() / digits.outputs["1.conv"].max(),
        "whole network": shown.max() / signed,  # logits go below zero: from the middle of the scale
    }
    for name, share in shares.items():
        page.get_by_role("button", name=name).click()
        page.get_by_role("button", name=name, pressed=True).wait_for()
        seen = page.get_by_test_id(f"unit-1.conv-{weak}").evaluate(
            "(e, [r, c]) => [...e.querySelector('canvas').getContext('2d').getImageData(c, r, 1, 1).data].slice(0, 3)",
            [int(row), int(column)],
        )
        sunk, blue = np.array([243, 241, 236]), np.array([0, 105, 176])
        np.testing.assert_allclose(seen, sunk + (blue - sunk) * share, atol=3, err_msg=name)


def test_a_convolutional_unit_opens_into_a_result_for_each_channel(network, digits):
    page = network()
    page.get_by_test_id("unit-2.conv-3").click()
    page.get_by_test_id("elastic-output").wait_for()
    assert page.locator('[data-testid^="intermediate-"]').count() == 4
    assert page.locator('[data-testid^="kernel-"]').count() == 4
    row, column = place_of(page)
    padded = np.pad(digits.outputs["1.conv"], ((1, 1), (1, 1), (0, 0)))[row : row + 3, column : column + 3]
    parts = (padded * digits.weights["2.conv.weight"][..., 3]).sum(axis=(0, 1))
    np.testing.assert_allclose(values(page, "elastic-part", 4), parts, **CLOSE)
    np.testing.assert_allclose(value(page, "elastic-bias"), digits.weights["2.conv.bias"][3], **CLOSE)
    np.testing.assert_allclose(value(page, "elastic-sum-value"), digits.outputs["2.sum"][row, column, 3], **CLOSE)
    np.testing.assert_allclose(value(page, "elastic-output-value"), digits.outputs["2.conv"][row, column, 3], **CLOSE)
    # The pixels of the whole map of the sum, too: the strongest is the strongest colour.
    assert strongest(digits.outputs["2.conv"][..., 3]) == (row, column)


def test_the_window_slides_with_kernel_and_products_in_numbers(network, digits):
    page = network("&layer=2.conv&unit=3&cell=2,5&channel=1", wait="window-place")
    check_window(page, digits, (2, 5), 1)
    page.get_by_test_id("intermediate-2").click(position=cell_at(page, "intermediate-2", (4, 0)))
    assert place_of(page) == (4, 0)
    check_window(page, digits, (4, 0), 2)  # at the border: three products are with padding
    page.get_by_test_id("window-output").hover(position=cell_at(page, "window-output", (6, 6)))
    assert place_of(page) == (6, 6)
    check_window(page, digits, (6, 6), 2)
    page.get_by_test_id("window-output").press("ArrowLeft")
    check_window(page, digits, (6, 5), 2)
    page.get_by_test_id("play").click()
    until(page, lambda: place_of(page)[0] != 6)
    page.get_by_test_id("play").click()
    still = place_of(page)
    page.wait_for_timeout(400)
    assert place_of(page) == still
    check_window(page, digits, still, 2)
    page.get_by_test_id("play-on").click()
    assert place_of(page) == divmod((still[0] * 8 + still[1] + 1) % 64, 8)


def test_relu_at_the_cell_under_the_pointer(network, digits):
    page = network("&layer=2.conv&unit=3", wait="activation-input")
    for wanted in (np.min, np.max):
        at = np.argwhere(digits.outputs["2.sum"][..., 3] == wanted(digits.outputs["2.sum"][..., 3]))[0]
        page.get_by_test_id("window-output").hover(position=cell_at(page, "window-output", tuple(at)))
        assert place_of(page) == tuple(at)
        given = digits.outputs["2.sum"][(*at, 3)]
        np.testing.assert_allclose(value(page, "activation-input"), given, **CLOSE)
        np.testing.assert_allclose(value(page, "activation-output"), max(0, given), **CLOSE)
        point = page.locator(".curve-picture .point").first
        np.testing.assert_allclose(float(point.get_attribute("data-x")), given, **CLOSE)
        assert "max(0" in page.locator(".function .equation").first.inner_text()


def test_max_pool_shows_its_window_and_which_value_won(network, digits):
    page = network("&layer=3.pool&unit=4&cell=1,2", wait="pool-value")
    window = digits.outputs["2.conv"][2:4, 4:6, 4]
    np.testing.assert_allclose(values(page, "window", 4), window.ravel(), **CLOSE)
    np.testing.assert_allclose(value(page, "pool-value"), digits.outputs["3.pool"][1, 2, 4], **CLOSE)
    assert int(page.get_by_test_id("pool-won").get_attribute("data-won")) == window.argmax()
    page.get_by_test_id("play-on").click()
    np.testing.assert_allclose(value(page, "pool-value"), digits.outputs["3.pool"][1, 3, 4], **CLOSE)


def test_a_class_opens_into_every_flattened_value_with_its_weight_and_the_running_sum(network, digits):
    page = network()
    page.get_by_test_id("unit-5.dense-2").click()
    page.get_by_test_id("part-0-term-0").wait_for()
    weight, bias = digits.weights["5.dense.weight"][:, 2], digits.weights["5.dense.bias"][2]
    products = digits.outputs["4.flatten"] * weight
    order = np.argsort(-np.abs(products), kind="stable")
    page.get_by_test_id("part-0-more").click()
    rows = page.locator('[data-testid^="part-0-term-"]')
    assert rows.count() == len(products) == 96
    first, last = rows.first, rows.last
    assert int(first.get_attribute("data-at")) == order[0]
    where = np.unravel_index(order[0], (4, 4, 6))
    name = first.locator("th").inner_text()
    assert name == f"channel {where[2]}, row {where[0]}, column {where[1]}"
    for kind, expected in {"input": digits.outputs["4.flatten"], "weight": weight, "product": products}.items():
        np.testing.assert_allclose(value(page, f"part-0-{kind}-{order[0]}"), expected[order[0]], **CLOSE)
    running = float(last.locator(".running data").get_attribute("data-value"))
    np.testing.assert_allclose(running, digits.outputs["5.dense"][2], **CLOSE)
    np.testing.assert_allclose(value(page, "part-0-value"), digits.outputs["5.dense"][2], **CLOSE)
    np.testing.assert_allclose(value(page, "part-0-bias"), bias, **CLOSE)
    page.get_by_role("button", name="In their place").click()
    page.get_by_test_id("part-0-place-input-5").hover(position=cell_at(page, "part-0-place-input-5", (3, 1)))
    at = np.ravel_multi_index((3, 1, 5), (4, 4, 6))
    np.testing.assert_allclose(value(page, "part-0-place-product"), products[at], **CLOSE)
    page.get_by_role("button", name="Largest first").click()
    page.get_by_role("button", name=name, exact=True).click()  # from the number to where it was made
    page.get_by_test_id("pool-value").wait_for()
    assert place_of(page) == where[:2]
    np.testing.assert_allclose(value(page, "pool-value"), digits.outputs["4.flatten"][order[0]], **CLOSE)


def test_softmax_shows_every_exponential_their_sum_and_the_quotient(network, digits):
    page = network()
    page.get_by_test_id("unit-answer-6").click()
    page.get_by_test_id("part-0-total").wait_for()
    logits, powers = digits.outputs["5.dense"], np.exp(digits.outputs["5.dense"])
    np.testing.assert_allclose(values(page, "part-0-logit", 10), logits, **CLOSE)
    np.testing.assert_allclose(values(page, "part-0-exp", 10), powers, **CLOSE)
    np.testing.assert_allclose(value(page, "part-0-total"), powers.sum(), **CLOSE)
    np.testing.assert_allclose(value(page, "part-0-value"), powers[6] / powers.sum(), **CLOSE)
    page.get_by_test_id("part-0-row-3").hover()
    np.testing.assert_allclose(value(page, "part-0-top"), powers[3], **CLOSE)
    assert "pointed" in page.get_by_test_id("unit-5.dense-3").get_attribute("class")
    assert "pointed" not in page.get_by_test_id("unit-5.dense-6").get_attribute("class")


def test_the_sizes_of_a_window_can_be_tried(network):
    page = network("&layer=1.conv", wait="size-widget")
    result = page.get_by_test_id("size-result")
    assert result.get_attribute("data-value") == "8"
    for name, size in {"size": 11, "padding": 0, "kernel": 4, "stride": 3}.items():
        page.get_by_test_id(f"size-{name}").fill(str(size))
    assert result.get_attribute("data-value") == str(len(np.arange(11 - 4 + 1)[::3])) == "3"
    assert "(11 + 0 + 0 − 4) / 3" in page.get_by_test_id("size-words").inner_text()
    page.get_by_test_id("size-kernel").fill("12")
    assert "does not fit" in page.get_by_test_id("size-refusal").inner_text()
    page.get_by_test_id("size-kernel").fill("5")
    assert page.get_by_test_id("size-refusal").is_hidden()
    before = page.locator(".window-box").get_attribute("x")
    page.get_by_test_id("size-play").click()
    until(page, lambda: page.locator(".window-box").get_attribute("x") != before)
    page.get_by_test_id("size-play").click()


def test_each_kind_of_layer_is_explained_beside_the_picture(network):
    page = network("&layer=2.conv&unit=1", wait="window-place")
    page.get_by_test_id("info-conv").click()
    article = page.get_by_test_id("article")
    assert "kernel of weights slides" in article.inner_text()
    others = {"Max pooling": "largest number", "Flatten": "one long row", "Softmax": "divides by the sum"}
    for other, words in others.items():
        article.get_by_role("button", name=other).click()
        page.get_by_text(words).first.wait_for()
    assert page.get_by_test_id("window-place").is_visible()
    page.get_by_test_id("article-close").click()
    assert article.count() == 0


# --- beyond them ----------------------------------------------------------------------------------


def test_a_dense_unit_of_a_table(network, studio):
    page = network("&layer=1.dense&unit=2", start="view=network&run=penguins&example=3", wait="part-0-value")
    weights = leaves(opened(load(studio.runs / "penguins" / "model.lamina")), "parameter")
    inputs = [value(page, f"part-0-input-{at}") for at in range(len(weights["1.dense.weight"]))] if _all(page) else []
    total = np.asarray(inputs) @ np.asarray(weights["1.dense.weight"])[:, 2] + float(weights["1.dense.bias"][2])
    np.testing.assert_allclose(value(page, "part-0-value"), total, **CLOSE)
    np.testing.assert_allclose(value(page, "part-1-output"), max(0.0, float(total)), **CLOSE)


def _all(page: Any) -> bool:
    more = page.get_by_test_id("part-0-more")
    if more.is_visible():
        more.click()
    return True


def test_the_gates_of_a_recurrent_layer_step_by_step(network, studio):
    page = network("&layer=1.lstm&unit=2&cell=4", start="view=network&run=steps&example=0", wait="gate-forget")
    from lamina.inside.gates import gates

    model = load(studio.runs / "steps" / "model.lamina")
    found = kept(studio.runs / "steps")
    assert found is not None
    (lstm,) = gates(model, found.inputs_for(model.parts[0], [0])[0])
    for step in (4, 5):
        for name in ("input", "forget", "output", "candidate", "cell", "hidden"):
            np.testing.assert_allclose(value(page, f"gate-{name}"), getattr(lstm, name)[step, 2], **CLOSE)
        until(page, partial(_near, page, float(lstm.hidden[step, 2])))
        page.get_by_test_id("play-on").click()


def _near(page: Any, wanted: float) -> bool:
    hidden = page.locator('[data-part="hidden"] .part-value data')
    return abs(float(hidden.get_attribute("data-value")) - wanted) < 1e-4


def test_one_step_of_training_at_a_unit(network, digits, studio):
    page = network("&layer=5.dense&unit=2&flow=back&rate=0.1", wait="step-view")
    found = kept(studio.runs / "digits")
    assert found is not None
    target = int(found.targets[EXAMPLE])
    error = digits.outputs["answer"] - np.eye(10)[target]  # the gradient of the cross entropy at the logits
    np.testing.assert_allclose(value(page, "loss"), -np.log(digits.outputs["answer"][target]), **CLOSE)
    np.testing.assert_allclose(value(page, "unit-gradient"), error[2], **CLOSE)
    row = page.get_by_test_id("step-0")
    at = int(row.get_attribute("data-at"))
    pixel, unit = divmod(at, 10)
    assert unit == 2
    is_weight = "weight" in row.get_attribute("data-array")
    gradient = digits.outputs["4.flatten"][pixel] * error[2] if is_weight else error[2]
    np.testing.assert_allclose(value(page, "gradient-0"), gradient, **CLOSE)
    np.testing.assert_allclose(value(page, "change-0"), -0.1 * gradient, **CLOSE)
    weight = digits.weights["5.dense.weight"][pixel, 2]
    np.testing.assert_allclose(value(page, "after-0"), weight - 0.1 * gradient, **CLOSE)


def test_why_one_class_and_not_another(network, digits):
    page = network("&layer=5.dense&unit=2", wait="rival")
    page.get_by_test_id("rival").select_option("7")
    page.get_by_text("2 rather than 7").wait_for()
    logits = digits.outputs["5.dense"]
    np.testing.assert_allclose(value(page, "part-0-value"), logits[2] - logits[7], rtol=1e-3, atol=1e-4)


def test_keys_lead_in_and_out_and_the_address_keeps_the_place(network, page):
    network()
    page.get_by_test_id("unit-1.conv-0").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_test_id("window-place").wait_for()
    assert "layer=2.conv" in page.url
    page.get_by_test_id("window-output").press("ArrowUp")
    assert "cell=" in page.url
    title, place = page.get_by_test_id("stage-title").inner_text(), place_of(page)
    page.reload()
    page.get_by_test_id("window-place").wait_for()
    assert (page.get_by_test_id("stage-title").inner_text(), place_of(page)) == (title, place)
    for left in ("unit=", "layer=2.conv", ""):
        page.keyboard.press("Escape")
        assert "cell=" not in page.url
        assert left in page.url
    assert "layer=" not in page.url
    assert page.get_by_test_id("stage-title").count() == 0


# --- pieces ---------------------------------------------------------------------------------------


def check_window(page: Any, digits: Digits, place: tuple[int, ...], channel: int) -> None:
    """The nine inputs, weights and products of a channel at a place, its part, and the sum over all channels."""
    row, column = place
    padded = np.pad(digits.outputs["1.conv"], ((1, 1), (1, 1), (0, 0)))[row : row + 3, column : column + 3]
    kernel = digits.weights["2.conv.weight"][..., 3]
    np.testing.assert_allclose(values(page, "input", 9), padded[..., channel].ravel(), **CLOSE)
    np.testing.assert_allclose(values(page, "weight", 9), kernel[..., channel].ravel(), **CLOSE)
    np.testing.assert_allclose(values(page, "product", 9), (padded * kernel)[..., channel].ravel(), **CLOSE)
    np.testing.assert_allclose(value(page, "channel-sum"), (padded * kernel)[..., channel].sum(), **CLOSE)
    np.testing.assert_allclose(values(page, "channel-part", 4), (padded * kernel).sum(axis=(0, 1)), **CLOSE)
    np.testing.assert_allclose(value(page, "sum"), digits.outputs["2.sum"][row, column, 3], **CLOSE)


def place_of(page: Any) -> tuple[int, ...]:
    """The row and the column that the window is at."""
    return tuple(int(n) for n in re.findall(r"\d+", page.get_by_test_id("window-place").inner_text()))


def cell_at(page: Any, name: str, cell: tuple[int, ...]) -> dict[str, float]:
    """Where a cell of a lens is, in pixels from its corner."""
    lens = page.get_by_test_id(name)
    lens.scroll_into_view_if_needed()
    box = lens.bounding_box()
    rows, columns = lens.locator("canvas").evaluate("c => [c.height, c.width]")
    return {"x": box["width"] * (cell[1] + 0.5) / columns, "y": box["height"] * (cell[0] + 0.5) / rows}


def strongest(map_: np.ndarray) -> tuple[int, ...]:
    return tuple(int(n) for n in np.unravel_index(np.abs(map_).argmax(), map_.shape))
