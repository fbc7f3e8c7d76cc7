"""Every view as it looks: pictures at three widths in both themes, what axe finds wrong, and whether it fits a phone.

With LAMINA_PICTURES=docs/studio, `pytest tests/studio/browser/test_pictures.py -k documents` makes the pictures of the
documents anew, of a larger network than the tests have.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.browser
HEIGHTS = {390: 844, 1024: 1100, 1600: 1000}
HEAVIEST = 900_000  # bytes, all pictures of the documents together


@dataclasses.dataclass(frozen=True)
class View:
    """A view of a run: its state in the address, and what stands there once it is drawn."""

    state: str
    drawn: str

    def of(self, run: str) -> str:
        return f"run={run}&{self.state}"


EXAMPLES = "[data-testid=example] canvas, [data-testid=example] svg, tr[data-testid=example]"
RUN = View("view=run", ".plot .axes text")
NETWORK = View("view=network", "[data-testid=network-said]")
MISTAKES = View("view=mistakes", "[data-testid=example] :is(canvas, svg, dl, .look.row)")
DATA = View("view=data", EXAMPLES)
VIEWS = {
    "run": RUN,
    "network": NETWORK,
    "unit": View("view=network&layer=2.conv&unit=3", "[data-testid=window-place]"),
    "try": View("view=try&example=3", "[data-testid=decided]:not(:empty)"),
    "features": View("view=features&layer=2.conv", "[data-testid=unit-3] .feature-made canvas"),
    "mistakes": MISTAKES,
    "data": DATA,
}


def look(page: Any, width: int, theme: str) -> None:
    page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
    page.emulate_media(color_scheme=theme)
    page.wait_for_selector(".progress", state="hidden")
    page.wait_for_timeout(150)  # a frame for what is drawn again at another size


def taken(page: Any, path: Path) -> np.ndarray:
    """A picture of what is in sight: as large as the window, and not blank."""
    page.screenshot(path=path)
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    size = page.viewport_size
    assert pixels.shape == (size["height"], size["width"], 3)
    assert len(np.unique(pixels.reshape(-1, 3)[::7], axis=0)) > 24
    body = pixels[120:]  # below the header
    assert (body != body[0, 0]).any(axis=2).mean() > 0.01
    return pixels


@pytest.mark.parametrize(
    ("name", "width", "theme"),
    [
        ("run", 390, "light"),
        ("network", 1600, "dark"),
        ("unit", 390, "dark"),
        ("try", 1024, "dark"),
        ("features", 1600, "light"),
        ("mistakes", 1024, "light"),
        ("data", 390, "dark"),
    ],
)
def test_a_view_is_no_blank_page(show: Callable[[str], Any], tmp_path: Path, name: str, width: int, theme: str):
    page = show(VIEWS[name].of("digits"))
    page.locator(VIEWS[name].drawn).first.wait_for(state="attached")
    look(page, width, theme)
    shown = taken(page, tmp_path / f"{name}.png")
    assert (shown[-1, 0].mean() > 128) == (theme == "light")


@pytest.mark.slow
@pytest.mark.parametrize("name", VIEWS)
def test_pictures_at_three_widths_in_both_themes(show: Callable[[str], Any], tmp_path: Path, name: str):
    page = show(VIEWS[name].of("digits"))
    page.locator(VIEWS[name].drawn).first.wait_for(state="attached")
    for width in HEIGHTS:
        means = {}
        for theme in ("light", "dark"):
            look(page, width, theme)
            means[theme] = taken(page, tmp_path / f"{name}-{width}-{theme}.png").mean()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert means["dark"] < 80 < 160 < means["light"]


# --- as axe sees it, and on a phone -----------------------------------------------------------------------------------

# The others have had it where each view is tested.
HERE = {
    "network of pictures": NETWORK.of("digits"),
    "unit of a convolution": VIEWS["unit"].of("digits"),
    "logit of a class": "view=network&run=digits&layer=5.dense&unit=3&rival=5",
    "network of a table": "view=network&run=penguins&layer=1.dense&unit=2&flow=back",
    "unit of an LSTM": "view=network&run=steps&layer=1.lstm&unit=2",
}
SLOWLY = {
    "features of steps": "view=features&run=steps",
    **{
        f"{view} of {run}": f"view={view}&run={run}"
        for view in ("run", "mistakes", "data")
        for run in ("penguins", "steps")
    },
    "softmax": "view=network&run=digits&layer=answer&unit=1",
    "pool": "view=network&run=digits&layer=3.pool&unit=1&article=pool",
    "network of steps": "view=network&run=steps",
}


@pytest.mark.parametrize(
    "state",
    [
        *(pytest.param(state, id=name) for name, state in HERE.items()),
        *(pytest.param(state, id=name, marks=pytest.mark.slow) for name, state in SLOWLY.items()),
    ],
)
def test_it_is_accessible_and_fits_a_phone(show: Callable[[str], Any], state: str):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page = show(state)
    page.wait_for_selector(".progress", state="hidden")
    page.wait_for_load_state("networkidle") if "view=run" not in state else page.wait_for_selector(RUN.drawn)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        found = axe.run(page).response["violations"]
        assert [(v["id"], [node["html"][:160] for node in v["nodes"]]) for v in found] == []
    page.set_viewport_size({"width": 360, "height": 800})
    page.wait_for_timeout(100)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


# --- the pictures of the documents -------------------------------------------------------------------------------

DOCUMENTS = {
    "run": ("view=run", RUN.drawn, 1600, "light"),
    "network": ("view=network", NETWORK.drawn, 1600, "light"),
    "unit": ("view=network&layer=2.conv&unit=3", "[data-testid=window-place]", 1600, "dark"),
    "class": ("view=network&layer=6.dense&unit=6&rival=4", "[data-testid=part-0-value]", 1600, "light"),
    "try": ("view=try&example=3", VIEWS["try"].drawn, 1600, "light"),
    "features": ("view=features&layer=2.conv", "[data-testid=unit-9] .feature-made canvas", 1600, "dark"),
    "mistakes": ("view=mistakes&run=digits", MISTAKES.drawn, 1600, "light"),
    "data": ("view=data&run=penguins", DATA.drawn, 1024, "dark"),
    "table": ("view=try&run=penguins&example=4", VIEWS["try"].drawn, 1024, "light"),
    "lstm": ("view=network&run=steps&layer=1.lstm&unit=2", "[data-testid=gate-forget]", 1024, "dark"),
    "phone": ("view=network&layer=2.conv&unit=3", "[data-testid=window-place]", 390, "dark"),
    "phone-try": ("view=try&example=3", VIEWS["try"].drawn, 390, "light"),
}


@pytest.mark.skipif("LAMINA_PICTURES" not in os.environ, reason="LAMINA_PICTURES=docs/studio makes these anew")
def test_the_pictures_of_the_documents(show: Callable[[str], Any]):
    folder = Path(os.environ["LAMINA_PICTURES"])
    folder.mkdir(parents=True, exist_ok=True)
    for name, (state, drawn, width, theme) in DOCUMENTS.items():
        page = show(state if "run=" in state else f"{state}&run=larger")
        page.locator(drawn).first.wait_for(state="attached")
        look(page, width, theme)
        page.wait_for_timeout(1000)
        taken(page, folder / f"{name}.png")
        with Image.open(folder / f"{name}.png") as picture:
            picture.convert("RGB").save(folder / f"{name}.webp", quality=82, method=6)
        (folder / f"{name}.png").unlink()
    assert sum(path.stat().st_size for path in folder.iterdir()) <= HEAVIEST
