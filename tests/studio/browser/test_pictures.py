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

pytestmark = [pytest.mark.browser, pytest.mark.slow]
HEIGHTS = {390: 844, 1024: 1100, 1600: 1000}
HEAVIEST = 900_000  # bytes, all pictures of the documents together


@dataclasses.dataclass(frozen=True)
class View:
    """A view of a run: its state in the address, and what stands there once it is drawn."""

    state: str
    drawn: str

    def of(self, run: str) -> str:
        return f"run={run}&{self.state}"


RUN = View("view=run", ".plot .axes text")
NETWORK = View("view=network", "[data-testid=network-said]")
MISTAKES = View("view=mistakes", "[data-testid=example] :is(canvas, svg, dl, .look.row)")
DATA = View("view=data", "[data-testid=example]:is(a, :has(canvas, svg))")
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


def test_what_is_drawn_follows_the_theme_of_the_system(show: Callable[[str], Any]):
    page = show(VIEWS["unit"].of("digits"))
    page.locator(VIEWS["unit"].drawn).first.wait_for()
    tile = page.get_by_test_id("unit-1.conv-0").locator("canvas")
    pixels = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, i) => i % 4 !== 3)"
    cells = page.locator(".products-grid li")
    paper = "all => all.flatMap(e => getComputedStyle(e).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number))"
    drawn, products = {}, {}
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.wait_for_timeout(100)
        drawn[theme], products[theme] = np.mean(tile.evaluate(pixels)), np.mean(cells.evaluate_all(paper))
        assert page.locator("header button", has_text={"light": "Dark", "dark": "Light"}[theme]).is_visible()
    assert drawn["dark"] < drawn["light"] - 60
    assert products["dark"] < products["light"] - 60


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
def test_it_is_accessible_and_fits_a_phone(show: Callable[[str], Any], accessible: Callable[[], None], state: str):
    page = show(state)
    page.wait_for_selector(".progress", state="hidden")
    page.wait_for_load_state("networkidle") if "view=run" not in state else page.wait_for_selector(RUN.drawn)
    accessible()


# --- the pictures of the documents -------------------------------------------------------------------------------

DIGITS, PENGUINS, WAVES = "run=digits-8-16", "run=penguins-all", "run=waves"
DOCUMENTS = {
    "run": (f"view=run&{DIGITS}", RUN.drawn, 1600, "light"),
    "network": (f"view=network&{DIGITS}", NETWORK.drawn, 1600, "light"),
    "unit": (f"view=network&{DIGITS}&layer=2.conv&unit=3", "[data-testid=window-place]", 1600, "dark"),
    "class": (f"view=network&{DIGITS}&layer=6.dense&unit=SAID", "[data-testid=part-0-value]", 1600, "light"),
    "try": (f"view=try&{DIGITS}&example=3&change=any", "[data-testid=put-in]", 1600, "light"),
    "features": (f"view=features&{DIGITS}&layer=2.conv", "[data-testid=unit-15] .feature-made canvas", 1600, "dark"),
    "mistakes": (f"view=mistakes&{DIGITS}", MISTAKES.drawn, 1600, "light"),
    "data": (f"view=data&{PENGUINS}", DATA.drawn, 1024, "dark"),
    "row": (f"view=try&{PENGUINS}&example=4", "[data-testid=plane] .ring", 1024, "light"),
    "lstm": (f"view=network&{WAVES}&layer=1.lstm&unit=2", "[data-testid=gate-forget]", 1024, "dark"),
    "phone": (f"view=network&{DIGITS}&layer=2.conv&unit=3", "[data-testid=window-place]", 390, "dark"),
    "phone-try": (f"view=try&{DIGITS}&example=3", VIEWS["try"].drawn, 390, "light"),
}


# What a picture shows where it isn't the head of the page.
FURTHER = {"mistakes": "#worst", "phone": ".crumbs", "phone-try": ".try-card.because"}


def waves(path: Path) -> Path:
    """Series of 60 steps that rise before they fall, or fall before they rise."""
    draw, time = np.random.default_rng(2), np.linspace(0, 1, 60)
    lines = ["@problemName waves", "@timeStamps false", "@univariate true", "@classLabel true first later", "@data"]
    for row in range(160):
        bump = np.exp(-(((time - draw.uniform(0.2, 0.45)) / 0.09) ** 2))
        dip = -np.exp(-(((time - draw.uniform(0.55, 0.8)) / 0.09) ** 2))
        values = (bump + dip if row % 2 else -bump - dip) + draw.normal(0, 0.15, 60)
        lines.append(",".join(f"{value:.3f}" for value in values) + (":first" if row % 2 else ":later"))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def larger(studio: Any, tmp_path: Path) -> None:
    """Runs that are worth a picture."""
    from lamina import answer
    from lamina.data.examples import Reading
    from lamina.settings import Place, Settings

    def train(data: str, name: str, network: str, epochs: int, reading: Reading) -> None:
        settings = Settings(epochs=epochs, learning_rates=(0.003,), repeats=1, networks=(network,))
        answer.train(data, settings=settings, reading=reading, place=Place(runs=studio.runs, name=name))

    train("sample:digits", "digits-8-16", "conv 8, conv 16, pool, dense 32", 40, Reading(test="0.4"))
    train("sample:penguins", "penguins-all", "dense 16", 40, Reading(target="species"))
    train(str(waves(tmp_path / "waves.ts")), "waves", "lstm 12, last", 60, Reading(test="0.3"))


def kept(page: Any, folder: Path, name: str) -> None:
    """What is in sight, as the documents show it."""
    taken(page, folder / f"{name}.png")
    with Image.open(folder / f"{name}.png") as picture:
        picture.convert("RGB").save(folder / f"{name}.webp", quality=80, method=6)
    (folder / f"{name}.png").unlink()


@pytest.mark.skipif("LAMINA_PICTURES" not in os.environ, reason="LAMINA_PICTURES=docs/studio makes these anew")
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("larger")
def test_the_pictures_of_the_documents(show: Callable[[str], Any], page: Any, studio: Any):
    folder = Path(__file__).parents[3] / os.environ["LAMINA_PICTURES"]
    folder.mkdir(parents=True, exist_ok=True)
    page.set_default_timeout(60_000)
    said = ""
    for name, (state, drawn, width, theme) in DOCUMENTS.items():
        show(state.replace("SAID", said))
        look(page, width, theme)
        page.locator(drawn).first.wait_for(state="attached")
        if "view=run" not in state:  # which listens for news as long as it is looked at
            page.wait_for_load_state("networkidle")
        page.wait_for_timeout(500)
        if name in FURTHER:
            page.locator(FURTHER[name]).evaluate(
                "e => scrollBy(0, e.getBoundingClientRect().top - document.querySelector('header').offsetHeight - 14)"
            )
            page.wait_for_timeout(300)
        if name == "network":
            said = page.locator("[data-testid=network-said] b").first.inner_text()
        kept(page, folder, name)
    look(page, 1024, "light")
    page.goto((studio.runs / "digits-8-16" / "report.html").as_uri() + f"#view=network&layer=6.dense&unit={said}")
    page.wait_for_selector("#inside [data-testid=part-0-value]")
    page.wait_for_timeout(1500)
    kept(page, folder, "report")
    assert sum(path.stat().st_size for path in folder.iterdir()) <= HEAVIEST
