"""A newcomer's way through the studio: from the run's first page to the one multiplication that weighed most.

The network is worked out once more here, in NumPy, from the weights in model.lamina and the picture in examples.npz.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina.inside.kept import kept
from lamina.inside.opened import opened
from lamina.model import load
from lamina.network import leaves
from on_page import value

pytestmark = pytest.mark.browser
CLOSE: dict[str, Any] = {"rtol": 2e-4, "atol": 2e-5}


def pooled(folder: Path, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the last pool gives for a picture; the weights and the biases of the classes that follow it."""
    network = opened(load(folder / "model.lamina"))
    found = {path: np.asarray(a, float) for role in ("parameter", "state") for path, a in leaves(network, role).items()}
    x = (pixels / 255 - found["0.image.mean"]) / found["0.image.deviation"]
    for layer in ("1.conv", "2.conv"):
        weight, around = found[f"{layer}.weight"], np.pad(x, ((1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(around, (3, 3), axis=(0, 1))  # [row, column, channel, 3, 3]
        x = np.maximum(np.einsum("rcmij,ijmk->rck", windows, weight) + found[f"{layer}.bias"], 0)
    rows, columns, channels = x.shape
    x = x.reshape(rows // 2, 2, columns // 2, 2, channels).max(axis=(1, 3))
    return x, found["5.dense.weight"], found["5.dense.bias"]


def test_from_a_misclassified_digit_to_the_multiplication_that_weighed_most(show: Callable[[str], Any], studio: Any):
    folder = studio.runs / "digits"
    page = show("run=digits")  # where `lamina studio` opens
    page.get_by_test_id("onward-mistakes").click()

    card = page.locator("[data-testid=example].wrong").first
    card.wait_for()
    at = int(card.get_attribute("data-id"))
    with np.load(folder / "predictions.npz") as file:
        examples = kept(folder)
        assert examples is not None
        row = examples.rows[at]
        truth, said = int(file["targets"][row]), int(file["predictions"][row].argmax())
    assert truth != said
    page.get_by_test_id(f"network-{at}").click()

    page.get_by_test_id("network-said").wait_for()
    words = page.get_by_test_id("network-said").inner_text()
    assert f"It says {said}" in words
    assert f"it is {truth}" in words
    assert examples.inputs is not None
    inputs, weights, biases = pooled(folder, np.asarray(examples.inputs[at], float))
    products = inputs.ravel() * weights[:, said]
    np.testing.assert_allclose(value(page, f"value-5.dense-{said}"), products.sum() + biases[said], **CLOSE)
    page.get_by_test_id(f"unit-5.dense-{said}").click()

    most = page.get_by_test_id("part-0-term-0")
    most.wait_for()
    place = int(most.get_attribute("data-at"))
    assert abs(products[place]) == pytest.approx(np.abs(products).max(), rel=1e-4)
    input_, weight, product = (value(page, f"part-0-{name}-{place}") for name in ("input", "weight", "product"))
    np.testing.assert_allclose([input_, weight], [inputs.ravel()[place], weights[place, said]], **CLOSE)
    np.testing.assert_allclose(product, inputs.ravel()[place] * weights[place, said], **CLOSE)
    np.testing.assert_allclose(product, input_ * weight, **CLOSE)

    # And from that multiplication on to where its input was made.
    most.get_by_role("button").click()
    np.testing.assert_allclose(value(page, "pool-value"), inputs.ravel()[place], **CLOSE)
    channel = np.unravel_index(place, inputs.shape)[2]
    assert page.get_by_test_id("stage-title").inner_text() == f"Channel {channel}"
