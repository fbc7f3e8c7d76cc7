"""The view Try it, used as a person would: what it shows is compared with the model asked in Python, and with NumPy."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lamina.inside.kept import Kept, kept
from lamina.inside.saliency import saliency
from lamina.model import Model, load
from lamina.studio.brought import alone
from lamina.views.opened import answers_of
from on_page import shares, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Show = Callable[[str], Any]


def model_of(studio: Any, run: str) -> Model:
    return load(studio.runs / run / "model.lamina")


def kept_of(studio: Any, run: str) -> Kept:
    found = kept(studio.runs / run)
    assert found is not None
    return found


def asked(model: Model, values: Any) -> np.ndarray:
    """The model's answer to an example that no page has seen."""
    return answers_of(model, alone(model, values), [0])[0]


def seen(page: Any) -> np.ndarray:
    """The picture that the pad says the network sees, [height, width, 1]."""
    read = "c => [c.width, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    width, *values = page.get_by_test_id("seen").evaluate(read)
    return np.array(values, float).reshape(-1, width, 4)[:, :, :1]


def settled(page: Any, before: str = "") -> str:
    """One's own example, another than ``before``, once it is answered and the address names it."""

    def named() -> str:
        found = [re.search(r"example=(own-\w+)", text) for text in (page.url, link.get_attribute("href") or "")]
        one, other = (match[1] if match else "" for match in found)
        return one if one == other and one != before else ""

    link = page.get_by_test_id("open-network")
    link.wait_for()
    return until(page, named)


def draw(page: Any, points: list[tuple[float, float]]) -> None:
    """A stroke over the pad, in shares of its width and height."""
    box = page.get_by_test_id("pad").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


# --- pictures --------------------------------------------------------------------------------------------------------


def test_a_kept_example_is_answered_and_explained_in_two_clicks(show: Show, studio: Any) -> None:
    page = show("view=run&run=digits")
    page.get_by_test_id("tab-try").click()
    page.get_by_test_id("pick-5").click()
    page.wait_for_selector("[data-testid=pick-5][aria-pressed=true]")
    model, examples = model_of(studio, "digits"), kept_of(studio, "digits")
    answer = answers_of(model, examples, [5])[0]
    np.testing.assert_allclose(shares(page), answer, rtol=1e-4, atol=1e-5)
    assert page.get_by_test_id("predicted").inner_text() == model.task.classes[answer.argmax()]
    # Which pixel decided? In words, and right.
    assert examples.inputs is not None
    said = saliency(model, examples.inputs[5], "integrated").words
    until(page, lambda: said in page.get_by_test_id("decided").inner_text())


def test_every_method_explains_and_stands_in_the_address(show: Show) -> None:
    page = show("view=try&run=digits&example=3")
    for method in ("gradient", "smoothgrad", "gradcam", "occlusion"):
        with page.expect_response(lambda reply, method=method: f"method={method}" in reply.url) as reply:
            page.get_by_test_id(f"method-{method}").click()
        assert reply.value.ok
        assert f"method={method}" in page.url
    until(page, lambda: "speaks most" in page.get_by_test_id("decided").inner_text())


def test_drawing_is_answered_as_it_is_drawn(show: Show, studio: Any, capsys: pytest.CaptureFixture[str]) -> None:
    page = show("view=try&run=digits&example=0&way=draw")
    page.wait_for_selector("[data-testid=pad]")
    draw(page, [(0.3, 0.2), (0.7, 0.2), (0.5, 0.5), (0.4, 0.85)])
    first = settled(page)
    model = model_of(studio, "digits")
    np.testing.assert_allclose(shares(page), asked(model, seen(page).astype(np.uint8)), rtol=1e-4, atol=1e-5)
    assert seen(page).max() > 150  # there is ink, placed over the whole picture as digits are
    assert np.ptp(np.flatnonzero(seen(page)[..., 0].max(axis=1) > 60)) >= 5
    for _ in range(4):
        draw(page, [(0.3, 0.5), (0.7, 0.55), (0.35, 0.6)])
    settled(page, first)
    trip = page.get_by_test_id("round-trip")
    with capsys.disabled():
        ms, count = (float(trip.get_attribute(name)) for name in ("data-value", "data-count"))
        print(f"\nprediction while drawing: {ms:.0f} ms, the median of {count:.0f} round trips")
    page.get_by_test_id("undo").click()
    page.get_by_test_id("clear").click()
    assert seen(page).max() == 0
    assert page.get_by_test_id("undo").is_disabled()


def test_the_pad_needs_no_pointer(show: Show, studio: Any) -> None:
    page = show("view=try&run=digits&example=0&way=draw")
    page.wait_for_selector("[data-testid=pad]")
    page.get_by_test_id("pad").focus()
    for key in ("ArrowUp", "Space", "Shift+ArrowDown", "Shift+ArrowDown", "Shift+ArrowDown"):
        page.keyboard.press(key)
    settled(page)
    np.testing.assert_allclose(
        shares(page), asked(model_of(studio, "digits"), seen(page).astype(np.uint8)), rtol=1e-4, atol=1e-5
    )
    page.keyboard.press("Escape")
    assert seen(page).max() == 0


def test_a_picture_of_another_size_is_made_to_fit_and_that_is_said(show: Show) -> None:
    page = show("view=try&run=digits&way=file")
    page.wait_for_selector(".drop")
    file = io.BytesIO()
    Image.fromarray(np.tile(np.arange(32, dtype=np.uint8) * 8, (32, 1))).save(file, "PNG")
    page.get_by_test_id("file").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": file.getvalue()})
    settled(page)
    assert "The image was 32 x 32 and is now 8 x 8." in page.content()
    page.get_by_test_id("file").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"hello"})
    until(page, lambda: "That is no picture." in page.content())


def test_what_would_change_it(show: Show, studio: Any) -> None:
    page = show("view=try&run=digits&example=3")
    page.wait_for_selector("[data-testid=predicted]")
    before = page.get_by_test_id("predicted").inner_text()
    page.get_by_test_id("change").click()
    page.get_by_test_id("put-in").click()
    settled(page)
    assert page.get_by_test_id("predicted").inner_text() != before
    assert page.get_by_test_id("open-network").get_attribute("href").startswith("#view=network&run=digits&example=own-")


# --- a table ---------------------------------------------------------------------------------------------------------


def test_a_row_is_edited_kept_over_a_reload_and_taken_back(show: Show, studio: Any) -> None:
    page = show("view=try&run=penguins&example=4")
    page.wait_for_selector("[data-testid=predicted]")
    model, examples = model_of(studio, "penguins"), kept_of(studio, "penguins")
    assert examples.cells is not None
    cells = {name: values[4] for name, values in examples.cells.items()}
    slider = page.get_by_test_id("field-bill_length_mm").locator("input[type=range]")
    slider.evaluate("input => { input.value = 58; input.dispatchEvent(new Event('input')); }")
    edited = settled(page)
    moved = float(slider.input_value())
    np.testing.assert_allclose(shares(page), asked(model, cells | {"bill_length_mm": moved}), rtol=1e-4, atol=1e-5)
    assert "from=4" in page.url
    page.reload()
    page.wait_for_selector("[data-testid=predicted]")
    assert float(page.get_by_test_id("field-bill_length_mm").locator("input[type=range]").input_value()) == moved
    page.get_by_test_id("reset").click()
    settled(page, edited)
    np.testing.assert_allclose(shares(page), asked(model, cells), rtol=1e-4, atol=1e-5)


def test_which_column_decided(show: Show, studio: Any) -> None:
    page = show("view=try&run=penguins&example=4")
    page.wait_for_selector("[data-testid^=move-]")
    model, examples = model_of(studio, "penguins"), kept_of(studio, "penguins")
    rows = examples.inputs_for(model.parts[0])
    lost = saliency(model, rows[4], "occlusion", usual=rows).columns
    for name, value in lost.items():
        assert float(page.get_by_test_id(f"move-{name}").get_attribute("data-value")) == pytest.approx(value, abs=1e-5)
    most = max(lost, key=lambda name: abs(lost[name]))
    assert page.get_by_test_id("decided").inner_text().startswith(f"{most} speaks most")


def test_the_plane_moves_the_row(show: Show, studio: Any) -> None:
    page = show("view=try&run=penguins&example=4&first=flipper_length_mm&second=body_mass_g")
    page.wait_for_selector("[data-testid=plane] .ring")
    page.get_by_test_id("plane").focus()
    with page.expect_request("**/ask") as request:
        page.keyboard.press("Shift+ArrowRight")
    cells = json.loads(request.value.post_data)["cells"]
    assert cells["flipper_length_mm"] > kept_of(studio, "penguins").cells["flipper_length_mm"][4]  # pyright: ignore
    settled(page)
    assert (
        float(page.get_by_test_id("field-flipper_length_mm").locator("input[type=number]").input_value())
        == cells["flipper_length_mm"]
    )
    page.wait_for_selector(".one-column .curve-line")


# --- a series --------------------------------------------------------------------------------------------------------


def test_a_series_is_stretched_pulled_and_brought(show: Show, studio: Any) -> None:
    page = show("view=try&run=steps&example=2&way=change")
    page.wait_for_selector("[data-testid=series] polyline")
    model, examples = model_of(studio, "steps"), kept_of(studio, "steps")
    assert examples.inputs is not None
    values = np.asarray(examples.inputs[2], float)
    values = values[~np.isnan(values).all(axis=1)]
    slider = page.get_by_test_id("series-scale")
    slider.evaluate("input => { input.value = 1.5; input.dispatchEvent(new Event('input')); }")
    stretched = settled(page)
    mean = np.nanmean(values, axis=0)
    np.testing.assert_allclose(
        shares(page), asked(model, (mean + (values - mean) * 1.5).astype(np.float32)), rtol=1e-4, atol=1e-5
    )
    page.get_by_test_id("series").focus()
    page.keyboard.press("ArrowUp")
    pulled = settled(page, stretched)
    page.get_by_test_id("way-file").click()
    lines = "\n".join(",".join(str(v) for v in row) for row in values)
    page.get_by_test_id("file").set_input_files({"name": "a.csv", "mimeType": "text/csv", "buffer": lines.encode()})
    settled(page, pulled)
    page.wait_for_selector("[data-testid=look] svg")
    np.testing.assert_allclose(shares(page), asked(model, values.astype(np.float32)), rtol=1e-4, atol=1e-5)


# --- everybody -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["run=digits&way=draw", "run=penguins", "run=steps&way=change"])
def test_it_is_accessible_and_fits_a_phone(show: Show, accessible: Callable[[], None], state: str) -> None:
    page = show(f"view=try&{state}&example=1")
    page.wait_for_selector("[data-testid=decided]:not(:empty)")
    accessible()
