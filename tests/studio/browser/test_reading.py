"""The views Run, Mistakes and Data, used as a person would: what they show is compared with the run's files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina.inside.kept import Kept, kept

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Show = Callable[[str], Any]


def judged(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The targets and the probabilities of a run's judged rows."""
    with np.load(folder / "predictions.npz") as file:
        return file["targets"].astype(int), file["predictions"]


def kept_of(folder: Path) -> Kept:
    found = kept(folder)
    assert found is not None
    return found


def confusion(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    counts = np.zeros((probabilities.shape[1],) * 2, int)
    np.add.at(counts, (targets, probabilities.argmax(axis=1)), 1)
    return counts


def settled(page: Any) -> None:
    """All examples that were asked for are there."""
    page.wait_for_selector("[data-testid=example]")
    page.wait_for_function("() => !document.querySelector('[aria-busy=true]')")


# --- Run --------------------------------------------------------------------------------------------------------------


def test_the_run_says_its_verdict_and_leads_on(show: Show, studio: Any):
    page = show("view=run&run=digits")
    said = json.loads((studio.runs / "digits" / "run.json").read_text())["verdict"]["sentence"]
    assert page.inner_text("h1").replace("\u00a0", " ") == said
    page.get_by_test_id("onward-mistakes").click()
    page.wait_for_selector("[data-testid=view-mistakes]")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.title() == "Mistakes · digits · Lamina"


def test_curves_are_looked_at_closer_by_keys_and_all_together(show: Show):
    page = show("view=run&run=digits")
    plots = page.locator(".plot")
    last = page.evaluate("Number(document.querySelector('.plot .axes').textContent.match(/epoch (\\d+)/)[1])")
    plots.first.focus()
    page.keyboard.press("+")
    page.wait_for_selector(".plot.closer")
    assert page.locator(".plot.closer").count() == plots.count()
    assert re.fullmatch(r"epoch [\d.]+ to [\d.]+", plots.first.locator("[role=status]").inner_text())
    page.keyboard.press("0")
    page.wait_for_function("() => !document.querySelector('.plot.closer')")
    page.wait_for_function(
        "last => document.querySelector('.plot .axes').textContent.includes(`epoch ${last}`)", arg=last
    )


def test_the_tabs_are_tabs(show: Show):
    page = show("view=run&run=digits")
    page.get_by_test_id("tab-run").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("[data-testid=view-data]")
    assert page.get_by_test_id("tab-data").get_attribute("aria-selected") == "true"
    assert page.evaluate("document.activeElement.id") == "tab-data"
    assert "view=data" in page.url
    page.go_back()
    page.wait_for_selector("[data-testid=view-run]")


def test_a_run_that_is_not_there_is_said(browser: Any, studio: Any):
    page = browser.new_page()
    page.goto(studio.url("view=run&run=nowhere"))
    said = page.wait_for_selector("[data-testid=failure]").inner_text()
    assert "nowhere" in said
    assert "Expected:" in said
    assert page.locator("h1").count() == 1
    page.get_by_test_id("runs").select_option("digits")
    page.wait_for_selector("[data-testid=view-run]")
    page.close()


# --- a thousand members -----------------------------------------------------------------------------------------------


def population(folder: Path, members: int = 1000, epochs: int = 100) -> None:
    """A run of many members, as training writes it."""
    random, each = np.random.default_rng(0), np.arange(members)
    about = [
        {"id": int(i), "network": 0, "seed": int(i), "recipe": {}, "epochs": epochs, "best_epoch": 60} for i in each
    ]
    floor = random.uniform(0.05, 0.3, members)
    lines = []
    for epoch in range(1, epochs + 1):
        loss = floor + 2 * np.exp(-epoch / (10 + 20 * floor)) + random.normal(0, 0.01, members)
        both = {"training_loss": loss.tolist(), "validation_loss": (loss * 1.2).tolist()}
        shares = {"training_accuracy": (1 - loss / 4).tolist(), "validation_accuracy": (1 - loss / 3).tolist()}
        lines.append(json.dumps({"group": 0, "epoch": epoch, **both, **shares}))
    folder.mkdir()
    run = {"format": 1, "name": folder.name, "state": "stopped", "task": {"kind": "classification", "classes": ["a"]}}
    (folder / "run.json").write_text(json.dumps(run | {"members": about, "networks": [{"notation": "dense 8"}]}))
    (folder / "history.jsonl").write_text("\n".join(lines) + "\n")


def test_the_curves_of_a_thousand_members_come_whole_and_are_looked_at_closer(page: Any, studio: Any):
    population(studio.runs / "thousand")
    page.goto(studio.url("view=run&run=thousand"))
    page.wait_for_selector(".plot .axes text", state="attached")
    points = page.evaluate(
        "fetch('/api/runs/thousand').then(r => r.json()).then(v => v.curves.groups[0].epochs.length)"
    )
    assert points == 100
    plot = page.locator(".plot").first
    plot.focus()
    page.keyboard.press("+")
    page.wait_for_selector(".plot.closer")
    closer = plot.locator("[role=status]").inner_text()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("before => document.querySelector('.plot [role=status]').innerText !== before", arg=closer)
    low, high, moved_low, moved_high = map(
        float, re.findall(r"[\d.]+", closer + " " + plot.locator("[role=status]").inner_text())
    )
    assert moved_low > low
    np.testing.assert_allclose(moved_high - moved_low, high - low, rtol=0.02)


# --- Mistakes ---------------------------------------------------------------------------------------------------------


def test_a_cell_of_the_matrix_opens_its_examples_in_one_click(show: Show, studio: Any):
    folder = studio.runs / "digits"
    targets, probabilities = judged(folder)
    counts = confusion(targets, probabilities)
    off = counts - np.diag(np.diag(counts))
    truth, said = np.unravel_index(off.argmax(), off.shape)
    page = show("view=mistakes&run=digits")
    cell = page.get_by_test_id(f"cell-{truth}-{said}")
    assert int(cell.inner_text()) == off.max()
    cell.click()
    page.wait_for_function(f"() => document.querySelector('#worst h2').textContent === '{truth} taken for {said}'")
    settled(page)
    examples = kept_of(folder)
    rows = examples.rows[(examples.parts == "judged") & (examples.rows >= 0)]
    among = [r for r in rows if targets[r] == truth and probabilities[r].argmax() == said]
    assert page.get_by_test_id("example").count() == len(among)
    assert f"target={truth}" in page.url
    page.get_by_test_id("example").first.locator("a.open").click()
    page.wait_for_selector("[data-testid=view-network]")
    assert re.search(r"example=\d+", page.url)
    page.go_back()
    page.wait_for_function(f"() => document.querySelector('#worst h2')?.textContent === '{truth} taken for {said}'")


def test_the_first_card_is_the_mistake_it_was_surest_of(show: Show, studio: Any):
    targets, probabilities = judged(studio.runs / "digits")
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != targets)
    surest = wrong[probabilities[wrong].max(axis=1).argmax()]
    page = show("view=mistakes&run=digits")
    settled(page)
    words = page.get_by_test_id("example").first.inner_text().replace("\u00a0", " ")
    assert f"said {probabilities[surest].argmax()}, " in words
    assert f"is {targets[surest]}, given" in words
    share = 100 * probabilities[surest].max()
    assert abs(float(re.search(r"([\d.]+) % sure", words)[1]) - share) <= 0.51  # type: ignore[index]


def test_the_cells_are_wandered_through_with_arrows(show: Show):
    page = show("view=mistakes&run=digits")
    assert page.locator(".matrix button[tabindex='0']").count() == 1
    page.locator(".matrix button").first.focus()
    first = page.evaluate("document.activeElement.dataset.testid")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.testid") != first
    assert page.locator(".matrix button[tabindex='0']").count() == 1


# --- Data -------------------------------------------------------------------------------------------------------------


def test_examples_are_filtered_and_paged(show: Show, studio: Any):
    examples = kept_of(studio.runs / "digits")
    page = show("view=data&run=digits")
    settled(page)
    assert page.get_by_test_id("examples-said").inner_text() == f"1 to 48 of {len(examples.ids):,} examples"
    page.get_by_test_id("next").click()
    page.wait_for_function(
        "() => document.querySelector('[data-testid=examples-said]').textContent.startsWith('49 to 96')"
    )
    page.get_by_test_id("filter-part").select_option("training")
    page.get_by_test_id("filter-target").select_option("3")
    few = int(((examples.parts == "training") & (examples.targets == 3)).sum())
    page.wait_for_function(
        f"() => document.querySelector('[data-testid=examples-said]').textContent.endsWith('of {few} examples')"
    )
    settled(page)
    ids = page.locator("[data-testid=example]").evaluate_all("all => all.map(e => Number(e.dataset.id))")
    assert {int(examples.targets[i]) for i in ids} == {3}


def test_a_picture_is_drawn_as_it_is(show: Show, studio: Any):
    examples = kept_of(studio.runs / "digits")
    assert examples.inputs is not None
    page = show("view=data&run=digits")
    settled(page)
    read = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, i) => i % 4 === 0)"
    drawn = page.locator("[data-testid=example][data-id='0'] canvas").evaluate(read)
    pixels = np.asarray(examples.inputs[0], float).reshape(8, 8)
    scaled = pixels * (255 / 16 if pixels.max() <= 16 else 1)
    assert np.corrcoef(np.array(drawn), scaled.ravel())[0, 1] > 0.999


def test_rows_of_a_table_stay_rows(show: Show, studio: Any):
    examples = kept_of(studio.runs / "penguins")
    assert examples.cells is not None
    page = show("view=data&run=penguins")
    settled(page)
    heads = page.locator("#examples thead th").all_inner_texts()
    cells = page.locator("#examples tbody tr").first.locator("th, td").all_inner_texts()
    shown = dict(zip(heads, cells, strict=True))
    assert shown["row"].removeprefix("✗ ") == str(examples.names[0])
    for name, column in examples.cells.items():
        value = column[0]
        said = "missing" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
        assert shown[name] == said


# --- everywhere -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("view", ["run", "mistakes", "data"])
def test_axe_finds_nothing_and_nothing_overflows_a_phone(show: Show, accessible: Callable[[], None], view: str):
    page = show(f"view={view}&run=digits")
    if view != "run":
        settled(page)
    accessible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
