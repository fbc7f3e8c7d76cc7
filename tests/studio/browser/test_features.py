"""The view Features, used as a person would: its numbers are compared with the layers' outputs, its map with an SVD."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lamina.inside.kept import kept
from lamina.inside.trace import outputs
from lamina.model import load

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Show = Callable[[str], Any]


def layer(studio: Any, run: str, path: str) -> np.ndarray:
    """What a layer makes of every kept example."""
    part, found = load(studio.runs / run / "model.lamina").parts[0], kept(studio.runs / run)
    assert found is not None
    return np.asarray(outputs(part, found.inputs_for(part), path))


def values(page: Any, name: str) -> list[float]:
    found = page.get_by_test_id(name)
    return [float(found.nth(at).get_attribute("data-value")) for at in range(found.count())]


def test_the_ladder_leads_to_a_unit_and_on_to_its_arithmetic(show: Show, studio: Any) -> None:
    page = show("view=run&run=digits")
    page.get_by_test_id("tab-features").click()
    page.get_by_test_id("rung-2.conv").click()
    page.get_by_test_id("unit-3").click()
    page.wait_for_selector("[data-testid=excitation]", timeout=60_000)
    assert "layer=2.conv&unit=3" in page.url
    each = layer(studio, "digits", "2.conv")[..., 3].max(axis=(1, 2))
    shown = values(page, "excitation")
    count = len(shown) // 2
    np.testing.assert_allclose(shown[:count], np.sort(each)[::-1][:count], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(shown[count:], np.sort(each)[:count], rtol=1e-4, atol=1e-5)
    # Its patch is what the unit sees: two convolutions of 3 x 3 see 5 x 5, less at the edge.
    size = page.locator("[data-testid=detail] .strongest .patch canvas").first.evaluate("c => [c.width, c.height]")
    assert all(3 <= side <= 5 for side in size)
    page.get_by_test_id("open-network").click()
    page.wait_for_selector("[data-testid=view-network]")
    assert re.search(r"example=\d+&layer=2\.conv&unit=\d,\d,3", page.url)


def test_cards_are_filled_as_they_come_into_view_two_questions_at_a_time(show: Show, page: Any) -> None:
    flying, most = set(), [0]

    def asked(request: Any) -> None:
        if "/features?" in request.url or re.search(r"/examples/\d+$", request.url):
            flying.add(request)
            most[0] = max(most[0], len(flying))

    page.on("request", asked)
    page.on("requestfinished", lambda request: flying.discard(request))
    show("view=features&run=digits&layer=1.conv")
    page.wait_for_selector("[data-testid=unit-0] .feature-made canvas")
    page.wait_for_selector("[data-testid=unit-3] .feature-row.least canvas")
    assert 1 <= most[0] <= 2


def test_a_table_says_what_its_columns_hold(show: Show) -> None:
    page = show("view=features&run=penguins&unit=1")
    page.wait_for_selector("[data-testid=unit-1] .range")
    page.wait_for_selector("[data-testid=detail] .made-cells")
    assert "bill_length_mm" in page.locator("[data-testid=detail] .ranges").inner_text()
    page.get_by_test_id("close-unit").click()
    assert page.get_by_test_id("detail").count() == 0
    assert page.evaluate("document.activeElement.dataset.unit") == "1"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.unit") == "2"


def test_a_series_has_its_stretches(show: Show) -> None:
    page = show("view=features&run=steps")
    page.wait_for_selector("[data-testid=unit-0] .feature-made polyline")
    page.wait_for_selector("[data-testid=unit-0] .feature-row.most polyline")


def test_the_map_places_examples_by_principal_components_and_untangles(show: Show, studio: Any) -> None:
    page = show("view=features&run=digits&layer=5.dense")
    page.get_by_test_id("show-map").click()
    page.wait_for_selector("[data-testid=example-map][data-epoch=shipped]")
    page.locator("summary").click()
    cells = page.locator(".map-list, details.more").locator("tbody tr").first.locator("td.number")
    rows = layer(studio, "digits", "5.dense").astype(float)
    found = page.get_by_test_id("example-map")
    assert int(found.get_attribute("data-points")) == min(1000, len(rows))
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(1000, len(rows))).round().astype(int))]
    centred = chosen - chosen.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    shown = [float(cells.nth(at).inner_text().replace("−", "-").replace(",", "")) for at in range(2)]
    np.testing.assert_allclose(np.abs(shown), np.abs(centred[0] @ axes[:2].T), rtol=0.01, atol=0.01)
    share = (sizes[:2] ** 2).sum() / (sizes**2).sum()
    assert f"It holds {share * 100:.0f}" in page.get_by_test_id("view-features").inner_text().replace("\u00a0", " ")
    page.get_by_test_id("epoch").fill("0")
    page.wait_for_selector("[data-testid=example-map]:not([data-epoch=shipped])")
    assert "epoch=" in page.url


def test_a_mark_on_the_map_opens_the_example(show: Show) -> None:
    page = show("view=features&run=digits&layer=5.dense&show=map")
    page.wait_for_selector("[data-testid=example-map][data-points]")
    page.get_by_test_id("map").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".map-tip canvas")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-testid=view-try] [data-testid=predicted]")
    assert re.search(r"view=try&run=digits&example=\d+", page.url)


@pytest.mark.parametrize(
    "state", ["run=digits&layer=1.conv&unit=0", "run=digits&layer=5.dense&show=map", "run=penguins"]
)
def test_it_is_accessible_and_fits_a_phone(show: Show, accessible: Callable[[], None], state: str) -> None:
    page = show(f"view=features&{state}")
    page.wait_for_selector(".feature-made, .range, [data-points]")
    accessible()
